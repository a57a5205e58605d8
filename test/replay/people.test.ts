import { expect, test } from 'vitest'
import { countsOf, mixer, peopleOf, shoppersOf } from './people.ts'
import { seeded } from './seeded.ts'

test('a mix is scaled so that as many orders are made as were asked for', () => {
  // 20 of 100 order: 1,000 orders take 5,000 people.
  const counts = countsOf({ browse: 70, claim: 10, order: 15, pay: 5 }, 1_000)
  expect(counts).toEqual({ browse: 3_500, claim: 500, order: 750, pay: 250 })
  expect(peopleOf(counts)).toBe(5_000)
  expect(shoppersOf(counts)).toBe(1_500)
})

test('where nobody orders claims are counted, and where nobody claims visits', () => {
  expect(countsOf({ browse: 10, claim: 10, order: 0, pay: 0 }, 7)).toEqual({
    browse: 7,
    claim: 7,
    order: 0,
    pay: 0,
  })
  expect(countsOf({ browse: 3, claim: 0, order: 0, pay: 0 }, 7)).toEqual({
    browse: 7,
    claim: 0,
    order: 0,
    pay: 0,
  })
  expect(() => countsOf({ browse: 0, claim: 0, order: 0, pay: 0 }, 7)).toThrow(
    'expected a mix with somebody in it',
  )
})

test('orders are as many as were asked for whatever is rounded', () => {
  for (const orders of [1, 2, 3, 7, 1_001]) {
    const { order, pay } = countsOf({ browse: 1, claim: 1, order: 1, pay: 2 }, orders)
    expect(order + pay).toBe(orders)
  }
})

test('exactly so many of each come, mixed, in the same order for the same seed', () => {
  const counts = { browse: 300, claim: 0, order: 600, pay: 100 }
  const draw = (seed: number): number[] => {
    const next = mixer(counts, seeded(seed))
    return Array.from({ length: 1_000 }, next)
  }
  const all = draw(3)
  const count = (part: readonly number[], purpose: number): number =>
    part.filter(drawn => drawn === purpose).length
  expect([0, 1, 2, 3].map(purpose => count(all, purpose))).toEqual([300, 0, 600, 100])
  // Of a hundred drawn from these a standard deviation is under 5.
  expect(Math.abs(count(all.slice(0, 100), 2) - 60)).toBeLessThan(25)
  expect(draw(3)).toEqual(all)
  expect(draw(4)).not.toEqual(all)
})
