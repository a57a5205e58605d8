import { expect, test } from 'vitest'
import { type SubgraphSource, world } from './world.ts'

type Entity = Record<string, unknown>

/** The planner itself aborts the process, or finds no plan, over each of these. */
const cases: readonly {
  what: string
  subgraphs: Readonly<Record<string, SubgraphSource>>
  query: string
  data: unknown
}[] = [
  {
    what: 'of a type that its subgraph knows by more keys than the one that gives it',
    subgraphs: {
      a: {
        sdl: 'type Query { t: T }  type T @key(fields: "id") { id: ID!  grade: String }',
        resolvers: { Query: { t: () => ({ id: '1', grade: 'A' }) } },
      },
      b: {
        sdl: `type T @key(fields: "id") @key(fields: "code") {
          id: ID!  code: String!  grade: String @external  calc: String @requires(fields: "grade") }`,
        resolvers: { T: { code: () => 'c', calc: ({ grade }: Entity) => `calc ${grade}` } },
      },
    },
    query: '{ t { calc } }',
    data: { t: { calc: 'calc A' } },
  },
  {
    what: 'of which the subgraph is reached through another one',
    subgraphs: {
      a: {
        sdl: 'type Query { t: T }  type T @key(fields: "id") { id: ID!  box: Box }  type Box { w: Int }',
        resolvers: { Query: { t: () => ({ id: '1', box: { w: 3 } }) } },
      },
      b: {
        sdl: 'type T @key(fields: "id") @key(fields: "code") { id: ID!  code: String! }',
        resolvers: { T: { code: ({ id }: Entity) => `c${id}` } },
      },
      c: {
        sdl: `type T @key(fields: "code") { code: String!  box: Box @external  calc: String @requires(fields: "box { w }") }
          type Box { w: Int @external }`,
        resolvers: { T: { calc: ({ code, box }: Entity) => `${code} ${(box as Entity).w}` } },
      },
    },
    query: '{ t { calc } }',
    data: { t: { calc: 'c1 3' } },
  },
  {
    what: 'that requires another field with @requires, which requires one of the first subgraph, over several hops',
    subgraphs: {
      a: {
        sdl: `type Query { t: T }  type T @key(fields: "id") {
          id: ID!  base: Int  calc: String @external  last: String @requires(fields: "calc") }`,
        resolvers: {
          Query: { t: () => ({ id: '1' }) },
          T: { base: () => 7, last: ({ calc }: Entity) => `last ${calc}` },
        },
      },
      b: {
        sdl: 'type T @key(fields: "id") @key(fields: "code") { id: ID!  code: String! }',
        resolvers: {
          T: {
            code: ({ id }: Entity) => `c${id}`,
            id: ({ id, code }: Entity) => id ?? String(code).slice(1),
          },
        },
      },
      c: {
        sdl: 'type T @key(fields: "code") { code: String!  base: Int @external  calc: String @requires(fields: "base") }',
        resolvers: { T: { calc: ({ base }: Entity) => `calc ${base}` } },
      },
    },
    query: '{ t { last } }',
    data: { t: { last: 'last calc 7' } },
  },
  {
    what: 'within an object of the same type, through an interface',
    subgraphs: {
      a: {
        sdl: `type Query { t: T }  interface I { id: ID!  next: I }
          type T implements I @key(fields: "id") { id: ID!  next: I  grade: String }`,
        resolvers: {
          Query: { t: () => ({ id: '1' }) },
          T: { next: () => ({ __typename: 'T', id: '2' }), grade: ({ id }: Entity) => `g${id}` },
          I: { __resolveType: () => 'T' },
        },
      },
      b: {
        sdl: 'type T @key(fields: "id") { id: ID!  grade: String @external  calc: String @requires(fields: "grade") }',
        resolvers: { T: { calc: ({ grade }: Entity) => `calc ${grade}` } },
      },
    },
    query: '{ t { calc next { ... on T { calc next { ... on T { calc } } } } } }',
    data: { t: { calc: 'calc g1', next: { calc: 'calc g2', next: { calc: 'calc g2' } } } },
  },
  {
    what: 'that is selected on an interface of its subgraph',
    subgraphs: {
      a: {
        sdl: `type Query { item: I }  interface I { id: ID!  calc: String }
          type T implements I @key(fields: "id") {
            id: ID!  grade: String @external  calc: String @requires(fields: "grade") }`,
        resolvers: {
          Query: { item: () => ({ __typename: 'T', id: '1' }) },
          I: { __resolveType: () => 'T' },
          T: { calc: ({ grade }: Entity) => `calc ${grade}` },
        },
      },
      b: {
        sdl: 'type T @key(fields: "id") { id: ID!  grade: String }',
        resolvers: { T: { grade: () => 'A' } },
      },
    },
    query: '{ item { calc } }',
    data: { item: { calc: 'calc A' } },
  },
]

test.each(cases)('a field with @requires $what', async ({ subgraphs, query, data }) => {
  expect(await world(subgraphs).query(query)).toEqual({ data, errors: [] })
})
