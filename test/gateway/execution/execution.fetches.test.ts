import { expect, test } from 'vitest'
import { type Case, holds, resolveType } from './cases.ts'
import { type SubgraphSource, world } from './world.ts'

const reference = ({ id }: { id: string }) => ({ id })

/** Two types of entities, each at several places, whose rest one subgraph has: what batches are made of. */
const shop: Record<string, SubgraphSource> = {
  shop: {
    sdl: `
      type Query { top: Product  all: [Product!]!  seller: Seller  any: [Any!]! }
      union Any = Product | Seller
      type Product @key(fields: "id") { id: ID!  seller: Seller  similar: [Product!] }
      type Seller @key(fields: "id") { id: ID!  best: Product }`,
    resolvers: {
      Query: {
        top: () => ({ id: '1', seller: { id: 's1' }, similar: [{ id: '2' }] }),
        all: () => [{ id: '1', seller: { id: 's2' } }, { id: '3' }],
        seller: () => ({ id: 's1', best: { id: '4' } }),
        any: () => [
          { __typename: 'Seller', id: 's3' },
          { __typename: 'Product', id: '5' },
        ],
      },
      Any: { __resolveType: resolveType },
    },
  },
  texts: {
    sdl: `
      type Product @key(fields: "id") { id: ID!  text(in: String): String }
      type Seller @key(fields: "id") { id: ID!  text(in: String): String  rank: Int }`,
    resolvers: {
      Product: {
        __resolveReference: reference,
        text: ({ id }: { id: string }, args: { in?: string }) => `p${id}${args.in ?? ''}`,
      },
      Seller: {
        __resolveReference: async ({ id }: { id: string }) => {
          if (id === 's2') throw new Error('away')
          return id === 's3' ? null : { id }
        },
        text: ({ id }: { id: string }) => id,
        rank: ({ id }: { id: string }) => Number(id.slice(1)),
      },
    },
  },
}

const cases: readonly Case[] = [
  {
    what: 'entities of two types at four places: one request to their subgraph',
    subgraphs: shop,
    query: '{ top { text seller { text } similar { text } } seller { rank } }',
    data: {
      top: { text: 'p1', seller: { text: 's1' }, similar: [{ text: 'p2' }] },
      seller: { rank: 1 },
    },
    sent: [
      ['shop'],
      [
        'texts',
        [{ __typename: 'Seller', id: 's1' }],
        ['2', '1'].map(id => ({ __typename: 'Product', id })),
        [{ __typename: 'Seller', id: 's1' }],
      ],
    ],
  },
  {
    what: "a batch's arguments: the client's, by variable and literal",
    subgraphs: shop,
    query:
      'query ($__batch_reps_0: String) { top { a: text(in: $__batch_reps_0) similar { text(in: "!") } } seller { best { text(in: $__batch_reps_0) } } }',
    variables: { __batch_reps_0: '?' },
    data: { top: { a: 'p1?', similar: [{ text: 'p2!' }] }, seller: { best: { text: 'p4?' } } },
  },
  {
    what: 'an error and a missing entity in one part of a batch leave the other parts alone',
    subgraphs: shop,
    query: '{ all { text seller { text rank } } any { ... on Product { text } ... on Seller { text } } }',
    data: {
      all: [
        { text: 'p1', seller: { text: null, rank: null } },
        { text: 'p3', seller: null },
      ],
      any: [{ text: null }, { text: 'p5' }],
    },
    errors: [['away', ['all', 0, 'seller']]],
  },
  {
    what: 'fields of one name whose types differ between members of a union, at every depth',
    subgraphs: {
      a: {
        sdl: 'type User { id: ID @shareable }  type Query { users: [User!]! }',
        resolvers: { Query: { users: () => [{ id: 'u1' }] } },
      },
      b: {
        sdl: `union Account = User | Admin
          type User @key(fields: "id") { id: ID!  name: String  like: [Account!]! }
          type Admin { id: ID  name: String @shareable  like: [Account!]! }
          type Query { accounts: [Account!]! }`,
        resolvers: {
          Query: {
            accounts: () => [
              { __typename: 'User', id: 'u1', name: 'Lu' },
              { __typename: 'Admin', id: 'a1', name: 'An' },
            ],
          },
          Account: { __resolveType: resolveType },
          User: {
            __resolveReference: ({ id }: { id: string }) => ({ id, name: 'Lu' }),
            like: () => [{ __typename: 'Admin', id: 'a1', name: 'An' }],
          },
          Admin: { like: () => [{ __typename: 'User', id: 'u1', name: 'Lu' }] },
        },
      },
    },
    query: `{ users { id name } accounts {
      ... on User { id name like { ... on User { id } ... on Admin { id name } } }
      ... on Admin { name id like { ... on User { name id } ... on Admin { id } } } } }`,
    data: {
      users: [{ id: 'u1', name: 'Lu' }],
      accounts: [
        { id: 'u1', name: 'Lu', like: [{ id: 'a1', name: 'An' }] },
        { name: 'An', id: 'a1', like: [{ name: 'Lu', id: 'u1' }] },
      ],
    },
  },
  {
    what: 'fields of one name whose types differ between members of a union, within entities, within a batch',
    subgraphs: {
      a: {
        sdl: `type Query { x: X  ys: [[Y]]  any: Any  user: User }  union Any = X | Y
          type X @key(fields: "id") { id: ID! }  type Y @key(fields: "id") { id: ID! }
          type User { id: ID @shareable }`,
        resolvers: {
          Query: {
            x: () => ({ id: 'x1' }),
            ys: () => [[{ id: 'y1' }, null], [{ id: 'y2' }]],
            any: () => ({ __typename: 'X', id: 'x2' }),
          },
          Any: { __resolveType: resolveType },
        },
      },
      b: {
        sdl: `type X @key(fields: "id") { id: ID!  owners: [Owner] }
          type Y @key(fields: "id") { id: ID!  owner(n: Int): Owner }
          union Owner = User | Shop
          type User { id: ID! @shareable }
          type Shop { id: ID  x: X }`,
        resolvers: {
          X: {
            owners: ({ id }: { id: string }) => [
              { __typename: 'User', id: `u of ${id}` },
              { __typename: 'Shop', id: `s of ${id}`, x: { id: 'x3' } },
            ],
          },
          Y: { owner: ({ id }: { id: string }) => ({ __typename: 'Shop', id: `s of ${id}` }) },
          Owner: { __resolveType: resolveType },
        },
      },
    },
    query: `{
      x { owners { ... on User { id } ... on Shop { id x { owners { ... on Shop { id } ... on User { id } } } } } }
      ys { owner(n: 1) { ... on User { id } ... on Shop { it: id } } }
      any { ... on X { owners { ... on Shop { id } ... on User { id } } } ... on Y { owner { ... on Shop { id } ... on User { id } } } }
    }`,
    data: {
      x: {
        owners: [{ id: 'u of x1' }, { id: 's of x1', x: { owners: [{ id: 'u of x3' }, { id: 's of x3' }] } }],
      },
      ys: [[{ owner: { it: 's of y1' } }, null], [{ owner: { it: 's of y2' } }]],
      any: { owners: [{ id: 'u of x2' }, { id: 's of x2' }] },
    },
  },
  {
    what: 'aliases that cross: each field under the name of the other, through an entity fetch',
    subgraphs: shop,
    query: '{ top { id: text  text: id  __typename  kind: __typename } }',
    data: { top: { id: 'p1', text: '1', __typename: 'Product', kind: 'Product' } },
  },
  {
    what: 'everything skipped: no subgraph is asked',
    subgraphs: shop,
    query: 'query ($no: Boolean = false) { top @skip(if: true) { text } all @include(if: $no) { text } }',
    data: {},
    sent: [],
  },
  {
    what: 'an object of which everything is skipped: whether it is there is still asked',
    subgraphs: shop,
    query: 'query ($no: Boolean!) { top { text @include(if: $no) similar @skip(if: true) { id } } }',
    variables: { no: false },
    data: { top: {} },
    sent: [['shop']],
  },
  {
    what: 'fields merged over repeated fragments, in the order of first appearance',
    subgraphs: shop,
    query: `{ ...Q top { text } }
      fragment Q on Query { top { seller { id } ...P } ...R }
      fragment R on Query { top { id } }
      fragment P on Product { seller { rank } similar { id } }`,
    data: { top: { seller: { id: 's1', rank: 1 }, similar: [{ id: '2' }], id: '1', text: 'p1' } },
  },
  {
    what: 'fields named as what every object inherits',
    subgraphs: {
      a: {
        sdl: 'type Query { thing: Thing }  type Thing @key(fields: "id") { id: ID!  constructor: String  valueOf: Int }',
        resolvers: { Query: { thing: () => ({ id: '1', constructor: null, valueOf: 4 }) } },
      },
      b: {
        sdl: 'type Thing @key(fields: "id") { id: ID!  toString: String }',
        resolvers: { Thing: { toString: () => 'text' } },
      },
    },
    query: '{ thing { constructor valueOf toString hasOwnProperty: toString } }',
    data: { thing: { constructor: null, valueOf: 4, toString: 'text', hasOwnProperty: 'text' } },
  },
]

test.each(cases)('$what', holds)

test('an operation whose variables skip everything one time is answered in full the next', async () => {
  const { query, sent } = world(shop)
  const text = 'query ($yes: Boolean!) { top @include(if: $yes) { text } }'
  const answers = []
  for (const yes of [false, true, false]) answers.push([(await query(text, { yes })).data, sent.length])
  expect(answers).toEqual([
    [{}, 0],
    [{ top: { text: 'p1' } }, 2],
    [{}, 0],
  ])
})
