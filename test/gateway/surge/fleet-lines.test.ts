import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { connectRedis } from '../../../gateway/redis/redis-connection.ts'
import type { Rate } from '../../../gateway/surge/budgets.ts'
import {
  type FleetBudgetStore,
  type FleetBudgetsOptions,
  openFleetBudgets,
} from '../../../gateway/surge/fleet-budgets.ts'
import {
  type Admitted,
  type Arrival,
  DEFAULT_LINE_TERMS,
  type Kept,
  type Turn,
} from '../../../gateway/surge/lines.ts'
import { silent, until } from '../../harness/postgres.ts'
import { startRedis, type TestRedis } from '../../harness/redis.ts'

/** A point every 100 ms, 8 at once. */
const RATE: Rate = { perSecond: 10, burst: 8 }

/** Moved by hand; where it stands still nobody's turn comes. */
let nowMs: number
let server: TestRedis
const stores: FleetBudgetStore[] = []
beforeEach(async () => {
  nowMs = 1_795_000_000_000
  server = await startRedis()
})
afterEach(async () => {
  await Promise.all(stores.splice(0).map(store => store.close()))
  await server.stop()
})

/** Beats often, so that a test need not wait for it, and is patient: this machine is busy with other tests. */
async function open(options: Partial<FleetBudgetsOptions> = {}): Promise<FleetBudgetStore> {
  const store = await openFleetBudgets({
    redis: connectRedis(server.url),
    logger: silent,
    clock: () => nowMs,
    beatMs: 20,
    waitMsMax: 500,
    // No time is left free between places.
    lineTerms: { ...DEFAULT_LINE_TERMS, slack: 0 },
    ...options,
  })
  stores.push(store)
  await isOn(store, 'redis')
  return store
}

const isOn = async (store: FleetBudgetStore, source: 'redis' | 'share'): Promise<void> => {
  await until(`lines of ${source}`, () => store.source === source)
}

const arrivalOf = (caller: string, more: Partial<Arrival> = {}): Arrival => ({
  line: { key: 'line', rate: RATE },
  caller,
  points: 1,
  shown: undefined,
  mode: 'OPEN',
  brakedPoints: 1,
  placesMax: Number.POSITIVE_INFINITY,
  ...more,
})

const arrive = async (store: FleetBudgetStore, caller: string, more?: Partial<Arrival>): Promise<Turn> =>
  await store.lines.arrive(arrivalOf(caller, more))
async function kept(store: FleetBudgetStore, caller: string, more?: Partial<Arrival>): Promise<Kept> {
  const turn = await arrive(store, caller, more)
  if (turn.kind !== 'kept') throw new Error(`${caller}: expected a place, got ${JSON.stringify(turn)}`)
  return turn
}
async function admitted(store: FleetBudgetStore, caller: string, more?: Partial<Arrival>): Promise<Admitted> {
  const turn = await arrive(store, caller, more)
  if (turn.kind !== 'admitted') throw new Error(`${caller}: expected admitted, got ${JSON.stringify(turn)}`)
  return turn
}

/** Asks until the budget that there is has nothing left; how many it admitted. */
async function drain(store: FleetBudgetStore, of = 'first'): Promise<number> {
  for (let i = 0; ; i++) {
    const turn = await arrive(store, `${of} ${i}`, { mode: 'SPENT' })
    if (turn.kind === 'none') return i
  }
}

describe('lines of a fleet', () => {
  it('are Redis’s while it is there, and one for all', async () => {
    const [one, other] = [await open(), await open()]
    expect(await drain(one)).toBe(8)
    expect(await kept(one, 'a')).toMatchObject({ retryAfterMs: 100 })
    expect(await kept(other, 'b')).toMatchObject({ retryAfterMs: 200, position: 1 })
    expect(await kept(other, 'a')).toMatchObject({ retryAfterMs: 100, isNew: false })
  })

  it('answer what a stalled Redis leaves unanswered from the share, and all that follows without waiting', async () => {
    await open()
    // It beats only at its start, so that nothing but the call itself can tell.
    const store = await open({ beatMs: 3_600_000 })
    expect(store.gateways).toBe(2)
    server.stall()
    // The first is under way, and the others wait for it. Half of 8 points is this gateway's, half of 10 a second too.
    const turns = await Promise.all(['a', 'b', 'c', 'd', 'e', 'f'].map(caller => arrive(store, caller)))
    expect(turns.map(({ kind }) => kind)).toEqual([...Array(4).fill('admitted'), 'kept', 'kept'])
    expect(turns.slice(4)).toMatchObject([{ retryAfterMs: 200 }, { retryAfterMs: 400 }])
    expect(store.source).toBe('share')
    expect(store.lines.arrive(arrivalOf('e'))).toMatchObject({
      kind: 'kept',
      retryAfterMs: 200,
      isNew: false,
    })
    expect(store.counts).toMatchObject({ fallbacks: 1, shareAnswers: 7 })
  })

  it('honour on the share what Redis has promised, before any newcomer, and again only once', async () => {
    const store = await open()
    await drain(store)
    const places: Kept[] = []
    for (let i = 0; i < 20; i++) places.push(await kept(store, `c${i}`))
    server.stall()
    await isOn(store, 'share')
    // Without its token a caller is a newcomer, behind all that was promised.
    expect(await kept(store, 'new')).toMatchObject({ isNew: true, retryAfterMs: 2_100 })
    for (const [i, { place, admitAtMs }] of places.entries()) {
      nowMs = admitAtMs
      const turn = await admitted(store, `c${i}`, { shown: place })
      expect(turn).toMatchObject({ isStandby: false, lateMs: 0 })
      expect(turn.place).toBeDefined()
    }
    const again = await arrive(store, 'c0', { shown: places[0]!.place })
    expect(again.kind === 'admitted' ? again.place : undefined).toBeUndefined()
  })

  it('honour in Redis what the share has promised, before any newcomer', async () => {
    const store = await open()
    await drain(store)
    server.stall()
    await isOn(store, 'share')
    await drain(store, 'of the share')
    const places: Kept[] = []
    for (let i = 0; i < 20; i++) places.push(await kept(store, `c${i}`))
    server.resume()
    await isOn(store, 'redis')
    expect(await kept(store, 'new')).toMatchObject({ isNew: true, retryAfterMs: 2_100 })
    for (const [i, { place, admitAtMs }] of places.entries()) {
      nowMs = admitAtMs
      expect((await admitted(store, `c${i}`, { shown: place })).place).toBeDefined()
    }
  })

  it('admit no more than the burst once more for each change', async () => {
    const store = await open()
    let count = await drain(store)
    for (let change = 1; change <= 2; change++) {
      server.stall()
      await isOn(store, 'share')
      count += await drain(store)
      server.resume()
      await isOn(store, 'redis')
      count += await drain(store)
      // What Redis has given it still knows; each share begins full.
      expect(count).toBe(8 * (1 + change))
    }
  })

  it('admit on the share a demand above its burst when it is full, and let it be paid off', async () => {
    await open()
    const store = await open({ beatMs: 3_600_000 })
    server.stall()
    expect(await admitted(store, 'dear', { points: 8 })).toMatchObject({ points: 8, availablePoints: 0 })
    expect(store.source).toBe('share')
    // 8 points at 5 a second, of which 4 are this share's burst: what is owed beyond it, and then the point itself.
    expect(await kept(store, 'a')).toMatchObject({ retryAfterMs: 1_000 })
    expect(await kept(store, 'dear', { points: 8 })).toMatchObject({ isNew: true })
  })

  it('let a part of those wait on a share who may wait in all', async () => {
    await open()
    const store = await open({ beatMs: 3_600_000 })
    server.stall()
    await drain(store)
    for (const caller of ['a', 'b']) await kept(store, caller, { placesMax: 3 })
    expect(await arrive(store, 'c', { placesMax: 3 })).toMatchObject({ kind: 'none', reason: 'REMAINING' })
  })

  it('give back where it was taken', async () => {
    const store = await open()
    const inRedis = await admitted(store, 'a', { points: 8 })
    server.stall()
    await isOn(store, 'share')
    const inShare = await admitted(store, 'b', { points: 8 })
    // What was taken in Redis is nothing to the share.
    store.lines.giveBack(inRedis, 8, false)
    expect(await drain(store)).toBe(0)
    store.lines.giveBack(inShare, 3, false)
    expect(await drain(store)).toBe(3)
    server.resume()
    await isOn(store, 'redis')
    store.lines.giveBack(inShare, 5, false)
    expect(await drain(store)).toBe(0)
    store.lines.giveBack(inRedis, 2, false)
    expect(await drain(store)).toBe(2)
  })

  it('stand still on either side while their owner pauses them', async () => {
    const store = await open()
    await drain(store)
    const { place } = await kept(store, 'a')
    const line = { key: 'line', rate: RATE }
    const pause = (): void => {
      for (let i = 0; i <= 10; i++) {
        if (i > 0) nowMs += 1_000
        store.lines.heed(line, true)
      }
    }
    pause()
    expect(await kept(store, 'a', { mode: 'PAUSED' })).toMatchObject({ retryAfterMs: 100 })
    server.stall()
    await isOn(store, 'share')
    const shown = { ...place, shiftMs: place.shiftMs + 10_000 }
    await kept(store, 'a', { shown, mode: 'PAUSED' })
    pause()
    expect(await kept(store, 'a', { mode: 'PAUSED' })).toMatchObject({ retryAfterMs: 100, isNew: false })
  })
})
