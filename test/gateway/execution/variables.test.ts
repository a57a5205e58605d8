import { parse } from 'graphql'
import { expect, test } from 'vitest'
import { compileOperation } from '../../../gateway/execution/operation.ts'
import { loadSupergraph } from '../../../gateway/supergraph/supergraph.ts'
import { compose } from './world.ts'

const supergraph = loadSupergraph(
  compose({
    a: {
      sdl: `
        type Query { f(n: Int, s: String, e: E, in: In, l: [Int!], any: Any, one: One): Int }
        enum E { A  B @inaccessible }
        input In { s: String = "given"  n: Int!  in: In }
        input One @oneOf { a: Int  b: Int }
        scalar Any`,
    },
  }),
)
const coerce = (head: string, raw: unknown): unknown =>
  compileOperation(supergraph, parse(`query (${head}) { f }`)).coerceVariables(raw as Record<string, unknown>)
const refusal = (message: string | RegExp): unknown =>
  expect.objectContaining({ code: 'BAD_INPUT', message: expect.stringMatching(message) })

test.each([
  { head: '$n: Int = 4', raw: {}, values: { n: 4 } },
  { head: '$n: Int = 4', raw: { n: null }, values: { n: null } },
  { head: '$n: Int', raw: undefined, values: {} },
  { head: '$n: Int', raw: { n: 1, unknown: 2 }, values: { n: 1 } },
  {
    head: '$in: In',
    raw: { in: { n: 1, in: { n: 2, s: null } } },
    values: { in: { s: 'given', n: 1, in: { s: null, n: 2 } } },
  },
  { head: '$l: [Int!]', raw: { l: 3 }, values: { l: [3] } },
  { head: '$any: Any', raw: { any: { deep: [1, 'x'] } }, values: { any: { deep: [1, 'x'] } } },
  { head: '$one: One', raw: { one: { b: 1 } }, values: { one: { b: 1 } } },
])('$head given $raw', ({ head, raw, values }) => {
  expect(JSON.parse(JSON.stringify(coerce(head, raw)))).toEqual(values)
})

test.each([
  { head: '$n: Int!', raw: {}, message: 'Variable "\\$n" of required type "Int!" was not provided' },
  { head: '$n: Int', raw: { n: 1.5 }, message: 'Variable "\\$n" got invalid value 1.5' },
  { head: '$e: E', raw: { e: 'B' }, message: 'Value "B" does not exist in "E" enum' },
  { head: '$in: In', raw: { in: { n: 1, x: 2 } }, message: 'Field "x" is not defined by type "In"' },
  { head: '$one: One', raw: { one: { a: 1, b: 2 } }, message: 'Exactly one key must be specified' },
  { head: '$n: Int', raw: [], message: 'Expected variables to be an object, got a list' },
  { head: '$n: Int', raw: 'n', message: 'Expected variables to be an object, got string' },
  { head: '$s: String', raw: { s: 'a\0b' }, message: 'without NUL in \\$s' },
  { head: '$s: String', raw: { s: 'a\ud800' }, message: 'half of a surrogate pair' },
  { head: '$in: In', raw: { in: { n: 1, in: { n: 1, s: '\0' } } }, message: 'in \\$in\\.in\\.s' },
  { head: '$any: Any', raw: { any: [{ 'k\0': 1 }] }, message: 'a key of \\$any\\[0\\]' },
])('$head refuses $raw', ({ head, raw, message }) => {
  expect(() => coerce(head, raw)).toThrow(refusal(message) as Error)
})

test('many problems are reported up to a bound', () => {
  let reported: unknown
  try {
    coerce('$l: [Int!]', { l: Array.from({ length: 1000 }, () => 'x') })
  } catch (error) {
    reported = (error as { extensions: { problems: string[] } }).extensions.problems
  }
  expect(reported).toHaveLength(5)
})

test('values nested without end are refused, not walked', () => {
  let deep: unknown = 1
  for (let i = 0; i < 100_000; i++) deep = [deep]
  expect(() => coerce('$any: Any', { any: deep })).toThrow(refusal('at most 64 levels') as Error)
})

test.each([
  ['{ f(s: "a\\u0000") }', 'argument "s"'],
  ['{ f(in: {n: 1, in: {n: 2, s: "\\u0000"}}) }', 'argument "in"'],
  ['query ($s: String = "\\u0000") { f(s: $s) }', 'the default of "\\$s"'],
  ['{ ...F } fragment F on Query { f(s: "\\u0000") }', 'argument "s"'],
])('NUL in a literal: %s', (text, place) => {
  expect(() => compileOperation(supergraph, parse(text))).toThrow(refusal(place) as Error)
})

test('half of a surrogate pair in a literal does not parse', () => {
  expect(() => parse('{ f(s: "\\uD83D") }')).toThrow('Invalid Unicode escape sequence')
  expect(() => parse('{ f(s: "\ud83d") }')).toThrow('Invalid character')
})

test('a condition variable that is null is refused', async () => {
  const operation = compileOperation(supergraph, parse('query ($c: Boolean = true) { f @include(if: $c) }'))
  await expect(operation.plan(operation.coerceVariables({ c: null }))).rejects.toMatchObject({
    code: 'BAD_INPUT',
  })
})
