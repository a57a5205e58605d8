import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { KEPT_POINTS, REFUSALS, type Reservation } from '../../gateway/spending.ts'
import type { LineStatus } from '../../gateway/status-answer.ts'
import type { NotNow, Taken } from '../../gateway/surge/budgets.ts'
import { ANONYMOUS, type Caller } from '../../protocol/caller.ts'
import { Fault } from '../../protocol/fault.ts'
import {
  ALICE,
  type Asked,
  demandOf,
  line,
  SAYS_NOTHING,
  type Stand,
  stand,
  type Told,
  tiers,
  told,
} from './spending-stand.ts'

const status = (currentlyAvailable: number): object => ({
  maximumAvailable: 100,
  currentlyAvailable,
  restoreRate: 10,
})

describe('a caller’s budget', () => {
  it('holds the estimate and is given back what the answer did not come to', () => {
    const { ask } = stand()
    // 100 − 60 reserved + 60 − 20 given back = 80
    expect(ask(60, { actual: 20 }).cost).toEqual({
      requestedQueryCost: 60,
      actualQueryCost: 20,
      throttleStatus: status(80),
    })
    expect(ask(80).cost.throttleStatus).toEqual(status(0))
  })

  it('refuses what it does not hold, says when it will, and takes nothing', () => {
    const { ask, pass } = stand()
    ask(90)
    const refused = ask(30)
    // 20 points are missing, 10 come back a second.
    expect(refused).toMatchObject({ code: 'THROTTLED', extensions: { retryAfterMs: 2_000 } })
    expect(refused.cost).toEqual({
      requestedQueryCost: 30,
      actualQueryCost: null,
      throttleStatus: status(10),
    })
    pass(2_000)
    expect(ask(30).code).toBeUndefined()
  })

  it('is not drawn on by what was never executed', () => {
    const { ask } = stand()
    ask(100, { actual: undefined })
    expect(ask(100).code).toBeUndefined()
  })

  it('pays at least a point for what was executed and failed', () => {
    const { ask } = stand()
    ask(100, { actual: 0 })
    expect(ask(100).code).toBe('THROTTLED')
    expect(ask(99).code).toBeUndefined()
  })

  it('gives nothing back beyond the estimate when an answer came to more', () => {
    const { ask } = stand()
    expect(ask(10, { actual: 50 }).cost.throttleStatus).toEqual(status(90))
  })

  it('is a shopper’s own', () => {
    const { ask } = stand()
    ask(100)
    expect(ask(100, { caller: { ...ALICE, shopperId: 'bob' } }).code).toBeUndefined()
    expect(ask(1, { caller: { ...ALICE } }).code).toBe('THROTTLED')
  })

  it('is that of the address for whoever has no name', () => {
    const { ask } = stand()
    ask(100, { caller: ANONYMOUS })
    expect(ask(1, { caller: ANONYMOUS }).code).toBe('THROTTLED')
    expect(ask(1, { caller: ANONYMOUS, address: '10.0.0.2' }).code).toBeUndefined()
  })

  it('is the client’s for a client without a shopper, of its tier', () => {
    const { ask } = stand()
    const acme: Caller = { kind: 'anonymous', client: 'acme', scopes: [], tier: 'partner' }
    expect(ask(100, { caller: acme }).cost.throttleStatus).toEqual({
      maximumAvailable: 150,
      currentlyAvailable: 50,
      restoreRate: 30,
    })
    expect(ask(60, { caller: acme, address: '10.0.0.2' }).code).toBe('THROTTLED')
  })

  it.each(['chatbot', 'partner'] as const)(
    'is two where a %s speaks for a shopper, and what one refuses the other gets back',
    tier => {
      const { ask } = stand()
      const speaking = (shopperId: string): Partial<Asked> => ({ caller: { ...ALICE, shopperId, tier } })
      for (const shopper of ['a', 'b', 'c']) ask(tiers[tier].burst / 3, speaking(shopper))
      const refused = ask(100, speaking('d'))
      expect(refused).toMatchObject({
        code: 'THROTTLED',
        // Given back: the shopper's own is as it was.
        cost: { throttleStatus: { maximumAvailable: 100, currentlyAvailable: 100 } },
      })
      expect(ask(100, { caller: { ...ALICE, shopperId: 'd' } }).code).toBeUndefined()
    },
  )

  it('is none for operators, who can always pause', () => {
    const { ask } = stand()
    const operator: Caller = { kind: 'operator', client: 'ops', scopes: [], tier: 'shopper' }
    for (let i = 0; i < 10; i++) expect(ask(100, { caller: operator }).code).toBeUndefined()
    expect(ask(1, { caller: operator }).cost).toEqual({ requestedQueryCost: 1, actualQueryCost: 1 })
  })

  it('is not asked about what costs nothing', () => {
    const { ask } = stand()
    ask(100)
    expect(ask(0, { pointsMin: 0 }).cost).toEqual({ requestedQueryCost: 0, actualQueryCost: 0 })
  })

  it('pays a point for what is estimated at none and has a subgraph asked', () => {
    const { ask } = stand()
    expect(ask(0).cost).toEqual({ requestedQueryCost: 0, actualQueryCost: 0, throttleStatus: status(99) })
    expect(ask(99).code).toBeUndefined()
    expect(ask(0)).toMatchObject({ code: 'THROTTLED', cost: { throttleStatus: status(0) } })
  })
})

describe('the maximum', () => {
  it('refuses before any budget is asked, naming the three dearest fields', () => {
    const { ask } = stand()
    const refused = ask(101)
    expect(refused).toMatchObject({
      code: 'COST_ESTIMATED_TOO_EXPENSIVE',
      extensions: {
        'cost.estimated': 101,
        'cost.max': 100,
        // a.b: 10 of a × 2 × 3; a.b.c: 10 × 2 × 1; a: 10 × 1 + 5
        'cost.fields': [
          { path: 'a.b', points: 60 },
          { path: 'a.b.c', points: 20 },
          { path: 'a', points: 15 },
        ],
      },
    })
    expect(ask(100).code).toBeUndefined()
  })

  it('keeps what is beyond it out of the sum of all estimates', () => {
    const { ask, spending } = stand()
    ask(Number.MAX_SAFE_INTEGER)
    ask(50)
    expect(spending.estimated).toBe(50)
  })

  it('is not waited for where the whole budget is smaller', () => {
    const { ask } = stand({ tiers: { ...tiers, shopper: { perSecond: 1, burst: 50 } } })
    expect(ask(51)).toMatchObject({
      code: 'COST_ESTIMATED_TOO_EXPENSIVE',
      extensions: { 'cost.estimated': 51, 'cost.max': 50 },
    })
  })

  it('of a subgraph is compared with its part of the plan', async () => {
    const { spending } = stand({ subgraphs: { coupon: { max: 50 }, catalog: { max: 1 } } })
    const within = await spending.reserve(demandOf(50, {}))
    expect(within.fault).toBeUndefined()
    const beyond = told(spending, await spending.reserve(demandOf(51, {})), 51)
    expect(beyond).toMatchObject({
      code: 'SUBGRAPH_COST_ESTIMATED_TOO_EXPENSIVE',
      extensions: { 'cost.subgraph': 'coupon', 'cost.estimated': 51, 'cost.max': 50 },
    })
  })
})

describe('a field’s limit', () => {
  it('is drawn on by every caller, and a refused one is given back their own points', () => {
    const { ask } = stand()
    const limits = line({ perSecond: 5, burst: 20 })
    expect(ask(30, { roots: [20], limits }).code).toBeUndefined()
    const bob = { caller: { ...ALICE, shopperId: 'bob' }, roots: [10], limits }
    expect(ask(30, bob)).toMatchObject({ code: 'THROTTLED', extensions: { retryAfterMs: 2_000 } })
    expect(ask(100, { caller: bob.caller }).code).toBeUndefined()
  })

  it('of a caller is each caller’s', () => {
    const { ask } = stand()
    const limits = line({ perSecond: 5, burst: 20 }, { per: 'CALLER' })
    expect(ask(20, { limits }).code).toBeUndefined()
    expect(ask(1, { limits }).code).toBe('THROTTLED')
    expect(ask(1, { limits, caller: { ...ALICE, shopperId: 'bob' } }).code).toBeUndefined()
  })

  it('keeps its estimate whatever the answer came to', () => {
    const { ask } = stand()
    const limits = line({ perSecond: 5, burst: 20 })
    ask(20, { limits, actual: 1 })
    expect(ask(1, { limits }).code).toBe('THROTTLED')
  })

  it('is given back by a request that was never executed, while nobody stands behind it', () => {
    const { ask } = stand()
    const limits = line({ perSecond: 5, burst: 20 })
    ask(20, { limits, actual: undefined })
    expect(ask(20, { limits }).code).toBeUndefined()
  })

  it('beyond its burst is no matter of waiting', () => {
    const { ask } = stand()
    expect(ask(21, { limits: line({ perSecond: 5, burst: 20 }) }).code).toBe('COST_ESTIMATED_TOO_EXPENSIVE')
  })

  it('is what an operator has set', () => {
    const { ask } = stand({}, { bucketOf: (_, key) => ({ key, rate: { perSecond: 1, burst: 2 } }) })
    expect(ask(3, { limits: line({ perSecond: 5, burst: 20 }) }).code).toBe('COST_ESTIMATED_TOO_EXPENSIVE')
  })

  it.each<[string, LineStatus, object]>([
    [
      'is paused',
      { isPaused: true, remaining: 7, noticeZh: '暂停', noticeEn: 'Paused' },
      // Longer than the 4 s after which a point, which counts as 20 of the 5 that come back a second, is there again: a
      // crowd shall not come back to hear the same.
      { paused: true, remaining: 7, noticeZh: '暂停', noticeEn: 'Paused', retryAfterMs: 60_000 },
    ],
    [
      'has nothing left',
      { ...SAYS_NOTHING, remaining: 0 },
      { paused: false, remaining: 0, retryAfterMs: 60_000 },
    ],
  ])('lets one in twenty through while its line %s', (_, state, details) => {
    const { ask } = stand({}, { statusOf: () => state })
    const limits = line({ perSecond: 5, burst: 20 })
    expect(ask(1, { limits }).code).toBeUndefined()
    const refused = ask(1, { limits })
    expect(refused).toMatchObject({ code: 'THROTTLED', extensions: details })
  })

  it('is itself while its line goes on', () => {
    const { ask } = stand({}, { statusOf: () => ({ ...SAYS_NOTHING, remaining: 5 }) })
    const limits = line({ perSecond: 5, burst: 20 })
    for (let i = 0; i < 20; i++) expect(ask(1, { limits }).code).toBeUndefined()
  })
})

describe('a field that is asked for under two names', () => {
  const named = (...roots: number[]): Partial<Asked> => {
    const [limited] = line({ perSecond: 5, burst: 20 })
    return { roots, limits: roots.map((_, index) => ({ ...limited!, index })) }
  }

  it('draws once on one budget, what all of them cost', () => {
    const { ask } = stand()
    expect(ask(20, named(10, 10)).code).toBeUndefined()
    const refused = ask(6, named(3, 2, 1))
    // 6 points are missing, 5 come back a second.
    expect(refused).toMatchObject({
      code: 'THROTTLED',
      extensions: { retryAfterMs: 1_200, 'cost.estimated': 6 },
    })
  })

  it('is told at once when no waiting helps, though each of them would fit', () => {
    const { ask } = stand()
    expect(ask(30, named(20, 10))).toMatchObject({
      code: 'COST_ESTIMATED_TOO_EXPENSIVE',
      extensions: { 'cost.estimated': 30, 'cost.max': 20 },
    })
  })

  it('is braked once', () => {
    const { ask } = stand({}, { statusOf: () => ({ ...SAYS_NOTHING, isPaused: true, remaining: 5 }) })
    expect(ask(2, named(1, 1)).code).toBeUndefined()
  })
})

describe('what cannot be estimated', () => {
  it('is refused in its own words', () => {
    const { spending } = stand()
    const demand = demandOf(1, {})
    demand.operation.cost.estimate.estimate = () => {
      throw new Fault('COST_INVALID_SLICING_ARGUMENTS', 'expected one of first, last')
    }
    expect(told(spending, spending.reserve(demand) as Reservation, 1)).toMatchObject({
      code: 'COST_INVALID_SLICING_ARGUMENTS',
      cost: { requestedQueryCost: 0, actualQueryCost: null },
    })
  })
})

describe('measuring', () => {
  it('refuses nothing, and counts what would have been refused', async () => {
    const { ask, spending } = stand({ mode: 'measure', subgraphs: { coupon: { max: 50 } } })
    const limits = line({ perSecond: 5, burst: 20 })
    for (const points of [200, 60, 60]) {
      const reservation = await spending.reserve(demandOf(points, { limits }))
      expect(told(spending, reservation, points).code).toBeUndefined()
    }
    const counted = Object.fromEntries(REFUSALS.map(reason => [reason, spending.refusedFor(reason)]))
    // 200: beyond the maximum, the subgraph's, the caller's budget and the field's. 60: all but the maximum; the second also finds the budget empty.
    expect(counted).toEqual({ slicing: 0, maximum: 1, subgraph: 3, caller: 2, field: 3, place: 0 })
    expect(spending.estimated).toBe(320)
    expect(spending.actual).toBe(320)
    expect(ask).toBeDefined()
  })

  it('counts a limit with places anew when its rate changes: what was owed of another rate is none of it', () => {
    const { ask, spending } = stand({ mode: 'measure' })
    const limits = (perSecond: number) => line({ perSecond, burst: 20 }, { over: 'PLACE' })
    // 2,000 s of the slow rate.
    ask(20, { limits: limits(0.01) })
    ask(20, { limits: limits(10) })
    expect(spending.refusedFor('field')).toBe(0)
    ask(20, { limits: limits(0.01) })
    expect(spending.refusedFor('field')).toBe(1)
  })
})

describe('a store that answers later', () => {
  it('is waited for, in the same order', async () => {
    const order: string[] = []
    const { spending } = stand({}, {}, memory => ({
      ...memory,
      source: 'redis',
      gateways: 2,
      close: () => memory.close(),
      callers: {
        take: async (bucket, points) => {
          order.push(`take ${bucket.key}`)
          return await memory.callers.take(bucket, points)
        },
        giveBack: (taken, points) => {
          order.push(`give back ${points} to ${taken.bucket.key}`)
          memory.callers.giveBack(taken, points)
        },
      },
      fields: {
        take: async (bucket, points) => {
          order.push(`take ${bucket.key}`)
          return await memory.fields.take(bucket, points)
        },
        giveBack: () => void order.push('give back to the line'),
      },
    }))
    const limits = line({ perSecond: 5, burst: 20 })
    const first = await spending.reserve(demandOf(20, { limits }))
    expect(first.fault).toBeUndefined()
    const second = await spending.reserve(demandOf(20, { limits }))
    expect(second.fault).toMatchObject({ code: 'THROTTLED' })
    expect(order).toEqual([
      'take shopper:alice',
      'take line',
      'take shopper:alice',
      'take line',
      'give back 20 to shopper:alice',
    ])
  })
})

describe('whatever is asked, in whatever order it ends', () => {
  const step = fc.oneof(
    fc.record({
      kind: fc.constant('ask' as const),
      shopper: fc.constantFrom('alice', 'bob'),
      points: fc.integer({ min: 0, max: 60 }),
      ofField: fc.integer({ min: 0, max: 12 }),
      actual: fc.option(fc.integer({ min: 0, max: 70 }), { nil: undefined }),
    }),
    fc.record({ kind: fc.constant('end' as const), which: fc.nat(9) }),
  )

  it('a caller has spent what answers came to and what is under way, and a field what was let through', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), steps => {
        const { spending, budgets } = stand()
        const limits = line({ perSecond: 5, burst: 20 })
        const spent = { alice: 0, bob: 0 }
        /** Of the line; a refund counts only at its end. */
        let end = 0
        const underWay: {
          points: number
          actual: number | undefined
          shopper: 'alice' | 'bob'
          ofField: number
          end: number
          reservation: Reservation
        }[] = []
        for (const next of steps) {
          if (next.kind === 'end') {
            const [ended] = underWay.splice(next.which % Math.max(1, underWay.length), 1)
            if (ended === undefined) continue
            const { points, actual, shopper, ofField, reservation } = ended
            spending.settle(reservation, actual)
            const charged = Math.max(1, points)
            spent[shopper] -= charged - (actual === undefined ? 0 : Math.min(charged, Math.max(1, actual)))
            if (actual === undefined && ended.end === end) end -= ofField
            continue
          }
          const { points, ofField, actual } = next
          const shopper = next.shopper as 'alice' | 'bob'
          const caller = { ...ALICE, shopperId: shopper }
          const reservation = spending.reserve(
            demandOf(points, { caller, limits, roots: [ofField] }),
          ) as Reservation
          const code =
            spent[shopper] + Math.max(1, points) > 100
              ? 'THROTTLED'
              : end + ofField > 20 && ofField > 0
                ? 'THROTTLED'
                : undefined
          expect(reservation.fault?.code).toBe(code)
          if (code !== undefined) {
            spending.settle(reservation, undefined)
            continue
          }
          spent[shopper] += Math.max(1, points)
          end += ofField
          underWay.push({ points, actual, shopper, ofField, end, reservation })
        }
        for (const shopper of ['alice', 'bob'] as const) {
          const bucket = { key: `shopper:${shopper}`, rate: tiers.shopper }
          const left = 100 - spent[shopper]
          const all = budgets.callers.take(bucket, Math.max(1, left)) as Taken | NotNow
          expect(all.isAdmitted).toBe(left > 0)
          expect(all.availablePoints).toBeCloseTo(0, 6)
        }
        const rest = budgets.fields.take(
          { key: 'line', rate: { perSecond: 5, burst: 20 } },
          Math.max(1, 20 - end),
        )
        expect((rest as Taken | NotNow).isAdmitted).toBe(end < 20)
      }),
      { numRuns: 2_000, seed: 20260217 },
    )
  })
})

describe('an answer that is kept', () => {
  const point = ({ spending }: Stand, caller = ALICE): Told => {
    const reservation = spending.reservePoint(caller, '10.0.0.1') as Reservation
    return told(spending, reservation, KEPT_POINTS)
  }

  it('is one point of the caller’s, and of nobody else’s', () => {
    const here = stand()
    expect(point(here).cost).toEqual({
      requestedQueryCost: 1,
      actualQueryCost: 1,
      throttleStatus: status(99),
    })
    expect(here.ask(99).code).toBeUndefined()
    expect(point(here, ANONYMOUS).code).toBeUndefined()
    expect([here.spending.estimated, here.spending.actual]).toEqual([101, 101])
  })

  it('is refused to whoever has none left, with when there is one', () => {
    const here = stand()
    here.ask(100)
    expect(point(here)).toMatchObject({
      code: 'THROTTLED',
      extensions: { retryAfterMs: 100 },
      cost: { requestedQueryCost: 1, actualQueryCost: null },
    })
    expect(here.spending.refusedFor('caller')).toBe(1)
    here.pass(100)
    expect(point(here).code).toBeUndefined()
  })

  it('is refused to nobody where costs are only measured', () => {
    const here = stand({ mode: 'measure' })
    here.ask(100)
    expect(point(here).code).toBeUndefined()
    expect(here.spending.refusedFor('caller')).toBe(1)
  })

  it('draws on a chatbot’s budget beside its shopper’s, and on none of an operator', () => {
    const here = stand({ tiers: { ...tiers, chatbot: { perSecond: 0.001, burst: 100 } } })
    const through: Caller = { ...ALICE, tier: 'chatbot' }
    for (let i = 0; i < 100; i++)
      expect(point(here, { ...through, shopperId: `shopper_${i}` }).code).toBeUndefined()
    expect(point(here, { ...through, shopperId: 'another' }).code).toBe('THROTTLED')
    const operator: Caller = { kind: 'operator', client: 'qwen', scopes: [], tier: 'chatbot' }
    expect(point(here, operator).cost).toEqual({ requestedQueryCost: 1, actualQueryCost: 1 })
  })
})
