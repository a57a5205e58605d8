import { describe, expect, test, vi } from 'vitest'
import type { Asked, Behaviour } from '../harness/misbehaving-subgraph.ts'
import { NAMES, type StockAnswer, type StockGraph, saysOf, stockGraph } from '../harness/stock-graph.ts'

/** A subgraph that fails for a while: left alone meanwhile, asked again when it is well, and never asked twice to change something. */

const TRANSPORTS = ['plain', 'envelope'] as const
const OPEN = 2
const CLOSED = 0
const SHELF = {
  products: NAMES.map((name, id) => ({ id: `${id}`, name, left: null })),
  note: null,
}

const breakerOf = (graph: StockGraph): Promise<number | undefined> =>
  graph.metric('spillway_subgraph_breaker')

/** Asks until it is no more asked. */
async function untilOpen(graph: StockGraph): Promise<void> {
  for (let of = 0; (await breakerOf(graph)) !== OPEN; of++) await graph.ask('Exact', { of })
}

/** Asks until it answers, and says what else was answered meanwhile. */
async function untilWell(graph: StockGraph): Promise<Set<string>> {
  const meanwhile = new Set<string>()
  await vi.waitUntil(
    async () => {
      const answer = await graph.ask('Exact')
      for (const said of saysOf(answer)) meanwhile.add(said)
      return answer.status === 200
    },
    { timeout: 30_000 },
  )
  return meanwhile
}

const FAILURES: readonly (readonly [string, Behaviour])[] = [
  ['resets', ({ socket }) => socket.resetAndDestroy()],
  ['pages of a proxy', asked => asked.respond(502, '<html>', { 'content-type': 'text/html' })],
  ['pages with status 200', asked => asked.respond(200, '<html>', { 'content-type': 'text/html' })],
  ['silence', () => {}],
]

describe.each(TRANSPORTS)('after %s requests that failed by', transport => {
  test.each(FAILURES)('%s, it is left alone, and asked again when it is well', async (_, fail) => {
    await using graph = await stockGraph({ transport, client: { requestMsMax: 300 } })
    const { stock } = graph
    stock.behave = fail
    await untilOpen(graph)
    const asked = stock.sent.length
    const [shelf, taken] = await Promise.all([graph.ask('Shelf', { of: 1 }), graph.ask('Take', { n: 1 })])
    // What it would have given is said to be missing at once, what others give is there.
    expect([shelf.status, shelf.body.data]).toEqual([200, SHELF])
    expect(new Set(saysOf(shelf).map(said => said.split(' ')[1]))).toEqual(new Set(['SUBGRAPH_UNREACHABLE']))
    expect([taken.status, ...saysOf(taken)]).toEqual([503, 'take SUBGRAPH_UNREACHABLE'])
    const [{ message, extensions }] = taken.body.errors
    expect(message).toMatch(/^stock: not sent: /)
    expect(extensions.retryAfterMs).toBeGreaterThan(0)
    expect(stock.timesSent('mutation')).toBe(0)
    // The fetch of entities leaves when the catalog has answered: it may be the probe.
    expect(stock.sent.length - asked).toBeLessThanOrEqual(1)

    stock.behave = stock.well
    for (const said of await untilWell(graph)) expect(said).toBe('exact SUBGRAPH_UNREACHABLE')
    expect(await breakerOf(graph)).toBe(CLOSED)
    expect(await graph.ask('Take', { n: 2 })).toEqual({ status: 200, body: { data: { take: { left: 9 } } } })
    expect(
      stock.sent.filter(({ variables }) => variables.n !== undefined).map(({ variables }) => variables.n),
    ).toEqual([2])
    expect(graph.client.stats.broken).toBeGreaterThan(0)
  })

  test('refused connections, it is found again where it was', async () => {
    await using graph = await stockGraph({ transport })
    const { stock } = graph
    await stock.close()
    const taken = await graph.ask('Take', { n: 1 })
    expect([taken.status, ...saysOf(taken)]).toEqual([503, 'take SUBGRAPH_UNREACHABLE'])
    expect(taken.body.errors[0].message).toBe('stock: not sent: expected a connection, got ECONNREFUSED')
    const shelf = await graph.ask('Shelf', { of: 1 })
    expect([shelf.status, shelf.body.data]).toEqual([200, SHELF])
    await untilOpen(graph)
    expect(stock.sent).toEqual([])
    await stock.listen()
    await untilWell(graph)
    expect(await breakerOf(graph)).toBe(CLOSED)
    expect(stock.timesSent('mutation')).toBe(0)
  })
})

/** How often it was sent each of them more than once, by a variable. */
function repeatsOf({ stock }: StockGraph, name: 'of' | 'n'): { distinct: number; repeats: number } {
  const numbers = stock.sent.map(({ variables }) => variables[name]).filter(number => number !== undefined)
  const distinct = new Set(numbers).size
  return { distinct, repeats: numbers.length - distinct }
}

describe.each(TRANSPORTS)('when every one of its %s requests is reset', transport => {
  test('a query is sent once more within a tenth of all, and a mutation never', async () => {
    await using graph = await stockGraph({ transport, client: { plainLanesMax: 128 } })
    const { stock } = graph
    const askAtOnce = (from: number, to: number): Promise<StockAnswer[]> =>
      Promise.all(
        Array.from({ length: to - from }, (_, i) =>
          i % 8 === 0 ? graph.ask('Take', { n: from + i }) : graph.ask('Exact', { of: from + i }),
        ),
      )
    expect((await askAtOnce(0, 160)).every(({ status }) => status === 200)).toBe(true)
    // All have arrived before the first is reset: none is kept back by the breaker.
    const held: Asked[] = []
    stock.behave = asked => {
      held.push(asked)
      if (stock.sent.length < 280) return
      for (const { socket } of held.splice(0)) socket.resetAndDestroy()
    }
    const answers = await askAtOnce(160, 280)

    const counts: Record<string, number> = {}
    for (const said of answers.flatMap(saysOf)) counts[said] = (counts[said] ?? 0) + 1
    expect(counts).toEqual({ 'exact SUBGRAPH_UNREACHABLE': 105, 'take OUTCOME_UNKNOWN': 15 })
    expect(repeatsOf(graph, 'n')).toEqual({ distinct: 35, repeats: 0 })
    const { distinct, repeats } = repeatsOf(graph, 'of')
    expect(distinct).toBe(245)
    expect(repeats).toBeGreaterThan(0)
    expect(repeats).toBeLessThanOrEqual(28)
    expect(await graph.metric('spillway_subgraph_retries_total')).toBeGreaterThanOrEqual(repeats)
  })
})
