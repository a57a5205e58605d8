import { readFileSync } from 'node:fs'
import { Sweep } from '../jobs.ts'
import { catalogPeer, couponPeer } from '../peers.ts'
import { type CreateSubgraph, createSubgraph, type Subgraph, type SubgraphOptions } from '../subgraph.ts'
import { createLoaders } from './loaders.ts'
import { Orders } from './orders.ts'
import type { PaymentProvider } from './provider.ts'
import { type PaymentContext, resolvers } from './resolvers.ts'
import { Saga } from './saga.ts'
import { createSandboxProvider } from './sandbox-provider.ts'
import { pruneQuotes } from './store.ts'

const SWEEP_EVERY_MS = 1_000
const PRUNE_EVERY_MS = 60_000
/** Quotes that ended this long ago are deleted. */
const QUOTE_REMEMBERED_MS = 24 * 3_600_000
const PRUNE_ROWS_MAX = 1_000

/** payment with the built-in sandbox provider. */
export const createPaymentSubgraph: CreateSubgraph = options =>
  createPaymentSubgraphWith(options, createSandboxProvider(options.database))

/** payment with a provider of one's own. */
export function createPaymentSubgraphWith(options: SubgraphOptions, provider: PaymentProvider): Subgraph {
  const { database, logger } = options
  const coupon = couponPeer(options.clientOf('coupon'))
  const catalog = catalogPeer(options.clientOf('catalog'))
  const saga = new Saga({ database, coupon, catalog, provider, logger })
  const orders = new Orders({ database, saga, provider: provider.name })
  const sweeps = [
    new Sweep({ name: 'orders', everyMs: SWEEP_EVERY_MS, log: logger, run: signal => saga.sweep(signal) }),
    new Sweep({
      name: 'quotes',
      everyMs: PRUNE_EVERY_MS,
      log: logger,
      run: async () => (await pruneQuotes(database, QUOTE_REMEMBERED_MS, PRUNE_ROWS_MAX)) === PRUNE_ROWS_MAX,
    }),
  ]

  return createSubgraph<PaymentContext>({
    name: 'payment',
    typeDefs: readFileSync(new URL('schema.graphql', import.meta.url), 'utf8'),
    resolvers,
    context: () => ({
      loaders: createLoaders(database),
      database,
      orders,
      quoting: { database, coupon, catalog },
    }),
    async start() {
      await database.migrate(new URL('migrations/', import.meta.url))
      for (const sweep of sweeps) sweep.start()
    },
    ready: () => database.ping(),
    async close() {
      await Promise.all(sweeps.map(sweep => sweep.stop()))
      await database.close()
    },
    logger,
  })
}
