import { describe, expect, it } from 'vitest'
import { compileActual } from '../../../gateway/cost/actual.ts'
import { asked, library } from './library.ts'

function points(
  text: string,
  data: Record<string, unknown> | null,
  given: Record<string, unknown> = {},
): number {
  const { operation, fragments, variables } = asked(text, given)
  return compileActual(library, operation, fragments)(data, variables)
}

describe('an answer has cost', () => {
  it.each<[name: string, text: string, data: Record<string, unknown> | null, arithmetic: number]>([
    ['nothing without data', '{ book { id } }', null, 0],
    ['one for each object', '{ book { author { name } } }', { book: { author: { name: 'a' } } }, 1 + 1],
    ['nothing for what is null', '{ book { author { name } } }', { book: { author: null } }, 1],
    ['nothing for what is missing', '{ book { id } vault { id } }', { book: { id: 1 } }, 1],
    ['the weight of a field', '{ dear cheapVault { id } }', { dear: 1, cheapVault: { id: 1 } }, 5 + 3],
    [
      'the weight of a field that found nothing',
      '{ dear cheapVault { id } }',
      { dear: null, cheapVault: null },
      5 + 3,
    ],
    ["the weight of the object's type", '{ vault { id } }', { vault: { id: 1 } }, 40],
    ['the weight of scalars and enums', '{ opensAt mood }', { opensAt: 1, mood: 'CALM' }, 30 + 15],
    [
      'as much as its lists have items',
      '{ books { author { id } } }',
      { books: [{ author: { id: 1 } }, { author: null }] },
      2 + 1,
    ],
    ['nothing for empty and missing lists', '{ books { id } recent { id } }', { books: [], recent: null }, 0],
    [
      'lists in lists by their items',
      '{ shelves { id } }',
      { shelves: [[{ id: 1 }, { id: 2 }], [], [{ id: 3 }]] },
      3,
    ],
    [
      'what objects turned out to be',
      '{ hits { __typename ... on Book { author { id } } ... on Vault { id } } }',
      {
        hits: [
          { __typename: 'Book', author: { id: 1 } },
          { __typename: 'Vault', id: 1 },
        ],
      },
      1 + 1 + 40,
    ],
    [
      'an object of an abstract type that does not say what it is, one',
      '{ hits { ... on Vault { books(first: 1) { id } } } }',
      { hits: [{ books: [{ id: 1 }] }] },
      1,
    ],
    [
      'a field that is selected twice, once',
      '{ book { id author { id } } ...B } fragment B on Query { book { author { name } } }',
      { book: { id: 1, author: { id: 1, name: 'a' } } },
      1 + 1,
    ],
    [
      'a field of an interface what it weighs there',
      '{ node { __typename label } }',
      { node: { __typename: 'Book', label: 'a' } },
      1,
    ],
    [
      'a field that is selected of an interface and of its own type, once and what it weighs at most',
      '{ a: node { __typename label ... on Book { label } } b: node { __typename ... on Book { label } label } }',
      { a: { __typename: 'Book', label: 'a' }, b: { __typename: 'Book', label: 'a' } },
      1 + 4 + 1 + 4,
    ],
    ['every alias', '{ a: book { id } b: book { id } }', { a: { id: 1 }, b: { id: 1 } }, 1 + 1],
    [
      'its arguments, whatever came of them',
      '{ priced(arg: 1, list: [1, 2]) }',
      { priced: null },
      10 + 2 + 2 * 2,
    ],
    [
      'arguments as often as the field was asked for',
      '{ recent { __typename } vault { books(first: 9) { id } } search(input: {page: {first: 9}}) { id } }',
      { recent: [{}, {}], vault: { books: [{}] }, search: [{}, {}] },
      2 + 40 + 1 + (1 + 1 + 2),
    ],
    [
      'nothing beside its fields for changing something',
      'mutation { lend(input: {book: 1}) { id } }',
      { lend: { id: 1 } },
      6 + 1,
    ],
    [
      'nothing for introspection',
      '{ __schema { types { name } } __typename }',
      { __schema: { types: [{ name: 'A' }] }, __typename: 'Query' },
      0,
    ],
  ])('%s', (_, text, data, arithmetic) => {
    expect(points(text, data)).toBe(arithmetic)
  })

  it('what was asked for, even if the data has more', () => {
    const text =
      'query ($on: Boolean!) { book { id } vault @include(if: $on) { id } ... @skip(if: $on) { dear } }'
    const data = { book: { id: 1, author: { id: 1 } }, vault: { id: 1 }, dear: 1 }
    expect(points(text, data, { on: true })).toBe(1 + 40)
    expect(points(text, data, { on: false })).toBe(1 + 5)
  })

  it.each<[unknown]>([[7], ['text'], [true], [[1, 2]], [[[{}]]]])(
    'nothing for %o where an object belongs',
    odd => {
      expect(points('{ book { id } vault { id } }', { book: odd, vault: { id: 1 } })).toBe(40)
    },
  )

  it('nothing for what is no list where one belongs', () => {
    expect(points('{ books { id } recent { id } }', { books: { id: 1 }, recent: 7 })).toBe(0)
  })

  it('nothing for what objects inherit', () => {
    const text = '{ toString: dear constructor: books { id } }'
    expect(points(text, {})).toBe(0)
    expect(points(text, { toString: 1, constructor: [{ id: 1 }] })).toBe(5 + 1)
  })

  it('as much of the data that the gateway has under keys of its own', () => {
    const { operation, fragments, variables } = asked('{ a: books { author { id } } dear }')
    const actual = compileActual(library, operation, fragments, { keyOf: (key, name) => `_${name}_${key}` })
    expect(actual({ _books_a: [{ _author_author: {} }], _dear_dear: 1 }, variables)).toBe(1 + 1 + 5)
  })

  it('refuses what grows beyond all bounds once fragments are expanded', () => {
    const levels = Array.from(
      { length: 40 },
      (_, i) => `fragment F${i} on Query { ...F${i + 1} ...F${i + 1} }`,
    )
    const { operation, fragments } = asked(`{ ...F0 } ${levels.join(' ')} fragment F40 on Query { name }`)
    expect(() => compileActual(library, operation, fragments)).toThrow(
      expect.objectContaining({ code: 'OPERATION_TOO_LARGE' }),
    )
  })
})
