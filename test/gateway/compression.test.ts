import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { request } from 'undici'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createCompress, preferredEncoding } from '../../gateway/compression.ts'
import { JsonText } from '../../gateway/request.ts'
import { hashOf, OPERATIONS, type TinyGraph, tinyGraph } from '../harness/tiny-graph.ts'

describe('the encoding that the header accept-encoding asks for', () => {
  test.each([
    ['gzip', 'gzip'],
    ['br', 'br'],
    ['gzip, deflate, br, zstd', 'br'],
    ['GZIP', 'gzip'],
    ['x-gzip', 'gzip'],
    ['br;q=0.5, gzip;q=0.8', 'gzip'],
    ['br;q=0, gzip', 'gzip'],
    ['*', 'br'],
    ['*;q=0.5, br;q=0', 'gzip'],
    ['deflate', undefined],
    ['', undefined],
    ['identity, gzip;q=0.5', undefined],
    ['gzip;q=0', undefined],
    ['gzip;q=nonsense', undefined],
    ['identity;q=0, *;q=0', undefined],
  ])('%j is %j', (header, encoding) => expect(preferredEncoding(header)).toBe(encoding))
})

test('what is short, or accepted as it is alone, is left alone at once', () => {
  const compress = createCompress({ bytesMin: 10 })
  expect(compress('123456789', 'gzip')).toBeUndefined()
  expect(compress('1234567890', undefined)).toBeUndefined()
  expect(compress('1234567890', 'deflate')).toBeUndefined()
})

test('no more bodies are compressed at once than the threads keep up with', async () => {
  const compress = createCompress()
  const bodies = Array.from({ length: 100 }, () => compress('奶茶'.repeat(5_000), 'br'))
  const made = await Promise.all(bodies)
  expect(made.filter(body => body !== undefined)).toHaveLength(64)
  expect(brotliDecompressSync(made[0]!.bytes).toString()).toBe('奶茶'.repeat(5_000))
  expect(compress('奶茶'.repeat(5_000), 'br')).toBeDefined()
})

describe('what others are answered with too', () => {
  const long = (): JsonText => new JsonText(`"${'奶茶'.repeat(5_000)}"`)

  test('is compressed once for all who ask meanwhile, and is there at once for who comes later', async () => {
    const compress = createCompress()
    const json = long()
    const [first, second] = [compress(json, 'br'), compress(json, 'br, gzip')]
    expect(second).toBe(first)
    const made = (await first)!
    expect(brotliDecompressSync(made.bytes).equals(json.body)).toBe(true)
    expect(compress(json, 'gzip;q=0.5, br')).toBe(made)
    const other = (await compress(json, 'gzip'))!
    expect(gunzipSync(other.bytes).equals(json.body)).toBe(true)
    expect(compress(json, 'gzip')).toBe(other)
  })

  test('is compressed again where that has failed', async () => {
    const compress = createCompress()
    const encodings = new Map<string, unknown>()
    const bodies = [0, Buffer.from('奶茶')]
    const json = (): JsonText =>
      ({ text: '奶茶'.repeat(5_000), body: bodies.shift(), encodings }) as unknown as JsonText
    expect(await compress(json(), 'br')).toBeUndefined()
    expect((await compress(json(), 'br'))?.encoding).toBe('br')
  })

  test('keeps no more memory alive than its own', async () => {
    const json = new JsonText(JSON.stringify({ text: '奶茶'.repeat(600) }))
    json.isKept = true
    const made = [await createCompress()(json, 'br'), await createCompress()(json, 'gzip')]
    for (const bytes of [json.body, ...made.map(each => each!.bytes)])
      expect(bytes.buffer.byteLength).toBe(bytes.length)
  })

  test('is left alone where its body is short, with all of what stands around the data', () => {
    const compress = createCompress({ bytesMin: 12 })
    expect(compress(new JsonText('12'), 'gzip')).toBeUndefined()
    expect(compress(new JsonText('123'), 'gzip')).toBeDefined()
    expect(compress(new JsonText('123'), undefined)).toBeUndefined()
    expect(compress(new JsonText('123'), 'deflate')).toBeUndefined()
  })

  test('is tried again where the threads were behind', async () => {
    const compress = createCompress()
    const others = Array.from({ length: 64 }, () => compress('奶茶'.repeat(5_000), 'br'))
    const json = long()
    expect(compress(json, 'br')).toBeUndefined()
    await Promise.all(others)
    expect(await compress(json, 'br')).toBeDefined()
  })
})

describe('through every door', () => {
  let graph: TinyGraph
  let url: string
  beforeAll(async () => {
    graph = await tinyGraph()
    url = `http://127.0.0.1:${await graph.gateway.listen({ port: 0 })}`
  })
  afterAll(() => graph.gateway.close())

  const text = '优惠券'.repeat(1_000)
  interface Answer {
    readonly headers: Readonly<Record<string, string | string[] | undefined>>
    readonly body: Buffer
    readonly statusCode: number
  }
  async function ask(
    body: object | string,
    headers: Readonly<Record<string, string>>,
    at = url,
  ): Promise<Answer> {
    const answer = await request(`${at}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    })
    return {
      statusCode: answer.statusCode,
      headers: answer.headers,
      body: Buffer.from(await answer.body.arrayBuffer()),
    }
  }
  const persisted = (given: string): object => ({
    documentId: `sha256:${hashOf(OPERATIONS.Echo!)}`,
    variables: { text: given },
  })
  const DOORS: readonly (readonly [string, (given: string) => object])[] = [
    ['the express lane', persisted],
    ['Apollo', given => ({ query: OPERATIONS.Echo, variables: { text: given } })],
  ]

  test.each(DOORS)(
    '%s sends an answer in the encoding asked for, and says that it matters',
    async (_, body) => {
      const plain = await ask(body(text), {})
      expect(plain.headers).toMatchObject({
        vary: 'Accept-Encoding',
        'content-length': `${plain.body.length}`,
      })
      expect(plain.headers).not.toHaveProperty('content-encoding')
      expect(JSON.parse(plain.body.toString())).toEqual({ data: { echo: text } })
      for (const [encoding, decompress] of [
        ['gzip', gunzipSync],
        ['br', brotliDecompressSync],
      ] as const) {
        const answer = await ask(body(text), { 'accept-encoding': encoding })
        expect(answer.headers).toMatchObject({
          vary: 'Accept-Encoding',
          'content-encoding': encoding,
          'content-type': plain.headers['content-type'],
          'content-length': `${answer.body.length}`,
        })
        expect(answer.body.length).toBeLessThan(plain.body.length / 10)
        expect(decompress(answer.body).equals(plain.body)).toBe(true)
      }
    },
  )

  test.each(DOORS)('%s leaves a short answer as it is', async (_, body) => {
    const answer = await ask(body('short'), { 'accept-encoding': 'gzip, br' })
    expect(answer.headers).toMatchObject({ vary: 'Accept-Encoding' })
    expect(answer.headers).not.toHaveProperty('content-encoding')
    expect(JSON.parse(answer.body.toString())).toEqual({ data: { echo: 'short' } })
  })

  test('a browser of a listed origin is told that its origin matters too', async () => {
    const listed = await tinyGraph({ corsOrigins: ['https://shop.example'] })
    try {
      const at = `http://127.0.0.1:${await listed.gateway.listen({ port: 0 })}`
      for (const headers of [{}, { origin: 'https://shop.example' }] as Record<string, string>[])
        for (const [, body] of DOORS)
          expect((await ask(body('short'), headers, at)).headers.vary).toBe('Accept-Encoding, Origin')
    } finally {
      await listed.gateway.close()
    }
  })

  test('nothing is compressed, and nothing said of it, where that is off', async () => {
    const off = await tinyGraph({ compression: false })
    try {
      const at = `http://127.0.0.1:${await off.gateway.listen({ port: 0 })}`
      for (const [, body] of DOORS) {
        const { headers } = await ask(body(text), { 'accept-encoding': 'gzip' }, at)
        expect(headers).not.toHaveProperty('content-encoding')
        expect(headers).not.toHaveProperty('vary')
      }
    } finally {
      await off.gateway.close()
    }
  })

  test('a request whose own body is compressed is refused, in words', async () => {
    const { statusCode, headers, body } = await ask(persisted(text), { 'content-encoding': 'gzip' })
    expect(statusCode).toBe(415)
    expect(headers['accept-encoding']).toBe('identity')
    expect(JSON.parse(body.toString())).toEqual({
      errors: [
        {
          message: 'expected a body that is not compressed',
          extensions: { code: 'UNSUPPORTED_MEDIA_TYPE' },
        },
      ],
    })
  })
})
