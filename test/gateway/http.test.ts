import { once } from 'node:events'
import { connect } from 'node:net'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hashOf, OPERATIONS, type TinyGraph, tinyGraph } from '../harness/tiny-graph.ts'

/** What is wrong with a request, what is sent, and the status and code that it must get. */
type Refused = readonly [
  string,
  RequestInit & { readonly search?: string; readonly path?: string },
  number,
  string,
]

const JSON_TYPE = { 'content-type': 'application/json' }
const QUERY = '{ who }'
const post = (body: unknown, headers: Record<string, string> = {}): RequestInit => ({
  method: 'POST',
  headers: { ...JSON_TYPE, ...headers },
  body: typeof body === 'string' ? body : JSON.stringify(body),
})
const get = (params: Record<string, string>, headers: Record<string, string> = JSON_TYPE) => ({
  search: `?${new URLSearchParams(params)}`,
  headers,
})
const pq = (persistedQuery: unknown): object => ({ extensions: { persistedQuery } })
const HASH = 'a'.repeat(64)

/** Fifteen levels of `deep`. */
const tooDeep = `{ ${'deep { '.repeat(15)}leaf${' }'.repeat(15)} }`
/** Ten levels, by fragments of two each. */
const fragments = Array.from(
  { length: 12 },
  (_, i) => `fragment f${i} on Deep { a: deep { ...f${i + 1} } b: deep { ...f${i + 1} } }`,
)
const exploding = `{ deep { ...f0 } } ${fragments.join(' ')} fragment f12 on Deep { leaf }`

const REFUSED: readonly Refused[] = [
  ['an empty body', post(''), 400, 'BAD_REQUEST'],
  ['malformed JSON', post('{"query":'), 400, 'BAD_REQUEST'],
  ['a prototype in JSON', post('{"__proto__":{"x":1},"query":"{who}"}'), 400, 'BAD_REQUEST'],
  ['a body that is null', post('null'), 400, 'BAD_REQUEST'],
  ['a body that is a number', post('7'), 400, 'BAD_REQUEST'],
  ['a body without members', post('{}'), 400, 'BAD_REQUEST'],
  ['a batch', post([{ query: QUERY }, { query: QUERY }]), 400, 'BAD_REQUEST'],
  ['an empty batch', post('[]'), 400, 'BAD_REQUEST'],
  ['no operation', post({ variables: {} }), 400, 'BAD_REQUEST'],
  ['a query that is no string', post({ query: 7 }), 400, 'BAD_REQUEST'],
  ['variables that are a string', post({ query: QUERY, variables: '{}' }), 400, 'BAD_REQUEST'],
  ['variables that are a list', post({ query: QUERY, variables: [] }), 400, 'BAD_REQUEST'],
  ['extensions that are a list', post({ query: QUERY, extensions: [] }), 400, 'BAD_REQUEST'],
  ['an operation name that is no string', post({ query: QUERY, operationName: 1 }), 400, 'BAD_REQUEST'],
  ['a hash of another version', post(pq({ version: 2, sha256Hash: HASH })), 400, 'BAD_REQUEST'],
  ['a hash that is none', post(pq({ version: 1, sha256Hash: 'ABC' })), 400, 'BAD_REQUEST'],
  ['a document id of another kind', post({ documentId: 'md5:00' }), 400, 'BAD_REQUEST'],
  [
    'two names',
    post({ documentId: `sha256:${HASH}`, ...pq({ version: 1, sha256Hash: 'b'.repeat(64) }) }),
    400,
    'BAD_REQUEST',
  ],
  [
    'a hash of other text',
    post({ query: QUERY, ...pq({ version: 1, sha256Hash: HASH }) }),
    400,
    'PERSISTED_QUERY_HASH_MISMATCH',
  ],
  ['an unknown hash', post(pq({ version: 1, sha256Hash: HASH })), 200, 'PERSISTED_QUERY_NOT_FOUND'],
  ['an unknown document id', post({ documentId: `sha256:${HASH}` }), 200, 'PERSISTED_QUERY_NOT_FOUND'],
  ['an unknown document id by GET', get({ documentId: `sha256:${HASH}` }), 200, 'PERSISTED_QUERY_NOT_FOUND'],
  ['text that is not GraphQL', post({ query: '{ who' }), 400, 'GRAPHQL_PARSE_FAILED'],
  ['an unknown field', post({ query: '{ nothing }' }), 400, 'GRAPHQL_VALIDATION_FAILED'],
  ['an inaccessible field', post({ query: '{ hidden }' }), 400, 'GRAPHQL_VALIDATION_FAILED'],
  ["a subgraph's own field", post({ query: '{ _service { sdl } }' }), 400, 'GRAPHQL_VALIDATION_FAILED'],
  [
    'several operations, none named',
    post({ query: 'query A { who } query B { who }' }),
    400,
    'OPERATION_RESOLUTION_FAILURE',
  ],
  ['a missing variable', post({ query: OPERATIONS.Product }), 400, 'BAD_INPUT'],
  ['a subscription', post({ query: 'subscription { who }' }), 400, 'OPERATION_NOT_SUPPORTED'],
  ['too many tokens', post({ query: `{ ${'who '.repeat(2_100)} }` }), 400, 'MAX_TOKENS_LIMIT'],
  ['too many levels', post({ query: tooDeep }), 400, 'MAX_DEPTH_LIMIT'],
  [
    'too many root fields',
    post({ query: `{ ${Array.from({ length: 16 }, (_, i) => `a${i}: who`).join(' ')} }` }),
    400,
    'MAX_ROOT_FIELDS_LIMIT',
  ],
  [
    'introspection of many lists',
    post({
      query: `{ ${Array.from({ length: 17 }, (_, i) => `a${i}: __schema { types { fields { name } } }`)} }`,
    }),
    400,
    'OPERATION_TOO_LARGE',
  ],
  ['an alias that sets a prototype', post({ query: '{ __proto__: __typename }' }), 400, 'BAD_INPUT'],
  [
    'a variable that sets a prototype',
    post({ query: 'query ($__proto__: String) { echo(text: $__proto__) }' }),
    400,
    'BAD_INPUT',
  ],
  ['fragments that explode', post({ query: exploding }), 400, 'MAX_DEPTH_LIMIT'],
  ['NUL in a literal', post({ query: '{ echo(text: "a\\u0000") }' }), 400, 'BAD_INPUT'],
  ['no content type', { method: 'POST', body: new Uint8Array([123, 125]) }, 415, 'UNSUPPORTED_MEDIA_TYPE'],
  [
    'text as content type',
    post({ query: QUERY }, { 'content-type': 'text/plain' }),
    415,
    'UNSUPPORTED_MEDIA_TYPE',
  ],
  [
    'a form',
    post('query={who}', { 'content-type': 'application/x-www-form-urlencoded' }),
    415,
    'UNSUPPORTED_MEDIA_TYPE',
  ],
  [
    'an upload',
    post('x', { 'content-type': 'multipart/form-data; boundary=x' }),
    415,
    'UNSUPPORTED_MEDIA_TYPE',
  ],
  [
    'an oversized body',
    post({ query: QUERY, variables: { text: 'x'.repeat(256 * 1024) } }),
    413,
    'PAYLOAD_TOO_LARGE',
  ],
  ['a GET that any page could send', get({ query: QUERY }, {}), 400, 'BAD_REQUEST'],
  [
    'a GET with an empty proof',
    get({ query: QUERY }, { 'apollo-require-preflight': '' }),
    400,
    'BAD_REQUEST',
  ],
  [
    'a GET with the content type of a form',
    get({ query: QUERY }, { 'content-type': 'text/plain' }),
    415,
    'UNSUPPORTED_MEDIA_TYPE',
  ],
  ['a GET without operation', get({}), 400, 'BAD_REQUEST'],
  ['variables of a GET that are no JSON', get({ query: QUERY, variables: '{' }), 400, 'BAD_REQUEST'],
  ['a parameter given twice', { search: '?query={who}&query={who}', headers: JSON_TYPE }, 400, 'BAD_REQUEST'],
  [
    'a mutation by GET',
    get({ query: OPERATIONS.Claim!, variables: '{"input":{"campaignId":"a"}}' }),
    405,
    'METHOD_NOT_ALLOWED',
  ],
  ['a media type that is not served', post({ query: QUERY }, { accept: 'text/html' }), 406, 'NOT_ACCEPTABLE'],
  ['another method', { method: 'PUT', ...get({ query: QUERY }) }, 405, 'METHOD_NOT_ALLOWED'],
  ['a path that is no text', { path: '/%zz' }, 400, 'BAD_REQUEST'],
  ['a path with nothing', { path: '/nothing' }, 404, 'NOT_FOUND'],
  [
    'another scheme of authorization',
    post({ query: QUERY }, { authorization: 'Basic YTpi' }),
    401,
    'UNAUTHENTICATED',
  ],
  ['an empty token', post({ query: QUERY }, { authorization: 'Bearer ' }), 401, 'UNAUTHENTICATED'],
  [
    'a token where none is taken',
    post({ query: QUERY }, { authorization: 'Bearer a.b.c' }),
    401,
    'UNAUTHENTICATED',
  ],
]

describe('a request that is refused gets its status and code, and runs nothing', () => {
  let graph: TinyGraph
  let url: string
  beforeAll(async () => {
    graph = await tinyGraph({ explorers: false })
    url = `http://127.0.0.1:${await graph.gateway.listen({ port: 0 })}`
  })
  afterAll(() => graph.gateway.close())

  test.each(REFUSED)('%s', async (_, { search = '', path = '/graphql', ...init }, status, code) => {
    const executed = graph.executed.length
    const response = await fetch(`${url}${path}${search}`, init)
    const body = (await response.json()) as { errors: { extensions: { code: string } }[]; data?: unknown }
    expect([response.status, body.errors[0]!.extensions.code]).toEqual([status, code])
    expect(body).not.toHaveProperty('data')
    expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8')
    expect(response.headers.get('x-request-id')).toBeTruthy()
    expect(response.headers.get('x-content-type-options')).toBe('nosniff')
    expect(graph.executed.length).toBe(executed)
    if (code === 'PERSISTED_QUERY_NOT_FOUND') {
      expect(response.headers.get('cache-control')).toBe('private, no-cache, must-revalidate')
    }
    if (status === 401)
      expect(response.headers.get('www-authenticate')).toMatch(/^Bearer realm="spillway", error="invalid_/)
  })

  test.each([
    [
      'headers that are too large',
      `GET / HTTP/1.1\r\nhost: a\r\nx: ${'y'.repeat(17 * 1024)}\r\n\r\n`,
      431,
      'HEADERS_TOO_LARGE',
    ],
    [
      'a path that is too long',
      `GET /graphql?${'y'.repeat(17 * 1024)} HTTP/1.1\r\nhost: a\r\n\r\n`,
      431,
      'HEADERS_TOO_LARGE',
    ],
    ['what is not HTTP', 'hello\r\n\r\n', 400, 'BAD_REQUEST'],
  ])('%s', async (_, bytes, status, code) => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1')
    let text = ''
    socket.on('data', chunk => {
      text += chunk
    })
    socket.end(bytes)
    await once(socket, 'close')
    expect(text).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    expect(JSON.parse(text.slice(text.indexOf('\r\n\r\n'))).errors[0].extensions.code).toBe(code)
  })

  test.each([
    ['PUT', '/graphql', 'GET, POST'],
    ['HEAD', '/graphql', 'GET, POST'],
    ['GET', '/mcp', 'POST'],
    ['HEAD', '/mcp', 'POST'],
  ])('%s %s is told what is allowed', async (method, path, allowed) => {
    const response = await fetch(`${url}${path}`, { method })
    expect([response.status, response.headers.get('allow')]).toEqual([405, allowed])
  })

  test('variables of a GET may nest as deep as a request is long', async () => {
    const deep = `{"unused":${'['.repeat(7_000)}${']'.repeat(7_000)}}`
    // Unescaped, so that it stays within the headers' limit.
    const response = await graph.gateway.app.inject({
      url: `/graphql?query=%7B__typename%7D&variables=${deep}`,
      headers: JSON_TYPE,
    })
    expect([response.statusCode, response.json()]).toEqual([200, { data: { __typename: 'Query' } }])
  })

  test('a variable that was not given is not found among what objects inherit', async () => {
    const query = 'query ($toString: String) { echo(text: $toString) }'
    expect(await (await fetch(`${url}/graphql`, post({ query }))).json()).toEqual({ data: { echo: null } })
  })

  test('a connection that spoke no HTTP is closed even if its other side keeps it open', async () => {
    const socket = connect({ port: Number(new URL(url).port), host: '127.0.0.1', allowHalfOpen: true })
    try {
      await once(socket, 'connect')
      const count = promisify(graph.gateway.app.server.getConnections.bind(graph.gateway.app.server))
      const open = (): Promise<number> => count()
      const before = await open()
      socket.write('hello\r\n\r\n')
      socket.resume()
      await once(socket, 'end')
      await expect.poll(open, { timeout: 5_000 }).toBeLessThan(before)
    } finally {
      socket.destroy()
    }
  })

  test('a text is registered under its hash once it proved valid, and not before', async () => {
    const ask = async (body: object): Promise<unknown> => (await fetch(`${url}/graphql`, post(body))).json()
    const invalid = '{ nothing }'
    await ask({ query: invalid, ...pq({ version: 1, sha256Hash: hashOf(invalid) }) })
    expect(await ask(pq({ version: 1, sha256Hash: hashOf(invalid) }))).toMatchObject({
      errors: [{ extensions: { code: 'PERSISTED_QUERY_NOT_FOUND' } }],
    })
    const valid = '{ echo(text: "registered") }'
    await ask({ query: valid, ...pq({ version: 1, sha256Hash: hashOf(valid) }) })
    expect(await ask({ documentId: `sha256:${hashOf(valid)}` })).toEqual({ data: { echo: 'registered' } })
  })

  test('introspection counts towards no limit, and has one of its own', async () => {
    const { getIntrospectionQuery } = await import('graphql')
    const response = await fetch(`${url}/graphql`, post({ query: getIntrospectionQuery() }))
    expect(response.status).toBe(200)
    expect(await response.json()).toHaveProperty('data.__schema')
  })
})

test('a request that does not arrive whole in time is given up', async () => {
  const graph = await tinyGraph({ limits: { requestMsMax: 200 } })
  const socket = connect(await graph.gateway.listen({ port: 0 }), '127.0.0.1')
  let text = ''
  socket.on('data', chunk => {
    text += chunk
  })
  socket.write(
    'POST /graphql HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{"q',
  )
  await once(socket, 'close')
  expect(text).toMatch(/^HTTP\/1.1 408 .*REQUEST_TIMEOUT/s)
  await graph.gateway.close()
})

test('a browser gets the page whatever else it accepts, and nothing is run for it', async () => {
  const graph = await tinyGraph({ explorers: true })
  for (const accept of ['text/html', 'text/html;q=0.1, */*']) {
    const response = await graph.gateway.app.inject({
      url: `/graphql?query=${encodeURIComponent(QUERY)}`,
      headers: { ...JSON_TYPE, accept },
    })
    expect([response.statusCode, response.headers['content-type']]).toEqual([200, 'text/html'])
    // Programs get JSON at the same address.
    expect(response.headers['cache-control']).toBe('no-store')
  }
  expect(graph.executed).toEqual([])
  await graph.gateway.close()
})

test('in production introspection is refused unless asked for, and suggests nothing', async () => {
  const graph = await tinyGraph({ production: true })
  const ask = async (query: string): Promise<string> =>
    (await graph.gateway.app.inject({ method: 'POST', url: '/graphql', payload: { query } })).body
  const refused = JSON.parse(await ask('{ __schema { types { name } } }')).errors[0]
  expect(refused.extensions.code).toBe('GRAPHQL_VALIDATION_FAILED')
  expect(refused.message).toBe('expected no __schema and no __type: introspection is off here')
  expect(await ask('{ produc { id } }')).not.toContain('product')
  expect((await graph.gateway.app.inject('/schema.graphql')).statusCode).toBe(404)
  expect((await graph.gateway.app.inject('/explorer')).statusCode).toBe(404)
  await graph.gateway.close()
  const asked = await tinyGraph({ production: true, introspection: true })
  expect((await asked.gateway.app.inject('/schema.graphql')).body).toContain('type Product')
  await asked.gateway.close()
})
