import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AdaptiveLanes, type LaneSample } from '../../protocol/adaptive-lanes.ts'

/** Lanes on a clock that tests move; each exchange leaves now and ends `tookMs` later. */
function byHand(bounds: { min: number; start: number; max: number }) {
  let now = 0
  const changes: number[] = []
  const lanes = new AdaptiveLanes({ ...bounds, onChange: limit => changes.push(limit) }, () => now)
  const end = (own: Partial<LaneSample> & { tookMs?: number } = {}): number => {
    const { tookMs = 10, ...sample } = own
    const sentAtMs = now
    now += tookMs
    lanes.ended({
      items: 1,
      lanesTaken: lanes.limit,
      sentAtMs,
      load: 'served',
      firstAnswerMs: tookMs,
      ...sample,
    })
    return lanes.limit
  }
  return {
    lanes,
    changes,
    end,
    times: (count: number, own = {}) => Array.from({ length: count }, () => end(own)).at(-1),
  }
}

const BOUNDS = { min: 1, start: 4, max: 16 }

describe('the limit', () => {
  it('stays within its bounds, whatever happens, and is told at every change', () => {
    const sample = fc.record({
      items: fc.integer({ min: 1, max: 1_000 }),
      lanesTaken: fc.integer({ min: 1, max: 64 }),
      load: fc.constantFrom('served', 'served', 'served', 'congested', 'unclear'),
      tookMs: fc.double({ min: 0, max: 10_000, noNaN: true }),
    })
    const bounds = fc
      .tuple(fc.integer({ min: 1, max: 8 }), fc.nat(8), fc.nat(64))
      .map(([min, more, most]) => ({ min, start: min + more, max: min + more + most }))
    fc.assert(
      fc.property(bounds, fc.array(sample, { maxLength: 300 }), (own, samples) => {
        const { changes, end } = byHand(own)
        let told = own.start
        for (const { load, ...rest } of samples) {
          const limit = end({ ...rest, load: load as LaneSample['load'] })
          expect(Number.isSafeInteger(limit)).toBe(true)
          expect(limit).toBeGreaterThanOrEqual(own.min)
          expect(limit).toBeLessThanOrEqual(own.max)
          told = changes.at(-1) ?? told
          expect(told).toBe(limit)
        }
      }),
    )
  })

  it('never falls below its start for a subgraph that answers, however slowly', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0.01, max: 10_000, noNaN: true }), { maxLength: 300 }), times => {
        const { end } = byHand(BOUNDS)
        for (const tookMs of times) expect(end({ tookMs })).toBeGreaterThanOrEqual(BOUNDS.start)
      }),
    )
  })

  it('grows by one a round while every lane is taken, up to its bound', () => {
    const { end, times } = byHand(BOUNDS)
    // A round at 4 is a little over 4 exchanges: 4 × ¼ falls short of 1 by what the limit grew meanwhile.
    expect(times(5)).toBe(5)
    expect(times(6)).toBe(6)
    times(200)
    expect(end()).toBe(16)
  })

  it('does not grow beyond its start for answers that come so soon that waiting for a lane is nothing', () => {
    const { lanes, times } = byHand(BOUNDS)
    expect(times(1_000, { tookMs: 4 })).toBe(4)
    // Cut back once, it comes back to its start all the same.
    times(1, { load: 'congested', tookMs: 4 })
    expect(lanes.limit).toBe(2)
    expect(times(1_000, { tookMs: 4 })).toBe(4)
  })

  it('does not grow for lanes that nobody needed', () => {
    const { times } = byHand(BOUNDS)
    expect(times(100, { lanesTaken: 3 })).toBe(4)
  })

  it.each([
    ['more than twice as slow as usual', { tookMs: 30 }, 4],
    ['refused or out of time', { load: 'congested' as const }, 1],
  ])('goes back when the subgraph is %s, as far as it may', (_, sample, floor) => {
    const { lanes, times } = byHand(BOUNDS)
    times(200)
    expect(lanes.limit).toBe(16)
    times(40, sample)
    expect(lanes.limit).toBe(floor)
  })

  it('goes back once for what was under way together', () => {
    const { end, lanes } = byHand({ min: 4, start: 64, max: 64 })
    const sentAtMs = 0
    for (let i = 0; i < 64; i++) end({ load: 'congested', sentAtMs, tookMs: 1 })
    // 64 × 0.7
    expect(lanes.limit).toBe(44)
    end({ load: 'congested' })
    expect(lanes.limit).toBe(31)
  })

  it('does not blame lanes that stood empty', () => {
    const { times } = byHand({ min: 4, start: 64, max: 64 })
    expect(times(50, { load: 'congested', lanesTaken: 31 })).toBe(64)
  })

  it('returns to its start after the subgraph recovered, even a slower one', () => {
    const { lanes, times } = byHand(BOUNDS)
    times(3)
    times(30, { load: 'congested' })
    expect(lanes.limit).toBe(1)
    times(10, { tookMs: 25 })
    expect(lanes.limit).toBeGreaterThanOrEqual(4)
  })

  it('compares large batches with large ones', () => {
    const { lanes, times, end } = byHand(BOUNDS)
    for (let i = 0; i < 100; i++) {
      end({ items: 1, tookMs: 1 })
      end({ items: 100, tookMs: 20 })
    }
    expect(lanes.strain).toBeCloseTo(1)
    expect(times(50, { items: 100, tookMs: 20 })).toBe(16)
  })
})

describe('misuse', () => {
  it.each([
    [0, 1, 1],
    [2, 1, 4],
    [1, 5, 4],
    [1, 1.5, 4],
  ])('refuses bounds %d, %d, %d', (min, start, max) => {
    expect(() => new AdaptiveLanes({ min, start, max })).toThrow(
      `expected lanes as integers with 1 ≤ min ≤ start ≤ max, got ${min}, ${start}, ${max}`,
    )
  })
})
