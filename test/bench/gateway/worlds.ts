import { home } from '../cache/home.ts'
import type { World } from './world.ts'

export type { World, WorldSubgraph } from './world.ts'

const LINK = (...names: readonly string[]): string =>
  `extend schema @link(url: "https://specs.apollo.dev/federation/v2.3", import: ${JSON.stringify(names)})`

type Ref = { readonly id: string }

/**
 * Three fetches, the second and third at once. Every value is constant or holds the product's id, so that an answer for
 * any id is made by filling in a template.
 */
const page: World = {
  takesId: true,
  query: `query ProductPage($id: ID!) {
  product(id: $id) { id name priceFen inStock warehouse rating reviews { id body author } }
}`,
  subgraphs: [
    {
      name: 'catalog',
      sdl: `${LINK('@key')}
        type Query { product(id: ID!): Product }
        type Product @key(fields: "id") { id: ID! name: String! priceFen: Int! }`,
      resolvers: {
        Query: { product: (_: unknown, { id }: Ref) => ({ id }) },
        Product: { __resolveReference: ({ id }: Ref) => ({ id }), ...product() },
      },
    },
    {
      name: 'inventory',
      sdl: `${LINK('@key')}
        type Product @key(fields: "id") { id: ID! inStock: Boolean! warehouse: String! }`,
      resolvers: {
        Product: {
          __resolveReference: ({ id }: Ref) => ({ id }),
          inStock: () => true,
          warehouse: () => 'Hangzhou 3',
        },
      },
    },
    {
      name: 'reviews',
      sdl: `${LINK('@key')}
        type Product @key(fields: "id") { id: ID! rating: Float! reviews: [Review!]! }
        type Review { id: ID! body: String! author: String! }`,
      resolvers: {
        Product: {
          __resolveReference: ({ id }: Ref) => ({ id }),
          rating: () => 4.5,
          reviews: ({ id }: Ref) =>
            [1, 2].map(number => ({
              id: `${id}-${number}`,
              body: `What ${number} people said of ${id}: it works`,
              author: `shopper ${number}`,
            })),
        },
      },
    },
  ],
}

function product(): Record<string, (ref: Ref) => unknown> {
  return { name: ({ id }) => `Product ${id}`, priceFen: () => 12_900 }
}

/**
 * The workload that gateways publish figures of: from users and top products through reviews and back, twice, over four
 * subgraphs. The answer is 88 kB.
 */
const USERS = 6
const PRODUCTS = 9
const REVIEWS = 24

const userOf = (review: number): number => review % USERS
const productOf = (review: number): number => (review * 7) % PRODUCTS

const reviews = Array.from({ length: REVIEWS }, (_, number) => ({
  id: `review-${number}`,
  body: `It came on day ${number + 1} and does what the page said it would do`,
  author: { __typename: 'User', id: `user-${userOf(number)}` },
  product: { __typename: 'Product', upc: `product-${productOf(number)}` },
}))
const users = Array.from({ length: USERS }, (_, number) => ({
  id: `user-${number}`,
  name: `Name of user ${number}`,
  username: `shopper_${number}`,
}))
const products = Array.from({ length: PRODUCTS }, (_, number) => ({
  upc: `product-${number}`,
  name: `A product with the number ${number}`,
  price: 1_000 + number * 499,
  weight: 100 + number * 50,
}))

const deep: World = {
  takesId: false,
  query: `query Deep {
  users {
    ...UserFields
    reviews {
      ...ReviewFields
      product {
        ...ProductFields
        reviews {
          ...ReviewFields
          author { ...UserFields reviews { ...ReviewFields product { ...ProductFields } } }
        }
      }
    }
  }
  topProducts {
    ...ProductFields
    reviews {
      ...ReviewFields
      author { ...UserFields reviews { ...ReviewFields product { ...ProductFields } } }
    }
  }
}
fragment UserFields on User { id username name }
fragment ReviewFields on Review { id body }
fragment ProductFields on Product { inStock name price shippingEstimate upc weight }`,
  subgraphs: [
    {
      name: 'accounts',
      sdl: `${LINK('@key')}
        type Query { users: [User] }
        type User @key(fields: "id") { id: ID! name: String username: String }`,
      resolvers: {
        Query: { users: () => users },
        User: { __resolveReference: ({ id }: Ref) => users.find(user => user.id === id) },
      },
    },
    {
      name: 'inventory',
      sdl: `${LINK('@key', '@requires', '@external')}
        type Product @key(fields: "upc") {
          upc: String!
          weight: Int @external
          price: Int @external
          inStock: Boolean
          shippingEstimate: Int @requires(fields: "price weight")
        }`,
      resolvers: {
        Product: {
          __resolveReference: (reference: object) => reference,
          inStock: ({ upc }: { upc: string }) => upc !== 'product-3',
          shippingEstimate: ({ price, weight }: { price: number; weight: number }) =>
            price > 4_000 ? 0 : Math.round(weight / 2),
        },
      },
    },
    {
      name: 'products',
      sdl: `${LINK('@key')}
        type Query { topProducts(first: Int = 5): [Product] }
        type Product @key(fields: "upc") { upc: String! name: String price: Int weight: Int }`,
      resolvers: {
        Query: { topProducts: (_: unknown, { first }: { first: number }) => products.slice(0, first) },
        Product: {
          __resolveReference: ({ upc }: { upc: string }) => products.find(one => one.upc === upc),
        },
      },
    },
    {
      name: 'reviews',
      sdl: `${LINK('@key', '@external', '@provides')}
        type Review @key(fields: "id") {
          id: ID!
          body: String
          author: User @provides(fields: "username")
          product: Product
        }
        type User @key(fields: "id") { id: ID! username: String @external reviews: [Review] }
        type Product @key(fields: "upc") { upc: String! reviews: [Review] }`,
      resolvers: {
        Review: { __resolveReference: ({ id }: Ref) => reviews.find(review => review.id === id) },
        User: {
          __resolveReference: ({ id }: Ref) => ({ id }),
          username: ({ id }: Ref) => users.find(user => user.id === id)?.username,
          reviews: ({ id }: Ref) => reviews.filter(({ author }) => author.id === id),
        },
        Product: {
          __resolveReference: ({ upc }: { upc: string }) => ({ upc }),
          reviews: ({ upc }: { upc: string }) => reviews.filter(({ product }) => product.upc === upc),
        },
      },
    },
  ],
}

export type WorldName = 'page' | 'deep' | 'home'

export const WORLDS: Readonly<Record<WorldName, World>> = { page, deep, home }
