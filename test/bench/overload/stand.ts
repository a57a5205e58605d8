import { readFileSync } from 'node:fs'
import { request } from 'undici'
import { freePort } from '../../../subgraphs/postgres-process.ts'
import { tokenFor } from '../../harness/tokens.ts'
import { setClaimLimit } from '../../replay/claim-limit.ts'
import type { ReplayStack } from '../../replay/stack.ts'
import { IDENTITY } from '../gateway/identity.ts'
import { type Pinned, startPinned } from '../gateway/pinned.ts'
import { GATEWAY_CORE, LOAD_CORE } from '../gateway/processor.ts'
import type { MemoryBytes } from '../gateway/program.ts'
import { pinCalm, ready } from '../gateway-controls.ts'
import type { Hosted } from '../hosted.ts'
import { flagsOf } from '../npm-flags.ts'
import type { Settings } from './subgraphs.ts'

/** A gateway over the shipped supergraph, on a core of its own, and subgraphs of which one is easily overloaded. */
export interface OverloadStand extends AsyncDisposable {
  readonly port: number
  readonly gatewayPid: number
  /** Admits so many claims a second, {@link BURST_SECONDS} of them at once. */
  limitClaims(perSecond: number): Promise<void>
  /** The level that the gateway tells; `undefined`: it tells none. */
  level(): Promise<string | undefined>
  /** What lines have made of requests since the start, by outcome. */
  turns(): Promise<Readonly<Record<string, number>>>
  rssBytes(): number
  /** After a collection. */
  memory(): Promise<MemoryBytes>
}

/** The service that claims need. Its queue is five seconds long: well inside a request's ten. */
export const SERVICE: Omit<Settings, 'identityKey' | 'names'> = {
  claims: { perSecond: 500, queueMax: 2_500 },
  refusedAfterMs: 1_000,
  payingMs: 5,
}

/**
 * What a limit admits at once. The service works off one after the other: a whole second of P6's, 150 claims, would wait for
 * 300 ms of its time, and their p99 would be that of the burst.
 */
const BURST_SECONDS = 0.5

/** Payment has one of its own, as where it is deployed: what others do keeps no payment waiting behind the gateway. */
const PROCESSES = [['coupon', 'campaign', 'catalog'], ['payment']] as const

const TURNS = /^spillway_turns_total\{.*outcome="(\w+)".*\} (\d+)$/gm
const PAGE_BYTES = 4_096

/** @param isOn whether limits, places and levels hold; else no cost is counted, and the level stays CALM. */
export async function stand(isOn: boolean): Promise<OverloadStand> {
  await using stack = new AsyncDisposableStack()
  const ports: Record<string, number> = {}
  for (const names of PROCESSES) {
    const settings: Settings = { ...SERVICE, identityKey: IDENTITY.identityKey, names }
    const subgraphs = stack.use(await startPinned(LOAD_CORE, '../overload/subgraphs.ts', settings))
    Object.assign(ports, subgraphs.ready.ports)
  }
  const port = await freePort()
  const hosted: Hosted = {
    script: '../../gateway/main.ts',
    arguments: [],
    environment: {
      PORT: `${port}`,
      HOST: '127.0.0.1',
      TOKEN_SECRET: IDENTITY.tokenSecret,
      IDENTITY_KEY: IDENTITY.identityKey,
      SAFELIST: 'enforce',
      COST_MODE: isOn ? 'enforce' : 'off',
      LOG_LEVEL: 'fatal',
      ...Object.fromEntries(
        Object.entries(ports).map(([name, at]) => [
          `SUBGRAPH_URL_${name.toUpperCase()}`,
          `http://127.0.0.1:${at}/graphql`,
        ]),
      ),
    },
  }
  const gateway: Pinned = stack.use(
    await startPinned(GATEWAY_CORE, '../hosted.ts', hosted, flagsOf('gateway')),
  )
  const url = `http://127.0.0.1:${port}`
  await ready(url)
  const operatorToken = tokenFor(IDENTITY.tokenSecret, { sub: 'bench', kind: 'operator', client: 'bench' })
  // Without limits there is no level but what waits raise, and that would refuse.
  if (!isOn) await pinCalm(url, operatorToken)
  const owned = stack.move()
  return {
    port,
    gatewayPid: gateway.pid,
    async limitClaims(perSecond) {
      await setClaimLimit({ url, operatorToken } as ReplayStack, perSecond, perSecond * BURST_SECONDS)
    },
    async level() {
      const { body } = await request(`${url}/health/ready`)
      return ((await body.json()) as { readonly level?: string }).level
    },
    async turns() {
      const { body } = await request(`${url}/metrics`)
      const counts = (await body.text()).matchAll(TURNS)
      return Object.fromEntries([...counts].map(([, outcome, count]) => [outcome, Number(count)]))
    },
    rssBytes: () => Number(readFileSync(`/proc/${gateway.pid}/statm`, 'utf8').split(' ')[1]) * PAGE_BYTES,
    memory: () => gateway.memory(),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}
