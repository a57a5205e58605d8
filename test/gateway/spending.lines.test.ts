import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import type { FieldLimit } from '../../gateway/cost/field-limits.ts'
import type { Reservation } from '../../gateway/spending.ts'
import type { Bucket, BudgetStore } from '../../gateway/surge/budgets.ts'
import type { Arrival, Turn } from '../../gateway/surge/lines.ts'
import type { Caller } from '../../protocol/caller.ts'
import { Fault } from '../../protocol/fault.ts'
import {
  ALICE,
  type Asked,
  demandOf,
  line,
  type Stand,
  stand,
  type Told,
  tiers,
  told,
} from './spending-stand.ts'

/** Limits whose callers get places, beside budgets: what is taken of one comes back when another says no. */

const RATE = { perSecond: 10, burst: 20 }
/** What holds two requests of 10 points, and one point more each 100 ms. */
const bucketOf = (key: string): Bucket => ({ key, rate: RATE })

const limitOf = (
  key: string,
  more: Partial<FieldLimit> = {},
  index = 0,
): NonNullable<Asked['limits']>[number] => ({
  ...line(RATE, { coordinate: `Mutation.${key}`, ...more })[0]!,
  index,
  keyOf: () => key,
})
const lineOf = (key: string, index?: number) => limitOf(key, { over: 'PLACE' }, index)

/** Every answer comes a turn of the event loop later, as from Redis. */
const later = (memory: BudgetStore): BudgetStore => {
  const putOff = async <Answer>(answer: () => Answer | Promise<Answer>): Promise<Answer> => {
    await turn()
    return await answer()
  }
  const { callers, fields, lines } = memory
  return {
    ...memory,
    source: 'redis',
    gateways: 1,
    callers: {
      ...callers,
      take: (...demand) => putOff(() => callers.take(...demand)),
      giveBack: (...of) => callers.giveBack(...of),
    },
    fields: {
      ...fields,
      take: (...demand) => putOff(() => fields.take(...demand)),
      giveBack: (...of) => fields.giveBack(...of),
    },
    lines: {
      terms: lines.terms,
      arrive: arrival => putOff(() => lines.arrive(arrival)),
      giveBack: (...of) => lines.giveBack(...of),
      heed: (...of) => lines.heed(...of),
    },
    close: () => memory.close(),
  }
}

const STORES: readonly (readonly [string, ((memory: BudgetStore) => BudgetStore) | undefined])[] = [
  ['at once', undefined],
  ['later', later],
]

const shopper = (shopperId: string): Caller => ({ ...ALICE, shopperId })

async function ask({ spending }: Stand, points: number, more: Partial<Asked> = {}): Promise<Told> {
  return told(spending, await spending.reserve(demandOf(points, more)), points)
}

/** What is left of a budget of a field. */
async function leftOf({ budgets }: Stand, key: string): Promise<number> {
  const taken = await budgets.fields.take(bucketOf(key), 1e-6)
  if (taken.isAdmitted) budgets.fields.giveBack(taken, taken.points)
  return Math.round(taken.availablePoints)
}

const come = async ({ budgets }: Stand, key: string, caller: string, points: number): Promise<Turn> =>
  await budgets.lines.arrive({
    line: bucketOf(key),
    caller,
    points,
    shown: undefined,
    mode: 'OPEN',
    brakedPoints: points,
    placesMax: Number.POSITIVE_INFINITY,
  } satisfies Arrival)

describe.each(STORES)('of a store that answers %s', (_, store) => {
  const open = () => stand({}, {}, store)

  it('all comes back that a refused request had of its caller, of its fields and of several lines', async () => {
    const at = open()
    const limits = [limitOf('mine', { per: 'CALLER' }), lineOf('one'), lineOf('other'), limitOf('all')]
    await at.budgets.fields.take(bucketOf('all'), 15)
    const refused = await ask(at, 10, { limits })
    expect(refused).toMatchObject({
      code: 'THROTTLED',
      // 5 points are missing, 10 come back a second.
      extensions: { retryAfterMs: 500 },
      cost: { throttleStatus: { currentlyAvailable: 100 } },
    })
    expect(await leftOf(at, 'mine')).toBe(20)
    expect(await leftOf(at, 'all')).toBe(5)
    for (const key of ['one', 'other'])
      expect(await come(at, key, 'next', 20)).toMatchObject({ kind: 'admitted', availablePoints: 0 })
    expect((await ask(at, 100)).code).toBeUndefined()
  })

  it('a place at one line leaves the points of all else where they were, but the one that being told costs', async () => {
    const at = open()
    const limits = [limitOf('mine', { per: 'CALLER' }), lineOf('one'), lineOf('full'), limitOf('all')]
    await come(at, 'full', 'early', 20)
    const kept = await ask(at, 10, { limits })
    expect(kept).toMatchObject({
      code: 'THROTTLED',
      extensions: { retryAfterMs: 1_000 },
      cost: { actualQueryCost: null, throttleStatus: { currentlyAvailable: 99 } },
    })
    expect(await leftOf(at, 'mine')).toBe(20)
    expect(await leftOf(at, 'all')).toBe(20)
    expect(await come(at, 'one', 'next', 20)).toMatchObject({ kind: 'admitted', availablePoints: 0 })
    expect((await ask(at, 99)).code).toBeUndefined()
  })

  it('a place that was due is due again when a later draw refuses', async () => {
    const at = open()
    const limits = [lineOf('one'), limitOf('all')]
    await come(at, 'one', 'early', 20)
    expect((await ask(at, 10, { limits })).extensions).toMatchObject({ retryAfterMs: 1_000 })
    expect((await ask(at, 10, { limits, caller: shopper('bob') })).extensions).toMatchObject({
      retryAfterMs: 2_000,
    })
    at.pass(1_000)
    await at.budgets.fields.take(bucketOf('all'), 20)
    const refused = await ask(at, 10, { limits })
    expect(refused.extensions).toMatchObject({ retryAfterMs: 1_000 })
    // Being refused by a budget is no turn, and told for nothing: of 99 none is kept.
    expect(refused.cost.throttleStatus?.currentlyAvailable).toBe(100)
    at.pass(1_000)
    expect((await ask(at, 10, { limits })).code).toBeUndefined()
  })

  it('one who has a place that is due and none at another line keeps the first', async () => {
    const at = open()
    const limits = [lineOf('one'), lineOf('two')]
    for (const key of ['one', 'two']) await come(at, key, 'early', 20)
    await come(at, 'two', 'second', 10)
    expect((await ask(at, 10, { limits })).extensions).toMatchObject({ retryAfterMs: 1_000 })
    at.pass(1_000)
    // Its turn at the second line: behind whoever has the first place there.
    expect((await ask(at, 10, { limits })).extensions).toMatchObject({ retryAfterMs: 1_000 })
    at.pass(1_000)
    expect((await ask(at, 10, { limits })).code).toBeUndefined()
  })

  it('a crowd that is told of its places at once uses up no budget behind the line', async () => {
    const at = open()
    await come(at, 'one', 'early', 20)
    const crowd = Array.from({ length: 10 }, (_, i) => shopper(`of the crowd ${i}`))
    const limits = [lineOf('one'), limitOf('all')]
    const told = await Promise.all(crowd.map(caller => ask(at, 10, { caller, limits })))
    expect(told.map(({ extensions }) => extensions?.retryAfterMs)).toEqual(
      crowd.map((_, i) => (i + 1) * 1_000),
    )
    expect(await leftOf(at, 'all')).toBe(20)
  })

  it('what was never executed gives all of it back, and what came to nothing the turn alone', async () => {
    const at = open()
    const limits = [lineOf('one'), limitOf('all')]
    const { spending } = at
    const never = await spending.reserve(demandOf(10, { limits }))
    spending.settle(never, undefined)
    expect(await leftOf(at, 'all')).toBe(20)
    await come(at, 'one', 'early', 20)
    await ask(at, 10, { limits })
    at.pass(1_000)
    const inVain = await spending.reserve(demandOf(10, { limits }))
    expect(inVain.fault).toBeUndefined()
    spending.settle(inVain, 0, true)
    // Others stand behind it. Its 10 points are spent; those that come within a second are its own once more.
    for (const other of ['bob', 'carol'])
      expect(await come(at, 'one', other, 10)).toMatchObject({ kind: 'kept' })
    at.pass(1_000)
    expect((await ask(at, 10, { limits })).code).toBeUndefined()
  })
})

describe('where nobody goes further who has no place that is due', () => {
  const SHED = new Fault('SURGE_SHED', 'expected another')

  it('a newcomer gets a place some seconds ahead, and is admitted by it', async () => {
    const at = stand()
    const limits = [lineOf('one')]
    expect((await ask(at, 10, { limits, shed: () => SHED })).extensions).toMatchObject({
      retryAfterMs: 5_000,
    })
    at.pass(5_000)
    expect((await ask(at, 10, { limits, shed: () => SHED })).code).toBeUndefined()
  })

  it('a request that does not come to the line, such as one whose field is skipped, is refused, and takes nothing', async () => {
    const at = stand()
    const asked = { limits: [lineOf('one'), limitOf('all', {}, 1)], roots: [0, 10], shed: () => SHED }
    const refused = await ask(at, 10, asked)
    expect(refused).toEqual({
      code: 'SURGE_SHED',
      extensions: SHED.extensions,
      cost: { requestedQueryCost: 10, actualQueryCost: null },
    })
    expect(await leftOf(at, 'all')).toBe(20)
    expect((await ask(at, 100)).code).toBeUndefined()
  })
})

describe('a request that is dearer because it is busy', () => {
  const open = () => stand({ max: 100 })
  const left = ({ cost }: Told): number => cost.throttleStatus!.currentlyAvailable

  it.each([
    // 10 × 4 held; of 5 points 5 × 4 are kept
    { points: 10, costFactor: 4, actual: 5, available: 80 },
    // 60 × 4 is more than there ever is: the whole burst is held, and 20 × 4 of it kept
    { points: 60, costFactor: 4, actual: 20, available: 20 },
    // what came to more than was held takes no more
    { points: 60, costFactor: 4, actual: 60, available: 0 },
    { points: 60, costFactor: 2, actual: undefined, available: 100 },
    // the least of all that is executed: a point, at 4
    { points: 10, costFactor: 4, actual: 0, available: 96 },
  ])(
    '$points points at $costFactor that come to $actual leave $available of 100',
    ({ available, ...asked }) => {
      const at = open()
      const told = at.ask(asked.points, asked)
      expect(told.code).toBeUndefined()
      // Told in its own points: that they count for more is nobody's estimate.
      expect(told.cost).toMatchObject({
        requestedQueryCost: asked.points,
        actualQueryCost: asked.actual ?? null,
      })
      expect(left(told)).toBe(available)
      if (available > 0) expect(at.ask(available).code).toBeUndefined()
      expect(at.ask(1).code).toBe('THROTTLED')
    },
  )

  it('waits where it would not in calm, and is told until when', () => {
    const at = open()
    at.ask(70)
    expect(at.ask(10, { costFactor: 4 })).toMatchObject({
      code: 'THROTTLED',
      extensions: { retryAfterMs: 1_000 },
    })
    expect(at.ask(10).code).toBeUndefined()
  })

  it('is dearer in each of its caller’s budgets, each within its own burst, and in no field’s', () => {
    const at = open()
    const caller: Caller = { ...ALICE, tier: 'chatbot' }
    const limits = [limitOf('all')]
    // Of the shopper's 100 and the chatbot's 250: 100 and 240.
    const reservation = at.spending.reserve(
      demandOf(60, { caller, costFactor: 4, roots: [20], limits }),
    ) as Reservation
    expect(reservation.fault).toBeUndefined()
    expect(at.budgets.callers.take({ key: 'client:qwen', rate: tiers.chatbot }, 11)).toMatchObject({
      isAdmitted: false,
      availablePoints: 10,
    })
    at.spending.settle(reservation, 10)
    expect(at.budgets.callers.take({ key: 'client:qwen', rate: tiers.chatbot }, 210)).toMatchObject({
      isAdmitted: true,
      availablePoints: 0,
    })
    expect(at.budgets.callers.take({ key: 'shopper:alice', rate: tiers.shopper }, 60)).toMatchObject({
      isAdmitted: true,
      availablePoints: 0,
    })
    expect(at.budgets.fields.take(bucketOf('all'), 1)).toMatchObject({
      isAdmitted: false,
      availablePoints: 0,
    })
  })

  it('pays one point to be told of its place', async () => {
    const at = open()
    await come(at, 'one', 'early', 20)
    const kept = at.ask(10, { costFactor: 4, limits: [lineOf('one')] })
    expect(left(kept)).toBe(99)
    expect(at.ask(99).code).toBeUndefined()
  })
})

describe('a place that is due', () => {
  const limits = [lineOf('drop')]
  const shown = (at: Stand, token: string | undefined, more: Partial<Asked> = {}) =>
    at.spending.hasDuePlace(demandOf(10, { limits, placeToken: token, ...more }))

  it('is known by its token, from the promised instant on, for its caller and in its line', () => {
    const at = stand()
    at.ask(10, { limits })
    at.ask(10, { limits })
    const kept = at.spending.reserve(demandOf(10, { limits })) as Reservation
    const { token, retryAfterMs } = kept.place!
    expect(retryAfterMs).toBeGreaterThan(0)
    at.pass(retryAfterMs - 1)
    expect(shown(at, token)).toBe(false)
    at.pass(1)
    expect(shown(at, token)).toBe(true)
    expect(shown(at, token, { caller: { ...ALICE, shopperId: 'bob' } as Caller })).toBe(false)
    expect(shown(at, token, { limits: [lineOf('other')] })).toBe(false)
    expect(shown(at, token, { limits: [limitOf('drop')] })).toBe(false)
    expect(shown(at, token, { limits: undefined })).toBe(false)
  })

  it('is not what a client makes up', () => {
    const at = stand()
    for (const token of [undefined, '', 'p1', 'p1.a.1.1.AAAAAAAAAAAAAAAAAAAAAA'])
      expect(shown(at, token)).toBe(false)
    const readToken = () => ({ not: 'a text' })
    expect(shown(at, undefined, { limits: [{ ...lineOf('drop'), readToken }] })).toBe(false)
  })
})
