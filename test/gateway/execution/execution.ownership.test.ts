import { expect, test } from 'vitest'
import { byId, type Case, holds, resolveType } from './cases.ts'
import { type SubgraphSource, world } from './world.ts'

const people = [
  { id: '1', rid: 'r1', name: 'Lu' },
  { id: '2', rid: 'r2', name: 'An' },
]

/** `a` extends the User that `b` owns, in each of the three ways that there are. */
const extending = (a: string, b: string, federation?: 1): Record<string, SubgraphSource> => ({
  a: {
    sdl: `type Query { user: User  provided: User @provides(fields: "name") }
      ${a} { id: ID! @external  name: String! @external  rid: ID }`,
    ...(federation ? { federation } : {}),
    resolvers: {
      Query: {
        user: () => ({ id: '1', rid: 'r1' }),
        provided: () => ({ id: '1', rid: 'r1', name: 'provided' }),
      },
      User: { __resolveReference: byId(people.map(({ id, rid }) => ({ id, rid }))) },
    },
  },
  b: {
    sdl: `type Query { byId(id: ID!): User }  ${b}`,
    ...(federation ? { federation } : {}),
    resolvers: {
      Query: { byId: (_: unknown, reference: { id: string }) => byId(people)(reference) },
      User: { __resolveReference: byId(people) },
    },
  },
})

const extended: Pick<Case, 'query' | 'data'> = {
  query: '{ user { rid name } provided { id name } byId(id: "2") { rid name } }',
  data: {
    user: { rid: 'r1', name: 'Lu' },
    provided: { id: '1', name: 'provided' },
    byId: { rid: 'r2', name: 'An' },
  },
}

const cases: readonly Case[] = [
  {
    what: '@external: Federation 1, extend type',
    subgraphs: extending(
      'extend type User @key(fields: "id")',
      'type User @key(fields: "id") { id: ID!  name: String! }',
      1,
    ),
    ...extended,
  },
  {
    what: '@external: Federation 1, @extends',
    subgraphs: extending(
      'type User @key(fields: "id") @extends',
      'type User @key(fields: "id") { id: ID!  name: String! }',
      1,
    ),
    ...extended,
  },
  {
    what: '@external: Federation 2, extend type',
    subgraphs: extending(
      'extend type User @key(fields: "id")',
      'type User @key(fields: "id") { id: ID!  name: String! @shareable }',
    ),
    ...extended,
  },
  {
    what: '@external: Federation 1, keys that are external: one through a field of the other subgraph',
    subgraphs: {
      a: {
        federation: 1,
        sdl: 'type Query { product: Product }  type Product @key(fields: "id") { id: ID!  name: String  pid: ID }',
        resolvers: { Query: { product: () => ({ id: 'p1', name: 'Tea', pid: 'x' }) } },
      },
      b: {
        federation: 1,
        sdl: `extend type Product @key(fields: "id name") @key(fields: "upc") {
          id: ID @external  name: String @external  upc: String @external  price: Float! }`,
        resolvers: {
          Product: {
            __resolveReference: ({ id, name }: { id: string; name: string }) => ({
              id,
              name,
              upc: 'u',
              price: 2,
            }),
          },
        },
      },
    },
    query: '{ product { pid price upc name } }',
    data: { product: { pid: 'x', price: 2, upc: 'u', name: 'Tea' } },
    sent: [['a'], ['b', [{ __typename: 'Product', id: 'p1', name: 'Tea' }]]],
  },
  {
    what: '@shareable: a root field whose parts come from two subgraphs',
    subgraphs: {
      coupon: {
        sdl: 'type Query { me: Shopper @shareable }  type Shopper @key(fields: "id") { id: ID!  coupons: [String!]! }',
        resolvers: {
          Query: { me: () => ({ id: 'alice' }) },
          Shopper: { coupons: ({ id }: { id: string }) => [`${id}'s`] },
        },
      },
      payment: {
        sdl: 'type Query { me: Shopper @shareable }  type Shopper @key(fields: "id") { id: ID!  orders: [String!]! }',
        resolvers: {
          Query: { me: () => ({ id: 'alice' }) },
          Shopper: { orders: ({ id }: { id: string }) => [`${id}#1`] },
        },
      },
    },
    query: '{ me { id coupons orders } }',
    data: { me: { id: 'alice', coupons: ["alice's"], orders: ['alice#1'] } },
  },
  {
    what: '@shareable: a root field of a type without a key, its parts from three subgraphs',
    subgraphs: Object.fromEntries(
      ['name', 'price', 'colour'].map((part): [string, SubgraphSource] => [
        part,
        {
          sdl: `type Query { product: Product @shareable }  type Product { id: ID! @shareable  ${part}: String }`,
          resolvers: { Query: { product: () => ({ id: '1', [part]: `a ${part}` }) } },
        },
      ]),
    ),
    query: '{ product { colour id price name } }',
    data: { product: { colour: 'a colour', id: '1', price: 'a price', name: 'a name' } },
    sent: [['name'], ['price'], ['colour']],
  },
  {
    what: '@shareable: a root field that is a list, its items joined by place',
    subgraphs: Object.fromEntries(
      ['name', 'price'].map((part): [string, SubgraphSource] => [
        part,
        {
          sdl: `type Query { products: [Product] @shareable }  type Product { id: ID! @shareable  ${part}: String }`,
          resolvers: {
            Query: {
              products: () => [{ id: '1', [part]: `${part} 1` }, null, { id: '2', [part]: `${part} 2` }],
            },
          },
        },
      ]),
    ),
    query: '{ products { price name } }',
    data: { products: [{ price: 'price 1', name: 'name 1' }, null, { price: 'price 2', name: 'name 2' }] },
  },
  {
    what: '@shareable: a root field of an interface, a member of which is shared out and another an entity',
    subgraphs: Object.fromEntries(
      ['a', 'b'].map((part): [string, SubgraphSource] => [
        part,
        {
          sdl: `type Query { all: [Item!]! @shareable }  interface Item { id: ID! }
            type Bag implements Item { id: ID! @shareable  ${part}: String }
            type Box implements Item @key(fields: "id") { id: ID!  ${part}${part}: String }`,
          resolvers: {
            Query: {
              all: () => [
                { __typename: 'Bag', id: 'bag', [part]: `${part} of bag` },
                { __typename: 'Box', id: 'box' },
              ],
            },
            Item: { __resolveType: resolveType },
            Box: { [part + part]: ({ id }: { id: string }) => `${part + part} of ${id}` },
          },
        },
      ]),
    ),
    query: '{ all { ... on Bag { a b } ... on Box { bb aa } id } }',
    data: {
      all: [
        { a: 'a of bag', b: 'b of bag', id: 'bag' },
        { bb: 'bb of box', aa: 'aa of box', id: 'box' },
      ],
    },
  },
  {
    what: '@shareable: a value type whose fields come from two subgraphs',
    subgraphs: {
      a: {
        sdl: 'type Query { p: P }  type P @key(fields: "id") { id: ID!  size: Size @shareable }  type Size { w: Int  unit: String @shareable }',
        resolvers: { Query: { p: () => ({ id: '1', size: { w: 3, unit: 'cm' } }) } },
      },
      b: {
        sdl: 'type P @key(fields: "id") { id: ID!  size: Size @shareable }  type Size { h: Int  unit: String @shareable }',
        resolvers: { P: { size: () => ({ h: 4, unit: 'cm' }) } },
      },
    },
    query: '{ p { size { h w unit } } }',
    data: { p: { size: { h: 4, w: 3, unit: 'cm' } } },
  },
  {
    what: '@shareable: a field that both can answer is fetched once, where the rest is',
    subgraphs: {
      a: {
        sdl: 'type Query { p: P }  type P @key(fields: "id") { id: ID!  name: String @shareable }',
        resolvers: { Query: { p: () => ({ id: '1', name: 'here' }) } },
      },
      b: {
        sdl: 'type Query { q: P }  type P @key(fields: "id") { id: ID!  name: String @shareable }',
        resolvers: { Query: { q: () => ({ id: '2', name: 'there' }) } },
      },
    },
    query: '{ p { name } q { name } }',
    data: { p: { name: 'here' }, q: { name: 'there' } },
    sent: [['a'], ['b']],
  },
  {
    what: '@override: the field comes from its new owner, also where the old one is at hand',
    subgraphs: {
      old: {
        sdl: 'type Query { p: P }  type P @key(fields: "id") { id: ID!  price: Int  name: String }',
        resolvers: { Query: { p: () => ({ id: '1', price: 1, name: 'Tea' }) } },
      },
      next: {
        sdl: 'type Query { q: P }  type P @key(fields: "id") { id: ID!  price: Int @override(from: "old") }',
        resolvers: { Query: { q: () => ({ id: '2' }) }, P: { price: () => 2 } },
      },
    },
    query: '{ p { name price } q { price name } }',
    data: { p: { name: 'Tea', price: 2 }, q: { price: 2, name: null } },
  },
  {
    what: '@override from a subgraph that is no more',
    subgraphs: {
      a: {
        sdl: 'type Query { p: P }  type P @key(fields: "id") { id: ID! }',
        resolvers: { Query: { p: () => ({ id: '1' }) } },
      },
      b: {
        sdl: 'type P @key(fields: "id") { id: ID!  price: Int @override(from: "gone") }',
        resolvers: { P: { price: () => 2 } },
      },
    },
    query: '{ p { price } }',
    data: { p: { price: 2 } },
  },
  {
    what: '@override of a field that another requires',
    subgraphs: {
      old: {
        sdl: 'type Query { p: P }  type P @key(fields: "id") { id: ID!  price: Int }',
        resolvers: { Query: { p: () => ({ id: '1', price: 1 }) } },
      },
      next: {
        sdl: 'type P @key(fields: "id") { id: ID!  price: Int @override(from: "old") }',
        resolvers: { P: { price: () => 20 } },
      },
      tax: {
        sdl: 'type P @key(fields: "id") { id: ID!  price: Int @external  tax: Int @requires(fields: "price") }',
        resolvers: { P: { tax: ({ price }: { price: number }) => price / 10 } },
      },
    },
    query: '{ p { tax } }',
    data: { p: { tax: 2 } },
    sent: [
      ['old'],
      ['next', [{ __typename: 'P', id: '1' }]],
      ['tax', [{ __typename: 'P', price: 20, id: '1' }]],
    ],
  },
  {
    what: '@inaccessible: a key, a required field and an interface’s field that no client sees',
    subgraphs: {
      a: {
        sdl: `type Query { things: [Thing!]! }
          interface Thing { name: String  secret: Int @inaccessible }
          type P implements Thing @key(fields: "ref") { ref: ID! @inaccessible  name: String  secret: Int @inaccessible }`,
        resolvers: {
          Query: { things: () => [{ __typename: 'P', ref: 'r1', name: 'Tea', secret: 7 }] },
          Thing: { __resolveType: () => 'P' },
        },
      },
      b: {
        sdl: `type P @key(fields: "ref") {
          ref: ID!  secret: Int @external  code: String @requires(fields: "secret") }`,
        resolvers: { P: { code: ({ secret }: { secret: number }) => `code ${secret}` } },
      },
    },
    query: '{ things { name ... on P { code } } }',
    data: { things: [{ name: 'Tea', code: 'code 7' }] },
    sent: [['a'], ['b', [{ __typename: 'P', secret: 7, ref: 'r1' }]]],
  },
  {
    what: '@inaccessible: an object of a type that clients must not see is an error, not an answer',
    subgraphs: {
      a: {
        sdl: `type Query { hits: [Hit] }  union Hit = Seen | Hidden
          type Seen { x: Int }  type Hidden @inaccessible { y: Int }`,
        resolvers: {
          Query: {
            hits: () => [
              { __typename: 'Seen', x: 1 },
              { __typename: 'Hidden', y: 2 },
            ],
          },
        },
      },
    },
    query: '{ hits { __typename ... on Seen { x } } }',
    data: { hits: [{ __typename: 'Seen', x: 1 }, null] },
    errors: [['Expected a Hit at Query.hits, got an object of another type', ['hits', 1]]],
  },
]

test.each(cases)('$what', holds)

/** Moves `price` by percentage, `name` by a label of its own name. */
const moving: Record<string, SubgraphSource> = {
  old: {
    sdl: 'type Query { p: P }  type P @key(fields: "id") { id: ID!  price: Int  name: String }',
    resolvers: { Query: { p: () => ({ id: '1', price: 10, name: 'old' }) } },
  },
  next: {
    sdl: `type P @key(fields: "id") { id: ID!
      price: Int @override(from: "old", label: "percent(30)")  name: String @override(from: "old", label: "new-names") }`,
    resolvers: { P: { price: () => 20, name: () => 'next' } },
  },
}

test.each([
  { percentage: 0, labels: [], p: { price: 20, name: 'old' } },
  { percentage: 29.9, labels: ['new-names'], p: { price: 20, name: 'next' } },
  { percentage: 30, labels: ['another'], p: { price: 10, name: 'old' } },
  { percentage: 100, labels: ['new-names', 'another'], p: { price: 10, name: 'next' } },
])('@override by label: at $percentage % and with $labels', async ({ percentage, labels, p }) => {
  const { query } = world(moving)
  const rollout = { labels: new Set(labels), percentage }
  expect(await query('{ p { price name } }', {}, { rollout })).toEqual({ data: { p }, errors: [] })
})

test('@override by label: nothing has moved for operations without a rollout of their own', async () => {
  const { query, sent } = world(moving)
  expect((await query('{ p { name } }')).data).toEqual({ p: { name: 'old' } })
  expect(sent.map(({ subgraph }) => subgraph)).toEqual(['old'])
})
