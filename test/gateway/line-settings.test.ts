import { expect, test } from 'vitest'
import { lineTermsOf, shownTerms } from '../../gateway/line-settings.ts'
import { BRAKED_RETRY_MS_MIN, DEFAULT_LINE_TERMS } from '../../gateway/surge/lines.ts'

const DAY_MS = 86_400_000

test('what is not given is as by default, and only what may be given is changed', () => {
  expect(lineTermsOf({})).toEqual(DEFAULT_LINE_TERMS)
  const given = { horizonMs: 1_800_000, graceMs: undefined, placesMax: 3_000_000 }
  expect(lineTermsOf(given)).toEqual({ ...DEFAULT_LINE_TERMS, horizonMs: 1_800_000, placesMax: 3_000_000 })
  expect(shownTerms(lineTermsOf(given))).toEqual({
    horizonMs: 1_800_000,
    graceMs: 120_000,
    placesMax: 3_000_000,
  })
})

test('the least and the most of each are taken', () => {
  for (const given of [
    { horizonMs: 10_000, graceMs: 65_000, placesMax: 1 },
    { horizonMs: DAY_MS, graceMs: DAY_MS, placesMax: 16_000_000 },
  ])
    expect(lineTermsOf(given)).toMatchObject(given)
})

test.each([
  // A place in the mode PLACES is 5 s ahead at least, and the next one stands behind it.
  [{ horizonMs: 9_999 }, 'lineTerms.horizonMs: expected an integer from 10000 to 86400000, got 9999'],
  [
    { horizonMs: DAY_MS + 1 },
    'lineTerms.horizonMs: expected an integer from 10000 to 86400000, got 86400001',
  ],
  // Whoever is due in a pause asks again 60 s later.
  [
    { graceMs: BRAKED_RETRY_MS_MIN },
    'lineTerms.graceMs: expected an integer from 65000 to 86400000, got 60000',
  ],
  [{ graceMs: 90_000.5 }, 'lineTerms.graceMs: expected an integer from 65000 to 86400000, got 90000.5'],
  [{ placesMax: 0 }, 'lineTerms.placesMax: expected an integer from 1 to 16000000, got 0'],
  [{ placesMax: 16_000_001 }, 'lineTerms.placesMax: expected an integer from 1 to 16000000, got 16000001'],
])('%o is refused', (given, message) => {
  expect(() => lineTermsOf(given)).toThrow(new RangeError(message))
})
