import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { connectRedis } from '../../gateway/redis/redis-connection.ts'
import { openFleetBudgets } from '../../gateway/surge/fleet-budgets.ts'
import { DEFAULT_LINE_TERMS, type LineTerms } from '../../gateway/surge/lines.ts'
import { type DropGraph, dropGraph } from '../harness/drop-graph.ts'
import { dropCrowd, ENFORCED, limitDrops } from '../harness/drop-line.ts'
import { burstOf, type ClaimRate, type Heard, type LineCrowd, overtakings } from '../harness/line-crowd.ts'
import { silent, until } from '../harness/postgres.ts'
import { startRedis, type TestRedis } from '../harness/redis.ts'

/** Redis lost in the middle of a surge, under two gateways: I9, I10, I11, I12, and an answer for everybody. */

const GATEWAYS = 2
const BRISK: ClaimRate = { perSecond: 100, atOnce: 20 }
/**
 * Whoever comes later than half of what the budget holds, here 0.75 s, takes nobody's turn and goes behind: with less, a
 * machine that stalls for a moment would decide about the order.
 */
const STEADY: ClaimRate = { perSecond: 40, atOnce: 60 }
const CROWD = 400
const LATE = 20
/** Whoever finds no points is moved behind others; of those who come in no order it would be a quarter. */
const OVERTAKEN_MAX = 0.1
const terms: LineTerms = { ...DEFAULT_LINE_TERMS, graceMs: 30_000 }
/** Two gateways, their crowd and other tests share two cores: what is proved here is not how soon Redis counts as gone. */
const WAIT_MS_MAX = 250

let server: TestRedis
let graph: DropGraph
let crowd: LineCrowd
/** The limit that holds. */
let claims: ClaimRate

async function limitTo(rate: ClaimRate): Promise<void> {
  claims = rate
  for (let gateway = 0; gateway < GATEWAYS; gateway++) await limitDrops(graph, gateway, rate)
}

beforeEach(async () => {
  server = await startRedis()
  const stores = await Promise.all(
    Array.from({ length: GATEWAYS }, () =>
      openFleetBudgets({
        redis: connectRedis(server.url),
        logger: silent,
        lineTerms: terms,
        waitMsMax: WAIT_MS_MAX,
      }),
    ),
  )
  graph = await dropGraph(
    stores.map(budgets => ({
      budgets,
      placeKeys: ['a key for the tokens of places, for tests'],
      cost: ENFORCED,
    })),
  )
  graph.stocks.set('spring', { remaining: 100_000, state: 'OPEN' })
  await limitTo(BRISK)
  await until('both gateways to know of each other', () =>
    stores.every(({ gateways, source }) => gateways === GATEWAYS && source === 'redis'),
  )
  crowd = dropCrowd(graph)
})
afterEach(async () => {
  await graph[Symbol.asyncDispose]()
  await server.stop()
})

const metric = async (gateway: number, name: string): Promise<number> => {
  const { body } = await graph.gateways[gateway]!.app.inject('/metrics')
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(body)?.[1])
}
const allOn = async (source: 'redis' | 'share'): Promise<void> => {
  await until(`all gateways on ${source}`, async () => {
    const shares = await Promise.all(graph.gateways.map((_, i) => metric(i, 'spillway_budget_share')))
    return shares.every(share => share === (source === 'share' ? 1 : 0))
  })
}
/** The most times that any gateway has lost Redis. */
const losses = async (): Promise<number> =>
  Math.max(...(await Promise.all(graph.gateways.map((_, i) => metric(i, 'spillway_budget_fallbacks_total')))))

/** Of all gateways. */
const turns = async (outcome: string): Promise<number> => {
  const counts = await Promise.all(
    graph.gateways.map((_, i) =>
      metric(i, `spillway_turns_total\\{field="Mutation.claim",outcome="${outcome}"\\}`),
    ),
  )
  return counts.reduce((sum, count) => sum + (count || 0), 0)
}

interface Surge {
  /** The last answer of each. */
  readonly all: readonly Heard[]
  /** Those who came after it had happened. */
  readonly late: readonly Heard[]
  /** The last turn that each gateway had promised when it happened. */
  readonly promisedMs: readonly number[]
}

/** A crowd comes; when hundreds wait, and some are served by their places, this happens, and after it some more come. */
async function surge(happens: () => Promise<void>): Promise<Surge> {
  const coming = crowd.come('early', CROWD, 2)
  await until(
    'hundreds who wait, and some served who did',
    () =>
      crowd.places.size >= CROWD / 2 && graph.served.length > 2 * claims.atOnce && crowd.waiting >= CROWD / 2,
  )
  const promisedMs = graph.gateways.map((_, i) =>
    Math.max(
      ...[...crowd.places.values()].filter(({ gateway }) => gateway === i).map(({ admitAtMs }) => admitAtMs!),
    ),
  )
  await happens()
  const late = await crowd.come('late', LATE, 2)
  return { all: [...(await coming), ...late], late, promisedMs }
}

/**
 * Everybody is answered, and served once; whoever has a place by that place, not before its turn and within its grace.
 * @param spare requests that may be admitted beside what the rate and the burst allow.
 */
async function expectKept({ all, late, promisedMs }: Surge, spare: number): Promise<void> {
  for (const { status, outcome } of crowd.heard) expect(status).toBe(outcome === 'THROTTLED' ? 429 : 200)
  for (const { outcome } of all) expect(outcome).toBe('Issued')
  const shoppers = graph.served.map(({ shopper }) => shopper)
  expect(shoppers).toHaveLength(CROWD + LATE)
  expect(new Set(shoppers).size).toBe(CROWD + LATE)

  const { places } = crowd
  for (const { shopper, answeredMs } of all) {
    const place = places.get(shopper)
    if (place === undefined) continue
    expect(answeredMs).toBeGreaterThanOrEqual(place.admitAtMs!)
    expect(answeredMs).toBeLessThanOrEqual(place.admitAtMs! + terms.graceMs)
  }
  // Whoever is not believed is given another one.
  expect(await turns('NEW_PLACE')).toBe(places.size)
  // Who came later stands behind those who were promised a turn by the gateway that was asked, whoever forgot it.
  for (const { shopper, answeredMs } of late) {
    const place = places.get(shopper)
    if (place === undefined) expect(answeredMs).toBeGreaterThan(Math.max(...promisedMs))
    else expect(place.admitAtMs).toBeGreaterThan(promisedMs[place.gateway]!)
  }

  const { perSecond, atOnce } = claims
  expect(burstOf(all, perSecond / 1_000)).toBeLessThanOrEqual(atOnce + spare + 1)
}

/** I12, of those who had a place when it happened: what part of all pairs was served the other way round, whose turns were a second apart. */
function overtaken({ all, promisedMs }: Surge): number {
  const { places } = crowd
  const served = all.flatMap(({ shopper, answeredMs }) => {
    const admitAtMs = places.get(shopper)?.admitAtMs ?? Number.POSITIVE_INFINITY
    return admitAtMs > Math.max(...promisedMs) ? [] : [{ promisedMs: admitAtMs, servedMs: answeredMs }]
  })
  return overtakings(served, 1_000) / ((served.length * (served.length - 1)) / 2)
}

/** The burst once more for each change between Redis and the shares, and what flows in while not all have changed. */
const spareOf = async (changedWithinMs: number): Promise<number> =>
  2 * (await losses()) * claims.atOnce + (claims.perSecond / 1_000) * changedWithinMs

describe('Redis, while hundreds wait,', () => {
  it('is killed, and comes back empty: places are kept at the gateways’ shares, and in Redis again', async () => {
    let changedWithinMs = 0
    const seen = await surge(async () => {
      await server.kill()
      await allOn('share')
      const servedBefore = graph.served.length
      await until('some served without Redis', () => graph.served.length >= servedBefore + 2 * claims.atOnce)
      await server.restart()
      const backMs = Date.now()
      await allOn('redis')
      changedWithinMs = Date.now() - backMs
    })
    await expectKept(seen, await spareOf(changedWithinMs))
  })

  it('is flushed: what was promised is honoured by tokens, once, and in its order', async () => {
    await limitTo(STEADY)
    const seen = await surge(async () => {
      await server.ask('FLUSHALL')
    })
    // The new life begins with a burst of its own.
    await expectKept(seen, claims.atOnce + (await spareOf(0)))
    expect(overtaken(seen)).toBeLessThan(OVERTAKEN_MAX)
  })

  it('is stalled for two seconds: nobody waits for it, and nobody is served twice', async () => {
    let changedWithinMs = 0
    const seen = await surge(async () => {
      server.stall()
      await allOn('share')
      const servedBefore = graph.served.length
      const untilMs = Date.now() + 2_000
      await until('two seconds', () => Date.now() >= untilMs)
      expect(graph.served.length).toBeGreaterThan(servedBefore + claims.atOnce)
      server.resume()
      const backMs = Date.now()
      await allOn('redis')
      changedWithinMs = Date.now() - backMs
    })
    await expectKept(seen, await spareOf(changedWithinMs))
  })
})
