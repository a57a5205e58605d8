import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Connections } from '../harness/connections.ts'
import type { Asked, Behaviour } from '../harness/misbehaving-subgraph.ts'
import { until } from '../harness/postgres.ts'
import type { RawResponse } from '../harness/raw-client.ts'
import { persisted, type ShelfGraph, shelfGraph, TEXT } from '../harness/shelf-graph.ts'

/** Everybody comes at once: for what is not kept, for what has become stale, and for what nobody can have any more. */

const CROWD = 5_000

const PERSISTED = persisted('Product', { id: '7' })
const AS_TEXT = { query: TEXT, variables: { id: '7' } }

const connect = (graph: ShelfGraph, count: number): Promise<Connections> =>
  Connections.open(graph.gateway.app.server, graph.port, count)

const statusesOf = (answers: readonly RawResponse[]): string[] => [
  ...new Set(answers.map(({ status }) => status)),
]
const bodiesOf = (answers: readonly RawResponse[]): string[] => [...new Set(answers.map(({ body }) => body))]

/** A text is compiled by its second time. The answer that is kept of this one is another. */
async function makeKnown(graph: ShelfGraph): Promise<void> {
  await using one = await connect(graph, 1)
  await one.post(() => ({ ...AS_TEXT, variables: { id: '1' } })).answers
}

/** As much time as a crowd takes on a machine that is busy elsewhere. */
const limits = { requestMsMax: 60_000 }

describe.each([
  ['shared', {}],
  ['not shared', { share: { queries: false, fetches: false } }],
] as const)('while what is under way is %s', (_, share) => {
  let graph: ShelfGraph
  let crowd: Connections
  beforeAll(async () => {
    graph = await shelfGraph({ file: { ...share, limits } })
    crowd = await connect(graph, CROWD)
    await makeKnown(graph)
  })
  afterAll(async () => {
    await crowd[Symbol.asyncDispose]()
    await graph[Symbol.asyncDispose]()
  })

  /** All requests have been read, and started, before the first fetch of them is answered. */
  async function answersOfAll(
    name: 'catalog' | 'stock',
    requestOf: (number: number) => object,
    behave: Behaviour = graph[name].well,
  ): Promise<readonly RawResponse[]> {
    const subgraph = graph[name]
    const held: Asked[] = []
    subgraph.behave = asked => void held.push(asked)
    const { answers, read } = crowd.post(requestOf)
    await read
    await until('a fetch', () => held.length > 0)
    await until('all to be started', async () => (await graph.metric('spillway_run_queue_waiting')) === 0)
    subgraph.behave = behave
    for (const asked of held) behave(asked)
    const all = await answers
    subgraph.behave = subgraph.well
    return all
  }

  test.each([
    ['persisted query', PERSISTED, 'name'],
    ['text', AS_TEXT, 'called'],
  ])('5,000 who come for the same %s cause one fetch', async (_, request, key) => {
    const before = graph.catalog.sent.length
    const answers = await answersOfAll('catalog', () => request)
    expect(graph.catalog.sent.length - before).toBe(1)
    expect(statusesOf(answers)).toEqual(['HTTP/1.1 200 OK'])
    expect(bodiesOf(answers)).toEqual([
      JSON.stringify({ data: { product: { id: '7', [key]: `tea 7, asked for ${before + 1} times` } } }),
    ])
  })

  test('5,000 who come for different things with the same entity cause one fetch of it', async () => {
    const before = graph.catalog.sent.length
    const answers = await answersOfAll('stock', n => persisted('Visit', { n }))
    expect(graph.catalog.sent.length - before).toBe(CROWD)
    expect(graph.stock.sent).toHaveLength(1)
    expect(statusesOf(answers)).toEqual(['HTTP/1.1 200 OK'])
    expect(bodiesOf(answers)).toEqual(['{"data":{"visit":{"id":"1","left":1}}}'])
  })

  test('5,000 who come for what cannot be had are told so after one fetch', async () => {
    const before = graph.catalog.sent.length
    const answers = await answersOfAll(
      'catalog',
      () => persisted('Product', { id: 'none' }),
      asked => asked.respond(500, 'no'),
    )
    expect(graph.catalog.sent.length - before).toBe(1)
    expect(statusesOf(answers)).toEqual(['HTTP/1.1 502 Bad Gateway'])
    const [body, ...others] = bodiesOf(answers)
    expect(others).toEqual([])
    expect(codesOf(body!)).toEqual(['SUBGRAPH_BAD_ANSWER'])
  })
})

/** @returns the codes of an answer that has errors and no data. */
function codesOf(body: string): string[] {
  const { data, errors } = JSON.parse(body)
  expect(data ?? null).toBeNull()
  return errors.map(({ extensions }: { extensions: { code: string } }) => extensions.code)
}

/** A refresh that has failed is tried again no sooner. */
const BACK_OFF_MS = 1_000
/** Of an open breaker, before one exchange probes. */
const OPEN_MS = 1_000
const OPEN = 2
const FRESH_MS = 100
const STALE_MS = 2_500

const behaving =
  (behave: Behaviour) =>
  ({ catalog }: ShelfGraph): void => {
    catalog.behave = behave
  }

const FAILURES: readonly (readonly [string, (graph: ShelfGraph) => Promise<void> | void])[] = [
  ['pages with status 500', behaving(asked => asked.respond(500, 'no', { 'content-type': 'text/plain' }))],
  ['garbage', behaving(asked => asked.respond(200, '{"data":'))],
  ['silence', behaving(() => {})],
  ['refused connections', ({ catalog }) => catalog.close()],
]

/** Half of a crowd asks by name, half by text: two keys of what is kept. */
const KEYS = 2
const either = (number: number): object => (number % KEYS === 0 ? PERSISTED : AS_TEXT)

test.each(FAILURES)(
  'while the subgraph answers with %s, what is kept answers until it is too old, and then an error',
  async (failure, fail) => {
    await using graph = await shelfGraph({
      policies: { 'Query.product': { freshMs: FRESH_MS, staleMs: STALE_MS } },
      file: { subgraphs: { catalog: { requestMsMax: 300 } } },
    })
    const sent = (): Promise<number> =>
      graph.metric('spillway_subgraph_operations_total', 'subgraph="catalog"')
    await makeKnown(graph)
    await using crowd = await connect(graph, CROWD)
    await using few = await connect(graph, KEYS)
    const askedMs = performance.now()
    const known = bodiesOf(await few.post(either).answers)
    const answeredMs = performance.now()
    expect(known).toHaveLength(KEYS)
    await fail(graph)
    const failsMs = performance.now()
    const before = await sent()

    let failed = 0
    let hasCrowdCome: boolean = false
    for (let good = KEYS; good > 0; ) {
      const atMs = performance.now()
      const isCrowd: boolean = !hasCrowdCome && atMs > answeredMs + FRESH_MS
      hasCrowdCome ||= isCrowd
      const answers = await (isCrowd ? crowd : few).post(either).answers
      const kept = answers.filter(({ status }) => status === 'HTTP/1.1 200 OK')
      for (const body of bodiesOf(kept)) expect(known).toContain(body)
      if (kept.length > 0) expect(atMs).toBeLessThan(answeredMs + FRESH_MS + STALE_MS)
      if (kept.length < answers.length)
        expect(performance.now()).toBeGreaterThanOrEqual(askedMs + FRESH_MS + STALE_MS)
      failed += answers.length - kept.length
      good = kept.length
    }
    // As long as there was something: a refresh at once and one each second later, for each key. Then each request that
    // found nothing had a fetch at most, and one more if that ran out of its time before the request did.
    const refreshes = 1 + Math.floor((performance.now() - failsMs) / BACK_OFF_MS)
    expect((await sent()) - before).toBeLessThanOrEqual(KEYS * refreshes + 2 * failed)

    await until('an open breaker', async () => {
      await few.post(either).answers
      return (await graph.metric('spillway_subgraph_breaker', 'subgraph="catalog"')) === OPEN
    })
    const openMs = performance.now()
    const whenOpen = await sent()
    const refused = await crowd.post(either).answers
    expect(statusesOf(refused).filter(status => !/ 50[234] /.test(status))).toEqual([])
    for (const body of bodiesOf(refused))
      expect(codesOf(body)).toEqual([expect.stringMatching(/^SUBGRAPH_(?:BAD_ANSWER|TIMEOUT|UNREACHABLE)$/)])
    // Whoever probes, and nobody else.
    const probes = 1 + Math.floor((performance.now() - openMs) / OPEN_MS)
    expect((await sent()) - whenOpen).toBeLessThanOrEqual(probes)

    graph.catalog.behave = graph.catalog.well
    if (failure === 'refused connections') await graph.catalog.listen()
    const again = await until('new answers', async () => {
      const answers = await few.post(either).answers
      return statusesOf(answers).join() === 'HTTP/1.1 200 OK' ? answers : undefined
    })
    for (const body of bodiesOf(again)) expect(known).not.toContain(body)
  },
)
