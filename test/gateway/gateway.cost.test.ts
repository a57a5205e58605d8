import { afterAll, describe, expect, it } from 'vitest'
import { createGateway, type Gateway, type GatewayOptions } from '../../gateway/gateway.ts'
import { mintToken } from '../../gateway/identity/mint.ts'
import type { SubgraphClient } from '../../protocol/subgraph-client.ts'
import { supergraphOf } from '../harness/foreign-graph.ts'
import { hashOf } from '../harness/tiny-graph.ts'

/** What a request costs is decided, told and settled alike at every door. */

const SECRET = 'a secret for tests, of more than 32 characters'
const SUPERGRAPH = supergraphOf({
  shelf: {
    sdl: `
      extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@cost", "@listSize"])
      type Query {
        "2 + first × 1"
        books(first: Int = 10): [Book!]! @cost(weight: 1) @listSize(slicingArguments: ["first"])
        either(first: Int, last: Int): [Book!]! @listSize(slicingArguments: ["first", "last"])
      }
      type Mutation { buy(id: ID!): Book @cost(weight: 5) }
      type Book @key(fields: "id") { id: ID! title: String }
    `,
    url: 'http://shelf.invalid',
  },
  prices: {
    sdl: `
      extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@cost"])
      type Book @key(fields: "id") { id: ID! price: Int @cost(weight: 3) }
    `,
    url: 'http://prices.invalid',
  },
})

const BOOKS = 'query Books($first: Int = 10) { books(first: $first) { id title } }'
const PRICED = 'query Priced($first: Int!) { books(first: $first) { id price } }'
const BUY = 'mutation Buy { buy(id: "1") { id } }'
const EITHER = 'query Either($first: Int, $last: Int) { either(first: $first, last: $last) { id } }'

/** Always two books, however many are asked for. */
const books = [
  { __typename: 'Book', id: '1', title: 'A' },
  { __typename: 'Book', id: '2', title: 'B' },
]

interface Served {
  readonly url: string
  /** Operations that subgraphs were asked for. */
  readonly asked: string[]
}

const open: Gateway[] = []
afterAll(() => Promise.all(open.map(gateway => gateway.close())))

async function serve(options: Partial<GatewayOptions> = {}): Promise<Served> {
  const asked: string[] = []
  const client = (name: string): SubgraphClient => ({
    name,
    async execute({ operation, variables }) {
      asked.push(operation)
      if (name === 'prices') {
        const { representations } = variables as { representations: readonly unknown[] }
        return { data: { _entities: representations.map(() => ({ __typename: 'Book', price: 7 })) } }
      }
      const key = /_a_\w+/.exec(operation)?.[0] ?? /books|either/.exec(operation)![0]
      return { data: { [key]: key.endsWith('buy') ? books[0] : books } }
    },
    ready: async () => {},
    close: async () => {},
  })
  const gateway = await createGateway({
    supergraphSdl: SUPERGRAPH,
    manifest: [BOOKS, PRICED, BUY, EITHER].map(body => ({
      id: hashOf(body),
      body,
      priority: 'BROWSE' as const,
    })),
    clients: ({ name }) => client(name),
    tokens: { kind: 'secret', secret: SECRET },
    production: false,
    cost: { mode: 'enforce', max: 200 },
    ...options,
  })
  open.push(gateway)
  return { url: `http://127.0.0.1:${await gateway.listen({ port: 0 })}/graphql`, asked }
}

type Headers = Readonly<Record<string, string>>

interface Answer {
  readonly status: number
  readonly headers: globalThis.Headers
  // biome-ignore lint/suspicious/noExplicitAny: an answer's shape is what the test asserts
  readonly body: any
}

async function ask(url: string, body: object, headers: Headers = {}): Promise<Answer> {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })
  return { status: answer.status, headers: answer.headers, body: await answer.json() }
}

/** At the socket by its hash; at Apollo's door as text that it has not seen; at the socket as text that was seen. */
const DOORS: readonly [string, (text: string) => object][] = [
  ['by hash', text => ({ extensions: { persistedQuery: { version: 1, sha256Hash: hashOf(text) } } })],
  ['as text', text => ({ query: text, extensions: { foreign: true } })],
  ['as text that is known', text => ({ query: text })],
]

const shopper = async (id: string): Promise<Headers> => ({
  authorization: `Bearer ${await mintToken({ secret: SECRET, subject: id, kind: 'shopper', client: 'qwen', scopes: [], ttlSeconds: 60 })}`,
})

describe.each(DOORS)('an operation that is asked for %s', (_, named) => {
  it('is told what it was estimated at, what it came to, and what its caller has left', async () => {
    const { url } = await serve({ cost: { mode: 'enforce', max: 200, tiers: tiersOf(100, 300) } })
    await ask(url, named(BOOKS), await shopper('warm'))
    const { status, body } = await ask(
      url,
      { ...named(BOOKS), variables: { first: 50 } },
      await shopper('alice'),
    )
    expect(status).toBe(200)
    // 50 × 1; two books came.
    expect(body.extensions.cost).toMatchObject({
      requestedQueryCost: 50,
      actualQueryCost: 2,
      throttleStatus: { maximumAvailable: 300, restoreRate: 100 },
    })
    expect(body.extensions.cost.throttleStatus.currentlyAvailable).toBeGreaterThanOrEqual(298)
    expect(body.data.books).toHaveLength(2)
  })

  it('is refused before any subgraph is asked when it is too dear', async () => {
    const { url, asked } = await serve()
    await ask(url, { ...named(PRICED), variables: { first: 1 } })
    const before = asked.length
    // 51 × (1 + 3)
    const { status, body } = await ask(url, { ...named(PRICED), variables: { first: 51 } })
    expect(status).toBe(400)
    expect(body).toEqual({
      errors: [
        {
          message: expect.stringContaining('at most 200 points, got 204'),
          extensions: {
            code: 'COST_ESTIMATED_TOO_EXPENSIVE',
            'cost.estimated': 204,
            'cost.max': 200,
            'cost.fields': [
              { path: 'books.price', points: 153 },
              { path: 'books', points: 51 },
              { path: 'books.id', points: 0 },
            ],
          },
        },
      ],
      extensions: { cost: { requestedQueryCost: 204, actualQueryCost: null } },
    })
    expect(asked).toHaveLength(before)
  })

  it('is refused when its lists have no size', async () => {
    const { url, asked } = await serve()
    const { status, body } = await ask(url, { ...named(EITHER), variables: { first: 1, last: 1 } })
    expect(status).toBe(400)
    expect(body.errors[0].extensions.code).toBe('COST_INVALID_SLICING_ARGUMENTS')
    expect(asked).toEqual([])
  })

  it('is turned away when its caller’s budget is empty, with a time to come back', async () => {
    const { url, asked } = await serve({ cost: { mode: 'enforce', max: 200, tiers: tiersOf(0.5, 200) } })
    const alice = await shopper('alice')
    // 2 of 100 are spent each time.
    const first = { ...named(BOOKS), variables: { first: 100 } }
    await ask(url, first, alice)
    const dear = { ...named(BOOKS), variables: { first: 200 } }
    const before = asked.length
    const { status, headers, body } = await ask(url, dear, alice)
    expect(status).toBe(429)
    expect(body.errors[0].extensions).toMatchObject({ code: 'THROTTLED', 'cost.estimated': 200 })
    const waitMs: number = body.errors[0].extensions.retryAfterMs
    expect(headers.get('retry-after')).toBe(String(Math.ceil(waitMs / 1_000)))
    // Two points at half a point a second.
    expect(waitMs).toBeLessThanOrEqual(4_000)
    expect(body.extensions.cost).toMatchObject({
      requestedQueryCost: 200,
      actualQueryCost: null,
      throttleStatus: { maximumAvailable: 200, restoreRate: 0.5 },
    })
    expect(asked).toHaveLength(before)
    expect((await ask(url, dear, await shopper('bob'))).status).toBe(200)
  })

  it('is refused when one subgraph’s part of its plan is beyond that subgraph’s ceiling', async () => {
    const { url, asked } = await serve({
      cost: { mode: 'enforce', max: 2_000, subgraphs: { prices: { max: 300 } } },
    })
    const request = { ...named(PRICED), variables: { first: 5 } }
    // prices is asked for the entities of a list of unknown size: 100 × (1 + 3)
    const { status, body } = await ask(url, request)
    expect(status).toBe(400)
    expect(body.errors[0].extensions).toEqual({
      code: 'SUBGRAPH_COST_ESTIMATED_TOO_EXPENSIVE',
      'cost.subgraph': 'prices',
      'cost.estimated': 400,
      'cost.max': 300,
    })
    expect(asked).toEqual([])
    const sized = await serve({
      cost: { mode: 'enforce', max: 2_000, subgraphs: { prices: { max: 300, listSize: 75 } } },
    })
    expect((await ask(sized.url, request)).status).toBe(200)
  })

  it('is explained field by field to whoever asks', async () => {
    const { url } = await serve()
    const request = { ...named(PRICED), variables: { first: 10 } }
    const { body } = await ask(url, request, { 'spillway-cost-debug': '1' })
    expect(body.extensions.cost.fields).toEqual([
      { path: ['books'], definedCost: 1, requestedTotalCost: 40, requestedChildrenCost: 30 },
      { path: ['books', 'id'], definedCost: 0, requestedTotalCost: 0, requestedChildrenCost: 0 },
      { path: ['books', 'price'], definedCost: 3, requestedTotalCost: 30, requestedChildrenCost: 0 },
    ])
  })

  it('without a size for its lists is explained to nobody, and refused or answered all the same', async () => {
    const request = { ...named(EITHER), variables: { first: 1, last: 1 } }
    const explained = { 'spillway-cost-debug': '1' }
    const enforcing = await serve()
    const refused = await ask(enforcing.url, request, explained)
    expect(refused.status).toBe(400)
    expect(refused.body.errors[0].extensions.code).toBe('COST_INVALID_SLICING_ARGUMENTS')
    expect(refused.body.extensions.cost).toEqual({ requestedQueryCost: 0, actualQueryCost: null })
    const measuring = await serve({ cost: { mode: 'measure' } })
    const { status, body } = await ask(measuring.url, request, explained)
    expect(status).toBe(200)
    expect(body.errors).toBeUndefined()
    expect(body.data.either).toHaveLength(2)
    expect(body.extensions.cost).toEqual({ requestedQueryCost: 0, actualQueryCost: 2 })
  })

  it('is only measured where costs are not enforced', async () => {
    const { url } = await serve({ cost: { mode: 'measure', max: 10, tiers: tiersOf(0.1, 10) } })
    const { status, body } = await ask(url, { ...named(PRICED), variables: { first: 51 } })
    expect(status).toBe(200)
    // Two books, and their prices.
    expect(body.extensions.cost).toMatchObject({ requestedQueryCost: 204, actualQueryCost: 8 })
    const metrics = await (await fetch(new URL('/metrics', url))).text()
    expect(metrics).toMatch(/^spillway_cost_refused_maximum_total 1$/m)
    expect(metrics).toMatch(/^spillway_cost_refused_caller_total 1$/m)
    expect(metrics).toMatch(/^spillway_cost_estimated_points_total 204$/m)
    expect(metrics).toMatch(/^spillway_cost_actual_points_total 8$/m)
  })

  it('says nothing of costs where they are off', async () => {
    const { url } = await serve({ cost: { mode: 'off', max: 1 } })
    const { body } = await ask(url, named(BOOKS), { 'spillway-cost-debug': '1' })
    expect(body).toEqual({ data: { books: books.map(({ id, title }) => ({ id, title })) } })
  })

  it('costs a mutation ten points beside its fields, given back once it is done', async () => {
    const { url } = await serve()
    const { body } = await ask(url, named(BUY))
    expect(body.extensions.cost).toMatchObject({ requestedQueryCost: 15, actualQueryCost: 5 })
  })
})

describe('a list of no members', () => {
  it('is paid for by a point: its subgraph is asked all the same', async () => {
    const { url, asked } = await serve({ cost: { mode: 'enforce', max: 3, tiers: tiersOf(0.001, 3) } })
    const none = { query: BOOKS, variables: { first: 0 } }
    for (let i = 0; i < 3; i++) expect((await ask(url, none)).status).toBe(200)
    expect((await ask(url, none)).status).toBe(429)
    expect(asked).toHaveLength(3)
  })
})

describe('introspection', () => {
  it('costs nothing', async () => {
    const { url } = await serve({ cost: { mode: 'enforce', max: 1 } })
    const { status, body } = await ask(url, { query: '{ __schema { types { name fields { name } } } }' })
    expect(status).toBe(200)
    expect(body.data.__schema.types.length).toBeGreaterThan(1)
  })
})

describe('what every caller is answered alike', () => {
  const PUBLIC = supergraphOf({
    shop: {
      sdl: `
        extend schema
          @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@composeDirective"])
          @link(url: "https://spillway.dev/cacheControl/v1.0", import: ["@cacheControl"])
          @composeDirective(name: "@cacheControl")
        directive @cacheControl(maxAge: Int, scope: cacheControl__Scope) repeatable on FIELD_DEFINITION | OBJECT | INTERFACE | UNION
        enum cacheControl__Scope { PUBLIC PRIVATE }
        type Query { books: [Int] @cacheControl(maxAge: 1, scope: PUBLIC), mine: Int }
      `,
      url: 'http://shop.invalid',
    },
  })

  it('carries nobody’s budget', async () => {
    const { url } = await serve({ supergraphSdl: PUBLIC, manifest: [] })
    expect((await ask(url, { query: '{ books }' })).body.extensions).toBeUndefined()
    expect((await ask(url, { query: '{ mine }' })).body.extensions.cost).toBeDefined()
  })
})

describe('settings', () => {
  it.each<[string, GatewayOptions['cost'], string]>([
    ['a maximum', { max: 0 }, 'expected cost.max to be a positive number, got 0'],
    [
      'a tier that never holds an operation',
      { mode: 'enforce', max: 500, tiers: tiersOf(1, 499) },
      'expected cost.tiers.shopper.burst to be at least cost.max 500, got 499',
    ],
    [
      'a tier that is no limit',
      { tiers: tiersOf(1e-310, 5_000) },
      'expected cost.tiers.shopper.perSecond to be a number from 0.001 to 1000000000, got 1e-310',
    ],
    ['a subgraph', { subgraphs: { shelves: { max: 5 } } }, 'shelves'],
  ])('refuse to start with %s', async (_, cost, message) => {
    await expect(serve({ cost: cost! })).rejects.toThrow(message)
  })

  it('refuse to start without a proxy’s address', async () => {
    await expect(serve({ trustedProxies: ['lb'] })).rejects.toThrow('such as 10.0.0.0/8, got lb')
  })
})

function tiersOf(
  perSecond: number,
  burst: number,
): NonNullable<NonNullable<GatewayOptions['cost']>['tiers']> {
  const rate = { perSecond, burst }
  return { shopper: rate, developer: rate, partner: rate, chatbot: rate }
}
