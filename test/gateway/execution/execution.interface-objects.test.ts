import { test } from 'vitest'
import { type Case, holds, resolveType } from './cases.ts'
import type { SubgraphSource } from './world.ts'

const typed = { __resolveType: resolveType }
const rows = [
  { __typename: 'Book', id: '1', title: 'Tea', pages: 9 },
  { __typename: 'Film', id: '2', title: 'Rain', minutes: 90 },
]

/** Who knows which implementation an id belongs to. */
const library: SubgraphSource = {
  sdl: `
    type Query { all: [Media!]!  shelves: [[Media]]  book: Book }
    interface Media @key(fields: "id") { id: ID!  title: String! }
    type Book implements Media @key(fields: "id") { id: ID!  title: String!  pages: Int }
    type Film implements Media @key(fields: "id") { id: ID!  title: String!  minutes: Int }`,
  resolvers: {
    Query: { all: () => rows, shelves: () => [[rows[1], null], null, [rows[0]]], book: () => rows[0] },
    Media: {
      ...typed,
      __resolveReference: ({ id }: { id: string }) => rows.find(row => row.id === id) ?? null,
    },
  },
}

/** Adds fields to every Media without knowing its implementations. */
const reviews: SubgraphSource = {
  sdl: `
    type Query { newest: [Media]  review: Review }
    type Mutation { rate(id: ID!): Media }
    type Media @key(fields: "id") @interfaceObject { id: ID!  stars(of: Int): Int!  reviews: [Review!]! }
    type Review { text: String  on: Media  beside: [[Media]] }`,
  resolvers: {
    Query: {
      newest: () => [{ id: '2' }, null, { id: '1' }],
      review: () => ({ text: 'good', on: { id: '1' }, beside: [[{ id: '2' }], [{ id: '1' }, { id: '2' }]] }),
    },
    Mutation: { rate: (_: unknown, { id }: { id: string }) => ({ id }) },
    Media: {
      stars: ({ id }: { id: string }, { of }: { of?: number }) => Number(id) * (of ?? 1),
      reviews: ({ id }: { id: string }) => [{ text: `r${id}`, on: { id } }],
    },
  },
}

const both = { library, reviews }

const fields: readonly Case[] = [
  {
    what: 'a field that is added, on the interface',
    subgraphs: both,
    query: '{ all { title stars } }',
    data: {
      all: [
        { title: 'Tea', stars: 1 },
        { title: 'Rain', stars: 2 },
      ],
    },
    sent: [
      ['library'],
      [
        'reviews',
        [
          { __typename: 'Media', id: '1' },
          { __typename: 'Media', id: '2' },
        ],
      ],
    ],
  },
  {
    what: 'a field that is added, on an implementation, and only there',
    subgraphs: both,
    query: '{ all { title ... on Film { stars(of: 10) minutes } } book { stars } }',
    data: { all: [{ title: 'Tea' }, { title: 'Rain', stars: 20, minutes: 90 }], book: { stars: 1 } },
  },
  {
    what: 'lists of lists, with nulls',
    subgraphs: both,
    query: '{ shelves { id stars } }',
    data: { shelves: [[{ id: '2', stars: 2 }, null], null, [{ id: '1', stars: 1 }]] },
  },
  {
    what: 'a list within what is added, aliased, with the way back',
    subgraphs: both,
    query: '{ all { r: reviews { text on { title stars } } } }',
    data: {
      all: [
        { r: [{ text: 'r1', on: { title: 'Tea', stars: 1 } }] },
        { r: [{ text: 'r2', on: { title: 'Rain', stars: 2 } }] },
      ],
    },
  },
]

const origins: readonly Case[] = [
  {
    what: 'what the object itself has: nobody else is asked',
    subgraphs: both,
    query: '{ newest { id stars } }',
    data: { newest: [{ id: '2', stars: 2 }, null, { id: '1', stars: 1 }] },
    sent: [['reviews']],
  },
  {
    what: "the interface's own fields, from who has them",
    subgraphs: both,
    query: '{ newest { title stars } }',
    data: { newest: [{ title: 'Rain', stars: 2 }, null, { title: 'Tea', stars: 1 }] },
  },
  {
    what: 'the name of its type is its implementation, aliased too, not the interface',
    subgraphs: both,
    query: '{ newest { __typename t: __typename } review { on { u: __typename id } } }',
    data: {
      newest: [{ __typename: 'Film', t: 'Film' }, null, { __typename: 'Book', t: 'Book' }],
      review: { on: { u: 'Book', id: '1' } },
    },
  },
  {
    what: 'a fragment on an implementation, which must be found out first',
    subgraphs: both,
    query: '{ newest { ... on Book { pages } ... on Film { stars m: minutes } } }',
    data: { newest: [{ stars: 2, m: 90 }, null, { pages: 9 }] },
  },
  {
    what: 'a fragment on an implementation that selects only what the object itself has',
    subgraphs: both,
    query: '{ newest { ... on Book { stars } } }',
    data: { newest: [{}, null, { stars: 1 }] },
  },
  {
    what: 'a fragment on the interface needs no such thing',
    subgraphs: both,
    query: '{ newest { ... on Media { stars ...F } } } fragment F on Media { id }',
    data: { newest: [{ stars: 2, id: '2' }, null, { stars: 1, id: '1' }] },
    sent: [['reviews']],
  },
  {
    what: 'within objects and lists of lists, mixed',
    subgraphs: both,
    query:
      '{ review { text on { title } beside { ... on Film { title reviews { text } } ... on Book { pages __typename } } } }',
    data: {
      review: {
        text: 'good',
        on: { title: 'Tea' },
        beside: [
          [{ title: 'Rain', reviews: [{ text: 'r2' }] }],
          [
            { pages: 9, __typename: 'Book' },
            { title: 'Rain', reviews: [{ text: 'r2' }] },
          ],
        ],
      },
    },
  },
  {
    what: 'out of a mutation',
    subgraphs: both,
    query:
      'mutation { a: rate(id: 2) { __typename stars title } b: rate(id: 1) { ... on Film { minutes } stars } }',
    data: { a: { __typename: 'Film', stars: 2, title: 'Rain' }, b: { stars: 1 } },
  },
]

/** An id that the library does not know. */
const strange: Record<string, SubgraphSource> = {
  library,
  reviews: {
    ...reviews,
    resolvers: { ...reviews.resolvers, Query: { newest: () => [{ id: '9' }, { id: '1' }] } },
  },
}

const unknown: readonly Case[] = [
  {
    what: 'what only the implementation has is null, its nullable place too',
    subgraphs: strange,
    query: '{ newest { stars title } }',
    data: { newest: [null, { stars: 1, title: 'Tea' }] },
    errors: [['Cannot return null for non-nullable field Media.title', ['newest', 0, 'title']]],
  },
  {
    what: 'what the object itself has is there',
    subgraphs: strange,
    query: '{ newest { stars } }',
    data: { newest: [{ stars: 9 }, { stars: 1 }] },
  },
]

const more: readonly Case[] = [
  {
    what: '@requires of a field that the implementations have',
    subgraphs: {
      library,
      sizes: {
        sdl: `type Media @key(fields: "id") @interfaceObject {
          id: ID!  title: String! @external  long: Boolean! @requires(fields: "title") }`,
        resolvers: { Media: { long: ({ title }: { title: string }) => title.length > 3 } },
      },
    },
    query: '{ all { __typename long } book { long } }',
    data: {
      all: [
        { __typename: 'Book', long: false },
        { __typename: 'Film', long: true },
      ],
      book: { long: false },
    },
  },
  {
    what: 'two subgraphs that add, one of them reached through the other',
    subgraphs: {
      ...both,
      likes: {
        sdl: 'type Media @key(fields: "id") @interfaceObject { id: ID!  likes: Int }',
        resolvers: { Media: { likes: ({ id }: { id: string }) => Number(id) * 100 } },
      },
    },
    query: '{ newest { likes } all { likes stars } }',
    data: {
      newest: [{ likes: 200 }, null, { likes: 100 }],
      all: [
        { likes: 100, stars: 1 },
        { likes: 200, stars: 2 },
      ],
    },
  },
  {
    what: 'an interface without a key beside it, which the implementations are of too',
    subgraphs: {
      library: {
        ...library,
        sdl: library.sdl
          .replace('Query {', 'Query { owned: [Owned!]!')
          .replaceAll('implements Media', 'implements Media & Owned')
          .concat(' interface Owned { title: String! }'),
        resolvers: { ...library.resolvers, Query: { owned: () => rows }, Owned: typed },
      },
      reviews,
    },
    query: '{ owned { title ... on Media { stars } ... on Film { minutes } } }',
    data: {
      owned: [
        { title: 'Tea', stars: 1 },
        { title: 'Rain', stars: 2, minutes: 90 },
      ],
    },
  },
]

/** Who knows nothing of a Media but its id, and who knows more of its implementations. */
const around: Record<string, SubgraphSource> = {
  ...both,
  desk: {
    sdl: `
      type Query { desk: Desk }
      type Desk { first: Media!  piles: [[Media]] }
      type Media @key(fields: "id") @interfaceObject { id: ID! }`,
    resolvers: { Query: { desk: () => ({ first: { id: '1' }, piles: [[{ id: '2' }, null]] }) } },
  },
  archive: {
    sdl: `
      type Book @key(fields: "id") { id: ID!  isbn: String }
      type Film @key(fields: "id") { id: ID!  rating: Int }`,
    resolvers: { Book: { isbn: ({ id }: { id: string }) => `isbn ${id}` }, Film: { rating: () => 5 } },
  },
}

const hops: readonly Case[] = [
  {
    what: 'found out by one, added to by another, completed by a third',
    subgraphs: around,
    query:
      '{ desk { first { ... on Book { pages isbn } stars } piles { __typename ... on Film { rating stars(of: 3) } } } }',
    data: {
      desk: {
        first: { pages: 9, isbn: 'isbn 1', stars: 1 },
        piles: [[{ __typename: 'Film', rating: 5, stars: 6 }, null]],
      },
    },
  },
  {
    what: 'what only an implementation has, next to what all have, one alias each',
    subgraphs: around,
    query: '{ newest { ... on Book { isbn } ... on Film { a: rating b: stars(of: 2) stars } stars } }',
    data: { newest: [{ a: 5, b: 4, stars: 2 }, null, { isbn: 'isbn 1', stars: 1 }] },
  },
  {
    what: 'a fragment on an implementation within one on the interface, which does not match',
    subgraphs: around,
    query: '{ desk { piles { ... on Media { ... on Book { pages isbn } } id } } }',
    data: { desk: { piles: [[{ id: '2' }, null]] } },
  },
]

test.each(hops)('over several subgraphs: $what', holds)
test.each(fields)('added to an interface: $what', holds)
test.each(origins)('that comes from who knows the interface only: $what', holds)
test.each(unknown)('of no known implementation: $what', holds)
test.each(more)('also: $what', holds)
