import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createGateway } from '../../gateway/gateway.ts'
import { assertLimits, DEFAULT_LIMITS } from '../../gateway/limits.ts'
import { HttpClient } from '../../protocol/http-client.ts'
import { supergraphOf } from '../harness/foreign-graph.ts'
import { converse, type Door, JSON_TYPE, open, post, type Stream } from '../harness/lane-pair.ts'
import { hashOf, type TinyGraph, tinyGraph } from '../harness/tiny-graph.ts'

/** Each limit on a request: what is just within it, what is just beyond, and that nothing is asked for the latter. */

const KIB = 1_024
const MIB = 1_024 * KIB

test('the defaults', () => {
  expect(DEFAULT_LIMITS).toEqual({
    bodyBytesMax: 256 * KIB,
    headerBytesMax: 16 * KIB,
    tokensMax: 2_000,
    depthMax: 12,
    rootFieldsMax: 15,
    fetchesMax: 64,
    requestMsMax: 10_000,
  })
})

test.each([
  [{ depthMax: 0 }, 'expected the limit depthMax to be a positive integer, got 0'],
  [{ requestMsMax: 1.5 }, 'expected the limit requestMsMax to be a positive integer, got 1.5'],
  [
    { bodyBytesMax: Number.POSITIVE_INFINITY },
    'expected the limit bodyBytesMax to be a positive integer, got Infinity',
  ],
  [{ tokensMax: 5, depthMax: 6 }, 'expected tokensMax to be at least depthMax 6, got 5'],
])('%j is refused at the start', (limits, message) => {
  expect(() => assertLimits({ ...DEFAULT_LIMITS, ...limits })).toThrow(message)
})

describe('by default', () => {
  let door: Door
  beforeAll(async () => {
    door = await open({ explorers: false }, true)
  })
  afterAll(() => door.graph.gateway.close())

  /** The status and code of the answer, and how many subgraph operations it took. */
  async function ask(
    stream: Stream,
  ): Promise<readonly [status: number, code: string | undefined, asked: number]> {
    const before = door.graph.executed.length
    const [answer] = await converse(door, stream, 1)
    const code = JSON.parse(answer!.body).errors?.[0]?.extensions.code
    return [Number(/\d{3}/.exec(answer!.status)?.[0]), code, door.graph.executed.length - before]
  }
  const text = (query: string): Stream => [post(JSON.stringify({ query }))]
  /** A body of this many bytes, most of them blanks. */
  const sized = (bytes: number): Stream => [
    post(JSON.stringify({ documentId: `sha256:${hashOf('query Who { who }')}` }).padEnd(bytes)),
  ]
  /** A head of this many bytes. */
  const headed = (bytes: number): Stream => {
    const [whole] = [post('{"query":"{ who }"}', [JSON_TYPE, 'x-filler: '])]
    const headBytes = whole.indexOf('\r\n\r\n') + 4
    return [post('{"query":"{ who }"}', [JSON_TYPE, `x-filler: ${'x'.repeat(bytes - headBytes)}`])]
  }
  /** A valid operation of this many tokens: 9 and a list of strings. */
  const tokens = (count: number): Stream => text(`{ echo(tags: [${'"a" '.repeat(count - 9)}]) }`)
  const levels = (count: number): Stream =>
    text(`{ ${'deep { '.repeat(count - 1)}leaf${' }'.repeat(count - 1)} }`)
  const roots = (count: number): Stream =>
    text(`{ ${Array.from({ length: count }, (_, i) => `a${i}: who`).join(' ')} __typename }`)

  test.each<readonly [name: string, within: Stream, beyond: Stream, status: number, code: string]>([
    ['a body of 256 KiB', sized(256 * KIB), sized(256 * KIB + 1), 413, 'PAYLOAD_TOO_LARGE'],
    ['headers of 16 KiB', headed(15 * KIB), headed(17 * KIB), 431, 'HEADERS_TOO_LARGE'],
    ['2,000 tokens', tokens(2_000), tokens(2_001), 400, 'MAX_TOKENS_LIMIT'],
    ['12 levels of fields', levels(12), levels(13), 400, 'MAX_DEPTH_LIMIT'],
    ['15 root fields', roots(15), roots(16), 400, 'MAX_ROOT_FIELDS_LIMIT'],
  ])('%s pass, and no more', async (_, within, beyond, status, code) => {
    expect(await ask(within)).toEqual([200, undefined, 1])
    expect(await ask(beyond)).toEqual([status, code, 0])
  })

  test('a body that says it is too large is refused before it has come', async () => {
    const head = ['POST /graphql HTTP/1.1', 'host: spillway', JSON_TYPE, `content-length: ${256 * KIB + 1}`]
    expect(await ask([Buffer.from(`${head.join('\r\n')}\r\n\r\n`)])).toEqual([413, 'PAYLOAD_TOO_LARGE', 0])
  })

  test('a text of too many tokens costs no more than reading those that are allowed', async () => {
    // Whatever comes after them need not even be GraphQL.
    expect(await ask(text(`{ echo(tags: [${'"a" '.repeat(1_996)} \u0000`))).toEqual([
      400,
      'MAX_TOKENS_LIMIT',
      0,
    ])
  })
})

test('more fetches than allowed are refused before the first', async () => {
  const graph: TinyGraph = await tinyGraph({ limits: { fetchesMax: 1 } })
  try {
    const ask = async (query: string) =>
      await graph.gateway.app.inject({ method: 'POST', url: '/graphql', payload: { query } })
    // The product is shop's, its coupon wallet's.
    expect((await ask('{ product(id: "product_1") { nameZh } }')).json()).not.toHaveProperty('errors')
    graph.executed.length = 0
    const refused = await ask('{ product(id: "product_1") { nameZh couponFen } }')
    expect([refused.statusCode, refused.json().errors[0].extensions.code]).toEqual([400, 'MAX_FETCHES_LIMIT'])
    expect(graph.executed).toEqual([])
  } finally {
    await graph.gateway.close()
  }
})

test('a request that takes longer than it may is given up', async () => {
  const graph = await tinyGraph({ limits: { requestMsMax: 150 } })
  try {
    const asked = await graph.gateway.app.inject({
      method: 'POST',
      url: '/graphql',
      payload: { query: '{ slow who }' },
    })
    expect([asked.statusCode, asked.json().errors[0].extensions.code]).toEqual([504, 'SUBGRAPH_TIMEOUT'])
  } finally {
    graph.release()
    await graph.gateway.close()
  }
})

test('a subgraph may answer 8 MiB, and no more', async () => {
  let bytes = 0
  const server = createServer((_, response) => {
    const start = '{"data":{"text":"'
    const end = '"}}'
    response
      .setHeader('content-type', 'application/json')
      .end(`${start}${'x'.repeat(bytes - start.length - end.length)}${end}`)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const gateway = await createGateway({
    supergraphSdl: supergraphOf({ only: { sdl: 'type Query { text: String }', url } }),
    clients: ({ name, url }) => new HttpClient({ name, url, sender: 'gateway' }),
    production: false,
  })
  try {
    const ask = async (): Promise<readonly [text: number | undefined, code: string | undefined]> => {
      const answer = await gateway.app.inject({
        method: 'POST',
        url: '/graphql',
        payload: { query: '{ text }' },
      })
      const { data, errors } = answer.json()
      return [data?.text?.length, errors?.[0]?.extensions.code]
    }
    bytes = 8 * MIB
    expect(await ask()).toEqual([8 * MIB - 20, undefined])
    bytes = 8 * MIB + 1
    expect(await ask()).toEqual([undefined, 'SUBGRAPH_BAD_ANSWER'])
  } finally {
    await gateway.close()
    server.close()
  }
})
