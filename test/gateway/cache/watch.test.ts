import { pino } from 'pino'
import { expect, test } from 'vitest'
import { AGE_BUCKETS_MS, type CacheHooks, createWatch } from '../../../gateway/cache/watch.ts'

const silent = pino({ level: 'silent' })
const EVENT = { level: 'entity', field: 'Product', count: 3 } as const

test('keys are counted by field, and ages by the first bound that they do not pass', () => {
  const watch = createWatch({ logger: silent })
  watch.onHit({ ...EVENT, ageMs: AGE_BUCKETS_MS[1]! })
  watch.onStale({ ...EVENT, count: 2, ageMs: AGE_BUCKETS_MS.at(-1)! + 1 })
  watch.onMiss(EVENT)
  watch.onDedupe({ ...EVENT, count: 1 })
  watch.onSkip({ ...EVENT, reason: 'partial' })
  watch.onMiss({ ...EVENT, level: 'root', field: 'Query.product', count: 1 })
  const [product, root] = [...watch.fields]
  expect(product).toMatchObject({
    level: 'entity',
    field: 'Product',
    hits: 3,
    stale: 2,
    misses: 3,
    dedupes: 1,
  })
  expect(product!.skips).toMatchObject({ partial: 3, errors: 0 })
  // 3 keys of 250 ms in the second bucket, 2 beyond the last bound.
  expect(product!.ages).toEqual([0, 3, ...Array(AGE_BUCKETS_MS.length - 2).fill(0), 2])
  expect(product!.ageMsSum).toBe(3 * AGE_BUCKETS_MS[1]! + 2 * (AGE_BUCKETS_MS.at(-1)! + 1))
  expect(root).toMatchObject({ level: 'root', field: 'Query.product', misses: 1, hits: 0 })
})

test('hooks are told what happened, and one that throws harms nobody', () => {
  const told: unknown[] = []
  const hooks: CacheHooks = {
    onHit: event => told.push(event),
    onSkip: event => told.push(event),
    onError: error => told.push(error),
    onMiss: () => {
      throw new Error('a hook of somebody else')
    },
  }
  const logged: string[] = []
  const watch = createWatch({ hooks, logger: pino({}, { write: line => logged.push(line) }) })
  watch.onHit({ ...EVENT, ageMs: 1 })
  watch.onSkip({ ...EVENT, reason: 'errors' })
  watch.onMiss(EVENT)
  watch.onMiss(EVENT)
  watch.onStale(EVENT)
  const failure = new Error('Redis is gone')
  watch.onError(failure)
  expect(told).toEqual([{ ...EVENT, ageMs: 1 }, { ...EVENT, reason: 'errors' }, failure])
  expect([...watch.fields][0]).toMatchObject({ misses: 6 })
  expect(watch.errors).toBe(1)
  expect(logged.map(line => JSON.parse(line).msg)).toEqual([
    'a hook of the cache has thrown; this is told once',
  ])
})

test('fields that nobody foresaw share one name', () => {
  const watch = createWatch({ logger: silent })
  for (let i = 0; i < 1_500; i++) watch.onMiss({ level: 'root', field: `Query.f${i}`, count: 1 })
  const fields = [...watch.fields]
  expect(fields).toHaveLength(1_001)
  expect(fields.find(({ field }) => field === 'other')).toMatchObject({ misses: 500 })
})
