import { parse } from 'graphql'
import { expect, test } from 'vitest'
import { compileOperation } from '../../../gateway/execution/operation.ts'
import { ANONYMOUS } from '../../../protocol/caller.ts'
import { nowMs } from '../../../protocol/deadline.ts'
import { Fault } from '../../../protocol/fault.ts'
import type { SubgraphAnswer, SubgraphClient } from '../../../protocol/subgraph-client.ts'
import { type Answer, deepFreeze, type SubgraphSource, type World, world } from './world.ts'

const shop: Record<string, SubgraphSource> = {
  catalog: {
    sdl: `
      type Query { products: [Product!]!  top: Product  must: Product! }
      type Product @key(fields: "id") { id: ID!  name: String  shop: Shop }
      type Shop @key(fields: "id") { id: ID! }`,
    resolvers: {
      Query: {
        products: () => ['1', '2', '3'].map(id => ({ id, shop: { id: 's' } })),
        top: () => ({ id: '2', shop: { id: 's' } }),
        must: () => ({ id: '1' }),
      },
      Product: {
        name: ({ id }: { id: string }) => {
          if (id === '2')
            throw Object.assign(new Error('no name'), { extensions: { code: 'NAMELESS', hint: 'x' } })
          return `n${id}`
        },
      },
    },
  },
  stock: {
    sdl: `
      type Product @key(fields: "id") { id: ID!  left: Int  exact: Int!  note: String }
      type Shop @key(fields: "id") { id: ID!  city: String }`,
    resolvers: {
      Product: {
        __resolveReference: ({ id }: { id: string }) => (id === '3' ? null : { id }),
        left: ({ id }: { id: string }) => Number(id) * 10,
        exact: ({ id }: { id: string }) => {
          if (id === '2') throw new Error('not counted')
          return Number(id)
        },
      },
      Shop: { city: () => 'Hangzhou' },
    },
  },
}

/** Errors come in no order that means anything. */
const byPath = ({ errors }: Answer) => [...errors].sort((a, b) => (String(a.path) < String(b.path) ? -1 : 1))

/** A client that gives `answer` whatever it is asked. */
function answering(w: World, name: string, answer: SubgraphAnswer | Fault | (() => unknown)): void {
  const client: SubgraphClient = {
    name,
    async execute() {
      if (answer instanceof Fault) throw answer
      return (typeof answer === 'function' ? answer() : deepFreeze(answer)) as SubgraphAnswer
    },
    ready: async () => {},
    close: async () => {},
  }
  w.clients.set(name, client)
}

test("a field's error inside a list keeps its index, the subgraph's code and the client's alias", async () => {
  const { query } = world(shop)
  const answer = await query('{ list: products { title: name } }')
  expect(answer).toEqual({
    data: { list: [{ title: 'n1' }, { title: null }, { title: 'n3' }] },
    errors: [{ message: 'no name', path: ['list', 1, 'title'], code: 'NAMELESS', service: 'catalog' }],
  })
})

test("an entity's error is reported at every place where the entity stands", async () => {
  const { query } = world(shop)
  const answer = await query('{ top { name } again: top { title: name shop { id } } }')
  expect(answer.data).toEqual({ top: { name: null }, again: { title: null, shop: { id: 's' } } })
  const counted = await query('{ top { amount: exact } other: top { exact } }')
  expect({ ...counted, errors: byPath(counted) }).toEqual({
    data: { top: null, other: null },
    errors: [
      ['other', 'exact'],
      ['top', 'amount'],
    ].map(path => ({ message: 'not counted', path, code: 'SUBGRAPH_ERROR', service: 'stock' })),
  })
})

test('an entity that comes back null leaves nulls, without an error where null is allowed', async () => {
  const { query } = world(shop)
  expect(await query('{ products { id left } }')).toEqual({
    data: {
      products: [
        { id: '1', left: 10 },
        { id: '2', left: 20 },
        { id: '3', left: null },
      ],
    },
    errors: [],
  })
})

test('a subgraph that is down: its fields are null, everything else arrives, one error a place', async () => {
  const w = world(shop)
  answering(w, 'stock', new Fault('SUBGRAPH_UNREACHABLE', 'stock cannot be reached', { retryAfterMs: 5 }))
  const answer = await w.query('{ products { id left } top { id shop { id city } } }')
  expect({ ...answer, errors: byPath(answer) }).toEqual({
    data: {
      products: [
        { id: '1', left: null },
        { id: '2', left: null },
        { id: '3', left: null },
      ],
      top: { id: '2', shop: { id: 's', city: null } },
    },
    errors: [
      ['products', 0, 'left'],
      ['products', 1, 'left'],
      ['products', 2, 'left'],
      ['top', 'shop', 'city'],
    ].map(path => ({
      message: 'stock cannot be reached',
      path,
      code: 'SUBGRAPH_UNREACHABLE',
      service: 'stock',
    })),
  })
})

test('errors of one failed fetch are bounded', async () => {
  const w = world({
    ...shop,
    catalog: {
      ...shop.catalog!,
      resolvers: { Query: { products: () => Array.from({ length: 500 }, (_, i) => ({ id: `${i}` })) } },
    },
  })
  answering(w, 'stock', new Fault('SUBGRAPH_TIMEOUT', 'late'))
  expect((await w.query('{ products { left } }')).errors).toHaveLength(20)
  expect((await w.query('{ products { left } }', {}, { errorsMax: 3 })).errors).toHaveLength(3)
})

test('a root fetch without an answer: null where null is allowed', async () => {
  const w = world(shop)
  answering(w, 'catalog', new Fault('SUBGRAPH_TIMEOUT', 'late'))
  expect(await w.query('{ t: top { name } }')).toEqual({
    data: { t: null },
    errors: [{ message: 'late', path: ['t'], code: 'SUBGRAPH_TIMEOUT', service: 'catalog' }],
  })
})

test('null for a non-null field goes up to the nearest nullable place', async () => {
  const { query } = world(shop)
  expect(await query('{ top { id exact } }')).toEqual({
    data: { top: null },
    errors: [{ message: 'not counted', path: ['top', 'exact'], code: 'SUBGRAPH_ERROR', service: 'stock' }],
  })
  expect(await query('{ must { id exact } }')).toEqual({ data: { must: { id: '1', exact: 1 } }, errors: [] })
})

test('null for a non-null field that no subgraph explained is explained here', async () => {
  const w = world(shop)
  answering(w, 'stock', { data: { _entities: [null] } })
  const answer = await w.query('{ must { id exact } }')
  expect(answer).toEqual({
    data: null,
    errors: [
      {
        message: 'Cannot return null for non-nullable field Product.exact',
        path: ['must', 'exact'],
        code: 'SUBGRAPH_BAD_ANSWER',
        service: undefined,
      },
    ],
  })
})

test.each([
  { what: 'neither data nor errors', answer: {} },
  { what: 'data that is a list', answer: { data: [] } },
  { what: 'no object at all', answer: () => 'hello' },
  { what: 'fewer entities than were asked for', answer: { data: { _entities: [{ left: 1 }] } } },
  { what: 'entities that are no list', answer: { data: { _entities: { 0: { left: 1 } } } } },
  { what: 'errors that are no list', answer: { data: null, errors: { message: 'x' } } },
] as { what: string; answer: SubgraphAnswer | (() => unknown) }[])(
  'a bad answer: $what',
  async ({ answer }) => {
    const w = world(shop)
    answering(w, 'stock', answer)
    const { data, errors } = await w.query('{ products { id left } }')
    expect(data).toEqual({ products: ['1', '2', '3'].map(id => ({ id, left: null })) })
    expect(errors.map(({ code, service, path }) => [code, service, path])).toEqual(
      [0, 1, 2].map(i => ['SUBGRAPH_BAD_ANSWER', 'stock', ['products', i, 'left']]),
    )
  },
)

test.each([
  { what: 'no path', errors: [{ message: 'broken' }] },
  { what: 'a path that leads nowhere', errors: [{ message: 'broken', path: ['_entities', 99, 'left'] }] },
  { what: 'a path that is no list', errors: [{ message: 'broken', path: 'left' }] },
])('errors without data, $what, stand at every place', async ({ errors }) => {
  const w = world(shop)
  answering(w, 'stock', { data: null, errors } as unknown as SubgraphAnswer)
  const answer = await w.query('{ products { left } }')
  expect(answer.errors).toEqual(
    [0, 1, 2].map(i => ({
      message: 'broken',
      path: ['products', i, 'left'],
      code: 'SUBGRAPH_ERROR',
      service: 'stock',
    })),
  )
})

test('an error of a field that the gateway fetched for itself is reported at the object it belongs to', async () => {
  const w = world({
    a: {
      sdl: 'type Query { p: P }  type P @key(fields: "id") { id: ID!  secret: Int }',
      resolvers: {
        Query: { p: () => ({ id: '1' }) },
        P: {
          secret: () => {
            throw new Error('hidden')
          },
        },
      },
    },
    b: {
      sdl: 'type P @key(fields: "id") { id: ID!  secret: Int @external  shown: String @requires(fields: "secret") }',
      resolvers: { P: { shown: ({ secret }: { secret: number | null }) => `secret ${secret}` } },
    },
  })
  expect(await w.query('{ p { shown } }')).toEqual({
    data: { p: { shown: 'secret null' } },
    errors: [{ message: 'hidden', path: ['p'], code: 'SUBGRAPH_ERROR', service: 'a' }],
  })
})

test('a required field that its subgraph could not deliver is not sent as null', async () => {
  const w = world({
    a: {
      sdl: 'type Query { p: P }  type P @key(fields: "id") { id: ID! }',
      resolvers: { Query: { p: () => ({ id: '1' }) } },
    },
    prices: { sdl: 'type P @key(fields: "id") { id: ID!  price: Int }' },
    b: {
      sdl: 'type P @key(fields: "id") { id: ID!  price: Int @external  total: Int @requires(fields: "price") }',
      resolvers: { P: { total: ({ price }: { price: number | null }) => (price ?? 0) + 5 } },
    },
  })
  answering(w, 'prices', new Fault('SUBGRAPH_TIMEOUT', 'late'))
  const answer = await w.query('{ p { id total } }')
  expect(answer.data).toEqual({ p: { id: '1', total: null } })
  expect(answer.errors).toMatchObject([{ code: 'SUBGRAPH_TIMEOUT', service: 'prices', path: ['p'] }])
  expect(w.sent.map(({ subgraph }) => subgraph)).toEqual(['a'])
})

test('an entity whose key is null is not asked for', async () => {
  const w = world({
    a: {
      sdl: 'type Query { ps: [P] }  type P @key(fields: "id") { id: ID  }',
      resolvers: { Query: { ps: () => [{ id: null }, { id: '1' }] } },
    },
    b: { sdl: 'type P @key(fields: "id") { id: ID  n: String }', resolvers: { P: { n: () => 'n' } } },
  })
  expect((await w.query('{ ps { n } }')).data).toEqual({ ps: [{ n: null }, { n: 'n' }] })
  expect(w.sent.at(-1)?.variables).toEqual({ representations: [{ __typename: 'P', id: '1' }] })
})

const typed: Record<string, SubgraphSource> = {
  a: {
    sdl: `
      type Query { t: T  hit: Hit  hits: [Hit]  grid: [[Int!]]! }
      type T { int: Int  float: Float  text: String  yes: Boolean  id: ID  color: Color  colors: [Color!]  any: Any  o: T }
      enum Color { RED  GREEN @inaccessible }
      scalar Any
      union Hit = Open | Hidden
      type Open { x: Int }
      type Hidden @inaccessible { x: Int }`,
  },
}

test.each([
  { field: 'int', value: 1.5, message: 'Expected an Int for T.int, got 1.5' },
  { field: 'int', value: 2 ** 31, message: 'Expected an Int for T.int, got 2147483648' },
  { field: 'int', value: '1', message: 'Expected an Int for T.int, got a string' },
  { field: 'float', value: 'x', message: 'Expected a Float for T.float, got a string' },
  { field: 'text', value: 1, message: 'Expected a String for T.text, got 1' },
  { field: 'yes', value: 1, message: 'Expected a Boolean for T.yes, got 1' },
  { field: 'id', value: {}, message: 'Expected an ID for T.id, got an object' },
  { field: 'color', value: 'BLUE', message: 'Expected a value of enum Color for T.color, got a string' },
  { field: 'color', value: 'GREEN', message: 'Expected a value of enum Color for T.color, got a string' },
  { field: 'colors', value: 'RED', message: 'Expected a list for T.colors, got a string' },
  {
    field: 'colors',
    value: ['RED', 'GREEN'],
    message: 'Expected a value of enum Color for T.colors, got a string',
    at: 1,
  },
  { field: 'o { int }', value: [], message: 'Expected an object for T.o, got a list' },
])('a value of the wrong type: $field = $value', async ({ field, value, message, at }) => {
  const w = world(typed)
  const name = field.split(' ')[0]!
  answering(w, 'a', { data: { t: { [name]: value } } })
  expect(await w.query(`{ t { ${field} } }`)).toEqual({
    data: { t: { [name]: null } },
    errors: [
      {
        message,
        path: ['t', name, ...(at === undefined ? [] : [at])],
        code: 'SUBGRAPH_BAD_ANSWER',
        service: undefined,
      },
    ],
  })
})

test('values of the right type pass as they are, ids as strings, custom scalars untouched', async () => {
  const w = world(typed)
  const any = { deep: [1, { x: null }] }
  answering(w, 'a', { data: { t: { int: 1, float: 1, text: '', yes: false, id: 7, color: 'RED', any } } })
  expect((await w.query('{ t { int float text yes id color any } }')).data).toEqual({
    t: { int: 1, float: 1, text: '', yes: false, id: '7', color: 'RED', any },
  })
})

test('an object of an inaccessible or unknown type is null with an error', async () => {
  const w = world(typed)
  answering(w, 'a', {
    data: { hits: [{ __typename: 'Hidden', x: 1 }, { __typename: 'Open', x: 2 }, { __typename: 'Nope' }] },
  })
  const answer = await w.query('{ hits { ... on Open { x } } }')
  expect(answer.data).toEqual({ hits: [null, { x: 2 }, null] })
  expect(answer.errors.map(({ path, code }) => [path, code])).toEqual([
    [['hits', 0], 'SUBGRAPH_BAD_ANSWER'],
    [['hits', 2], 'SUBGRAPH_BAD_ANSWER'],
  ])
})

test('null inside lists of lists goes up one list', async () => {
  const w = world(typed)
  answering(w, 'a', { data: { grid: [[1, 2], [3, null], null] } })
  const answer = await w.query('{ grid }')
  expect(answer.data).toEqual({ grid: [[1, 2], null, null] })
  expect(answer.errors.map(({ path }) => path)).toEqual([['grid', 1, 1]])
})

test('more fetches than allowed are refused before any is made', async () => {
  const { query, sent } = world(shop)
  await expect(query('{ products { left } }', {}, { fetchesMax: 1 })).rejects.toMatchObject({
    code: 'MAX_FETCHES_LIMIT',
  })
  expect(sent).toEqual([])
})

test('more entities in a fetch than allowed: that fetch is left out', async () => {
  const { query, sent } = world(shop)
  const answer = await query('{ products { id left } }', {}, { entitiesMax: 2 })
  expect(answer.data).toEqual({ products: ['1', '2', '3'].map(id => ({ id, left: null })) })
  expect(answer.errors[0]).toMatchObject({ code: 'OPERATION_TOO_LARGE', path: ['products', 0, 'left'] })
  expect(sent.map(({ subgraph }) => subgraph)).toEqual(['catalog'])
})

test('a subgraph that nobody serves is unreachable', async () => {
  const w = world(shop)
  w.clients.delete('stock')
  expect((await w.query('{ top { left } }')).errors).toMatchObject([
    { code: 'SUBGRAPH_UNREACHABLE', path: ['top', 'left'], service: 'stock' },
  ])
})

test('a subgraph that is not asked for want of time may be asked again, and when', async () => {
  const { supergraph, clients, sent } = world(shop)
  const { errors } = await compileOperation(supergraph, parse('{ top { id } }')).execute({
    variables: {},
    caller: ANONYMOUS,
    deadlineMs: nowMs(),
    priority: 'BROWSE',
    clients,
  })
  expect(errors.map(({ extensions }) => extensions)).toEqual([
    { code: 'SUBGRAPH_TIMEOUT', service: 'catalog', retryAfterMs: 1_000 },
  ])
  expect(sent).toEqual([])
})

test('what is thrown and is no Fault is a defect', async () => {
  const w = world(shop)
  answering(w, 'stock', () => {
    throw new TypeError('undefined is not a function')
  })
  expect((await w.query('{ top { left } }')).errors).toMatchObject([
    { code: 'INTERNAL_SERVER_ERROR', path: ['top', 'left'], service: 'stock' },
  ])
})
