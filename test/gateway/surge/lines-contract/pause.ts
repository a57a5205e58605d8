import { describe, expect, it } from 'vitest'
import { close, inMs, type LineStand, START_MS } from './line-stand.ts'

export function describePause(line: LineStand): void {
  const { start, admitted, kept, none, drain, fill, pass, heed } = line

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
      pass(100)
      expect(await admitted('a')).toMatchObject({ lateMs: close(0) })
      pass(100)
      const { place } = await admitted('b')
      expect(place!.instantMs + place!.shiftMs).toBeCloseTo(START_MS + 30_950, 2)
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
      await heed(false)
      pass(1_100)
      expect(await admitted('a')).toMatchObject({ lateMs: close(1_000) })
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
      expect(place!.instantMs + place!.shiftMs).toBeCloseTo(START_MS + 100 + 13_001 + 5_000, 2)
    })

    it('stand still for as long as nobody knows how they stand: no grace ends meanwhile', async () => {
      await start({ graceMs: 1_000, horizonMs: 10_000 })
      await drain()
      await fill(['a'])
      await heed(true)
      pass(9_000)
      expect(await kept('a')).toMatchObject({ isNew: false, retryAfterMs: 100, admitAtMs: inMs(9_100) })
      await heed(false)
      pass(99)
      expect(await kept('a')).toMatchObject({ retryAfterMs: 1 })
      pass(1)
      expect(await admitted('a')).toMatchObject({ lateMs: close(0), waiting: 0 })
    })

    it('stand still no longer than a horizon after the last word of it', async () => {
      await start({ horizonMs: 10_000 })
      await drain()
      await fill(['a'])
      await heed(true)
      pass(10_099)
      expect(await kept('a')).toMatchObject({ retryAfterMs: 1 })
      await heed(false)
      pass(1)
      expect(await admitted('a')).toMatchObject({ lateMs: close(0) })
    })

    it.each([
      ['was over', 750],
      ['was not known to be over', undefined],
    ])('take back no time since a pause that %s when nobody asked any more', async (_, overMs) => {
      await heed(true)
      if (overMs !== undefined) {
        pass(overMs)
        await heed(false)
      }
      pass(3_600_000)
      await drain()
      await heed(true)
      pass(5_000)
      await heed(false)
      await drain()
      // Behind nobody but those who have just come.
      expect(await kept('a')).toMatchObject({ retryAfterMs: 100 })
    })

    it('is over for a line that was never paused', async () => {
      await heed(false)
      await drain()
      expect(await kept('a')).toMatchObject({ retryAfterMs: 100 })
    })
  })
}
