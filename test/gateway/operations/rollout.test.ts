import { parse } from 'graphql'
import { expect, test } from 'vitest'
import { createAdhocOperations } from '../../../gateway/operations/adhoc.ts'
import { createRegistry } from '../../../gateway/operations/registry.ts'
import { type Rollouts, rolloutsOf } from '../../../gateway/operations/rollout.ts'
import { loadSupergraph, type Supergraph } from '../../../gateway/supergraph/supergraph.ts'
import { ANONYMOUS, type Caller } from '../../../protocol/caller.ts'
import { supergraphOf } from '../../harness/foreign-graph.ts'
import { hashOf } from '../../harness/tiny-graph.ts'

const LIMITS = { tokensMax: 200, depthMax: 3, rootFieldsMax: 5 }
const TEXT = '{ third most beta never always }'

/** `old` has every field; `new` takes each over for those whom its label covers. */
const NEW = `
  type Query {
    third: Int @override(from: "old", label: "percent(33.5)")
    most: Int @override(from: "old", label: "percent(70)")
    beta: Int @override(from: "old", label: "beta")
    never: Int @override(from: "old", label: "percent(0)")
    always: Int @override(from: "old", label: "percent(100)")
  }
`
const supergraph = loadSupergraph(
  supergraphOf({
    old: {
      sdl: 'type Query { third: Int most: Int beta: Int never: Int always: Int }',
      url: 'http://old.invalid',
    },
    new: { sdl: NEW, url: 'http://new.invalid' },
  }),
)
const plain = loadSupergraph(
  supergraphOf({ old: { sdl: 'type Query { third: Int }', url: 'http://old.invalid' } }),
)

const shopper = (shopperId: string): Caller => ({ ...ANONYMOUS, kind: 'shopper', shopperId })
const rollouts = (active: readonly string[] = [], of: Supergraph = supergraph): Rollouts =>
  rolloutsOf(of, new Set(active))

/** The fields that `new` answers in each bucket. */
function newFields(active: readonly string[] = []): Promise<string[][]> {
  const registry = createRegistry(
    supergraph,
    [{ id: hashOf(TEXT), body: TEXT, priority: 'BROWSE' }],
    LIMITS,
    rollouts(active).buckets,
  )
  const operation = registry.find(hashOf(TEXT), undefined)!
  expect(operation.variants?.[0]).toBe(operation.compiled)
  return Promise.all(
    operation.variants!.map(async variant => {
      const operations = JSON.stringify(await variant.plan({}))
      const [asked] = /"serviceName":"new"[^{]*"operation":"\{([^}]*)\}/.exec(operations)?.slice(1) ?? ['']
      return asked!.trim().split(/\s+/).sort()
    }),
  )
}

test('k percentages make k + 1 buckets, of which each is compiled ahead', async () => {
  expect(rollouts().buckets.map(({ percentage }) => percentage)).toEqual([0, 33.5, 70])
  expect(await newFields()).toEqual([['always', 'most', 'third'], ['always', 'most'], ['always']])
})

test('a label that is active holds in every bucket; one that no field names changes nothing', async () => {
  expect(await newFields(['beta', 'gamma'])).toEqual([
    ['always', 'beta', 'most', 'third'],
    ['always', 'beta', 'most'],
    ['always', 'beta'],
  ])
})

test('a shopper stays in a bucket, and each bucket gets its share', () => {
  const { bucketOf } = rollouts()
  const counts = [0, 0, 0]
  for (let i = 0; i < 20_000; i++) {
    const bucket = bucketOf(shopper(`shopper-${i}`))
    expect(bucketOf(shopper(`shopper-${i}`))).toBe(bucket)
    counts[bucket]!++
  }
  // Of 20,000: 6,700 and 7,300 and 6,000; five standard deviations are at most 340.
  for (const [bucket, expected] of [6_700, 7_300, 6_000].entries())
    expect(Math.abs(counts[bucket]! - expected)).toBeLessThan(340)
})

test('whoever is no shopper gets a bucket by chance', () => {
  const { bucketOf } = rollouts()
  const seen = new Set(Array.from({ length: 500 }, () => bucketOf(ANONYMOUS)))
  expect([...seen].sort()).toEqual([0, 1, 2])
})

test('a supergraph without percentages has one bucket, and every operation one plan', () => {
  const { buckets, bucketOf } = rollouts([], plain)
  expect(buckets).toHaveLength(1)
  expect([bucketOf(ANONYMOUS), bucketOf(shopper('alice'))]).toEqual([0, 0])
  const registry = createRegistry(
    plain,
    [{ id: hashOf('{ third }'), body: '{ third }', priority: 'BROWSE' }],
    LIMITS,
    buckets,
  )
  expect(registry.operations[0]!.variants).toBeUndefined()
})

test('a text of a client is compiled for each bucket that asks, and kept by bucket', async () => {
  const operations = createAdhocOperations(supergraph, rollouts().buckets)
  const text = { text: TEXT, hash: hashOf(TEXT), operationName: undefined, document: parse(TEXT) }
  const [first, again, last] = [0, 0, 2].map(bucket => operations.operationOf(text, bucket))
  expect(again).toBe(first)
  expect(operations.kept).toBe(2)
  const plans = await Promise.all(
    [first, last].map(async made => JSON.stringify(await (await made!).compiled.plan({}))),
  )
  expect(plans[0]).toContain('third')
  expect(plans[0]).not.toBe(plans[1])
})
