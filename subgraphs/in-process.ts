import type { Logger } from 'pino'
import { InProcessClient } from '../protocol/in-process-client.ts'
import type { SubgraphClient } from '../protocol/subgraph-client.ts'
import { assertPoolsFit, Database } from './database.ts'
import type { PostgresConnection } from './embedded-postgres.ts'
import { SUBGRAPH_NAMES, SUBGRAPHS } from './registry.ts'
import type { Subgraph, SubgraphName } from './subgraph.ts'

export interface InProcessSubgraphs {
  /** By name; for the gateway, and what the subgraphs call each other through. */
  readonly clients: ReadonlyMap<SubgraphName, SubgraphClient>
  /** Migrates, seeds and starts all four, those that are called first. */
  start(): Promise<void>
  /** Waits for what is under way and closes every pool. */
  close(): Promise<void>
}

/** The four subgraphs in this process, each on its own schema and pool of one database. */
export function createInProcessSubgraphs(options: {
  readonly connection: PostgresConnection | string
  readonly production: boolean
  readonly seed: boolean
  readonly logger: Logger
  /** Connections kept by each of the four pools. Default 8. */
  readonly poolMax?: number
}): InProcessSubgraphs {
  const { connection, production, seed, logger, poolMax } = options
  const databases: Database[] = []
  const subgraphs = new Map<SubgraphName, Subgraph>()
  const clients = new Map<SubgraphName, SubgraphClient>()

  for (const name of SUBGRAPH_NAMES) {
    const log = logger.child({ subgraph: name })
    const database = new Database({
      connection,
      schema: name,
      log,
      ...(poolMax === undefined ? {} : { poolMax }),
    })
    const subgraph = SUBGRAPHS[name].create({ database, clientOf, seed, logger: log })
    databases.push(database)
    subgraphs.set(name, subgraph)
    clients.set(name, new InProcessClient({ ...subgraph, queues: database.queues }))
  }

  function clientOf(name: SubgraphName): SubgraphClient {
    const client = clients.get(name)
    if (client === undefined) throw new Error(`${name} must be made before what calls it: see SUBGRAPH_NAMES`)
    return client
  }

  /** Callees before callers; those that do not call each other at once. */
  const called = SUBGRAPH_NAMES.filter(name => SUBGRAPHS[name].calls.length === 0)
  const calling = SUBGRAPH_NAMES.filter(name => SUBGRAPHS[name].calls.length > 0)
  const each = (
    names: readonly SubgraphName[],
    act: (subgraph: Subgraph) => Promise<void>,
  ): Promise<unknown> => Promise.all(names.map(name => act(subgraphs.get(name) as Subgraph)))

  return {
    clients,
    async start() {
      await databases[0]?.assertDurable({ production })
      await assertPoolsFit(databases)
      await each(called, subgraph => subgraph.start())
      await each(calling, subgraph => subgraph.start())
    },
    async close() {
      await each(calling, subgraph => subgraph.close())
      await each(called, subgraph => subgraph.close())
    },
  }
}
