import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { responseKind, responseSlot } from '../../../../gateway/cache/responses/response-slot.ts'

const kind = responseKind('Product', ['id', 'hash'])
const keyOf = (variables: object, headers?: unknown): string | undefined =>
  responseSlot(kind, variables as Record<string, unknown>, headers)?.key

const variables = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 4 })
const headers = fc.option(
  fc.array(fc.option(fc.dictionary(fc.string(), fc.string(), { maxKeys: 2 })), { maxLength: 3 }),
  { nil: undefined },
)

describe('a key', () => {
  test('begins with what metrics go by', () => {
    expect(keyOf({ id: '1' })).toMatch(/^Product response:[\w-]{43} \{"id":"1"\}$/)
  })

  test('is of the operation and what it is compiled for', () => {
    const prefixes = [
      ['Product', ['id', 'hash']],
      ['Product', ['other', 'hash']],
      ['Product', ['id', 'other']],
      ['Product', ['id', 'hash', ['label']]],
      ['Other', ['id', 'hash']],
    ] as const
    expect(new Set(prefixes.map(([name, parts]) => responseKind(name, parts).prefix)).size).toBe(5)
    expect(responseKind('Product', ['id', 'hash']).prefix).toBe(kind.prefix)
  })

  test('is the same for the same variables and headers, and for nothing else', () => {
    fc.assert(
      fc.property(variables, headers, variables, headers, (some, with1, others, with2) => {
        const asSent = (given: unknown): unknown =>
          given === undefined ? undefined : JSON.parse(JSON.stringify(given))
        const alike = isDeepStrictEqual([some, with1].map(asSent), [others, with2].map(asSent))
        expect(keyOf(some, with1) === keyOf(others, with2)).toBe(alike)
      }),
      { seed: 5, numRuns: 500 },
    )
  })

  test('shows nothing of headers', () => {
    expect(keyOf({ id: '1' }, [{ authorization: 'Bearer secret' }])).toMatch(
      /^Product response:[\w-]{43} #[\w-]{43}$/,
    )
  })

  test('is short for long variables, and still theirs', () => {
    const long = (end: string): string => keyOf({ text: 'x'.repeat(10_000) + end })!
    expect(long('a').length).toBeLessThan(128)
    expect(long('a')).toBe(long('a'))
    expect(long('a')).not.toBe(long('b'))
  })

  test('there is none for variables beyond 16,384 characters, or that nest beyond a key', () => {
    const text = (chars: number): object => ({ a: 'x'.repeat(chars - '{"a":""}'.length) })
    expect(keyOf(text(16_384))).toBeDefined()
    expect(keyOf(text(16_385))).toBeUndefined()
    let deep: unknown = 1
    for (let i = 0; i < 100; i++) deep = [deep]
    expect(keyOf({ deep })).toBeUndefined()
  })
})
