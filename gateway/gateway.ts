import { randomBytes } from 'node:crypto'
import type { AddressInfo, Server } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { FastifyInstance } from 'fastify'
import { type Logger, pino } from 'pino'
import { SharingClient } from '../protocol/sharing-client.ts'
import { createAddressOf } from './address.ts'
import { createApolloDoor } from './apollo-door.ts'
import { type Caching, openCaching } from './caching.ts'
import { createCompress } from './compression.ts'
import { cacheRoutes } from './control/cache-routes.ts'
import { levelRoutes, levelShown } from './control/level-routes.ts'
import { limitsRoutes, shownInHealth } from './control/limits-routes.ts'
import type { OperatorDoorOptions } from './control/operator-door.ts'
import { redisOverrides } from './control/redis-overrides.ts'
import { type CostSettings, costSettingsOf } from './cost-settings.ts'
import { exposeCounts } from './counts.ts'
import { InFlight } from './execution/in-flight.ts'
import { type PlannerDeath, planHost } from './execution/plan-host.ts'
import { explorerRoutes } from './explorer.ts'
import { expressLane } from './express-lane.ts'
import { createFieldControls } from './field-controls.ts'
import { buildGraph, type CreateClient, type GraphSource } from './graph.ts'
import { graphqlRoute } from './graphql-route.ts'
import { createApiKeys } from './identity/api-keys.ts'
import { createIdentify } from './identity/identify.ts'
import { createTokenVerifier } from './identity/tokens.ts'
import { createLevelControl, type LevelControl } from './level-control.ts'
import { assertLimits, DEFAULT_LIMITS, type GatewayLimits } from './limits.ts'
import { shownTerms } from './line-settings.ts'
import { mcpRoutes } from './mcp/server.ts'
import { createPersistedTexts } from './operations/apq.ts'
import { createLookup } from './operations/lookup.ts'
import { createUnknownTexts } from './operations/unknown-texts.ts'
import type { GatewayOptions } from './options.ts'
import type { Stages } from './pipeline.ts'
import { addPlaceMetrics, PlaceCounts } from './place-counts.ts'
import { createPlaceTurns } from './place-turns.ts'
import { assertSubgraphs, compilePropagation } from './propagation.ts'
import { sendOutcome } from './reply.ts'
import { RunQueue } from './run-queue.ts'
import { serveGraph } from './served-graph.ts'
import { createApp, laneHeaders, requestIds } from './server.ts'
import { createSpending, REFUSALS } from './spending.ts'
import { statusRoutes } from './status-routes.ts'
import type { Subgraph, Supergraph } from './supergraph/supergraph.ts'
import type { BudgetStore } from './surge/budgets.ts'
import { LEVELS } from './surge/level.ts'
import { createMemoryBudgets } from './surge/memory-budgets.ts'
import { createPlaceTokens } from './surge/place-token.ts'
import { termsOf } from './surge/policy.ts'
import { Returns } from './surge/returns.ts'
import { createMetrics } from './telemetry/metrics.ts'
import { addSpendingMetrics } from './telemetry/spending-metrics.ts'
import { addSurgeMetrics } from './telemetry/surge-metrics.ts'

export type { CreateClient, GatewayOptions }

export interface Gateway {
  /** Fastify, ready and not listening; `inject` works. */
  readonly app: FastifyInstance
  /** The supergraph that is served now. */
  readonly supergraph: Supergraph
  /**
   * Serves a new supergraph, new operations, or both (what is absent stays), without losing a request: everything is
   * compiled first, then new requests get the new graph, and those under way finish on the old one. Rejects with an
   * Error that says why the new one cannot serve; the old one then goes on.
   */
  swap(change: Partial<GraphSource>): Promise<void>
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
 * @throws Error naming what is wrong with the supergraph, an operation, a subgraph without a client, or a limit; nothing
 * is left open then, the budgets included.
 */
export async function createGateway(options: GatewayOptions): Promise<Gateway> {
  const { cache, redis, logger = pino({ level: 'silent' }) } = options
  const limits: GatewayLimits = { ...DEFAULT_LIMITS, ...options.limits }
  const { measuresLevel: measures = false, overrideRedis } = options
  const busy = createLevelControl({ measures, redis: overrideRedis, logger })
  const isStretched = (): boolean => termsOf(busy.level.current).stretchesStale
  const keepsAtOnce = (): boolean => termsOf(busy.level.current).keepsAtOnce
  // Both wait for a Redis that does not answer, and the start for them no longer than for one.
  const opening = [
    openCaching({ cache, redis, requestMsMax: limits.requestMsMax, isStretched, keepsAtOnce, logger }),
    Promise.resolve(
      options.budgets ?? createMemoryBudgets({ lines: options.lineTerms && { terms: options.lineTerms } }),
    ),
  ] as const
  try {
    return await buildGateway({ ...options, logger, limits }, busy, ...(await Promise.all(opening)))
  } catch (error) {
    busy.close()
    for (const opened of await Promise.allSettled(opening))
      if (opened.status === 'fulfilled') await opened.value.close()
    throw error
  }
}

interface BuiltOptions extends GatewayOptions {
  readonly logger: Logger
  readonly limits: GatewayLimits
}

async function buildGateway(
  options: BuiltOptions,
  busy: LevelControl,
  caching: Caching,
  budgets: BudgetStore,
): Promise<Gateway> {
  const { production = true, logger, limits } = options
  const { introspection = !production, explorers = !production, queryPlans = !production } = options
  assertLimits(limits)
  const cost = costSettingsOf(options.cost ?? {})
  const addressOf = createAddressOf(options.trustedProxies)
  const { supergraphSdl, urlOf = ({ url }: Subgraph) => url, share = {} } = options
  const clients = share.fetches === false ? options.clients : sharing(options.clients)
  const source: GraphSource = { supergraphSdl, manifest: options.manifest ?? [] }
  const onDeath = ({ operation, reason }: PlannerDeath): void =>
    logger.error({ operation, reason }, 'an operation ended the planner; it is refused from now on')
  const planners = { ofClients: planHost.planner(onDeath), ofSwaps: planHost.planner(onDeath, true) }
  const pricing = { listSize: cost.listSize, listSizes: listSizesOf(cost) }
  const { safelist = 'off' } = options
  const findsEqual = safelist === 'audit' || safelist === 'enforce'
  const graphOptions = {
    findsEqual,
    caching: caching.answers,
    clients,
    limits,
    urlOf,
    overrideLabels: new Set(options.overrideLabels),
    planners,
    pricing,
  }
  const metrics = createMetrics(() => graph.current.clients.values())
  const first = await buildGraph(source, undefined, graphOptions)
  const graph = serveGraph(first, source, {
    ...graphOptions,
    requestMsMax: limits.requestMsMax,
    logger,
    onSwap: next => apollo.serve(next),
    onOutcome: outcome => metrics.observeSwap(outcome),
  })
  assertSubgraphs('headers.subgraphs', options.headers?.subgraphs, graph.current.supergraph.subgraphs)
  assertSubgraphs('cost.subgraphs', options.cost?.subgraphs, graph.current.supergraph.subgraphs)
  const texts = createPersistedTexts(caching.texts)
  const unknownTexts = createUnknownTexts(logger)
  const inFlight: Stages['inFlight'] = share.queries === false ? undefined : new InFlight()
  const runQueue = new RunQueue()
  exposeCounts(metrics, { texts, unknownTexts, inFlight, graph, runQueue })
  caching.answers?.addMetrics(metrics)
  addSurgeMetrics(metrics, LEVELS, busy.level)
  const { overrideRedis } = options
  const store = overrideRedis && redisOverrides(overrideRedis)
  const fields = createFieldControls({ graph, store, lines: budgets.lines, metrics, logger })
  const places = new PlaceCounts()
  const turns = createPlaceTurns({
    lines: budgets.lines,
    tokens: createPlaceTokens(options.placeKeys ?? [randomBytes(32).toString('base64url')]),
    counts: places,
    onTurn: fields.statuses.turned,
  })
  const spending =
    cost.mode === 'off' ? undefined : createSpending({ settings: cost, budgets, fields, turns })
  if (spending !== undefined) addSpendingMetrics(metrics, REFUSALS, spending, budgets)
  if (cost.mode === 'enforce') addPlaceMetrics(metrics, places)
  const stages: Stages = {
    identify: createIdentify(
      options.tokens === undefined ? undefined : createTokenVerifier({ settings: options.tokens }),
      options.partners === undefined ? undefined : createApiKeys(options.partners),
    ),
    addressOf,
    graph,
    lookup: createLookup({
      mode: safelist,
      introspection,
      tokensMax: limits.tokensMax,
      texts,
      onUnknown: unknown => unknownTexts.note(unknown),
    }),
    propagate: compilePropagation(options.headers),
    inFlight,
    showsPlans: queryPlans,
    spending,
    level: busy.level,
    returns: new Returns(),
    runQueue,
    metrics,
    logger,
    production,
    limits,
  }
  const apollo = await createApolloDoor({
    stages,
    limits,
    introspection,
    texts: safelist === 'off' || safelist === 'audit' ? texts : undefined,
    landingPage: explorers,
  })
  const lifecycle = { isClosing: false }
  const corsOrigins = options.corsOrigins ?? []
  const requestId = requestIds()
  const compress = options.compression === false ? undefined : createCompress(options.compression)
  const app = await createApp({ stages, limits, corsOrigins, lifecycle, requestId, compress })
  graphqlRoute(app, stages, apollo, compress)
  const send: OperatorDoorOptions['send'] = (reply, outcome, others) =>
    sendOutcome(reply, outcome, 'application/json', others)
  mcpRoutes(app, { stages, version: VERSION, send })
  limitsRoutes(app, {
    stages,
    overrides: fields.overrides,
    mode: cost.mode,
    lines: () => fields.statuses.lines,
    lineTerms: shownTerms(budgets.lines.terms),
    send,
  })
  levelRoutes(app, { stages, level: busy.level, pin: busy.pin, send })
  if (caching.answers !== undefined)
    cacheRoutes(app, { stages, tags: caching.answers.tags, shown: caching.answers.shown, send })
  if (explorers) explorerRoutes(app)
  statusRoutes(app, {
    graph,
    lifecycle,
    metrics,
    budgets,
    level: () => levelShown(busy.level),
    limits: () => shownInHealth(graph.current.fieldLimits.all, fields.overrides),
    lineTerms: () =>
      graph.current.fieldLimits.all.some(({ over }) => over === 'PLACE')
        ? shownTerms(budgets.lines.terms)
        : undefined,
    showsSchema: introspection,
    showsReasons: !production,
  })
  await app.ready()
  const lane = expressLane(app.server, {
    stages,
    limits,
    lifecycle,
    requestId,
    headers: laneHeaders(corsOrigins, compress),
    compress,
  })

  let closed: Promise<void> | undefined
  async function closeNow(): Promise<void> {
    lifecycle.isClosing = true
    await connectionsGone(app.server, CLOSE_NOTICE_MS)
    // A client keeps its connection open after its last answer; it must not keep us.
    const idle = setInterval(() => {
      app.server.closeIdleConnections()
      lane.closeIdle()
    }, CLOSE_IDLE_EVERY_MS)
    const cutOff = setTimeout(() => {
      app.server.closeAllConnections()
      lane.closeAll()
    }, limits.requestMsMax + CLOSE_GRACE_MS)
    try {
      await app.close()
      await apollo.stop()
      fields.close()
      busy.close()
      await graph.close()
      await caching.close()
      await budgets.close()
    } finally {
      clearInterval(idle)
      clearTimeout(cutOff)
    }
  }

  return {
    app,
    get supergraph() {
      return graph.current.supergraph
    },
    swap: change => graph.swap(change),
    async listen({ port, host = '127.0.0.1' }) {
      await app.listen({ port, host })
      busy.watch({ clients: () => graph.current.clients.values(), runQueue: () => runQueue.stats })
      return (app.server.address() as AddressInfo).port
    },
    close: () => (closed ??= closeNow()),
  }
}

function listSizesOf({ subgraphs }: CostSettings): Readonly<Record<string, number>> {
  return Object.fromEntries(
    Object.entries(subgraphs).flatMap(([name, { listSize }]) =>
      listSize === undefined ? [] : [[name, listSize]],
    ),
  )
}

/** Clients whose identical fetches share one answer. */
function sharing(clients: GatewayOptions['clients']): GatewayOptions['clients'] {
  if (typeof clients === 'function') return subgraph => new SharingClient(clients(subgraph))
  return new Map([...clients].map(([name, client]) => [name, new SharingClient(client)]))
}

/** Resolves when nobody is connected any more, and after `waitMsMax` all the same. */
async function connectionsGone(server: Server, waitMsMax: number): Promise<void> {
  const count = promisify(server.getConnections.bind(server))
  const endMs = performance.now() + waitMsMax
  while (performance.now() < endMs && (await count()) > 0) await delay(CLOSE_POLL_MS)
}
