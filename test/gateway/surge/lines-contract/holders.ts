import { describe, expect, it } from 'vitest'
import { close, inMs, type LineStand, letters, START_MS } from './line-stand.ts'

export function describeHolders(line: LineStand): void {
  const { start, arrivalOf, admitted, kept, drain, fill, pass } = line

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
        expect(again.retryAfterMs).toBe(100 - (line.nowMs - START_MS))
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
          letters(1_000).map(async caller => await line.lines.arrive(arrivalOf(caller, { rate }))),
        )
        const due = turns.map((turn, i) => {
          if (turn.kind !== 'kept') throw new Error(`expected a place, got ${turn.kind}`)
          return { caller: `c${i}`, admitAtMs: turn.admitAtMs, askAtMs: line.nowMs + turn.retryAfterMs }
        })
        const isByInstant = perSecond % 2 === 0
        for (const { caller, admitAtMs, askAtMs } of due) {
          line.nowMs = isByInstant ? Math.max(line.nowMs, admitAtMs) : askAtMs
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
}
