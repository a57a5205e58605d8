import { writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pino } from 'pino'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../../subgraphs/embedded-postgres.ts'
import { freePort } from '../../../subgraphs/postgres-process.ts'
import { runningCampaign } from '../../harness/campaigns.ts'
import { Graph } from '../../harness/graph.ts'
import { testFolder, urlOf } from '../../harness/postgres.ts'
import { tokenFor } from '../../harness/tokens.ts'
import { setClaimLimit } from '../../replay/claim-limit.ts'
import type { ReplayStack } from '../../replay/stack.ts'
import { IDENTITY } from '../gateway/identity.ts'
import { type Pinned, startPinned } from '../gateway/pinned.ts'
import { GATEWAY_CORE, LOAD_CORE } from '../gateway/processor.ts'
import { pinCalm, ready } from '../gateway-controls.ts'
import type { Hosted } from '../hosted.ts'
import { flagsOf } from '../npm-flags.ts'
import type { CouponSettings } from './coupon.ts'
import type { EmbeddedSettings } from './embedded.ts'
import { manifestWithMe } from './manifest.ts'

/**
 * `embedded`: gateway and subgraphs in one process, as `npm start` has them. `services`: the gateway, and coupon over HTTP.
 * What is measured shares one core, load and PostgreSQL the other.
 */
export const LAYOUTS = ['embedded', 'services'] as const
export type Layout = (typeof LAYOUTS)[number]

export interface ClaimsStand extends AsyncDisposable {
  readonly port: number
  readonly campaignId: string
  /** Of the gateway and the subgraph that claims need; it may be one process. */
  readonly pids: readonly number[]
}

/** A PostgreSQL on the core of this process, for all stands of a run, and the operations that gateways are to know. */
export interface Ground extends AsyncDisposable {
  readonly postgres: EmbeddedPostgres
  readonly manifestPath: string
}

/** More than a run can issue. */
const COUPONS = 100_000_000
/** More than a run can reach, and within what an operator may set. */
const CLAIMS_PER_SECOND = 1_000_000
const CONNECTIONS_MAX = 80

export async function ground(): Promise<Ground> {
  const folder = await testFolder()
  const remove = (): Promise<void> =>
    rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
  try {
    const manifestPath = join(folder, 'operations.json')
    writeFileSync(manifestPath, manifestWithMe())
    const postgres = await startEmbeddedPostgres({
      dataDir: join(folder, 'postgres'),
      listen: { kind: 'tcp' },
      connectionsMax: CONNECTIONS_MAX,
      log: pino({ level: 'silent' }),
    })
    return {
      postgres,
      manifestPath,
      async [Symbol.asyncDispose]() {
        await postgres.stop()
        await remove()
      },
    }
  } catch (error) {
    await remove()
    throw error
  }
}

/** Fresh processes and a campaign of their own, no limit of which is met; the level stays CALM, whatever is measured. */
export async function stand(on: Ground, layout: Layout, claimBatchMax?: number): Promise<ClaimsStand> {
  await using stack = new AsyncDisposableStack()
  const start: Start = (core, script, settings, flags) =>
    startPinned(core, script, settings, flags).then(program => stack.use(program))
  const { pids, port } =
    layout === 'embedded' ? await embedded(on, start) : await services(on, start, claimBatchMax)
  const url = `http://127.0.0.1:${port}`
  await ready(url)
  const operatorToken = tokenFor(IDENTITY.tokenSecret, { sub: 'bench', kind: 'operator', client: 'bench' })
  const campaignId = await runningCampaign({ operator: () => new Graph(url, operatorToken) }, COUPONS)
  await setClaimLimit({ url, operatorToken } as ReplayStack, CLAIMS_PER_SECOND)
  await pinCalm(url, operatorToken)
  const owned = stack.move()
  return { port, campaignId, pids, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

type Start = (core: number, script: string, settings: object, flags?: readonly string[]) => Promise<Pinned>
type Started = Pick<ClaimsStand, 'port' | 'pids'>

async function embedded({ postgres, manifestPath }: Ground, start: Start): Promise<Started> {
  const settings: EmbeddedSettings = {
    connection: postgres.connection,
    tokenSecret: IDENTITY.tokenSecret,
    manifestPath,
  }
  const program = await start(GATEWAY_CORE, '../claims/embedded.ts', settings)
  return { pids: [program.pid], port: program.ready.port! }
}

async function services(on: Ground, start: Start, claimBatchMax: number | undefined): Promise<Started> {
  const databaseUrl = urlOf(on.postgres.connection)
  const { identityKey, tokenSecret } = IDENTITY
  const settings: CouponSettings = { databaseUrl, identityKey, claimBatchMax }
  const coupon = await start(GATEWAY_CORE, '../claims/coupon.ts', settings)
  const urls: Record<string, string> = {
    SUBGRAPH_URL_COUPON: `http://127.0.0.1:${coupon.ready.port}/graphql`,
  }
  // Claims do not need these.
  for (const name of ['catalog', 'campaign', 'payment']) {
    const port = await freePort()
    const environment = {
      PORT: `${port}`,
      DATABASE_URL: databaseUrl,
      IDENTITY_KEY: identityKey,
      SEED: 'true',
    }
    const hosted: Hosted = {
      script: '../../subgraphs/main.ts',
      arguments: [name],
      environment: { ...environment, LOG_LEVEL: 'fatal', ...urls },
    }
    await start(LOAD_CORE, '../hosted.ts', hosted)
    await ready(`http://127.0.0.1:${port}`)
    urls[`SUBGRAPH_URL_${name.toUpperCase()}`] = `http://127.0.0.1:${port}/graphql`
  }
  const port = await freePort()
  const hosted: Hosted = {
    script: '../../gateway/main.ts',
    arguments: [],
    environment: {
      PORT: `${port}`,
      HOST: '127.0.0.1',
      OPERATIONS: on.manifestPath,
      COST_MODE: 'enforce',
      TOKEN_SECRET: tokenSecret,
      IDENTITY_KEY: identityKey,
      LOG_LEVEL: 'fatal',
      ...urls,
    },
  }
  const gateway = await start(GATEWAY_CORE, '../hosted.ts', hosted, flagsOf('gateway'))
  return { pids: [gateway.pid, coupon.pid], port }
}
