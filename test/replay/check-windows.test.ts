import fc from 'fast-check'
import { expect, it } from 'vitest'
import { fullestWindow } from './check-windows.ts'

const fullest = (spans: readonly (readonly [number, number])[], windowMs: number) =>
  fullestWindow(
    Float64Array.from(spans, ([from]) => from),
    Float64Array.from(spans, ([, to]) => to),
    windowMs,
  )

it('counts spans that lie in a window as a whole, both ends included', () => {
  const spans = [
    [0, 10],
    [5, 15],
    [9, 19],
    [30, 31],
  ] as const
  expect(fullest(spans, 15)).toEqual({ most: 2, atMs: 5 })
  expect(fullest(spans, 19)).toEqual({ most: 3, atMs: 0 })
  expect(fullest(spans, 0).most).toBe(0)
  expect(fullest([], 10).most).toBe(0)
})

it('finds what trying every window finds', () => {
  const span = fc.tuple(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 20 }))
  fc.assert(
    fc.property(fc.array(span, { maxLength: 40 }), fc.integer({ min: 0, max: 40 }), (drawn, windowMs) => {
      const spans = drawn.map(([from, length]) => [from, from + length] as const)
      const tried = Array.from({ length: 90 }, (_, at) => {
        return spans.filter(([from, to]) => at <= from && to <= at + windowMs).length
      })
      expect(fullest(spans, windowMs).most).toBe(Math.max(...tried))
    }),
    { seed: 20_270_206, numRuns: 500 },
  )
})

it('takes a span that ends before it begins for the moment of its beginning', () => {
  expect(fullestWindow(Float64Array.of(10, 1), Float64Array.of(0, 6), 5)).toEqual({ most: 1, atMs: 10 })
})
