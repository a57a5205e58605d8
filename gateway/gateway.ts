import type { AddressInfo, Server } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { FastifyInstance } from 'fastify'
import { type Logger, pino } from 'pino'
import type { SubgraphClient } from '../protocol/subgraph-client.ts'
import { createApolloDoor } from './apollo-door.ts'
import { assertLimits, DEFAULT_LIMITS, type GatewayLimits } from './config.ts'
import { explorerRoutes } from './explorer.ts'
import { graphqlRoute } from './graphql-route.ts'
import { createReadiness } from './health.ts'
import { createIdentify } from './identity/identify.ts'
import { createTokenVerifier, type TokenSettings } from './identity/tokens.ts'
import { mcpRoutes } from './mcp/server.ts'
import { createTools } from './mcp/tools.ts'
import { createAdhocOperations } from './operations/adhoc.ts'
import { type ManifestOperation, readManifest } from './operations/manifest.ts'
import { createRegistry } from './operations/registry.ts'
import type { Stages } from './pipeline.ts'
import { sendOutcome } from './reply.ts'
import { createApp } from './server.ts'
import { printApiSchema } from './supergraph/api-schema.ts'
import { loadSupergraph, type Subgraph, type Supergraph } from './supergraph/supergraph.ts'
import { createMetrics } from './telemetry/metrics.ts'

export type CreateClient = (subgraph: Subgraph) => SubgraphClient

export interface GatewayOptions {
  /** A composed Federation 2 supergraph. */
  readonly supergraphSdl: string
  /** One client a subgraph of the supergraph, or how to make one. The gateway closes them. */
  readonly clients: ReadonlyMap<string, SubgraphClient> | CreateClient
  /** Persisted operations: a manifest's text, or its entries. Default: none. */
  readonly manifest?: string | readonly ManifestOperation[]
  /** Without them only anonymous callers are served, and whoever sends a token is told so. */
  readonly tokens?: TokenSettings
  /** Masks what others say of their errors, and turns off by default what only developers need. Default true. */
  readonly production?: boolean
  /** Default: outside production. */
  readonly introspection?: boolean
  /** Apollo Sandbox at `/graphql` in a browser, GraphiQL at `/explorer`. Default: outside production. */
  readonly explorers?: boolean
  /** Origins whose pages may read answers. Default: none. */
  readonly corsOrigins?: readonly string[]
  readonly limits?: Partial<GatewayLimits>
  /** Default: none is kept. */
  readonly logger?: Logger
}

export interface Gateway {
  /** Fastify, ready and not listening; `inject` works. */
  readonly app: FastifyInstance
  readonly supergraph: Supergraph
  /** Resolves with the port that it listens on; port 0: any free one. */
  listen(address: { port: number; host?: string }): Promise<number>
  /** Refuses what is new, finishes what is under way for as long as a request may take, and closes the clients. */
  close(): Promise<void>
}

/** Version of the interface that tools see; raised when they change incompatibly. */
const VERSION = '1.0.0'

/**
 * How long a stopping gateway tells whoever still asks to go elsewhere (SHUTTING_DOWN, `connection: close`) before it
 * closes connections itself: a request that meets a closing connection is lost to a reset.
 */
const CLOSE_NOTICE_MS = 250
const CLOSE_POLL_MS = 10

/** Beyond the time of one request, before what is still open is cut off. */
const CLOSE_GRACE_MS = 2_000
const CLOSE_IDLE_EVERY_MS = 50

/**
 * Builds a gateway; nothing listens yet.
 * @throws Error naming what is wrong with the supergraph, an operation, a subgraph without a client, or a limit.
 */
export async function createGateway(options: GatewayOptions): Promise<Gateway> {
  const { production = true, logger = pino({ level: 'silent' }) } = options
  const { introspection = !production, explorers = !production } = options
  const limits: GatewayLimits = { ...DEFAULT_LIMITS, ...options.limits }
  assertLimits(limits)
  const supergraph = loadSupergraph(options.supergraphSdl)
  const clients = clientsOf(supergraph, options.clients)
  const registry = createRegistry(supergraph, manifestOf(options.manifest), limits)
  const metrics = createMetrics(clients.values())
  const stages: Stages = {
    identify: createIdentify(
      options.tokens === undefined ? undefined : createTokenVerifier({ settings: options.tokens }),
    ),
    registry,
    clients,
    metrics,
    logger,
    production,
    limits,
  }
  const apollo = await createApolloDoor({
    stages,
    supergraph,
    adhoc: createAdhocOperations(supergraph),
    limits,
    introspection,
    landingPage: explorers,
  })
  const lifecycle = { isClosing: false }
  const app = await createApp({ stages, limits, corsOrigins: options.corsOrigins ?? [], lifecycle })
  graphqlRoute(app, stages, apollo)
  mcpRoutes(app, {
    stages,
    tools: createTools(supergraph.apiSchema, registry.operations),
    version: VERSION,
    send: (reply, outcome) => sendOutcome(reply, outcome, 'application/json'),
  })
  if (explorers) explorerRoutes(app)
  if (introspection) {
    const sdl = printApiSchema(options.supergraphSdl)
    app.get('/schema.graphql', async (_, reply) => reply.type('text/plain; charset=utf-8').send(sdl))
  }
  const readiness = createReadiness(clients)
  app.get('/health/live', async () => ({ status: 'live' }))
  app.get('/health/ready', async (_, reply) => {
    const reasons = lifecycle.isClosing ? { gateway: 'is stopping' } : await readiness()
    if (Object.keys(reasons).length === 0) return { status: 'ready' }
    return reply.code(503).send({ status: 'unready', reasons })
  })
  app.get('/metrics', async (_, reply) => reply.type(metrics.contentType).send(await metrics.text()))
  await app.ready()

  let closed: Promise<void> | undefined
  async function closeNow(): Promise<void> {
    lifecycle.isClosing = true
    await connectionsGone(app.server, CLOSE_NOTICE_MS)
    // A client keeps its connection open after its last answer; it must not keep us.
    const idle = setInterval(() => app.server.closeIdleConnections(), CLOSE_IDLE_EVERY_MS)
    const cutOff = setTimeout(() => app.server.closeAllConnections(), limits.requestMsMax + CLOSE_GRACE_MS)
    try {
      await app.close()
      await apollo.stop()
      await Promise.all([...clients.values()].map(client => client.close()))
    } finally {
      clearInterval(idle)
      clearTimeout(cutOff)
    }
  }

  return {
    app,
    supergraph,
    async listen({ port, host = '127.0.0.1' }) {
      await app.listen({ port, host })
      return (app.server.address() as AddressInfo).port
    },
    close: () => (closed ??= closeNow()),
  }
}

/** Resolves when nobody is connected any more, and after `waitMsMax` all the same. */
async function connectionsGone(server: Server, waitMsMax: number): Promise<void> {
  const count = promisify(server.getConnections.bind(server))
  const endMs = performance.now() + waitMsMax
  while (performance.now() < endMs && (await count()) > 0) await delay(CLOSE_POLL_MS)
}

function clientsOf(
  supergraph: Supergraph,
  given: GatewayOptions['clients'],
): ReadonlyMap<string, SubgraphClient> {
  const clients = new Map<string, SubgraphClient>()
  for (const subgraph of supergraph.subgraphs) {
    const client = typeof given === 'function' ? given(subgraph) : given.get(subgraph.name)
    if (client === undefined) throw new Error(`expected a client for the subgraph ${subgraph.name}, got none`)
    clients.set(subgraph.name, client)
  }
  return clients
}

function manifestOf(given: GatewayOptions['manifest']): readonly ManifestOperation[] {
  return typeof given === 'string' ? readManifest(given, 'manifest') : (given ?? [])
}
