import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { request } from 'undici'
import { describe, expect, test } from 'vitest'
import { ANONYMOUS } from '../../protocol/caller.ts'
import { Fault } from '../../protocol/fault.ts'
import {
  FRESH_MS,
  type KeptGraph,
  type KeptGraphOptions,
  keptGraph,
  MANIFEST,
  type Name,
  OPERATIONS,
} from '../harness/kept-graph.ts'
import { hashOf } from '../harness/tiny-graph.ts'

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Buffer
}

type Headers = Readonly<Record<string, string>>

async function send(graph: KeptGraph, path: string, options: object): Promise<Answer> {
  const { statusCode, headers, body } = await request(`http://127.0.0.1:${graph.port}${path}`, options)
  return { status: statusCode, headers, body: Buffer.from(await body.arrayBuffer()) }
}

const pathOf = (name: Name, variables: object): string =>
  `/graphql?${new URLSearchParams({
    documentId: `sha256:${hashOf(OPERATIONS[name])}`,
    variables: JSON.stringify(variables),
  })}`

const get = (graph: KeptGraph, name: Name, variables: object, headers: Headers = {}): Promise<Answer> =>
  send(graph, pathOf(name, variables), { headers: { 'apollo-require-preflight': '1', ...headers } })

const post = (graph: KeptGraph, name: Name, variables: object, headers: Headers = {}): Promise<Answer> =>
  send(graph, '/graphql', {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ documentId: `sha256:${hashOf(OPERATIONS[name])}`, variables }),
  })

const ONE = { id: '1' }
const PUBLIC = 'public, max-age=60, stale-while-revalidate=120'

describe('a GET of what is kept', () => {
  test('says for how long anybody may keep it, when it is asked for first and later, and how old it is', async () => {
    await using graph = await keptGraph()
    const first = await get(graph, 'Product', ONE)
    expect(first.headers).toMatchObject({
      'cache-control': PUBLIC,
      age: '0',
      vary: 'Accept, Accept-Encoding',
      'content-type': 'application/json; charset=utf-8',
      etag: expect.stringMatching(/^W\/"[\w-]{22}"$/),
      date: expect.any(String),
    })
    graph.pass(12_345)
    const second = await get(graph, 'Product', ONE)
    expect(second.headers).toMatchObject({ 'cache-control': PUBLIC, age: '12', etag: first.headers.etag! })
    expect(second.body).toEqual(first.body)
    expect(graph.asked).toHaveLength(1)
  })

  test('tells the truth of what is stale', async () => {
    await using graph = await keptGraph()
    await get(graph, 'Product', ONE)
    graph.failure = new Fault('SUBGRAPH_UNREACHABLE', 'away')
    graph.pass(FRESH_MS + 30_000)
    expect((await get(graph, 'Product', ONE)).headers).toMatchObject({ 'cache-control': PUBLIC, age: '90' })
  })

  test('is 304 without a body for whoever has it, with the same headers but those of the body', async () => {
    await using graph = await keptGraph()
    const { headers, status } = await get(graph, 'Product', ONE)
    expect(status).toBe(200)
    const etag = headers.etag as string
    for (const condition of [etag, etag.slice(2), `"x", ${etag}`, '*']) {
      const answer = await get(graph, 'Product', ONE, { 'if-none-match': condition })
      expect([answer.status, answer.body.length]).toEqual([304, 0])
      for (const name of ['etag', 'cache-control', 'age', 'vary']) {
        expect(answer.headers[name]).toBe(headers[name])
      }
      expect(answer.headers.date).toBeDefined()
      for (const name of ['content-type', 'content-length', 'content-encoding', 'transfer-encoding'])
        expect(answer.headers).not.toHaveProperty(name)
    }
    expect((await get(graph, 'Product', ONE, { 'if-none-match': '"other"' })).status).toBe(200)
    expect((await get(graph, 'Product', { id: '2' }, { 'if-none-match': etag })).status).toBe(200)
  })

  test('has another tag once it is another answer', async () => {
    await using graph = await keptGraph()
    const before = (await get(graph, 'Product', ONE)).headers.etag as string
    await post(graph, 'Rename', ONE)
    const after = await get(graph, 'Product', ONE, { 'if-none-match': before })
    expect(after.status).toBe(200)
    expect(after.headers.etag).not.toBe(before)
  })

  test('is counted as a hit, for one point, when it is 304 too', async () => {
    await using graph = await keptGraph({ cost: { mode: 'measure' } })
    const { headers } = await get(graph, 'Product', ONE)
    const before = graph.stages.spending!.actual
    await get(graph, 'Product', ONE, { 'if-none-match': headers.etag as string })
    expect(graph.stages.spending!.actual - before).toBe(1)
    expect(graph.events).toEqual(['miss Product', 'hit Product'])
  })

  test('says the same in both media types, each by its name', async () => {
    await using graph = await keptGraph()
    const one = await get(graph, 'Product', ONE)
    const other = await get(graph, 'Product', ONE, { accept: 'application/graphql-response+json' })
    expect(other.body).toEqual(one.body)
    expect(other.headers['content-type']).toBe('application/graphql-response+json; charset=utf-8')
    expect(other.headers.vary).toBe('Accept, Accept-Encoding')
  })

  test('says that the origin matters where pages of some may read it', async () => {
    await using graph = await keptGraph({ corsOrigins: ['https://shop.example'] })
    for (const headers of [{}, { origin: 'https://shop.example' }] as Headers[])
      expect((await get(graph, 'Product', ONE, headers)).headers).toMatchObject({
        vary: 'Accept, Accept-Encoding, Origin',
        'cache-control': PUBLIC,
      })
  })
})

describe('no-store, and no tag', () => {
  const clientName = 'app'
  const CASES: readonly (readonly [string, Name, object, Headers, KeptGraphOptions])[] = [
    ['what nothing keeps', 'Unkept', {}, {}, {}],
    ['what is a caller’s own', 'Mine', {}, {}, {}],
    ['an answer with errors', 'Fails', { code: 'BAD_ID' }, {}, {}],
    ['a refusal', 'Product', {}, {}, {}],
    [
      'where headers decide what subgraphs get',
      'Product',
      ONE,
      {},
      { headers: { all: { insert: { a: 'b' } } } },
    ],
    ['an answer with its plan', 'Product', ONE, { 'spillway-query-plan': '1' }, {}],
    ['an answer that says where it came from', 'Product', ONE, { 'spillway-cache-debug': '1' }, {}],
    [
      'an operation that is one client’s',
      'Product',
      ONE,
      { 'apollographql-client-name': clientName },
      { manifest: MANIFEST.map(entry => ({ ...entry, clientName })) },
    ],
    ['a gateway that keeps nothing', 'Product', ONE, {}, { caching: false }],
    ['what is too large to be kept', 'Long', ONE, {}, { entryBytesMax: 6_000 }],
  ]
  test.each(CASES)('for %s', async (_, name, variables, headers, options) => {
    await using graph = await keptGraph(options)
    for (let i = 0; i < 2; i++) {
      const answer = await get(graph, name, variables, { ...headers, 'if-none-match': '*' })
      expect(answer.status).not.toBe(304)
      expect(answer.headers['cache-control']).toBe('no-store')
      for (const absent of ['etag', 'age']) expect(answer.headers).not.toHaveProperty(absent)
      expect(answer.headers.vary).toBe('Accept-Encoding')
    }
  })

  test('for a POST, at the socket and behind Fastify', async () => {
    await using graph = await keptGraph()
    await get(graph, 'Product', ONE)
    for (const headers of [{}, { 'x-a': 'b', connection: 'close' }] as Headers[]) {
      const answer = await post(graph, 'Product', ONE, { ...headers, 'if-none-match': '*' })
      expect([answer.status, answer.headers['cache-control']]).toEqual([200, 'no-store'])
      expect(answer.headers).not.toHaveProperty('etag')
    }
    expect(graph.asked).toHaveLength(1)
  })

  test('for a client’s own text', async () => {
    await using graph = await keptGraph()
    const path = `/graphql?${new URLSearchParams({ query: '{ product(id: "1") { name } }' })}`
    for (let i = 0; i < 3; i++) {
      const { headers } = await send(graph, path, { headers: { 'apollo-require-preflight': '1' } })
      expect(headers['cache-control']).toBe('no-store')
    }
  })
})

describe('nobody can tell the socket from Fastify', () => {
  const OF_THE_CONNECTION = ['connection', 'keep-alive', 'date', 'x-request-id']
  const seen = ({ status, headers, body }: Answer): object => ({
    status,
    body: body.toString('base64'),
    headers: Object.fromEntries(
      Object.entries(headers)
        .filter(([name]) => !OF_THE_CONNECTION.includes(name))
        .sort(),
    ),
  })
  test.each<[string, Name, Headers]>([
    ['a short answer', 'Product', {}],
    ['a short answer to who accepts anything', 'Product', { 'accept-encoding': '*' }],
    ['a long answer', 'Long', {}],
    ['a long answer to who accepts gzip', 'Long', { 'accept-encoding': 'gzip' }],
    ['a long answer to who accepts brotli', 'Long', { 'accept-encoding': 'br' }],
    ['the other media type', 'Long', { accept: 'application/graphql-response+json' }],
    ['where it came from', 'Product', { 'spillway-cache-debug': '1' }],
  ])('by %s that is kept, fresh or stale', async (_, name, headers) => {
    await using graph = await keptGraph()
    await post(graph, name, ONE)
    graph.failure = new Fault('SUBGRAPH_UNREACHABLE', 'away')
    for (const ms of [0, FRESH_MS]) {
      graph.pass(ms)
      const lane = await post(graph, name, ONE, headers)
      expect(lane.status).toBe(200)
      expect(seen(await post(graph, name, ONE, { ...headers, connection: 'close' }))).toEqual(seen(lane))
    }
  })
})

test('a HEAD is still no way to ask', async () => {
  await using graph = await keptGraph()
  const { status, headers } = await send(graph, pathOf('Product', ONE), {
    method: 'HEAD',
    headers: { 'apollo-require-preflight': '1' },
  })
  expect([status, headers.allow]).toEqual([405, 'GET, POST'])
})

describe('a long answer that is kept', () => {
  const DOORS = [
    ['GET', get],
    ['POST at the socket', post],
    [
      'POST behind Fastify',
      (graph, name, variables, headers) => post(graph, name, variables, { ...headers, connection: 'close' }),
    ],
  ] as const satisfies readonly (readonly [string, typeof post])[]

  test.each(DOORS)(
    'by %s is compressed for whoever accepts it, with the same bytes each time',
    async (_, ask) => {
      await using graph = await keptGraph()
      const plain = await ask(graph, 'Long', ONE, {})
      expect(plain.headers).toMatchObject({ 'content-length': `${plain.body.length}` })
      expect(plain.headers).not.toHaveProperty('content-encoding')
      for (const [encoding, decompress] of [
        ['gzip', gunzipSync],
        ['br', brotliDecompressSync],
      ] as const) {
        const answers = [0, 1, 2].map(() => ask(graph, 'Long', ONE, { 'accept-encoding': encoding }))
        for (const answer of [
          ...(await Promise.all(answers)),
          await ask(graph, 'Long', ONE, { 'accept-encoding': encoding }),
        ]) {
          expect(answer.headers).toMatchObject({
            'content-encoding': encoding,
            'content-length': `${answer.body.length}`,
            'content-type': 'application/json; charset=utf-8',
          })
          expect(answer.headers.vary).toContain('Accept-Encoding')
          expect(decompress(answer.body).equals(plain.body)).toBe(true)
        }
      }
      expect(graph.asked).toHaveLength(1)
    },
  )

  test('is compressed once for all', async () => {
    await using graph = await keptGraph()
    await post(graph, 'Long', ONE)
    const { responses } = graph.stages.graph.current.caching!
    const { slotOf } = await import('../../gateway/cached-response.ts')
    const { registry, rollouts } = graph.stages.graph.current
    const operation = registry.find(hashOf(OPERATIONS.Long), undefined)!
    const asking = {
      caller: ANONYMOUS,
      bucket: 0,
      graph: { rollouts },
      headersFor: undefined,
      wantsPlan: false,
      wantsCost: false,
    }
    const kept = await responses.find(slotOf(asking, operation, ONE)!)
    await post(graph, 'Long', ONE, { 'accept-encoding': 'br' })
    const made = kept!.json.encodings.get('br')
    await post(graph, 'Long', ONE, { 'accept-encoding': 'br, gzip' })
    await get(graph, 'Long', ONE, { 'accept-encoding': '*' })
    expect(made).toBeDefined()
    expect(kept!.json.encodings.get('br')).toBe(made)
    expect([...kept!.json.encodings.keys()]).toEqual(['br'])
  })

  test('a GET that is compressed has the same tag, and is 304 for whoever has it as it is', async () => {
    await using graph = await keptGraph()
    const plain = await get(graph, 'Long', ONE)
    const small = await get(graph, 'Long', ONE, { 'accept-encoding': 'br' })
    expect(small.headers.etag).toBe(plain.headers.etag)
    const again = await get(graph, 'Long', ONE, {
      'accept-encoding': 'br',
      'if-none-match': plain.headers.etag as string,
    })
    expect(again.status).toBe(304)
  })

  test('is as it is where compression is off, and Accept alone matters', async () => {
    await using graph = await keptGraph({ compression: false })
    const { headers } = await get(graph, 'Long', ONE, { 'accept-encoding': 'br' })
    expect(headers).not.toHaveProperty('content-encoding')
    expect(headers.vary).toBe('Accept')
  })
})
