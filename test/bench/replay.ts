import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { ROOT } from '../harness/processes.ts'
import { FLAT } from '../replay/arrivals.ts'
import { startLoad } from '../replay/load.ts'
import { pinSelf, startPinned } from './gateway/pinned.ts'
import { busyBetween, GATEWAY_CORE, LOAD_CORE, read } from './gateway/processor.ts'

/**
 * How fast `npm run replay` can ask: claims of shoppers who are all new, each with a token made for it, on one core,
 * against servers on the other that do nothing for it. Which of the two is full says whose rate it is; processor time a
 * request is the driver's own in either case, and survives a machine that does other things meanwhile.
 */

const SERVERS = [
  { name: 'node:http, the same bytes', script: './bare.ts' },
  { name: 'node:net, the same bytes, nothing read', script: '../replay/bytes.ts' },
] as const
const CONNECTIONS = [64, 256] as const
const REQUESTS = 200_000
const WARM_UP_REQUESTS = 50_000
const ROUNDS = 3
const TIME_MS_MAX = 120_000

const ANSWER = JSON.stringify({
  data: {
    claimCoupon: {
      __typename: 'CouponIssued',
      coupon: {
        id: 'coupon_7d_01a20045e68971c4981972801cc4f7c4',
        state: 'ISSUED',
        faceFen: 2_500,
        minSpendFen: 0,
        issuedAt: '2026-02-06T00:00:00.000Z',
        validUntil: '2026-02-28T16:00:00.000Z',
      },
    },
  },
  extensions: { cost: { requestedQueryCost: 20, actualQueryCost: 20 } },
})

interface Sample {
  readonly server: string
  readonly connections: number
  readonly perSecond: number
  /** Each as a part of one core. */
  readonly driverBusy: number
  readonly serverBusy: number
  readonly driverMicrosecondsPerRequest: number
  readonly failed: number
}

export async function run(): Promise<void> {
  pinSelf(LOAD_CORE)
  const samples: Sample[] = []
  for (let round = 0; round <= ROUNDS; round++) {
    const variants = SERVERS.flatMap(server => CONNECTIONS.map(connections => ({ server, connections })))
    for (const { server, connections } of round % 2 === 0 ? variants : variants.toReversed()) {
      const sample = await measure(server, connections, round === 0 ? WARM_UP_REQUESTS : REQUESTS)
      process.stderr.write(
        `round ${round}  ${server.name.padEnd(40)} ${connections}  ${sample.perSecond.toFixed(0)}/s\n`,
      )
      if (round > 0) samples.push(sample)
    }
  }
  const folder = join(ROOT, 'test/bench/results')
  mkdirSync(folder, { recursive: true })
  const at = new Date().toISOString()
  const file = join(folder, `replay-${at.replaceAll(':', '-')}.json`)
  writeFileSync(
    file,
    JSON.stringify({ at, node: process.version, processor: cpus()[0]?.model, samples }, null, 2),
  )
  console.table(medians(samples))
  console.info(`raw results: ${file}`)
}

async function measure(
  { name, script }: (typeof SERVERS)[number],
  connections: number,
  requests: number,
): Promise<Sample> {
  await using server = await startPinned(GATEWAY_CORE, script, { answer: ANSWER })
  const before = read(server.pid)
  const load = startLoad({
    url: `http://127.0.0.1:${server.ready.port}`,
    secret: 'a secret of a bench, long enough for HS256',
    campaignId: 'campaign_spring-festival',
    prefix: `bench-${Date.now().toString(36)}`,
    counts: { browse: 0, claim: requests, order: 0, pay: 0 },
    behaviour: 'obedient',
    shape: FLAT,
    // All at once: the next goes as soon as a connection is free.
    durationMs: 1,
    timeMsMax: TIME_MS_MAX,
    connections,
    seed: 1,
    free: [],
    due: [],
  })
  const { tookMs, requests: sent, outcomes, driver } = await load.done
  const busy = driver?.busy ?? Number.NaN
  return {
    server: name,
    connections,
    perSecond: (sent / tookMs) * 1_000,
    driverBusy: busy,
    serverBusy: busyBetween(before, read(server.pid)).gateway,
    driverMicrosecondsPerRequest: (busy * tookMs * 1_000) / sent,
    failed: sent - (outcomes.CouponIssued ?? 0),
  }
}

function medians(samples: readonly Sample[]): readonly Record<string, string | number>[] {
  return SERVERS.flatMap(({ name }) =>
    CONNECTIONS.map(connections => {
      const mine = samples.filter(sample => sample.server === name && sample.connections === connections)
      const median = (of: (sample: Sample) => number): number =>
        mine.map(of).toSorted((a, b) => a - b)[Math.floor(mine.length / 2)] ?? Number.NaN
      return {
        server: name,
        connections,
        'per second': Math.round(median(sample => sample.perSecond)),
        'driver µs a request': median(sample => sample.driverMicrosecondsPerRequest).toFixed(1),
        'driver busy': median(sample => sample.driverBusy).toFixed(2),
        'server busy': median(sample => sample.serverBusy).toFixed(2),
        failed: median(sample => sample.failed),
      }
    }),
  )
}
