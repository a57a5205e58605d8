import { Counter, type Registry } from 'prom-client'

/** Programs, and programs with versions, that are told apart; all others are one. Names are what anybody says. */
const CLIENTS_MAX = 100
const VERSIONS_MAX = 200
const OTHER = 'other'
/** Who says no name, or no version. */
const NONE = 'none'

interface Count {
  requests: number
}

/**
 * Counts requests by the program that speaks, by its own account. A count is one addition: the registry learns of it
 * when somebody looks.
 * @returns counts one request.
 */
export function countByClient(
  registry: Registry,
): (client: string | undefined, version: string | undefined) => void {
  /** By name and version. */
  const clients = new Map<string, Map<string, Count>>()
  let versions = 0

  function versionsOf(client: string): Map<string, Count> {
    const known = clients.get(client)
    if (known !== undefined) return known
    // `other` and `none` have their own places.
    if (clients.size >= CLIENTS_MAX && client !== OTHER && client !== NONE) return versionsOf(OTHER)
    const made = new Map<string, Count>()
    clients.set(client, made)
    return made
  }

  function countOf(of: Map<string, Count>, version: string): Count {
    const known = of.get(version)
    if (known !== undefined) return known
    const isSpecial = version === OTHER || version === NONE
    if (versions >= VERSIONS_MAX && !isSpecial) return countOf(of, OTHER)
    if (!isSpecial) versions++
    const made = { requests: 0 }
    of.set(version, made)
    return made
  }

  registry.registerMetric(
    new Counter({
      name: 'spillway_client_requests_total',
      help: 'Requests answered, by the program that sent them and its version, by its own account.',
      labelNames: ['client', 'version'],
      registers: [],
      collect() {
        this.reset()
        for (const [client, of] of clients)
          for (const [version, { requests }] of of) this.inc({ client, version }, requests)
      },
    }),
  )
  return (client = NONE, version = NONE) => {
    countOf(versionsOf(client), version).requests++
  }
}
