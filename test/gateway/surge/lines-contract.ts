import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Bucket, Rate } from '../../../gateway/surge/bucket.ts'
import {
  type Admitted,
  type Arrival,
  DEFAULT_LINE_TERMS,
  type Kept,
  type Lines,
  type LineTerms,
  type NoPlace,
  type Place,
  type Turn,
} from '../../../gateway/surge/lines.ts'

/** An implementation, opened for one test. */
export interface OpenLines {
  readonly lines: Lines
  /** Forgets every line, as a flush of the store would; absent where nothing can be lost. */
  readonly lose?: () => Promise<void>
  /** Resolves once the store has all that nobody waits for: refunds, and what was told of pauses. */
  readonly settled: () => Promise<void>
  readonly close: () => Promise<void>
}

/** @param clock milliseconds since 1970, moved by hand; the implementation reads no other. */
export type OpenLinesOf = (terms: LineTerms, clock: () => number) => Promise<OpenLines>

/** A point every 100 ms, 5 at once. */
const TEN: Rate = { perSecond: 10, burst: 5 }
const START_MS = 1_795_000_000_000
const FOREIGN_EPOCH = 'of-another-life'

/** What every implementation of {@link Lines} promises, each sentence a test. */
export function linesContract(name: string, open: OpenLinesOf): void {
  describe(`lines ${name}`, () => {
    let nowMs = START_MS
    const opened: OpenLines[] = []
    let store: OpenLines
    beforeEach(async () => {
      nowMs = START_MS
      await start()
    })
    afterEach(async () => {
      for (const each of opened.splice(0)) await each.close()
    })

    async function start(terms: Partial<LineTerms> = {}): Promise<void> {
      // Instants are exact where no time is left free between places.
      store = await open({ ...DEFAULT_LINE_TERMS, slack: 0, ...terms }, () => nowMs)
      opened.push(store)
    }

    const lineOf = (rate: Rate, key = 'line'): Bucket => ({ key, rate })

    function arrivalOf(caller: string, more: Partial<Arrival> & { readonly rate?: Rate } = {}): Arrival {
      const { rate = TEN, ...rest } = more
      return {
        line: lineOf(rate),
        caller,
        points: 1,
        shown: undefined,
        mode: 'OPEN',
        brakedPoints: 1,
        placesMax: Number.POSITIVE_INFINITY,
        ...rest,
      }
    }

    const arrive = async (
      caller: string,
      more?: Partial<Arrival> & { readonly rate?: Rate },
    ): Promise<Turn> => await store.lines.arrive(arrivalOf(caller, more))

    async function admitted(caller: string, more?: Parameters<typeof arrive>[1]): Promise<Admitted> {
      const turn = await arrive(caller, more)
      if (turn.kind !== 'admitted')
        throw new Error(`${caller}: expected admitted, got ${JSON.stringify(turn)}`)
      return turn
    }
    async function kept(caller: string, more?: Parameters<typeof arrive>[1]): Promise<Kept> {
      const turn = await arrive(caller, more)
      if (turn.kind !== 'kept') throw new Error(`${caller}: expected a place, got ${JSON.stringify(turn)}`)
      return turn
    }
    async function none(caller: string, more?: Parameters<typeof arrive>[1]): Promise<NoPlace> {
      const turn = await arrive(caller, more)
      if (turn.kind !== 'none') throw new Error(`${caller}: expected no place, got ${JSON.stringify(turn)}`)
      return turn
    }

    /** Takes the burst of {@link TEN}: who comes now finds no points, and the next flows in after 100 ms. */
    async function drain(rate = TEN): Promise<void> {
      for (let i = 0; i < rate.burst; i++) await admitted(`first ${i}`, { rate })
    }
    /** Gives a place each: with {@link TEN} drained at 100, 200, … ms from now. */
    async function fill(callers: readonly string[]): Promise<void> {
      for (const caller of callers) await kept(caller)
    }
    const pass = (ms: number): void => {
      nowMs += ms
    }
    async function heed(isPaused: boolean): Promise<void> {
      store.lines.heed(lineOf(TEN), isPaused)
      await store.settled()
    }
    async function giveBack(taken: Admitted, points: number, isDueAgain: boolean): Promise<void> {
      store.lines.giveBack(taken, points, isDueAgain)
      await store.settled()
    }
    const close = (value: number): unknown => expect.closeTo(value, 2)
    const inMs = (ms: number): unknown => close(START_MS + ms)
    const letters = (count: number): string[] => Array.from({ length: count }, (_, i) => `c${i}`)

    describe('for newcomers', () => {
      it('admit the burst at once, and give places at the rate after it', async () => {
        for (const left of [4, 3, 2, 1, 0]) {
          expect(await admitted(`first ${left}`)).toMatchObject({
            caller: `first ${left}`,
            line: lineOf(TEN),
            points: 1,
            availablePoints: close(left),
            place: undefined,
            lateMs: 0,
            isStandby: false,
            waiting: 0,
          })
        }
        for (const nth of [1, 2, 3]) {
          expect(await kept(`c${nth}`)).toMatchObject({
            admitAtMs: inMs(nth * 100),
            retryAfterMs: nth * 100,
            position: nth - 1,
            isNew: true,
            isMoved: false,
            waiting: nth,
          })
        }
      })

      it('admit at the rate whoever comes no faster', async () => {
        await drain()
        for (let i = 0; i < 20; i++) {
          pass(100)
          expect(await admitted(`c${i}`)).toMatchObject({ isStandby: false, availablePoints: close(0) })
        }
      })

      it('fill up to the burst and no further', async () => {
        await drain()
        pass(3_600_000)
        await drain()
        expect(await kept('next')).toMatchObject({ retryAfterMs: 100 })
      })

      it('charge an arrival for its own points', async () => {
        expect(await admitted('dear', { points: 4 })).toMatchObject({ points: 4, availablePoints: close(1) })
        // 3 are needed, 1 is there; the next stand behind it, and nobody takes what flows in for it.
        expect(await kept('a', { points: 3 })).toMatchObject({ retryAfterMs: 200 })
        expect(await kept('b', { points: 5 })).toMatchObject({ retryAfterMs: 700 })
        expect(await kept('cheap')).toMatchObject({ retryAfterMs: 800 })
        pass(199)
        expect(await kept('cheaper')).toMatchObject({ retryAfterMs: 701 })
        pass(1)
        await admitted('a', { points: 3 })
      })

      it('give places in the order of arrival, each behind the one before', async () => {
        await drain()
        const turns = await Promise.all(
          letters(300).map(async caller => await store.lines.arrive(arrivalOf(caller))),
        )
        expect(turns.map(turn => (turn.kind === 'kept' ? turn.position : turn.kind))).toEqual(
          turns.map((_, i) => i),
        )
        expect(turns.map(turn => (turn.kind === 'kept' ? turn.retryAfterMs : turn.kind))).toEqual(
          turns.map((_, i) => (i + 1) * 100),
        )
      })

      it('name the life of the line in every place, and their instants by its time and the shift', async () => {
        await drain()
        const { place, admitAtMs } = await kept('a')
        expect(place.epoch).toMatch(/^[A-Za-z0-9_-]{1,16}$/)
        expect(place.instantMs + place.shiftMs).toBeCloseTo(admitAtMs, 2)
        expect((await kept('b')).place.epoch).toBe(place.epoch)
      })

      it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY, 5.000001])(
        'refuse to be asked for %d points',
        points => {
          expect(() => store.lines.arrive(arrivalOf('a', { points }))).toThrow(
            new RangeError(`bucket line: expected more than 0 and at most 5 points, got ${points}`),
          )
        },
      )

      it('keep lines apart, and callers', async () => {
        const names = ['a', 'b', 'a}', 'a}b', '{a}', '{a', '%7Ba', ' a', 'a b', 'x'.repeat(80)]
        const lines = names.map(key => lineOf({ perSecond: 1, burst: 1 }, key))
        for (const line of lines) await admitted('first', { line })
        for (const line of lines) {
          for (const [i, caller] of names.entries()) {
            expect(await kept(caller, { line }), line.key).toMatchObject({ isNew: true, position: i })
          }
        }
        for (const line of lines) {
          for (const [i, caller] of names.entries()) {
            expect(await kept(caller, { line }), line.key).toMatchObject({ isNew: false, position: i })
          }
        }
      })
    })

    describe('for whoever has a place', () => {
      it('give the same place as often as it asks before its turn', async () => {
        await drain()
        const first = await kept('a')
        await fill(['b', 'c'])
        const c = await kept('c')
        expect(c).toMatchObject({ position: 2, isNew: false, waiting: 3 })
        for (const ms of [1, 49, 49]) {
          pass(ms)
          const again = await kept('a')
          expect(again.place.instantMs).toBe(first.place.instantMs)
          expect(again).toMatchObject({ admitAtMs: inMs(100), isNew: false, isMoved: false, position: 0 })
          expect(again.retryAfterMs).toBe(100 - (nowMs - START_MS))
        }
        // In its turn nobody stands before the second any more, and the first is still waited for.
        pass(1)
        expect(await kept('b')).toMatchObject({ position: 0, retryAfterMs: 100, waiting: 3 })
      })

      it('admit it at its instant, once', async () => {
        await drain()
        await fill(['a', 'b'])
        pass(99)
        expect(await kept('a')).toMatchObject({ retryAfterMs: 1 })
        pass(1)
        const turn = await admitted('a')
        expect(turn).toMatchObject({
          lateMs: close(0),
          isStandby: false,
          availablePoints: close(0),
          waiting: 1,
        })
        expect(turn.place!.instantMs + turn.place!.shiftMs).toBeCloseTo(START_MS + 100, 2)
        // From now on it is a newcomer, behind the second.
        expect(await kept('a')).toMatchObject({ isNew: true, retryAfterMs: 200, position: 1 })
      })

      it.each([3, 7, 10, 1_000, 3_000, 7_919, 100_000])(
        'admit 1,000 callers at %d a second who come exactly when told, each by its second request',
        async perSecond => {
          // Instants are told in whole milliseconds: no more are due in one than the burst admits.
          const rate = { perSecond, burst: Math.max(10, perSecond / 100) }
          await admitted('first', { rate, points: rate.burst })
          const turns = await Promise.all(
            letters(1_000).map(async caller => await store.lines.arrive(arrivalOf(caller, { rate }))),
          )
          const due = turns.map((turn, i) => {
            if (turn.kind !== 'kept') throw new Error(`expected a place, got ${turn.kind}`)
            return { caller: `c${i}`, admitAtMs: turn.admitAtMs, askAtMs: nowMs + turn.retryAfterMs }
          })
          const isByInstant = perSecond % 2 === 0
          for (const { caller, admitAtMs, askAtMs } of due) {
            nowMs = isByInstant ? Math.max(nowMs, admitAtMs) : askAtMs
            await admitted(caller, { rate })
          }
          // No faster than the rate, either: 1,000 places take 1,000 ÷ rate.
          expect(due.at(-1)!.admitAtMs - START_MS).toBeGreaterThan(1_000_000 / perSecond - 1)
        },
      )

      it('say how late it came', async () => {
        await drain()
        await fill(['a'])
        pass(1_350)
        expect(await admitted('a')).toMatchObject({ lateMs: close(1_250) })
      })

      it('wait for it until its grace ends, and no longer', async () => {
        await start({ graceMs: 1_000 })
        await drain()
        await fill(['a', 'b', 'c'])
        pass(1_100)
        expect(await admitted('a')).toMatchObject({ lateMs: close(1_000), waiting: 2 })
        pass(101)
        expect(await admitted('b')).toMatchObject({ place: undefined, lateMs: 0, waiting: 1 })
        pass(100)
        expect(await admitted('other')).toMatchObject({ waiting: 0 })
      })

      it('move whoever is due and finds no points to when they are there, in the order in which they come', async () => {
        await drain()
        await fill(letters(8))
        pass(800)
        // All eight come at once, and 5 points are there.
        for (const caller of letters(5)) await admitted(caller)
        const moved = { isMoved: true, isNew: false }
        expect(await kept('c6')).toMatchObject({ ...moved, admitAtMs: inMs(900), position: 0, waiting: 3 })
        expect(await kept('c5')).toMatchObject({ ...moved, admitAtMs: inMs(1_000), position: 1, waiting: 3 })
        expect(await kept('c7')).toMatchObject({ ...moved, admitAtMs: inMs(1_100), position: 2, waiting: 3 })
        expect(await kept('c7')).toMatchObject({ isMoved: false, isNew: false, admitAtMs: inMs(1_100) })
        for (const caller of ['c6', 'c5', 'c7']) {
          pass(100)
          expect(await admitted(caller)).toMatchObject({ lateMs: close(0) })
        }
      })

      it('keep it when the rate changes; what follows is of the new rate', async () => {
        await drain()
        await fill(['a', 'b'])
        const faster = { perSecond: 100, burst: 5 }
        expect(await kept('b', { rate: faster })).toMatchObject({ retryAfterMs: 200, isNew: false })
        expect(await kept('c', { rate: faster })).toMatchObject({ retryAfterMs: 210, position: 2 })
        pass(100)
        await admitted('a', { rate: faster })
      })

      it('move it, and lose nothing, when the rate is lowered', async () => {
        await drain()
        await fill(['a', 'b'])
        const slower = { perSecond: 1, burst: 5 }
        pass(100)
        // A tenth of a point has flowed in.
        expect(await kept('a', { rate: slower })).toMatchObject({ isMoved: true, retryAfterMs: 900 })
        pass(100)
        expect(await kept('b', { rate: slower })).toMatchObject({ isMoved: true, retryAfterMs: 1_800 })
        pass(800)
        await admitted('a', { rate: slower })
        pass(1_000)
        await admitted('b', { rate: slower })
      })
    })

    describe('on standby', () => {
      it('take what would not be held any more, of a full budget, and nothing that somebody may still come for', async () => {
        await drain()
        await fill(letters(10))
        pass(499)
        // 4.99 of 5 are there, and four who are due have not come.
        expect(await kept('early')).toMatchObject({ retryAfterMs: 601 })
        pass(1)
        expect(await admitted('new')).toMatchObject({
          isStandby: true,
          availablePoints: close(4),
          lateMs: 0,
        })
        // Its point was nobody's: the next place is where it would have been.
        expect(await kept('next')).toMatchObject({ retryAfterMs: 700 })
        for (const caller of letters(4)) await admitted(caller)
      })

      it('leave what flows in for the next to come, however cheap a newcomer is', async () => {
        await drain()
        await kept('dear', { points: 4 })
        pass(300)
        // 3 are there, all of them for the one who comes in 100 ms.
        expect(await kept('cheap', { points: 0.5 })).toMatchObject({ retryAfterMs: 150, position: 1 })
        pass(100)
        expect(await admitted('dear', { points: 4 })).toMatchObject({ lateMs: close(0) })
      })

      it('admit somebody whenever the budget is full', async () => {
        const rate = { perSecond: 1, burst: 1 }
        await admitted('first', { rate })
        for (const caller of ['a', 'b', 'c']) await kept(caller, { rate })
        pass(1_000)
        expect(await admitted('d', { rate })).toMatchObject({ isStandby: true })
        expect(await kept('a', { rate })).toMatchObject({ isMoved: true, retryAfterMs: 1_000 })
      })
    })

    describe('where places leave some of the rate free', () => {
      beforeEach(() => start({ slack: 1 / 4 }))

      it('are that much further apart', async () => {
        await drain()
        for (const retryAfterMs of [125, 250, 375]) {
          expect(await kept(`p${retryAfterMs}`)).toMatchObject({ retryAfterMs })
        }
        // Who is admitted at once waits for nothing of it.
        pass(1_000)
        for (const i of [1, 2, 3]) await admitted(`p${i * 125}`)
        await admitted('new')
        await admitted('newer')
      })

      it('move nobody who comes in time for those who come late', async () => {
        await drain()
        await fill(letters(40))
        // Eight are due, and of what has flowed in 5 are left. Those of 875 and 1,000 ms are in time; of the third point that
        // is left a quarter has flowed in since for the one of 1,125.
        pass(1_100)
        for (const caller of letters(2)) await admitted(caller)
        let late = letters(6).slice(2)
        const turns = new Map<number, string>()
        for (const caller of late) {
          const { retryAfterMs } = await kept(caller)
          turns.set(1_100 + retryAfterMs, caller)
        }
        expect([...turns.keys()]).toEqual([1_600, 2_100, 2_600, 3_100])
        for (const caller of letters(8).slice(6)) await admitted(caller)
        for (let atMs = 1_125; atMs <= 5_000; atMs += 25) {
          nowMs = START_MS + atMs
          if (atMs % 125 === 0) await admitted(`c${atMs / 125 - 1}`)
          const caller = turns.get(atMs)
          if (caller === undefined) continue
          await admitted(caller)
          late = late.filter(each => each !== caller)
        }
        expect(late).toEqual([])
      })

      it('move those who come late no further than their points where nobody comes after them', async () => {
        await drain()
        await fill(letters(7))
        pass(2_000)
        for (const caller of letters(5)) await admitted(caller)
        expect(await kept('c5')).toMatchObject({ isMoved: true, retryAfterMs: 100 })
        expect(await kept('c6')).toMatchObject({ isMoved: true, retryAfterMs: 200 })
        expect(await kept('new')).toMatchObject({ isNew: true, retryAfterMs: 325 })
      })

      it('let those who come late have what there is, once half of their grace would not do', async () => {
        await start({ slack: 1 / 4, graceMs: 3_000 })
        await drain()
        await fill(letters(40))
        pass(1_100)
        for (const caller of letters(2)) await admitted(caller)
        // Turns of 375, 500 and 625 ms, moved to 1,600, 2,100 and 2,600.
        expect(await kept('c2')).toMatchObject({ isMoved: true, retryAfterMs: 500 })
        expect(await kept('c3')).toMatchObject({ isMoved: true, retryAfterMs: 1_000 })
        expect(await kept('c4')).toMatchObject({ isMoved: true, retryAfterMs: 1_500 })
        // That of 750 would be moved by more than 1,500.
        for (const caller of ['c5', 'c6', 'c7']) await admitted(caller)
      })
    })

    describe('where there is no place', () => {
      it('promise nothing beyond the horizon', async () => {
        const rate = { perSecond: 0.2, burst: 2 }
        await start({ horizonMs: 10_000 })
        await admitted('first', { rate, points: 2 })
        await kept('a', { rate })
        expect(await kept('b', { rate })).toMatchObject({ retryAfterMs: 10_000 })
        expect(await none('c', { rate })).toMatchObject({
          reason: 'HORIZON',
          retryAfterMs: 5_000,
          availablePoints: close(0),
          waiting: 2,
        })
        expect(await kept('b', { rate })).toMatchObject({ retryAfterMs: 10_000 })
        pass(4_500)
        expect(await none('c', { rate })).toMatchObject({ reason: 'HORIZON', retryAfterMs: 1_000 })
        pass(500)
        expect(await kept('c', { rate })).toMatchObject({ retryAfterMs: 10_000, waiting: 3 })
      })

      it('promise no more than is left to hand out', async () => {
        const rate = { perSecond: 0.5, burst: 1 }
        await admitted('first', { rate })
        await kept('a', { rate, placesMax: 2 })
        await kept('b', { rate, placesMax: 2 })
        expect(await none('c', { rate, placesMax: 2 })).toMatchObject({
          reason: 'REMAINING',
          retryAfterMs: 4_000,
          waiting: 2,
        })
        expect(await kept('a', { rate, placesMax: 2 })).toMatchObject({ isNew: false })
        pass(2_000)
        await admitted('a', { rate, placesMax: 1 })
        expect(await none('c', { rate, placesMax: 1 })).toMatchObject({ reason: 'REMAINING' })
        expect(await kept('c', { rate, placesMax: 2 })).toMatchObject({ isNew: true })
      })

      it('hold no more places than the terms allow', async () => {
        const rate = { perSecond: 0.5, burst: 1 }
        await start({ placesMax: 2 })
        await admitted('first', { rate })
        await kept('a', { rate })
        await kept('b', { rate })
        expect(await none('c', { rate })).toMatchObject({ reason: 'FULL', retryAfterMs: 2_000, waiting: 2 })
        expect(await kept('b', { rate })).toMatchObject({ isNew: false })
        pass(2_000)
        await admitted('a', { rate })
        expect(await kept('c', { rate })).toMatchObject({ isNew: true, retryAfterMs: 4_000 })
      })
    })

    describe('in the mode PLACES', () => {
      const mode = 'PLACES'

      it('admit no newcomer at once, and give each a turn some seconds ahead', async () => {
        await start({ aheadMs: 5_000 })
        expect(await kept('a', { mode })).toMatchObject({ retryAfterMs: 5_000, isNew: true })
        expect(await kept('b', { mode })).toMatchObject({ retryAfterMs: 5_100, position: 1 })
        pass(1_000)
        expect(await kept('c', { mode })).toMatchObject({ retryAfterMs: 5_000, position: 2 })
        expect(await kept('a', { mode })).toMatchObject({ retryAfterMs: 4_000, isNew: false })
      })

      it('admit whoever is due', async () => {
        await start({ aheadMs: 5_000 })
        await kept('a', { mode })
        pass(5_000)
        await admitted('a', { mode })
        await kept('a', { mode })
      })

      it('give no places beyond those that there are', async () => {
        await start({ aheadMs: 5_000 })
        await kept('a', { mode, placesMax: 1 })
        expect(await none('b', { mode, placesMax: 1 })).toMatchObject({
          reason: 'REMAINING',
          retryAfterMs: 5_000,
        })
      })
    })

    describe('in the mode SPENT', () => {
      const mode = 'SPENT'

      it('admit whoever is due', async () => {
        await drain()
        await fill(['a'])
        pass(100)
        expect(await admitted('a', { mode, brakedPoints: 5 })).toMatchObject({
          points: 1,
          lateMs: close(0),
          waiting: 0,
        })
      })

      it('move whoever is due and finds no points', async () => {
        await drain()
        await fill(['a'])
        pass(100)
        await admitted('b', { mode, brakedPoints: 1 })
        expect(await kept('a', { mode, brakedPoints: 5 })).toMatchObject({ isMoved: true, retryAfterMs: 100 })
      })

      it('admit others for the braked points, and give no places', async () => {
        expect(await admitted('a', { mode, brakedPoints: 3 })).toMatchObject({
          points: 3,
          availablePoints: close(2),
          place: undefined,
          isStandby: false,
        })
        expect(await none('b', { mode, brakedPoints: 3 })).toMatchObject({
          reason: 'BRAKED',
          retryAfterMs: 100,
          availablePoints: close(2),
          waiting: 0,
        })
        pass(100)
        expect(await admitted('b', { mode, brakedPoints: 3 })).toMatchObject({ availablePoints: close(0) })
      })

      it('treat whoever is not due as others, and let it keep its place', async () => {
        await drain()
        await fill(letters(10))
        expect(await none('c9', { mode, brakedPoints: 2 })).toMatchObject({
          reason: 'BRAKED',
          retryAfterMs: 200,
          waiting: 10,
        })
        pass(200)
        expect(await admitted('c9', { mode, brakedPoints: 2 })).toMatchObject({
          points: 2,
          place: undefined,
          waiting: 10,
        })
        expect(await kept('c9')).toMatchObject({ isNew: false, admitAtMs: inMs(1_000) })
      })
    })

    describe('while paused', () => {
      const mode = 'PAUSED'

      it('let everybody keep a place, due or not', async () => {
        await drain()
        await fill(['a', 'b'])
        pass(100)
        expect(await kept('a', { mode, brakedPoints: 5 })).toMatchObject({
          isNew: false,
          isMoved: false,
          retryAfterMs: 1,
        })
        expect(await kept('b', { mode, brakedPoints: 5 })).toMatchObject({ isNew: false, retryAfterMs: 100 })
        await admitted('a')
      })

      it('admit newcomers for the braked points, and give no places', async () => {
        await admitted('a', { mode, brakedPoints: 5 })
        expect(await none('b', { mode, brakedPoints: 5 })).toMatchObject({
          reason: 'BRAKED',
          retryAfterMs: 500,
        })
        pass(500)
        await admitted('b', { mode, brakedPoints: 5 })
      })

      it('flow in all the same', async () => {
        await drain()
        await heed(true)
        for (let i = 0; i < 5; i++) {
          pass(100)
          await heed(true)
          expect(await admitted(`c${i}`, { mode })).toMatchObject({ availablePoints: close(0) })
        }
      })

      it('shift everybody by the length of the pause', async () => {
        await drain()
        await fill(['a', 'b'])
        for (let s = 0; s < 30; s++) {
          await heed(true)
          pass(1_000)
        }
        await heed(true)
        expect(await kept('a', { mode })).toMatchObject({ retryAfterMs: 100, admitAtMs: inMs(30_100) })
        expect(await kept('b', { mode })).toMatchObject({ retryAfterMs: 200, admitAtMs: inMs(30_200) })
        pass(750)
        await heed(false)
        expect(await admitted('a')).toMatchObject({ lateMs: close(650) })
        const { place } = await admitted('b')
        expect(place!.instantMs + place!.shiftMs).toBeCloseTo(START_MS + 30_200, 2)
      })

      it('begin to wait for nobody: grace stands still', async () => {
        await start({ graceMs: 1_000 })
        await drain()
        await fill(['a'])
        for (let s = 0; s < 20; s++) {
          await heed(true)
          pass(500)
        }
        await heed(true)
        expect(await kept('a', { mode })).toMatchObject({ isNew: false, retryAfterMs: 100 })
        pass(1_100)
        await admitted('a')
      })

      it('go on while one gateway says so, though another has heard of the end', async () => {
        await drain()
        await fill(['a'])
        await heed(true)
        pass(10_000)
        await heed(true)
        pass(500)
        await heed(false)
        pass(500)
        await heed(true)
        expect(await kept('a', { mode })).toMatchObject({ retryAfterMs: 100, admitAtMs: inMs(11_100) })
        pass(2_001)
        await heed(false)
        // The pause is over: the next one begins anew.
        pass(20_000)
        await heed(true)
        pass(5_000)
        await heed(true)
        const { place } = await admitted('a')
        expect(place!.instantMs + place!.shiftMs).toBeCloseTo(START_MS + 16_100, 2)
      })

      it('is over for a line that was never paused', async () => {
        await heed(false)
        await drain()
        expect(await kept('a')).toMatchObject({ retryAfterMs: 100 })
      })
    })

    describe('when the clock goes back', () => {
      it('delay nobody’s turn', async () => {
        await drain()
        await fill(['a', 'b'])
        pass(50)
        expect(await kept('a')).toMatchObject({ retryAfterMs: 50 })
        pass(-3_600_000)
        expect(await kept('a')).toMatchObject({ retryAfterMs: 50, admitAtMs: close(nowMs + 50) })
        pass(50)
        await admitted('a')
        pass(100)
        await admitted('b')
      })

      it('admit no more than before', async () => {
        await drain()
        pass(-3_600_000)
        expect(await kept('a')).toMatchObject({ retryAfterMs: 100 })
        pass(100)
        await admitted('a')
        expect(await kept('b')).toMatchObject({ retryAfterMs: 100 })
      })

      it('pause no longer', async () => {
        await drain()
        await fill(['a'])
        await heed(true)
        pass(5_000)
        await heed(true)
        pass(-3_600_000)
        await heed(true)
        pass(5_000)
        await heed(true)
        expect(await kept('a', { mode: 'PAUSED' })).toMatchObject({ retryAfterMs: 100 })
        pass(100)
        await admitted('a')
      })
    })

    describe('given back', () => {
      it('have the points again, while those who have places keep their turns', async () => {
        await admitted('a', { points: 3 })
        const two = await admitted('b', { points: 2 })
        await kept('c')
        await fill(letters(10))
        await giveBack(two, 2, false)
        expect(await kept('c')).toMatchObject({ retryAfterMs: 100 })
        // 300 ms before the budget is full: those are for whoever comes late.
        pass(100)
        expect(await admitted('c')).toMatchObject({ availablePoints: close(2) })
        pass(299)
        expect(await kept('d')).toMatchObject({ isNew: true })
        pass(1)
        expect(await admitted('e')).toMatchObject({ isStandby: true, availablePoints: close(4) })
      })

      it('are never fuller than full', async () => {
        const five = await admitted('a', { points: 5 })
        await giveBack(five, 50, false)
        pass(1_000)
        await giveBack(five, 5, false)
        expect(await admitted('b', { points: 2 })).toMatchObject({ availablePoints: close(3) })
      })

      it('overlook a refund of nothing', async () => {
        const five = await admitted('a', { points: 5 })
        for (const points of [0, -5, Number.NaN]) await giveBack(five, points, false)
        expect(await none('b', { mode: 'SPENT' })).toMatchObject({ availablePoints: close(0) })
      })

      it('admit once more whoever came by a place and had nothing done', async () => {
        await drain()
        await fill(['a', 'b'])
        pass(100)
        const turn = await admitted('a')
        await giveBack(turn, 1, true)
        const again = await admitted('a')
        expect(again.place!.instantMs).toBeCloseTo(turn.place!.instantMs, 2)
        expect(await kept('a')).toMatchObject({ isNew: true })
      })

      it('keep the place where nothing of the points is given back', async () => {
        await drain()
        await fill(['a'])
        pass(100)
        await giveBack(await admitted('a'), 0, true)
        expect(await kept('a')).toMatchObject({ isNew: false, isMoved: true, retryAfterMs: 100, waiting: 1 })
      })

      it('do so within grace only', async () => {
        await start({ graceMs: 1_000 })
        await drain()
        await fill(['a'])
        pass(100)
        const turn = await admitted('a')
        pass(1_001)
        await giveBack(turn, 1, true)
        expect(await admitted('a')).toMatchObject({ place: undefined })
      })

      it('give no place to a newcomer, nor a second one to whoever has one by now', async () => {
        const first = await admitted('first', { points: 5 })
        await giveBack(first, 0, true)
        expect(await kept('first')).toMatchObject({ isNew: true, retryAfterMs: 100, waiting: 1 })
        pass(100)
        const turn = await admitted('first')
        expect(await kept('first')).toMatchObject({ isNew: true, retryAfterMs: 100 })
        await giveBack(turn, 0, true)
        const again = { isNew: false, isMoved: false, retryAfterMs: 100, waiting: 1 }
        expect(await kept('first')).toMatchObject(again)
      })
    })

    describe('shown a place', () => {
      const foreign = (ms: number): Place => ({
        epoch: FOREIGN_EPOCH,
        instantMs: 1_000_000,
        shiftMs: START_MS + ms - 1_000_000,
      })

      it('of their own life, go by what they know of the caller', async () => {
        await drain()
        const { place } = await kept('a')
        await fill(['b'])
        pass(100)
        await admitted('a', { shown: place })
        // Shown again, or by somebody whose place it is not.
        expect(await kept('a', { shown: place })).toMatchObject({ isNew: true, retryAfterMs: 200 })
        expect(await kept('z', { shown: place })).toMatchObject({ isNew: true, retryAfterMs: 300 })
      })

      it('of another life, admit its caller when it is due', async () => {
        await drain()
        await fill(['b'])
        const shown = foreign(50)
        expect(await kept('a', { shown })).toMatchObject({
          admitAtMs: inMs(50),
          retryAfterMs: 50,
          position: 0,
          isNew: false,
          waiting: 2,
        })
        // It has become the caller's own, and needs not be shown.
        expect(await kept('a')).toMatchObject({ retryAfterMs: 50, isNew: false })
        pass(100)
        expect(await admitted('a', { shown })).toMatchObject({ lateMs: close(50), waiting: 1 })
      })

      it('of another life, admit its caller once', async () => {
        await drain()
        await fill(letters(8))
        pass(300)
        const shown = foreign(100)
        expect(await admitted('a', { shown })).toMatchObject({ lateMs: close(200), isStandby: false })
        pass(100)
        expect(await kept('a', { shown })).toMatchObject({ isNew: true, retryAfterMs: 500 })
      })

      it('of another life, move its caller when the points are not there', async () => {
        await drain()
        const shown = foreign(0)
        expect(await kept('a', { shown })).toMatchObject({ isMoved: true, isNew: false, retryAfterMs: 100 })
        pass(100)
        await admitted('a', { shown })
      })

      it('of another life and beyond grace or horizon, treat its caller as a newcomer', async () => {
        await start({ graceMs: 1_000, horizonMs: 10_000 })
        await drain()
        pass(50)
        expect(await kept('a', { shown: foreign(-951) })).toMatchObject({ isNew: true, retryAfterMs: 50 })
        expect(await kept('b', { shown: foreign(10_051) })).toMatchObject({ isNew: true, retryAfterMs: 150 })
        expect(await kept('c', { shown: foreign(10_050) })).toMatchObject({
          isNew: false,
          retryAfterMs: 10_000,
        })
        expect(await kept('d', { shown: foreign(-950) })).toMatchObject({ isMoved: true, retryAfterMs: 50 })
      })

      it('of another life, prefer the one that they gave', async () => {
        await drain()
        await fill(['a'])
        expect(await kept('a', { shown: foreign(50) })).toMatchObject({ retryAfterMs: 100, isNew: false })
      })

      it('of another life, keep it while paused, and honour it when nothing is left', async () => {
        await drain()
        pass(100)
        const shown = foreign(100)
        expect(await kept('a', { shown, mode: 'PAUSED', brakedPoints: 5 })).toMatchObject({
          isNew: false,
          retryAfterMs: 1,
        })
        await admitted('a', { mode: 'SPENT', brakedPoints: 5 })
      })
    })

    describe('when everything is lost', () => {
      it('begin another life, in which what was promised before is honoured once', async ctx => {
        if (store.lose === undefined) return ctx.skip()
        await drain()
        const a = await kept('a')
        await store.lose()
        const again = await kept('a', { shown: a.place })
        expect(again.admitAtMs).toBeCloseTo(a.admitAtMs, 2)
        expect(again.place.epoch).not.toBe(a.place.epoch)
        pass(100)
        await admitted('a', { shown: a.place })
        await drainWhatIsThere()
        expect(await kept('a', { shown: a.place })).toMatchObject({ isNew: true })
      })

      it('let newcomers stand behind those who were promised a turn', async ctx => {
        if (store.lose === undefined) return ctx.skip()
        await drain()
        await fill(letters(50))
        const last = await kept('last')
        expect(last.retryAfterMs).toBe(5_100)
        await store.lose()
        await drainWhatIsThere()
        expect(await kept('new')).toMatchObject({ isNew: true, retryAfterMs: 5_200 })
        pass(5_100)
        await admitted('last', { shown: last.place })
      })

      it('let no newcomer take what those who were promised a turn will come for', async ctx => {
        if (store.lose === undefined) return ctx.skip()
        await drain()
        await fill(letters(50))
        await store.lose()
        expect(await kept('new')).toMatchObject({ isNew: true, retryAfterMs: 5_100 })
        pass(5_000)
        // Nobody has come; from now on the line is all its own.
        expect(await admitted('other')).toMatchObject({ isStandby: true })
      })

      /** A budget that is forgotten is full. */
      async function drainWhatIsThere(): Promise<void> {
        for (let i = 0; ; i++) {
          const turn = await arrive(`standby ${i}`, { mode: 'SPENT', brakedPoints: 1 })
          if (turn.kind === 'none') return
        }
      }
    })
  })
}
