import { getIntrospectionQuery, parse } from 'graphql'
import { describe, expect, test } from 'vitest'
import {
  createTextForms,
  normalHashOf,
  sha256,
  type TextForm,
} from '../../../gateway/operations/text-form.ts'

const formOf = (text: string): TextForm => createTextForms(2_000)(text, sha256(text))
const hash = (text: string): string => normalHashOf(parse(text))

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

test('each text is read once while it is among the last ones asked for', () => {
  const forms = createTextForms(100, 2)
  const ask = (text: string): TextForm => forms(text, sha256(text))
  const [a, b] = [ask('{ a }'), ask('{ b }')]
  expect(ask('{ a }')).toBe(a)
  ask('{ c }')
  expect(ask('{ a }')).toBe(a)
  expect(ask('{ b }')).not.toBe(b)
})
