import { test } from 'vitest'
import { type Case, holds, resolveType } from './cases.ts'
import type { SubgraphSource } from './world.ts'

const typed = { __resolveType: resolveType }

/** Books are known to both, films to the library alone, songs to the radio alone; so are the members of `Hit`. */
const hits: Record<string, SubgraphSource> = {
  library: {
    sdl: `
      type Query { shelf: [Hit!]!  either: Hit @shareable  lent: Lent }
      union Hit = Book | Film
      type Book @key(fields: "id") { id: ID!  title: String @shareable  pages: Int }
      type Film @key(fields: "id") { id: ID!  title: String @shareable }
      type Lent @shareable { item: Hit }`,
    resolvers: {
      Query: {
        shelf: () => [
          { __typename: 'Book', id: '1', title: 'Tea', pages: 9 },
          { __typename: 'Film', id: '2', title: 'Rain' },
        ],
        either: () => ({ __typename: 'Book', id: '1', title: 'Tea', pages: 9 }),
        lent: () => ({ item: { __typename: 'Film', id: '2', title: 'Rain' } }),
      },
      Hit: typed,
      Book: { pages: () => 9 },
    },
  },
  radio: {
    sdl: `
      type Query { onAir: [Hit!]!  either: Hit @shareable  asked: Lent }
      union Hit = Book | Song
      type Book @key(fields: "id") { id: ID!  title: String @shareable  reader: String }
      type Song @key(fields: "id") { id: ID!  title: String @shareable  singer: String }
      type Lent @shareable { item: Hit }`,
    resolvers: {
      Query: {
        onAir: () => [
          { __typename: 'Song', id: '3', title: 'Wind', singer: 'Lu' },
          { __typename: 'Book', id: '1', title: 'Tea', reader: 'Yan' },
        ],
        either: () => ({ __typename: 'Book', id: '1', title: 'Tea', reader: 'Yan' }),
        asked: () => ({ item: { __typename: 'Song', id: '3', title: 'Wind', singer: 'Lu' } }),
      },
      Hit: typed,
      Book: { reader: () => 'Yan' },
    },
  },
}

const everyHit = `{ __typename ... on Book { title pages reader } ... on Film { title } ... on Song { title singer } }`

/** An interface whose fields and implementations each subgraph knows a part of. */
const items: Record<string, SubgraphSource> = {
  shop: {
    sdl: `
      type Query { items: [Item]  grid: [[Item!]!]!  deep: [[[Box]]]  one(type: String): Item }
      interface Item { id: ID!  name: String }
      interface Priced { price: Int }
      union Anything = Tea | Cup | Note
      type Tea implements Item & Priced @key(fields: "id") { id: ID!  name: String  price: Int  with: Item  near: Anything }
      type Cup implements Item @key(fields: "id") { id: ID!  name: String  with: Item }
      type Note { text: String }
      type Box @key(fields: "id") { id: ID!  holds: [[Item]] }`,
    resolvers: {
      Query: {
        items: () => [tea, null, cup],
        grid: () => [[tea], [], [cup, tea]],
        deep: () => [[[{ id: 'b1', holds: [[cup, null], null, [tea]] }, null], null], null],
        one: (_: unknown, { type }: { type?: string }) => (type === 'Tea' ? tea : cup),
      },
      Item: typed,
      Anything: typed,
    },
  },
  stock: {
    sdl: `
      interface Counted { left(in: String): Int }
      type Tea implements Counted @key(fields: "id") { id: ID!  left(in: String): Int  grade: String }
      type Cup implements Counted @key(fields: "id") { id: ID!  left(in: String): Int  size: Size }
      type Size { ml: Int }`,
    resolvers: {
      Tea: { left: (_: unknown, args: { in?: string }) => (args.in === 'kg' ? 1 : 1000), grade: () => 'A' },
      Cup: { left: () => 7, size: () => ({ ml: 200 }) },
    },
  },
}
const cup = {
  __typename: 'Cup',
  id: 'c1',
  name: 'Cup',
  get with() {
    return tea
  },
}
const tea = {
  __typename: 'Tea',
  id: 't1',
  name: 'Oolong',
  price: 30,
  with: cup,
  near: { __typename: 'Note', text: 'hot' },
}

const unions: readonly Case[] = [
  {
    what: 'a union is asked of each subgraph for the members that it knows',
    subgraphs: hits,
    query: `{ shelf ${everyHit} onAir ${everyHit} }`,
    data: {
      shelf: [
        { __typename: 'Book', title: 'Tea', pages: 9, reader: 'Yan' },
        { __typename: 'Film', title: 'Rain' },
      ],
      onAir: [
        { __typename: 'Song', title: 'Wind', singer: 'Lu' },
        { __typename: 'Book', title: 'Tea', pages: 9, reader: 'Yan' },
      ],
    },
  },
  {
    what: 'a member that the subgraph does not know gives an empty object, and no request for it',
    subgraphs: hits,
    query: '{ shelf { ... on Song { singer } } }',
    data: { shelf: [{}, {}] },
    sent: [['library']],
  },
  {
    what: 'a member in both, its fields from both, by a root field that both have',
    subgraphs: hits,
    query: '{ either { ... on Book { id pages reader } } }',
    data: { either: { id: '1', pages: 9, reader: 'Yan' } },
  },
  {
    what: 'a shared object of which each subgraph puts its own members into a field',
    subgraphs: hits,
    query: `{ lent { item ${everyHit} } asked { item ${everyHit} } }`,
    data: {
      lent: { item: { __typename: 'Film', title: 'Rain' } },
      asked: { item: { __typename: 'Song', title: 'Wind', singer: 'Lu' } },
    },
    sent: [['library'], ['radio']],
  },
]

/** Box.content is both subgraphs'; each puts what it has into it, and the other has no such member. */
const boxes: Record<string, SubgraphSource> = {
  tea: {
    sdl: `
      type Query { teaBox: Box }
      type Box @key(fields: "id") { id: ID!  content: [Good!] @shareable  inner: Wrap @shareable }
      type Wrap @shareable { good: Good }
      union Good = Card | Tea
      type Card @shareable { text: String! }
      type Tea { leaves(in: String): Int  from: Place  text: String }
      type Place { city: String }`,
    resolvers: {
      Query: { teaBox: () => ({ id: 't' }) },
      Box: {
        content: () => [{ __typename: 'Card', text: 'hello' }, leaves],
        inner: () => ({ good: leaves }),
      },
      Good: typed,
      Tea: { leaves: (_: unknown, args: { in?: string }) => (args.in === 'g' ? 500 : 5) },
    },
  },
  cups: {
    sdl: `
      type Query { cupBox: Box }
      type Box @key(fields: "id") { id: ID!  content: [Good!] @shareable  inner: Wrap @shareable }
      type Wrap @shareable { good: Good }
      union Good = Card | Cup
      type Card @shareable { text: String }
      type Cup { ml: Int }`,
    resolvers: {
      Query: { cupBox: () => ({ id: 'c' }) },
      Box: {
        content: () => [
          { __typename: 'Cup', ml: 200 },
          { __typename: 'Card', text: 'hi' },
        ],
        inner: () => ({ good: { __typename: 'Cup', ml: 300 } }),
      },
      Good: typed,
    },
  },
  orders: {
    sdl: `
      type Query { order: Order }
      type Order { box: Box  more: [Box!] }
      type Box @key(fields: "id") { id: ID! }`,
    resolvers: { Query: { order: () => ({ box: { id: 't' }, more: [{ id: 'u' }] }) } },
  },
}
const leaves = { __typename: 'Tea', from: { city: 'Hangzhou' }, text: 'leaves' }

const disagreeing: readonly Case[] = [
  {
    what: 'members that only the asked subgraph has, with all that is below them',
    subgraphs: boxes,
    query:
      '{ teaBox { content { __typename ... on Card { text } ... on Tea { from { city } } ... on Cup { ml } } } cupBox { content { ... on Tea { from { city } } ... on Cup { ml } } } }',
    data: {
      teaBox: {
        content: [
          { __typename: 'Card', text: 'hello' },
          { __typename: 'Tea', from: { city: 'Hangzhou' } },
        ],
      },
      cupBox: { content: [{ ml: 200 }, {}] },
    },
    sent: [['tea'], ['cups']],
  },
  {
    what: 'their arguments, by variable, under an alias, through a fragment',
    subgraphs: boxes,
    query: `query ($in: String) { teaBox { content { ...G } inner { good { ...G } } } }
      fragment G on Good { ... on Tea { n: leaves(in: $in) m: leaves } }`,
    variables: { in: 'g' },
    data: { teaBox: { content: [{}, { n: 500, m: 5 }], inner: { good: { n: 500, m: 5 } } } },
    sent: [['tea']],
  },
  {
    what: 'the same at several places, which the planner writes as one fragment',
    subgraphs: boxes,
    query:
      '{ a: teaBox { ...B } b: teaBox { ...B } } fragment B on Box { id inner { good { __typename ... on Tea { text } } } }',
    data: {
      a: { id: 't', inner: { good: { __typename: 'Tea', text: 'leaves' } } },
      b: { id: 't', inner: { good: { __typename: 'Tea', text: 'leaves' } } },
    },
    sent: [['tea']],
  },
  {
    what: 'a name that the subgraph has with different types in two members: the rest is answered',
    subgraphs: boxes,
    query: '{ teaBox { content { __typename ... on Card { text } ... on Tea { text } } } }',
    data: {
      teaBox: {
        content: [
          { __typename: 'Card', text: 'hello' },
          { __typename: 'Tea', text: null },
        ],
      },
    },
    sent: [['tea']],
  },
  {
    what: 'within an entity fetch, and within a batch of them, whichever subgraph is asked',
    subgraphs: boxes,
    query:
      '{ order { box { content { ... on Cup { ml } ... on Tea { text } } } more { inner { good { ... on Cup { ml } } } } } }',
    data: {
      order: { box: { content: [{ ml: 200 }, {}] }, more: [{ inner: { good: { ml: 300 } } }] },
    },
  },
]

/** What `found` is in one subgraph is a member of what it is in the other. */
const widened: Record<string, SubgraphSource> = {
  books: {
    sdl: `
      type Query { desk: Desk @shareable }
      type Desk @shareable { found: Book  lent: [Book!]! }
      type Book implements Item @key(fields: "id") { id: ID!  title: String @shareable }
      interface Item { id: ID! }`,
    resolvers: {
      Query: { desk: () => ({ found: { id: '1', title: 'Tea' }, lent: [{ id: '1', title: 'Tea' }] }) },
    },
  },
  films: {
    sdl: `
      type Query { desk: Desk @shareable }
      type Desk @shareable { found: Hit  lent: [Item!]  open: Boolean }
      union Hit = Book | Film
      interface Item { id: ID! }
      type Book implements Item @key(fields: "id") { id: ID!  title: String @shareable }
      type Film implements Item @key(fields: "id") { id: ID!  title: String }`,
    resolvers: {
      Query: {
        desk: () => ({
          found: { __typename: 'Book', id: '1', title: 'Tea' },
          lent: [{ __typename: 'Book', id: '1', title: 'Tea' }],
          open: true,
        }),
      },
      Hit: typed,
      Item: typed,
    },
  },
}

const widest: readonly Case[] = [
  {
    what: 'a union that has the other type as a member',
    subgraphs: widened,
    query: '{ desk { found { __typename ... on Book { title } ... on Film { title } } } }',
    data: { desk: { found: { __typename: 'Book', title: 'Tea' } } },
  },
  {
    what: 'an interface that the other type implements, nullable where one subgraph has it so',
    subgraphs: widened,
    query: '{ desk { open lent { __typename id ... on Film { title } ... on Book { title } } } }',
    data: { desk: { open: true, lent: [{ __typename: 'Book', id: '1', title: 'Tea' }] } },
  },
]

const interfaces: readonly Case[] = [
  {
    what: 'fields of the interface and of its members, in the order of the text',
    subgraphs: items,
    query: '{ items { ... on Tea { grade } name ... on Cup { size { ml } } id } }',
    data: {
      items: [{ grade: 'A', name: 'Oolong', id: 't1' }, null, { name: 'Cup', size: { ml: 200 }, id: 'c1' }],
    },
    sent: [
      ['shop'],
      [
        'stock',
        [
          { __typename: 'Tea', id: 't1' },
          { __typename: 'Cup', id: 'c1' },
        ],
      ],
    ],
  },
  {
    what: 'a fragment on an interface that the answering subgraph does not know',
    subgraphs: items,
    query: '{ items { ... on Counted { left kilos: left(in: "kg") } } }',
    data: { items: [{ left: 1000, kilos: 1 }, null, { left: 7, kilos: 7 }] },
  },
  {
    what: 'fragments in fragments: on the type itself, on interfaces and unions that it is and is not of',
    subgraphs: items,
    query: `{ items { ... on Item { ... on Priced { price ... on Item { name } } ...C } ... { id } } }
      fragment C on Anything { ... on Counted { ... on Cup { size { ml } } ... on Tea { left } } ... on Note { text } }`,
    data: {
      items: [{ price: 30, name: 'Oolong', left: 1000, id: 't1' }, null, { size: { ml: 200 }, id: 'c1' }],
    },
  },
  {
    what: 'a fragment that matches nothing at its place',
    subgraphs: items,
    query: '{ one(type: "Cup") { ... on Priced { price } ... on Tea { grade } } }',
    data: { one: {} },
  },
  {
    what: 'lists of lists of an interface, entities in them, empty lists kept',
    subgraphs: items,
    query: '{ grid { name ... on Tea { grade } ... on Cup { left } } }',
    data: {
      grid: [
        [{ name: 'Oolong', grade: 'A' }],
        [],
        [
          { name: 'Cup', left: 7 },
          { name: 'Oolong', grade: 'A' },
        ],
      ],
    },
    sent: [
      ['shop'],
      [
        'stock',
        [
          { __typename: 'Tea', id: 't1' },
          { __typename: 'Cup', id: 'c1' },
        ],
      ],
    ],
  },
  {
    what: 'lists of lists within lists of lists of lists, nulls at every depth',
    subgraphs: items,
    query: '{ deep { id holds { __typename ... on Tea { grade } ... on Cup { size { ml } } } } }',
    data: {
      deep: [
        [
          [
            {
              id: 'b1',
              holds: [
                [{ __typename: 'Cup', size: { ml: 200 } }, null],
                null,
                [{ __typename: 'Tea', grade: 'A' }],
              ],
            },
            null,
          ],
          null,
        ],
        null,
      ],
    },
  },
]

const paths: readonly Case[] = [
  {
    what: 'one field under two types: each is followed only for its own type',
    subgraphs: items,
    query:
      '{ items { ... on Tea { with { ... on Cup { left } } } ... on Cup { with { ... on Tea { grade } } } } }',
    data: { items: [{ with: { left: 7 } }, null, { with: { grade: 'A' } }] },
  },
  {
    what: 'one alias for fields of different types under two types',
    subgraphs: items,
    query:
      '{ items { ... on Tea { x: near { ... on Note { text } } } ... on Cup { x: with { name ... on Tea { grade } } } } }',
    data: { items: [{ x: { text: 'hot' } }, null, { x: { name: 'Oolong', grade: 'A' } }] },
  },
  {
    what: 'one field with other arguments under two types',
    subgraphs: items,
    query: 'query ($kg: String) { items { ... on Tea { n: left(in: $kg) } ... on Cup { n: left } } }',
    variables: { kg: 'kg' },
    data: { items: [{ n: 1 }, null, { n: 7 }] },
  },
]

const typenames: readonly Case[] = [
  {
    what: '__typename at every level, twice, aliased, and alone',
    subgraphs: items,
    query: `{ __typename root: __typename items { __typename t: __typename
        ... on Tea { __typename near { __typename } with { u: __typename } } ... on Cup { size { __typename s: __typename } } } }`,
    data: {
      __typename: 'Query',
      root: 'Query',
      items: [
        { __typename: 'Tea', t: 'Tea', near: { __typename: 'Note' }, with: { u: 'Cup' } },
        null,
        { __typename: 'Cup', t: 'Cup', size: { __typename: 'Size', s: 'Size' } },
      ],
    },
  },
  {
    what: '__typename alone, at the root: no subgraph is asked',
    subgraphs: items,
    query: '{ a: __typename ... on Query { b: __typename } }',
    data: { a: 'Query', b: 'Query' },
    sent: [],
  },
  {
    what: 'an alias that is called as another field, and one that is called __typename',
    subgraphs: items,
    query: '{ items { id: __typename name: id ... on Tea { __typename: name } } }',
    data: { items: [{ id: 'Tea', name: 't1', __typename: 'Oolong' }, null, { id: 'Cup', name: 'c1' }] },
  },
]

test.each(unions)('unions: $what', holds)
test.each(disagreeing)('a union in a field that is shared: $what', holds)
test.each(widest)('a field of different types has the widest: $what', holds)
test.each(interfaces)('interfaces: $what', holds)
test.each(paths)('type-conditioned paths: $what', holds)
test.each(typenames)('typenames: $what', holds)

/** An enum that only comes out has the values of both; each subgraph answers with its own. */
const levels: Record<string, SubgraphSource> = {
  club: {
    sdl: `
      type Query { members: [Member!]! }
      interface Member { level: Level  past: [[Level]] }
      type Guest implements Member @key(fields: "id") { id: ID!  level: Level  past: [[Level]] }
      type Host implements Member @key(fields: "id") { id: ID!  level: Level  past: [[Level]] }
      enum Level { BASE GOLD STAFF @inaccessible }`,
    resolvers: {
      Query: {
        members: () => [
          { __typename: 'Guest', id: '1', level: 'GOLD', past: [['BASE'], null, ['GOLD', null]] },
          { __typename: 'Host', id: '2', level: 'STAFF', past: [['BASE', 'STAFF']] },
        ],
      },
      Member: typed,
    },
  },
  games: {
    sdl: `
      type Guest @key(fields: "id") { id: ID!  rank: Level }
      type Host @key(fields: "id") { id: ID!  rank: Level }
      enum Level { BASE CHAMPION }`,
    resolvers: { Guest: { rank: () => 'CHAMPION' }, Host: { rank: () => 'BASE' } },
  },
}

/** `shop` knows the interface without `label`; each implementation has it from another subgraph. */
const labels: Record<string, SubgraphSource> = {
  shop: {
    sdl: `
      type Query { things: [Thing!]!  holder: Holder }
      interface Thing { id: ID! }
      interface Named implements Thing { id: ID! }
      type Lamp implements Thing & Named @key(fields: "id") { id: ID! }
      type Rug implements Thing & Named @key(fields: "id") { id: ID! }
      type Holder @key(fields: "id") { id: ID! }`,
    resolvers: {
      Query: {
        things: () => [
          { __typename: 'Lamp', id: 'l' },
          { __typename: 'Rug', id: 'r' },
        ],
        holder: () => ({ id: 'h' }),
      },
      Thing: typed,
    },
  },
  lamps: {
    sdl: `
      interface Thing { id: ID!  label: String }
      interface Named implements Thing { id: ID!  label: String }
      type Lamp implements Thing & Named @key(fields: "id") { id: ID!  label: String }
      type Rug @key(fields: "id") { id: ID! }
      type Holder @key(fields: "id") { id: ID!  held: [Held] }
      union Held = Lamp | Rug | Dust
      type Dust { grams: Int }`,
    resolvers: {
      Lamp: { label: ({ id }: { id: string }) => `lamp ${id}` },
      Holder: {
        held: () => [
          { __typename: 'Rug', id: 'r2' },
          { __typename: 'Dust', grams: 2 },
          { __typename: 'Lamp', id: 'l2' },
        ],
      },
      Thing: typed,
      Held: typed,
    },
  },
  rugs: {
    sdl: 'type Rug @key(fields: "id") { id: ID!  label: String  knots: Int }',
    resolvers: { Rug: { label: ({ id }: { id: string }) => `rug ${id}`, knots: () => 5 } },
  },
}

const spread: readonly Case[] = [
  {
    what: "an interface's field that each implementation has from a subgraph of its own",
    subgraphs: labels,
    query: '{ things { label } }',
    data: { things: [{ label: 'lamp l' }, { label: 'rug r' }] },
    sent: [
      ['shop'],
      ['lamps', [{ __typename: 'Lamp', id: 'l' }]],
      ['rugs', [{ __typename: 'Rug', id: 'r' }]],
    ],
  },
  {
    what: 'an interface that implements another: fragments on either, up and down',
    subgraphs: labels,
    query: '{ things { ... on Named { ... on Thing { label } ... on Rug { knots } } } }',
    data: { things: [{ label: 'lamp l' }, { label: 'rug r', knots: 5 }] },
  },
  {
    what: 'a union within an entity fetch, of entities and of what is none',
    subgraphs: labels,
    query:
      '{ holder { held { __typename ... on Thing { label } ... on Rug { knots } ... on Dust { grams } } } }',
    data: {
      holder: {
        held: [
          { __typename: 'Rug', label: 'rug r2', knots: 5 },
          { __typename: 'Dust', grams: 2 },
          { __typename: 'Lamp', label: 'lamp l2' },
        ],
      },
    },
  },
  {
    what: 'an enum behind an interface: values that only one subgraph has, in lists of lists; none that is hidden',
    subgraphs: levels,
    query: '{ members { level past ... on Guest { rank } ... on Host { rank } } }',
    data: {
      members: [
        { level: 'GOLD', past: [['BASE'], null, ['GOLD', null]], rank: 'CHAMPION' },
        { level: null, past: [['BASE', null]], rank: 'BASE' },
      ],
    },
    errors: [
      ['Expected a value of enum Level for Host.level, got a string', ['members', 1, 'level']],
      ['Expected a value of enum Level for Host.past, got a string', ['members', 1, 'past', 0, 1]],
    ],
  },
]

test.each(spread)('spread over subgraphs: $what', holds)
