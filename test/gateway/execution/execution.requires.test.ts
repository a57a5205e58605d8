import { expect, test } from 'vitest'
import { type Case, holds, resolveType } from './cases.ts'
import { type SubgraphSource, world } from './world.ts'

/** catalog's weight and box come with arguments; shipping requires them with arguments of its own. */
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

/** price → isDear → badge: each computed elsewhere from the one before. */
const stairs: Record<string, SubgraphSource> = {
  a: {
    sdl: 'type Query { products: [P!]! }  type P @key(fields: "id") { id: ID!  price: Int }',
    resolvers: {
      Query: {
        products: () => [
          { id: '1', price: 700 },
          { id: '2', price: 5 },
        ],
      },
      P: { price: ({ price }: { price: number }) => price },
    },
  },
  b: {
    sdl: `type P @key(fields: "id") { id: ID!  price: Int @external  isDear: Boolean @requires(fields: "price") }`,
    resolvers: { P: { isDear: ({ price }: { price: number }) => price > 500 } },
  },
  c: {
    sdl: `type P @key(fields: "id") { id: ID!  isDear: Boolean @external  badge: String @requires(fields: "isDear") }`,
    resolvers: { P: { badge: ({ isDear }: { isDear: boolean }) => (isDear ? 'gold' : 'tin') } },
  },
}

const makeBox = () => ({})

/** The same box in different units, for several fields at once: what the planner cannot keep apart. */
const boxes: Record<string, SubgraphSource> = {
  catalog: {
    sdl: `
      type Query { p: P  items: [Item!]! }
      interface Item { id: ID!  box: Box }
      type P implements Item @key(fields: "id") { id: ID!  box: Box  boxes(n: Int): [Box] }
      type Q implements Item @key(fields: "id") { id: ID!  box: Box }
      type Box { width(unit: String): String  maker: Maker }
      type Maker @key(fields: "id") { id: ID! }`,
    resolvers: {
      Query: {
        p: () => ({ id: '1' }),
        items: () => [
          { __typename: 'P', id: '1' },
          { __typename: 'Q', id: '2' },
        ],
      },
      Item: { __resolveType: resolveType },
      P: {
        box: makeBox,
        boxes: (_: unknown, { n }: { n?: number }) => Array.from({ length: n ?? 1 }, makeBox),
      },
      Q: { box: makeBox },
      Box: { width: (_: unknown, { unit }: { unit?: string }) => unit ?? 'any', maker: () => ({ id: 'm' }) },
    },
  },
  ship: {
    sdl: `
      type P @key(fields: "id") {
        id: ID!  box: Box @external  boxes(n: Int): [Box] @external
        mm: String @requires(fields: "box { width(unit: \\"mm\\") }")
        inch: String @requires(fields: "box { width(unit: \\"inches\\") }")
        both: String @requires(fields: "box { width(unit: \\"m\\") } boxes(n: 2) { width(unit: \\"abc\\") }")
        three: String @requires(fields: "boxes(n: 3) { width(unit: \\"abcd\\") maker { name } }") }
      type Q @key(fields: "id") {
        id: ID!  box: Box @external  mm: String @requires(fields: "box { width(unit: \\"inches\\") }") }
      type Box { width(unit: String): String @external  maker: Maker @external }
      type Maker @key(fields: "id") { id: ID!  name: String @external }`,
    resolvers: {
      P: {
        mm: ({ box }: { box: Box }) => box.width,
        inch: ({ box }: { box: Box }) => box.width,
        both: ({ box, boxes }: { box: Box; boxes: Box[] }) =>
          `${box.width}, ${boxes.map(({ width }) => width).join(' ')}`,
        three: ({ boxes }: { boxes: Box[] }) =>
          boxes.map(({ width, maker }) => `${width} of ${maker.name}`).join(', '),
      },
      Q: { mm: ({ box }: { box: Box }) => box.width },
    },
  },
  makers: {
    sdl: 'type Maker @key(fields: "id") { id: ID!  name: String }',
    resolvers: { Maker: { name: () => 'Lin' } },
  },
}

interface Box {
  readonly width: string
  readonly maker: { readonly name: string }
}

/** What `posts` requires of an author is computed by `authors` from what `posts` computes: there and back. */
const circular: Record<string, SubgraphSource> = {
  posts: {
    sdl: `type Query { posts: [Post!]! }
      type Post @key(fields: "id") {
        id: ID!  author: Author!
        byNovice: Boolean! @external
        tag: String! @requires(fields: "byNovice")
      }
      type Author @key(fields: "id") {
        id: ID!  years(plus: Int): Int! @external
        novice: Boolean! @requires(fields: "years")  soon: Int @requires(fields: "years(plus: 9)") }`,
    resolvers: {
      Query: {
        posts: () => [
          { id: 'x', author: { id: '1' } },
          { id: 'y', author: { id: '2' } },
        ],
      },
      Post: { tag: ({ byNovice }: { byNovice: boolean }) => (byNovice ? 'new' : 'old') },
      Author: {
        novice: ({ years }: { years: number }) => years < 2,
        soon: ({ years }: { years: number }) => years,
      },
    },
  },
  authors: {
    sdl: `type Post @key(fields: "id") {
        id: ID!  author: Author! @external  byNovice: Boolean! @requires(fields: "author { novice }") }
      type Author @key(fields: "id") { id: ID!  years(plus: Int): Int!  novice: Boolean! @external }`,
    resolvers: {
      Post: { byNovice: ({ author }: { author: { novice: boolean } }) => author.novice },
      Author: {
        years: ({ id }: { id: string }, { plus }: { plus?: number }) => Number(id) + (plus ?? 0),
      },
    },
  },
}

const cases: readonly Case[] = [
  {
    what: 'a required field that the client did not ask for is sent and not answered',
    subgraphs: stairs,
    query: '{ products { isDear } }',
    data: { products: [{ isDear: true }, { isDear: false }] },
    sent: [
      ['a'],
      [
        'b',
        [
          { __typename: 'P', price: 700, id: '1' },
          { __typename: 'P', price: 5, id: '2' },
        ],
      ],
    ],
  },
  {
    what: 'a required field that itself requires one of a third subgraph',
    subgraphs: stairs,
    query: '{ products { badge } }',
    data: { products: [{ badge: 'gold' }, { badge: 'tin' }] },
    sent: [
      ['a'],
      [
        'b',
        [
          { __typename: 'P', price: 700, id: '1' },
          { __typename: 'P', price: 5, id: '2' },
        ],
      ],
      [
        'c',
        [
          { __typename: 'P', isDear: true, id: '1' },
          { __typename: 'P', isDear: false, id: '2' },
        ],
      ],
    ],
  },
  {
    what: "a required field under a client's alias, and the alias of another by its name",
    subgraphs: stairs,
    query: '{ products { price: id  isDear: price  really: isDear  badge } }',
    data: {
      products: [
        { price: '1', isDear: 700, really: true, badge: 'gold' },
        { price: '2', isDear: 5, really: false, badge: 'tin' },
      ],
    },
  },
  {
    what: 'circular: through another subgraph and back',
    subgraphs: circular,
    query: '{ posts { id tag } }',
    data: {
      posts: [
        { id: 'x', tag: 'new' },
        { id: 'y', tag: 'old' },
      ],
    },
  },
  {
    what: 'circular, with all that is on the way',
    subgraphs: circular,
    query: '{ posts { byNovice author { novice years } tag } }',
    data: {
      posts: [
        { byNovice: true, author: { novice: true, years: 1 }, tag: 'new' },
        { byNovice: false, author: { novice: false, years: 2 }, tag: 'old' },
      ],
    },
  },
  {
    what: 'circular, and on the way a field that is required beside it with an argument',
    subgraphs: circular,
    query: '{ posts { tag author { soon years(plus: 5) } } }',
    data: {
      posts: [
        { tag: 'new', author: { soon: 10, years: 6 } },
        { tag: 'old', author: { soon: 11, years: 7 } },
      ],
    },
  },
  {
    what: 'different arguments in turn, through an object that clients must not see',
    subgraphs: {
      posts: {
        sdl: `type Query { post: Post }  type Post @key(fields: "id") { id: ID!  author: Author! @inaccessible }
          type Author @key(fields: "id") { id: ID!  years(of: Int): Int! @external
            novice: Boolean! @requires(fields: "years(of: 2)")  old: Int @requires(fields: "years(of: 9)") }`,
        resolvers: {
          Query: { post: () => ({ id: 'x', author: { id: '1' } }) },
          Author: {
            novice: ({ years }: { years: number }) => years < 3,
            old: ({ years }: { years: number }) => years,
          },
        },
      },
      authors: {
        sdl: `type Post @key(fields: "id") { id: ID!  author: Author! @external
            byNovice: Boolean! @requires(fields: "author { novice }")  byOld: Int @requires(fields: "author { old }") }
          type Author @key(fields: "id") { id: ID!  years(of: Int): Int!  novice: Boolean! @external  old: Int @external }`,
        resolvers: {
          Post: {
            byNovice: ({ author }: { author: { novice: boolean } }) => author.novice,
            byOld: ({ author }: { author: { old: number } }) => author.old,
          },
          Author: { years: (_: unknown, { of }: { of: number }) => of },
        },
      },
    },
    query: '{ post { byNovice byOld } }',
    data: { post: { byNovice: true, byOld: 9 } },
  },
  {
    what: "arguments other than the client's, each other's, and nested",
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
    what: "a client's argument by variable, beside the same field with the required one",
    subgraphs: shipping,
    query:
      'query ($unit: String) { products { weight(unit: $unit) grams: weight(unit: "g") byGrams byBox box { maker w: width(unit: $unit) } } }',
    variables: { unit: 'kg' },
    data: {
      products: [
        { weight: 2, grams: 2000, byGrams: '2000g', byBox: '300 by Lin', box: { maker: 'Lin', w: -1 } },
        { weight: null, grams: null, byGrams: 'nullg', byBox: '300 by Lin', box: { maker: 'Lin', w: -1 } },
      ],
    },
  },
  {
    what: 'different arguments deep within objects and lists, of one object and of two types',
    subgraphs: boxes,
    query: `{ p { both three mm inch box { w: width(unit: "lllll") width } boxes { width } }
      items { ... on P { mm inch } ... on Q { mm } box { width } } }`,
    data: {
      p: {
        both: 'm, abc abc',
        three: 'abcd of Lin, abcd of Lin, abcd of Lin',
        mm: 'mm',
        inch: 'inches',
        box: { w: 'lllll', width: 'any' },
        boxes: [{ width: 'any' }],
      },
      items: [
        { mm: 'mm', inch: 'inches', box: { width: 'any' } },
        { mm: 'inches', box: { width: 'any' } },
      ],
    },
  },
  {
    what: 'under @include and @skip by variable',
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
    what: 'lists of objects, an empty one and nulls in them',
    subgraphs: {
      carts: {
        sdl: `type Query { carts: [Cart!]! }
          type Cart @key(fields: "id") { id: ID!  lines: [Line]  owner: Owner }
          type Line { price: Int  count: Int  note: String }
          type Owner { level: Int }`,
        resolvers: {
          Query: {
            carts: () => [
              { id: '1', lines: [{ price: 3, count: 2, note: 'x' }, null], owner: { level: 1 } },
              { id: '2', lines: [], owner: null },
              { id: '3', lines: null, owner: { level: null } },
            ],
          },
        },
      },
      totals: {
        sdl: `type Cart @key(fields: "id") { id: ID!  lines: [Line] @external  owner: Owner @external
            total: String @requires(fields: "lines { price count } owner { level }") }
          type Line { price: Int @external  count: Int @external }
          type Owner { level: Int @external }`,
        resolvers: {
          Cart: {
            total: ({ lines, owner }: { lines: unknown; owner: unknown }) => JSON.stringify([lines, owner]),
          },
        },
      },
    },
    query: '{ carts { total lines { note } } }',
    data: {
      carts: [
        { total: '[[{"price":3,"count":2},null],{"level":1}]', lines: [{ note: 'x' }, null] },
        { total: '[[],null]', lines: [] },
        { total: '[null,{"level":null}]', lines: null },
      ],
    },
  },
  {
    what: 'fragments on a union and on an interface',
    subgraphs: {
      shelf: {
        sdl: `type Query { shelf: Shelf }
          type Shelf @key(fields: "id") { id: ID!  things: [Thing!]!  keeper: Named }
          union Thing = Book | Toy
          interface Named { name: String }
          type Book implements Named { name: String  pages: Int }
          type Toy { parts: Int }`,
        resolvers: {
          Query: {
            shelf: () => ({
              id: '1',
              things: [
                { __typename: 'Book', name: 'Tea', pages: 9 },
                { __typename: 'Toy', parts: 4 },
              ],
              keeper: { __typename: 'Book', name: 'Keep', pages: 1 },
            }),
          },
          Thing: { __resolveType: resolveType },
          Named: { __resolveType: resolveType },
        },
      },
      sums: {
        sdl: `type Shelf @key(fields: "id") { id: ID!  things: [Thing!]! @external  keeper: Named @external
            sum: String @requires(fields: "things { ... on Book { pages } ... on Toy { parts } } keeper { name ... on Book { pages } }") }
          union Thing = Book | Toy
          interface Named { name: String }
          type Book implements Named { name: String @external  pages: Int @external }
          type Toy { parts: Int @external }`,
        resolvers: {
          Shelf: {
            sum: ({
              things,
              keeper,
            }: {
              things: { pages?: number; parts?: number }[]
              keeper: { name: string }
            }) => `${things.map(thing => thing.pages ?? thing.parts)} ${keeper.name}`,
          },
          Thing: { __resolveType: resolveType },
          Named: { __resolveType: resolveType },
        },
      },
    },
    query: '{ shelf { sum things { ... on Toy { parts } } } }',
    data: { shelf: { sum: '9,4 Keep', things: [{}, { parts: 4 }] } },
  },
  {
    what: 'a field of a union whose members type it differently, which must be fetched under two names',
    subgraphs: {
      a: {
        sdl: `type Query { x: X }  type X @key(fields: "id") { id: ID!  user: User }  type User { id: ID @shareable }`,
        resolvers: { Query: { x: () => ({ id: 'x1' }) } },
      },
      b: {
        sdl: `type X @key(fields: "id") { id: ID!  owners(n: Int): [Owner] }  union Owner = User | Shop
          type User { id: ID! @shareable }  type Shop { id: ID }`,
        resolvers: {
          X: {
            owners: (_: unknown, { n }: { n?: number }) => [
              { __typename: 'User', id: `u${n}` },
              { __typename: 'Shop', id: `s${n}` },
            ],
          },
          Owner: { __resolveType: resolveType },
        },
      },
      c: {
        sdl: `type X @key(fields: "id") { id: ID!  owners(n: Int): [Owner] @external
            one: String @requires(fields: "owners(n: 1) { ... on User { id } ... on Shop { id } }")
            two: String @requires(fields: "owners(n: 2) { ... on User { id } ... on Shop { id } }") }
          union Owner = User | Shop
          type User { id: ID @external }  type Shop { id: ID @external }`,
        resolvers: {
          X: {
            one: ({ owners }: { owners: { id: string }[] }) => owners.map(owner => owner.id).join(),
            two: ({ owners }: { owners: { id: string }[] }) => owners.map(owner => owner.id).join(),
          },
        },
      },
    },
    query: '{ x { two one owners(n: 3) { ... on Shop { id } } } }',
    data: { x: { two: 'u2,s2', one: 'u1,s1', owners: [{}, { id: 's3' }] } },
  },
  {
    what: 'of an entity that came from the subgraph that requires it',
    subgraphs: {
      a: {
        sdl: 'type P @key(fields: "id") { id: ID!  price: Int }',
        resolvers: { P: { price: ({ id }: { id: string }) => Number(id) * 10 } },
      },
      b: {
        sdl: `type Query { best: P }
          type P @key(fields: "id") { id: ID!  price: Int @external  tax: Int @requires(fields: "price") }`,
        resolvers: {
          Query: { best: () => ({ id: '4' }) },
          P: { tax: ({ price }: { price: number }) => price / 10 },
        },
      },
    },
    query: '{ best { tax } }',
    data: { best: { tax: 4 } },
    sent: [['b'], ['a', [{ __typename: 'P', id: '4' }]], ['b', [{ __typename: 'P', price: 40, id: '4' }]]],
  },
  {
    what: 'a required field that could not be fetched: the field is null, its subgraph is not asked to guess',
    subgraphs: {
      a: {
        sdl: 'type Query { ps: [P!]! }  type P @key(fields: "id") { id: ID! }',
        resolvers: { Query: { ps: () => [{ id: '1' }, { id: '2' }] } },
      },
      prices: {
        sdl: 'type P @key(fields: "id") { id: ID!  price: Int! }',
        resolvers: {
          P: {
            price: ({ id }: { id: string }) => {
              if (id === '1') throw new Error('no price')
              return 20
            },
          },
        },
      },
      taxes: {
        sdl: 'type P @key(fields: "id") { id: ID!  price: Int! @external  tax: Int @requires(fields: "price") }',
        resolvers: { P: { tax: ({ price }: { price: number }) => price / 10 } },
      },
    },
    query: '{ ps { id tax } }',
    data: {
      ps: [
        { id: '1', tax: null },
        { id: '2', tax: 2 },
      ],
    },
    errors: [['no price', ['ps', 0]]],
  },
]

test.each(cases)('$what', holds)

/** The planner alone cannot plan a field that requires, of an object of the same type that came by an entity fetch. */
const users: Record<string, SubgraphSource> = {
  users: {
    sdl: `type Query { user: User }
      type User @key(fields: "id") { id: ID!  name(in: String): String  home: Home }
      type Home { city: String  street: String }`,
    resolvers: {
      Query: { user: () => ({ id: '1' }) },
      User: {
        name: ({ id }: { id: string }, args: { in?: string }) => `${id} in ${args.in}`,
        home: ({ id }: { id: string }) => {
          if (id === 'lost') throw new Error('no home')
          return { city: `c${id}`, street: `s${id}` }
        },
      },
    },
  },
  reviews: {
    sdl: `type Mutation { review(by: ID!): Review }
      type User @key(fields: "id") {
        id: ID!  name(in: String): String @external  home: Home @external  reviews: [Review!]!
        nick(n: Int): String @requires(fields: "name(in: \\"zh\\")")
        sign: String @requires(fields: "name(in: \\"en\\")")
        card(n: Int): [Card] @requires(fields: "home { city }")
        long: String @requires(fields: "rank")
        rank: Int @external }
      type Home { city: String @external }
      type Card { text: String  of: User!  any: Item }
      union Item = Card | User
      type Review { author: User  about: User }`,
    resolvers: {
      Mutation: { review: (_: unknown, { by }: { by: string }) => ({ author: { id: by } }) },
      User: {
        reviews: () => [{ author: { id: '2' } }, { author: { id: '3' }, about: { id: '4' } }],
        nick: ({ name }: { name: string }, { n }: { n: number }) => `${name} ${n}`,
        sign: ({ name }: { name: string }) => name,
        long: ({ rank }: { rank: number }) => '*'.repeat(rank),
        card: ({ id, home }: { id: string; home: { city: string } | null }, { n }: { n?: number }) =>
          home && [
            { text: `${home.city} ${n}`, of: { id: `${id}0` }, any: { __typename: 'User', id: `${id}1` } },
            null,
          ],
      },
      Item: { __resolveType: resolveType },
    },
  },
  ranks: {
    sdl: `type User @key(fields: "id") { id: ID!  name(in: String): String @external
      rank: Int @requires(fields: "name(in: \\"fr\\")") }`,
    resolvers: { User: { rank: ({ name }: { name: string }) => name.length } },
  },
}

const nested: readonly Case[] = [
  {
    what: 'leaves, with arguments that collide with the client’s',
    subgraphs: users,
    query:
      'query ($representations: Int) { user { reviews { author { n: nick(n: $representations) sign name(in: "fr") } } } }',
    variables: { representations: 7 },
    data: {
      user: {
        reviews: [2, 3].map(id => ({
          author: { n: `${id} in zh 7`, sign: `${id} in en`, name: `${id} in fr` },
        })),
      },
    },
  },
  {
    what: 'one that requires a field which requires another',
    subgraphs: users,
    query: '{ user { reviews { author { long rank } } } }',
    data: {
      user: {
        reviews: [{ author: { long: '*'.repeat(7), rank: 7 } }, { author: { long: '*'.repeat(7), rank: 7 } }],
      },
    },
  },
  {
    what: 'a list of objects, with an argument by variable, beside what it requires',
    subgraphs: users,
    query:
      'query ($representations: Int) { user { reviews { author { c: card(n: $representations) { text } home { street } } } } }',
    variables: { representations: 7 },
    data: {
      user: {
        reviews: [2, 3].map(id => ({
          author: { c: [{ text: `c${id} 7` }, null], home: { street: `s${id}` } },
        })),
      },
    },
  },
  {
    what: 'objects that lead to other subgraphs, through fragments on a union, and a null on the way',
    subgraphs: users,
    query: `{ user { reviews { about { card { any { __typename ... on User { home { street } name(in: "it") } } of { id name } } } } } }`,
    data: {
      user: {
        reviews: [
          { about: null },
          {
            about: {
              card: [
                {
                  any: { __typename: 'User', home: { street: 's41' }, name: '41 in it' },
                  of: { id: '40', name: '40 in undefined' },
                },
                null,
              ],
            },
          },
        ],
      },
    },
  },
  {
    what: 'objects within objects, again and again, with leaves and what those require',
    subgraphs: users,
    query: `{ user { card(n: 1) { text of { nick(n: 2) card(n: 3) { text of { sign card { of { id long } } } } } } } }`,
    data: {
      user: {
        card: [
          {
            text: 'c1 1',
            of: {
              nick: '10 in zh 2',
              card: [
                {
                  text: 'c10 3',
                  of: { sign: '100 in en', card: [{ of: { id: '1000', long: '*'.repeat(10) } }, null] },
                },
                null,
              ],
            },
          },
          null,
        ],
      },
    },
  },
  {
    what: 'more of an object than its key has of it; and leaves that require alike in one fetch',
    subgraphs: {
      people: {
        sdl: `type Query { desk: Desk }
          type Desk @key(fields: "owner { id } no") { no: Int!  owner: Owner! }
          type Owner @key(fields: "id") { id: ID!  name: String }`,
        resolvers: {
          Query: { desk: () => ({ no: 1, owner: { id: 'lu' } }) },
          Owner: { name: ({ id }: { id: string }) => `name of ${id}` },
        },
      },
      desks: {
        sdl: `type Desk @key(fields: "owner { id } no") {
            no: Int!  owner: Owner!  next: Desk
            label: String @requires(fields: "owner { name }")
            sign(n: Int): String @requires(fields: "owner { name }") }
          type Owner @key(fields: "id") { id: ID!  name: String @external }`,
        resolvers: {
          Desk: {
            next: () => ({ no: 2, owner: { id: 'an' } }),
            label: ({ no, owner }: { no: number; owner: { name: string } }) => `${no}: ${owner.name}`,
            sign: ({ owner }: { owner: { id: string } }, { n }: { n?: number }) => `${owner.id} ${n}`,
          },
        },
      },
    },
    query: '{ desk { next { label sign more: sign(n: 2) } } }',
    data: {
      desk: {
        next: {
          label: '2: name of an',
          sign: 'an undefined',
          more: 'an 2',
        },
      },
    },
    sent: [
      ['people'],
      ['desks', [{ __typename: 'Desk', owner: { id: 'lu' }, no: 1 }]],
      ['people', [{ __typename: 'Owner', id: 'an' }]],
      [
        'desks',
        [{ __typename: 'Desk', owner: { __typename: 'Owner', id: 'an', name: 'name of an' }, no: 2 }],
      ],
    ],
  },
  {
    what: 'what a mutation returns, once it is made',
    subgraphs: users,
    query: 'mutation { review(by: "5") { author { sign card(n: 1) { of { sign } } } } }',
    data: { review: { author: { sign: '5 in en', card: [{ of: { sign: '50 in en' } }, null] } } },
  },
  {
    what: 'a required field that could not be fetched: the error is told where it is, and null is what is known',
    subgraphs: users,
    query: 'mutation { review(by: "lost") { author { card { text } sign } } }',
    data: { review: { author: { card: null, sign: 'lost in en' } } },
    errors: [['no home', ['review', 'author']]],
  },
  {
    what: 'only __typename of an object, twice under two names',
    subgraphs: users,
    query: '{ user { reviews { author { a: card { __typename } b: card { t: __typename } } } } }',
    data: {
      user: {
        reviews: [2, 3].map(() => ({
          author: { a: [{ __typename: 'Card' }, null], b: [{ t: 'Card' }, null] },
        })),
      },
    },
  },
]

test.each(nested)('within an object of the same type: $what', holds)
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
