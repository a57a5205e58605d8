import { parse } from 'graphql'
import { expect, test } from 'vitest'
import { compileWholeness } from '../../../../gateway/cache/fetches/wholeness.ts'

const rootOf = (text: string) => compileWholeness(parse(text)).ofRoot

test.each<[string, string, unknown, boolean]>([
  ['every key', '{ a b: c }', { a: 1, b: null }, true],
  ['one is missing', '{ a b: c }', { a: 1, c: 2 }, false],
  ['one is undefined', '{ a }', { a: undefined }, false],
  ['one that every object inherits', '{ toString }', {}, false],
  ['further down', '{ a { b { c } } }', { a: { b: {} } }, false],
  ['nothing below null', '{ a { b } }', { a: null }, true],
  ['items of lists of lists', '{ a { b } }', { a: [[{ b: 1 }, null], []] }, true],
  ['an item that lacks one', '{ a { b } }', { a: [[{ b: 1 }, {}]] }, false],
  ['a scalar where an object was asked for', '{ a { b } }', { a: 1 }, false],
  ['a scalar of any form', '{ a }', { a: { anything: [1] } }, true],
  [
    'what may be skipped',
    'query ($x: Boolean!) { a @skip(if: $x) b { c @include(if: $x) } }',
    { b: {} },
    true,
  ],
  ['a fragment on its type', '{ a { __typename ... on T { b } } }', { a: { __typename: 'T' } }, false],
  ["a fragment on another's type", '{ a { __typename ... on T { b } } }', { a: { __typename: 'U' } }, true],
  ['a fragment on who knows what', '{ a { ... on T { b } } }', { a: {} }, true],
  ['a named fragment', '{ a { __typename ...F } } fragment F on T { b }', { a: { __typename: 'T' } }, false],
])('%s', (_what, text, data, isWhole) => {
  expect(rootOf(text)(data)).toBe(isWhole)
})

test('entities say their type by their representation, unless they say it themselves', () => {
  const isWhole = compileWholeness(
    parse('query ($r: [_Any!]!) { a: _entities(representations: $r) { ... on T { b } } }'),
  ).ofKey('a')
  expect(isWhole({ b: 1 }, 'T')).toBe(true)
  expect(isWhole({}, 'T')).toBe(false)
  expect(isWhole({ __typename: 'U' }, 'T')).toBe(true)
  expect(isWhole(null, 'T')).toBe(true)
})
