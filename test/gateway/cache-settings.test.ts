import { expect, test } from 'vitest'
import { cacheSettingsOf, DEFAULT_CACHE } from '../../gateway/cache-settings.ts'

test('what is not given is as by default', () => {
  expect(cacheSettingsOf({})).toEqual(DEFAULT_CACHE)
  expect(cacheSettingsOf({ entriesMax: 10, bytesMax: undefined })).toEqual({
    ...DEFAULT_CACHE,
    entriesMax: 10,
  })
})

test.each([
  [{ entriesMax: 0 }, 'cache.entriesMax: expected a positive integer, got 0'],
  [{ compressBytesMin: 1.5 }, 'cache.compressBytesMin: expected a positive integer, got 1.5'],
  [
    { bytesMax: 1_000, entryBytesMax: 1_001 },
    'cache.entryBytesMax: expected at most cache.bytesMax (1000), got 1001',
  ],
  [
    { sharedBytesMax: 1_000, entryBytesMax: 1_001 },
    'cache.entryBytesMax: expected at most cache.sharedBytesMax (1000), got 1001',
  ],
])('%o is refused', (given, message) => {
  expect(() => cacheSettingsOf(given)).toThrow(new RangeError(message))
})
