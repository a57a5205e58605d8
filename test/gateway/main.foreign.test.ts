import { createHash } from 'node:crypto'
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { type PlainSubgraph, plainSubgraph, supergraphOf } from '../harness/foreign-graph.ts'
import { type RunningProgram, runProgram } from '../harness/processes.ts'

/** `npm run gateway` over a supergraph of other people's subgraphs, which know nothing of this project. */

const SHOPS = `
  type Query { shop(id: ID!): Shop fail: String nothing: Int! }
  type Shop @key(fields: "id") { id: ID! name: String }
`
const RATINGS = 'type Shop @key(fields: "id") { id: ID! stars(scale: Int = 5): Float }'
const TEXT = 'query Shop($id: ID!) { shop(id: $id) { name stars(scale: 10) } }'

let folder: string
let shops: PlainSubgraph
let ratings: PlainSubgraph
let gateway: RunningProgram | undefined
beforeAll(async () => {
  shops = await plainSubgraph(SHOPS, {
    Query: {
      shop: (_: unknown, { id }: { id: string }) => ({ id, name: `Shop ${id}` }),
      fail: () => {
        throw Object.assign(new Error('the inside'), { extensions: { code: 'SHOP_IS_SHUT', shelf: 4 } })
      },
      nothing: () => {
        throw Object.assign(new Error('of the inside'), { extensions: { code: 'SHOP_IS_SHUT' } })
      },
    },
  })
  ratings = await plainSubgraph(RATINGS, {
    Shop: {
      __resolveReference: ({ id }: { id: string }) => ({ id }),
      stars: (_: unknown, { scale }: { scale: number }) => scale - 0.5,
    },
  })
})
afterAll(async () => {
  await shops[Symbol.asyncDispose]()
  await ratings[Symbol.asyncDispose]()
})
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'foreign-'))
  shops.received.length = 0
  ratings.received.length = 0
})
afterEach(async () => {
  await gateway?.stop()
  gateway = undefined
  rmSync(folder, { recursive: true })
})

const supergraph = (more = ''): string =>
  supergraphOf({
    shops: { sdl: SHOPS + more, url: shops.url },
    ratings: { sdl: RATINGS, url: ratings.url },
  })

function file(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(`${path}.new`, text)
  renameSync(`${path}.new`, path)
  return path
}

async function started(environment: Record<string, string> = {}, config: object = {}): Promise<string> {
  gateway = runProgram('gateway/main.ts', [], {
    HOST: '127.0.0.1',
    PORT: '0',
    SUPERGRAPH: file('supergraph.graphql', supergraph()),
    CONFIG: file('config.json', JSON.stringify(config)),
    COST_MODE: 'off',
    ...environment,
  })
  const [, port] = await gateway.says(/"port":(\d+)/)
  return `http://127.0.0.1:${port}/graphql`
}

async function ask(url: string, body: object, headers: Record<string, string> = {}): Promise<Response> {
  return await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })
}
const SHOP = { data: { shop: { name: 'Shop 7', stars: 9.5 } } }
const variables = { id: '7' }

describe('a foreign supergraph', () => {
  test('is served without operations, over plain HTTP, and its subgraphs are told of no identity', async () => {
    const url = await started()
    expect(gateway!.output).toContain('no operation is persisted')
    const answer = await ask(url, { query: TEXT, variables }, { 'x-secret': '1', cookie: 'a=b' })
    expect(await answer.json()).toEqual(SHOP)
    for (const { received } of [shops, ratings])
      for (const { headers, body } of received) {
        expect(body.query).toBeTypeOf('string')
        for (const name of ['spillway-identity', 'x-secret', 'cookie', 'authorization'])
          expect(headers).not.toHaveProperty(name)
      }
    expect([shops.received.length, ratings.received.length]).toEqual([1, 1])
  })

  test("a subgraph's own error codes reach the client; in production with nothing else of the error", async () => {
    const development = await started()
    expect(await (await ask(development, { query: '{ fail }' })).json()).toEqual({
      data: { fail: null },
      errors: [
        {
          message: 'the inside',
          path: ['fail'],
          extensions: { code: 'SHOP_IS_SHUT', shelf: 4, service: 'shops' },
        },
      ],
    })
    await gateway!.stop()
    const production = await started({
      NODE_ENV: 'production',
      IDENTITY_KEY: 'k'.repeat(32),
      TOKEN_SECRET: 't'.repeat(32),
    })
    for (const [query, data] of [
      ['{ fail }', { fail: null }],
      ['{ nothing }', null],
    ] as const) {
      const answer = await ask(production, { query })
      expect([query, answer.status, await answer.json()]).toEqual([
        query,
        200,
        {
          data,
          errors: [
            {
              message: 'the shops service failed',
              path: [query.slice(2, -2)],
              extensions: { code: 'SHOP_IS_SHUT', service: 'shops' },
            },
          ],
        },
      ])
    }
  })

  test('and its operations are served anew when their files change; what is broken is refused', async () => {
    const id = createHash('sha256').update(TEXT).digest('hex')
    const operations = file('operations.json', '{}')
    const url = await started({ OPERATIONS: operations })
    expect(await (await ask(url, { documentId: `sha256:${id}`, variables })).json()).toMatchObject({
      errors: [{ extensions: { code: 'PERSISTED_QUERY_NOT_FOUND' } }],
    })
    file('operations.json', JSON.stringify({ [id]: TEXT }))
    await vi.waitFor(
      async () =>
        expect(await (await ask(url, { documentId: `sha256:${id}`, variables })).json()).toEqual(SHOP),
      20_000,
    )
    file('supergraph.graphql', 'type Query {')
    await gateway!.says(/refused/)
    expect(await (await ask(url, { documentId: `sha256:${id}`, variables })).json()).toEqual(SHOP)
    file('supergraph.graphql', supergraph(' extend type Query { fresh: Int }'))
    await vi.waitFor(
      async () =>
        expect(
          await (await ask(url, { query: '{ __type(name: "Query") { fields { name } } }' })).text(),
        ).toContain('"fresh"'),
      20_000,
    )
    expect(await (await ask(url, { documentId: `sha256:${id}`, variables })).json()).toEqual(SHOP)
  })
})

describe('settings by subgraph', () => {
  test('headers go where the rules send them, at every door', async () => {
    const id = createHash('sha256').update(TEXT).digest('hex')
    const url = await started(
      { OPERATIONS: file('operations.json', JSON.stringify({ [id]: TEXT })) },
      {
        headers: {
          all: {
            propagate: [
              'Authorization',
              { name: 'x-tenant', rename: 'tenant', default: 'none' },
              { matching: '^x-b3-' },
            ],
            insert: { 'x-gateway': 'spillway' },
          },
          subgraphs: { ratings: { propagate: ['cookie'], insert: { 'x-gateway': 'to ratings' } } },
        },
      },
    )
    const headers = { 'x-tenant': 'red', 'x-b3-traceid': '1', 'x-other': '2', cookie: 'a=b' }
    for (const body of [
      { documentId: `sha256:${id}`, variables },
      { query: TEXT, variables },
    ]) {
      expect(await (await ask(url, body, headers)).json()).toEqual(SHOP)
      const common = { tenant: 'red', 'x-b3-traceid': '1' }
      const [toShops, toRatings] = [shops.received.pop()!, ratings.received.pop()!]
      expect(toShops.headers).toMatchObject({ ...common, 'x-gateway': 'spillway' })
      expect(toRatings.headers).toMatchObject({ ...common, 'x-gateway': 'to ratings', cookie: 'a=b' })
      for (const name of ['x-tenant', 'x-other', 'cookie']) expect(toShops.headers).not.toHaveProperty(name)
      expect(toRatings.headers).not.toHaveProperty('x-other')
    }
    await (await ask(url, { query: TEXT, variables })).json()
    expect(shops.received.pop()!.headers).toMatchObject({ tenant: 'none' })
  })

  test('a time limit ends one subgraph alone', async () => {
    const url = await started({}, { subgraphs: { ratings: { requestMsMax: 1 } } })
    await using slow = await plainSubgraph(RATINGS, {
      Shop: { __resolveReference: ({ id }: { id: string }) => ({ id }), stars: () => new Promise(() => {}) },
    })
    file(
      'supergraph.graphql',
      supergraphOf({ shops: { sdl: SHOPS, url: shops.url }, ratings: { sdl: RATINGS, url: slow.url } }),
    )
    await gateway!.says(/new supergraph or manifest serves/)
    expect(await (await ask(url, { query: TEXT, variables })).json()).toMatchObject({
      data: { shop: { name: 'Shop 7', stars: null } },
      errors: [{ path: ['shop', 'stars'], extensions: { code: 'SUBGRAPH_TIMEOUT', service: 'ratings' } }],
    })
  })

  test.each([
    [
      { subgraphs: { rating: { requestMsMax: 5 } } },
      /subgraphs\.rating: expected one of the subgraphs ratings, shops/,
    ],
    [
      { headers: { subgraphs: { rating: { insert: { a: 'b' } } } } },
      /headers\.subgraphs\.rating: expected one of the subgraphs ratings, shops/,
    ],
  ])('of a subgraph that is not there refuse to start: %j', async (config, why) => {
    gateway = runProgram('gateway/main.ts', [], {
      PORT: '0',
      SUPERGRAPH: file('supergraph.graphql', supergraph()),
      CONFIG: file('config.json', JSON.stringify(config)),
    })
    expect(await gateway.exited).toMatchObject({ code: 1 })
    expect(gateway.output).toMatch(why)
  })
})
