import { readFileSync } from 'node:fs'
import { createGateway } from '../../../gateway/gateway.ts'
import { HttpClient } from '../../../protocol/http-client.ts'
import { answerParent } from './program.ts'
import type { GatewaySettings } from './variants.ts'

/** This gateway, in a process of its own: `node test/bench/gateway/ours.ts '<GatewaySettings as JSON>'`. */
const { supergraphPath, query, queryId, sharing, identity } = JSON.parse(
  process.argv[2] as string,
) as GatewaySettings

/** One caller asks for all of it: its budget is kept, and never empty. */
const PLENTY = { perSecond: 1e9, burst: 1e9 }

const gateway = await createGateway({
  supergraphSdl: readFileSync(supergraphPath, 'utf8'),
  clients: ({ name, url }) =>
    new HttpClient({
      name,
      url,
      sender: 'gateway',
      ...(identity === undefined ? {} : { identityKey: identity.identityKey }),
    }),
  ...(identity === undefined
    ? {}
    : {
        tokens: { kind: 'secret', secret: identity.tokenSecret } as const,
        safelist: 'enforce' as const,
        cost: { mode: 'enforce' as const, tiers: { shopper: PLENTY } },
      }),
  manifest: JSON.stringify({
    format: 'apollo-persisted-query-manifest',
    version: 1,
    operations: [{ id: queryId, name: 'Bench', type: 'query', body: query }],
  }),
  production: true,
  share: { queries: sharing, fetches: sharing },
})
answerParent({ port: await gateway.listen({ port: 0 }) })
