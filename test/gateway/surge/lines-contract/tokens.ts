import { describe, expect, it } from 'vitest'
import type { Place } from '../../../../gateway/surge/lines.ts'
import { close, inMs, type LineStand, letters, START_MS } from './line-stand.ts'

export function describeTokens(line: LineStand): void {
  const { start, admitted, kept, none, drain, fill, pass } = line

  describe('shown a place', () => {
    const foreign = (ms: number): Place => ({
      epoch: 'of-another-life',
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

    it('of another life, honour one of a caller for as long as any may be shown', async () => {
      await start({ graceMs: 1_000, horizonMs: 10_000 })
      expect((await admitted('a', { shown: foreign(0) })).place).toBeDefined()
      pass(10_999)
      expect((await admitted('a', { shown: foreign(10_999) })).place).toBeUndefined()
    })

    it('of another life, take up no more than may wait, and remember no more', async () => {
      await start({ graceMs: 1_000, horizonMs: 10_000, placesMax: 2 })
      await drain()
      await fill(['a', 'b'])
      expect(await none('c', { shown: foreign(500) })).toMatchObject({ reason: 'FULL' })
      pass(2_000)
      for (const caller of ['d', 'e'])
        expect((await admitted(caller, { shown: foreign(2_000) })).place).toBeDefined()
      expect((await admitted('f', { shown: foreign(2_000) })).place).toBeUndefined()
      // What could be shown when they were taken up is void.
      pass(11_001)
      expect((await admitted('g', { shown: foreign(13_001) })).place).toBeDefined()
    })
  })
}
