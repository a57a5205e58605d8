import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { canonicalJson } from '../../../gateway/cache/canonical.ts'

/** The same value, with the members of every object in another order. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([name, member]) => [name, reversed(member)]),
  )
}

function nested(depth: number): unknown {
  let value: unknown = 1
  for (let i = 0; i < depth; i++) value = i % 2 === 0 ? [value] : { a: value }
  return value
}

describe('canonicalJson', () => {
  test('keys ascend at every depth', () => {
    expect(canonicalJson({ b: [{ d: 1, c: 'ü"' }], a: null, 10: true, 9: 1.5 })).toBe(
      '{"10":true,"9":1.5,"a":null,"b":[{"c":"ü\\"","d":1}]}',
    )
  })

  test('what JSON leaves out is left out; null stays', () => {
    expect(canonicalJson({ a: undefined, b: null, c: [undefined] })).toBe('{"b":null,"c":[null]}')
    expect(canonicalJson(undefined)).toBe('null')
    expect(canonicalJson({})).toBe('{}')
  })

  test('a member named __proto__ counts', () => {
    const given: unknown = JSON.parse('{"__proto__": 1, "a": 2}')
    expect(canonicalJson(given)).toBe('{"__proto__":1,"a":2}')
  })

  test('of any JSON value it is JSON of the same value, whatever the order of members', () => {
    fc.assert(
      fc.property(fc.jsonValue(), value => {
        const text = canonicalJson(value)!
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)))
        expect(canonicalJson(reversed(value))).toBe(text)
      }),
      { seed: 5, numRuns: 500 },
    )
  })

  test('values that differ have texts that differ', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (one, other) => {
        const written = [one, other].map(value => JSON.parse(JSON.stringify(value)))
        const alike = isDeepStrictEqual(written[0], written[1])
        expect(canonicalJson(one) === canonicalJson(other)).toBe(alike)
      }),
      { seed: 5, numRuns: 500 },
    )
  })

  test('what writes itself has none: two dates must not look alike', () => {
    expect(canonicalJson({ at: new Date(0) })).toBeUndefined()
    expect(canonicalJson({ a: [1n] })).toBeUndefined()
    expect(canonicalJson({ toJSON: 'a name like any other' })).toBe('{"toJSON":"a name like any other"}')
  })

  test('what nests too deep has none: 64 levels do, 65 do not, and 100,000 do not end the process', () => {
    expect(canonicalJson(nested(64))).toBeDefined()
    expect(canonicalJson(nested(65))).toBeUndefined()
    expect(canonicalJson(nested(100_000))).toBeUndefined()
  })
})
