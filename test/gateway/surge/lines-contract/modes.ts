import { describe, expect, it } from 'vitest'
import { close, inMs, type LineStand, letters } from './line-stand.ts'

export function describePlaces(line: LineStand): void {
  const { start, admitted, kept, none, pass } = line

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
}

export function describeSpent(line: LineStand): void {
  const { admitted, kept, none, drain, fill, pass } = line

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
}
