import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readRequestHead } from '../../gateway/request-head.ts'
import { RawClient } from '../harness/raw-client.ts'

const START = 'POST /graphql HTTP/1.1'
const head = (...lines: readonly string[]): string => `${lines.join('\r\n')}\r\n\r\n`
/** A good head with more fields. */
const withFields = (...fields: readonly string[]): string =>
  head(START, 'Host: spillway', 'Content-Length: 7', ...fields)
/** A good head with another request line, host or length. */
const withParts = ({ start = START, host = 'Host: spillway', length = 'Content-Length: 7' }): string =>
  head(start, host, length)

const TAKEN: readonly (readonly [why: string, head: string, bodyBytes: number])[] = [
  ['the plainest', withParts({}), 7],
  ['no body', withParts({ length: 'content-length: 0' }), 0],
  ['a host that is empty', withParts({ host: 'Host:' }), 7],
  ['no blank after the colon', withParts({ length: 'content-length:7' }), 7],
  ['blanks around a value', withParts({ length: 'content-length:    7   ' }), 7],
  ['blanks, colons and commas inside a value', withFields('x: a: b,  c'), 7],
  ['every character that a name may have', withFields("!#$%&'*+-.^_`|~09azAZ: a"), 7],
  ['a connection that stays', withFields('Connection: Keep-Alive', 'Keep-Alive: timeout=5'), 7],
  ['a name that is a property of every object', withFields('constructor: a', '__proto__: b'), 7],
]

const LEFT: readonly (readonly [why: string, head: string])[] = [
  // Two readers that disagree where a body ends
  ['a length and chunks', withFields('Transfer-Encoding: chunked')],
  ['chunks alone', head(START, 'Host: a', 'Transfer-Encoding: chunked')],
  ['chunks by a name in capitals', withFields('TRANSFER-ENCODING: identity')],
  ['chunks by a name with a blank', withFields('Transfer-Encoding : chunked')],
  ['two lengths', withFields('Content-Length: 8')],
  ['the same length twice', withFields('content-length: 7')],
  ['a list of lengths', withParts({ length: 'Content-Length: 7, 7' })],
  ['a length with a sign', withParts({ length: 'Content-Length: +7' })],
  ['a negative length', withParts({ length: 'Content-Length: -7' })],
  ['a length with a blank inside', withParts({ length: 'Content-Length: 7 7' })],
  ['a hexadecimal length', withParts({ length: 'Content-Length: 0x7' })],
  ['a length with an exponent', withParts({ length: 'Content-Length: 1e3' })],
  ['a length with a point', withParts({ length: 'Content-Length: 7.0' })],
  ['a length with zeros before it', withParts({ length: 'Content-Length: 007' })],
  ['a length of ten digits', withParts({ length: 'Content-Length: 4294967303' })],
  ['a length of no digit', withParts({ length: 'Content-Length:' })],
  ['no length', head(START, 'Host: a')],
  ['a length with a blank before the colon', withParts({ length: 'Content-Length : 7' })],
  ['a length in a line that goes on', withFields('x: a', ' Content-Length: 8')],
  ['a line that goes on after a tab', withFields('x: a', '\tb')],
  ['a blank before the first field', head(START, ' Host: a', 'Content-Length: 7')],
  ['lines that end in a bare line feed', `${START}\nHost: a\nContent-Length: 7\n\r\n\r\n`],
  ['one line that ends in a bare line feed', `${START}\r\nHost: a\nx: b\r\nContent-Length: 7\r\n\r\n`],
  ['a bare carriage return', withFields('x: a\rContent-Length: 8')],
  ['a NUL in a value', withFields('x: a\0b')],
  ['a NUL in a name', withFields('x\0: a')],
  ['a tab in a value', withFields('x: a\tb')],
  ['a DEL in a value', withFields('x: a\x7f')],
  ['a character beyond ASCII', withFields('x: é')],
  ['a name beyond ASCII', withFields('é: x')],
  ['a field without a name', withFields(': a')],
  ['a field without a colon', withFields('x')],
  ['a name in parentheses', withFields('(x): a')],
  ['a body in another coding', withFields('Content-Encoding: gzip')],
  // The request line
  ['another path', withParts({ start: 'POST /graphql/ HTTP/1.1' })],
  ['a query', withParts({ start: 'POST /graphql?a HTTP/1.1' })],
  ['an absolute target', withParts({ start: 'POST http://spillway/graphql HTTP/1.1' })],
  ['a path with dots', withParts({ start: 'POST /./graphql HTTP/1.1' })],
  ['a path with escapes', withParts({ start: 'POST /%67raphql HTTP/1.1' })],
  ['a method in lower case', withParts({ start: 'post /graphql HTTP/1.1' })],
  ['another method', withParts({ start: 'PUT /graphql HTTP/1.1' })],
  ['two blanks', withParts({ start: 'POST  /graphql HTTP/1.1' })],
  ['a blank at the end of the line', withParts({ start: 'POST /graphql HTTP/1.1 ' })],
  ['a tab', withParts({ start: 'POST\t/graphql HTTP/1.1' })],
  ['an empty line first', `\r\n${withParts({})}`],
  ['HTTP/1.0', withParts({ start: 'POST /graphql HTTP/1.0' })],
  ['HTTP/2', withParts({ start: 'PRI * HTTP/2.0' })],
  ['no version', withParts({ start: 'POST /graphql' })],
  // What decides over the connection
  ['no host', head(START, 'Content-Length: 7')],
  ['two hosts', withFields('Host: b')],
  ['a connection that ends', withFields('Connection: close')],
  ['a connection with more to say', withFields('Connection: keep-alive, x')],
  ['a connection with nothing to say', withFields('Connection:')],
  ['two connections', withFields('Connection: keep-alive', 'Connection: keep-alive')],
  ['a connection to a proxy', withFields('Proxy-Connection: close')],
  ['an upgrade', withFields('Connection: Upgrade', 'Upgrade: websocket')],
  ['an upgrade that the connection does not name', withFields('Upgrade: h2c')],
  ['settings of HTTP/2', withFields('HTTP2-Settings: AAMAAABk')],
  ['an expectation', withFields('Expect: 100-continue')],
  ['trailers', withFields('TE: trailers')],
  ['a trailer', withFields('Trailer: x')],
  // What Node reads in its own way
  ['a name twice', withFields('x: a', 'X: b')],
  ['a header that is a list to Node', withFields('Set-Cookie: a=b')],
  ['more fields than Node would keep', withFields(...Array.from({ length: 1_001 }, (_, i) => `x${i}: a`))],
]

describe('a head', () => {
  test.each(TAKEN)('is taken: %s', (_, text, bodyBytes) => {
    expect(readRequestHead(text)?.bodyBytes).toBe(bodyBytes)
  })

  test.each(LEFT)('is left to Node: %s', (_, text) => {
    expect(readRequestHead(text)).toBeUndefined()
  })

  test('is read by lower-case names, values trimmed', () => {
    expect({ ...readRequestHead(withFields('X-A:  b c ', 'accept: */*'))?.headers }).toEqual({
      host: 'spillway',
      'content-length': '7',
      'x-a': 'b c',
      accept: '*/*',
    })
  })

  test.each([
    ['blanks', ' '],
    ['letters', 'a'],
    ['colons', ':'],
    ['commas and blanks', ', '],
  ])('is read in time that grows with its length: %s and then what it may not have', (_, text) => {
    // Two minutes for a reader that tries every way to trim.
    const long = withFields(`x:${text.repeat(4_000 / text.length)}\x01`)
    expect(readRequestHead(long)).toBeUndefined()
    expect(readRequestHead(withFields(`x:${text.repeat(4_000 / text.length)}b`))).toBeDefined()
  })
})

interface Seen {
  readonly method: string | undefined
  readonly url: string | undefined
  readonly headers: IncomingHttpHeaders
  readonly bodyBytes: number
}

describe("Node's own parser", () => {
  let server: Server
  let port: number
  const seen: Seen[] = []
  beforeAll(async () => {
    server = createServer((request, response) => {
      let bodyBytes = 0
      request.on('data', (chunk: Buffer) => {
        bodyBytes += chunk.length
      })
      request.on('end', () => {
        seen.push({ method: request.method, url: request.url, headers: request.headers, bodyBytes })
        response.end()
      })
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    port = (server.address() as AddressInfo).port
  })
  afterAll(() => {
    server.closeAllConnections()
    server.close()
  })

  /** What Node makes of a head with its body, and of what follows it on the connection. */
  async function askNode(text: string, bodyBytes: number): Promise<readonly Seen[]> {
    seen.length = 0
    const client = await RawClient.connect(port)
    try {
      await client.send(`${text}${'x'.repeat(bodyBytes)}GET /next HTTP/1.1\r\nhost: a\r\n\r\n`)
      await client.responses(2)
      return [...seen]
    } finally {
      await client.close()
    }
  }

  const agrees = async (text: string): Promise<void> => {
    const read = readRequestHead(text)
    if (read === undefined) return
    const [first, next] = await askNode(text, read.bodyBytes)
    const { ['__proto__']: _, ...headers } = read.headers
    expect(first).toEqual({ method: 'POST', url: '/graphql', headers, bodyBytes: read.bodyBytes })
    expect(next?.url).toBe('/next')
  }

  test.each(TAKEN)('reads what is taken alike: %s', async (_, text) => await agrees(text))

  const FIELDS = [
    'Host: a',
    'host:a:80',
    'Content-Length: 7',
    'content-length:  12 ',
    'Content-Length: 0',
    'Content-Length: 07',
    'Content-Length: +7',
    'Content-Length: 7,7',
    'Transfer-Encoding: chunked',
    'Connection: keep-alive',
    'Connection: close',
    'Keep-Alive: timeout=5, max=2',
    'Expect: 100-continue',
    'Upgrade: h2c',
    'Content-Type: application/json',
    'Accept: */*',
    'Authorization: Bearer a.b.c',
    'Cookie: a=b; c=d',
    'User-Agent: a (b; c) d/1.0',
    'X-Forwarded-For: 1.2.3.4, 5.6.7.8',
    'x-request-id:',
    'Age: 1',
    'From: a@b',
    'Set-Cookie: a=b',
    'Trailer: x',
    'Date: Sat, 21 Nov 2026 13:15:50 GMT',
    'hasOwnProperty: a',
  ]
  const BREAKS = ['\r\n', '\r\n', '\r\n', '\r\n', '\r\n', '\r\n', '\n', '\r', '\r\n ', '\r\n\t', '\r\n\r\n']
  const characters = fc.string({
    unit: fc.constantFrom(
      ' ',
      '\t',
      ':',
      ',',
      ';',
      '"',
      '\\',
      '(',
      '\r',
      '\n',
      '\0',
      '\x7f',
      'é',
      'a',
      'Z',
      '0',
    ),
    maxLength: 6,
  })
  const field = fc.oneof(
    { weight: 12, arbitrary: fc.constantFrom(...FIELDS) },
    { weight: 1, arbitrary: fc.tuple(characters, characters).map(([name, value]) => `${name}:${value}`) },
    { weight: 3, arbitrary: characters.map(value => `x-${value.length}: a${value}b`) },
  )
  const breaking = fc.oneof(
    { weight: 30, arbitrary: fc.constant('\r\n') },
    { weight: 1, arbitrary: fc.constantFrom(...BREAKS) },
  )
  const heads = fc
    .record({
      start: fc.oneof(
        { weight: 20, arbitrary: fc.constant(START) },
        {
          weight: 1,
          arbitrary: fc.constantFrom('POST  /graphql HTTP/1.1', 'POST /graphql HTTP/1.0', 'GET / HTTP/1.1'),
        },
      ),
      needed: fc.shuffledSubarray(['Host: spillway', 'Content-Length: 5'], { minLength: 1 }),
      fields: fc.array(fc.tuple(field, breaking), { maxLength: 6 }),
      last: breaking,
    })
    .map(({ start, needed, fields, last }) =>
      [start, '\r\n', ...needed.flatMap(text => [text, '\r\n']), ...fields.flat(), last].join(''),
    )

  test('reads whatever is taken alike, and what follows it', async () => {
    let taken = 0
    await fc.assert(
      fc.asyncProperty(heads, async text => {
        // As its caller does: up to the first empty line.
        const end = text.indexOf('\r\n\r\n')
        if (end === -1) return
        const whole = text.slice(0, end + 4)
        if (readRequestHead(whole) !== undefined) taken++
        await agrees(whole)
      }),
      { numRuns: 3_000, seed: 7 },
    )
    expect(taken).toBeGreaterThan(300)
  })
})
