import { describe, expect, test } from 'vitest'
import { FRESH_MS, type KeptGraph, keptGraph, type Name, OPERATIONS } from '../harness/kept-graph.ts'
import { until } from '../harness/postgres.ts'
import { hashOf } from '../harness/tiny-graph.ts'
import { tokenFor } from '../harness/tokens.ts'

/** What is kept, and what is not, at SHED: at the socket, by GET, and for agents. */

const SECRET = 'a secret for tests, of more than 32 characters'
const bearer = (sub: string, kind: 'shopper' | 'operator' = 'shopper'): Record<string, string> => ({
  authorization: `Bearer ${tokenFor(SECRET, { sub, kind })}`,
})

interface Answer {
  readonly status: number
  readonly headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: whatever a test looks for
  readonly json: any
}

async function answerOf(asking: Promise<Response>): Promise<Answer> {
  const response = await asking
  return { status: response.status, headers: response.headers, json: await response.json() }
}

const post = ({ port }: KeptGraph, body: object, headers: Record<string, string> = bearer('alice')) =>
  answerOf(
    fetch(`http://127.0.0.1:${port}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    }),
  )
const persisted = (name: Name, variables: object = {}): object => ({
  documentId: `sha256:${hashOf(OPERATIONS[name])}`,
  variables,
})
const ask = (graph: KeptGraph, name: Name, variables?: object, headers?: Record<string, string>) =>
  post(graph, persisted(name, variables), headers)

const get = ({ port }: KeptGraph, name: Name, variables: object) => {
  const search = new URLSearchParams({
    documentId: `sha256:${hashOf(OPERATIONS[name])}`,
    variables: JSON.stringify(variables),
  })
  const headers = { 'apollo-require-preflight': '1' }
  return answerOf(fetch(`http://127.0.0.1:${port}/graphql?${search}`, { headers }))
}

async function call({ port }: KeptGraph, name: string, args: object) {
  const { json } = await answerOf(
    fetch(`http://127.0.0.1:${port}/mcp`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
      body: JSON.stringify({
        jsonrpc: '2.0',
        id: 1,
        method: 'tools/call',
        params: { name, arguments: args },
      }),
    }),
  )
  const [text, zh, en] = json.result.content[0].text.split('\n')
  return { isError: json.result.isError, answer: JSON.parse(text), zh, en }
}

const SHED = { code: 'SURGE_SHED', retryAfterMs: 15_000 }

describe('at SHED', () => {
  test('what is kept answers, for a point; what is not is refused, and no subgraph is asked', async () => {
    const tier = { perSecond: 0.001, burst: 100 }
    const tiers = { shopper: tier, developer: tier, partner: tier, chatbot: tier }
    await using graph = await keptGraph({ secret: SECRET, cost: { mode: 'enforce', max: 100, tiers } })
    const before = await ask(graph, 'Product', { id: '1' })
    graph.level = 'SHED'
    expect((await ask(graph, 'Product', { id: '1' }, bearer('bob'))).json).toEqual(before.json)
    for (const [name, variables] of [
      ['Product', { id: '2' }],
      ['Mine', {}],
      ['Rename', { id: '1' }],
    ] as const) {
      const { status, headers, json } = await ask(graph, name, variables, bearer('bob'))
      expect({ status, extensions: json.errors[0].extensions }).toEqual({ status: 503, extensions: SHED })
      expect(json.data).toBeUndefined()
      expect(headers.get('retry-after')).toBe('15')
    }
    expect(graph.asked).toHaveLength(1)
    // Of 100 points: the one kept answer's, and none for what was refused.
    graph.level = 'CALM'
    const { extensions } = (await ask(graph, 'Mine', {}, bearer('bob'))).json
    expect(extensions.cost.throttleStatus.currentlyAvailable).toBe(98)
  })

  test('what is kept and stale answers at once, and is asked for again beside', async () => {
    await using graph = await keptGraph({ secret: SECRET })
    const before = await ask(graph, 'Product', { id: '1' })
    graph.level = 'SHED'
    graph.pass(FRESH_MS)
    expect((await ask(graph, 'Product', { id: '1' })).json).toEqual(before.json)
    await until('it is fresh again', async () => {
      const { json } = await ask(graph, 'Product', { id: '1' })
      return json.data.product.name === '奶茶 1 of 2'
    })
    expect(graph.asked).toHaveLength(2)
  })

  test('what nothing is kept of is let in once, when it is asked for again, and then answers all', async () => {
    await using graph = await keptGraph({ secret: SECRET })
    const { promise, resolve } = Promise.withResolvers<void>()
    graph.gate = promise
    graph.level = 'SHED'
    const product = (id: string) => ask(graph, 'Product', { id })
    expect((await product('1')).status).toBe(503)
    expect(graph.asked).toHaveLength(0)
    const letIn = product('1')
    await until('it is under way', async () => graph.asked.length === 1)
    // Nor is anything else of its operation.
    for (const id of ['1', '2', '2']) expect((await product(id)).status).toBe(503)
    // Of another one is, whatever holds up the first.
    expect((await ask(graph, 'Long', { id: '1' })).status).toBe(503)
    const other = ask(graph, 'Long', { id: '1' })
    await until('it is under way, too', async () => graph.asked.length === 2)
    resolve()
    expect((await letIn).json.data.product.id).toBe('1')
    expect((await other).status).toBe(200)
    for (const _ of 'abc') expect((await product('1')).status).toBe(200)
    expect(graph.asked).toHaveLength(2)
    expect((await product('2')).json.data.product.id).toBe('2')
  })

  test('whoever is let in for it pays for it, and is refused what is too dear', async () => {
    const tier = { perSecond: 0.001, burst: 100 }
    const tiers = { shopper: tier, developer: tier, partner: tier, chatbot: tier }
    await using graph = await keptGraph({ secret: SECRET, cost: { mode: 'enforce', max: 100, tiers } })
    graph.level = 'SHED'
    const products = (first: number) => ask(graph, 'Products', { first }, bearer('bob'))
    const codes = async (first: number): Promise<string[]> => {
      const answers = [await products(first), await products(first)]
      return answers.map(({ json }) => json.errors?.[0].extensions.code ?? 'OK')
    }
    expect(await codes(101)).toEqual(['SURGE_SHED', 'COST_ESTIMATED_TOO_EXPENSIVE'])
    expect(graph.asked).toHaveLength(0)
    expect(await codes(60)).toEqual(['SURGE_SHED', 'OK'])
    expect(await codes(61)).toEqual(['SURGE_SHED', 'THROTTLED'])
    expect(graph.asked).toHaveLength(1)
  })

  test('what is one caller’s own, or changes something, is not let in, however often it is asked for', async () => {
    await using graph = await keptGraph({ secret: SECRET })
    graph.level = 'SHED'
    for (const _ of 'abc') {
      expect((await ask(graph, 'Mine')).status).toBe(503)
      expect((await ask(graph, 'Rename', { id: '1' })).status).toBe(503)
    }
    expect(graph.asked).toHaveLength(0)
  })

  test('each who is refused is told a time of its own, and nobody else uses one up', async () => {
    const told: number[] = []
    const returns = {
      next: (_: unknown, waitMsMin: number) => told[told.push(waitMsMin + 1_000 * told.length) - 1]!,
    }
    await using graph = await keptGraph({ secret: SECRET, returns })
    await ask(graph, 'Product', { id: '1' })
    graph.level = 'SHED'
    const seconds: (string | null)[] = []
    for (const name of ['Mine', 'Product', 'Unkept', 'Mine'] as const)
      seconds.push((await ask(graph, name, { id: '1' })).headers.get('retry-after'))
    expect(seconds).toEqual(['15', null, '16', '17'])
    graph.level = 'SURGE'
    expect((await post(graph, { query: '{ mine }' })).headers.get('retry-after')).toBe('8')
    expect(told).toEqual([15_000, 16_000, 17_000, 8_000])
  })

  test('operators see what is true, and whoever pays is served', async () => {
    const id = hashOf(OPERATIONS.Mine)
    await using graph = await keptGraph({
      secret: SECRET,
      manifest: [{ id, body: OPERATIONS.Mine, priority: 'PAY' }],
    })
    graph.level = 'SHED'
    expect((await ask(graph, 'Mine')).json.data).toEqual({ mine: 'alice' })
    const query = '{ unkept }'
    expect((await post(graph, { query }, bearer('olga', 'operator'))).json.data).toEqual({ unkept: 2 })
    // Nobody knows whose payment it is that nobody pays.
    expect((await ask(graph, 'Mine', {}, {})).json.errors[0].extensions).toEqual(SHED)
  })

  test('GET is answered by what is kept, with how long it holds; a refusal is nobody’s to keep', async () => {
    await using graph = await keptGraph({ secret: SECRET })
    const before = await get(graph, 'Product', { id: '1' })
    graph.level = 'SHED'
    const kept = await get(graph, 'Product', { id: '1' })
    expect({ status: kept.status, json: kept.json }).toEqual({ status: 200, json: before.json })
    expect(kept.headers.get('cache-control')).toBe(before.headers.get('cache-control'))
    expect(kept.headers.get('etag')).toBe(before.headers.get('etag'))
    const refused = await get(graph, 'Product', { id: '2' })
    expect(refused).toMatchObject({ status: 503, json: { errors: [{ extensions: SHED }] } })
    expect(refused.headers.get('cache-control') ?? 'no-store').toMatch(/no-store|no-cache/)
    expect(refused.headers.get('etag')).toBeNull()
  })

  test('a tool is answered by what is kept, else its caller is told when to call it again', async () => {
    await using graph = await keptGraph({ secret: SECRET })
    const before = await call(graph, 'product', { id: '1' })
    expect(before).toMatchObject({ isError: false, answer: { data: { product: { id: '1' } } } })
    graph.level = 'SHED'
    expect((await call(graph, 'product', { id: '1' })).answer.data).toEqual(before.answer.data)
    const refused = await call(graph, 'product', { id: '2' })
    expect(refused).toEqual({
      isError: true,
      answer: { errors: [{ message: expect.any(String), extensions: SHED }] },
      zh: '系统繁忙。请在 15 秒后再试。（SURGE_SHED）',
      en: 'The system is busy. Try again in 15 s. (SURGE_SHED)',
    })
    expect(graph.asked).toHaveLength(1)
  })
})

test('a text is dearer where it is busy, by whether anybody has compiled it, and a persisted operation never is', async () => {
  const tiers = { shopper: { perSecond: 0.001, burst: 1_000 } }
  await using graph = await keptGraph({
    secret: SECRET,
    caching: false,
    cost: { mode: 'enforce', max: 1_000, tiers },
  })
  const left = async (body: object, sub: string): Promise<number> => {
    const { json } = await post(graph, body, bearer(sub))
    return json.extensions.cost.throttleStatus.currentlyAvailable
  }
  // Ten products cost ten points.
  const text = (first: number): object => ({ query: `{ products(first: ${first}) { id } mine }` })
  expect(await left(text(10), 'calm')).toBe(990)
  graph.level = 'BUSY'
  expect(await left(text(10), 'known')).toBe(980)
  expect(await left(text(11), 'unknown')).toBe(956)
  expect(await left(persisted('Both', { id: '1' }), 'persisted')).toBe(999)
  graph.level = 'SURGE'
  expect(await left(text(10), 'surge')).toBe(960)
})
