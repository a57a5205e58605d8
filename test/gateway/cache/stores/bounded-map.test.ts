import { expect, test } from 'vitest'
import { BoundedMap, type LabelCounts } from '../../../../gateway/cache/stores/bounded-map.ts'
import { handClock } from '../tags/fleet-of-tags.ts'

interface Kept {
  readonly bytes: number
  readonly untilMs?: number
}

const clock = handClock()
const mapOf = (entriesMax: number, bytesMax: number): BoundedMap<Kept> =>
  new BoundedMap<Kept>({
    entriesMax,
    bytesMax,
    bytesOf: ({ bytes }) => bytes,
    goneAtMs: ({ untilMs }) => untilMs ?? Number.POSITIVE_INFINITY,
    clock,
  })

const countsOf = (map: BoundedMap<Kept>, name: string): LabelCounts | undefined =>
  [...map.counts()].find(({ label }) => label === name)

const keysOf = (map: BoundedMap<Kept>, keys: string): string => [...keys].filter(key => map.has(key)).join('')

test('what was used longest ago makes place, in entries', () => {
  const map = mapOf(3, 1_000)
  for (const key of 'abc') map.set(key, { bytes: 1 })
  map.get('a')
  map.set('d', { bytes: 1 })
  expect(keysOf(map, 'abcd')).toBe('acd')
  map.set('c', { bytes: 2 })
  map.set('e', { bytes: 1 })
  expect(keysOf(map, 'acde')).toBe('cde')
  expect([map.size, map.bytes, map.evictions]).toEqual([3, 4, 2])
})

test('what was used longest ago makes place, in bytes', () => {
  const map = mapOf(100, 10)
  for (const key of 'abcd') map.set(key, { bytes: 3 })
  expect(keysOf(map, 'abcd')).toBe('bcd')
  map.set('e', { bytes: 7 })
  expect(keysOf(map, 'abcde')).toBe('de')
  expect([map.size, map.bytes]).toEqual([2, 10])
})

test('what is larger than everything together may be is refused, and what it should replace is gone', () => {
  const map = mapOf(100, 10)
  map.set('a', { bytes: 3 })
  map.set('b', { bytes: 3 })
  expect(map.set('a', { bytes: 11 })).toBe(false)
  expect(map.set('c', { bytes: Number.NaN })).toBe(false)
  expect([keysOf(map, 'abc'), map.bytes, map.evictions]).toEqual(['b', 3, 0])
})

test('what is gone is never found, from its instant on', () => {
  const map = mapOf(100, 1_000)
  map.set('a', { bytes: 1, untilMs: clock() + 10 })
  clock.moveMs(9)
  expect(map.get('a')).toBeDefined()
  clock.moveMs(1)
  expect([map.has('a'), map.get('a'), map.size, map.bytes]).toEqual([false, undefined, 0, 0])
})

test('what is gone and never asked for again makes place without being evicted', () => {
  const map = mapOf(100, 1_000)
  map.set('long', { bytes: 1 })
  for (let i = 0; i < 20; i++) map.set(`short${i}`, { bytes: 1, untilMs: clock() + 10 })
  clock.moveMs(10)
  for (let i = 0; i < 12; i++) map.set('again', { bytes: 1 })
  expect([map.size, map.evictions]).toEqual([2, 0])
})

test('bytes and evictions are counted by what stands before the first space of a key', () => {
  const map = mapOf(3, 1_000)
  map.set('Query.a {"id":1}', { bytes: 1 })
  map.set('Query.a {"id":2}', { bytes: 2 })
  map.set('Query.b ', { bytes: 4 })
  expect(countsOf(map, 'Query.a')).toMatchObject({ bytes: 3, evictions: 0 })
  map.set('Query.b x', { bytes: 8 })
  map.delete('Query.b ')
  expect([...map.counts()]).toMatchObject([
    { label: 'Query.a', bytes: 2, evictions: 1 },
    { label: 'Query.b', bytes: 8, evictions: 0 },
  ])
  map.clear()
  expect(countsOf(map, 'Query.a')).toMatchObject({ bytes: 0, evictions: 1 })
  expect([map.size, map.bytes]).toEqual([0, 0])
})

test('labels without number are counted together', () => {
  const map = mapOf(2_000, 1_000_000)
  for (let i = 0; i < 1_500; i++) map.set(`label${i} `, { bytes: 1 })
  expect([...map.counts()]).toHaveLength(1_001)
  const bytes = ['label999', 'label1000', 'other'].map(label => countsOf(map, label)?.bytes)
  expect(bytes).toEqual([1, undefined, 500])
})

test('a sweep goes on behind what was taken out where it stopped', () => {
  for (const takeOut of [
    (map: BoundedMap<Kept>) => map.delete('b'),
    (map: BoundedMap<Kept>) => map.clear(),
  ]) {
    const map = mapOf(100, 1_000)
    map.set('a', { bytes: 3 })
    map.set('b', { bytes: 5, untilMs: clock() + 10 })
    // After it b is next.
    map.sweep(1)
    takeOut(map)
    clock.moveMs(10)
    map.set('c', { bytes: 7 })
    map.sweep(3)
    expect(keysOf(map, 'bc')).toBe('c')
    expect(map.bytes).toBe(map.has('a') ? 10 : 7)
    expect(map.size).toBe(map.has('a') ? 2 : 1)
  }
})

test('once the map is half full, what is spare is removed where it is met, without being evicted', () => {
  const map = new BoundedMap<Kept>({
    entriesMax: 12,
    bytesMax: 1_000,
    bytesOf: ({ bytes }) => bytes,
    isSpare: ({ bytes }) => bytes === 1,
  })
  for (const key of 'abcde') map.set(key, { bytes: 1 })
  map.sweep(100)
  expect(keysOf(map, 'abcde')).toBe('abcde')
  // Half of 12. The sweep ends as soon as it is less again.
  map.set('f', { bytes: 2 })
  expect(map.size).toBe(5)
  for (const key of 'ghijkl') map.set(key, { bytes: 2 })
  expect([keysOf(map, 'abcdefghijkl'), map.evictions]).toEqual(['fghijkl', 0])
})
