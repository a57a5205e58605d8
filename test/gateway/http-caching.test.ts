import { describe, expect, test } from 'vitest'
import { cachingOf, isMatched, varyWithAccept } from '../../gateway/http-caching.ts'
import { JsonText, type Validity } from '../../gateway/request.ts'

const json = new JsonText('{"a":1}')
const validity = (ageMs: number, freshMs: number, staleMs: number): Validity => ({ ageMs, freshMs, staleMs })

describe('what caches are told', () => {
  test.each<[string, Validity, string, string]>([
    ['whole seconds', validity(0, 60_000, 120_000), 'public, max-age=60, stale-while-revalidate=120', '0'],
    [
      'fractions, rounded down',
      validity(1_999, 2_999, 1_999),
      'public, max-age=2, stale-while-revalidate=1',
      '1',
    ],
    [
      'what differences of instants leave of whole seconds',
      validity(4_999.9999, 59_999.9999, 120_000.0001),
      'public, max-age=60, stale-while-revalidate=120',
      '5',
    ],
    ['no time of being stale', validity(5_000, 60_000, 999), 'public, max-age=60', '5'],
    [
      'the truth of what is stale',
      validity(90_000, 60_000, 60_000),
      'public, max-age=60, stale-while-revalidate=60',
      '90',
    ],
    ['no age before its birth', validity(-5, 1_000, 0), 'public, max-age=1', '0'],
  ])('%s', (_, holds, cacheControl, age) => {
    expect(cachingOf({ json, validity: holds })).toEqual({
      etag: json.etag,
      headers: { 'cache-control': cacheControl, age, etag: json.etag },
    })
  })

  test.each([
    ['an answer that is one client’s', { json }],
    ['one that is fresh for less than a second', { json, validity: validity(0, 999, 60_000) }],
    ['one with errors', { json, validity: validity(0, 60_000, 0), errors: [] }],
    ['one with extensions', { json, validity: validity(0, 60_000, 0), extensions: {} }],
    ['one without text', { data: {}, validity: validity(0, 60_000, 0) }],
  ])('nothing of %s', (_, outcome) => expect(cachingOf(outcome)).toBeUndefined())
})

describe('an entity tag', () => {
  test('is of the data: equal texts have equal ones, others others', () => {
    expect(new JsonText('{"a":1}').etag).toBe(json.etag)
    expect(new JsonText('{"a":2}').etag).not.toBe(json.etag)
    expect(json.etag).toMatch(/^W\/"[\w-]{22}"$/)
  })

  const tag = 'W/"ab-c"'
  test.each([
    [undefined, false],
    ['', false],
    ['"ab-c"', true],
    ['W/"ab-c"', true],
    ['  W/"ab-c"  ', true],
    ['*', true],
    [' * ', true],
    ['"x", W/"ab-c"', true],
    ['"x","y","ab-c"', true],
    ['"x", "y,", W/"ab-c", "z"', true],
    [', ,"ab-c"', true],
    ['"AB-C"', false],
    ['ab-c', false],
    ['w/"ab-c"', false],
    ['"ab-c', false],
    ['"xab-c"', false],
    ['"x", *', false],
    ['"a", "b"', false],
  ])('if-none-match: %s is %s', (header, isNamed) => expect(isMatched(header, tag)).toBe(isNamed))

  test('a list of 16 KiB of anything is read through at once', () => {
    for (const part of ['"', ',', ' ', 'W/', '"a",', 'W/"', '""', 'x'])
      expect(isMatched(`${part.repeat(16_384 / part.length)}"ab-c"x`, tag)).toBe(false)
  })
})

test('the media type matters beside what mattered already', () => {
  expect(varyWithAccept(undefined)).toBe('Accept')
  expect(varyWithAccept('Accept-Encoding, Origin')).toBe('Accept, Accept-Encoding, Origin')
})
