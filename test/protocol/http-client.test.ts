import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { deadlineIn } from '../../protocol/deadline.ts'
import { HttpClient, type HttpClientOptions } from '../../protocol/http-client.ts'
import { verifyIdentity } from '../../protocol/identity.ts'
import { RawHttpServer, type RawRequest, response } from '../harness/raw-http.ts'
import { ALICE, requestOf } from '../harness/scripted-subgraph.ts'

// Long enough for the whole file; tests of deadlines set their own.
const deadlineMs = deadlineIn(600_000)
const QUERY = requestOf('query', { do: 'echo' }, { deadlineMs })
const MUTATION = requestOf('mutation', { do: 'echo' }, { deadlineMs })
const ANSWER = '{"data":{"do":"done"}}'
const OURS = { 'spillway-batch': '1' }
const LINES = { ...OURS, 'content-type': 'application/x-ndjson' }

let server: RawHttpServer | undefined
let client: HttpClient | undefined

async function against(
  answer: (request: RawRequest) => void,
  options: Partial<HttpClientOptions> = {},
): Promise<HttpClient> {
  server = new RawHttpServer(answer)
  client = new HttpClient({ name: 'raw', url: await server.listen(), sender: 'gateway', ...options })
  return client
}

/** A client to a server that speaks the envelope; `answer` sees batches only. */
async function againstBatches(
  answer: (request: RawRequest, items: readonly { index: number }[]) => void,
  options: Partial<HttpClientOptions> = {},
): Promise<HttpClient> {
  const http = await against(request => {
    if (request.head.startsWith('get')) request.socket.write(response(200, '{}', OURS))
    else answer(request, JSON.parse(request.body).items)
  }, options)
  await http.ready()
  server!.requests.length = 0
  return http
}

/** What each of these requests came to: its data's `do`, or its fault's code. */
async function outcomesOf(http: HttpClient, requests: readonly (typeof QUERY)[]): Promise<unknown[]> {
  const settled = await Promise.allSettled(requests.map(request => http.execute(request)))
  return settled.map(o => (o.status === 'fulfilled' ? o.value.data?.do : o.reason.code))
}

const bothOf = (http: HttpClient): Promise<unknown[]> => outcomesOf(http, [QUERY, MUTATION])

afterEach(async () => {
  await client?.close()
  await server?.close()
  client = undefined
  server = undefined
})

describe('a plain GraphQL server', () => {
  it('gets one POST an operation, and is never sent an envelope', async () => {
    const http = await against(({ socket }) => socket.write(response(200, ANSWER)))
    for (let i = 0; i < 3; i++) expect((await http.execute(QUERY)).data).toEqual({ do: 'done' })
    expect(http.isBatching).toBe(false)
    const { head, body } = server!.requests[0]!
    expect(JSON.parse(body)).toEqual({ query: QUERY.operation, variables: QUERY.variables })
    expect(head).toContain('accept: application/graphql-response+json, application/json;q=0.9')
    expect(head).toMatch(/spillway-remaining-ms: \d+/)
    expect(head).not.toContain('spillway-identity')
  })

  it.each([
    [200, { 'content-type': 'application/graphql-response+json; charset=utf-8' }],
    [400, { 'content-type': 'application/graphql-response+json' }],
    [500, { 'content-type': 'application/json' }],
    [401, { 'content-type': 'application/json; charset=utf-8' }],
  ])('answers with a GraphQL body under status %i', async (status, headers) => {
    const body = '{"errors":[{"message":"no","path":null}],"data":null}'
    const http = await against(({ socket }) => socket.write(response(status, body, headers)))
    const answer = { data: null, errors: [{ message: 'no' }] }
    expect([await http.execute(QUERY), await http.execute(MUTATION)]).toEqual([answer, answer])
  })

  it('that has no health endpoint is ready when it answers the smallest query', async () => {
    const http = await against(({ head, socket }) =>
      socket.write(
        head.startsWith('get') ? response(404, 'no') : response(200, '{"data":{"__typename":"Query"}}'),
      ),
    )
    await http.ready()
    expect(server!.requests[1]!.body).toContain('{ __typename }')
  })
})

describe('a bad answer', () => {
  it.each([
    ['HTML with status 200', response(200, '<html>', { 'content-type': 'text/html' })],
    ['JSON that is cut off', response(200, '{"data":{"do"')],
    ['JSON that is no GraphQL', response(200, '{"ok":true}')],
    ['a list', response(200, '[]')],
    ['nothing', response(200, '')],
    ['data that is a string', response(200, '{"data":"x"}')],
    ['errors without a message', response(200, '{"errors":[{}]}')],
    ['no content type', `HTTP/1.1 200 OK\r\ncontent-length: ${ANSWER.length}\r\n\r\n${ANSWER}`],
    ['a 502 page', response(502, '<html>', { 'content-type': 'text/html' })],
    ['garbage in place of HTTP', 'garbage\r\n\r\n'],
  ])('%s: a query is SUBGRAPH_BAD_ANSWER, a mutation OUTCOME_UNKNOWN, both asked once', async (_, bytes) => {
    const http = await against(({ socket }) => socket.write(bytes))
    expect(await bothOf(http)).toEqual(['SUBGRAPH_BAD_ANSWER', 'OUTCOME_UNKNOWN'])
    expect(server!.requests.length).toBe(2)
  })

  it('over its bound of bytes is given up', async () => {
    const http = await against(
      ({ socket }) => socket.write(response(200, `{"data":{"x":"${'x'.repeat(2_000)}"}}`)),
      {
        answerBytesMax: 1_000,
      },
    )
    await expect(http.execute(QUERY)).rejects.toMatchObject({
      code: 'SUBGRAPH_BAD_ANSWER',
      message: 'raw: expected an answer, got more than 1000 bytes',
    })
    await expect(http.execute(MUTATION)).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' })
  })

  it.each([302, 400, 401, 403, 404, 413, 415])('status %i means that nothing ran', async status => {
    const http = await against(({ socket }) =>
      socket.write(response(status, 'no', { 'content-type': 'text/plain', location: '/elsewhere' })),
    )
    expect(await bothOf(http)).toEqual(['SUBGRAPH_BAD_ANSWER', 'SUBGRAPH_BAD_ANSWER'])
    expect(server!.requests.length).toBe(2)
  })
})

describe('an identity that one of our subgraphs refuses', () => {
  const refused = response(
    401,
    '{"errors":[{"message":"identity refused (signature)","extensions":{"code":"UNAUTHENTICATED","reason":"signature"}}]}',
    OURS,
  )
  it.each(['alone', 'in a batch'])(
    '%s: is told with its reason, which the fault keeps to itself',
    async how => {
      const told: unknown[] = []
      const options = { onIdentityRefused: (refusal: unknown) => told.push(refusal) }
      const http =
        how === 'alone'
          ? await against(({ socket }) => socket.write(refused), options)
          : await againstBatches(({ socket }) => socket.write(refused), options)
      await expect(http.execute(MUTATION)).rejects.toMatchObject({
        code: 'SUBGRAPH_BAD_ANSWER',
        message: 'raw: expected an answer, got status 401',
      })
      expect(told).toEqual([{ status: 401, reason: 'signature', message: 'identity refused (signature)' }])
    },
  )
})

describe('overload', () => {
  it('429 refuses queries and mutations alike, and says when to ask again', async () => {
    const http = await against(({ socket }) =>
      socket.write(response(429, 'slow down', { 'content-type': 'text/plain', 'retry-after': '7' })),
    )
    for (const request of [QUERY, MUTATION]) {
      await expect(http.execute(request)).rejects.toMatchObject({
        extensions: { code: 'SUBGRAPH_OVERLOADED', retryAfterMs: 7_000 },
      })
    }
  })

  it('503 of a proxy proves nothing about a mutation', async () => {
    const http = await against(({ socket }) =>
      socket.write(response(503, 'upstream reset', { 'content-type': 'text/plain' })),
    )
    expect(await bothOf(http)).toEqual(['SUBGRAPH_OVERLOADED', 'OUTCOME_UNKNOWN'])
  })

  it('503 of our own subgraph is what its body says', async () => {
    const body =
      '{"errors":[{"message":"full","extensions":{"code":"SUBGRAPH_OVERLOADED","retryAfterMs":9}}]}'
    const http = await against(({ socket }) => socket.write(response(503, body, OURS)))
    await expect(http.execute(MUTATION)).rejects.toMatchObject({
      extensions: { code: 'SUBGRAPH_OVERLOADED', retryAfterMs: 9 },
    })
  })

  it('refuses what finds the queue full', async () => {
    const held: RawRequest[] = []
    const http = await against(request => held.push(request), { plainLanesMax: 1, queueMax: 1 })
    const first = http.execute(QUERY)
    await vi.waitUntil(() => held.length === 1)
    const second = http.execute(QUERY)
    expect([http.depth, http.inFlight]).toEqual([1, 1])
    await expect(http.execute(QUERY)).rejects.toMatchObject({ code: 'SUBGRAPH_OVERLOADED' })
    held[0]!.socket.write(response(200, ANSWER))
    await first
    await vi.waitUntil(() => held.length === 2)
    held[1]!.socket.write(response(200, ANSWER))
    await second
  })
})

describe('connections', () => {
  it('a dead server is SUBGRAPH_UNREACHABLE for mutations too: nothing was sent', async () => {
    const http = await against(() => {})
    await server!.close()
    server = undefined
    for (const request of [QUERY, MUTATION]) {
      await expect(http.execute(request)).rejects.toMatchObject({
        extensions: { code: 'SUBGRAPH_UNREACHABLE', retryAfterMs: 1_000, service: 'raw' },
      })
    }
    await expect(http.ready()).rejects.toMatchObject({ code: 'SUBGRAPH_UNREACHABLE' })
  })

  it('reset before an answer: a query is sent again once, a mutation never', async () => {
    const http = await against(({ socket }) => socket.destroy())
    expect(await outcomesOf(http, [QUERY])).toEqual(['SUBGRAPH_UNREACHABLE'])
    expect(server!.requests.length).toBe(2)
    expect(await outcomesOf(http, [MUTATION])).toEqual(['OUTCOME_UNKNOWN'])
    expect(server!.requests.length).toBe(3)
  })

  it('a query whose second connection holds gets its answer', async () => {
    const http = await against(({ number, socket }) =>
      number === 0 ? socket.destroy() : socket.write(response(200, ANSWER)),
    )
    expect(await outcomesOf(http, [QUERY])).toEqual(['done'])
  })

  it('reset in the middle of the body', async () => {
    const http = await against(({ socket }) => socket.end(response(200, ANSWER).slice(0, -5)))
    expect(await outcomesOf(http, [QUERY])).toEqual(['SUBGRAPH_BAD_ANSWER'])
    expect(await outcomesOf(http, [MUTATION])).toEqual(['OUTCOME_UNKNOWN'])
    expect(server!.requests.length).toBe(3)
  })

  it('a server that never answers is given up at the deadline, and its connection closed', async () => {
    const http = await against(() => {})
    const start = performance.now()
    const deadlineMs = deadlineIn(80)
    expect(
      await outcomesOf(http, [
        { ...QUERY, deadlineMs },
        { ...MUTATION, deadlineMs },
      ]),
    ).toEqual(['SUBGRAPH_TIMEOUT', 'OUTCOME_UNKNOWN'])
    expect(performance.now() - start).toBeGreaterThanOrEqual(79)
    await vi.waitUntil(() => server!.requests.every(({ socket }) => socket.destroyed))
    expect(http.inFlight).toBe(0)
  })

  it('a mutation that could not be connected by its deadline was not sent, and is SUBGRAPH_TIMEOUT', async () => {
    // TLS never completes against a server that says nothing, so that no request is ever written.
    const silent = createServer(socket => socket.on('error', () => {}).resume())
    silent.listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const { port } = silent.address() as AddressInfo
    const url = `https://127.0.0.1:${port}/graphql`
    client = new HttpClient({ name: 'raw', url, sender: 'gateway', connectMsMax: 500 })
    await expect(client.execute({ ...MUTATION, deadlineMs: deadlineIn(80) })).rejects.toMatchObject({
      code: 'SUBGRAPH_TIMEOUT',
    })
    await client.close()
    silent.close()
    await once(silent, 'close')
  })
})

describe('batches', () => {
  it('carries what waits in one body, writes a shared operation once, and signs the whole', async () => {
    const key = 'a-key-for-this-test-only-and-no-other'
    const http = await againstBatches(
      ({ socket }, items) => {
        const lines = items.toReversed().map(({ index }) => `{"index":${index},"data":{"do":"${index}"}}\n`)
        socket.write(response(200, lines.join(''), LINES))
      },
      { identityKey: key },
    )
    expect(await outcomesOf(http, [QUERY, QUERY, MUTATION])).toEqual(['0', '1', '2'])
    const [{ head, body }] = server!.requests as [RawRequest]
    expect(server!.requests.length).toBe(1)
    expect(JSON.parse(body).operations).toEqual([
      { kind: 'query', text: QUERY.operation },
      { kind: 'mutation', text: MUTATION.operation },
    ])
    expect(JSON.parse(body).items[2]).toMatchObject({
      index: 2,
      operation: 1,
      caller: ALICE,
      priority: 'CLAIM',
    })
    const header = /spillway-identity: (\S+)/.exec(server!.requests[0]!.head)?.[1]
    // The raw server lower-cases heads, so the signature is judged by its shape here and by the server's own tests.
    expect(header).toMatch(/^v1\.[\w-]+\.[\w-]+$/)
    expect(() => verifyIdentity(header, body, [key])).toThrow('signature')
    expect(head).toContain('content-type: application/vnd.spillway.batch+json')
  })

  it('half answered, then closed: missing mutations are OUTCOME_UNKNOWN, missing queries asked once more', async () => {
    const http = await againstBatches(({ number, socket }, items) => {
      const [first] = items as [{ index: number }]
      const line = `{"index":${first.index},"data":{"do":"answered"}}\n`
      if (number > 0) socket.write(response(200, line, LINES))
      else socket.end(response(200, line, { ...LINES, 'content-length': '1000' }))
    })
    expect(await outcomesOf(http, [MUTATION, MUTATION, QUERY])).toEqual([
      'answered',
      'OUTCOME_UNKNOWN',
      'answered',
    ])
    expect(JSON.parse(server!.requests[1]!.body).items).toMatchObject([{ index: 2 }])
    expect(server!.requests.length).toBe(2)
  })

  it('half answered, then ended: missing mutations are OUTCOME_UNKNOWN, missing queries SUBGRAPH_BAD_ANSWER', async () => {
    const http = await againstBatches(({ socket }) =>
      socket.write(response(200, '{"index":0,"data":{"do":"answered"}}\n', LINES)),
    )
    expect(await outcomesOf(http, [QUERY, QUERY, MUTATION])).toEqual([
      'answered',
      'SUBGRAPH_BAD_ANSWER',
      'OUTCOME_UNKNOWN',
    ])
    expect(server!.requests.length).toBe(1)
  })

  it.each([
    ['garbage', 'garbage'],
    ['another index', '{"index":77,"data":{"do":"x"}}'],
    ['no index', '{"data":{"do":"x"}}'],
    ['no answer', '{"index":1}'],
    ['a fault that nobody knows', '{"index":1,"fault":{"code":"X","message":"x"}}'],
    ['more than its bound', `{"index":1,"data":{"do":"${'x'.repeat(500)}"}}`],
    ['an end without a line feed', '{"index":1,"data":{"do":"x"'],
  ])('a line that is %s costs its own item only', async (_, line) => {
    const good = (index: number): string => `{"index":${index},"data":{"do":"good"}}\n`
    const http = await againstBatches(
      ({ socket }) => socket.write(response(200, `${good(0)}${good(2)}${line}`, LINES)),
      { answerBytesMax: 400 },
    )
    expect(await outcomesOf(http, [QUERY, QUERY, QUERY])).toEqual(['good', 'SUBGRAPH_BAD_ANSWER', 'good'])
  })

  it('answers each item as its line comes, in whatever pieces the bytes arrive', async () => {
    let socket: RawRequest['socket'] | undefined
    const http = await againstBatches(request => {
      socket = request.socket
      const head =
        'HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n'
      socket.write(head)
    })
    const write = (bytes: Buffer): void => {
      socket!.write(`${bytes.length.toString(16)}\r\n`)
      socket!.write(bytes)
      socket!.write('\r\n')
    }
    const first = http.execute(QUERY)
    const second = http.execute(QUERY)
    await vi.waitUntil(() => socket !== undefined)
    const bytes = Buffer.from('{"index":1,"data":{"do":"奶茶"}}\n')
    for (const byte of bytes) write(Buffer.of(byte))
    expect((await second).data).toEqual({ do: '奶茶' })
    write(Buffer.from('{"index":0,"data":{"do":"later"}}\n'))
    expect((await first).data).toEqual({ do: 'later' })
    socket!.write('0\r\n\r\n')
  })

  it('refused whole by one of our subgraphs: nothing ran, so mutations are not unknown', async () => {
    const body = '{"errors":[{"message":"expired","extensions":{"code":"UNAUTHENTICATED"}}]}'
    const http = await againstBatches(({ socket }) => socket.write(response(401, body, OURS)))
    await expect(http.execute(MUTATION)).rejects.toMatchObject({
      code: 'SUBGRAPH_BAD_ANSWER',
      message: 'raw: expected an answer, got status 401',
    })
  })

  it.each([
    ['a 502 of a proxy', response(502, 'bad gateway', { 'content-type': 'text/plain' })],
    ['HTML', response(200, '<html>', { 'content-type': 'text/html' })],
  ])('answered by %s: mutations are OUTCOME_UNKNOWN', async (_, bytes) => {
    const http = await againstBatches(({ socket }) => socket.write(bytes))
    expect(await bothOf(http)).toEqual(['SUBGRAPH_BAD_ANSWER', 'OUTCOME_UNKNOWN'])
  })

  it('goes back to plain requests when the envelope is refused, and loses nothing', async () => {
    const http = await against(({ head, socket }) => {
      if (head.startsWith('get')) socket.write(response(200, '{}', OURS))
      else if (head.includes('vnd.spillway.batch'))
        socket.write(response(415, 'what?', { 'content-type': 'text/plain' }))
      else socket.write(response(200, ANSWER))
    })
    await http.ready()
    expect(await outcomesOf(http, [QUERY, MUTATION, QUERY])).toEqual(['done', 'done', 'done'])
    expect(http.isBatching).toBe(false)
    expect(server!.requests.length).toBe(1 + 1 + 3)
  })

  it('keeps each body under its bound, whatever the items weigh', async () => {
    const http = await againstBatches(
      ({ socket }, items) => {
        const lines = items.map(({ index }) => `{"index":${index},"data":{"do":"${index}"}}\n`)
        socket.write(response(200, lines.join(''), LINES))
      },
      { batchBytesMax: 4_096 },
    )
    const heavy = Array.from({ length: 20 }, () =>
      requestOf('query', { text: '奶'.repeat(300) }, { deadlineMs }),
    )
    expect(await outcomesOf(http, heavy)).toEqual(heavy.map((_, index) => `${index}`))
    expect(server!.requests.length).toBeGreaterThan(4)
    for (const { body } of server!.requests) expect(Buffer.byteLength(body)).toBeLessThanOrEqual(4_096)
  })

  it('leaves out an item that JSON cannot write', async () => {
    const http = await againstBatches(({ socket }, items) => {
      const lines = items.map(({ index }) => `{"index":${index},"data":{"do":"done"}}\n`)
      socket.write(response(200, lines.join(''), LINES))
    })
    const big = requestOf('mutation', { n: 1n }, { deadlineMs })
    expect(await outcomesOf(http, [QUERY, big, QUERY])).toEqual(['done', 'SUBGRAPH_BAD_ANSWER', 'done'])
  })
})

describe('misuse', () => {
  it('refuses bounds, keys and addresses that cannot be meant', () => {
    const options = { name: 'raw', url: 'http://127.0.0.1:1/graphql', sender: 'gateway' }
    expect(() => new HttpClient({ ...options, lanesMax: 0 })).toThrow(
      'raw: lanesMax: expected a positive integer, got 0',
    )
    expect(() => new HttpClient({ ...options, identityKey: 'short' })).toThrow(
      'expected an identity key of at least 32 characters, got 5',
    )
    expect(() => new HttpClient({ ...options, url: 'coupon:4001' })).toThrow()
  })
})
