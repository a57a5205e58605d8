import { describe, expect, it } from 'vitest'
import { close, type LineStand, letters } from './line-stand.ts'

export function describeNoPlace(line: LineStand): void {
  const { start, admitted, kept, none, fill, pass } = line

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
      expect(await none('c', { rate })).toMatchObject({ reason: 'HORIZON', retryAfterMs: 500 })
      pass(500)
      expect(await kept('c', { rate })).toMatchObject({ retryAfterMs: 10_000, waiting: 3 })
    })

    it('tell those beyond the horizon to come one after another, as places will be given, and after a horizon at most', async () => {
      const rate = { perSecond: 1, burst: 1 }
      await start({ horizonMs: 4_000 })
      await admitted('first', { rate })
      await fill(['a', 'b', 'c', 'd'], { rate })
      const told: number[] = []
      for (const caller of letters(6)) told.push((await none(caller, { rate })).retryAfterMs)
      expect(told).toEqual([1_000, 2_000, 3_000, 4_000, 4_000, 4_000])
      for (const [due, caller] of ['a', 'b', 'c', 'd'].entries()) {
        pass(1_000)
        await admitted(caller, { rate })
        expect(await kept(letters(6)[due]!, { rate })).toMatchObject({ isNew: true, retryAfterMs: 4_000 })
      }
      expect(await none('late', { rate })).toMatchObject({ reason: 'HORIZON', retryAfterMs: 1_000 })
    })

    it('tell whoever asks sooner the same, and nobody else to wait longer for that', async () => {
      const rate = { perSecond: 1, burst: 1 }
      await start({ horizonMs: 4_000 })
      await admitted('first', { rate })
      await fill(['a', 'b', 'c', 'd'], { rate })
      await none('other', { rate })
      expect(await none('hasty', { rate })).toMatchObject({ retryAfterMs: 2_000 })
      pass(500)
      for (const _ of 'abc') expect(await none('hasty', { rate })).toMatchObject({ retryAfterMs: 1_500 })
      expect(await none('patient', { rate })).toMatchObject({ retryAfterMs: 2_500 })
      pass(500)
      await admitted('a', { rate })
      await kept('other', { rate })
      pass(1_000)
      await admitted('b', { rate })
      expect(await kept('hasty', { rate })).toMatchObject({ isNew: true })
    })

    it('tell the first beyond the horizon no sooner than a second', async () => {
      const rate = { perSecond: 10, burst: 1 }
      await start({ horizonMs: 100 })
      await admitted('first', { rate })
      await kept('a', { rate })
      expect(await none('b', { rate })).toMatchObject({ reason: 'HORIZON', retryAfterMs: 1_000 })
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
      // When the place after that is free.
      expect(await none('d', { rate })).toMatchObject({ reason: 'FULL', retryAfterMs: 4_000, waiting: 2 })
      expect(await kept('b', { rate })).toMatchObject({ isNew: false })
      pass(2_000)
      await admitted('a', { rate })
      expect(await kept('c', { rate })).toMatchObject({ isNew: true, retryAfterMs: 4_000 })
    })
  })
}
