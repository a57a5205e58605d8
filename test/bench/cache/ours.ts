import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createGateway } from '../../../gateway/gateway.ts'
import { HttpClient } from '../../../protocol/http-client.ts'
import { ROOT } from '../../harness/processes.ts'
import { answerParent } from '../gateway/program.ts'
import type { CacheSettings } from './variants.ts'

/** This gateway over our own supergraph: `node test/bench/cache/ours.ts '<CacheSettings as JSON>'`. */
const { ports = {}, keeps, identity } = JSON.parse(process.argv[2] as string) as CacheSettings

/** One caller asks for all of it: its budget is kept, and never empty. */
const PLENTY = { perSecond: 1e9, burst: 1e9 }

const gateway = await createGateway({
  supergraphSdl: readFileSync(join(ROOT, 'schema/supergraph.graphql'), 'utf8'),
  manifest: readFileSync(join(ROOT, 'schema/operations.json'), 'utf8'),
  urlOf: ({ name, url }) => (ports[name] === undefined ? url : `http://127.0.0.1:${ports[name]}/graphql`),
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
  ...(keeps ? { cache: {} } : {}),
  production: true,
})
answerParent({ port: await gateway.listen({ port: 0 }) })
