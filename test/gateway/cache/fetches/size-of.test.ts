import { expect, test } from 'vitest'
import { sizeOf } from '../../../../gateway/cache/fetches/size-of.ts'

test('grows with what is in it', () => {
  const name = (chars: number) => ({ list: [{ name: 'x'.repeat(chars) }] })
  expect(sizeOf(name(1_000)) - sizeOf(name(0))).toBe(2_000)
  expect(sizeOf([[1, null, true], {}])).toBeGreaterThan(sizeOf([]))
  expect(sizeOf(null)).toBeGreaterThan(0)
})

test('is without end of what is too large or too deep to be walked', () => {
  expect(sizeOf(new Array(300_000).fill(0))).toBe(Infinity)
  let nested: unknown = 1
  for (let i = 0; i < 100_000; i++) nested = [nested]
  expect(sizeOf(nested)).toBe(Infinity)
})
