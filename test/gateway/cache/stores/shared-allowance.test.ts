import { expect, test } from 'vitest'
import { SharedAllowance } from '../../../../gateway/cache/stores/shared-allowance.ts'
import { handClock } from '../tags/fleet-of-tags.ts'

const clock = handClock()
const allowance = (entriesMax: number, bytesMax: number): SharedAllowance =>
  new SharedAllowance({ entriesMax, bytesMax, clock })

test('as much is there at once as may be, and what has expired makes place', () => {
  const given = allowance(100, 10)
  expect(given.take('a', 6, clock() + 100)).toBe(true)
  expect(given.take('b', 4, clock() + 200)).toBe(true)
  expect(given.take('c', 1, clock() + 100)).toBe(false)
  clock.moveMs(100)
  expect(given.take('c', 7, clock() + 100)).toBe(false)
  expect(given.take('c', 6, clock() + 100)).toBe(true)
  expect([given.bytes, given.refused]).toEqual([10, 2])
})

test('what is written again counts once', () => {
  const given = allowance(1, 10)
  for (let i = 0; i < 5; i++) expect(given.take('a', 10, clock() + 100)).toBe(true)
  expect(given.take('a', 11, clock() + 100)).toBe(false)
  expect([given.bytes, given.refused]).toEqual([10, 1])
})

test('entries are bounded too, and none is forgotten to make place', () => {
  const given = allowance(2, 1_000)
  for (const key of ['a', 'b']) expect(given.take(key, 1, clock() + 100)).toBe(true)
  for (let i = 0; i < 5; i++) expect(given.take('c', 1, clock() + 100)).toBe(false)
  expect(given.bytes).toBe(2)
})

test('half of it is taken when half of the bytes, or of the entries, are', () => {
  const byBytes = allowance(100, 10)
  byBytes.take('a', 4, clock() + 100)
  expect(byBytes.isHalfTaken).toBe(false)
  byBytes.take('b', 1, clock() + 100)
  expect(byBytes.isHalfTaken).toBe(true)
  const byEntries = allowance(4, 1_000)
  byEntries.take('a', 1, clock() + 100)
  expect(byEntries.isHalfTaken).toBe(false)
  byEntries.take('b', 1, clock() + 100)
  expect(byEntries.isHalfTaken).toBe(true)
})
