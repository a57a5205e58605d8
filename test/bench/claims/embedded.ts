import { readFileSync } from 'node:fs'
import { pino } from 'pino'
import { createGateway } from '../../../gateway/gateway.ts'
import type { PostgresConnection } from '../../../subgraphs/embedded-postgres.ts'
import { createInProcessSubgraphs } from '../../../subgraphs/in-process.ts'
import { answerParent } from '../gateway/program.ts'

/**
 * Gateway and four subgraphs in one process, put together as `start.ts` does, on a PostgreSQL that another process owns:
 * `node test/bench/claims/embedded.ts '<EmbeddedSettings as JSON>'` tells its parent its port.
 */
export interface EmbeddedSettings {
  readonly connection: PostgresConnection
  readonly tokenSecret: string
  readonly manifestPath: string
}

const { connection, tokenSecret, manifestPath } = JSON.parse(process.argv[2] as string) as EmbeddedSettings
const ours = (path: string): string =>
  readFileSync(new URL(`../../../schema/${path}`, import.meta.url), 'utf8')
const logger = pino({ level: 'silent' })
const subgraphs = createInProcessSubgraphs({ connection, production: true, seed: true, logger })
await subgraphs.start()
const gateway = await createGateway({
  supergraphSdl: ours('supergraph.graphql'),
  manifest: readFileSync(manifestPath, 'utf8'),
  clients: subgraphs.clients,
  tokens: { kind: 'secret', secret: tokenSecret },
  cost: { mode: 'enforce' },
  cache: { policies: ours('cache.json') },
  production: true,
  logger,
})
answerParent({ port: await gateway.listen({ port: 0, host: '127.0.0.1' }) })
