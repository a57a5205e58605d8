import { expect, test } from 'vitest'
import type { SubgraphAnswer } from '../../../protocol/subgraph-client.ts'
import { type Case, holds, resolveType } from './cases.ts'
import { deepFreeze, type SubgraphSource, type World, world } from './world.ts'

const failing = (message: string, code?: string) => (): never => {
  throw Object.assign(new Error(message), code === undefined ? {} : { extensions: { code } })
}

/**
 * Line 2 leads to a product that stock does not know, line 3 to one that it fails over. The names say what is nullable:
 * `lines` nothing, `someLines` the items, `maybeLines` everything.
 */
const orders: Record<string, SubgraphSource> = {
  orders: {
    sdl: `
      type Query { lines: [Line!]!  someLines: [Line]!  maybeLines: [Line]  grid: [[Line!]]  one(no: Int!): Line  must(no: Int!): Line! }
      type Line { no: Int!  product: Product!  gift: Product  things: [Thing!] }
      interface Thing { id: ID! }
      type Product implements Thing @key(fields: "id") { id: ID! }
      type Card implements Thing @key(fields: "id") { id: ID! }`,
    resolvers: {
      Query: {
        lines: () => lines,
        someLines: () => lines,
        maybeLines: () => lines,
        grid: () => [[line(1)], [line(1), line(2)], null, []],
        one: (_: unknown, { no }: { no: number }) => line(no),
        must: (_: unknown, { no }: { no: number }) => line(no),
      },
      Thing: { __resolveType: resolveType },
    },
  },
  stock: {
    sdl: `
      type Product @key(fields: "id") { id: ID!  left: Int!  note: String  shelf: Shelf  parts: [Part!]! }
      type Card @key(fields: "id") { id: ID!  text: String! }
      type Shelf { no: Int!  room: String }
      type Part { name: String!  size: Int }`,
    resolvers: {
      Product: {
        __resolveReference: ({ id }: { id: string }) => (id === '2' ? null : { id }),
        left: ({ id }: { id: string }) =>
          id === '3' ? failing('not counted', 'UNCOUNTED')() : Number(id) * 10,
        note: ({ id }: { id: string }) => (id === '3' ? failing('no note')() : `n${id}`),
        shelf: ({ id }: { id: string }) => (id === '3' ? { no: null } : { no: Number(id), room: 'hall' }),
        parts: () => [{ name: 'lid', size: 1 }, { name: 'cup' }],
      },
      Card: { text: ({ id }: { id: string }) => `card ${id}` },
    },
  },
}
const line = (no: number) => ({
  no,
  product: { id: `${no}` },
  gift: no === 1 ? null : { id: `${no}` },
  things: [
    { __typename: 'Card', id: `${no}` },
    { __typename: 'Product', id: `${no}` },
  ],
})
const lines = [line(1), line(2), line(3)]

const missing = (at: string, path: readonly (string | number)[]) =>
  [`Cannot return null for non-nullable field ${at}`, path] as const

const nulls: readonly Case[] = [
  {
    what: 'a nullable field of an entity that is null: null, and no error',
    subgraphs: orders,
    query: '{ lines { no product { id note shelf { room } } } }',
    data: {
      lines: [
        { no: 1, product: { id: '1', note: 'n1', shelf: { room: 'hall' } } },
        { no: 2, product: { id: '2', note: null, shelf: null } },
        { no: 3, product: { id: '3', note: null, shelf: { room: null } } },
      ],
    },
    errors: [['no note', ['lines', 2, 'product', 'note']]],
  },
  {
    what: 'up to the nullable item of a list, whose other items stay',
    subgraphs: orders,
    query: '{ someLines { no product { left } } }',
    data: { someLines: [{ no: 1, product: { left: 10 } }, null, null] },
    errors: [
      ['not counted', ['someLines', 2, 'product', 'left']],
      missing('Product.left', ['someLines', 1, 'product', 'left']),
    ],
  },
  {
    what: 'up to a nullable object on the way, which hides the rest of nothing else',
    subgraphs: orders,
    query: '{ lines { no gift { id left } } }',
    data: {
      lines: [
        { no: 1, gift: null },
        { no: 2, gift: null },
        { no: 3, gift: null },
      ],
    },
    errors: [
      ['not counted', ['lines', 2, 'gift', 'left']],
      missing('Product.left', ['lines', 1, 'gift', 'left']),
    ],
  },
  {
    what: 'up to a nullable list of which no item may be null',
    subgraphs: orders,
    query:
      '{ a: one(no: 1) { things { ... on Product { left } ... on Card { text } } } b: one(no: 2) { no things { ... on Product { left } } } }',
    data: {
      a: { things: [{ text: 'card 1' }, { left: 10 }] },
      b: { no: 2, things: null },
    },
    errors: [missing('Product.left', ['b', 'things', 1, 'left'])],
  },
  {
    what: 'up to the inner list of a list of lists',
    subgraphs: orders,
    query: '{ grid { no product { left } } }',
    data: { grid: [[{ no: 1, product: { left: 10 } }], null, null, []] },
    errors: [missing('Product.left', ['grid', 1, 1, 'product', 'left'])],
  },
  {
    what: 'up to the whole answer',
    subgraphs: orders,
    query: '{ fine: one(no: 1) { no } lines { product { left } } }',
    data: null,
    errors: [
      ['not counted', ['lines', 2, 'product', 'left']],
      missing('Product.left', ['lines', 1, 'product', 'left']),
    ],
  },
  {
    what: 'under the aliases that the client gave, and at both of them',
    subgraphs: orders,
    query: '{ a: one(no: 3) { p: product { n: left } } b: one(no: 3) { p: product { m: left } } }',
    data: { a: null, b: null },
    errors: [
      ['not counted', ['a', 'p', 'n']],
      ['not counted', ['b', 'p', 'm']],
    ],
  },
  {
    what: 'a field that was only fetched for the gateway changes nothing',
    subgraphs: {
      ...orders,
      total: {
        sdl: `type Product @key(fields: "id") { id: ID!  note: String @external  total: String @requires(fields: "note") }`,
        resolvers: { Product: { total: ({ note }: { note: string | null }) => `total ${note}` } },
      },
    },
    query: '{ lines { product { total } } }',
    data: {
      lines: [
        { product: { total: 'total n1' } },
        { product: { total: null } },
        { product: { total: 'total null' } },
      ],
    },
    errors: [['no note', ['lines', 2, 'product']]],
  },
]

/** One entity's own parts fail: only they are null, the entity stays. */
const middle: readonly Case[] = [
  {
    what: 'in the middle of a list within an entity',
    subgraphs: {
      orders: orders.orders!,
      stock: {
        ...orders.stock!,
        resolvers: {
          ...orders.stock!.resolvers,
          Part: { size: ({ name }: { name: string }) => (name === 'cup' ? failing('no size')() : 1) },
        },
      },
    },
    query: '{ one(no: 1) { product { pieces: parts { name mm: size } } } }',
    data: {
      one: {
        product: {
          pieces: [
            { name: 'lid', mm: 1 },
            { name: 'cup', mm: null },
          ],
        },
      },
    },
    errors: [['no size', ['one', 'product', 'pieces', 1, 'mm']]],
  },
  {
    what: 'of a root list, at its index, the other items complete with what comes from elsewhere',
    subgraphs: {
      ...orders,
      orders: {
        ...orders.orders!,
        resolvers: {
          ...orders.orders!.resolvers,
          Query: { maybeLines: () => [line(1), new Error('line lost'), line(1)] },
        },
      },
    },
    query: '{ maybeLines { product { left } } }',
    data: { maybeLines: [{ product: { left: 10 } }, null, { product: { left: 10 } }] },
    errors: [['line lost', ['maybeLines', 1]]],
  },
]

test.each(nulls)('null for what cannot be null goes $what', async row => {
  const answer = await world(row.subgraphs).query(row.query)
  expect(answer.data).toEqual(row.data)
  const byPath = (a: readonly unknown[], b: readonly unknown[]) => (String(a[1]) < String(b[1]) ? -1 : 1)
  const told = answer.errors.map(({ message, path }) => [message, path])
  expect(told.sort(byPath)).toEqual([...(row.errors ?? [])].sort(byPath))
})
test.each(middle)('an error $what', holds)

/** The subgraph stock, answering as it is told. */
function answeringStock(answer: SubgraphAnswer): World {
  const made = world(orders)
  made.clients.set('stock', {
    name: 'stock',
    execute: async () => deepFreeze(answer),
    ready: async () => {},
    close: async () => {},
  })
  return made
}

test("a subgraph's code and extensions are passed through, beside its name", async () => {
  const made = answeringStock({
    data: { _entities: [{ note: null }] },
    errors: [
      {
        message: 'sold out',
        path: ['_entities', 0, 'note'],
        extensions: { code: 'SOLD_OUT', retryAfterMs: 500, detail: { sku: 'x' } },
      },
      { message: 'no code', path: ['_entities', 0, 'note'], extensions: { code: 7 } },
    ],
  } as unknown as SubgraphAnswer)
  const answer = await made.query('{ one(no: 1) { product { note } } }')
  expect(answer).toEqual({
    data: { one: { product: { note: null } } },
    errors: [
      { message: 'sold out', path: ['one', 'product', 'note'], code: 'SOLD_OUT', service: 'stock' },
      { message: 'no code', path: ['one', 'product', 'note'], code: 'SUBGRAPH_ERROR', service: 'stock' },
    ],
  })
})

test.each([
  ['null', { data: null }],
  ['left out', {}],
  ['entities that are null', { data: { _entities: null } }],
] as [string, SubgraphAnswer][])('errors with data %s: at every place, the code kept', async (_, answer) => {
  const made = answeringStock({ ...answer, errors: [{ message: 'closed', extensions: { code: 'CLOSED' } }] })
  const { data, errors } = await made.query('{ lines { no product { note } } }')
  expect(data).toEqual({ lines: [1, 2, 3].map(no => ({ no, product: { note: null } })) })
  expect(errors[0]).toMatchObject({ message: 'closed', code: 'CLOSED', service: 'stock' })
})

test('an error of an answer with data that names no place stands for the whole, and the data is used', async () => {
  const made = answeringStock({
    data: { _entities: [{ note: 'n' }] },
    errors: [{ message: 'deprecated', extensions: { code: 'WARNING' } }],
  } as unknown as SubgraphAnswer)
  expect(await made.query('{ one(no: 1) { product { note } } }')).toEqual({
    data: { one: { product: { note: 'n' } } },
    errors: [{ message: 'deprecated', path: undefined, code: 'WARNING', service: 'stock' }],
  })
})
