import { readFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { ApolloGateway, RemoteGraphQLDataSource } from '@apollo/gateway'
import { ApolloServer } from '@apollo/server'
import {
  ApolloServerPluginCacheControlDisabled,
  ApolloServerPluginInlineTraceDisabled,
  ApolloServerPluginLandingPageDisabled,
  ApolloServerPluginSchemaReportingDisabled,
  ApolloServerPluginUsageReportingDisabled,
} from '@apollo/server/plugin/disabled'
import { startStandaloneServer } from '@apollo/server/standalone'
import { answerParent } from '../gateway/program.ts'

/** @apollo/gateway behind Apollo Server on its own node:http server, everything that costs and is not needed turned off. */
const { supergraphPath, leanFetcher } = JSON.parse(process.argv[2])

const agent = new Agent({ keepAlive: true, maxSockets: 256 })

/** As much of fetch as RemoteGraphQLDataSource uses. */
const fetcher = (url, { method, headers, body }) =>
  new Promise((resolve, reject) => {
    const outgoing = request(url, {
      agent,
      method,
      headers: { ...headers, 'content-length': Buffer.byteLength(body) },
    })
    outgoing.once('error', reject)
    outgoing.once('response', response => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', chunk => {
        text += chunk
      })
      response.once('error', reject)
      response.once('end', () => {
        const { statusCode: status } = response
        const answer = { text: async () => text, json: async () => JSON.parse(text) }
        resolve({
          ok: status < 400,
          status,
          headers: new Headers(Object.entries(response.headers)),
          ...answer,
        })
      })
    })
    outgoing.end(body)
  })

const lean = { buildService: ({ url }) => new RemoteGraphQLDataSource({ url, fetcher }) }

const server = new ApolloServer({
  gateway: new ApolloGateway({
    supergraphSdl: readFileSync(supergraphPath, 'utf8'),
    ...(leanFetcher ? lean : {}),
  }),
  nodeEnv: 'production',
  apollo: {},
  introspection: false,
  includeStacktraceInErrorResponses: false,
  stopOnTerminationSignals: false,
  logger: { debug() {}, info() {}, warn: console.warn, error: console.error },
  plugins: [
    ApolloServerPluginCacheControlDisabled(),
    ApolloServerPluginInlineTraceDisabled(),
    ApolloServerPluginLandingPageDisabled(),
    ApolloServerPluginSchemaReportingDisabled(),
    ApolloServerPluginUsageReportingDisabled(),
  ],
})
const { url } = await startStandaloneServer(server, { listen: { port: 0, host: '127.0.0.1' } })
answerParent({ port: Number(new URL(url).port) })
