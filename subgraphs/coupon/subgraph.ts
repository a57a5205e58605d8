import { readFileSync } from 'node:fs'
import { Sweep } from '../jobs.ts'
import { createSubgraph, type Subgraph, type SubgraphOptions } from '../subgraph.ts'
import { Claims } from './claims.ts'
import { expireOnePage } from './expiry.ts'
import { Holds } from './holds.ts'
import { Issuances } from './issuance.ts'
import { createLoaders } from './loaders.ts'
import { resolvers } from './resolvers.ts'

const EXPIRY_EVERY_MS = 1_000

/**
 * Coupons, wallets and issuance on their own schema. Calls nobody. An empty database needs no seed: campaign opens issuance.
 * @param claimBatchMax claims in one SQL call. Default: what measured best.
 */
export const createCouponSubgraph = (
  { database, logger }: SubgraphOptions,
  claimBatchMax?: number,
): Subgraph => {
  const claims = new Claims(database, claimBatchMax)
  const holds = new Holds(database)
  const issuances = new Issuances(database)
  const expiry = new Sweep({
    name: 'coupon.expiry',
    everyMs: EXPIRY_EVERY_MS,
    run: () => expireOnePage(database),
    log: logger,
  })
  return createSubgraph({
    name: 'coupon',
    typeDefs: readFileSync(new URL('schema.graphql', import.meta.url), 'utf8'),
    resolvers,
    logger,
    context: () => ({ database, loaders: createLoaders(database), claims, holds, issuances }),
    async start() {
      await database.migrate(new URL('migrations/', import.meta.url))
      expiry.start()
    },
    ready: () => database.ping(),
    async close() {
      await expiry.stop()
      await claims.close()
      await holds.close()
      await database.close()
    },
  })
}
