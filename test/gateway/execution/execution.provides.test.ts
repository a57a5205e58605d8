import { test } from 'vitest'
import { type Case, holds, resolveType } from './cases.ts'
import type { SubgraphSource } from './world.ts'

const users: SubgraphSource = {
  sdl: `type User @key(fields: "id") { id: ID!  name: String @shareable  age: Int  home: Home @shareable }
    type Home { city: String @shareable  street: String @shareable }`,
  resolvers: {
    User: { name: () => 'owned', age: () => 30, home: () => ({ city: 'owned', street: 'owned' }) },
  },
}

/** Three ways to a user: with the name, with the city of the home, and with nothing but the id. */
const reviews: SubgraphSource = {
  sdl: `
    type Query { review: Review  reviews: [Review!]! @provides(fields: "author { name }") }
    type Review { author: User  editor: User @provides(fields: "name")  buyer: User @provides(fields: "home { city }") }
    type User @key(fields: "id") { id: ID!  name: String @external  home: Home @external }
    type Home { city: String @external }`,
  resolvers: {
    Query: {
      review: () => ({
        author: { id: '1', name: 'never' },
        editor: { id: '2', name: 'provided' },
        buyer: { id: '3', home: { city: 'provided' } },
      }),
      reviews: () => [{ author: { id: '1', name: 'provided' } }, { author: null }],
    },
  },
}

const items = [
  { __typename: 'Book', id: '1', title: 'Tea', pages: 9 },
  { __typename: 'Film', id: '2', title: 'Peach', minutes: 90 },
]

/** The same two items by way of an interface and of a union; `shown` provides, `found` does not. */
const media: Record<string, SubgraphSource> = {
  shop: {
    sdl: `
      type Query {
        shown: [Media!]! @provides(fields: "... on Book { title pages } ... on Film { title }")
        found: [Media!]!
        hits: [Hit!]! @provides(fields: "... on Book { title } ... on Film { minutes }")
      }
      interface Media { id: ID!  title: String }
      union Hit = Book | Film
      type Book implements Media @key(fields: "id") { id: ID!  title: String @external  pages: Int @external }
      type Film implements Media @key(fields: "id") { id: ID!  title: String @external  minutes: Int @external }`,
    resolvers: {
      Query: { shown: () => items, found: () => items, hits: () => items },
      Media: { __resolveType: resolveType },
      Hit: { __resolveType: resolveType },
    },
  },
  library: {
    sdl: `
      type Book @key(fields: "id") { id: ID!  title: String @shareable  pages: Int @shareable }
      type Film @key(fields: "id") { id: ID!  title: String @shareable  minutes: Int @shareable }`,
    resolvers: {
      Book: { title: () => 'owned', pages: () => 1 },
      Film: { title: () => 'owned', minutes: () => 1 },
    },
  },
}

const cases: readonly Case[] = [
  {
    what: 'a provided field is not fetched again',
    subgraphs: { reviews, users },
    query: '{ review { editor { name } } }',
    data: { review: { editor: { name: 'provided' } } },
    sent: [['reviews']],
  },
  {
    what: 'the same field where it is not provided, and one that nobody provides, from their owner',
    subgraphs: { reviews, users },
    query: '{ review { author { name } editor { name age } } }',
    data: { review: { author: { name: 'owned' }, editor: { name: 'provided', age: 30 } } },
  },
  {
    what: 'part of an object: the rest comes from its owner',
    subgraphs: { reviews, users },
    query: '{ review { buyer { home { city } } } }',
    data: { review: { buyer: { home: { city: 'provided' } } } },
    sent: [['reviews']],
  },
  {
    what: 'provided below a list, with nulls',
    subgraphs: { reviews, users },
    query: '{ reviews { author { name } } }',
    data: { reviews: [{ author: { name: 'provided' } }, { author: null }] },
    sent: [['reviews']],
  },
  {
    what: 'on an interface, for all of its types and for one',
    subgraphs: media,
    query: '{ shown { title ... on Book { pages } ... on Film { minutes } } }',
    data: {
      shown: [
        { title: 'Tea', pages: 9 },
        { title: 'Peach', minutes: 1 },
      ],
    },
    sent: [['shop'], ['library', [{ __typename: 'Film', id: '2' }]]],
  },
  {
    what: 'on an interface, where it is not provided',
    subgraphs: media,
    query: '{ found { title } }',
    data: { found: [{ title: 'owned' }, { title: 'owned' }] },
  },
  {
    what: 'on a union, a field of each member',
    subgraphs: media,
    query: '{ hits { ... on Book { title } ... on Film { title minutes } } }',
    data: { hits: [{ title: 'Tea' }, { title: 'owned', minutes: 90 }] },
    sent: [['shop'], ['library', [{ __typename: 'Film', id: '2' }]]],
  },
  {
    what: 'nested in lists of objects, on a shareable root field that another subgraph resolves too',
    subgraphs: {
      // Named to come first, should the order matter.
      all: { sdl: 'type Product @key(fields: "id") { id: ID! }' },
      category: {
        sdl: `
          type Query { products: [Product] @shareable @provides(fields: "categories { id name subs { id name } }") }
          type Product @key(fields: "id") { id: ID!  categories: [Category] @external }
          type Category @key(fields: "id") { id: ID!  name: String  subs: [Category] @external }`,
        resolvers: {
          Query: {
            products: () => [
              { id: 'p', categories: [{ id: 'c1', name: 'One', subs: [{ id: 'c2', name: 'Two' }] }] },
            ],
          },
        },
      },
      subs: {
        sdl: `
          type Product @key(fields: "id") { id: ID!  categories: [Category] @shareable }
          type Category @key(fields: "id") { id: ID!  subs: [Category] @shareable }`,
      },
    },
    query: '{ products { categories { name subs { id name } } } }',
    data: { products: [{ categories: [{ name: 'One', subs: [{ id: 'c2', name: 'Two' }] }] }] },
    sent: [['category']],
  },
]

test.each(cases)('$what', holds)
