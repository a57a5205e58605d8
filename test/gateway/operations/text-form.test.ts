import { getIntrospectionQuery, parse } from 'graphql'
import { describe, expect, test } from 'vitest'
import {
  createTextForms,
  normalHashOf,
  sha256,
  type TextForm,
} from '../../../gateway/operations/text-form.ts'

const formOf = (text: string): TextForm => createTextForms(2_000)(text, sha256(text))
const hash = (text: string): string => normalHashOf(parse(text, { noLocation: true }))

describe('the normal hash', () => {
  test.each([
    ['blanks, commas and comments', '{ a(b: 1, c: [1, 2]) }', '# x\n{a(b:1 c:[1 2]),}'],
    [
      'the order of definitions',
      'query Q { ...A ...B } fragment A on T { a } fragment B on T { b }',
      'fragment B on T { b } fragment A on T { a } query Q { ...A ...B }',
    ],
    ['the long form of a query', '{ a }', 'query { a }'],
  ])('is the same for texts that differ in %s', (_, one, other) => {
    expect(hash(other)).toBe(hash(one))
  })

  test.each([
    ['a field more', '{ a }', '{ a b }'],
    ['the order of fields', '{ a b }', '{ b a }'],
    ['an alias', '{ a }', '{ x: a }'],
    ['a name', 'query A { a }', 'query B { a }'],
    ['a literal', '{ a(b: 1) }', '{ a(b: 2) }'],
    ['a kind', 'query A { a }', 'mutation A { a }'],
    ['a default', 'query ($a: Int = 1) { a(b: $a) }', 'query ($a: Int = 2) { a(b: $a) }'],
    ['a directive', '{ a }', '{ a @include(if: true) }'],
    ['the order of arguments', '{ a(b: 1, c: 2) }', '{ a(c: 2, b: 1) }'],
    ['the form of a number', '{ a(b: 1.0) }', '{ a(b: 1.00) }'],
    ['blanks in a string', '{ a(b: "x y") }', '{ a(b: "x  y") }'],
    ['a line of a block string', '{ a(b: """x\n  y""") }', '{ a(b: """x\n  y\n   z""") }'],
    ['blanks within a block string', '{ a(b: """\nx\n  y\n""") }', '{ a(b: """\nx\n   y\n""") }'],
    ['blanks at the end of its lines', '{ a(b: """\nx \ny\n""") }', '{ a(b: """\nx\ny\n""") }'],
  ])('is another one for texts that differ in %s', (_, one, other) => {
    expect(hash(other)).not.toBe(hash(one))
  })
})

describe('introspection', () => {
  test.each([
    ['the query of every tool', getIntrospectionQuery(), true],
    ['the type name of the root', '{ __typename }', true],
    ['several operations of it', 'query A { __typename } query B { __schema { queryType { name } } }', true],
    [
      'a circle of fragments',
      '{ ...A } fragment A on Query { __typename ...B } fragment B on Query { ...A }',
      true,
    ],
    ['an inline fragment', '{ ... on Query { ... @include(if: true) { __typename } } }', true],
    ['a field beside it', '{ __typename a }', false],
    ['a field in a fragment', '{ __typename ...A } fragment A on Query { a }', false],
    ['a field in an inline fragment', '{ __typename ... { a } }', false],
    ['a field under its name', '{ __typename: a }', false],
    ['another operation', 'query A { __typename } query B { a }', false],
    ['a mutation', 'mutation { __typename }', false],
    ['a subscription', 'subscription { __typename }', false],
    ['a fragment that is not there', '{ ...A }', false],
    ['fragments alone', 'fragment A on Query { __typename }', false],
    ['a type beside it', '{ __typename } type A { a: Int }', false],
    ['what does not parse', '{ __typename', false],
  ])('%s: %#', (_, text, is) => {
    expect(formOf(text).isIntrospection).toBe(is)
  })
})

test('a text of too many tokens has no form', () => {
  expect(createTextForms(3)('{ a }', sha256('{ a }')).normalHash).toBeDefined()
  expect(createTextForms(3)('{ a b }', sha256('{ a b }')).normalHash).toBeUndefined()
})

test('a text is read by the tree, not as it prints: lines under many braces have the form that they have under none', () => {
  const lines = `a(b: """${'\nx'.repeat(10_000)}""")`
  const nested = `${'{a'.repeat(600)} { ${lines} } ${'}'.repeat(600)}`
  const { normalHash } = formOf(nested)
  expect(normalHash).toBeDefined()
  expect(normalHash).toBe(hash(`# a comment\n${nested}`))
})

test('a text of more characters than any operation needs is not read', () => {
  const of = (chars: number): TextForm => formOf(`{ a } #${'x'.repeat(chars - 7)}`)
  expect(of(32 * 1024).normalHash).toBe(hash('{ a }'))
  expect(of(32 * 1024 + 1).normalHash).toBeUndefined()
})

test('each text is read once while it is among the last ones asked for', () => {
  const forms = createTextForms(100, 2)
  const ask = (text: string): TextForm => forms(text, sha256(text))
  const [a, b] = [ask('{ a }'), ask('{ b }')]
  expect(ask('{ a }')).toBe(a)
  ask('{ c }')
  expect(ask('{ a }')).toBe(a)
  expect(ask('{ b }')).not.toBe(b)
})
