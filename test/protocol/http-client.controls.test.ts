import { afterEach, describe, expect, it, vi } from 'vitest'
import { deadlineIn } from '../../protocol/deadline.ts'
import { HttpClient, type HttpClientOptions } from '../../protocol/http-client.ts'
import type { SubgraphRequest } from '../../protocol/subgraph-client.ts'
import { RawHttpServer, type RawRequest, response } from '../harness/raw-http.ts'
import { requestOf } from '../harness/scripted-subgraph.ts'

const deadlineMs = deadlineIn(600_000)
const ANSWER = response(200, '{"data":{"do":"done"}}')
const OURS = { 'spillway-batch': '1' }
const LINES = { ...OURS, 'content-type': 'application/x-ndjson' }

type Item = { index: number; priority: string; variables: { n: number } }

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
  answer: (request: RawRequest, items: readonly Item[]) => void,
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

const requestNumber = (
  n: number,
  own: Partial<SubgraphRequest> = {},
  kind: 'query' | 'mutation' = 'query',
): SubgraphRequest => requestOf(kind, { n }, { deadlineMs, ...own })

const codeOf = (answer: Promise<unknown>): Promise<string> =>
  answer.then(
    () => 'answered',
    error => error.code,
  )

const answerLines = (items: readonly Item[]): string =>
  response(200, items.map(({ index }) => `{"index":${index},"data":{"do":"done"}}\n`).join(''), LINES)

afterEach(async () => {
  await client?.close()
  await server?.close()
  client = undefined
  server = undefined
})

describe('the one queue of a subgraph', () => {
  it.each(['alone', 'in batches'])('lets PAY overtake what browses, sent %s', async how => {
    const held: (() => void)[] = []
    const order: number[] = []
    const http =
      how === 'alone'
        ? await against(
            ({ body, socket }) => {
              order.push(JSON.parse(body).variables.n)
              held.push(() => socket.write(ANSWER))
            },
            { plainLanesMax: 1 },
          )
        : await againstBatches(
            ({ socket }, items) => {
              order.push(...items.map(({ variables }) => variables.n))
              held.push(() => socket.write(answerLines(items)))
            },
            { lanesStart: 1, lanesMax: 1, batchMax: 1 },
          )
    const answers = [http.execute(requestNumber(0, { priority: 'BROWSE' }))]
    await vi.waitUntil(() => held.length === 1)
    for (const n of [1, 2]) answers.push(http.execute(requestNumber(n, { priority: 'BROWSE' })))
    answers.push(http.execute(requestNumber(3, { priority: 'PAY' })))
    for (let i = 0; i < 4; i++) {
      await vi.waitUntil(() => held.length === i + 1)
      held[i]!()
    }
    await Promise.all(answers)
    expect(order).toEqual([0, 3, 1, 2])
  })

  it('answers at its deadline what still waits, and never sends it', async () => {
    const held: RawRequest[] = []
    const http = await against(request => held.push(request), { plainLanesMax: 1 })
    const first = http.execute(requestNumber(0))
    await vi.waitUntil(() => held.length === 1)
    const start = performance.now()
    const late = http.execute(requestNumber(1, { deadlineMs: deadlineIn(50) }, 'mutation'))
    await expect(late).rejects.toMatchObject({
      code: 'SUBGRAPH_TIMEOUT',
      message: 'raw: the deadline passed before the request was sent',
    })
    expect(performance.now() - start).toBeGreaterThanOrEqual(49)
    held[0]!.socket.write(ANSWER)
    await first
    expect([held.length, http.stats.expired]).toEqual([1, 1])
  })
})

describe('a time limit of the subgraph’s own', () => {
  it('ends what its request would have waited for', async () => {
    const http = await against(() => {}, { requestMsMax: 60 })
    expect(await codeOf(http.execute(requestNumber(0)))).toBe('SUBGRAPH_TIMEOUT')
    expect(await codeOf(http.execute(requestNumber(1, {}, 'mutation')))).toBe('OUTCOME_UNKNOWN')
    for (const { head } of server!.requests) {
      expect(Number(/spillway-remaining-ms: (\d+)/.exec(head)![1])).toBeLessThanOrEqual(60)
    }
  })

  it('gives no request more than it has', async () => {
    const http = await against(({ socket }) => socket.write(ANSWER), { requestMsMax: 50_000 })
    await http.execute(requestNumber(0, { deadlineMs: deadlineIn(5_000) }))
    const [, remaining] = /spillway-remaining-ms: (\d+)/.exec(server!.requests[0]!.head)!
    expect(Number(remaining)).toBeLessThanOrEqual(5_000)
  })

  it('is a time', () => {
    expect(() => new HttpClient({ name: 'raw', url: 'http://a/b', sender: 'x', requestMsMax: 0 })).toThrow(
      'raw: expected requestMsMax to be positive, got 0',
    )
  })
})

describe('headers passed on', () => {
  const headers = {
    'accept-language': 'zh',
    'content-length': '1',
    'content-type': 'text/plain',
    host: 'evil',
    'spillway-identity': 'forged',
    'spillway-priority': 'OPERATE',
    'transfer-encoding': 'chunked',
  }

  it('go with a plain request, but for what HTTP and the protocol say themselves', async () => {
    const http = await against(({ socket }) => socket.write(ANSWER))
    await http.execute(requestNumber(0, { headers, priority: 'BROWSE' }))
    const { head } = server!.requests[0]!
    expect(head).toContain('accept-language: zh')
    expect(head).toContain('spillway-priority: browse')
    expect(head).toContain('content-type: application/json')
    for (const forged of ['evil', 'forged', 'chunked', 'text/plain']) expect(head).not.toContain(forged)
  })

  it('go with their own item of a batch', async () => {
    const http = await againstBatches(({ socket }, items) => socket.write(answerLines(items)))
    await Promise.all([http.execute(requestNumber(0, { headers })), http.execute(requestNumber(1))])
    const { items } = JSON.parse(server!.requests[0]!.body)
    expect([items[0].headers, items[1].headers]).toEqual([headers, undefined])
  })

  it('that HTTP cannot carry cost their own request alone', async () => {
    const http = await against(({ socket }) => socket.write(ANSWER))
    expect(await codeOf(http.execute(requestNumber(0, { headers: { a: 'b\r\nc: d' } }, 'mutation')))).toBe(
      'SUBGRAPH_UNREACHABLE',
    )
    expect(await codeOf(http.execute(requestNumber(1)))).toBe('answered')
    expect(server!.requests.length).toBe(1)
  })
})

describe('retries', () => {
  it('of a failed batch are its queries alone, within the budget', async () => {
    const http = await againstBatches(({ number, socket }, items) =>
      number === 0 ? socket.destroy() : socket.write(answerLines(items)),
    )
    const codes = await Promise.all(
      Array.from({ length: 40 }, (_, n) =>
        codeOf(http.execute(requestNumber(n, {}, n % 4 === 0 ? 'mutation' : 'query'))),
      ),
    )
    const counts = (code: string): number => codes.filter(one => one === code).length
    // 30 queries and 10 mutations; a tenth of 40 is less than the ten that a quiet subgraph has.
    expect([counts('answered'), counts('SUBGRAPH_UNREACHABLE'), counts('OUTCOME_UNKNOWN')]).toEqual([
      10, 20, 10,
    ])
    const again: Item[] = JSON.parse(server!.requests[1]!.body).items
    expect(again.every(({ variables }) => variables.n % 4 !== 0)).toBe(true)
    expect([server!.requests.length, http.stats.retries]).toEqual([2, 10])
  })
})

describe('lanes', () => {
  it('become fewer when the subgraph refuses, and come back as it answers', async () => {
    let isRefusing = true
    const http = await against(
      ({ socket }) =>
        socket.write(isRefusing ? response(429, 'slow down', { 'content-type': 'text/plain' }) : ANSWER),
      { plainLanesMax: 8 },
    )
    const ask = (count: number): Promise<string[]> =>
      Promise.all(Array.from({ length: count }, (_, n) => codeOf(http.execute(requestNumber(n)))))
    while (http.stats.lanesLimit! > 4) await ask(16)
    expect(http.stats.breaker).toBe('CLOSED')
    isRefusing = false
    while (http.stats.lanesLimit! < 8) expect(new Set(await ask(16))).toEqual(new Set(['answered']))
  })
})

describe('the breaker', () => {
  it.each([
    ['resets', (request: RawRequest) => request.socket.destroy()],
    ['a 502 of a proxy', ({ socket }: RawRequest) => socket.write(response(502, '<html>'))],
    ['HTML', ({ socket }: RawRequest) => socket.write(response(200, '<html>'))],
  ])('opens on %s, sends nothing while open, and closes when the subgraph is well', async (_, fail) => {
    let isWell = false
    const http = await against(request => (isWell ? request.socket.write(ANSWER) : fail(request)))
    while (http.stats.breaker !== 'OPEN') await codeOf(http.execute(requestNumber(0)))
    const asked = server!.requests.length
    // What opened it may have been a first try, whose second met it open.
    const { broken } = http.stats
    const error = await http.execute(requestNumber(0, {}, 'mutation')).catch(e => e)
    expect(error).toMatchObject({
      code: 'SUBGRAPH_UNREACHABLE',
      extensions: { retryAfterMs: expect.any(Number), service: 'raw' },
    })
    expect(error.message).toMatch(/^raw: not sent: it failed too often of late and is asked again in \d+ ms$/)
    expect(error.extensions.retryAfterMs).toBeLessThanOrEqual(1_000)
    expect([server!.requests.length, http.stats.broken]).toEqual([asked, broken! + 1])
    isWell = true
    await vi.waitUntil(async () => (await codeOf(http.execute(requestNumber(1)))) === 'answered', 5_000)
    expect(http.stats.breaker).toBe('CLOSED')
  })

  it('opens on silence, and what waited behind it was never sent', async () => {
    const http = await againstBatches(() => {}, { lanesStart: 1, lanesMax: 1, batchMax: 1, plainLanesMax: 1 })
    const sent = (): number => server!.requests.length
    const waiting: Promise<string>[] = []
    while (http.stats.breaker !== 'OPEN') {
      if (sent() === 4 && waiting.length === 0) {
        for (const n of [1, 2])
          waiting.push(codeOf(http.execute(requestNumber(n, { priority: 'ADHOC' }, 'mutation'))))
      }
      const own = { deadlineMs: deadlineIn(300), priority: 'PAY' as const }
      await codeOf(http.execute(requestNumber(0, own)))
    }
    expect(await Promise.all(waiting)).toEqual(['SUBGRAPH_UNREACHABLE', 'SUBGRAPH_UNREACHABLE'])
    expect(http.stats.broken).toBeGreaterThanOrEqual(2)
    expect(server!.requests.every(({ body }) => JSON.parse(body).items[0].variables.n === 0)).toBe(true)
  })

  it.each([
    ['errors of GraphQL', response(200, '{"data":null,"errors":[{"message":"no"}]}')],
    ['refusals', response(400, 'no', { 'content-type': 'text/plain' })],
    ['overload that our subgraphs tell of', response(503, '{"errors":[{"message":"full"}]}', OURS)],
  ])('takes no offence at %s', async (_, bytes) => {
    const http = await against(({ socket }) => socket.write(bytes))
    const end = performance.now() + 400
    for (let n = 0; n < 30 || performance.now() < end; n++) await codeOf(http.execute(requestNumber(n)))
    expect(http.stats.breaker).toBe('CLOSED')
  })

  it('takes a batch that brought one answer for a subgraph that works', async () => {
    const http = await againstBatches(({ socket }, items) => socket.write(answerLines(items.slice(0, 1))))
    const end = performance.now() + 400
    while (performance.now() < end) {
      await Promise.all([0, 1].map(n => codeOf(http.execute(requestNumber(n)))))
    }
    expect(http.stats.breaker).toBe('CLOSED')
  })
})
