import { createHash } from 'node:crypto'
import { composeServices } from '@theguild/federation-composition'
import { parse } from 'graphql'
import { pino } from 'pino'
import { createGateway, type Gateway, type GatewayOptions } from '../../gateway/gateway.ts'
import type { ManifestOperation } from '../../gateway/operations/manifest.ts'
import { Fault } from '../../protocol/fault.ts'
import { InProcessClient } from '../../protocol/in-process-client.ts'
import { createSubgraph, type RequestContext } from '../../subgraphs/subgraph.ts'

/** A graph of two subgraphs without a database, whose fields do what a test of the gateway asks for. */

const SCALARS = `
  scalar Fen
  scalar DateTime
`

const SHOP = `
  extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@inaccessible"])
  ${SCALARS}
  type Query {
    "One product."
    product(
      "The product's id."
      id: ID!
    ): Product
    products(
      "How many, 1 to 50."
      first: Int = 10
    ): ProductConnection!
    "Gives back what it was given."
    echo(text: String, tags: [String!], at: DateTime): String
    "The caller, as JSON."
    who: String!
    "Fails with the code, and makes the whole answer null."
    fail(code: String!, retryAfterMs: Int): String!
    "Fails with the code, alone."
    maybe(code: String!): String
    "Throws what is no fault."
    broken: String!
    "Answers when the test lets it."
    slow: String
    deep: Deep
    hidden: String @inaccessible
  }
  type Deep { deep: Deep, leaf: String }
  type Product @key(fields: "id") { id: ID!, nameZh: String!, nameEn: String!, priceFen: Fen! }
  type ProductConnection { edges: [ProductEdge!]! }
  type ProductEdge { node: Product! }
`

const WALLET = `
  extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])
  ${SCALARS}
  type Query { me: Shopper }
  type Shopper { id: ID! }
  type Product @key(fields: "id") { id: ID!, couponFen: Fen }
  type Mutation {
    claim(input: ClaimInput!): ClaimResult!
    pay(input: PayInput!): ShopperMessage!
    failToClaim(code: String!): String!
  }
  input ClaimInput { "The campaign's id." campaignId: ID!, "A kept place's token." placeToken: String }
  input PayInput {
    orderId: ID!
    "Where it is delivered."
    address: Address
    method: Method = WALLET
    idempotencyKey: String
    paymentToken: String
  }
  "An address."
  input Address { city: String! }
  enum Method { "From the balance." WALLET CARD }
  union ClaimResult = Issued | Paused
  interface ShopperMessage { code: String!, messageZh: String!, messageEn: String!, retryAfterMs: Int }
  type Issued implements ShopperMessage { code: String!, messageZh: String!, messageEn: String!, retryAfterMs: Int, couponId: ID! }
  type Paused implements ShopperMessage { code: String!, messageZh: String!, messageEn: String!, retryAfterMs: Int }
`

const fault = ({ code, retryAfterMs }: { code: string; retryAfterMs?: number | null }): never => {
  throw new Fault(code, `told to fail with ${code}`, { ...(retryAfterMs ? { retryAfterMs } : {}) })
}

const PRODUCTS = Array.from({ length: 3 }, (_, i) => ({
  id: `product_${i}`,
  nameZh: `奶茶${i}`,
  nameEn: `Milk tea ${i}`,
  priceFen: 300_000_000_000 + i,
}))

const MESSAGES = {
  Issued: { code: 'COUPON_ISSUED', messageZh: '优惠券已到账。', messageEn: 'The coupon is in your wallet.' },
  Paused: {
    code: 'ISSUANCE_PAUSED',
    messageZh: '发放暂停。',
    messageEn: 'Issuance is paused.',
    retryAfterMs: 60_000,
  },
}

/** Operations as a manifest holds them. */
export const OPERATIONS: Readonly<Record<string, string>> = {
  Product: 'query Product($id: ID!) { product(id: $id) { id nameZh priceFen couponFen } }',
  Products: 'query Products($first: Int = 2) { products(first: $first) { edges { node { id nameEn } } } }',
  Echo: 'query Echo($text: String, $tags: [String!]) { echo(text: $text, tags: $tags) }',
  Who: 'query Who { who }',
  Me: 'query Me { me { id } }',
  Fail: 'query Fail($code: String!, $retryAfterMs: Int) { fail(code: $code, retryAfterMs: $retryAfterMs) }',
  Maybe: 'query Maybe($code: String!) { who maybe(code: $code) }',
  Broken: 'query Broken { broken }',
  Slow: 'query Slow { slow }',
  Claim:
    'mutation Claim($input: ClaimInput!) { claim(input: $input) { __typename ... on ShopperMessage { code messageZh messageEn retryAfterMs } ... on Issued { couponId } } }',
  Pay: 'mutation Pay($input: PayInput!) { pay(input: $input) { code messageZh messageEn } }',
  FailToClaim: 'mutation FailToClaim($code: String!) { failToClaim(code: $code) }',
}

/** Operations that are tools too. */
const TOOLS: Readonly<Record<string, string>> = {
  Product: 'product_detail',
  Products: 'search_products',
  Me: 'my_account',
  Fail: 'fail',
  Maybe: 'maybe',
  Claim: 'claim_coupon',
  Pay: 'pay_order',
}

export const MANIFEST: readonly ManifestOperation[] = Object.entries(OPERATIONS).map(([name, body]) => ({
  id: hashOf(body),
  body,
  priority: 'BROWSE',
  description: `The operation ${name}.`,
  ...(TOOLS[name] === undefined ? {} : { tool: TOOLS[name] }),
}))

export function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

/** The gateway over the two subgraphs, with what a test steers them by. */
export interface TinyGraph {
  readonly gateway: Gateway
  /** Operations of both subgraphs that were executed. */
  readonly executed: string[]
  /** Resolves when `slow` has been asked. */
  readonly slowAsked: Promise<void>
  /** Lets `slow` answer. */
  release(): void
  /** Why the subgraph `shop` is not ready, until cleared. */
  unready: string | undefined
}

export const TINY_SUPERGRAPH: string = composed()

export async function tinyGraph(options: Partial<GatewayOptions> = {}): Promise<TinyGraph> {
  const asked = Promise.withResolvers<void>()
  const released = Promise.withResolvers<void>()
  const executed: string[] = []
  const logger = pino({ level: 'silent' })
  const lifecycle = { start: async () => {}, close: async () => {}, logger, context: () => ({}) }
  const shop = createSubgraph<object>({
    ...lifecycle,
    name: 'shop',
    typeDefs: SHOP,
    ready: async () => {
      if (graph.unready !== undefined) throw new Error(graph.unready)
    },
    resolvers: {
      Query: {
        product: (_: unknown, { id }: { id: string }) => PRODUCTS.find(product => product.id === id) ?? null,
        products: (_: unknown, { first }: { first: number }) => ({
          edges: PRODUCTS.slice(0, first).map(node => ({ node })),
        }),
        echo: (_: unknown, { text, tags }: { text?: string; tags?: string[] }) =>
          text ?? tags?.join(',') ?? null,
        who: (_: unknown, __: unknown, { caller }: RequestContext) => JSON.stringify(caller),
        fail: (_: unknown, args: { code: string; retryAfterMs?: number }) => fault(args),
        maybe: (_: unknown, args: { code: string }) => fault(args),
        broken: () => {
          throw new Error('secret of the inside')
        },
        slow: async () => {
          asked.resolve()
          await released.promise
          return 'done'
        },
        deep: () => null,
        hidden: () => 'hidden',
      },
      Product: {
        __resolveReference: ({ id }: { id: string }) => PRODUCTS.find(product => product.id === id) ?? null,
      },
    } as never,
  })
  const wallet = createSubgraph<object>({
    ...lifecycle,
    name: 'wallet',
    typeDefs: WALLET,
    ready: async () => {},
    resolvers: {
      Query: {
        me: (_: unknown, __: unknown, { caller }: RequestContext) =>
          caller.shopperId === undefined ? null : { id: caller.shopperId },
      },
      Mutation: {
        claim: (_: unknown, { input }: { input: { campaignId: string } }) =>
          input.campaignId === 'paused'
            ? { __typename: 'Paused', ...MESSAGES.Paused }
            : { __typename: 'Issued', ...MESSAGES.Issued, couponId: `coupon_of_${input.campaignId}` },
        pay: () => ({ __typename: 'Issued', ...MESSAGES.Issued, couponId: 'none' }),
        failToClaim: (_: unknown, args: { code: string }) => fault(args),
      },
      Product: { __resolveReference: ({ id }: { id: string }) => ({ id, couponFen: 2_500 }) },
    } as never,
  })
  const clients = new Map(
    [shop, wallet].map(subgraph => {
      const counted = {
        ...subgraph,
        execute: (request: Parameters<typeof subgraph.execute>[0]) => {
          executed.push(request.operation)
          return subgraph.execute(request)
        },
      }
      return [subgraph.name, new InProcessClient(counted)]
    }),
  )
  const graph: TinyGraph = {
    gateway: await createGateway({
      supergraphSdl: TINY_SUPERGRAPH,
      manifest: MANIFEST,
      clients,
      production: false,
      ...options,
    }),
    executed,
    slowAsked: asked.promise,
    release: () => released.resolve(),
    unready: undefined,
  }
  return graph
}

function composed(): string {
  const result = composeServices([
    { name: 'shop', typeDefs: parse(SHOP), url: 'http://shop.invalid/graphql' },
    { name: 'wallet', typeDefs: parse(WALLET), url: 'http://wallet.invalid/graphql' },
  ])
  if (result.supergraphSdl === undefined) {
    throw new Error((result.errors ?? []).map(({ message }) => message).join('\n'))
  }
  return result.supergraphSdl
}
