import type { Resolvers } from './world.ts'

/**
 * A graph in three subgraphs. Every object is known by its type and id; every field is computed from these by
 * {@link fields}, in whichever schema it is asked for, so that the subgraphs together and one schema with everything
 * must give the same answers.
 */
export const SUBGRAPHS: Readonly<Record<string, string>> = {
  catalog: `
    type Query {
      products(first: Int): [Product!]!
      product(id: ID!): Product
      items: [Item]
      grid: [[Item!]]!
      search(first: Int): [Hit!]!
      node: Node
    }
    interface Node { id: ID! }
    interface Item implements Node { id: ID!  name: String  price(currency: String): Int }
    union Hit = Product | Bundle | Maker
    type Product implements Item & Node @key(fields: "id") {
      id: ID!
      name: String
      price(currency: String): Int
      maker: Maker
      size: Size @shareable
      related(first: Int): [Product!]!
    }
    type Bundle implements Item & Node @key(fields: "id") {
      id: ID!
      name: String
      price(currency: String): Int
      parts: [Item!]
      grade: Grade
    }
    type Maker @key(fields: "id") @key(fields: "code { area number }") { id: ID!  code: Code!  name: String! }
    type Code @shareable { area: String!  number: Int! }
    type Size @shareable { w: Int  unit(long: Boolean): String  h: Int }
    enum Grade { A  B }`,
  reviews: `
    type Query { reviews(first: Int): [Review!]!  latest: Review }
    type Review @key(fields: "id") { id: ID!  body: String!  stars: Int  about: About  author: User }
    union About = Product | Bundle
    type Product @key(fields: "id") {
      id: ID!
      price(currency: String): Int @external
      size: Size @external
      reviews(first: Int): [Review!]!
      score: Float
      fragile: Boolean!
      parcel: String @requires(fields: "price(currency: \\"CNY\\") size { w unit(long: true) }")
      tag: String @requires(fields: "price(currency: \\"EUR\\")")
    }
    type Size { w: Int @external  unit(long: Boolean): String @external }
    type Bundle @key(fields: "id") { id: ID!  score: Float }
    type User @key(fields: "id") { id: ID!  reviews(first: Int): [Review!]!  name: String @external  nick: String @requires(fields: "name") }`,
  users: `
    type Query { users: [User]  me: User }
    type User @key(fields: "id") { id: ID!  name: String  email: String  friends(first: Int): [User!]  wish: Product }
    type Maker @key(fields: "code { area number }") { code: Code!  owner: User }
    type Code @shareable { area: String!  number: Int! }
    type Product @key(fields: "id") { id: ID!  size: Size @shareable  buyers: [User!] }
    type Size @shareable { w: Int  unit(long: Boolean): String  h: Int }
    type Review @key(fields: "id") { id: ID!  likes: Int! }`,
}

/** The same graph as one schema. */
export const MONOLITH = `
  type Query {
    products(first: Int): [Product!]!
    product(id: ID!): Product
    items: [Item]
    grid: [[Item!]]!
    search(first: Int): [Hit!]!
    node: Node
    reviews(first: Int): [Review!]!
    latest: Review
    users: [User]
    me: User
  }
  interface Node { id: ID! }
  interface Item implements Node { id: ID!  name: String  price(currency: String): Int }
  union Hit = Product | Bundle | Maker
  union About = Product | Bundle
  enum Grade { A  B }
  type Product implements Item & Node {
    id: ID!  name: String  price(currency: String): Int  maker: Maker  size: Size  related(first: Int): [Product!]!
    reviews(first: Int): [Review!]!  score: Float  fragile: Boolean!  parcel: String  tag: String  buyers: [User!]
  }
  type Bundle implements Item & Node {
    id: ID!  name: String  price(currency: String): Int  parts: [Item!]  grade: Grade  score: Float
  }
  type Maker { id: ID!  code: Code!  name: String!  owner: User }
  type Code { area: String!  number: Int! }
  type Size { w: Int  unit(long: Boolean): String  h: Int }
  type Review { id: ID!  body: String!  stars: Int  about: About  author: User  likes: Int! }
  type User {
    id: ID!  reviews(first: Int): [Review!]!  name: String  nick: String  email: String  friends(first: Int): [User!]  wish: Product
  }`

/** Any number out of words: the whole world is a function of its seed. */
export function draw(seed: number, ...words: readonly (string | number)[]): number {
  let hash = seed | 0
  for (const char of words.join('/')) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193) ^ (hash >>> 13)
  return (hash ^ (hash >>> 7)) >>> 0
}

interface Thing {
  readonly __typename: string
  readonly id: string
}

const TYPES = ['Product', 'Bundle', 'Maker', 'Review', 'User'] as const
const PER_TYPE = 4

function thing(type: string, n: number): Thing {
  return { __typename: type, id: `${type[0]}${n % PER_TYPE}` }
}

type Args = Readonly<Record<string, unknown>>
type Field = (self: Thing & Args, args: Args) => unknown

/** Every field of the world. `parcel`, `tag` and `nick` use what a representation brings, as `@requires` promises. */
export function fields(
  seed: number,
  federated: boolean,
): Readonly<Record<string, Readonly<Record<string, Field>>>> {
  const at = (self: Thing, ...words: string[]): number => draw(seed, self.id, ...words)
  const maybe = (chance: number, value: unknown): unknown => (chance % 5 === 0 ? null : value)
  const some = (of: readonly string[], chance: number, max: number): Thing[] =>
    Array.from({ length: chance % max }, (_, i) =>
      thing(of[(chance + i) % of.length]!, (chance >>> 3) + i * 3),
    )
  const cut = (list: unknown[], args: Args): unknown[] =>
    typeof args.first === 'number' ? list.slice(0, args.first) : list
  const failing = (chance: number, value: unknown): unknown => {
    if (chance % 23 === 0) throw new Error('the world says no')
    return value
  }
  const query: Thing = { __typename: 'Query', id: 'Q' }
  const price: Field = (self, args) =>
    maybe(at(self, 'price', String(args.currency)), at(self, 'price', String(args.currency)) % 100)
  const size = (self: Thing): unknown =>
    maybe(at(self, 'size'), { __typename: 'Size', id: `size of ${self.id}` })
  const name: Field = self => maybe(at(self, 'name'), `${self.__typename} ${self.id}`)
  const w: Field = self => maybe(at(self, 'w'), at(self, 'w') % 9)
  const unit: Field = (self, args) => (args.long === true ? 'centimetre' : `cm${at(self, 'u') % 2}`)
  const code = (id: string): unknown => ({
    __typename: 'Code',
    id: `code ${id}`,
    area: id[0],
    number: Number(id.slice(1)),
  })
  return {
    Query: {
      products: (_, args) => cut(some(['Product'], at(query, 'products'), 5), args),
      product: (_, args) => maybe(at(query, String(args.id)), thing('Product', String(args.id).length)),
      items: () => [...some(['Product', 'Bundle'], at(query, 'items'), 5), null],
      grid: () => [
        some(['Bundle', 'Product'], at(query, 'g1'), 4),
        null,
        some(['Product'], at(query, 'g2'), 3),
      ],
      search: (_, args) => cut(some(['Maker', 'Product', 'Bundle'], at(query, 'search'), 6), args),
      node: () =>
        maybe(at(query, 'node'), thing(at(query, 'kind') % 2 ? 'Product' : 'Bundle', at(query, 'node'))),
      reviews: (_, args) => cut(some(['Review'], at(query, 'reviews'), 5), args),
      latest: () => maybe(at(query, 'latest'), thing('Review', at(query, 'latest'))),
      users: () => [null, ...some(['User'], at(query, 'users'), 4)],
      me: () => maybe(at(query, 'me'), thing('User', at(query, 'me'))),
    },
    Product: {
      name,
      price,
      size,
      maker: self => maybe(at(self, 'maker'), thing('Maker', at(self, 'maker'))),
      related: (self, args) => cut(some(['Product'], at(self, 'related'), 4), args),
      reviews: (self, args) => cut(some(['Review'], at(self, 'reviews'), 4), args),
      score: self => failing(at(self, 'score'), maybe(at(self, 'score'), (at(self, 'score') % 50) / 10)),
      fragile: self => failing(at(self, 'fragile'), at(self, 'fragile') % 2 === 0),
      buyers: self => maybe(at(self, 'buyers'), some(['User'], at(self, 'buyers'), 4)),
      parcel: self => {
        const box = (federated ? self.size : size(self)) as (Thing & Args) | null
        const cost = federated ? self.price : price(self, { currency: 'CNY' })
        const width = box && (federated ? box.w : w(box, {}))
        const measure = box && (federated ? box.unit : unit(box, { long: true }))
        return `${cost} ${width} ${measure}`
      },
      tag: self => `€${federated ? self.price : price(self, { currency: 'EUR' })}`,
    },
    Bundle: {
      name,
      price,
      parts: self => maybe(at(self, 'parts'), some(['Product', 'Bundle'], at(self, 'parts'), 4)),
      grade: self => maybe(at(self, 'grade'), at(self, 'grade') % 2 ? 'A' : 'B'),
      score: self => at(self, 'score') % 7,
    },
    Maker: {
      code: self => code(self.id),
      name: self => failing(at(self, 'name'), `maker ${self.id}`),
      owner: self => maybe(at(self, 'owner'), thing('User', at(self, 'owner'))),
    },
    Size: { w, unit, h: self => at(self, 'h') % 9 },
    Review: {
      body: self => `body ${self.id}`,
      stars: self => maybe(at(self, 'stars'), at(self, 'stars') % 5),
      about: self =>
        maybe(at(self, 'about'), thing(at(self, 'about') % 2 ? 'Product' : 'Bundle', at(self, 'about'))),
      author: self => maybe(at(self, 'author'), thing('User', at(self, 'author'))),
      likes: self => failing(at(self, 'likes'), at(self, 'likes') % 100),
    },
    User: {
      name,
      nick: self => `nick of ${federated ? self.name : name(self, {})}`,
      email: self => failing(at(self, 'email'), `${self.id}@x`),
      friends: (self, args) => maybe(at(self, 'friends'), cut(some(['User'], at(self, 'friends'), 4), args)),
      wish: self => maybe(at(self, 'wish'), thing('Product', at(self, 'wish'))),
      reviews: (self, args) => cut(some(['Review'], at(self, 'reviews'), 4), args),
    },
  }
}

/** Resolvers for subgraphs; they read the seed at every call, so that one schema serves any number of worlds. */
export function resolvers(seed: () => number): Resolvers {
  const built: Resolvers = {}
  for (const [type, names] of Object.entries(fields(0, true))) {
    built[type] = {}
    for (const field of Object.keys(names))
      built[type][field] = (self: Thing & Args, args: Args) => fields(seed(), true)[type]![field]!(self, args)
  }
  for (const abstract of ['Node', 'Item', 'Hit', 'About'])
    built[abstract] = { __resolveType: (value: Thing) => value.__typename }
  for (const type of TYPES)
    built[type].__resolveReference = (reference: Args) => ({
      ...reference,
      __typename: type,
      id: reference.id ?? idOf(reference.code as Args),
    })
  return built
}

const idOf = (code: Args): string => `${code.area}${code.number}`
