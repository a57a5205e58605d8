import { getIntrospectionQuery, parse } from 'graphql'
import { describe, expect, it } from 'vitest'
import { type CompiledEstimate, compileEstimate } from '../../../gateway/cost/estimate.ts'
import { DEFAULT_LIMITS } from '../../../gateway/limits.ts'
import { checkLimits } from '../../../gateway/operations/limits.ts'
import { asked, library } from './library.ts'
import { fragmentsIn, operationIn } from './random-cases.ts'

function compile(text: string): CompiledEstimate {
  const document = parse(text)
  return compileEstimate(library, operationIn(document), fragmentsIn(document), { listSizeDefault: 100 })
}

function points(text: string, given: Record<string, unknown> = {}): number {
  const { operation, fragments, variables } = asked(text, given)
  return compileEstimate(library, operation, fragments, { listSizeDefault: 100 }).estimate(variables).total
}

describe('an operation is estimated at', () => {
  it.each<[name: string, text: string, arithmetic: number]>([
    ['nothing for scalars and enums without a weight', '{ name }', 0],
    ['one for an object', '{ book { id title } }', 1],
    ['one for an object of an interface', '{ node { id } }', 1],
    ['one for an object of a union', '{ hit { ... on Book { id } } }', 1],
    ['nothing for __typename', '{ __typename book { __typename } }', 1],
    [
      'ten for changing something, beside its fields',
      'mutation { lend(input: {book: 1}) { id } }',
      10 + 6 + 1,
    ],
    ['the weight of a field', '{ dear }', 5],
    ['the weight of a scalar', '{ opensAt }', 30],
    ['the weight of an enum', '{ mood }', 15],
    ['the weight of an object', '{ vault { id } }', 40],
    ["a field's own weight before its type's", '{ cheapVault { id } }', 3],
    ['objects within objects', '{ book { author { name } } }', 1 + 1],
    ['a hundred for a list that says nothing', '{ books { id } }', 100 * 1],
    ['a list in a list as one list', '{ shelves { id } }', 100 * 1],
    ['lists within lists times each other', '{ books { pages { text } } }', 100 * (1 + 100 * (1 + 2))],
    ['nothing for a list of scalars that weigh nothing', '{ book { shelfmarks } }', 1],
    ['the size that a list is assumed to have', '{ recent { id } }', 8],
    ['every alias', '{ a: book { id } b: book { id } }', 1 + 1],
    ['a field that is selected twice, twice', '{ book { id } book { title } }', 1 + 1],
    [
      'every fragment of a union, whichever applies',
      '{ hits { ... on Book { author { id } } ... on Vault { books(first: 3) { id } } } }',
      2 * (1 + 1 + 3),
    ],
    [
      'a fragment where it is spread',
      '{ book { ...B } recent { ...B } } fragment B on Book { author { id } }',
      1 + 1 + 8 * (1 + 1),
    ],
    [
      'nothing for what is skipped',
      '{ a: book @skip(if: true) { id } b: book @include(if: false) { id } }',
      0,
    ],
    [
      'what is skipped by both or either',
      '{ a: book @skip(if: false) @include(if: true) { id } b: vault @skip(if: false) @include(if: false) { id } }',
      1,
    ],
    [
      'nothing for fragments that are skipped',
      '{ ... @skip(if: true) { books { id } } ...B @include(if: false) } fragment B on Query { books { id } }',
      0,
    ],
    [
      'nothing for introspection',
      '{ __schema { types { name fields { name } } } __type(name: "Book") { name } }',
      0,
    ],
  ])('%s', (_, text, arithmetic) => {
    expect(points(text)).toBe(arithmetic)
  })
})

describe('the size of a list', () => {
  it.each<[name: string, text: string, given: Record<string, unknown>, arithmetic: number]>([
    ['is what is asked for', '{ page(first: 5) { id } }', {}, 5],
    ['is that of a variable', 'query ($n: Int) { page(last: $n) { id } }', { n: 7 }, 7],
    ["is a variable's default", 'query ($n: Int = 9) { page(last: $n) { id } }', {}, 9],
    ["is the schema's default", '{ connection { edges { node { id } } } }', {}, 1 + 10 * (1 + 1)],
    [
      "is the schema's default where a variable has no value",
      'query ($n: Int) { connection(first: $n) { edges { node { id } } } }',
      {},
      1 + 10 * 2,
    ],
    ['is the largest, where several are allowed', '{ lenient(first: 2, last: 5) { id } }', {}, 5],
    ['is assumed where none is given', '{ lenient(first: null) { id } }', {}, 6],
    ['is a hundred where none is given and none assumed', '{ unsized { id } }', {}, 100],
    ['is nothing where it is nothing', '{ page(first: 0) { author { id } } }', {}, 0],
    ['is nothing where it is less', '{ page(first: -1000) { id } recent { id } }', {}, 8],
    [
      'is nothing where a variable is less',
      'query ($n: Int) { page(first: $n) { id } recent { id } }',
      { n: -1000 },
      8,
    ],
    ['is the number of items of a list', '{ byIds(ids: ["a", "b", "c"]) { id } }', {}, 3],
    [
      'is the number of items of a variable',
      'query ($ids: [ID!]!) { byIds(ids: $ids) { id } }',
      { ids: ['a', 'b'] },
      2,
    ],
    ['is none of an empty list', '{ byIds(ids: []) { id } }', {}, 0],
    ['is one of what stands for a list', '{ byIds(ids: "a") { id } }', {}, 1],
    // Both input objects cost 1.
    ['is found within input objects', '{ search(input: {page: {first: 12}}) { id } }', {}, 12 + 1 + 1],
    [
      'is found within a variable',
      'query ($in: SearchInput) { search(input: $in) { id } }',
      { in: { page: { first: 12 } } },
      12 + 1 + 1,
    ],
    [
      'is found in a variable within an input object',
      'query ($p: PageInput) { search(input: {page: $p}) { id } }',
      { p: { first: 2 } },
      2 + 1 + 1,
    ],
    ["is an input field's default", '{ search(input: {page: {}}) { id } }', {}, 3 + 1 + 1],
    ['is unknown where the way ends', '{ search(input: {text: "tea"}) { id } }', {}, 100 + 1],
    ['is handed down', '{ connection(first: 5) { edges { node { id } } } }', {}, 1 + 5 * (1 + 1)],
    [
      'is handed down along a path, to its end alone',
      '{ connection(first: 5) { groups { books { id } others { id } } } }',
      {},
      1 + 1 + 5 + 100,
    ],
    [
      'is handed down under an alias, through fragments',
      '{ connection(first: 5) { ... on Connection { e: edges { node { id } } } ...C } } fragment C on Connection { groups { books { id } } }',
      {},
      1 + 5 * 2 + 1 + 5,
    ],
    ['of what is no list is one', '{ connection(first: 5) { total } }', {}, 1],
  ])('%s', (_, text, given, arithmetic) => {
    expect(points(text, given)).toBe(arithmetic)
  })

  it.each<[string, Record<string, unknown>, number]>([
    ['{ page { id } }', {}, 0],
    ['{ page(first: 1, last: 2) { id } }', {}, 2],
    ['query ($a: Int, $b: Int) { page(first: $a, last: $b) { id } }', { a: 1, b: 2 }, 2],
    ['query ($a: Int, $b: Int) { page(first: $a, last: $b) { id } }', { b: null }, 0],
    ['{ byIds(ids: null) { id } }', {}, 0],
    // The size of a connection is asked for, whether its lists are selected or not.
    ['{ connection(first: null) { total } }', {}, 0],
  ])('refuses %s with %o for want of exactly one slicing argument', (text, given, count) => {
    expect(() => points(text, given)).toThrow(
      expect.objectContaining({
        code: 'COST_INVALID_SLICING_ARGUMENTS',
        message: expect.stringMatching(
          new RegExp(`^Expected exactly one slicing argument of Query\\.\\w+ \\(.+\\), got ${count}$`),
        ),
      }),
    )
  })

  it('refuses nobody for what is skipped', () => {
    const text = 'query ($on: Boolean!) { page @include(if: $on) { id } book { id } }'
    expect(points(text, { on: false })).toBe(1)
    expect(() => points(text, { on: true })).toThrow('Expected exactly one slicing argument')
  })
})

describe('arguments cost', () => {
  it.each<[name: string, text: string, given: Record<string, unknown>, arithmetic: number]>([
    ['their weight', '{ priced(arg: 1) }', {}, 10],
    ["their type's weight", '{ priced(mood: LOUD, at: 1) }', {}, 15 + 30],
    ['nothing where they are null or not given', '{ a: priced(arg: null) b: priced }', {}, 0],
    [
      'nothing where a variable is null or has no value',
      'query ($a: Int, $b: Int) { a: priced(arg: $a) b: priced(arg: $b) }',
      { a: null },
      0,
    ],
    ['a list and each of its items their weight', '{ priced(list: [1, 2, 3]) }', {}, 2 + 3 * 2],
    ['the same for one item that stands for a list', '{ priced(list: 1) }', {}, 2 + 2],
    ['the same in a variable', 'query ($l: [Int]) { priced(list: $l) }', { l: [1, null, 3] }, 2 + 2 * 2],
    ['one for each input object', '{ counted(inputs: [{text: "a"}, {not: {not: {}}}]) }', {}, 1 + 3],
    [
      'as much within a variable',
      'query ($i: [SearchInput!]) { counted(inputs: $i) }',
      { i: [{}, { not: { not: {} } }] },
      1 + 3,
    ],
    [
      'what is within an input object: its own weight, and its fields',
      'mutation { lend(input: {book: 1, until: 2, reader: {card: "x"}, notes: ["a"]}) { id } }',
      {},
      10 + 6 + 1 + 30 + 7 + 20,
    ],
    [
      'as much within a variable that is never null',
      'mutation ($in: LendInput!) { lend(input: $in) { id } }',
      { in: { book: 1, until: 2, reader: { card: 'x' }, notes: ['a'] } },
      10 + 6 + 1 + 30 + 7 + 20,
    ],
    [
      'once a field, not once an item of its list',
      '{ search(input: {page: {first: 50}}) { id } }',
      {},
      50 + 2,
    ],
    [
      'as often as the field above',
      '{ recent { pages { text } } vault { books(first: 2) { id } } }',
      {},
      8 * (1 + 100 * 3) + 40 + 2,
    ],
  ])('%s', (_, text, given, arithmetic) => {
    expect(points(text, given)).toBe(arithmetic)
  })
})

describe('a compiled estimate', () => {
  it('is one object where nothing depends on variables', () => {
    const estimate = compile('query ($in: LendInput) { name page(first: 3) { id } }')
    expect(estimate.estimate({})).toBe(estimate.estimate({ in: 1 }))
    expect(estimate.estimate({})).toEqual({ total: 3, roots: [0, 3] })
    expect(Object.isFrozen(estimate.estimate({}))).toBe(true)
  })

  it('tells root fields apart: aliases, fragments, introspection, what is skipped', () => {
    const { operation, fragments, variables } = asked(
      'query Q($n: Int, $on: Boolean!) { __typename a: page(first: $n) { id } ...Q book @include(if: $on) { id } } fragment Q on Query { b: dear __schema { description } }',
      { n: 4, on: false },
    )
    const estimate = compileEstimate(library, operation, fragments, { listSizeDefault: 100 })
    expect(estimate.roots.map(({ responseKey, name, typename }) => [responseKey, name, typename])).toEqual([
      ['__typename', '__typename', 'Query'],
      ['a', 'page', 'Query'],
      ['b', 'dear', 'Query'],
      ['__schema', '__schema', 'Query'],
      ['book', 'book', 'Query'],
    ])
    expect(estimate.estimate(variables)).toEqual({ total: 4 + 5, roots: [0, 4, 5, 0, 0] })
  })

  it('counts what a mutation costs beside its fields to none of them', () => {
    const estimate = compile('mutation { a: lend(input: {book: 1}) { id } b: lend(input: {book: 2}) { id } }')
    expect(estimate.estimate({})).toEqual({ total: 10 + 7 + 7, roots: [7, 7] })
  })

  it('is explained by field: each with its weight, count, arguments, and how often it is asked for', () => {
    const { operation, fragments, variables } = asked(
      'query ($n: Int) { c: connection(first: $n) { edges { node { author { name } } } } skipped: name @skip(if: true) }',
      { n: 5 },
    )
    const { explain } = compileEstimate(library, operation, fragments, { listSizeDefault: 100 })
    expect(explain(variables)).toEqual([
      {
        path: ['c'],
        coordinate: 'Query.connection',
        weight: 1,
        count: 1,
        arguments: 0,
        times: 1,
        total: 1 + 5 * 3,
      },
      {
        path: ['c', 'edges'],
        coordinate: 'Connection.edges',
        weight: 1,
        count: 5,
        arguments: 0,
        times: 1,
        total: 5 * 3,
      },
      {
        path: ['c', 'edges', 'node'],
        coordinate: 'Edge.node',
        weight: 1,
        count: 1,
        arguments: 0,
        times: 5,
        total: 2,
      },
      {
        path: ['c', 'edges', 'node', 'author'],
        coordinate: 'Book.author',
        weight: 1,
        count: 1,
        arguments: 0,
        times: 5,
        total: 1,
      },
      {
        path: ['c', 'edges', 'node', 'author', 'name'],
        coordinate: 'Author.name',
        weight: 0,
        count: 1,
        arguments: 0,
        times: 5,
        total: 0,
      },
    ])
  })

  it('stays a number that can be counted, however much is asked for', () => {
    const { operation, fragments } = asked('{ vault { books(first: 2147483647) { pages { text } } } }')
    const one = compileEstimate(library, operation, fragments, { listSizeDefault: Number.MAX_SAFE_INTEGER })
    expect(one.estimate({}).total).toBe(Number.MAX_SAFE_INTEGER)
  })

  it('refuses what grows beyond all bounds once fragments are expanded, before it is', () => {
    const levels = Array.from(
      { length: 40 },
      (_, i) => `fragment F${i} on Query { ...F${i + 1} ...F${i + 1} }`,
    )
    const text = `{ ...F0 } ${levels.join(' ')} fragment F40 on Query { name }`
    expect(() => compile(text)).toThrow(expect.objectContaining({ code: 'OPERATION_TOO_LARGE' }))
  })

  it("lets an explorer's introspection through every limit, for nothing", () => {
    const text = getIntrospectionQuery({
      descriptions: true,
      specifiedByUrl: true,
      directiveIsRepeatable: true,
      schemaDescription: true,
      inputValueDeprecation: true,
      oneOf: true,
    })
    const { operation } = asked(text)
    expect(points(text)).toBe(0)
    expect(checkLimits(parse(text), operation, DEFAULT_LIMITS)).toBeUndefined()
    expect(() => parse(text, { maxTokens: DEFAULT_LIMITS.tokensMax })).not.toThrow()
    expect(DEFAULT_LIMITS).toMatchObject({ tokensMax: 2_000, depthMax: 12, rootFieldsMax: 15 })
  })
})
