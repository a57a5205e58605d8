import { readFileSync } from 'node:fs'
import { pino } from 'pino'
import { newId } from '../../../protocol/ids.ts'
import { noAnswer } from '../../../protocol/no-answer.ts'
import { createSubgraphHttpServer } from '../../../subgraphs/http.ts'
import { outcome } from '../../../subgraphs/message.ts'
import { createSubgraph, type Subgraph } from '../../../subgraphs/subgraph.ts'
import { answerParent } from '../gateway/program.ts'
import { Backlog, type ServiceTerms } from './backlog.ts'

/**
 * Subgraphs of the shipped supergraph over HTTP, without a database: `node test/bench/overload/subgraphs.ts
 * '<Settings as JSON>'` tells its parent their ports. Claims are worked off at a fixed rate, as a service does whose
 * bottleneck is behind it; the rest is answered at once.
 */
export interface Settings {
  readonly identityKey: string
  /** Those that this process serves. */
  readonly names: readonly string[]
  readonly claims: ServiceTerms
  /** Whoever finds the queue of claims full is refused after so long: who is overloaded says so late. */
  readonly refusedAfterMs: number
  /** What paying takes: another service's answer. */
  readonly payingMs: number
}

const BODY_BYTES_MAX = 8 * 2 ** 20
/** Never the bound that is met: the queue is. */
const OPERATIONS_MAX = 100_000
const COUPONS = 2_000_000_000
const FACE_FEN = 2_500
const DAY_MS = 86_400_000
const silent = pino({ level: 'silent' })
const WORDS = { severity: 'SUCCESS', zh: '好', en: 'Good' } as const

const settings = JSON.parse(process.argv[2] as string) as Settings
const backlog = new Backlog(settings.claims)
const at = (days: number): Date => new Date(Date.now() + days * DAY_MS)
const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

const coupon = subgraph('coupon', {
  Mutation: {
    async claimCoupon(_: unknown, __: unknown, { caller }: { caller: { shopperId?: string } }) {
      const nowMs = performance.now()
      const doneAtMs = backlog.take(nowMs)
      if (doneAtMs === undefined) {
        await pause(settings.refusedAfterMs)
        throw noAnswer('SUBGRAPH_OVERLOADED', 'coupon', 'too many claims are waiting')
      }
      await pause(doneAtMs - nowMs)
      return outcome('CouponIssued', WORDS, {
        coupon: {
          id: newId('coupon', caller.shopperId ?? ''),
          state: 'ISSUED',
          faceFen: FACE_FEN,
          minSpendFen: 0,
          issuedAt: at(0),
          validUntil: at(30),
        },
      })
    },
  },
  Campaign: {
    __resolveReference: ({ id }: { id: string }) => ({ id }),
    issuance: () => ({
      state: 'OPEN',
      version: 1,
      limit: COUPONS,
      issued: backlog.taken,
      remaining: COUPONS - backlog.taken,
      allottedFen: COUPONS * FACE_FEN,
      availableFen: (COUPONS - backlog.taken) * FACE_FEN,
      liabilityFen: backlog.taken * FACE_FEN,
      expenseFen: 0,
      returnedFen: 0,
    }),
  },
})

const campaign = subgraph('campaign', {
  Query: {
    campaign: (_: unknown, { id }: { id: string }) => ({
      id,
      nameZh: '试',
      nameEn: 'Trial',
      state: 'ACTIVE',
      phases: [],
      faceFen: FACE_FEN,
      minSpendFen: 0,
      validUntil: at(30),
      version: 1,
    }),
  },
})

const payment = subgraph('payment', {
  Mutation: {
    async payOrder(_: unknown, { input }: { input: { orderId: string } }) {
      await pause(settings.payingMs)
      return outcome('OrderPaid', WORDS, {
        replayed: false,
        order: {
          id: input.orderId,
          state: 'PAID',
          subtotalFen: 5_000,
          discountFen: FACE_FEN,
          payableFen: FACE_FEN,
          createdAt: at(0),
          expiresAt: at(1),
          paidAt: at(0),
        },
      })
    },
  },
})

const PRODUCTS = Array.from({ length: 10 }, (_, number) => ({
  cursor: `${number}`,
  node: {
    id: `product_${number}`,
    nameZh: '芋圆奶茶',
    nameEn: 'Taro ball milk tea',
    priceFromFen: 1_500,
    shop: { id: 'shop_1', nameZh: '茶', nameEn: 'Tea' },
    variants: ['S', 'M', 'L', 'XL'].map(size => ({
      sku: `TEA-${number}-${size}`,
      nameZh: size,
      nameEn: size,
      priceFen: 1_500,
      stock: 'IN_STOCK',
    })),
  },
}))
const catalog = subgraph('catalog', {
  Query: {
    searchProducts: () => ({
      edges: PRODUCTS,
      pageInfo: { hasNextPage: true, hasPreviousPage: false, startCursor: '0', endCursor: '9' },
    }),
  },
})

const ports: Record<string, number> = {}
for (const one of [coupon, campaign, payment, catalog]) {
  if (!settings.names.includes(one.name)) continue
  const server = createSubgraphHttpServer({
    subgraph: one,
    identityKeys: [settings.identityKey],
    bodyBytesMax: BODY_BYTES_MAX,
    operationsMax: OPERATIONS_MAX,
    logger: silent,
  })
  ports[one.name] = (await server.listen(0, '127.0.0.1')).port
}
answerParent({ ports })

/** Under the shipped schema. */
function subgraph(name: string, resolvers: object): Subgraph {
  return createSubgraph<object>({
    name,
    typeDefs: readFileSync(new URL(`../../../subgraphs/${name}/schema.graphql`, import.meta.url), 'utf8'),
    resolvers: resolvers as never,
    context: () => ({}),
    start: async () => {},
    ready: async () => {},
    close: async () => {},
    logger: silent,
  })
}
