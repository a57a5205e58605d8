import { expect, test } from 'vitest'
import { byId, type Case, holds } from './cases.ts'
import { type SubgraphSource, world } from './world.ts'

const products = [
  { id: 'p1', name: 'Milk tea', weight: 2, shop: { id: 's1', tag: 'a' } },
  { id: 'p2', name: 'Peach', weight: 5, shop: { id: 's2', tag: 'b' } },
]

/** catalog knows products, stock their numbers: the smallest graph with an entity. */
const catalogAndStock: Record<string, SubgraphSource> = {
  catalog: {
    sdl: `
      type Query { products: [Product!]!  product(id: ID!): Product }
      type Product @key(fields: "id") { id: ID!  name: String!  weight: Int! }`,
    resolvers: {
      Query: {
        products: () => products,
        product: (_: unknown, { id }: { id: string }) => byId(products)({ id }),
      },
      Product: { __resolveReference: byId(products) },
    },
  },
  stock: {
    sdl: `type Product @key(fields: "id") { id: ID!  inStock(warehouse: String): Int  label: String }`,
    resolvers: {
      Product: {
        inStock: ({ id }: { id: string }, { warehouse }: { warehouse?: string }) =>
          id === 'p1' ? (warehouse === 'north' ? 7 : 3) : 0,
        label: ({ id }: { id: string }) => `label of ${id}`,
      },
    },
  },
}

const media: Record<string, SubgraphSource> = {
  library: {
    sdl: `
      type Query { media: [Media]  shelves: [[Media!]!]!  search: [Hit!]! }
      interface Media { id: ID!  title: String }
      union Hit = Book | Film | Author
      type Book implements Media @key(fields: "id") { id: ID!  title: String  pages: Int }
      type Film implements Media @key(fields: "id") { id: ID!  title: String  minutes: Int }
      type Author { name: String }`,
    resolvers: {
      Query: {
        media: () => [
          { __typename: 'Book', id: '1', title: 'Tea', pages: 90 },
          null,
          { __typename: 'Film', id: '1', title: 'Peach', minutes: 100 },
        ],
        shelves: () => [
          [{ __typename: 'Film', id: '1', title: 'Peach' }],
          [],
          [
            { __typename: 'Book', id: '1', title: 'Tea' },
            { __typename: 'Film', id: '2', title: 'Rain' },
          ],
        ],
        search: () => [
          { __typename: 'Author', name: 'Lu' },
          { __typename: 'Film', id: '2', title: 'Rain' },
        ],
      },
      Media: { __resolveType: (value: { __typename: string }) => value.__typename },
      Hit: { __resolveType: (value: { __typename: string }) => value.__typename },
    },
  },
  ratings: {
    sdl: `
      type Book @key(fields: "id") { id: ID!  stars: Int }
      type Film @key(fields: "id") { id: ID!  stars: Int  votes(since: Int): Int }`,
    resolvers: {
      Book: { stars: () => 4 },
      Film: {
        stars: ({ id }: { id: string }) => Number(id),
        votes: (_: unknown, { since }: { since?: number }) => since ?? 0,
      },
    },
  },
}

const cases: readonly Case[] = [
  {
    what: 'an interface with members in another subgraph, fragments by runtime type, __typename and aliases of it',
    subgraphs: media,
    query: `{ kind: __typename media { t: __typename id ...B ... on Film { stars n: votes(since: 2020) } } }
      fragment B on Book { pages stars }`,
    data: {
      kind: 'Query',
      media: [{ t: 'Book', id: '1', pages: 90, stars: 4 }, null, { t: 'Film', id: '1', stars: 1, n: 2020 }],
    },
  },
  {
    what: 'lists of lists of an abstract type',
    subgraphs: media,
    query: '{ shelves { title ... on Film { stars } } }',
    data: { shelves: [[{ title: 'Peach', stars: 1 }], [], [{ title: 'Tea' }, { title: 'Rain', stars: 2 }]] },
  },
  {
    what: 'a union, a fragment on an interface within it, one that matches nothing',
    subgraphs: media,
    query: '{ search { __typename ... on Media { title } ... on Book { pages } ... on Author { name } } }',
    data: {
      search: [
        { __typename: 'Author', name: 'Lu' },
        { __typename: 'Film', title: 'Rain' },
      ],
    },
  },
  {
    what: '@skip and @include, literal',
    subgraphs: catalogAndStock,
    query: `{ product(id: "p1") { name @skip(if: true) weight @include(if: true) label @include(if: false)
      ... @skip(if: false) { id } ...F @include(if: false) } }
      fragment F on Product { name }`,
    data: { product: { weight: 2, id: 'p1' } },
  },
  {
    what: '@interfaceObject: fields of an interface that another subgraph adds',
    subgraphs: {
      media: {
        sdl: `type Query { all: [Media!]! }
          interface Media @key(fields: "id") { id: ID! }
          type Book implements Media @key(fields: "id") { id: ID!  pages: Int }
          type Film implements Media @key(fields: "id") { id: ID! }`,
        resolvers: {
          Query: {
            all: () => [
              { __typename: 'Book', id: '1', pages: 9 },
              { __typename: 'Film', id: '2' },
            ],
          },
          Media: { __resolveType: (value: { __typename: string }) => value.__typename },
        },
      },
      reviews: {
        sdl: `type Query { newest: Media }
          type Media @key(fields: "id") @interfaceObject { id: ID!  stars: Int! }`,
        resolvers: {
          Query: { newest: () => ({ id: '2', stars: 2 }) },
          Media: { stars: ({ id }: { id: string }) => Number(id) },
        },
      },
    },
    query: '{ all { __typename stars ... on Book { pages } } newest { id stars } }',
    data: {
      all: [
        { __typename: 'Book', stars: 1, pages: 9 },
        { __typename: 'Film', stars: 2 },
      ],
      newest: { id: '2', stars: 2 },
    },
  },
]

test.each(cases)('$what', holds)

test('introspection mixed with data, aliased, by variable and under conditions', async () => {
  const { query } = world(catalogAndStock)
  const text = `query ($type: String!, $no: Boolean!) {
    a: __type(name: $type) { name fields { name } }
    product(id: "p1") { label }
    __schema @include(if: $no) { types { name } }
    __schema { queryType { ...T } }
  }
  fragment T on __Type { name }`
  expect(await query(text, { type: 'Product', no: false })).toEqual({
    data: {
      a: {
        name: 'Product',
        fields: ['id', 'name', 'weight', 'inStock', 'label'].map(name => ({ name })).sort(),
      },
      product: { label: 'label of p1' },
      __schema: { queryType: { name: 'Query' } },
    },
    errors: [],
  })
})

test('introspection alone asks no subgraph', async () => {
  const { query, sent } = world(catalogAndStock)
  expect((await query('{ __typename __schema { queryType { name } } }')).data).toEqual({
    __typename: 'Query',
    __schema: { queryType: { name: 'Query' } },
  })
  expect(sent).toEqual([])
})
