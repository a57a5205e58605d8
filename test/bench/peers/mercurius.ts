import { readFileSync } from 'node:fs'
import Fastify from 'fastify'
import mercurius from 'mercurius'
import cache from 'mercurius-cache'
import { answerParent } from '../gateway/program.ts'

/**
 * The same types and data in one process: mercurius with its operation prepared and compiled by graphql-jit, and
 * mercurius-cache around the resolver that returns the campaign with everything in it. Everything that costs and is not
 * needed turned off.
 */
const { query, queryId, data } = JSON.parse(process.argv[2])

const app = Fastify({ logger: false })
app.register(mercurius, {
  schema: readFileSync(new URL('../../../schema/api.graphql', import.meta.url), 'utf8'),
  resolvers: { Query: { campaign: async (_, { id }) => ({ ...data.campaign, id }) } },
  persistedQueries: { [queryId]: query },
  onlyPersisted: true,
  jit: 1,
})
app.register(cache, {
  policy: {
    Query: {
      campaign: {
        // As ours: fresh for as long as the shortest maxAge in the answer, served while it is asked for again for ten times that.
        ttl: 1,
        stale: 10,
        storage: { type: 'memory', options: { size: 10_000 } },
        // A key that is a string is not serialised.
        key: ({ arg }) => arg.id,
      },
    },
  },
})
await app.listen({ port: 0, host: '127.0.0.1' })
answerParent({ port: app.server.address().port })
