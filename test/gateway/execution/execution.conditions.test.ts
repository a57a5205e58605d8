import { expect, test } from 'vitest'
import { byId, type Case, holds, resolveType } from './cases.ts'
import { type SubgraphSource, world } from './world.ts'

const rows = [
  { __typename: 'Tea', id: '1', name: 'Oolong', weight: 2 },
  { __typename: 'Cup', id: '2', name: 'Cup', weight: 5 },
]

/** catalog has the products, stock counts them, reviews leads from them to users and back. */
const shop: Record<string, SubgraphSource> = {
  catalog: {
    sdl: `
      type Query { items: [Item!]!  tea: Tea  two: Int }
      interface Item { id: ID!  name: String! }
      type Tea implements Item @key(fields: "id") { id: ID!  name: String!  weight: Int  more: [[Item]] }
      type Cup implements Item @key(fields: "id") { id: ID!  name: String!  weight: Int }`,
    resolvers: {
      Query: { items: () => rows, tea: () => rows[0], two: () => 2 },
      Item: { __resolveType: resolveType },
      Tea: { __resolveReference: byId(rows), more: () => [[rows[1], null], null] },
      Cup: { __resolveReference: byId(rows) },
    },
  },
  stock: {
    sdl: `
      type Tea @key(fields: "id") { id: ID!  left(in: String): Int  shelf: Shelf }
      type Cup @key(fields: "id") { id: ID!  left(in: String): Int }
      type Shelf @key(fields: "no") { no: Int! }`,
    resolvers: {
      Tea: { left: (_: unknown, args: { in?: string }) => (args.in ? 1 : 10), shelf: () => ({ no: 3 }) },
      Cup: { left: () => 20 },
    },
  },
  rooms: {
    sdl: 'type Query { room: String }  type Shelf @key(fields: "no") { no: Int!  room: String }',
    resolvers: { Query: { room: () => 'hall' }, Shelf: { room: ({ no }: { no: number }) => `room ${no}` } },
  },
}

const literal: readonly Case[] = [
  {
    what: 'on fields, inline fragments and spreads',
    subgraphs: shop,
    query: `{ tea { name @skip(if: true) weight @include(if: true) left @include(if: false)
      ... @skip(if: false) { id } ... on Tea @skip(if: true) { shelf { no } } ...F @include(if: false) } }
      fragment F on Tea { name }`,
    data: { tea: { weight: 2, id: '1' } },
    sent: [['catalog']],
  },
  {
    what: 'both on one selection: it stays only if both let it',
    subgraphs: shop,
    query: `{ tea { a: name @skip(if: false) @include(if: true) b: name @skip(if: true) @include(if: true)
      c: name @skip(if: false) @include(if: false) d: name @include(if: false) @skip(if: true) } }`,
    data: { tea: { a: 'Oolong' } },
  },
  {
    what: 'of a fragment that is spread twice, the spread that stays counts',
    subgraphs: shop,
    query: '{ tea { ...F @skip(if: true) ...F } } fragment F on Tea { name left }',
    data: { tea: { name: 'Oolong', left: 10 } },
  },
  {
    what: 'of a field that is written twice, what is left of either',
    subgraphs: shop,
    query: '{ tea { shelf @skip(if: true) { no } shelf { room } } tea @include(if: false) { name } }',
    data: { tea: { shelf: { room: 'room 3' } } },
  },
  {
    what: '__typename and introspection',
    subgraphs: shop,
    query: `{ t: __typename @skip(if: true) __schema @include(if: false) { types { name } }
      __type(name: "Shelf") { name kind @skip(if: true) } tea { __typename @include(if: false) u: __typename } }`,
    data: { __type: { name: 'Shelf' }, tea: { u: 'Tea' } },
  },
]

const everyLevel = `query ($root: Boolean!, $field: Boolean!, $far: Boolean!, $fragment: Boolean!) {
  two @include(if: $root)
  tea { name @skip(if: $field) shelf @include(if: $far) { no room @include(if: $field) } ...F @include(if: $fragment) }
}
fragment F on Tea { left weight @include(if: $far) }`

/** For each way to set the four variables: what is left, worked out from the text above. */
const everyWay: readonly Case[] = Array.from({ length: 16 }, (_, bits): Case => {
  const [root, field, far, fragment] = [8, 4, 2, 1].map(bit => (bits & bit) !== 0)
  return {
    what: `root ${root}, field ${field}, far ${far}, fragment ${fragment}`,
    subgraphs: shop,
    query: everyLevel,
    variables: { root, field, far, fragment },
    data: {
      ...(root ? { two: 2 } : {}),
      tea: {
        ...(field ? {} : { name: 'Oolong' }),
        ...(far ? { shelf: { no: 3, ...(field ? { room: 'room 3' } : {}) } } : {}),
        ...(fragment ? { left: 10, ...(far ? { weight: 2 } : {}) } : {}),
      },
    },
    sent: [
      ['catalog'],
      ...(far || fragment ? [['stock', [{ __typename: 'Tea', id: '1' }]] as const] : []),
      ...(far && field ? [['rooms', [{ __typename: 'Shelf', no: 3 }]] as const] : []),
    ],
  }
})

const byVariable: readonly Case[] = [
  {
    what: 'a default counts when the variable is left out',
    subgraphs: shop,
    query:
      'query ($no: Boolean = false, $yes: Boolean! = true) { two @include(if: $no) tea @include(if: $yes) { id } }',
    data: { tea: { id: '1' } },
  },
  {
    what: 'a condition on what only some types have, within a list: others are not asked for',
    subgraphs: shop,
    query:
      'query ($tea: Boolean!, $cup: Boolean!) { items { name ... on Tea @include(if: $tea) { left } ... on Cup @include(if: $cup) { left } } }',
    variables: { tea: false, cup: true },
    data: { items: [{ name: 'Oolong' }, { name: 'Cup', left: 20 }] },
    sent: [['catalog'], ['stock', [{ __typename: 'Cup', id: '2' }]]],
  },
  {
    what: 'under lists of lists, on a fragment within a fragment',
    subgraphs: shop,
    query:
      'query ($on: Boolean!) { tea { more { ... on Item { ... on Cup @include(if: $on) { left } id } } } }',
    variables: { on: true },
    data: { tea: { more: [[{ left: 20, id: '2' }, null], null] } },
  },
  {
    what: 'one field with other arguments by either condition',
    subgraphs: shop,
    query:
      'query ($kg: Boolean!) { tea { ... @include(if: $kg) { kilos: left(in: "kg") } ... @skip(if: $kg) { left } } }',
    variables: { kg: true },
    data: { tea: { kilos: 1 } },
  },
  {
    what: 'a variable that is used as an argument too',
    subgraphs: {
      a: {
        sdl: 'type Query { is(it: Boolean!): Boolean }',
        resolvers: { Query: { is: (_: unknown, { it }: { it: boolean }) => it } },
      },
    },
    query: 'query ($it: Boolean!) { is(it: $it) again: is(it: true) @skip(if: $it) }',
    variables: { it: false },
    data: { is: false, again: true },
  },
  {
    what: 'an object of which everything is skipped is there, or null, all the same',
    subgraphs: shop,
    query: 'query ($no: Boolean!) { tea { name @include(if: $no) shelf { room @include(if: $no) } } }',
    variables: { no: false },
    data: { tea: { shelf: {} } },
    sent: [['catalog'], ['stock', [{ __typename: 'Tea', id: '1' }]]],
  },
]

const nothing: readonly Case[] = [
  {
    what: 'a query, by literal',
    subgraphs: shop,
    query: '{ tea @skip(if: true) { name } ... @include(if: false) { two room } }',
    data: {},
    sent: [],
  },
  {
    what: 'a query, by variable, through a fragment',
    subgraphs: shop,
    query: 'query ($no: Boolean = false) { ...F @include(if: $no) } fragment F on Query { two room }',
    data: {},
    sent: [],
  },
  {
    what: 'a mutation',
    subgraphs: {
      a: {
        sdl: 'type Query { a: Int }  type Mutation { go: Int }',
        resolvers: {
          Mutation: {
            go: () => {
              throw new Error('went')
            },
          },
        },
      },
    },
    query: 'mutation ($no: Boolean!) { go @include(if: $no) }',
    variables: { no: false },
    data: {},
    sent: [],
  },
]

test.each(literal)('by literal: $what', holds)
test.each(everyWay)('by variable, at every level: $what', holds)
test.each(byVariable)('by variable: $what', holds)
test.each(nothing)('nothing is left of $what', holds)

test('a condition without a value is refused before any subgraph is asked', async () => {
  const { query, sent } = world(shop)
  const missing = query('query ($on: Boolean) { two @include(if: true) tea @include(if: $on) { id } }')
  await expect(missing).rejects.toThrow('of type "Boolean" used in position expecting type "Boolean!"')
  const nulled = query('query ($on: Boolean = true) { tea @include(if: $on) { id } }', { on: null })
  await expect(nulled).rejects.toMatchObject({ code: 'BAD_INPUT', message: expect.stringContaining('$on') })
  expect(sent).toEqual([])
})
