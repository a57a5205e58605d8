import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Entry } from '../../../../gateway/cache/entry.ts'
import { createEntryCodec, type EntryCodec } from '../../../../gateway/cache/stores/entry-codec.ts'

const NOW = 5_000_000
const codecOf = (compressBytesMin: number): EntryCodec =>
  createEntryCodec({
    compressBytesMin,
    clock: () => NOW,
    fleetTime: { toFleetMs: ms => ms + 1.7e12, fromFleetMs: ms => ms - 1.7e12 },
  })
const CODECS = [codecOf(1), codecOf(Number.POSITIVE_INFINITY)]

const text = fc.oneof(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'binary' }))
const entry: fc.Arbitrary<Entry> = fc
  .record({
    value: fc.oneof(fc.jsonValue({ maxDepth: 4 }), text, fc.constant({ ['__proto__']: 1 })),
    tags: fc.array(text, { maxLength: 5 }),
    version: fc.nat(),
    ageMs: fc.integer({ min: 0, max: 1_000_000 }),
    freshMs: fc.integer({ min: 0, max: 1_000_000 }),
    staleMs: fc.integer({ min: 0, max: 1_000_000 }),
    stretchMs: fc.integer({ min: 0, max: 1_000_000 }),
    bytes: fc.nat(),
  })
  .map(({ value, tags, version, ageMs, freshMs, staleMs, stretchMs, bytes }) => ({
    // As JSON has it, without the negative zero.
    value: JSON.parse(JSON.stringify(value)),
    tags,
    bytes,
    born: { atMs: NOW - ageMs, tick: 3, version },
    freshUntilMs: NOW - ageMs + freshMs,
    staleUntilMs: NOW - ageMs + freshMs + staleMs,
    stretchedUntilMs: NOW - ageMs + freshMs + staleMs + stretchMs,
  }))

test('what is encoded is decoded as it was, under its key and no other, however it is carried', async () => {
  await fc.assert(
    fc.asyncProperty(entry, text, text, fc.constantFrom(...CODECS), async (given, key, other, codec) => {
      const bytes = (await codec.encode(key, given))!
      expect(await codec.decode(key, bytes, 3)).toEqual(given)
      if (other !== key) expect(await codec.decode(other, bytes, 3)).toBeUndefined()
    }),
    { seed: 5, numRuns: 500 },
  )
})

test('any byte that is changed, and any that is missing, makes it a miss', async () => {
  await fc.assert(
    fc.asyncProperty(
      entry,
      fc.constantFrom(...CODECS),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      async (given, codec, place, flip) => {
        const bytes = (await codec.encode('key', given))!
        const at = place % bytes.length
        const changed = Buffer.from(bytes)
        changed[at]! ^= flip
        expect(await codec.decode('key', changed, 3)).toBeUndefined()
        expect(await codec.decode('key', bytes.subarray(0, at), 3)).toBeUndefined()
        expect(await codec.decode('key', Buffer.concat([bytes, Buffer.of(flip)]), 3)).toBeUndefined()
      },
    ),
    { seed: 5, numRuns: 2_000 },
  )
})

test('bytes of anybody are a miss', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async bytes => {
      for (const codec of CODECS) expect(await codec.decode('key', Buffer.from(bytes), 3)).toBeUndefined()
    }),
    { seed: 5 },
  )
})
