import { readFileSync } from 'node:fs'
import { type CreateSubgraph, createSubgraph } from '../subgraph.ts'
import { createLoaders } from './loaders.ts'
import { type CatalogContext, resolvers } from './resolvers.ts'
import { seed } from './seed.ts'
import { Stock } from './stock.ts'

/** Products, shops, categories, search and stock. Calls no other subgraph. */
export const createCatalogSubgraph: CreateSubgraph = options => {
  const { database, logger } = options
  const stock = new Stock(database)
  return createSubgraph<CatalogContext>({
    name: 'catalog',
    typeDefs: readFileSync(new URL('schema.graphql', import.meta.url), 'utf8'),
    resolvers,
    context: () => ({ database, stock, loaders: createLoaders(database) }),
    async start() {
      await database.migrate(new URL('migrations/', import.meta.url))
      if (options.seed && (await seed(database))) logger.info('the catalog was empty and is filled now')
    },
    ready: () => database.ping(),
    close: () => database.close(),
    logger,
  })
}
