import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { connectRedis } from '../../../gateway/redis/redis-connection.ts'
import type { BudgetStore, Budgets, NotNow, Rate, Taken } from '../../../gateway/surge/budgets.ts'
import { openFleetBudgets } from '../../../gateway/surge/fleet-budgets.ts'
import { createMemoryBudgets } from '../../../gateway/surge/memory-budgets.ts'
import { createRedisBudgets } from '../../../gateway/surge/redis-budgets.ts'
import { silent } from '../../harness/postgres.ts'
import { startRedis, startRedisCluster, type TestRedis, type TestRedisCluster } from '../../harness/redis.ts'
import { connectedRedis } from '../redis/connected-redis.ts'

let single: TestRedis
let cluster: TestRedisCluster
beforeAll(async () => {
  single = await startRedis()
  cluster = await startRedisCluster()
})
afterAll(async () => {
  await single.stop()
  await cluster.stop()
})

/** Moved by hand. It begins where a real one is, for that is where sums of dates are least exact. */
let nowMs: number
const clock = (): number => nowMs
let tests = 0

const onRedis = async (url: string): Promise<BudgetStore> => {
  const redis = await connectedRedis(url)
  return createRedisBudgets({ redis, clock, prefix: `test-${++tests}:` })
}

const STORES: Readonly<Record<string, () => Promise<BudgetStore>>> = {
  'in memory': async () => createMemoryBudgets({ clock }),
  'in Redis': () => onRedis(single.url),
  'in a Redis Cluster': () => onRedis(cluster.url),
  'of a fleet, on Redis': async () =>
    // Patient: what is proved here is not about a machine that is busy elsewhere.
    await openFleetBudgets({
      redis: connectRedis(single.url),
      logger: silent,
      clock,
      prefix: `test-${++tests}:`,
      waitMsMax: 30_000,
    }),
  'of a fleet of one, without Redis': async () => {
    const gone = await startRedis()
    await gone.stop()
    return await openFleetBudgets({ redis: connectRedis(gone.url), logger: silent, clock })
  },
}

describe.each(Object.entries(STORES))('budgets %s', (_, create) => {
  let store: BudgetStore
  beforeEach(async () => {
    nowMs = 1_795_000_000_000
    store = await create()
  })
  afterEach(() => store.close())

  const pass = (ms: number): void => {
    nowMs += ms
  }

  /** What each demand came to, in order; all are asked before the first is answered. */
  const takeAll = async (budgets: Budgets, rate: Rate, demands: readonly number[], key = 'k') =>
    await Promise.all(demands.map(points => budgets.take({ key, rate }, points)))
  const take = async (budgets: Budgets, rate: Rate, points: number, key = 'k'): Promise<Taken | NotNow> =>
    await budgets.take({ key, rate }, points)
  const taken = async (budgets: Budgets, rate: Rate, points: number, key = 'k'): Promise<Taken> => {
    const answer = await take(budgets, rate, points, key)
    if (!answer.isAdmitted) throw new Error(`expected ${points} points, got ${JSON.stringify(answer)}`)
    return answer
  }
  const admitted = (availablePoints: number) =>
    expect.objectContaining({ isAdmitted: true, availablePoints: expect.closeTo(availablePoints, 4) })
  const refused = (availablePoints: number, retryAfterMs: number) => ({
    isAdmitted: false,
    availablePoints: expect.closeTo(availablePoints, 4),
    retryAfterMs,
  })

  describe.each(['callers', 'fields'] as const)('of %s', kind => {
    const perSecond10 = { perSecond: 10, burst: 5 }

    it('give the burst at once, and then the rate', async () => {
      // A point every 100 ms.
      const answers = await takeAll(store[kind], perSecond10, [1, 1, 1, 1, 1, 1])
      expect(answers.slice(0, 5)).toEqual([4, 3, 2, 1, 0].map(admitted))
      expect(answers[5]).toEqual(refused(0, 100))
      pass(99)
      expect(await take(store[kind], perSecond10, 1)).toEqual(refused(0.99, 1))
      pass(1)
      expect(await take(store[kind], perSecond10, 1)).toEqual(admitted(0))
      expect(await take(store[kind], perSecond10, 1)).toEqual(refused(0, 100))
    })

    it('fill up to the burst and no further', async () => {
      await taken(store[kind], perSecond10, 5)
      pass(3_600_000)
      expect(await take(store[kind], perSecond10, 2)).toEqual(admitted(3))
    })

    it('say from when on a demand fits, to the millisecond', async () => {
      // 80 of 100 are gone: 60 lack 40, which flow in within 40 ÷ 50 s; 100 lack 80.
      const rate = { perSecond: 50, burst: 100 }
      expect(await takeAll(store[kind], rate, [80, 60, 100])).toEqual([
        admitted(20),
        refused(20, 800),
        refused(20, 1_600),
      ])
      pass(799)
      expect(await take(store[kind], rate, 60)).toEqual(refused(59.95, 1))
      pass(1)
      expect(await take(store[kind], rate, 60)).toEqual(admitted(0))
    })

    it('say where the schedule ends: burst ÷ rate ahead when the bucket is empty', async () => {
      const rate = { perSecond: 50, burst: 100 }
      const half = await taken(store[kind], rate, 50)
      const whole = await taken(store[kind], rate, 50)
      expect(whole.endMs - half.endMs).toBeCloseTo(1_000, 2)
      expect(whole).toMatchObject({ points: 50, bucket: { key: 'k', rate } })
    })

    it('take all at once or nothing', async () => {
      const rate = { perSecond: 1, burst: 10 }
      expect(await takeAll(store[kind], rate, [7, 4, 3])).toEqual([
        admitted(3),
        refused(3, 1_000),
        admitted(0),
      ])
    })

    it('serve in the order of arrival', async () => {
      const answers = await takeAll(store[kind], { perSecond: 1, burst: 50 }, Array(700).fill(1))
      expect(answers.map(({ isAdmitted }) => isAdmitted)).toEqual([
        ...Array(50).fill(true),
        ...Array(650).fill(false),
      ])
    })

    it('keep one key apart from another, and callers from fields', async () => {
      const rate = { perSecond: 1, burst: 1 }
      const other = kind === 'callers' ? store.fields : store.callers
      const keys = ['a', 'b', 'a}', 'a}b', '{a}', '{a', '', '%7Ba', ' a', 'ä', 'x'.repeat(200)]
      for (const key of keys) expect(await take(store[kind], rate, 1, key), key).toEqual(admitted(0))
      for (const key of keys) expect(await take(other, rate, 1, key), key).toEqual(admitted(0))
      for (const key of keys) expect(await take(store[kind], rate, 1, key), key).toEqual(refused(0, 1_000))
    })

    it('give fractions of points without losing any', async () => {
      const rate = { perSecond: 0.1, burst: 1 }
      const tenths = await takeAll(store[kind], rate, Array(11).fill(0.1))
      expect(tenths.map(({ isAdmitted }) => isAdmitted)).toEqual([...Array(10).fill(true), false])
      // A tenth of a point flows in within a second.
      expect(tenths[10]).toEqual(refused(0, 1_000))
      pass(1_000)
      expect(await take(store[kind], rate, 0.1)).toEqual(admitted(0))
    })

    it('keep tiny rates and huge ones', async () => {
      const tiny = { perSecond: 1e-6, burst: 1 }
      expect(await takeAll(store[kind], tiny, [1, 1], 'tiny')).toEqual([admitted(0), refused(0, 1e9)])
      pass(1e9 - 1)
      expect(await take(store[kind], tiny, 1, 'tiny')).toMatchObject({ isAdmitted: false, retryAfterMs: 1 })
      pass(1)
      expect(await take(store[kind], tiny, 1, 'tiny')).toEqual(admitted(0))
      const huge = { perSecond: 1e9, burst: 1e12 }
      expect(await takeAll(store[kind], huge, [1e12, 1e9], 'huge')).toMatchObject([
        { isAdmitted: true },
        { isAdmitted: false, retryAfterMs: 1_000 },
      ])
      pass(1_000)
      expect(await take(store[kind], huge, 1e9, 'huge')).toMatchObject({ isAdmitted: true })
    })

    it('are neither opened nor closed by a clock that goes back', async () => {
      const rate = { perSecond: 10, burst: 5 }
      await taken(store[kind], rate, 5, 'empty')
      await taken(store[kind], rate, 2, 'half')
      pass(-3_600_000)
      expect(await take(store[kind], rate, 1, 'empty')).toEqual(refused(0, 100))
      expect(await take(store[kind], rate, 1, 'half')).toEqual(admitted(2))
      pass(100)
      expect(await take(store[kind], rate, 1, 'empty')).toEqual(admitted(0))
      expect(await take(store[kind], rate, 1, 'half')).toEqual(admitted(2))
    })

    it('follow a rate that is changed mid-way', async () => {
      await taken(store[kind], { perSecond: 0.01, burst: 10 }, 10)
      // Raised: what is owed of the old rate is at most an empty bucket of the new one.
      const raised = { perSecond: 100, burst: 50 }
      expect(await take(store[kind], raised, 1)).toEqual(refused(0, 10))
      pass(100)
      expect(await take(store[kind], raised, 10)).toEqual(admitted(0))
      // Lowered: half a second of the schedule is left, and no bucket owes more than its burst.
      pass(500)
      expect(await take(store[kind], raised, 50)).toEqual(admitted(0))
      const lowered = { perSecond: 10, burst: 2 }
      expect(await take(store[kind], lowered, 1)).toEqual(refused(0, 100))
      pass(100)
      expect(await take(store[kind], lowered, 1)).toEqual(admitted(0))
    })

    it('take back what was not needed of the last demand', async () => {
      const rate = { perSecond: 1, burst: 10 }
      const ten = await taken(store[kind], rate, 10)
      store[kind].giveBack(ten, 4)
      expect(await take(store[kind], rate, 5)).toEqual(refused(4, 1_000))
      expect(await take(store[kind], rate, 4)).toEqual(admitted(0))
    })

    it('are never fuller than full', async () => {
      const rate = { perSecond: 1, burst: 10 }
      const five = await taken(store[kind], rate, 5)
      pass(3_000)
      store[kind].giveBack(five, 5)
      store[kind].giveBack(await taken(store[kind], rate, 1), 50)
      pass(60_000)
      store[kind].giveBack(five, 5)
      expect(await takeAll(store[kind], rate, [10, 1])).toEqual([admitted(0), refused(0, 1_000)])
    })

    it('overlook a refund of nothing', async () => {
      const rate = { perSecond: 1, burst: 10 }
      const ten = await taken(store[kind], rate, 10)
      for (const points of [0, -5, Number.NaN]) store[kind].giveBack(ten, points)
      expect(await take(store[kind], rate, 1)).toEqual(refused(0, 1_000))
    })

    it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY, 10.000001])(
      'refuse to be asked for %d points',
      points => {
        const bucket = { key: 'k', rate: { perSecond: 1, burst: 10 } }
        expect(() => store[kind].take(bucket, points)).toThrow(
          new RangeError(`bucket k: expected more than 0 and at most 10 points, got ${points}`),
        )
      },
    )

    it.each([
      { perSecond: 0, burst: 1 },
      { perSecond: -1, burst: 1 },
      { perSecond: Number.NaN, burst: 1 },
      { perSecond: Number.POSITIVE_INFINITY, burst: 1 },
      { perSecond: 1, burst: 0 },
      { perSecond: 1, burst: Number.POSITIVE_INFINITY },
    ])('refuse a rate that is none: %o', rate => {
      expect(() => store[kind].take({ key: 'k', rate }, 1)).toThrow(
        new RangeError(
          `bucket k: expected a positive rate and burst, got ${rate.perSecond} a second and a burst of ${rate.burst}`,
        ),
      )
    })
  })

  it('give back to a caller also what others were reserved behind', async () => {
    const rate = { perSecond: 1, burst: 10 }
    const first = await taken(store.callers, rate, 6)
    await taken(store.callers, rate, 4)
    store.callers.giveBack(first, 6)
    expect(await take(store.callers, rate, 6)).toEqual(admitted(0))
  })

  it('give back to a field only while nothing is reserved behind', async () => {
    const rate = { perSecond: 1, burst: 10 }
    const first = await taken(store.fields, rate, 3)
    const second = await taken(store.fields, rate, 4)
    store.fields.giveBack(first, 3)
    expect(await take(store.fields, rate, 10)).toEqual(refused(3, 7_000))
    // The last is given back in part: it is no longer where its schedule ended.
    store.fields.giveBack(second, 2)
    store.fields.giveBack(second, 2)
    expect(await take(store.fields, rate, 10)).toEqual(refused(5, 5_000))
  })

  it('give back to a field what was reserved last, whenever that was', async () => {
    const rate = { perSecond: 1, burst: 10 }
    const ten = await taken(store.fields, rate, 10)
    pass(1_234)
    expect(await take(store.fields, rate, 10)).toEqual(refused(1.234, 8_766))
    store.fields.giveBack(ten, 5)
    expect(await take(store.fields, rate, 7)).toEqual(refused(6.234, 766))
  })
})
