import { expect, it } from 'vitest'
import {
  clockOf,
  levelBands,
  pointWidthS,
  shortNumber,
  thinned,
  tickStep,
  timeStepS,
} from './chart-series.ts'
import type { Second } from './figures.ts'

const second = (atS: number, more: Partial<Second> = {}): Second => ({
  ...{ atS, offered: 0, arrived: 0, admitted: 0, goodput: 0, placed: 0, refused: 0, waiting: 0, inFlight: 0 },
  ...{ level: 'CALM', ...more },
})

it('gives an hour, a day and a minute a round number of seconds a point, and never more points than asked', () => {
  expect(pointWidthS(90, 420)).toBe(1)
  expect(pointWidthS(3_600, 420)).toBe(10)
  expect(pointWidthS(32_400, 420)).toBe(120)
  for (const seconds of [0, 1, 421, 86_400, 10_000_000])
    expect(seconds / pointWidthS(seconds, 420)).toBeLessThanOrEqual(420)
})

it('thins rates to their mean and what waited to its most, the rest of a group by what it has', () => {
  const seconds = [10, 20, 30].map((offered, atS) =>
    second(atS, { offered, waiting: offered === 20 ? 9 : 1 }),
  )
  expect(thinned(seconds, 2)).toMatchObject([
    { atS: 1, offered: 15, waiting: 9 },
    { atS: 2.5, offered: 30, waiting: 1 },
  ])
})

it('joins seconds of one level, and leaves out those of none', () => {
  const levels = ['CALM', 'CALM', 'SURGE', undefined, 'SURGE', 'CALM']
  expect(levelBands(levels.map((level, atS) => second(atS, { level })))).toEqual([
    { level: 'CALM', fromS: 0, toS: 2 },
    { level: 'SURGE', fromS: 2, toS: 3 },
    { level: 'SURGE', fromS: 4, toS: 5 },
    { level: 'CALM', fromS: 5, toS: 6 },
  ])
})

it('divides axes by 1, 2 or 5', () => {
  expect([1, 3, 7, 874, 5_600, 541_000].map(max => tickStep(max, 4))).toEqual([
    0.5, 1, 2, 500, 2_000, 200_000,
  ])
  expect([5, 95, 600, 3_600, 32_400, 900_000].map(maxS => timeStepS(maxS, 10))).toEqual([
    1, 10, 60, 600, 3_600, 100_800,
  ])
})

it('writes times and numbers short', () => {
  expect([5, 60, 725, 5_400].map(clockOf)).toEqual(['0:05', '1:00', '12:05', '1:30:00'])
  expect([0, 0.5, 42, 950, 999.9, 1_234, 12_000, 541_000, 999_900, 3_400_000].map(shortNumber)).toEqual([
    ...['0', '0.5', '42', '950', '1k', '1.2k', '12k', '541k', '1M', '3.4M'],
  ])
})
