import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createGatewayRuntime } from '@graphql-hive/gateway-runtime'
import { unifiedGraphHandler } from '@graphql-hive/router-runtime'
import * as http from '@graphql-mesh/transport-http'
import { answerParent } from '../gateway/program.ts'

/** Hive Gateway's runtime on node:http, with its Rust planner or without, everything that costs and is not needed turned off. */
const { supergraphPath, query, queryId, sharing, rustPlanner } = JSON.parse(process.argv[2])

const gateway = createGatewayRuntime({
  supergraph: readFileSync(supergraphPath, 'utf8'),
  transports: { http },
  transportEntries: { '*.http': { options: { deduplicateInflightRequests: sharing } } },
  inboundInflightRequestDeduplication: sharing,
  persistedDocuments: {
    getPersistedOperation: id => (id === queryId ? query : null),
    allowArbitraryDocuments: true,
  },
  ...(rustPlanner ? { unifiedGraphHandler } : {}),
  logging: false,
  graphiql: false,
  landingPage: false,
  requestId: false,
  cors: false,
})
const server = createServer(gateway)
server.listen(0, '127.0.0.1', () => answerParent({ port: server.address().port }))
