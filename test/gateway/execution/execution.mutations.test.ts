import { expect, test } from 'vitest'
import { type Case, holds } from './cases.ts'
import { type Resolvers, type SubgraphSource, world } from './world.ts'

/** Two subgraphs write to one log; reading an entity shows how long the log was at that moment. */
function ledger(): { sources: Record<string, SubgraphSource>; log: string[] } {
  const log: string[] = []
  const write = (_: unknown, { id, fail }: { id: string; fail?: boolean }) => {
    log.push(id)
    if (fail) throw new Error(`no ${id}`)
    return { id }
  }
  const seen: Resolvers = { Item: { seenA: () => log.join(''), seenB: () => log.join('') } }
  const sources = {
    a: {
      sdl: `type Query { a: Int }  type Mutation { addA(id: ID!, fail: Boolean): Item  mustA(id: ID!, fail: Boolean): Item! }
        type Item @key(fields: "id") { id: ID!  seenA: String! }`,
      resolvers: { Mutation: { addA: write, mustA: write }, Item: { seenA: seen.Item.seenA } },
    },
    b: {
      sdl: `type Mutation { addB(id: ID!, fail: Boolean): Item  mustB(id: ID!, fail: Boolean): Item! }
        type Item @key(fields: "id") { id: ID!  seenB: String! }`,
      resolvers: { Mutation: { addB: write, mustB: write }, Item: { seenB: seen.Item.seenB } },
    },
  }
  return { sources, log }
}

test('each mutation finishes, follow-up fetches included, before the next begins', async () => {
  const { sources } = ledger()
  const { query } = world(sources)
  const answer = await query(
    'mutation { one: addA(id: 1) { seenB } two: addB(id: 2) { seenA } three: addA(id: 3) { seenB seenA } }',
  )
  expect(answer).toEqual({
    data: { one: { seenB: '1' }, two: { seenA: '12' }, three: { seenB: '123', seenA: '123' } },
    errors: [],
  })
})

test('mutations of one subgraph that need nothing else are one request', async () => {
  const { sources, log } = ledger()
  const { query, sent } = world(sources)
  await query('mutation { x: addA(id: 2) { seenA } y: addA(id: 1) { seenA } }')
  expect([log, sent.length]).toEqual([['2', '1'], 1])
})

test('a mutation selected twice, once under a condition, runs once', async () => {
  const { sources, log } = ledger()
  const { query } = world(sources)
  const answer = await query(
    'mutation ($yes: Boolean!) { m: addA(id: 1) { id } m: addA(id: 1) @include(if: $yes) { seenB } addB(id: 2) { id } }',
    { yes: true },
  )
  expect(answer.data).toEqual({ m: { id: '1', seenB: '1' }, addB: { id: '2' } })
  expect(log).toEqual(['1', '2'])
})

test('a skipped mutation does not run', async () => {
  const { sources, log } = ledger()
  const { query } = world(sources)
  await query(
    'mutation ($no: Boolean!) { addA(id: 1) @include(if: $no) { id } addB(id: 2) @skip(if: true) { id } }',
    {
      no: false,
    },
  )
  expect(log).toEqual([])
})

test('a nullable mutation that fails is null, and later ones run', async () => {
  const { sources, log } = ledger()
  const { query } = world(sources)
  const answer = await query('mutation { addA(id: 1, fail: true) { seenB } addB(id: 2) { seenA } }')
  expect(answer.data).toEqual({ addA: null, addB: { seenA: '12' } })
  expect(answer.errors).toMatchObject([{ message: 'no 1', path: ['addA'], service: 'a' }])
  expect(log).toEqual(['1', '2'])
})

test('a non-null mutation that fails makes data null; earlier effects stand, later ones never run', async () => {
  const { sources, log } = ledger()
  const { query } = world(sources)
  const answer = await query(
    'mutation { addA(id: 1) { seenB } mustB(id: 2, fail: true) { id } addA2: addA(id: 3) { id } }',
  )
  expect(answer.data).toBeNull()
  expect(answer.errors).toMatchObject([{ message: 'no 2', path: ['mustB'], service: 'b' }])
  expect(log).toEqual(['1', '2'])
})

const cart: Record<string, SubgraphSource> = {
  orders: {
    sdl: `
      type Query { a: Int }
      type Mutation { order(no: Int!): Order  orderAll(nos: [Int!]!): [Order!]!  place(no: Int!): Placed }
      type Order @key(fields: "no") { no: Int!  lines: [Line!]! }
      type Line { product: Product! }
      type Product @key(fields: "id") { id: ID! }
      union Placed = Order | Refused
      type Refused { why: String }`,
    resolvers: {
      Mutation: {
        order: (_: unknown, { no }: { no: number }) => order(no),
        orderAll: (_: unknown, { nos }: { nos: number[] }) => nos.map(order),
        place: (_: unknown, { no }: { no: number }) =>
          no > 5 ? { __typename: 'Refused', why: 'too many' } : { __typename: 'Order', ...order(no) },
      },
      Placed: { __resolveType: ({ __typename }: { __typename: string }) => __typename },
    },
  },
  catalog: {
    sdl: `type Mutation { rename(id: ID!, name: String!): Product }
      type Product @key(fields: "id") { id: ID!  name: String!  shop: Shop }  type Shop @key(fields: "id") { id: ID! }`,
    resolvers: {
      Mutation: { rename: (_: unknown, { id, name }: { id: string; name: string }) => ({ id, name }) },
      Product: {
        name: (product: { id: string; name?: string }) => product.name ?? `n${product.id}`,
        shop: () => ({ id: 's' }),
      },
    },
  },
  payment: {
    sdl: `type Order @key(fields: "no") { no: Int!  paid: Boolean }  type Shop @key(fields: "id") { id: ID!  city: String }`,
    resolvers: {
      Order: { paid: ({ no }: { no: number }) => no % 2 === 0 },
      Shop: { city: () => 'Hangzhou' },
    },
  },
}
const order = (no: number) => ({ no, lines: [{ product: { id: `${no}` } }, { product: { id: '9' } }] })

const followed: readonly Case[] = [
  {
    what: 'an object, through lists and over three subgraphs',
    subgraphs: cart,
    query: 'mutation { order(no: 1) { paid lines { product { name shop { city } } } } }',
    data: {
      order: {
        paid: false,
        lines: ['1', '9'].map(id => ({ product: { name: `n${id}`, shop: { city: 'Hangzhou' } } })),
      },
    },
    sent: [
      ['orders'],
      ['payment', [{ __typename: 'Order', no: 1 }]],
      [
        'catalog',
        [
          { __typename: 'Product', id: '1' },
          { __typename: 'Product', id: '9' },
        ],
      ],
      ['payment', [{ __typename: 'Shop', id: 's' }]],
    ],
  },
  {
    what: 'a list',
    subgraphs: cart,
    query: 'mutation ($nos: [Int!]!) { orderAll(nos: $nos) { n: no paid } }',
    variables: { nos: [2, 3] },
    data: {
      orderAll: [
        { n: 2, paid: true },
        { n: 3, paid: false },
      ],
    },
  },
  {
    what: 'a union, one aliased twice, each its own call',
    subgraphs: cart,
    query: `mutation { good: place(no: 4) { ...P } bad: place(no: 6) { ...P } }
      fragment P on Placed { __typename ... on Order { paid } ... on Refused { why } }`,
    data: {
      good: { __typename: 'Order', paid: true },
      bad: { __typename: 'Refused', why: 'too many' },
    },
  },
  {
    what: 'mutations of two subgraphs, __typename between them',
    subgraphs: cart,
    query:
      'mutation { a: rename(id: 1, name: "new") { name shop { city } } t: __typename b: order(no: 1) { lines { product { name } } } }',
    data: {
      a: { name: 'new', shop: { city: 'Hangzhou' } },
      t: 'Mutation',
      b: { lines: [{ product: { name: 'n1' } }, { product: { name: 'n9' } }] },
    },
  },
]

test.each(followed)('what a mutation gives is followed: $what', holds)

test('one after another, though the first takes longer and the second needs nothing of it', async () => {
  const { sources, log } = ledger()
  const slow = async (_: unknown, { id }: { id: string }) => {
    log.push(`begin ${id}`)
    for (let turn = 0; turn < 20; turn++) await null
    log.push(`end ${id}`)
    return { id }
  }
  const { query } = world({
    a: { ...sources.a!, resolvers: { ...sources.a!.resolvers, Mutation: { addA: slow } } },
    b: { ...sources.b!, resolvers: { ...sources.b!.resolvers, Mutation: { addB: slow } } },
  })
  await query('mutation { addA(id: 1) { id } addB(id: 2) { id } again: addA(id: 3) { id } }')
  expect(log).toEqual(['begin 1', 'end 1', 'begin 2', 'end 2', 'begin 3', 'end 3'])
})

test('a follow-up fetch that fails is told where it belongs, and later mutations run', async () => {
  const { sources, log } = ledger()
  const { query } = world({
    a: sources.a!,
    b: {
      ...sources.b!,
      resolvers: {
        ...sources.b!.resolvers,
        Item: {
          seenB: () => {
            throw new Error('not seen')
          },
        },
      },
    },
  })
  const answer = await query('mutation { one: addA(id: 1) { id s: seenB } two: addB(id: 2) { id } }')
  expect(answer.data).toEqual({ one: null, two: { id: '2' } })
  expect(answer.errors).toMatchObject([{ message: 'not seen', path: ['one', 's'], service: 'b' }])
  expect(log).toEqual(['1', '2'])
})

test('a follow-up fetch that makes a non-null mutation null ends the operation', async () => {
  const { sources, log } = ledger()
  const made = world(sources)
  made.clients.delete('b')
  const answer = await made.query('mutation { mustA(id: 1) { seenB } addA(id: 2) { id } }')
  expect(answer.data).toBeNull()
  expect(answer.errors).toMatchObject([{ code: 'SUBGRAPH_UNREACHABLE', path: ['mustA', 'seenB'] }])
  expect(log).toEqual(['1'])
})
