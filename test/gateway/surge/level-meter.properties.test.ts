import fc from 'fast-check'
import { expect, test } from 'vitest'
import { LEVELS, type Level, type Reading } from '../../../gateway/surge/level.ts'
import { DEFAULT_LEVEL_SETTINGS, LevelMeter } from '../../../gateway/surge/level-meter.ts'

const SEED = { seed: 20_260_217 }
const EVERY_MS = 200
const { steps, restBelow } = DEFAULT_LEVEL_SETTINGS

/** Of a pressure about and beyond every threshold. */
const pressure = fc.oneof(
  fc.double({ min: 0, max: 40, noNaN: true }),
  fc.constantFrom(0, 0.69, 0.7, 0.71, 1, 2.79, 2.8, 4, 11.19, 11.2, 16, Number.POSITIVE_INFINITY),
)
const pressures = fc.array(pressure, { maxLength: 120 })
const raises = fc.constantFrom<Level>(...LEVELS)

const rankOf = (level: Level): number => LEVELS.indexOf(level)
const readingOf = (value: number, most: Level = 'SHED'): Reading => ({
  name: 'any',
  value,
  target: 1,
  raises: most,
})

/** The level after each sample; each sample is the pressures of some readings. */
function levelsOf(samples: readonly (readonly Reading[])[]): number[] {
  const meter = new LevelMeter()
  return samples.map((readings, i) => rankOf(meter.take(readings, i * EVERY_MS)))
}

const changesIn = (levels: readonly number[]): number =>
  levels.filter((level, i) => level !== (i === 0 ? 0 : levels[i - 1])).length

test('more pressure never makes a lower level, at any sample', () => {
  const sample = fc.record({
    values: fc.array(fc.tuple(pressure, raises), { minLength: 1, maxLength: 3 }),
    more: fc.array(fc.double({ min: 0, max: 20, noNaN: true }), { minLength: 3, maxLength: 3 }),
  })
  fc.assert(
    fc.property(fc.array(sample, { maxLength: 120 }), samples => {
      const less = levelsOf(
        samples.map(({ values }) => values.map(([value, most]) => readingOf(value, most))),
      )
      const more = levelsOf(
        samples.map(({ values, more }) =>
          values.map(([value, most], i) => readingOf(value + more[i]!, most)),
        ),
      )
      for (const [i, level] of less.entries()) expect(more[i]).toBeGreaterThanOrEqual(level)
    }),
    { ...SEED, numRuns: 300 },
  )
})

test('no reading takes the level above what it may raise', () => {
  fc.assert(
    fc.property(pressures, raises, (values, most) => {
      const levels = levelsOf(values.map(value => [readingOf(value, most)]))
      for (const level of levels) expect(level).toBeLessThanOrEqual(rankOf(most))
    }),
    SEED,
  )
})

test('whatever was, the level comes down to CALM once nothing presses', () => {
  // 3 s of SHED, 3 s of SURGE, 5 s of BUSY, and the sample each begins with.
  const calm = Math.ceil((3_000 + 3_000 + 5_000) / EVERY_MS) + 1
  fc.assert(
    fc.property(pressures, values => {
      const levels = levelsOf([...values, ...Array<number>(calm).fill(0.69)].map(value => [readingOf(value)]))
      expect(levels.at(-1)).toBe(0)
    }),
    SEED,
  )
})

test('noise about a threshold, down to where the pressure is low, changes the level once at most', () => {
  const cases = (['BUSY', 'SURGE', 'SHED'] as const).map(level => ({ level, min: steps[level].pressureMin }))
  fc.assert(
    fc.property(
      fc.constantFrom(...cases),
      fc.array(fc.double({ min: restBelow, max: 1.4, noNaN: true }), { minLength: 50, maxLength: 200 }),
      ({ level, min }, noise) => {
        const start = Array<number>(10).fill(min * restBelow)
        const levels = levelsOf([...start, ...noise.map(part => part * min)].map(value => [readingOf(value)]))
        const after = levels.slice(start.length - 1)
        expect(changesIn(after.map(at => at - after[0]!))).toBeLessThanOrEqual(1)
        expect(Math.max(...levels)).toBeLessThanOrEqual(rankOf(level))
      },
    ),
    SEED,
  )
})

test('no pressure, of any kind, has the level change more often than its rests allow', () => {
  fc.assert(
    fc.property(fc.array(pressure, { minLength: 1, maxLength: 400 }), values => {
      const changes = changesIn(levelsOf(values.map(value => [readingOf(value)])))
      // Each way down takes 3 s at least, and each up comes after one, but for the first three.
      const downMax = Math.floor((values.length * EVERY_MS) / 3_000)
      expect(changes).toBeLessThanOrEqual(2 * downMax + 3)
    }),
    { ...SEED, numRuns: 200 },
  )
})
