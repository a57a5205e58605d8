import { parse, validate } from 'graphql'
import { expect, test } from 'vitest'
import { compileOperationAsync } from '../../../gateway/execution/operation.ts'
import { byId, type Case, holds } from './cases.ts'
import { type SubgraphSource, world } from './world.ts'

const products = [
  { id: 'p1', name: 'Milk tea' },
  { id: 'p2', name: 'Peach' },
]

/** Fields that answer with the arguments they were given. */
const echo: Record<string, SubgraphSource> = {
  catalog: {
    sdl: `
      type Query { product(id: ID!): Product  all(ids: [ID!], by: By = { first: 3 }): [Product!]! }
      input By { first: Int = 10  kinds: [Kind!]  of: By }
      enum Kind { A B }
      type Product @key(fields: "id") { id: ID!  name: String! }`,
    resolvers: {
      Query: {
        product: (_: unknown, reference: { id: string }) => byId(products)(reference),
        all: (_: unknown, args: object) => [{ id: 'p1', name: JSON.stringify(args) }],
      },
    },
  },
  stock: {
    sdl: `type Product @key(fields: "id") { id: ID!  label: String  inStock(warehouse: String, by: By): String }
      input By { first: Int = 10  kinds: [Kind!]  of: By }
      enum Kind { A B }`,
    resolvers: {
      Product: {
        label: ({ id }: { id: string }) => `label of ${id}`,
        inStock: (_: unknown, args: object) => JSON.stringify(args),
      },
    },
  },
}

const cases: readonly Case[] = [
  {
    what: 'by variable at the root and in an entity fetch, the same field twice with other arguments',
    subgraphs: echo,
    query:
      'query ($id: ID!, $w: String) { one: product(id: $id) { inStock north: inStock(warehouse: $w) id: name } }',
    variables: { id: 'p1', w: 'north' },
    data: { one: { inStock: '{}', north: '{"warehouse":"north"}', id: 'Milk tea' } },
  },
  {
    what: "client variables named as the planner's own",
    subgraphs: echo,
    query: `query ($representations: ID!, $__batch_reps_0: String, $client_representations: [ID!]) {
      product(id: $representations) { inStock(warehouse: $__batch_reps_0) label }
      all(ids: $client_representations) { name }
    }`,
    variables: { representations: 'p1', __batch_reps_0: 'north', client_representations: ['x'] },
    data: {
      product: { inStock: '{"warehouse":"north"}', label: 'label of p1' },
      all: [{ name: '{"ids":["x"],"by":{"first":3}}' }],
    },
  },
  {
    what: 'variables named as what every object inherits',
    subgraphs: echo,
    query:
      'query ($toString: String, $constructor: ID!) { product(id: $constructor) { inStock(warehouse: $toString) } }',
    variables: { constructor: 'p1' },
    data: { product: { inStock: '{}' } },
  },
  {
    what: 'a variable inside of an input object, in lists and nested, and enum values',
    subgraphs: echo,
    query: `query ($representations: Kind!, $n: Int) {
      product(id: "p2") { inStock(by: { first: $n, kinds: [A, $representations], of: { kinds: [$representations] } }) }
    }`,
    variables: { representations: 'B', n: 2 },
    data: {
      product: { inStock: '{"by":{"first":2,"kinds":["A","B"],"of":{"first":10,"kinds":["B"]}}}' },
    },
  },
  {
    what: 'a variable left out stays left out, null stays null, a default is sent',
    subgraphs: echo,
    query: `query ($w: String, $null: String, $default: String = "south") {
      product(id: "p1") { a: inStock(warehouse: $w) b: inStock(warehouse: $null) c: inStock(warehouse: $default) }
    }`,
    variables: { null: null },
    data: { product: { a: '{}', b: '{"warehouse":null}', c: '{"warehouse":"south"}' } },
  },
  {
    what: 'an enum that is only given shares nothing with the other: the values of both may be given',
    subgraphs: {
      a: {
        sdl: 'type Query { a(kind: Kind): Kind }  enum Kind { BOTH HERE @inaccessible }',
        resolvers: { Query: { a: (_: unknown, { kind }: { kind: string }) => kind ?? 'HERE' } },
      },
      b: {
        sdl: 'type Query { b: Kind }  enum Kind { BOTH }',
        resolvers: { Query: { b: () => 'BOTH' } },
      },
    },
    query: '{ a(kind: BOTH) b hidden: a }',
    data: { a: 'BOTH', b: 'BOTH', hidden: null },
    errors: [['Expected a value of enum Kind for Query.a, got a string', ['hidden']]],
  },
]

test.each(cases)('$what', holds)

test('what only one subgraph knows of an input or an enum is refused before any subgraph is asked', async () => {
  const { supergraph, query } = world({
    a: {
      sdl: 'type Query { a(in: In!, kind: Kind): String }  input In { first: Int!  offset: Int }  enum Kind { X Y }',
      resolvers: { Query: { a: (_: unknown, args: object) => JSON.stringify(args) } },
    },
    b: {
      sdl: 'type Query { b(in: In, kind: Kind): String }  input In { first: Int! }  enum Kind { Y Z }',
    },
  })
  const problemsOf = (text: string) =>
    validate(supergraph.apiSchema, parse(text)).map(({ message }) => message)
  expect(problemsOf('{ a(in: { first: 1, offset: 2 }) }')).toEqual([
    'Field "offset" is not defined by type "In".',
  ])
  expect(problemsOf('{ a(in: { first: 1 }, kind: X) }')).toEqual([
    expect.stringContaining('Value "X" does not exist in "Kind" enum.'),
  ])
  const byVariable = 'query ($in: In!, $kind: Kind) { a(in: $in, kind: $kind) }'
  await expect(query(byVariable, { in: { first: 1, offset: 2 } })).rejects.toThrow(
    'Variable "$in" got invalid value { first: 1, offset: 2 }; Field "offset" is not defined by type "In".',
  )
  await expect(query(byVariable, { in: { first: 1 }, kind: 'Z' })).rejects.toThrow(
    'Variable "$kind" got invalid value "Z"; Value "Z" does not exist in "Kind" enum.',
  )
  expect(await query(byVariable, { in: { first: 1 }, kind: 'Y' })).toEqual({
    data: { a: '{"in":{"first":1},"kind":"Y"}' },
    errors: [],
  })
})

test('a block string arrives as it is, blanks and lines, and is on one line on its way', async () => {
  const w = world(echo)
  const block = '"""\n  x\n    y \n\n  z \\""" \\n\n"""'
  const query = `query ($v: String = ${block}) { product(id: "p1") { ... { inStock(warehouse: ${block}) } also: inStock(warehouse: $v) } }`
  const warehouse = 'x\n  y \n\nz """ \\n'
  const { data, errors } = await w.query(query)
  expect(errors).toEqual([])
  expect(data).toEqual({
    product: { inStock: JSON.stringify({ warehouse }), also: JSON.stringify({ warehouse }) },
  })
  for (const { operation } of w.sent) expect(operation).not.toContain('"""')
})

test('no block string reaches whoever plans: printed again and again, its lines would grow with their depth', async () => {
  const { supergraph } = world(echo)
  const lines = `"""${'\nx'.repeat(100)}"""`
  const text = `query ($v: String = ${lines}) { product(id: "p1") { ...F a: inStock(warehouse: $v) } } fragment F on Product { inStock(warehouse: ${lines}) }`
  const planned: string[] = []
  const plan = async ({ text }: { text: string }): Promise<never> => {
    planned.push(text)
    throw new Error('enough')
  }
  await expect(
    compileOperationAsync(supergraph, parse(text), { plan, planEagerly: plan, isEager: true }),
  ).rejects.toThrow('enough')
  expect(planned).toHaveLength(1)
  expect(planned[0]).not.toContain('"""')
  expect(planned[0]!.split('\n').length).toBeLessThan(20)
})
