import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { pino } from 'pino'
import { z } from 'zod'
import { COST_MODES } from './gateway/cost-settings.ts'
import { createGateway, type Gateway } from './gateway/gateway.ts'
import { developmentSecret } from './gateway/identity/development-secret.ts'
import { createLogger } from './gateway/telemetry/log.ts'
import {
  AlreadyRunning,
  type EmbeddedPostgres,
  startEmbeddedPostgres,
} from './subgraphs/embedded-postgres.ts'
import { createInProcessSubgraphs, type InProcessSubgraphs } from './subgraphs/in-process.ts'

/** `npm start`: gateway, four subgraphs and a real PostgreSQL, all owned by one process. */

const DATA_DIR_DEFAULT = '.data'

const PORT = 'expected 0 to 65535'
const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const
const oneOf = <const Words extends readonly string[]>(words: Words) =>
  z.enum(words, `expected one of ${words.join(', ')}`)

const VARIABLES = z.object({
  PORT: z.coerce
    .number(PORT)
    .int(PORT)
    .min(0, PORT)
    .max(65_535, PORT)
    .default(4000)
    .describe('port to listen on, default 4000; 0 takes a free one'),
  HOST: z.string().min(1).default('127.0.0.1').describe('address to listen on, default 127.0.0.1'),
  DATA_DIR: z
    .string()
    .min(1)
    .default(DATA_DIR_DEFAULT)
    .describe('where the database and the token secret are kept, default .data'),
  NODE_ENV: z.string().default('development').describe('`production` turns explorers and introspection off'),
  COST_MODE: oneOf(COST_MODES)
    .default('enforce')
    .describe(
      '`enforce` (default) refuses what costs more than allowed, `measure` only says so, `off` counts nothing',
    ),
  SURGE: oneOf(['on', 'off'])
    .default('on')
    .describe('`off`: the level stays CALM unless an operator pins another, default on'),
  SEED: oneOf(['true', 'false'])
    .default('true')
    .describe('fill an empty database with the demonstration data, default true'),
  LOG_LEVEL: oneOf(LOG_LEVELS).default('warn').describe('JSON lines on standard error, default warn'),
})

/** Four pools of eight, a migrating session each, the owner's, and room for a look inside. */
const CONNECTIONS_MAX = 60

const say = (line: string): void => void process.stdout.write(`${line}\n`)

/** What is running so far, to be ended in the opposite order. PostgreSQL runs by itself: what was begun is waited for. */
const running: { postgres?: Promise<EmbeddedPostgres>; subgraphs?: InProcessSubgraphs; gateway?: Gateway } =
  {}
let ending: Promise<void> | undefined

if (process.argv.length > 2) {
  say('Usage: npm start\n\nSettings come from the environment:')
  for (const [name, schema] of Object.entries(VARIABLES.shape))
    say(`  ${name.padEnd(10)} ${schema.description ?? ''}`)
  process.exit(process.argv[2] === '--help' || process.argv[2] === '-h' ? 0 : 1)
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    // A second one does not wait; the next start takes over what is left.
    if (ending !== undefined) process.exit(1)
    say('Stopping: finishing what is under way …')
    end().then(
      () => process.exit(0),
      error => fail(error),
    )
  })
}

try {
  await start()
} catch (error) {
  if (ending === undefined) {
    await end().catch(() => {})
    fail(error)
  }
}

async function start(): Promise<void> {
  const startedMs = performance.now()
  const settings = read(process.env)
  const dataDir = resolve(settings.DATA_DIR)
  const production = settings.NODE_ENV === 'production'
  const logger = createLogger({
    name: 'spillway',
    level: settings.LOG_LEVEL,
    destination: pino.destination({ dest: 2, sync: false }),
  })

  say(`Starting PostgreSQL on ${dataDir}/postgres …`)
  running.postgres = startEmbeddedPostgres({
    dataDir: `${dataDir}/postgres`,
    listen: { kind: 'socket' },
    connectionsMax: CONNECTIONS_MAX,
    log: logger,
    onState: state => {
      if (state !== 'lost' || ending !== undefined) return
      fail(new Error(`another process has taken over ${dataDir}; this one ends`))
    },
  })
  const { connection } = await running.postgres
  if (ending !== undefined) return

  say('Starting coupon, catalog, campaign and payment …')
  running.subgraphs = createInProcessSubgraphs({
    connection,
    production,
    seed: settings.SEED === 'true',
    logger,
  })
  await running.subgraphs.start()
  if (ending !== undefined) return

  const secret = developmentSecret(dataDir)
  running.gateway = await createGateway({
    supergraphSdl: await readFile(new URL('schema/supergraph.graphql', import.meta.url), 'utf8'),
    manifest: await readFile(new URL('schema/operations.json', import.meta.url), 'utf8'),
    clients: running.subgraphs.clients,
    tokens: { kind: 'secret', secret },
    placeKeys: [secret],
    measuresLevel: settings.SURGE === 'on',
    cost: { mode: settings.COST_MODE },
    cache: { policies: await readFile(new URL('schema/cache.json', import.meta.url), 'utf8') },
    production,
    logger,
  })
  if (ending !== undefined) return
  const port = await listen(running.gateway, settings.PORT, settings.HOST)
  const folder = settings.DATA_DIR === DATA_DIR_DEFAULT ? '' : `DATA_DIR=${settings.DATA_DIR} `
  welcome(`http://${reachable(settings.HOST)}:${port}`, folder, production, performance.now() - startedMs)
}

function read(environment: Readonly<Record<string, string | undefined>>): z.infer<typeof VARIABLES> {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''))
  const parsed = VARIABLES.safeParse(given)
  if (parsed.success) return parsed.data
  const wrong = parsed.error.issues.map(({ path, message }) => {
    const name = path.join('.')
    return `${name}: ${message}, got ${JSON.stringify(given[name])}`
  })
  throw new Error(`the settings do not hold:\n  ${wrong.join('\n  ')}`)
}

async function listen(gateway: Gateway, port: number, host: string): Promise<number> {
  try {
    return await gateway.listen({ port, host })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    throw new Error(`port ${port} on ${host} is in use; name another one: PORT=${port + 1} npm start`)
  }
}

/** `folder` is what `npm run token` must be told to find this start's secret. */
function welcome(url: string, folder: string, production: boolean, tookMs: number): void {
  say(`Spillway is ready at ${url} (${(tookMs / 1000).toFixed(1)} s)`)
  say('')
  if (!production) {
    say(`  Sandbox    ${url}/graphql     GraphQL in the browser`)
    say(`  Explorer   ${url}/explorer    the same without the internet`)
  }
  say(`  Agents     ${url}/mcp         tools: ${url}/tools.json`)
  say(`  Token      ${folder}npm run --silent token -- --shopper alice`)
  say('')
  say('Ctrl-C stops it; what was issued is kept.')
}

/** Doors first, then what they lead to, the database last. */
function end(): Promise<void> {
  ending ??= (async () => {
    await running.gateway?.close()
    await running.subgraphs?.close()
    const postgres = await running.postgres?.catch(() => undefined)
    await postgres?.stop()
  })()
  return ending
}

function fail(error: unknown): never {
  const message = error instanceof Error ? error.message : String(error)
  process.stderr.write(`spillway: ${message}\n`)
  if (!(error instanceof AlreadyRunning) && process.env.LOG_LEVEL === 'debug')
    process.stderr.write(`${(error as Error).stack}\n`)
  process.exit(1)
}

/** An address that a browser on this machine can open. */
function reachable(host: string): string {
  if (host === '0.0.0.0' || host === '::') return 'localhost'
  return host.includes(':') ? `[${host}]` : host
}
