import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Load, Outcome } from '../gateway/surge/budget-gateway.ts'
import {
  type BudgetGateways,
  noiseMs,
  spansMs,
  startBudgetGateways,
  sum,
} from '../gateway/surge/budget-gateways.ts'
import { until } from '../harness/postgres.ts'
import { startRedis, startRedisCluster, type TestRedis } from '../harness/redis.ts'

const GATEWAYS = 4
const RATE = { perSecond: 1_000, burst: 200 }
/** How long a gateway may still draw on the one while another draws on the other: a heartbeat and its time. */
const CHANGE_MS_MAX = 1_100
/** A call may take 50 ms before Redis counts as gone; the rest is for a machine that is busy elsewhere. */
const ANSWER_MS_MAX = 20 * 50

/** Ten times the rate, on one field and on one caller. */
const loads: readonly Load[] = (['fields', 'callers'] as const).map(kind => ({
  kind,
  bucket: { key: 'k', rate: RATE },
  points: 20,
  takesPerSecond: (10 * RATE.perSecond) / 20 / GATEWAYS,
  callers: 8,
}))

const points = (ms: number): number => (RATE.perSecond * ms) / 1_000

interface Ran {
  readonly all: readonly (readonly Outcome[])[]
  /** Between Redis and the shares, by the gateway that made most of them. A busy machine may bring about more. */
  readonly changes: number
}

async function runLoads(gateways: BudgetGateways, durationMs: number): Promise<Ran> {
  const before = await gateways.look()
  const all = await gateways.run(durationMs, loads)
  const after = await gateways.look()
  return { all, changes: Math.max(...after.map(({ changes }, i) => changes - before[i]!.changes)) }
}

/**
 * Every demand is answered. Never open: no more is admitted than flows in, the burst, the burst again for each change
 * between Redis and the shares (neither knows what the other has given), and what flows in while some gateways have
 * changed and others have not. Never closed: at least half of what flows in while somebody asks.
 * @param bursts that are given beside those.
 */
function expectKept({ all, changes }: Ran, bursts = 0): void {
  for (const outcomes of all) {
    expect(sum(outcomes, 'failed')).toBe(0)
    for (const { slowestMs } of outcomes) expect(slowestMs).toBeLessThan(ANSWER_MS_MAX)
    const admitted = sum(outcomes, 'admittedPoints')
    const { asked, answered } = spansMs(outcomes)
    expect(admitted).toBeLessThanOrEqual(
      (points(answered) + RATE.burst) * 1.01 +
        bursts * RATE.burst +
        changes * (RATE.burst + points(CHANGE_MS_MAX)),
    )
    expect(admitted).toBeGreaterThanOrEqual(points(asked - noiseMs(outcomes)) / 2)
  }
}

describe('budgets of four gateways', () => {
  let server: TestRedis
  let gateways: BudgetGateways
  beforeEach(async () => {
    server = await startRedis()
    gateways = await startBudgetGateways(GATEWAYS, 'fleet', server.url)
    await until('four gateways that know each other, on Redis', async () =>
      (await gateways.look()).every(each => each.gateways === GATEWAYS && each.source === 'redis'),
    )
  })
  afterEach(async () => {
    await gateways.stop()
    await server.stop()
  })

  const allOn = async (source: 'redis' | 'share'): Promise<void> => {
    await until(`all gateways on ${source}`, async () =>
      (await gateways.look()).every(each => each.source === source),
    )
  }
  const loadHasBegun = async (): Promise<void> => {
    await until('demands in Redis', async () => Number(await server.ask('EXISTS', 'spillway:field:{k}')) > 0)
  }

  it('keep the limit while Redis is stalled under load, and once it goes on', async () => {
    const run = runLoads(gateways, 2_500)
    await loadHasBegun()
    server.stall()
    await allOn('share')
    server.resume()
    await allOn('redis')
    const ran = await run
    expect(ran.changes).toBeGreaterThanOrEqual(2)
    expectKept(ran)
  })

  it('keep the limit when Redis is killed under load, without it, and when it comes back empty', async () => {
    const run = runLoads(gateways, 2_000)
    await loadHasBegun()
    await server.kill()
    await allOn('share')
    expectKept(await run)
    const without = await runLoads(gateways, 1_000)
    expect(without.changes).toBe(0)
    // Four quarters are the whole: without a change there is nothing to forgive.
    expectKept(without)
    const again = runLoads(gateways, 2_500)
    await server.restart()
    await allOn('redis')
    expectKept(await again)
    expectKept(await runLoads(gateways, 1_000))
  })

  it('give the burst once more, and no demand a fault, when Redis is flushed under load', async () => {
    const run = runLoads(gateways, 1_000)
    await loadHasBegun()
    await server.ask('FLUSHALL')
    expectKept(await run, 1)
  })

  it('divide the limit by those that live: one that died leaves the others its part', async () => {
    await gateways.kill(0)
    await until('three gateways', async () => (await gateways.look()).every(each => each.gateways === 3))
    await server.kill()
    await allOn('share')
    // The one that died asks for nothing, so its load is missing; there are still 7.5 times the rate.
    expectKept(await runLoads(gateways, 1_000))
  })
})

describe('budgets of four gateways on a Redis Cluster', () => {
  it('keep the limit when a master is killed under load, whether or not it keeps the bucket', async () => {
    await using cluster = await startRedisCluster()
    await using gateways = await startBudgetGateways(GATEWAYS, 'fleet', cluster.url)
    const allOn = async (source: 'redis' | 'share'): Promise<void> => {
      await until(`all gateways on ${source}`, async () =>
        (await gateways.look()).every(each => each.source === source && each.gateways === GATEWAYS),
      )
    }
    await allOn('redis')
    const run = runLoads(gateways, 2_000)
    await cluster.nodes[0]!.kill()
    await allOn('share')
    expectKept(await run)
    await cluster.nodes[0]!.restart()
    await allOn('redis')
    expectKept(await runLoads(gateways, 1_000))
  })
})
