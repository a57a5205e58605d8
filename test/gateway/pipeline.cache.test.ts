import { describe, expect, test } from 'vitest'
import { admit, type Incoming, type RequestState, run } from '../../gateway/pipeline.ts'
import { nowMs } from '../../protocol/deadline.ts'
import { Fault } from '../../protocol/fault.ts'
import {
  FRESH_MS,
  type KeptGraph,
  keptGraph,
  type Name,
  OPERATIONS,
  STALE_MS,
} from '../harness/kept-graph.ts'
import { until } from '../harness/postgres.ts'
import { hashOf } from '../harness/tiny-graph.ts'
import { tokenFor } from '../harness/tokens.ts'

const SECRET = 'a secret for tests, of more than 32 characters'

interface Answer {
  readonly status: number
  readonly text: string
  // biome-ignore lint/suspicious/noExplicitAny: whatever a test looks for
  readonly json: any
}

async function send(
  { port }: KeptGraph,
  body: object,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const response = await fetch(`http://127.0.0.1:${port}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })
  const text = await response.text()
  return { status: response.status, text, json: JSON.parse(text) }
}

const ask = (
  graph: KeptGraph,
  name: Name,
  variables: object = {},
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> => send(graph, { documentId: `sha256:${hashOf(OPERATIONS[name])}`, variables }, headers)

const bearer = (sub: string, kind: 'shopper' | 'operator' = 'shopper'): Record<string, string> => ({
  authorization: `Bearer ${tokenFor(SECRET, { sub, kind })}`,
})

describe('an answer that is kept', () => {
  test('answers with the same bytes whoever asks, and no subgraph is asked', async () => {
    await using graph = await keptGraph({ secret: SECRET })
    const first = await ask(graph, 'Product', { id: '1' }, bearer('alice'))
    const second = await ask(graph, 'Product', { id: '1' }, bearer('bob'))
    const nobody = await ask(graph, 'Product', { id: '1' })
    expect(first.text).toBe('{"data":{"product":{"id":"1","name":"奶茶 1 of 1"}}}')
    expect([second, nobody]).toEqual([first, first])
    expect(graph.asked).toHaveLength(1)
    expect(graph.events).toEqual(['miss Product', 'hit Product', 'hit Product'])
  })

  test('is no answer to operators: they see what is true, and a mutation of theirs makes void what it changes', async () => {
    await using graph = await keptGraph({ secret: SECRET })
    const operator = bearer('olga', 'operator')
    const kept = await ask(graph, 'Product', { id: '1' })
    const seen = await ask(graph, 'Product', { id: '1' }, operator)
    expect([kept, seen].map(({ json }) => json.data.product.name)).toEqual(['奶茶 1 of 1', '奶茶 1 of 2'])
    expect(await ask(graph, 'Product', { id: '1' })).toEqual(kept)
    const debug = { ...operator, 'spillway-cache-debug': '1' }
    expect((await ask(graph, 'Product', { id: '1' }, debug)).json.extensions.cache).toEqual({
      response: 'SKIP',
      fetches: [],
    })
    await ask(graph, 'Rename', { id: '1' }, operator)
    expect((await ask(graph, 'Product', { id: '1' })).json.data.product.name).not.toBe('奶茶 1 of 1')
  })

  test('is nothing that operators wait for either: what was asked for before they came is another’s', async () => {
    await using graph = await keptGraph({ secret: SECRET })
    const { promise, resolve } = Promise.withResolvers<void>()
    graph.gate = promise
    const asking = [{}, bearer('olga', 'operator'), bearer('olga', 'operator'), {}].map(headers =>
      ask(graph, 'Product', { id: '1' }, headers),
    )
    await until('each is under way', async () => graph.asked.length === 3)
    resolve()
    for (const { status } of await Promise.all(asking)) expect(status).toBe(200)
    expect(graph.asked).toHaveLength(3)
  })

  test('is found whatever the order of members, and not for other variables', async () => {
    await using graph = await keptGraph()
    await ask(graph, 'Product', { id: '1', many: { a: 1, b: [{ a: 2, b: [] }] } })
    await ask(graph, 'Product', { many: { b: [{ b: [], a: 2 }], a: 1 }, id: '1' })
    expect(graph.asked).toHaveLength(1)
    await ask(graph, 'Product', { id: '1', many: { a: 1, b: [{ a: 2 }] } })
    await ask(graph, 'Product', { id: '1', many: null })
    await ask(graph, 'Product', { id: '1' })
    await ask(graph, 'Product', { id: '2' })
    expect(graph.asked).toHaveLength(5)
  })

  test('is the answer of every door: text and bytes at the socket, data for a tool', async () => {
    await using graph = await keptGraph()
    const call = async (): Promise<string> => {
      const { json } = await sendTo(graph, '/mcp', {
        jsonrpc: '2.0',
        id: 1,
        method: 'tools/call',
        params: { name: 'product', arguments: { id: '1' } },
      })
      return json.result.content[0].text
    }
    const told = await call()
    expect(told.split('\n', 1)[0]).toBe('{"data":{"product":{"id":"1","name":"奶茶 1 of 1"}}}')
    expect(await call()).toBe(told)
    expect((await ask(graph, 'Product', { id: '1' })).text).toBe(told.split('\n', 1)[0])
    expect(graph.asked).toHaveLength(1)
  })

  test('is that of its supergraph: a swap finds nothing old', async () => {
    await using graph = await keptGraph()
    await ask(graph, 'Product', { id: '1' })
    await graph.swap()
    expect((await ask(graph, 'Product', { id: '1' })).text).toContain('of 2')
  })

  test('is not looked for under the headers that subgraphs get of another client', async () => {
    await using graph = await keptGraph({ headers: { all: { propagate: [{ name: 'x-tenant' }] } } })
    const a = await ask(graph, 'Product', { id: '1' }, { 'x-tenant': 'a' })
    const b = await ask(graph, 'Product', { id: '1' }, { 'x-tenant': 'b' })
    expect(b.text).not.toBe(a.text)
    expect(await ask(graph, 'Product', { id: '1' }, { 'x-tenant': 'a' })).toEqual(a)
    expect(graph.asked).toHaveLength(2)
  })

  test('of 5,000 who ask at the same time one is executed', async () => {
    await using graph = await keptGraph()
    const { promise, resolve } = Promise.withResolvers<void>()
    graph.gate = promise
    const state = (await admit(graph.stages, incomingOf('Product'))) as RequestState
    const asking = Array.from({ length: 5_000 }, () =>
      run(graph.stages, state, state.operation!, { id: '1' }, 'json'),
    )
    await until('the subgraph is asked', async () => graph.asked.length > 0)
    resolve()
    const answers = await Promise.all(asking)
    expect(new Set(answers.map(({ json }) => json)).size).toBe(1)
    expect(graph.asked).toHaveLength(1)
    expect(graph.events.filter(event => event === 'miss Product')).toHaveLength(1)
    expect(graph.events.filter(event => event === 'dedupe Product')).toHaveLength(4_999)
  })
})

test('an answer that is kept is counted as every answer is', async () => {
  await using graph = await keptGraph()
  for (let i = 0; i < 3; i++) await ask(graph, 'Product', { id: '1' })
  expect(await graph.stages.metrics.text()).toContain(
    'spillway_requests_total{door="express",operation="Product",code="OK"} 3',
  )
})

describe('the order of the steps', () => {
  // What it may cost at most is what a bucket holds at first.
  const cost = (max: number): object => ({
    mode: 'enforce',
    max,
    tiers: Object.fromEntries(
      ['shopper', 'developer', 'partner', 'chatbot'].map(tier => [tier, { perSecond: 0.001, burst: max }]),
    ),
  })

  test('a hit ends before cost, for one point of its caller, until there is none', async () => {
    // Products(first: 6) is estimated at 6 objects, 6 points.
    await using graph = await keptGraph({ cost: cost(6), secret: SECRET })
    expect((await ask(graph, 'Products', { first: 6 }, bearer('alice'))).status).toBe(200)
    // Bob could pay for it once; of what is kept he has it six times.
    for (let i = 0; i < 6; i++)
      expect((await ask(graph, 'Products', { first: 6 }, bearer('bob'))).status).toBe(200)
    const refused = await ask(graph, 'Products', { first: 6 }, bearer('bob'))
    expect(refused.status).toBe(429)
    expect(refused.json.errors[0].extensions.code).toBe('THROTTLED')
    expect(refused.json.extensions.cost).toMatchObject({
      requestedQueryCost: 1,
      actualQueryCost: null,
      throttleStatus: { maximumAvailable: 6, currentlyAvailable: 0 },
    })
    expect(graph.asked).toHaveLength(1)
  })

  test('what is too dear is refused each time, and nothing is kept of it', async () => {
    await using graph = await keptGraph({ cost: cost(6) })
    for (let i = 0; i < 3; i++) {
      const { status, json } = await ask(graph, 'Products', { first: 7 })
      expect([status, json.errors[0].extensions.code]).toEqual([400, 'COST_ESTIMATED_TOO_EXPENSIVE'])
    }
    expect([graph.asked.length, graph.answers.entries]).toEqual([0, 0])
  })

  test.each(['throws', 'rejects'])(
    'nothing is answered whose point cannot be asked for: it %s',
    async how => {
      await using graph = await keptGraph({ cost: cost(6) })
      await ask(graph, 'Product', { id: '1' })
      const away = new Fault('UNAVAILABLE', 'away')
      const reservePoint = (): Promise<never> => {
        if (how === 'rejects') return Promise.reject(away)
        throw away
      }
      const stages = { ...graph.stages, spending: { ...graph.stages.spending!, reservePoint } }
      const state = (await admit(stages, incomingOf('Product'))) as RequestState
      const { errors, json } = await run(stages, state, state.operation!, { id: '1' }, 'json')
      expect([errors?.map(({ message }) => message), json]).toEqual([['away'], undefined])
      expect(graph.asked).toHaveLength(1)
    },
  )

  test('what is counted as spent is one point a hit', async () => {
    await using graph = await keptGraph({ cost: { mode: 'measure' } })
    await ask(graph, 'Products', { first: 6 })
    expect([graph.stages.spending!.estimated, graph.stages.spending!.actual]).toEqual([6, 6])
    await ask(graph, 'Products', { first: 6 })
    expect([graph.stages.spending!.estimated, graph.stages.spending!.actual]).toEqual([7, 7])
  })
})

describe('what is stale', () => {
  test('answers at once, and is asked for again once, whoever asks meanwhile', async () => {
    await using graph = await keptGraph()
    await ask(graph, 'Product', { id: '1' })
    graph.pass(FRESH_MS)
    const { promise, resolve } = Promise.withResolvers<void>()
    graph.gate = promise
    for (let i = 0; i < 3; i++)
      expect((await ask(graph, 'Product', { id: '1' })).json.data.product.name).toBe('奶茶 1 of 1')
    expect(graph.asked).toHaveLength(2)
    resolve()
    await until('the refresh has come', async () => graph.events.length > 0 && (await isRenewed(graph)))
    expect(graph.asked).toHaveLength(2)
    expect(graph.events.filter(event => event === 'miss Product')).toHaveLength(1)
  })

  test('costs its caller one point, and its refresh nobody any', async () => {
    await using graph = await keptGraph({ cost: { mode: 'enforce' } })
    await ask(graph, 'Products', { first: 6 })
    graph.pass(FRESH_MS)
    await ask(graph, 'Products', { first: 6 })
    await until('the refresh has come', async () => graph.asked.length === 2)
    expect([graph.stages.spending!.estimated, graph.stages.spending!.actual]).toEqual([7, 7])
  })

  test('is asked for again in time of its own, in nobody’s trace, whoever wants to know where it came from', async () => {
    await using graph = await keptGraph()
    const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`
    const headers = { traceparent, 'spillway-cache-debug': '1' }
    const state = (await admit(graph.stages, {
      ...incomingOf('Product'),
      headers,
      traceparent,
    })) as RequestState
    const late = { ...state, deadlineMs: nowMs() + 1 }
    await ask(graph, 'Product', { id: '1' })
    graph.pass(FRESH_MS)
    const stale = await run(graph.stages, late, state.operation!, { id: '1' }, 'json')
    expect(stale.extensions?.cache).toMatchObject({ response: 'STALE' })
    await until('it is renewed', async () => isRenewed(graph))
    expect(graph.asked).toHaveLength(2)
    expect(graph.asked[1]).not.toHaveProperty('traceparent')
    expect(graph.asked[1]!.deadlineMs).toBeGreaterThan(state.deadlineMs)
  })

  test('is renewed or not, as its refresh says, which is counted as nobody’s request', async () => {
    await using graph = await keptGraph({ cost: { mode: 'measure' } })
    await ask(graph, 'Product', { id: '1' })
    graph.pass(FRESH_MS)
    const refreshes: (() => Promise<boolean>)[] = []
    const { current } = graph.stages.graph
    Object.assign(current.caching!.responses, {
      refresh: (_: unknown, execute: () => Promise<boolean>) => void refreshes.push(execute),
    })
    await ask(graph, 'Product', { id: '1' })
    graph.failure = new Fault('SUBGRAPH_UNREACHABLE', 'away')
    expect(await refreshes[0]!()).toBe(false)
    graph.failure = undefined
    const { promise, resolve } = Promise.withResolvers<void>()
    graph.gate = promise
    graph.asked.length = graph.events.length = 0
    // What another asks for meanwhile may be joined.
    await graph.tags.invalidate(['Product'])
    const other = ask(graph, 'Product', { id: '1' })
    await until('it is under way', async () => graph.asked.length === 1)
    const renewing = refreshes[0]!()
    resolve()
    expect([await renewing, (await other).status]).toEqual([true, 200])
    expect([graph.events, graph.asked.length]).toEqual([['miss Product'], 1])
  })

  test('goes on answering while the subgraph fails, which is tried again a second later at the soonest', async () => {
    await using graph = await keptGraph()
    await ask(graph, 'Product', { id: '1' })
    graph.pass(FRESH_MS)
    graph.failure = new Fault('SUBGRAPH_UNREACHABLE', 'away')
    const old = '奶茶 1 of 1'
    const name = async (): Promise<string> =>
      (await ask(graph, 'Product', { id: '1' })).json.data.product.name
    expect(await name()).toBe(old)
    await until('the refresh has failed', async () => graph.asked.length === 2)
    for (let i = 0; i < 10; i++) expect(await name()).toBe(old)
    expect(graph.asked).toHaveLength(2)
    graph.pass(1_000)
    expect(await name()).toBe(old)
    await until('it is tried again', async () => graph.asked.length === 3)
    graph.pass(STALE_MS)
    expect((await ask(graph, 'Product', { id: '1' })).json.errors[0].extensions.code).toBe(
      'SUBGRAPH_UNREACHABLE',
    )
  })

  test('answers for longer in a crowd, is asked for again once, and whoever asks hears nothing of that failing', async () => {
    await using graph = await keptGraph()
    await ask(graph, 'Product', { id: '1' })
    graph.pass(FRESH_MS + STALE_MS)
    graph.isStretched = true
    graph.failure = new Error('too busy')
    const answers = await Promise.all([1, 2, 3].map(() => ask(graph, 'Product', { id: '1' })))
    for (const { status, json } of answers)
      expect([status, json]).toEqual([200, { data: { product: { id: '1', name: '奶茶 1 of 1' } } }])
    await until('the refresh to fail', () => graph.asked.length === 2)
    expect(graph.events.filter(event => event.startsWith('stale'))).toHaveLength(3)
    graph.failure = undefined
    graph.isStretched = false
    expect((await ask(graph, 'Product', { id: '1' })).json.data.product.name).toBe('奶茶 1 of 3')
  })

  test('of a graph that was replaced answers whoever came before, and is asked for no more', async () => {
    await using graph = await keptGraph()
    await ask(graph, 'Product', { id: '1' })
    graph.pass(FRESH_MS)
    const state = (await admit(graph.stages, incomingOf('Product'))) as RequestState
    await graph.swap()
    const { json } = await run(graph.stages, state, state.operation!, { id: '1' }, 'json')
    expect(json?.text).toContain('of 1')
    expect(graph.events).toEqual(['miss Product', 'stale Product'])
    expect(graph.asked).toHaveLength(1)
  })
})

describe('an invalidation', () => {
  test('voids what it names, and no more', async () => {
    await using graph = await keptGraph()
    await ask(graph, 'Product', { id: '1' })
    await ask(graph, 'Product', { id: '2' })
    await ask(graph, 'Rename', { id: '1' })
    expect((await ask(graph, 'Product', { id: '1' })).text).toContain('of 4')
    expect((await ask(graph, 'Product', { id: '2' })).text).toContain('of 2')
  })

  test('is seen by whoever asks after it: what began before is neither joined nor kept', async () => {
    await using graph = await keptGraph()
    const { promise, resolve } = Promise.withResolvers<void>()
    graph.gate = promise
    const before = ask(graph, 'Product', { id: '1' })
    await until('the subgraph is asked', async () => graph.asked.length === 1)
    await graph.tags.invalidate(['Product:1'])
    const after = ask(graph, 'Product', { id: '1' })
    await until('it is executed by itself', async () => graph.events.length === 2)
    resolve()
    expect((await before).text).toContain('of 1')
    expect((await after).text).toContain('of 2')
    expect(graph.events.slice(0, 2)).toEqual(['miss Product', 'miss Product'])
    const kept = await ask(graph, 'Product', { id: '1' })
    expect(kept.text).toBe((await after).text)
  })
})

describe('never kept', () => {
  const CASES: readonly (readonly [string, Name, object, Readonly<Record<string, string>>])[] = [
    ['what no policy keeps', 'Unkept', {}, {}],
    ['what is a caller’s own', 'Mine', {}, {}],
    ['what is partly a caller’s own', 'Both', { id: '1' }, {}],
    ['an answer with an error', 'Fails', { code: 'BAD_ID' }, {}],
    ['a mutation', 'Rename', { id: '1' }, {}],
    ['an answer with its plan', 'Product', { id: '1' }, { 'spillway-query-plan': '1' }],
    ['an answer with its price', 'Product', { id: '1' }, { 'spillway-cost-debug': '1' }],
    ['an answer that says where it came from', 'Product', { id: '1' }, { 'spillway-cache-debug': '1' }],
  ]
  test.each(CASES)('%s', async (_, name, variables, headers) => {
    await using graph = await keptGraph({ cost: { mode: 'measure' } })
    await ask(graph, name, variables, headers)
    await ask(graph, name, variables, headers)
    expect(graph.events.filter(event => /^(hit|stale)/.test(event))).toEqual([])
    expect(graph.answers.kept()).not.toContainEqual(expect.objectContaining({ label: name, entries: 1 }))
  })

  test('what a client’s own text asks for: its fetches are', async () => {
    await using graph = await keptGraph()
    const query = '{ product(id: "1") { name } }'
    const [first, second] = [await send(graph, { query }), await send(graph, { query })]
    expect(second).toEqual(first)
    expect([graph.asked.length, graph.events]).toEqual([1, []])
  })

  test('what is larger than an entry may be, and it is told', async () => {
    await using graph = await keptGraph({ entryBytesMax: 6_000 })
    await ask(graph, 'Long', { id: '1' })
    await ask(graph, 'Long', { id: '1' })
    expect(graph.events).toContain('skip Long too-large')
    expect(graph.events.filter(event => /^(hit|stale)/.test(event))).toEqual([])
  })

  test('an answer whose errors are told', async () => {
    await using graph = await keptGraph()
    await ask(graph, 'Fails', { code: 'BAD_ID' })
    expect(graph.events).toEqual(['miss Fails', 'skip Fails errors'])
  })

  test('anything where nothing is kept', async () => {
    await using graph = await keptGraph({ caching: false })
    const headers = { 'spillway-cache-debug': '1' }
    const answers = [
      await ask(graph, 'Product', { id: '1' }, headers),
      await ask(graph, 'Product', { id: '1' }),
    ]
    expect(answers.map(({ text }) => text)).toEqual([
      '{"data":{"product":{"id":"1","name":"奶茶 1 of 1"}}}',
      '{"data":{"product":{"id":"1","name":"奶茶 1 of 2"}}}',
    ])
  })
})

describe('who asks by spillway-cache-debug is told where the answer came from', () => {
  const DEBUG = { 'spillway-cache-debug': '1' }
  const told = async (graph: KeptGraph, name: Name, variables: object, more = {}): Promise<unknown> =>
    (await ask(graph, name, variables, { ...DEBUG, ...more })).json.extensions.cache

  test('of nothing that is kept whole', async () => {
    await using graph = await keptGraph()
    expect(await told(graph, 'Mine', {})).toMatchObject({ response: 'SKIP' })
    expect(await told(graph, 'Rename', { id: '1' })).toMatchObject({ response: 'SKIP' })
    expect(await told(graph, 'Product', { id: '1' }, { 'spillway-query-plan': '1' })).toMatchObject({
      response: 'SKIP',
    })
  })

  test('of what was asked for, by fetch; it is kept by nobody', async () => {
    await using graph = await keptGraph()
    const fetches = [{ subgraph: 'shop', fields: ['Query.product'], result: 'MISS' }]
    expect(await told(graph, 'Product', { id: '1' })).toEqual({ response: 'MISS', fetches })
    expect(await told(graph, 'Product', { id: '1' })).toMatchObject({
      response: 'MISS',
      fetches: [{ result: 'HIT' }],
    })
    expect(graph.events).toContain('skip Product debug')
  })

  test('and nobody else: who asks beside it is neither told, nor kept from being told', async () => {
    await using graph = await keptGraph()
    const { promise, resolve } = Promise.withResolvers<void>()
    graph.gate = promise
    const asking = [DEBUG, {}, DEBUG].map(headers => ask(graph, 'Product', { id: '1' }, headers))
    await until('each has begun', async () => graph.events.length === 3)
    resolve()
    const told = (await Promise.all(asking)).map(({ json }) => json.extensions?.cache.response)
    expect(told).toEqual(['MISS', undefined, 'MISS'])
    expect(graph.asked).toHaveLength(1)
  })

  test('of what is kept: fresh, then stale, with its age', async () => {
    await using graph = await keptGraph()
    await ask(graph, 'Product', { id: '1' })
    graph.pass(FRESH_MS - 1)
    expect(await told(graph, 'Product', { id: '1' })).toEqual({
      response: 'HIT',
      ageMs: FRESH_MS - 1,
      freshMs: 1,
      fetches: [],
    })
    graph.failure = new Fault('SUBGRAPH_UNREACHABLE', 'away')
    graph.pass(8)
    expect(await told(graph, 'Product', { id: '1' })).toEqual({
      response: 'STALE',
      ageMs: FRESH_MS + 7,
      freshMs: 0,
      fetches: [],
    })
  })
})

async function sendTo({ port }: KeptGraph, path: string, body: object): Promise<Answer> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
    body: JSON.stringify(body),
  })
  const text = await response.text()
  return { status: response.status, text, json: JSON.parse(text) }
}

async function isRenewed(graph: KeptGraph): Promise<boolean> {
  const { json } = await ask(graph, 'Product', { id: '1' })
  return json.data.product.name === '奶茶 1 of 2'
}

const incomingOf = (name: Name): Incoming => ({
  id: 'one',
  door: 'http',
  headers: {},
  authorization: undefined,
  remoteAddress: '127.0.0.1',
  clientName: undefined,
  clientVersion: undefined,
  traceparent: undefined,
  hash: hashOf(OPERATIONS[name]),
  text: undefined,
  operationName: undefined,
  hasForeignExtensions: false,
})
