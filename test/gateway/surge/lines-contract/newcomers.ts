import { describe, expect, it } from 'vitest'
import { close, inMs, type LineStand, letters, TEN } from './line-stand.ts'

export function describeNewcomers(line: LineStand): void {
  const { lineOf, arrivalOf, admitted, kept, drain, pass } = line

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
        letters(300).map(async caller => await line.lines.arrive(arrivalOf(caller))),
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
        expect(() => line.lines.arrive(arrivalOf('a', { points }))).toThrow(
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
}
