import { describe, expect, it, test } from 'vitest'
import type { Level, Reading } from '../../../gateway/surge/level.ts'
import { DEFAULT_LEVEL_SETTINGS, LevelMeter, pressureOf } from '../../../gateway/surge/level-meter.ts'

const EVERY_MS = 200

const waitOf = (value: number, raises: Level = 'SHED'): Reading => ({
  name: 'wait',
  value,
  target: 50,
  raises,
})

/** A meter of waits in milliseconds, a sample of them each 200 ms, on a clock moved by hand. */
function meter() {
  const meter = new LevelMeter()
  let atMs = 1_000
  return (...waits: readonly number[]): Level[] =>
    waits.map(wait => {
      atMs += EVERY_MS
      return meter.take([waitOf(wait)], atMs)
    })
}

const repeat = (wait: number, samples: number): number[] => Array.from({ length: samples }, () => wait)

describe('up', () => {
  it('is at once when two samples in a row say so, and three for SHED', () => {
    // 50 × 1, × 4, × 16.
    expect(meter()(49, 49, 50, 50)).toEqual(['CALM', 'CALM', 'CALM', 'BUSY'])
    expect(meter()(199, 200, 200)).toEqual(['CALM', 'BUSY', 'SURGE'])
    expect(meter()(800, 800, 800)).toEqual(['CALM', 'SURGE', 'SHED'])
    expect(meter()(800, 800, 799, 800, 800, 800).at(-2)).toBe('SURGE')
  })

  it('is not for a wait that was over with its sample', () => {
    expect(meter()(5_000, 0, 5_000, 0, 5_000)).toEqual(repeat(0, 5).map(() => 'CALM'))
  })

  it('is to the highest level that all samples in the row reached', () => {
    expect(meter()(60, 5_000)).toEqual(['CALM', 'BUSY'])
    expect(meter()(5_000, 250)).toEqual(['CALM', 'SURGE'])
  })
})

describe('down', () => {
  it('is one level at a time: 3 s of SHED, 3 s of SURGE, 5 s of BUSY without pressure', () => {
    const take = meter()
    expect(take(800, 800, 800).at(-1)).toBe('SHED')
    // The first sample that is low, and then 3,000 ms of 200 ms each.
    expect(take(...repeat(0, 15)).at(-1)).toBe('SHED')
    expect(take(0)).toEqual(['SURGE'])
    expect(take(...repeat(0, 14)).at(-1)).toBe('SURGE')
    expect(take(0)).toEqual(['BUSY'])
    expect(take(...repeat(0, 24)).at(-1)).toBe('BUSY')
    expect(take(0)).toEqual(['CALM'])
  })

  it('begins anew with every sample that is not low', () => {
    const take = meter()
    take(50, 50)
    // 0.7 × 50 = 35 is not low, 34.9 is.
    for (let i = 0; i < 5; i++) expect(take(...repeat(34.9, 25), 35).at(-1)).toBe('BUSY')
    expect(take(...repeat(34.9, 26)).at(-1)).toBe('CALM')
  })

  it('stops at the level whose pressure is still there', () => {
    const take = meter()
    take(800, 800, 800)
    // Low for SHED (below 560) and for SURGE (below 140), not for BUSY.
    expect(take(...repeat(100, 200)).at(-1)).toBe('BUSY')
  })
})

test('the worst reading decides, and none raises more than it may', () => {
  const meter = new LevelMeter()
  const readings = [waitOf(10), waitOf(9_000, 'BUSY'), waitOf(250, 'SURGE')]
  for (let i = 1; i < 10; i++) meter.take(readings, i * EVERY_MS)
  expect(meter.level).toBe('SURGE')
  for (let i = 10; i < 200; i++) meter.take([waitOf(9_000, 'BUSY')], i * EVERY_MS)
  expect(meter.level).toBe('BUSY')
})

test('what is no number presses for nothing, and a target of nothing for everything', () => {
  expect(pressureOf(waitOf(Number.NaN))).toBe(0)
  expect(pressureOf({ ...waitOf(1), target: 0 })).toBe(Number.POSITIVE_INFINITY)
  const meter = new LevelMeter()
  for (let i = 1; i < 10; i++) meter.take([waitOf(Number.NaN), waitOf(60)], i * EVERY_MS)
  expect(meter.level).toBe('BUSY')
})

test('settings that contradict themselves are refused', () => {
  const { steps } = DEFAULT_LEVEL_SETTINGS
  const flat = { ...steps, SURGE: { ...steps.SURGE, pressureMin: 1 } }
  expect(() => new LevelMeter({ steps: flat, restBelow: 0.7 })).toThrow(
    'expected pressureMin to rise from level to level, got 1, 1, 16',
  )
  expect(() => new LevelMeter({ steps, restBelow: 1.1 })).toThrow(
    'expected restBelow above 0 and at most 1, got 1.1',
  )
})
