import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { BudgetStore, Rate, Taken } from '../../../gateway/surge/budgets.ts'
import { createMemoryBudgets } from '../../../gateway/surge/memory-budgets.ts'
import { createRedisBudgets } from '../../../gateway/surge/redis-budgets.ts'
import { startRedis, type TestRedis } from '../../harness/redis.ts'
import { connectedRedis } from '../redis/connected-redis.ts'
import { ObviousBucket } from './obvious-bucket.ts'

type Kind = 'callers' | 'fields'

type Step =
  | { readonly kind: 'take'; readonly points: number }
  | { readonly kind: 'pass'; readonly ms: number }
  /** Gives back a part, in tenths, of one of the latest takes. */
  | { readonly kind: 'giveBack'; readonly ago: number; readonly tenths: number }

interface Run {
  readonly rate: Rate
  readonly steps: readonly Step[]
}

const runs: fc.Arbitrary<Run> = fc
  .record({ perSecond: fc.integer({ min: 1, max: 2_000 }), burst: fc.integer({ min: 1, max: 500 }) })
  .chain(rate =>
    fc.record({
      rate: fc.constant(rate),
      steps: fc.array(
        fc.oneof(
          {
            weight: 5,
            arbitrary: fc.record({
              kind: fc.constant('take' as const),
              points: fc.integer({ min: 1, max: rate.burst }),
            }),
          },
          // Often about the time in which a point flows in, at times longer than it takes to fill the bucket.
          {
            weight: 3,
            arbitrary: fc.record({
              kind: fc.constant('pass' as const),
              ms: fc.oneof(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 2_000 })),
            }),
          },
          {
            weight: 2,
            arbitrary: fc.record({
              kind: fc.constant('giveBack' as const),
              ago: fc.integer({ min: 0, max: 3 }),
              tenths: fc.integer({ min: 0, max: 10 }),
            }),
          },
        ),
        { minLength: 1, maxLength: 60 },
      ),
    }),
  )

let nowMs = 0
const clock = (): number => nowMs
let keys = 0

/** Runs the steps beside the obvious bucket; throws where they part. */
async function check(store: BudgetStore, kind: Kind, { rate, steps }: Run): Promise<void> {
  const budgets = store[kind]
  const model = new ObviousBucket(rate)
  const bucket = { key: `k${++keys}`, rate }
  const takes: { readonly taken: Taken; readonly end: number }[] = []
  /** Points admitted, and minus those given back, each at its instant. */
  const net: { readonly atMs: number; readonly points: number }[] = []
  for (const step of steps) {
    if (step.kind === 'pass') {
      nowMs += step.ms
      model.pass(step.ms)
    } else if (step.kind === 'take') {
      const answer = await budgets.take(bucket, step.points)
      const waitMs = model.take(step.points)
      expect(answer.isAdmitted).toBe(waitMs === 0)
      expect(answer.availablePoints).toBeCloseTo(model.availablePoints, 4)
      if (answer.isAdmitted) {
        takes.push({ taken: answer, end: model.end })
        net.push({ atMs: nowMs, points: step.points })
      } else expect(answer.retryAfterMs).toBe(waitMs)
    } else {
      const given = takes.at(-1 - step.ago)
      if (given === undefined) continue
      const points = Math.floor((given.taken.points * step.tenths) / 10)
      budgets.giveBack(given.taken, points)
      if (kind === 'fields' && given.end !== model.end) continue
      model.giveBack(points)
      net.push({ atMs: nowMs, points: -points })
    }
  }
  for (const [from, { atMs: fromMs }] of net.entries()) {
    let sum = 0
    for (const { atMs, points } of net.slice(from)) {
      sum += points
      expect(sum).toBeLessThanOrEqual((rate.perSecond * (atMs - fromMs)) / 1_000 + rate.burst + 1e-6)
    }
  }
}

const seed = 20_260_216

describe.each<Kind>(['callers', 'fields'])('budgets of %s, against an obvious bucket', kind => {
  it('in memory: refuse nothing that fits, and in no window admit more than rate × window + burst', async () => {
    const store = createMemoryBudgets({ clock })
    await fc.assert(
      fc.asyncProperty(runs, run => check(store, kind, run)),
      { seed, numRuns: 2_000 },
    )
  })
})

describe('budgets in Redis, against an obvious bucket', () => {
  let server: TestRedis
  let store: BudgetStore
  beforeAll(async () => {
    server = await startRedis()
    const redis = await connectedRedis(server.url)
    store = createRedisBudgets({ redis, clock })
  })
  afterAll(async () => {
    await store.close()
    await server.stop()
  })

  it.each<Kind>(['callers', 'fields'])(
    'of %s: refuse nothing that fits, and in no window admit more than rate × window + burst',
    async kind => {
      nowMs = 1_795_000_000_000
      await fc.assert(
        fc.asyncProperty(runs, run => check(store, kind, run)),
        { seed, numRuns: 100 },
      )
    },
  )
})
