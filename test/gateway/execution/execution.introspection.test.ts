import { buildClientSchema, getIntrospectionQuery, type IntrospectionQuery, printSchema } from 'graphql'
import { expect, test } from 'vitest'
import { type Case, holds } from './cases.ts'
import { type SubgraphSource, world } from './world.ts'

/** Two subgraphs with a description, a deprecation, and something hidden of every kind. */
const shop: Record<string, SubgraphSource> = {
  catalog: {
    sdl: `
      type Query {
        "Finds a product."
        product(id: ID!, secret: Int @inaccessible): Product
        old: Int @deprecated(reason: "use product")
        hidden: Hidden @inaccessible
      }
      "What is sold."
      type Product @key(fields: "id") { id: ID!  name: String  price: Int @inaccessible  color: Color }
      enum Color { RED  GREEN @deprecated  UV @inaccessible }
      type Hidden @inaccessible { x: Int }`,
    resolvers: { Query: { product: () => ({ id: 'p1', name: 'Tea', color: 'RED' }) } },
  },
  stock: {
    sdl: `
      type Mutation { count(of: Counted!): Int }
      input Counted { id: ID!  by: String = "hand"  hint: String @inaccessible }
      type Product @key(fields: "id") { id: ID!  left: Int  price: Int @external  worth: Int @requires(fields: "price") }`,
    resolvers: { Product: { left: () => 3 }, Mutation: { count: () => 3 } },
  },
}

const named = (...names: string[]) => names.map(name => ({ name }))

const alone: readonly Case[] = [
  {
    what: '__schema and __typename',
    subgraphs: shop,
    query: '{ __typename __schema { queryType { name } mutationType { name } subscriptionType { name } } }',
    data: {
      __typename: 'Query',
      __schema: { queryType: { name: 'Query' }, mutationType: { name: 'Mutation' }, subscriptionType: null },
    },
    sent: [],
  },
  {
    what: '__type: descriptions, deprecations, defaults',
    subgraphs: shop,
    query: `{
      product: __type(name: "Product") { description kind }
      query: __type(name: "Query") { fields(includeDeprecated: true) { name description isDeprecated deprecationReason } }
      input: __type(name: "Counted") { inputFields { name defaultValue type { kind ofType { name } } } } }`,
    data: {
      product: { description: 'What is sold.', kind: 'OBJECT' },
      query: {
        fields: [
          {
            name: 'product',
            description: 'Finds a product.',
            isDeprecated: false,
            deprecationReason: null,
          },
          { name: 'old', description: null, isDeprecated: true, deprecationReason: 'use product' },
        ],
      },
      input: {
        inputFields: [
          { name: 'id', defaultValue: null, type: { kind: 'NON_NULL', ofType: { name: 'ID' } } },
          { name: 'by', defaultValue: '"hand"', type: { kind: 'SCALAR', ofType: null } },
        ],
      },
    },
    sent: [],
  },
]

const hidden: readonly Case[] = [
  {
    what: 'a type',
    subgraphs: shop,
    query: '{ __type(name: "Hidden") { name } }',
    data: { __type: null },
  },
  {
    what: 'fields and arguments',
    subgraphs: shop,
    query:
      '{ query: __type(name: "Query") { fields { name args { name } } } product: __type(name: "Product") { fields { name } } }',
    data: {
      query: { fields: [{ name: 'product', args: named('id') }] },
      product: { fields: named('id', 'name', 'color', 'left', 'worth') },
    },
  },
  {
    what: 'enum values and input fields',
    subgraphs: shop,
    query:
      '{ color: __type(name: "Color") { enumValues(includeDeprecated: true) { name } } input: __type(name: "Counted") { inputFields { name } } }',
    data: {
      color: { enumValues: named('RED', 'GREEN') },
      input: { inputFields: named('id', 'by') },
    },
  },
  {
    what: "what is federation's: _entities, _service, join types",
    subgraphs: shop,
    query:
      '{ any: __type(name: "_Any") { name } entity: __type(name: "_Entity") { name } graph: __type(name: "join__Graph") { name } fieldSet: __type(name: "join__FieldSet") { name } }',
    data: { any: null, entity: null, graph: null, fieldSet: null },
  },
]

const mixed: readonly Case[] = [
  {
    what: 'at the place where the client wrote it, under its alias',
    subgraphs: shop,
    query:
      '{ a: __type(name: "Color") { kind } product(id: 1) { left } s: __schema { queryType { n: name } } t: __typename }',
    data: {
      a: { kind: 'ENUM' },
      product: { left: 3 },
      s: { queryType: { n: 'Query' } },
      t: 'Query',
    },
    sent: [['catalog'], ['stock', [{ __typename: 'Product', id: 'p1' }]]],
  },
  {
    what: 'twice under different aliases, merged under one, through fragments',
    subgraphs: shop,
    query: `{ ...Q product(id: 1) { name } __schema { ...S } one: __type(name: "Color") { name } }
      fragment Q on Query { __schema { queryType { name } } two: __type(name: "Product") { name } }
      fragment S on __Schema { mutationType { ...T } }
      fragment T on __Type { name kind }`,
    data: {
      __schema: { queryType: { name: 'Query' }, mutationType: { name: 'Mutation', kind: 'OBJECT' } },
      two: { name: 'Product' },
      product: { name: 'Tea' },
      one: { name: 'Color' },
    },
  },
  {
    what: 'by variables, under conditions at every level',
    subgraphs: shop,
    query: `query ($type: String!, $deprecated: Boolean = true, $no: Boolean!) {
      __type(name: $type) { name @skip(if: $no) enumValues(includeDeprecated: $deprecated) { name d: isDeprecated @include(if: $no) } }
      __schema @include(if: $no) { types { name } }
      product(id: 1) { color } }`,
    variables: { type: 'Color', no: false },
    data: {
      __type: { name: 'Color', enumValues: named('RED', 'GREEN') },
      product: { color: 'RED' },
    },
  },
  {
    what: 'of a mutation: the name of its type',
    subgraphs: shop,
    query: 'mutation { count(of: { id: 1 }) t: __typename }',
    data: { count: 3, t: 'Mutation' },
    sent: [['stock']],
  },
]

test.each(alone)('alone, no subgraph is asked: $what', holds)
test.each(hidden)('not shown: $what', holds)
test.each(mixed)('beside data: $what', holds)

test('the whole API schema, by the query that every tool sends', async () => {
  const { query, supergraph, sent } = world(shop)
  const { data, errors } = await query(
    getIntrospectionQuery({ specifiedByUrl: true, inputValueDeprecation: true }),
  )
  expect([errors, sent]).toEqual([[], []])
  expect(printSchema(buildClientSchema(data as IntrospectionQuery))).toBe(printSchema(supergraph.apiSchema))
})
