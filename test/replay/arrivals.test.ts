import { expect, test } from 'vitest'
import { Arrivals, FLAT, INCIDENT, type Shape } from './arrivals.ts'
import { seeded } from './seeded.ts'

const COUNT = 100_000

function drawn(shape: Shape, durationMs: number, count: number, seed = 5): number[] {
  const arrivals = new Arrivals(shape, durationMs, count, seeded(seed))
  return Array.from({ length: count }, () => arrivals.next())
}

const partBefore = (instants: readonly number[], ms: number): number =>
  instants.filter(instant => instant < ms).length / instants.length

test('as many come as were asked for, in the order of time, within the time, the same for the same seed', () => {
  const instants = drawn(INCIDENT, 600_000, COUNT)
  expect(instants).toEqual(instants.toSorted((a, b) => a - b))
  expect(instants[0]).toBeGreaterThanOrEqual(0)
  expect(instants.at(-1)).toBeLessThanOrEqual(600_000)
  expect(drawn(INCIDENT, 600_000, COUNT)).toEqual(instants)
  expect(drawn(INCIDENT, 600_000, COUNT, 6)).not.toEqual(instants)
})

test('after the last nobody comes', () => {
  const arrivals = new Arrivals(FLAT, 1_000, 1, seeded(1))
  expect(arrivals.next()).toBeLessThan(1_000)
  expect(arrivals.next()).toBe(Number.POSITIVE_INFINITY)
})

// The standard deviation of a part p of n is √(p(1-p)/n): 0.0016 of 100,000 at a half. 0.008 is five of them.
test('a flat rate is flat, and independent arrivals leave about a third of the slots empty that hold one on average', () => {
  const instants = drawn(FLAT, COUNT, COUNT)
  for (const part of [0.1, 0.5, 0.9]) expect(partBefore(instants, COUNT * part)).toBeCloseTo(part, 2)
  const taken = new Set(instants.map(Math.floor))
  expect(1 - taken.size / COUNT).toBeCloseTo(1 / Math.E, 2)
})

/**
 * Areas of the shape, in minutes of one arrival: 13 to minute 2, 72 to 8, 102 to 20, 140 to 60, 168 to 180, 234 to 540;
 * 729 in all. So 327 of 729 in the first hour, and from minute 2 to 8 12 a minute where the mean is 729 / 540 = 1.35.
 */
test('45 % of the incident come in its first hour, and nine times the mean until the cards are gone', () => {
  const minuteMs = 1_000
  const instants = drawn(INCIDENT, 540 * minuteMs, COUNT)
  expect(partBefore(instants, 60 * minuteMs)).toBeCloseTo(327 / 729, 2)
  const cards = partBefore(instants, 8 * minuteMs) - partBefore(instants, 2 * minuteMs)
  expect(cards).toBeCloseTo(72 / 729, 2)
  expect(cards / 6 / (1 / 540)).toBeCloseTo(12 / 1.35, 0)
  expect(partBefore(instants, 180 * minuteMs)).toBeCloseTo(495 / 729, 2)
})

test('a shape that goes back, or at which nobody comes, is refused', () => {
  for (const shape of [
    [],
    [[0, 1]],
    [
      [0, 0],
      [1, 0],
    ],
    [
      [1, 1],
      [0, 1],
    ],
    [
      [0, -1],
      [1, 3],
    ],
  ] as unknown as Shape[]) {
    expect(() => new Arrivals(shape, 1, 1, seeded(1))).toThrow(
      'expected a shape whose points follow one another, got',
    )
  }
})
