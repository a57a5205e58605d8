import { expect, test } from 'vitest'
import { AskedBefore } from '../../../../gateway/cache/stores/asked-before.ts'

test('a key is known from its second time on, among the thousands that come meanwhile', () => {
  const asked = new AskedBefore()
  const keys = Array.from({ length: 10_000 }, (_, i) => `Query.product {"id":"product_${i}"}`)
  // Of 10,000 hashes in 65,536 places some 7 % find theirs taken: 10,000² / (2 × 65,536) = 763 pairs.
  expect(keys.filter(key => asked.meet(key))).toEqual([])
  const known = keys.filter(key => asked.meet(key)).length
  expect(known).toBeGreaterThan(8_000)
  expect(asked.meet('Query.product {"id":"another"}')).toBe(false)
})

test('what was met long ago is forgotten, so that it takes no memory', () => {
  const asked = new AskedBefore()
  asked.meet('the first')
  for (let i = 0; i < 1_000_000; i++) asked.meet(`key ${i}`)
  expect(asked.meet('the first')).toBe(false)
})
