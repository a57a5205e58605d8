import { parse } from 'yaml'

/** The parts of a compose file that our rules look at. */
export interface ComposeFile {
  readonly services: Readonly<Record<string, Service>>
  readonly volumes?: Readonly<Record<string, unknown>>
}

export interface Service {
  readonly build?: string
  readonly command?: readonly string[]
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>
  readonly environment?: Readonly<Record<string, string>>
  readonly healthcheck?: { readonly test: readonly string[] }
  readonly ports?: readonly string[]
  readonly profiles?: readonly string[]
  readonly volumes?: readonly string[]
}

/** What the rest of the repository offers to the compose file. */
export interface Offered {
  /** The words that the image's entrypoint knows, with the variables each role reads. */
  readonly roles: Readonly<Record<string, readonly string[]>>
  readonly subgraphs: readonly string[]
  /** `.env.example`. */
  readonly example: string
  readonly files: ReadonlySet<string>
}

/** Ports of what is not ours. */
const FOREIGN_PORTS: Readonly<Record<string, number>> = { postgres: 5432, redis: 6379 }

/** Parses a compose file, its anchors merged; `${…}` stays. */
export function parseCompose(text: string): ComposeFile {
  return parse(text, { merge: true }) as ComposeFile
}

const VARIABLE = /\$\{(\w+)(?::?([-?])([^}]*))?\}/g

/** A value as compose would pass it. @throws Error when a variable that must be set is not. */
export function interpolate(value: string, environment: Readonly<Record<string, string>>): string {
  return value.replace(
    VARIABLE,
    (_, name: string, operator: string | undefined, word: string | undefined) => {
      const given = environment[name]
      if (given !== undefined && given !== '') return given
      if (operator === '?') throw new Error(`${name}: ${word}`)
      return word ?? ''
    },
  )
}

/** Everything in a compose file that names what does not exist, a line each. */
export function composeProblems(compose: ComposeFile, text: string, offered: Offered): string[] {
  return [
    ...Object.entries(compose.services).flatMap(([name, service]) =>
      [
        ...dependencies(service, compose),
        ...command(service, offered),
        ...environment(service, offered),
        ...addresses(service, compose),
        ...published(service),
        ...volumes(service, compose),
        ...health(service, offered),
      ].map(problem => `${name}: ${problem}`),
    ),
    ...unusedVolumes(compose),
    ...twicePublished(compose),
    ...exampleVariables(text, offered.example),
  ]
}

function dependencies(service: Service, compose: ComposeFile): string[] {
  return Object.entries(service.depends_on ?? {}).flatMap(([target, { condition }]) => {
    const found = compose.services[target]
    if (found === undefined) return [`depends on ${target}, which is no service`]
    if (condition === 'service_healthy' && found.healthcheck === undefined)
      return [`waits for ${target} to be healthy, which has no health check`]
    if ((found.profiles ?? []).some(profile => !service.profiles?.includes(profile)))
      return [`depends on ${target}, which only some profiles start`]
    return []
  })
}

const isOurs = (service: Service): boolean => service.build !== undefined

function command(service: Service, { roles, subgraphs }: Offered): string[] {
  if (!isOurs(service)) return []
  const [role = '', name] = service.command ?? []
  if (roles[role] === undefined)
    return [`expected a command of ${Object.keys(roles).join(', ')}, got ${role}`]
  if (role === 'subgraph' && !subgraphs.includes(name ?? '')) return [`there is no subgraph ${name}`]
  return []
}

function environment(service: Service, { roles }: Offered): string[] {
  if (!isOurs(service)) return []
  const known = roles[service.command?.[0] ?? ''] ?? []
  return Object.keys(service.environment ?? {})
    .filter(name => !known.includes(name))
    .map(name => `nothing reads the variable ${name}`)
}

const portOf = (name: string, service: Service): number | undefined =>
  service.environment?.PORT === undefined ? FOREIGN_PORTS[name] : Number(service.environment.PORT)

/** URLs in the environment lead to a service, at the port that it listens on. */
function addresses(service: Service, compose: ComposeFile): string[] {
  return Object.entries(service.environment ?? {}).flatMap(([variable, value]) => {
    const url = /^[a-z]+:\/\/(?:[^@/]*@)?([\w.-]+)(?::(\d+))?/.exec(value.replace(VARIABLE, 'x'))
    if (url === null) return []
    const [, host = '', port] = url
    const target = compose.services[host]
    if (target === undefined) return [`${variable} leads to ${host}, which is no service`]
    const expected = portOf(host, target)
    return Number(port) === expected
      ? []
      : [`${variable} leads to ${host}:${port}: it listens on ${expected}`]
  })
}

function published(service: Service): string[] {
  return (service.ports ?? []).flatMap(port => {
    const inside = port.split(':').at(-1)
    return inside === service.environment?.PORT
      ? []
      : [`publishes its port ${inside}: it listens on ${service.environment?.PORT}`]
  })
}

const volumeName = (mount: string): string | undefined =>
  /^[\w-]+:/.test(mount) ? mount.split(':')[0] : undefined

function volumes(service: Service, compose: ComposeFile): string[] {
  return (service.volumes ?? [])
    .map(volumeName)
    .filter(name => name !== undefined && !Object.hasOwn(compose.volumes ?? {}, name))
    .map(name => `mounts ${name}, which is no volume`)
}

function unusedVolumes(compose: ComposeFile): string[] {
  const used = new Set(
    Object.values(compose.services).flatMap(service => (service.volumes ?? []).map(volumeName)),
  )
  return Object.keys(compose.volumes ?? {})
    .filter(name => !used.has(name))
    .map(name => `no service mounts the volume ${name}`)
}

function health(service: Service, { files }: Offered): string[] {
  if (service.healthcheck === undefined) return ['has no health check']
  if (!isOurs(service)) return []
  return service.healthcheck.test
    .filter(word => /\.\w+$/.test(word) && !files.has(word))
    .map(word => `its health check runs ${word}, which does not exist`)
}

function twicePublished(compose: ComposeFile): string[] {
  const seen = new Map<string, string>()
  return Object.entries(compose.services).flatMap(([name, service]) =>
    (service.ports ?? []).flatMap(port => {
      const outside = port.split(':').slice(0, -1).join(':')
      const other = seen.get(outside)
      seen.set(outside, name)
      return other === undefined ? [] : [`${name}: publishes ${outside}, as ${other} does`]
    }),
  )
}

/** Names in `.env.example`, set or left to be filled in. */
export function exampleNames(example: string): string[] {
  return [...example.matchAll(/^([A-Z]\w*)=/gm)].map(match => match[1]!)
}

function exampleVariables(text: string, example: string): string[] {
  const used = new Set([...text.matchAll(VARIABLE)].map(match => match[1]!))
  const named = new Set(exampleNames(example))
  return [
    ...[...used].filter(name => !named.has(name)).map(name => `.env.example does not name ${name}`),
    ...[...named]
      .filter(name => !used.has(name))
      .map(name => `docker-compose.yml does not use ${name} of .env.example`),
  ]
}
