import { expect, test } from 'vitest'
import { Histogram, spreadOf } from './histogram.ts'

test('quantiles of a histogram are at most 1.1 % above those of its values', () => {
  const histogram = new Histogram()
  const values = Float64Array.from({ length: 10_000 }, (_, index) => 0.01 * 1.001 ** index)
  for (const value of values) histogram.add(value)
  const exact = spreadOf(values)!
  const counted = histogram.spread!
  expect(counted.count).toBe(10_000)
  expect(counted.max).toBe(exact.max)
  for (const part of ['p50', 'p95', 'p99'] as const) {
    expect(counted[part]).toBeGreaterThanOrEqual(exact[part] * (1 - 1e-9))
    expect(counted[part]).toBeLessThanOrEqual(exact[part] * 1.011)
  }
})

test('without a value there is no spread', () => {
  expect(new Histogram().spread).toBeUndefined()
  expect(spreadOf(new Float64Array(0))).toBeUndefined()
})

test('one value is every quantile, however small or long, and may be negative where all are kept', () => {
  for (const value of [0, 0.000_1, 3, 10_000_000]) {
    const histogram = new Histogram()
    histogram.add(value)
    expect(histogram.spread).toMatchObject({ count: 1, max: value })
    expect(histogram.spread!.p99).toBeLessThanOrEqual(value)
  }
  expect(spreadOf(Float64Array.of(-5))).toEqual({ count: 1, p50: -5, p95: -5, p99: -5, max: -5 })
})
