import { parse } from 'graphql'
import { expect, test } from 'vitest'
import { schemaHashes } from '../../../../gateway/cache/policy/schema-hashes.ts'
import { annotated } from './annotated-graph.ts'

const SHOP = `
  type Query { product(id: ID!, near: Near = {city: "x"}): Product  any: Any }
  type Product @key(fields: "id") { id: ID!  name: String!  size: Size  kind: String! @shareable }
  enum Size { S M }
  input Near { city: String!  km: Int = 5 }
  union Any = Product | Note
  type Note { text: String }
`
const REVIEWS = `
  type Product @key(fields: "id") { id: ID!  stars: Int }
  type Mutation { rate(id: ID!): Product }
`

const hashesOf = (shop: string, reviews?: string): ReadonlyMap<string, string> =>
  schemaHashes(
    parse(annotated({ shop, ...(reviews === undefined ? {} : { reviews }) }).sdl, { noLocation: true }),
  )
const before = hashesOf(SHOP, REVIEWS)

test.each([
  ['a field', SHOP, REVIEWS.replace('stars: Int', 'stars: Int  reviews: [String!]')],
  ['a field of another type', SHOP, REVIEWS.replace('stars: Int', 'stars: Float')],
  ['a type', SHOP, `${REVIEWS} type Review @key(fields: "id") { id: ID!  text: String }`],
  ['a root field', SHOP, `${REVIEWS} type Query { best: Product }`],
  [
    'a looser type of a field that both have',
    SHOP,
    REVIEWS.replace('stars: Int', 'stars: Int  kind: String @shareable'),
  ],
  ['a value of an enum that both have', SHOP, `${REVIEWS} enum Size { L } type Query { size: Size }`],
  [
    'a member of a union that both have',
    SHOP,
    `${REVIEWS} union Any = Review type Review { text: String } type Query { other: Any }`,
  ],
])("another subgraph's change leaves a hash as it is: %s", (_, shop, reviews) => {
  const after = hashesOf(shop, reviews)
  expect(after.get('shop')).toBe(before.get('shop'))
  expect(after.get('reviews')).not.toBe(before.get('reviews'))
})

test.each([
  ['a field', SHOP.replace('name: String!', 'name: String!  more: Int')],
  ['a field less', SHOP.replace('name: String!', '')],
  ["a field's type", SHOP.replace('name: String!', 'name: String')],
  ['an argument', SHOP.replace('product(id: ID!', 'product(id: ID!, x: Int')],
  ["an argument's default", SHOP.replace('city: "x"', 'city: "y"')],
  ["an input field's default", SHOP.replace('km: Int = 5', 'km: Int = 6')],
  ['a value of an enum', SHOP.replace('S M', 'S M L')],
  ['a member of a union', SHOP.replace('Product | Note', 'Product')],
  ['how long a field is kept', SHOP.replace('name: String!', 'name: String! @cacheControl(maxAge: 5)')],
])('its own change makes another: %s', (_, shop) => {
  const after = hashesOf(shop, REVIEWS)
  expect(after.get('shop')).not.toBe(before.get('shop'))
  expect(after.get('reviews')).toBe(before.get('reviews'))
})

test.each([
  [
    'a key',
    REVIEWS.replace('id: ID!  stars', 'id: ID!  isbn: ID!  stars').replace(
      '"id")',
      '"id") @key(fields: "isbn")',
    ),
  ],
  [
    'an interface',
    `${REVIEWS.replace('Product @key', 'Product implements Media @key')} interface Media @key(fields: "id") { id: ID! }`,
  ],
])("another subgraph's change makes another, as answers are tagged otherwise: %s", (_, reviews) => {
  const after = hashesOf(SHOP, reviews)
  expect(after.get('shop')).not.toBe(before.get('shop'))
  expect(after.get('reviews')).not.toBe(before.get('reviews'))
})

test('neither descriptions nor the order of things change a hash, nor that the subgraph is no longer alone', () => {
  const reordered = SHOP.replace('enum Size { S M }', '').replace(
    'name: String!  size: Size',
    '"Its size." size: Size  name: String!',
  )
  expect(hashesOf(`enum Size { M S } ${reordered}`, REVIEWS)).toEqual(before)
  expect(hashesOf(SHOP).get('shop')).toBe(before.get('shop'))
})
