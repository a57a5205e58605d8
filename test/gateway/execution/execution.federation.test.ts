import { expect, test } from 'vitest'
import { type SubgraphSource, world } from './world.ts'

interface Case {
  readonly what: string
  readonly subgraphs: Readonly<Record<string, SubgraphSource>>
  readonly query: string
  readonly variables?: Record<string, unknown>
  readonly data: unknown
}

const byId = (rows: readonly { id: string }[]) => (reference: { id: string }) =>
  rows.find(row => row.id === reference.id) ?? null

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

const chain: Record<string, SubgraphSource> = {
  a: {
    sdl: `type Query { book: Book }  type Book @key(fields: "isbn") { isbn: ID! }`,
    resolvers: { Query: { book: () => ({ isbn: 'i1' }) } },
  },
  b: {
    sdl: `type Book @key(fields: "isbn") @key(fields: "id") { isbn: ID!  id: ID! }`,
    resolvers: { Book: { __resolveReference: ({ isbn }: { isbn: string }) => ({ isbn, id: `${isbn}-id` }) } },
  },
  c: {
    sdl: `type Book @key(fields: "id") @key(fields: "code { a b }") { id: ID!  code: Code! }  type Code { a: Int!  b: Int! }`,
    resolvers: { Book: { __resolveReference: ({ id }: { id: string }) => ({ id, code: { a: 1, b: 2 } }) } },
  },
  d: {
    sdl: `type Book @key(fields: "code { a b }") { code: Code!  pages: Int! }  type Code { a: Int! @shareable  b: Int! @shareable }`,
    resolvers: {
      Book: {
        __resolveReference: ({ code }: { code: { a: number; b: number } }) => ({
          code,
          pages: code.a * 10 + code.b,
        }),
      },
    },
  },
}

const shipping: Record<string, SubgraphSource> = {
  catalog: {
    sdl: `
      type Query { products: [Product!]! }
      type Product @key(fields: "id") { id: ID!  weight(unit: String): Int  box: Box }
      type Box { width(unit: String): Int  maker: String }`,
    resolvers: {
      Query: { products: () => [{ id: 'p1' }, { id: 'p2' }] },
      Product: {
        weight: ({ id }: { id: string }, { unit }: { unit?: string }) =>
          id === 'p1' ? (unit === 'g' ? 2000 : unit === 'kg' ? 2 : -1) : null,
        box: () => ({}),
      },
      Box: {
        width: (_: unknown, { unit }: { unit?: string }) => (unit === 'mm' ? 300 : unit === 'cm' ? 30 : -1),
        maker: () => 'Lin',
      },
    },
  },
  shipping: {
    sdl: `
      type Product @key(fields: "id") {
        id: ID!
        weight(unit: String): Int @external
        box: Box @external
        byGrams: String @requires(fields: "weight(unit: \\"g\\")")
        byKilos: String @requires(fields: "weight(unit: \\"kg\\")")
        byBox: String @requires(fields: "box { width(unit: \\"mm\\") maker }")
      }
      type Box { width(unit: String): Int @external  maker: String @external }`,
    resolvers: {
      Product: {
        byGrams: (p: { weight: number | null }) => `${p.weight}g`,
        byKilos: (p: { weight: number | null }) => `${p.weight}kg`,
        byBox: (p: { box: { width: number; maker: string } }) => `${p.box.width} by ${p.box.maker}`,
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
    what: 'a single key, over a list',
    subgraphs: catalogAndStock,
    query: '{ products { name label } }',
    data: {
      products: [
        { name: 'Milk tea', label: 'label of p1' },
        { name: 'Peach', label: 'label of p2' },
      ],
    },
  },
  {
    what: 'an argument by variable, aliases, and the same field twice with other arguments',
    subgraphs: catalogAndStock,
    query:
      'query ($id: ID!, $w: String) { one: product(id: $id) { inStock north: inStock(warehouse: $w) id: name } }',
    variables: { id: 'p1', w: 'north' },
    data: { one: { inStock: 3, north: 7, id: 'Milk tea' } },
  },
  {
    what: "a client's alias that shadows the key",
    subgraphs: catalogAndStock,
    query: '{ products { id: name  label } }',
    data: {
      products: [
        { id: 'Milk tea', label: 'label of p1' },
        { id: 'Peach', label: 'label of p2' },
      ],
    },
  },
  {
    what: "client variables named as the planner's own",
    subgraphs: catalogAndStock,
    query:
      'query ($representations: ID!, $__batch_reps_0: String) { product(id: $representations) { inStock(warehouse: $__batch_reps_0) label } }',
    variables: { representations: 'p1', __batch_reps_0: 'north' },
    data: { product: { inStock: 7, label: 'label of p1' } },
  },
  {
    what: 'an entity that does not exist',
    subgraphs: catalogAndStock,
    query: '{ product(id: "nope") { name label } }',
    data: { product: null },
  },
  {
    what: 'a key over several hops, through an intermediate subgraph, and a composite key',
    subgraphs: chain,
    query: '{ book { pages } }',
    data: { book: { pages: 12 } },
  },
  {
    what: "@requires with arguments other than the client's, each other's, and nested",
    subgraphs: shipping,
    query: '{ products { weight mine: weight(unit: "kg") byGrams byKilos box { width(unit: "cm") } byBox } }',
    data: {
      products: [
        { weight: -1, mine: 2, byGrams: '2000g', byKilos: '2kg', box: { width: 30 }, byBox: '300 by Lin' },
        {
          weight: null,
          mine: null,
          byGrams: 'nullg',
          byKilos: 'nullkg',
          box: { width: 30 },
          byBox: '300 by Lin',
        },
      ],
    },
  },
  {
    what: '@requires under @include and @skip by variable',
    subgraphs: shipping,
    query:
      'query ($no: Boolean!, $yes: Boolean!) { products { weight byGrams @skip(if: $no) byBox @include(if: $no) box @include(if: $yes) { maker } } }',
    variables: { no: false, yes: true },
    data: {
      products: [
        { weight: -1, byGrams: '2000g', box: { maker: 'Lin' } },
        { weight: null, byGrams: 'nullg', box: { maker: 'Lin' } },
      ],
    },
  },
  {
    what: '@provides, and the field from its owner elsewhere',
    subgraphs: {
      reviews: {
        sdl: `
          type Query { review: Review }
          type Review { author: User @provides(fields: "name")  editor: User }
          type User @key(fields: "id") { id: ID!  name: String @external }`,
        resolvers: {
          Query: {
            review: () => ({ author: { id: '1', name: 'provided' }, editor: { id: '1', name: 'ignored' } }),
          },
        },
      },
      users: {
        sdl: 'type User @key(fields: "id") { id: ID!  name: String @shareable  age: Int }',
        resolvers: { User: { name: () => 'owned', age: () => 30 } },
      },
    },
    query: '{ review { author { name } editor { name age } } }',
    data: { review: { author: { name: 'provided' }, editor: { name: 'owned', age: 30 } } },
  },
  {
    what: '@shareable root field, its parts from two subgraphs',
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
    what: 'a value type whose fields come from two subgraphs',
    subgraphs: {
      a: {
        sdl: `type Query { p: P }  type P @key(fields: "id") { id: ID!  size: Size @shareable }  type Size { w: Int  unit: String @shareable }`,
        resolvers: { Query: { p: () => ({ id: '1', size: { w: 3, unit: 'cm' } }) } },
      },
      b: {
        sdl: `type P @key(fields: "id") { id: ID!  size: Size @shareable }  type Size { h: Int  unit: String @shareable }`,
        resolvers: { P: { size: () => ({ h: 4, unit: 'cm' }) } },
      },
    },
    query: '{ p { size { h w unit } } }',
    data: { p: { size: { h: 4, w: 3, unit: 'cm' } } },
  },
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
    what: 'fields merged over repeated fragments, in the order of first appearance',
    subgraphs: catalogAndStock,
    query: `{ ...Q product(id: "p1") { label } }
      fragment Q on Query { product(id: "p1") { name ...P } ...R }
      fragment R on Query { product(id: "p1") { id } }
      fragment P on Product { weight name }`,
    data: { product: { name: 'Milk tea', weight: 2, id: 'p1', label: 'label of p1' } },
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
    what: 'a fully skipped operation',
    subgraphs: catalogAndStock,
    query:
      'query ($no: Boolean = false) { products @skip(if: true) { name } product(id: "p1") @include(if: $no) { name } }',
    data: {},
  },
  {
    what: 'an object of which everything is skipped',
    subgraphs: catalogAndStock,
    query: 'query ($no: Boolean!) { product(id: "p1") { name @include(if: $no) label @include(if: $no) } }',
    variables: { no: false },
    data: { product: {} },
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
    query: '{ thing { constructor valueOf toString } }',
    data: { thing: { constructor: null, valueOf: 4, toString: 'text' } },
  },
]

test.each(cases)('$what', async ({ subgraphs, query, variables, data }) => {
  const answer = await world(subgraphs).query(query, variables)
  expect(answer).toEqual({ data, errors: [] })
  expect(JSON.stringify(answer.data), 'keys in the order that the client gave').toBe(JSON.stringify(data))
})

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

test('equal representations are asked for once and their answer lands at every place', async () => {
  const { query, sent } = world({
    orders: {
      sdl: 'type Query { lines: [Line!]! }  type Line { product: Product! }  type Product @key(fields: "id") { id: ID! }',
      resolvers: { Query: { lines: () => ['1', '2', '1', '1'].map(id => ({ product: { id } })) } },
    },
    catalog: {
      sdl: 'type Product @key(fields: "id") { id: ID!  name: String!  maker: Maker! }  type Maker @key(fields: "id") { id: ID! }',
      resolvers: {
        Product: {
          name: ({ id }: { id: string }) => `n${id}`,
          maker: ({ id }: { id: string }) => ({ id: `m${id}` }),
        },
      },
    },
    makers: {
      sdl: 'type Maker @key(fields: "id") { id: ID!  city: String! }',
      resolvers: { Maker: { city: ({ id }: { id: string }) => `c-${id}` } },
    },
  })
  const line = (id: string) => ({ product: { name: `n${id}`, maker: { city: `c-m${id}` } } })
  expect((await query('{ lines { product { name maker { city } } } }')).data).toEqual({
    lines: ['1', '2', '1', '1'].map(line),
  })
  expect(sent.map(request => (request.variables.representations as unknown[] | undefined)?.length)).toEqual([
    undefined,
    2,
    2,
  ])
})

test('@requires within an object of the same type, which the planner alone cannot plan', async () => {
  const { query } = world({
    users: {
      sdl: 'type Query { user: User }  type User @key(fields: "id") { id: ID!  name(in: String): String }',
      resolvers: {
        Query: { user: () => ({ id: '1' }) },
        User: { name: ({ id }: { id: string }, args: { in?: string }) => `${id} in ${args.in}` },
      },
    },
    reviews: {
      sdl: `type User @key(fields: "id") {
          id: ID!  name(in: String): String @external  reviews: [Review!]!
          nick(n: Int): String @requires(fields: "name(in: \\"zh\\")")  sign: String @requires(fields: "name(in: \\"en\\")") }
        type Review { author: User }`,
      resolvers: {
        User: {
          reviews: () => [{ author: { id: '2' } }, { author: { id: '3' } }],
          nick: ({ name }: { name: string }, { n }: { n: number }) => `${name} ${n}`,
          sign: ({ name }: { name: string }) => name,
        },
      },
    },
  })
  const answer = await query(
    'query ($representations: Int) { user { reviews { author { n: nick(n: $representations) sign name(in: "fr") } } } }',
    { representations: 7 },
  )
  const author = (id: number) => ({
    author: { n: `${id} in zh 7`, sign: `${id} in en`, name: `${id} in fr` },
  })
  expect(answer).toEqual({ data: { user: { reviews: [author(2), author(3)] } }, errors: [] })
})

test('two fields that require one field with different arguments, delivered by an entity fetch', async () => {
  const { query } = world({
    a: {
      sdl: 'type Query { p: P }  type P @key(fields: "id") { id: ID! }',
      resolvers: { Query: { p: () => ({ id: '1' }) } },
    },
    prices: {
      sdl: 'type P @key(fields: "id") { id: ID!  price(in: String): Int }',
      resolvers: { P: { price: (_: unknown, args: { in?: string }) => (args.in === 'CNY' ? 7 : 1) } },
    },
    b: {
      sdl: `type P @key(fields: "id") { id: ID!  price(in: String): Int @external
        yuan: String @requires(fields: "price(in: \\"CNY\\")")  euro: String @requires(fields: "price(in: \\"EUR\\")") }`,
      resolvers: {
        P: {
          yuan: ({ price }: { price: number }) => `¥${price}`,
          euro: ({ price }: { price: number }) => `€${price}`,
        },
      },
    },
  })
  expect(await query('{ p { euro yuan price } }')).toEqual({
    data: { p: { euro: '€1', yuan: '¥7', price: 1 } },
    errors: [],
  })
})

test("a required field beside the same field of another type under a client's alias", async () => {
  const { query } = world({
    a: {
      sdl: `type Query { items: [Item!]! }
        interface Item { id: ID!  price(in: String): Int }
        type P implements Item @key(fields: "id") { id: ID!  price(in: String): Int }
        type Q implements Item { id: ID!  price(in: String): Int }`,
      resolvers: {
        Query: {
          items: () =>
            ['P', 'Q'].map(type => ({
              __typename: type,
              id: type,
              price: (args: { in?: string }) => (args.in ?? 'x').length,
            })),
        },
        Item: { __resolveType: (value: { __typename: string }) => value.__typename },
      },
    },
    b: {
      sdl: `type P @key(fields: "id") { id: ID!  price(in: String): Int @external
        yuan: String @requires(fields: "price(in: \\"CNY\\")")  euro: String @requires(fields: "price(in: \\"E\\")") }`,
      resolvers: {
        P: {
          yuan: ({ price }: { price: number }) => `¥${price}`,
          euro: ({ price }: { price: number }) => `€${price}`,
        },
      },
    },
  })
  const answer = await query(
    '{ items { ... on P { yuan euro } ... on Q { p: price(in: "E") } price(in: "four") } }',
  )
  expect(answer).toEqual({
    data: {
      items: [
        { yuan: '¥3', euro: '€1', price: 4 },
        { p: 1, price: 4 },
      ],
    },
    errors: [],
  })
})

test('a rollout label moves an overridden field', async () => {
  const { supergraph, query, sent } = world({
    old: {
      sdl: 'type Query { p: P }  type P @key(fields: "id") { id: ID!  price: Int }',
      resolvers: { Query: { p: () => ({ id: '1', price: 1 }) } },
    },
    next: {
      sdl: 'type P @key(fields: "id") { id: ID!  price: Int @override(from: "old", label: "percent(30)") }',
      resolvers: { P: { price: () => 2 } },
    },
  })
  expect(supergraph.subgraphs).toEqual([
    { name: 'next', url: 'http://next' },
    { name: 'old', url: 'http://old' },
  ])
  const at = async (percentage: number) => {
    const { data } = await query('{ p { price } }', {}, { rollout: { labels: new Set(), percentage } })
    return [data, sent.length]
  }
  expect([await at(10), await at(90)]).toEqual([
    [{ p: { price: 2 } }, 2],
    [{ p: { price: 1 } }, 1],
  ])
})
