import { describe, expect, it } from 'vitest'
import { close, type LineStand, letters } from './line-stand.ts'

export function describeRefunds(line: LineStand): void {
  const { start, admitted, kept, none, drain, fill, pass, giveBack } = line

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
}
