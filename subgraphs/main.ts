import { setTimeout as delay } from 'node:timers/promises'
import { pino } from 'pino'
import { Fault } from '../protocol/fault.ts'
import { HttpClient } from '../protocol/http-client.ts'
import type { SubgraphClient } from '../protocol/subgraph-client.ts'
import { assertPoolsFit, Database } from './database.ts'
import { connectionRefusal, rootCause } from './database-errors.ts'
import { createSubgraphHttpServer, type SubgraphHttpServer } from './http.ts'
import { SUBGRAPH_NAMES, SUBGRAPHS } from './registry.ts'
import { SUBGRAPH_VARIABLES, subgraphSettings } from './settings.ts'
import type { Subgraph, SubgraphName } from './subgraph.ts'

/** `npm run subgraph -- <name>`: one subgraph over HTTP, on an external PostgreSQL. */

const BODY_BYTES_MAX = 8 * 1024 * 1024
const START_RETRY_MS = 1_000
/** How often it says that it still waits. */
const WAITING_LOG_MS = 10_000

const [name] = process.argv.slice(2)
if (name === '--help' || name === '-h') {
  console.info(help())
  process.exit(0)
}
if (name === undefined) {
  console.error(`expected the name of a subgraph: ${SUBGRAPH_NAMES.join(', ')}\n\n${help()}`)
  process.exit(1)
}
if (!isSubgraphName(name)) {
  console.error(`expected one of ${SUBGRAPH_NAMES.join(', ')}, got ${JSON.stringify(name)}\n\n${help()}`)
  process.exit(1)
}

try {
  await serve(name)
} catch (error) {
  console.error(`spillway ${name}: ${error instanceof Error ? error.message : String(error)}`)
  process.exit(1)
}

async function serve(name: SubgraphName): Promise<void> {
  const { create, calls } = SUBGRAPHS[name]
  const settings = subgraphSettings(name, calls, process.env)
  const logger = pino({ level: settings.logLevel, base: { subgraph: name } })
  const [identityKey] = settings.identityKeys
  if (identityKey === undefined) {
    logger.warn(
      'IDENTITY_KEY is not set: every caller is anonymous, so nothing that needs a shopper, an operator or a service works; set the same key here and at the gateway',
    )
  }
  const peers = new Map<SubgraphName, SubgraphClient>()
  for (const [peer, url] of settings.peerUrls) {
    peers.set(
      peer,
      new HttpClient({
        name: peer,
        url,
        sender: name,
        ...(identityKey === undefined ? {} : { identityKey }),
      }),
    )
  }
  const database = new Database({
    connection: settings.databaseUrl,
    schema: name,
    log: logger,
    poolMax: settings.poolMax,
  })
  const subgraph = create({
    database,
    seed: settings.seed,
    logger,
    clientOf: peer => {
      const client = peers.get(peer)
      if (client === undefined) throw new Error(`${name} does not call ${peer}`)
      return client
    },
  })
  const server = createSubgraphHttpServer({
    subgraph,
    identityKeys: settings.identityKeys,
    bodyBytesMax: BODY_BYTES_MAX,
    logger,
  })

  const stopping = new AbortController()
  let stopped: Promise<void> | undefined
  const stop = (signal: NodeJS.Signals): void => {
    if (stopped !== undefined) process.exit(1)
    logger.info({ signal }, 'stopping: no new requests, finishing those under way')
    stopping.abort()
    stopped = (async () => {
      await server.close()
      await subgraph.close()
      await Promise.all([...peers.values()].map(client => client.close()))
      logger.info('stopped')
    })()
    stopped.catch(error => {
      logger.error({ err: error }, 'did not stop cleanly')
      process.exitCode = 1
    })
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)

  await startWhenReachable(subgraph, database, settings.production, stopping.signal, logger)
  if (stopping.signal.aborted) return
  const port = await listen(server, settings.port, settings.host)
  logger.info({ port, url: `http://${settings.host}:${port}/graphql` }, `${name} is ready`)
}

async function listen(server: SubgraphHttpServer, port: number, host: string): Promise<number> {
  try {
    return (await server.listen(port, host)).port
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    throw new Error(`port ${port} on ${host} is in use; name another one with PORT`)
  }
}

/** PostgreSQL may come up after us: waits for it, and for nothing else. */
async function startWhenReachable(
  subgraph: Subgraph,
  database: Database,
  production: boolean,
  stopping: AbortSignal,
  logger: { warn(fields: object, message: string): void },
): Promise<void> {
  let saidAtMs = Number.NEGATIVE_INFINITY
  while (!stopping.aborted) {
    try {
      await database.assertDurable({ production })
      await assertPoolsFit([database], SUBGRAPH_NAMES.length)
      return await subgraph.start()
    } catch (error) {
      const refusal = connectionRefusal(error)
      if (refusal !== undefined) {
        throw new Error(`PostgreSQL at ${database.address} refuses the connection: ${refusal}`)
      }
      if (!(error instanceof Fault) || error.code !== 'DATABASE_UNAVAILABLE') throw error
      if (performance.now() - saidAtMs >= WAITING_LOG_MS) {
        saidAtMs = performance.now()
        const reason = rootCause(error)
        logger.warn({ reason }, `PostgreSQL at ${database.address} cannot be reached yet; asking again`)
      }
      await delay(START_RETRY_MS, undefined, { signal: stopping }).catch(() => {})
    }
  }
}

function isSubgraphName(name: string): name is SubgraphName {
  return Object.hasOwn(SUBGRAPHS, name)
}

function help(): string {
  return [
    `Usage: npm run subgraph -- <${SUBGRAPH_NAMES.join('|')}>`,
    '',
    'Serves one subgraph over HTTP. Settings come from the environment:',
    ...SUBGRAPH_VARIABLES.map(({ name, purpose }) => `  ${name.padEnd(22)} ${purpose}`),
  ].join('\n')
}
