import { test } from 'vitest'
import { byId, type Case, holds } from './cases.ts'
import type { SubgraphSource } from './world.ts'

const products = [
  { id: 'p1', name: 'Milk tea' },
  { id: 'p2', name: 'Peach' },
]

const catalogAndStock: Record<string, SubgraphSource> = {
  catalog: {
    sdl: `
      type Query { products: [Product]!  product(id: ID!): Product }
      type Product @key(fields: "id") { id: ID!  name: String! }`,
    resolvers: {
      Query: {
        products: () => [products[0], null, products[1], products[0]],
        product: (_: unknown, reference: { id: string }) => byId(products)(reference),
      },
    },
  },
  stock: {
    sdl: 'type Product @key(fields: "id") { id: ID!  inStock: Int }',
    resolvers: { Product: { inStock: ({ id }: { id: string }) => (id === 'p1' ? 3 : 0) } },
  },
}

/** Each subgraph knows one step: isbn, then id, then a code of two parts, then pages. */
const chain: Record<string, SubgraphSource> = {
  a: {
    sdl: 'type Query { books: [Book!]! }  type Book @key(fields: "isbn") { isbn: ID! }',
    resolvers: { Query: { books: () => [{ isbn: 'i1' }, { isbn: 'lost' }, { isbn: 'i3' }] } },
  },
  b: {
    sdl: 'type Book @key(fields: "isbn") @key(fields: "id") { isbn: ID!  id: ID! }',
    resolvers: {
      Book: {
        __resolveReference: ({ isbn }: { isbn: string }) =>
          isbn === 'lost' ? null : { isbn, id: `${isbn}-id` },
      },
    },
  },
  c: {
    sdl: `type Book @key(fields: "id") @key(fields: "code { a b }") { id: ID!  code: Code! }
      type Code { a: Int!  b: Int! }`,
    resolvers: { Book: { __resolveReference: ({ id }: { id: string }) => ({ id, code: { a: 1, b: 2 } }) } },
  },
  d: {
    sdl: `type Book @key(fields: "code { a b }") { code: Code!  pages: Int }
      type Code { a: Int! @shareable  b: Int! @shareable }`,
    resolvers: { Book: { pages: ({ code }: { code: { a: number; b: number } }) => code.a * 10 + code.b } },
  },
}

const cases: readonly Case[] = [
  {
    what: 'a single key over a list: equal entities and nulls are not asked for twice',
    subgraphs: catalogAndStock,
    query: '{ products { name inStock } }',
    data: {
      products: [
        { name: 'Milk tea', inStock: 3 },
        null,
        { name: 'Peach', inStock: 0 },
        { name: 'Milk tea', inStock: 3 },
      ],
    },
    sent: [
      ['catalog'],
      [
        'stock',
        [
          { __typename: 'Product', id: 'p1' },
          { __typename: 'Product', id: 'p2' },
        ],
      ],
    ],
  },
  {
    what: "a client's alias that shadows the key",
    subgraphs: catalogAndStock,
    query: '{ product(id: "p1") { id: name  inStock } }',
    data: { product: { id: 'Milk tea', inStock: 3 } },
    sent: [['catalog'], ['stock', [{ __typename: 'Product', id: 'p1' }]]],
  },
  {
    what: 'an entity that does not exist: nothing more is asked',
    subgraphs: catalogAndStock,
    query: '{ product(id: "nope") { name inStock } }',
    data: { product: null },
    sent: [['catalog']],
  },
  {
    what: 'several hops, one through a subgraph that gives nothing but the next key, and an entity lost on the way',
    subgraphs: chain,
    query: '{ books { pages isbn } }',
    data: {
      books: [
        { pages: 12, isbn: 'i1' },
        { pages: null, isbn: 'lost' },
        { pages: 12, isbn: 'i3' },
      ],
    },
    sent: [
      ['a'],
      ['b', ['i1', 'lost', 'i3'].map(isbn => ({ __typename: 'Book', isbn }))],
      ['c', ['i1-id', 'i3-id'].map(id => ({ __typename: 'Book', id }))],
      ['d', [{ __typename: 'Book', code: { a: 1, b: 2 } }]],
    ],
  },
  {
    what: 'one of two keys, whichever the other subgraph knows',
    subgraphs: {
      accounts: {
        sdl: `type Query { user: User }
          type User @key(fields: "id") @key(fields: "email") { id: ID!  email: String! }`,
        resolvers: { Query: { user: () => ({ id: '1', email: 'lu@x' }) } },
      },
      letters: {
        sdl: 'type User @key(fields: "email") { email: String!  letters: Int }',
        resolvers: { User: { letters: ({ email }: { email: string }) => email.length } },
      },
      points: {
        sdl: 'type User @key(fields: "id") { id: ID!  points: Int }',
        resolvers: { User: { points: ({ id }: { id: string }) => Number(id) } },
      },
    },
    query: '{ user { letters points } }',
    data: { user: { letters: 4, points: 1 } },
    sent: [
      ['accounts'],
      ['letters', [{ __typename: 'User', email: 'lu@x' }]],
      ['points', [{ __typename: 'User', id: '1' }]],
    ],
  },
  {
    what: 'a composite key over an entity, and one over a list',
    subgraphs: {
      carts: {
        sdl: `type Query { cart: Cart }
          type Cart @key(fields: "owner { id } lines { sku }") { owner: User!  lines: [Line!]! }
          type User @key(fields: "id") { id: ID! }
          type Line { sku: ID! @shareable  count: Int }`,
        resolvers: {
          Query: {
            cart: () => ({
              owner: { id: 'u1' },
              lines: [
                { sku: 's1', count: 2 },
                { sku: 's2', count: 1 },
              ],
            }),
          },
        },
      },
      prices: {
        sdl: `type Cart @key(fields: "owner { id } lines { sku }") { owner: User!  lines: [Line!]!  total: String }
          type User @key(fields: "id") { id: ID! }
          type Line { sku: ID! @shareable }`,
        resolvers: {
          Cart: {
            total: ({ owner, lines }: { owner: { id: string }; lines: { sku: string }[] }) =>
              `${owner.id}: ${lines.map(line => line.sku)}`,
          },
        },
      },
    },
    query: '{ cart { total lines { count } } }',
    data: { cart: { total: 'u1: s1,s2', lines: [{ count: 2 }, { count: 1 }] } },
  },
  {
    what: 'a key of a custom scalar whose values are objects and numbers',
    subgraphs: {
      a: {
        sdl: 'scalar Any  type Query { things: [Thing!]! }  type Thing @key(fields: "ref") { ref: Any! }',
        resolvers: {
          Query: { things: () => [{ ref: { n: [1] } }, { ref: 7 }, { ref: '7' }, { ref: { n: [1] } }] },
        },
      },
      b: {
        sdl: 'scalar Any  type Thing @key(fields: "ref") { ref: Any!  text: String }',
        resolvers: { Thing: { text: ({ ref }: { ref: unknown }) => JSON.stringify(ref) } },
      },
    },
    query: '{ things { text } }',
    data: { things: [{ text: '{"n":[1]}' }, { text: '7' }, { text: '"7"' }, { text: '{"n":[1]}' }] },
  },
  {
    what: 'a key that is null: the entity keeps what is known of it, and is not asked for',
    subgraphs: {
      a: {
        sdl: 'type Query { users: [User!]! }  type User @key(fields: "email") { email: String  name: String }',
        resolvers: {
          Query: {
            users: () => [
              { email: null, name: 'Lu' },
              { email: 'a@x', name: 'An' },
            ],
          },
        },
      },
      b: {
        sdl: 'type User @key(fields: "email") { email: String  points: Int }',
        resolvers: { User: { points: () => 5 } },
      },
    },
    query: '{ users { name points } }',
    data: {
      users: [
        { name: 'Lu', points: null },
        { name: 'An', points: 5 },
      ],
    },
    sent: [['a'], ['b', [{ __typename: 'User', email: 'a@x' }]]],
  },
  {
    what: 'a key that is null in part',
    subgraphs: {
      a: {
        sdl: `type Query { items: [Item!]! }
          type Item @key(fields: "shop { code } no") { no: Int!  shop: Shop }  type Shop { code: ID }`,
        resolvers: {
          Query: {
            items: () => [
              { no: 1, shop: null },
              { no: 2, shop: { code: null } },
              { no: 3, shop: { code: 'x' } },
            ],
          },
        },
      },
      b: {
        sdl: `type Item @key(fields: "shop { code } no") { no: Int!  shop: Shop  price: Int }
          type Shop { code: ID @shareable }`,
        resolvers: { Item: { price: ({ no }: { no: number }) => no * 100 } },
      },
    },
    query: '{ items { no price } }',
    data: {
      items: [
        { no: 1, price: null },
        { no: 2, price: null },
        { no: 3, price: 300 },
      ],
    },
    sent: [['a'], ['b', [{ __typename: 'Item', shop: { code: 'x' }, no: 3 }]]],
  },
  {
    what: 'a subgraph whose key is not resolvable only refers to the entity',
    subgraphs: {
      orders: {
        sdl: `type Query { orders: [Order!]! }
          type Order { buyer: User! }
          type User @key(fields: "id", resolvable: false) { id: ID! }`,
        resolvers: { Query: { orders: () => [{ buyer: { id: '1' } }, { buyer: { id: '2' } }] } },
      },
      users: {
        sdl: 'type Query { me: User }  type User @key(fields: "id") { id: ID!  name: String  friend: User }',
        resolvers: {
          Query: { me: () => ({ id: '9' }) },
          User: { name: ({ id }: { id: string }) => `n${id}`, friend: () => ({ id: '8' }) },
        },
      },
    },
    query: '{ orders { buyer { id name } } me { friend { name } } }',
    data: {
      orders: [{ buyer: { id: '1', name: 'n1' } }, { buyer: { id: '2', name: 'n2' } }],
      me: { friend: { name: 'n8' } },
    },
    sent: [
      ['orders'],
      ['users'],
      [
        'users',
        [
          { __typename: 'User', id: '1' },
          { __typename: 'User', id: '2' },
        ],
      ],
    ],
  },
  {
    what: 'a key that is resolvable in one subgraph only, beside one that is in the other only',
    subgraphs: {
      a: {
        sdl: `type A @key(fields: "id") @key(fields: "code { one two }", resolvable: false) {
            id: ID!  code: Code!  name: String! }
          type Code { one: ID! @shareable  two: ID! @shareable }`,
        resolvers: {
          A: { name: ({ id }: { id: string }) => `a${id}`, code: () => ({ one: '1', two: '2' }) },
        },
      },
      b: {
        sdl: `type Query { as: [A!]! }
          type A @key(fields: "id", resolvable: false) @key(fields: "code { one two }") {
            id: ID!  code: Code!  name: String! @external  loud: String! @requires(fields: "name") }
          type Code { one: ID! @shareable  two: ID! @shareable }`,
        resolvers: {
          Query: { as: () => [{ id: 'x', code: { one: '1', two: '2' } }] },
          A: { loud: ({ name }: { name: string }) => name.toUpperCase() },
        },
      },
    },
    query: '{ as { loud } }',
    data: { as: [{ loud: 'AX' }] },
    sent: [
      ['b'],
      ['a', [{ __typename: 'A', id: 'x' }]],
      ['b', [{ __typename: 'A', code: { one: '1', two: '2' }, name: 'ax' }]],
    ],
  },
  {
    what: 'entities of one type at several places are answered together',
    subgraphs: {
      ...catalogAndStock,
      orders: {
        sdl: `type Query { orders: [[Order!]!]! }  type Order { product: Product!  gift: Product }
          type Product @key(fields: "id") { id: ID! }`,
        resolvers: {
          Query: {
            orders: () => [[{ product: { id: 'p1' }, gift: { id: 'p2' } }], [{ product: { id: 'p2' } }]],
          },
        },
      },
    },
    query: '{ orders { product { inStock } gift { inStock } } }',
    data: {
      orders: [
        [{ product: { inStock: 3 }, gift: { inStock: 0 } }],
        [{ product: { inStock: 0 }, gift: null }],
      ],
    },
  },
  {
    what: 'an entity within an entity within an entity, each step a fetch for all of them',
    subgraphs: {
      a: {
        sdl: 'type Query { lines: [Line!]! }  type Line { product: P! }  type P @key(fields: "id") { id: ID! }',
        resolvers: { Query: { lines: () => ['1', '2', '1', '1'].map(id => ({ product: { id } })) } },
      },
      b: {
        sdl: 'type P @key(fields: "id") { id: ID!  name: String!  maker: M! }  type M @key(fields: "id") { id: ID! }',
        resolvers: {
          P: {
            name: ({ id }: { id: string }) => `n${id}`,
            maker: ({ id }: { id: string }) => ({ id: `m${id}` }),
          },
        },
      },
      c: {
        sdl: 'type M @key(fields: "id") { id: ID!  city: String! }',
        resolvers: { M: { city: ({ id }: { id: string }) => `c-${id}` } },
      },
    },
    query: '{ lines { product { name maker { city } } } }',
    data: {
      lines: ['1', '2', '1', '1'].map(id => ({ product: { name: `n${id}`, maker: { city: `c-m${id}` } } })),
    },
    sent: [
      ['a'],
      ['b', ['1', '2'].map(id => ({ __typename: 'P', id }))],
      ['c', ['m1', 'm2'].map(id => ({ __typename: 'M', id }))],
    ],
  },
]

test.each(cases)('$what', holds)
