import { buildSubgraphSchema } from '@apollo/subgraph'
import { execute, parse } from 'graphql'
import { createAddressOf } from '../../gateway/address.ts'
import { createApolloDoor } from '../../gateway/apollo-door.ts'
import { createFetchCaching } from '../../gateway/cache/fetches/fetches.ts'
import type { CachePolicies } from '../../gateway/cache/policy/fetch-policy.ts'
import { createResponses } from '../../gateway/cache/responses/responses.ts'
import { type AnswerStore, createAnswers } from '../../gateway/cache/stores/answers.ts'
import { createLocalTags } from '../../gateway/cache/tags/local-tags.ts'
import type { Tags } from '../../gateway/cache/tags/tags.ts'
import type { CacheWatch } from '../../gateway/cache/watch.ts'
import { DEFAULT_CACHE } from '../../gateway/cache-settings.ts'
import { type CompressionSettings, createCompress } from '../../gateway/compression.ts'
import type { PropagationRules } from '../../gateway/config-file.ts'
import { type CostOptions, costSettingsOf } from '../../gateway/cost-settings.ts'
import { InFlight } from '../../gateway/execution/in-flight.ts'
import { expressLane } from '../../gateway/express-lane.ts'
import { createFieldControls } from '../../gateway/field-controls.ts'
import { buildGraph } from '../../gateway/graph.ts'
import { graphqlRoute } from '../../gateway/graphql-route.ts'
import { createIdentify } from '../../gateway/identity/identify.ts'
import { createTokenVerifier } from '../../gateway/identity/tokens.ts'
import { DEFAULT_LIMITS } from '../../gateway/limits.ts'
import { mcpRoutes } from '../../gateway/mcp/server.ts'
import { createLookup } from '../../gateway/operations/lookup.ts'
import type { ManifestOperation } from '../../gateway/operations/manifest.ts'
import type { Graph, Stages } from '../../gateway/pipeline.ts'
import { PlaceCounts } from '../../gateway/place-counts.ts'
import { createPlaceTurns } from '../../gateway/place-turns.ts'
import { compilePropagation } from '../../gateway/propagation.ts'
import { sendOutcome } from '../../gateway/reply.ts'
import { RunQueue } from '../../gateway/run-queue.ts'
import { createApp, laneHeaders, requestIds } from '../../gateway/server.ts'
import { createSpending } from '../../gateway/spending.ts'
import type { Level } from '../../gateway/surge/level.ts'
import { createMemoryBudgets } from '../../gateway/surge/memory-budgets.ts'
import { createPlaceTokens } from '../../gateway/surge/place-token.ts'
import { Returns } from '../../gateway/surge/returns.ts'
import { createMetrics } from '../../gateway/telemetry/metrics.ts'
import { nowMs } from '../../protocol/deadline.ts'
import { SharingClient } from '../../protocol/sharing-client.ts'
import type { SubgraphAnswer, SubgraphClient, SubgraphRequest } from '../../protocol/subgraph-client.ts'
import { supergraphOf } from './foreign-graph.ts'
import { silent } from './postgres.ts'
import { hashOf } from './tiny-graph.ts'

/** A gateway that keeps answers by a clock that the test moves, over one subgraph whose answers count how often it was asked. */

const SDL = `
  extend schema
    @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@composeDirective", "@listSize"])
    @link(url: "https://spillway.dev/cacheControl/v1.0", import: ["@cacheControl"])
    @composeDirective(name: "@cacheControl")
  directive @cacheControl(maxAge: Int, scope: cacheControl__Scope) repeatable on FIELD_DEFINITION | OBJECT | INTERFACE | UNION
  enum cacheControl__Scope { PUBLIC PRIVATE }
  type Query {
    product(id: ID!, many: Filter): Product
    products(first: Int = 10): [Product!]! @listSize(slicingArguments: ["first"]) @cacheControl(maxAge: 60, scope: PUBLIC)
    unkept: Int! @cacheControl(scope: PUBLIC)
    mine: String
    fails(code: String!): String @cacheControl(maxAge: 60, scope: PUBLIC)
  }
  input Filter { a: Int, b: [Filter!] }
  type Mutation { rename(id: ID!): Product }
  type Product @key(fields: "id") @cacheControl(maxAge: 60, scope: PUBLIC) { id: ID!, name: String!, long: String! }
`

export const FRESH_MS = 60_000
export const STALE_MS = 120_000

export const OPERATIONS = {
  Product: 'query Product($id: ID!, $many: Filter) { product(id: $id, many: $many) { id name } }',
  Long: 'query Long($id: ID!) { product(id: $id) { id long } }',
  Products: 'query Products($first: Int) { products(first: $first) { id } }',
  Unkept: 'query Unkept { unkept }',
  Mine: 'query Mine { mine }',
  Both: 'query Both($id: ID!) { product(id: $id) { id } mine }',
  Fails: 'query Fails($code: String!) { fails(code: $code) product(id: "1") { id } }',
  Rename: 'mutation Rename($id: ID!) { rename(id: $id) { id name } }',
} as const

export type Name = keyof typeof OPERATIONS

export const MANIFEST: readonly ManifestOperation[] = Object.entries(OPERATIONS).map(([name, body]) => ({
  id: hashOf(body),
  body,
  priority: 'BROWSE',
  description: `The operation ${name}.`,
  ...(name === 'Product' ? { tool: 'product' } : {}),
}))

export interface KeptGraphOptions {
  readonly cost?: CostOptions
  readonly secret?: string
  readonly headers?: PropagationRules
  readonly compression?: false | CompressionSettings
  readonly corsOrigins?: readonly string[]
  readonly manifest?: readonly ManifestOperation[]
  readonly share?: boolean
  readonly entryBytesMax?: number
  /** `false`: nothing is kept. */
  readonly caching?: false
  readonly returns?: Stages['returns']
}

export interface KeptGraph extends AsyncDisposable {
  readonly port: number
  readonly stages: Stages
  readonly answers: AnswerStore
  readonly tags: Tags
  /** Of level `response`: `hit Product` and so on. */
  readonly events: string[]
  /** What the subgraph was asked. */
  readonly asked: SubgraphRequest[]
  /** Until it resolves the subgraph answers nothing. */
  gate: Promise<void> | undefined
  /** What the subgraph rejects with. */
  failure: unknown
  /** Whether a crowd stretches what is stale. */
  isStretched: boolean
  /** How busy it is. */
  level: Level
  pass(ms: number): void
  /** Serves the graph anew, of another supergraph text. */
  swap(): Promise<void>
}

export async function keptGraph(options: KeptGraphOptions = {}): Promise<KeptGraph> {
  // Whole milliseconds, so that sums of them are exact.
  let now = Math.ceil(nowMs())
  const clock = (): number => now
  const asked: SubgraphRequest[] = []
  const events: string[] = []
  const tags = createLocalTags({ clock })
  const bounds = { ...DEFAULT_CACHE, entryBytesMax: options.entryBytesMax ?? DEFAULT_CACHE.entryBytesMax }
  const isStretched = (): boolean => world.isStretched
  const answers = createAnswers({ bounds, tags, isStretched, clock })
  const tell =
    (what: string) =>
    ({ level, field, reason }: { level: string; field: string; reason?: string }): void => {
      if (level === 'response') events.push([what, field, reason].filter(Boolean).join(' '))
    }
  const watch: CacheWatch = {
    onHit: tell('hit'),
    onStale: tell('stale'),
    onMiss: tell('miss'),
    onDedupe: tell('dedupe'),
    onSkip: tell('skip'),
    onError: error => {
      throw error
    },
  }
  const responses = createResponses({ answers, tags, watch, isStretched, clock })

  async function graphOf(sdl: string): Promise<Graph> {
    const supergraphSdl = supergraphOf({ shop: { sdl, url: 'http://shop.invalid/graphql' } })
    const graph = await buildGraph({ supergraphSdl, manifest: options.manifest ?? MANIFEST }, undefined, {
      clients: () => new SharingClient(client),
      limits: DEFAULT_LIMITS,
      urlOf: ({ url }) => url,
      overrideLabels: new Set(),
    })
    if (options.caching === false) return graph
    const fetches = createFetchCaching({
      policies: { ...POLICIES, schemaHashOf: () => hashOf(sdl) },
      answers,
      tags,
      watch,
      refreshMsMax: DEFAULT_LIMITS.requestMsMax,
      staleStretch: bounds.staleStretch,
      isStretched,
      clock,
    })
    return { ...graph, caching: { fetches, responses, tableHash: '' } }
  }

  const schema = buildSubgraphSchema([{ typeDefs: parse(SDL), resolvers: resolversOf(() => asked.length) }])
  const client: SubgraphClient = {
    name: 'shop',
    async execute(request) {
      asked.push(request)
      await world.gate
      if (world.failure !== undefined) throw world.failure
      return (await execute({
        schema,
        document: parse(request.operation),
        variableValues: request.variables,
        contextValue: request.caller,
      })) as SubgraphAnswer
    },
    ready: async () => {},
    close: async () => {},
  }
  const graph = { current: await graphOf(SDL) }
  const metrics = createMetrics(() => [])
  const budgets = createMemoryBudgets({ clock })
  const fields = createFieldControls({ graph, lines: budgets.lines, metrics, logger: silent })
  const turns = createPlaceTurns({
    lines: budgets.lines,
    tokens: createPlaceTokens(['a key for tokens of places in tests']),
    counts: new PlaceCounts(),
    onTurn: () => {},
  })
  const settings = costSettingsOf(options.cost ?? {})
  const texts = { find: () => undefined, fetch: () => undefined } as never
  const stages: Stages = {
    identify: createIdentify(
      options.secret === undefined
        ? undefined
        : createTokenVerifier({ settings: { kind: 'secret', secret: options.secret } }),
    ),
    addressOf: createAddressOf([]),
    graph,
    lookup: createLookup({
      mode: 'off',
      introspection: true,
      tokensMax: DEFAULT_LIMITS.tokensMax,
      texts,
      onUnknown: () => {},
    }),
    propagate: compilePropagation(options.headers),
    inFlight: options.share === false ? undefined : new InFlight(),
    showsPlans: true,
    spending: settings.mode === 'off' ? undefined : createSpending({ settings, budgets, fields, turns }),
    level: {
      get current() {
        return world.level
      },
    },
    returns: options.returns ?? new Returns(),
    runQueue: new RunQueue(),
    metrics,
    logger: silent,
    production: false,
    limits: DEFAULT_LIMITS,
  }
  const compress = options.compression === false ? undefined : createCompress(options.compression)
  const corsOrigins = options.corsOrigins ?? []
  const lifecycle = { isClosing: false }
  const requestId = requestIds()
  const app = await createApp({
    stages,
    limits: DEFAULT_LIMITS,
    corsOrigins,
    lifecycle,
    requestId,
    compress,
  })
  const apollo = await createApolloDoor({
    stages,
    limits: DEFAULT_LIMITS,
    introspection: true,
    texts: undefined,
    landingPage: false,
  })
  graphqlRoute(app, stages, apollo, compress)
  mcpRoutes(app, {
    stages,
    version: '1.0.0',
    send: (reply, outcome) => sendOutcome(reply, outcome, 'application/json'),
  })
  await app.ready()
  const headers = laneHeaders(corsOrigins, compress)
  const lane = expressLane(app.server, {
    stages,
    limits: DEFAULT_LIMITS,
    lifecycle,
    requestId,
    headers,
    compress,
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const world: KeptGraph = {
    port: (app.server.address() as { port: number }).port,
    stages,
    answers,
    tags,
    events,
    asked,
    gate: undefined,
    failure: undefined,
    isStretched: false,
    level: 'CALM',
    pass: ms => void (now += ms),
    async swap() {
      graph.current = await graphOf(`${SDL}\n type Swapped @cacheControl(maxAge: 1) { id: ID }`)
      apollo.serve(graph.current)
    },
    async [Symbol.asyncDispose]() {
      lane.closeAll()
      app.server.closeAllConnections()
      await app.close()
      await apollo.stop()
      fields.close()
    },
  }
  return world
}

/** What the schema says above, by root field; `mine` and `unkept` are not kept. */
const POLICIES: Omit<CachePolicies, 'schemaHashOf'> = {
  ofRoot({ operation, kind }) {
    if (kind !== 'query' || /\b(mine|unkept)\b/.test(operation)) return undefined
    return {
      scope: 'PUBLIC',
      freshMs: FRESH_MS,
      staleMs: STALE_MS,
      fields: ['Query.product'],
      tagsOf: (_, { id }) => (id === undefined ? ['Product'] : ['Product', `Product:${id}`]),
    }
  },
  ofEntities: () => undefined,
  ofMutation:
    () =>
    ({ id }) => [`Product:${id}`],
  keepsPrivate: false,
}

const product = (id: string, asked: number): object => ({
  id,
  name: `奶茶 ${id} of ${asked}`,
  long: `奶茶 ${asked} `.repeat(400),
})

function resolversOf(asked: () => number): never {
  return {
    Query: {
      product: (_: unknown, { id }: { id: string }) => (id === 'none' ? null : product(id, asked())),
      products: (_: unknown, { first }: { first: number }) =>
        Array.from({ length: first }, (__, i) => product(String(i), asked())),
      unkept: () => asked(),
      mine: (_: unknown, __: unknown, { shopperId = 'nobody' }: { shopperId?: string }) => shopperId,
      fails: (_: unknown, { code }: { code: string }) => {
        throw new Error(code)
      },
    },
    Mutation: { rename: (_: unknown, { id }: { id: string }) => product(id, asked()) },
  } as never
}
