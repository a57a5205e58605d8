import { crc32, zstdCompressSync } from 'node:zlib'
import { expect, test } from 'vitest'
import type { Entry } from '../../../../gateway/cache/entry.ts'
import { createEntryCodec } from '../../../../gateway/cache/stores/entry-codec.ts'
import { handClock } from '../tags/fleet-of-tags.ts'

const HOUR_MS = 3_600_000
const KEY = 'Query.campaign {"id":"spring"}'

const clock = handClock()
const same = (ms: number): number => ms
const codec = createEntryCodec({
  compressBytesMin: 4_096,
  clock,
  fleetTime: { toFleetMs: same, fromFleetMs: same },
})

const entryOf = (value: unknown, more: Partial<Entry> = {}): Entry => ({
  value,
  born: { atMs: clock(), tick: 7, version: 42 },
  freshUntilMs: clock() + 1_000,
  staleUntilMs: clock() + 10_000,
  stretchedUntilMs: clock() + 100_000,
  tags: ['Campaign', 'Campaign:spring'],
  bytes: 100,
  ...more,
})

/** The checksum made good, as whoever writes on purpose would. */
function sealed(bytes: Buffer): Buffer {
  bytes.writeUInt32LE(crc32(bytes.subarray(12), crc32(bytes.subarray(0, 8))), 8)
  return bytes
}

test('what is large is carried compressed; what is small, and what is very large, comes back too', async () => {
  for (const chars of [10, 5_000, 1_000_000]) {
    const entry = entryOf({ text: 'spring '.repeat(chars / 7) })
    const bytes = (await codec.encode(KEY, entry))!
    expect(bytes.length).toBeLessThan(500)
    expect(await codec.decode(KEY, bytes, 7)).toEqual(entry)
  }
})

test('it is born here with the tick of the question, and with the version that it was written with', async () => {
  const bytes = (await codec.encode(KEY, entryOf(1)))!
  expect((await codec.decode(KEY, bytes, 9))?.born).toEqual({ atMs: clock(), tick: 9, version: 42 })
})

test('instants are those of the fleet, whatever each process counts from', async () => {
  const other = createEntryCodec({
    compressBytesMin: 4_096,
    clock: () => clock() - 500_000,
    fleetTime: { toFleetMs: ms => ms + 500_000, fromFleetMs: ms => ms - 500_000 },
  })
  const bytes = (await codec.encode(KEY, entryOf(1)))!
  expect(await other.decode(KEY, bytes, 7)).toMatchObject({
    born: { atMs: clock() - 500_000 },
    freshUntilMs: clock() - 499_000,
    staleUntilMs: clock() - 490_000,
    stretchedUntilMs: clock() - 400_000,
  })
})

test('what comes from the future is of now, and lives as long as it would have', async () => {
  const bornMs = clock() + 300
  const entry = entryOf(1, {
    born: { atMs: bornMs, tick: 7, version: 42 },
    freshUntilMs: bornMs + 1_000,
    staleUntilMs: bornMs + 10_000,
    stretchedUntilMs: bornMs + 100_000,
  })
  expect(await codec.decode(KEY, (await codec.encode(KEY, entry))!, 7)).toEqual(entryOf(1))
})

test.each([
  ['of before the clock went back', { atMs: 1_001 }, 1_000, 10_000, 10_000],
  ['fresh absurdly far ahead', { atMs: 0 }, 400 * 24 * HOUR_MS, 400 * 24 * HOUR_MS, 400 * 24 * HOUR_MS],
  ['fresh before it is born', { atMs: 0 }, -1, 10, 10],
  ['gone before it is stale', { atMs: 0 }, 10, 9, 11],
  ['stretched to before it is gone', { atMs: 0 }, 10, 20, 19],
  ['stretched for ever', { atMs: 0 }, 10, 20, Number.POSITIVE_INFINITY],
  ['of no time', { atMs: Number.NaN }, 0, 0, 0],
  ['for ever', { atMs: 0 }, 0, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY],
])('what says that it is %s is a miss', async (_, { atMs }, freshMs, staleMs, stretchedMs) => {
  const bornMs = clock() + atMs
  const entry = entryOf(1, {
    born: { atMs: bornMs, tick: 7, version: 1 },
    freshUntilMs: bornMs + freshMs,
    staleUntilMs: bornMs + staleMs,
    stretchedUntilMs: bornMs + stretchedMs,
  })
  expect(await codec.decode(KEY, (await codec.encode(KEY, entry))!, 7)).toBeUndefined()
})

test('what no JSON carries is not encoded', async () => {
  const circle: { self?: unknown } = {}
  circle.self = circle
  for (const value of [1n, circle]) expect(await codec.encode(KEY, entryOf(value))).toBeUndefined()
})

test.each([
  ['no list', '{}'],
  ['no key', '[]'],
  ['no tags', JSON.stringify([KEY])],
  ['tags that are no texts', JSON.stringify([KEY, [1], 1])],
  ['no JSON', '['],
])('a body that is whole, and holds %s, is a miss', async (_, body) => {
  const whole = (await codec.encode(KEY, entryOf(1)))!
  const bytes = sealed(Buffer.concat([whole.subarray(0, 64), Buffer.from(body)]))
  expect(await codec.decode(KEY, bytes, 7)).toBeUndefined()
})

test('another version, flags of tomorrow, and what swells beyond what it says, are misses', async () => {
  const whole = (await codec.encode(KEY, entryOf('x'.repeat(5_000))))!
  expect(await codec.decode(KEY, sealed(Buffer.from(whole)), 7)).toBeDefined()
  const newer = Buffer.from(whole)
  newer[3]! += 1
  const flagged = Buffer.from(whole)
  flagged[4] = 2
  const bomb = Buffer.concat([
    whole.subarray(0, 64),
    zstdCompressSync(JSON.stringify([KEY, [], 'x'.repeat(10_000)])),
  ])
  for (const bytes of [newer, flagged, bomb])
    expect(await codec.decode(KEY, sealed(bytes), 7)).toBeUndefined()
})
