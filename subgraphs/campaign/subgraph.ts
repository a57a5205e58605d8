import { readFileSync } from 'node:fs'
import { Sweep } from '../jobs.ts'
import { issuancePeer } from '../peers.ts'
import { type CreateSubgraph, createSubgraph } from '../subgraph.ts'
import { Campaigns } from './campaigns.ts'
import { createLoaders } from './loaders.ts'
import { resolvers } from './resolvers.ts'
import { seed } from './seed.ts'

const SWEEP_EVERY_MS = 1_000

/** Campaigns and the treasury on their own schema. Calls coupon. */
export const createCampaignSubgraph: CreateSubgraph = ({ database, clientOf, logger, ...options }) => {
  const campaigns = new Campaigns(database, issuancePeer(clientOf('coupon')), logger)
  const sweep = new Sweep({
    name: 'campaign.push',
    everyMs: SWEEP_EVERY_MS,
    run: signal => campaigns.sweep(signal),
    log: logger,
  })
  return createSubgraph({
    name: 'campaign',
    typeDefs: readFileSync(new URL('schema.graphql', import.meta.url), 'utf8'),
    resolvers,
    logger,
    context: () => ({ database, loaders: createLoaders(database), campaigns }),
    async start() {
      await database.migrate(new URL('migrations/', import.meta.url))
      if (options.seed) await seed(database, campaigns)
      // What is due is pushed before the first claim can come, when coupon is there; when it is not, the sweep goes on.
      await sweep.runNow()
      sweep.start()
    },
    ready: () => database.ping(),
    async close() {
      await sweep.stop()
      await database.close()
    },
  })
}
