import { parse } from 'graphql'
import { expect, test } from 'vitest'
import { InFlight, type InFlightQuery } from '../../../gateway/execution/in-flight.ts'
import { type CompiledOperation, compileOperation } from '../../../gateway/execution/operation.ts'
import type { Gateway } from '../../../gateway/gateway.ts'
import { loadSupergraph } from '../../../gateway/supergraph/supergraph.ts'
import { ANONYMOUS } from '../../../protocol/caller.ts'
import { ALICE } from '../../harness/scripted-subgraph.ts'
import { hashOf, OPERATIONS, TINY_SUPERGRAPH, tinyGraph } from '../../harness/tiny-graph.ts'

const supergraph = loadSupergraph(TINY_SUPERGRAPH)
const operation: CompiledOperation = compileOperation(
  supergraph,
  parse('query ($n: Int) { products(first: $n) { __typename } }'),
)
const other: CompiledOperation = compileOperation(supergraph, parse('{ who }'))
const QUERY: InFlightQuery = {
  operation,
  variables: { n: 1 },
  form: 'json',
  caller: ALICE,
  headersFor: undefined,
  invalidations: 0,
}

/** Joins both before the first ends; how many were executed, and what both got. */
async function joined(
  first: InFlightQuery,
  second: InFlightQuery,
): Promise<{ executed: number; got: number[] }> {
  const inFlight = new InFlight<number>()
  const gate = Promise.withResolvers<void>()
  let executed = 0
  const execute = async (): Promise<number> => {
    const number = ++executed
    await gate.promise
    return number
  }
  const both = [inFlight.join(first, execute), inFlight.join(second, execute)]
  gate.resolve()
  const got = await Promise.all(both)
  expect(inFlight.shared).toBe(2 - executed)
  return { executed, got }
}

test('the same query at the same time is executed once', async () => {
  expect(await joined(QUERY, { ...QUERY, variables: { n: 1 }, caller: { ...ALICE } })).toEqual({
    executed: 1,
    got: [1, 1],
  })
})

test.each<[string, Partial<InFlightQuery>]>([
  ['another operation', { operation: other }],
  ['other variables', { variables: { n: 2 } }],
  ['another caller', { caller: ANONYMOUS }],
  ['the same shopper through another client', { caller: { ...ALICE, client: 'partner' } }],
  ['another form', { form: 'data' }],
  ['whoever comes after an invalidation', { invalidations: 1 }],
  [
    'other headers for a subgraph',
    { headersFor: name => (name === 'shop' ? { 'x-tenant': 'a' } : undefined) },
  ],
])('%s has an execution of its own', async (_, change) => {
  expect(await joined(QUERY, { ...QUERY, ...change })).toEqual({ executed: 2, got: [1, 2] })
})

test("everybody's answer is shared by all callers", async () => {
  const everybodys: CompiledOperation = Object.defineProperty(Object.create(operation), 'scope', {
    value: 'PUBLIC',
  })
  const query = { ...QUERY, operation: everybodys }
  expect(await joined(query, { ...query, caller: ANONYMOUS })).toEqual({ executed: 1, got: [1, 1] })
})

test('what began before a mutation was answered is joined by nobody after it', async () => {
  const inFlight = new InFlight<string>()
  const gate = Promise.withResolvers<void>()
  const before = inFlight.join(QUERY, async () => {
    await gate.promise
    return 'before'
  })
  inFlight.mutated()
  const after = inFlight.join(QUERY, async () => 'after')
  gate.resolve()
  expect(await Promise.all([before, after])).toEqual(['before', 'after'])
})

test('once answered, a query is executed anew', async () => {
  const inFlight = new InFlight<number>()
  let executed = 0
  const execute = async (): Promise<number> => ++executed
  expect(await inFlight.join(QUERY, execute)).toBe(1)
  expect(await inFlight.join(QUERY, execute)).toBe(2)
})

test.each([
  ['queries and fetches shared', {}, 1],
  ['only fetches shared', { share: { queries: false } }, 1],
  ['only queries shared', { share: { fetches: false } }, 1],
  ['nothing shared', { share: { queries: false, fetches: false } }, 3],
])('through a gateway, %s', async (_, options, executed) => {
  const graph = await tinyGraph(options)
  try {
    const slow = async (): Promise<unknown> => {
      const answer = await graph.gateway.app.inject({
        method: 'POST',
        url: '/graphql',
        payload: { documentId: `sha256:${hashOf(OPERATIONS.Slow!)}` },
      })
      return answer.json()
    }
    const all = Promise.all([slow(), slow(), slow()])
    await expect.poll(async () => graph.executed.length + (await sharedBy(graph.gateway))).toBe(3)
    graph.release()
    expect(await all).toEqual([
      { data: { slow: 'done' } },
      { data: { slow: 'done' } },
      { data: { slow: 'done' } },
    ])
    expect(graph.executed).toHaveLength(executed)
  } finally {
    await graph.gateway.close()
  }
})

/** Queries and fetches that were answered by another's. */
async function sharedBy({ app }: Gateway): Promise<number> {
  const { payload } = await app.inject('/metrics')
  const counts = payload.matchAll(/^spillway_(?:queries_shared_total|subgraph_shared_total\{.*\}) (\d+)$/gm)
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0)
}
