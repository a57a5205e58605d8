import { afterAll, beforeAll, expect, it } from 'vitest'
import { booksOf, runningCampaign } from '../harness/campaigns.ts'
import { claimCrowd, expectCouponsKept, limitClaims } from '../harness/claim-line.ts'
import { Graph } from '../harness/graph.ts'
import { burstOf, type Heard, type LineCrowd } from '../harness/line-crowd.ts'
import { createTestDatabase, type TestDatabase, until } from '../harness/postgres.ts'
import { startRedis, type TestRedis } from '../harness/redis.ts'
import { type ServicesStack, startServices } from '../harness/stack.ts'
import { tokenFor } from '../harness/tokens.ts'

/** kill -9 of gateways in mid-surge, over HTTP, with services of their own on a real database: I2, I3, I9, I10. */

const CLAIMS = { perSecond: 60, atOnce: 20 }
const GRACE_MS = 120_000
/** Of a turn that has not come when the answers of all that are asked at once are there. */
const AHEAD_MS = 1_500

let redis: TestRedis
let database: TestDatabase
let stack: ServicesStack
let urls: readonly string[]
/** Made while the gateway lives that operators ask. */
let campaigns: readonly string[]

beforeAll(async () => {
  redis = await startRedis()
  database = await createTestDatabase()
  stack = await startServices(database, { gateway: { COST_MODE: 'enforce', REDIS_URL: redis.url } })
  urls = [stack.url, await stack.addGateway(), await stack.addGateway()]
  for (const url of urls) await limitClaims(stack, url, CLAIMS)
  campaigns = [await runningCampaign(stack, 10_000), await runningCampaign(stack, 10_000)]
})
afterAll(async () => {
  await stack?.[Symbol.asyncDispose]()
  await database?.close()
  await redis?.stop()
})

const metric = async (url: string, name: string): Promise<number> =>
  Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(await (await fetch(`${url}/metrics`)).text())?.[1])

/** Places of the first gateway whose turn is some while ahead. */
const placesAhead = (crowd: LineCrowd): readonly Heard[] => {
  const last = new Map(crowd.heard.map(heard => [heard.shopper, heard]))
  return [...last.values()]
    .filter(({ gateway, admitAtMs }) => gateway === 0 && (admitAtMs ?? 0) > Date.now() + AHEAD_MS)
    .slice(-20)
}

async function expectAllServed(
  crowd: LineCrowd,
  all: readonly Heard[],
  campaignId: string,
  url: string,
): Promise<void> {
  for (const { outcome } of all) expect(['CouponIssued', 'CouponAlreadyIssued']).toContain(outcome)
  for (const { status } of crowd.heard) expect(status).toBe(200)
  for (const { shopper, answeredMs } of all) {
    const place = crowd.places.get(shopper)
    if (place !== undefined) expect(answeredMs).toBeLessThanOrEqual(place.admitAtMs! + GRACE_MS)
  }
  const count = all.length
  const books = await booksOf(stack.database, campaignId)
  expect(books).toMatchObject({ coupons: count, shoppers: count, issued: count })
  await expectCouponsKept(stack.database, campaignId, crowd.heard)
  for (const { shopper, couponId } of all.slice(0, 20)) {
    const wallet = await new Graph(url, tokenFor(stack.secret, { sub: shopper })).persisted('MyCoupons')
    expect(wallet.body.data.me.coupons.edges[0].node.id).toBe(couponId)
  }
}

it('a gateway dies while hundreds wait: the others honour its places, and nobody has lost a coupon, or got two', async () => {
  const [dying, ...surviving] = urls as [string, string, string]
  const [campaignId] = campaigns as [string]
  const crowd = claimCrowd(stack, [dying, surviving[0]!], campaignId)
  const coming = crowd.come('wait', 600, 2)
  coming.catch(() => {})
  await until('some to be served, and many whose turn is a while ahead', async () => {
    const { issued } = await booksOf(stack.database, campaignId)
    return placesAhead(crowd).length >= 10 && issued > 2 * CLAIMS.atOnce
  })
  const losses = (await metric(dying, 'spillway_budget_fallbacks_total')) > 0
  await stack.kill9('gateway')

  const asked = placesAhead(crowd)
  expect(asked.length).toBeGreaterThan(0)
  // Where Redis has been there all the time, whoever has lost the token is known by name.
  const told = await Promise.all(
    asked.map(({ shopper, token }) => crowd.ask(shopper, 1, losses ? token : undefined)),
  )
  // Whom a share has answered, since a busy machine's Redis was late, has a place in both: the earlier of them may be told.
  const isShared = losses || (await metric(surviving[0]!, 'spillway_budget_fallbacks_total')) > 0
  for (const [i, place] of told.entries()) {
    expect(place.outcome).toBe('KeptPlace')
    if (!isShared) expect(place.admitAtMs).toBe(asked[i]!.admitAtMs)
  }

  const all = await coming
  await expectAllServed(crowd, all, campaignId, surviving[0]!)
  const changes = 2 * (await metric(surviving[0]!, 'spillway_budget_fallbacks_total'))
  expect(burstOf(all, CLAIMS.perSecond / 1_000)).toBeLessThanOrEqual(CLAIMS.atOnce * (1 + changes) + 1)
})

it('one dies while there is no Redis: the other honours its places by their tokens, at its own share', async () => {
  const [, dying, surviving] = urls as [string, string, string]
  const [, campaignId] = campaigns as [string, string]
  await redis.kill()
  for (const url of [dying, surviving])
    await until('a share', async () => (await metric(url, 'spillway_budget_share')) === 1)
  const crowd = claimCrowd(stack, [dying, surviving], campaignId)
  const coming = crowd.come('token', 300, 2)
  coming.catch(() => {})
  await until('some to be served, and many whose turn is a while ahead', async () => {
    const { issued } = await booksOf(stack.database, campaignId)
    return placesAhead(crowd).length >= 10 && issued > CLAIMS.atOnce
  })
  const program = stack.programs.find(({ output }) => output.includes(`"port":${new URL(dying).port}`))!
  program.kill('SIGKILL')
  await program.exited

  const asked = placesAhead(crowd)
  expect(asked.length).toBeGreaterThan(0)
  const heard = crowd.heard.length
  const told = await Promise.all(asked.map(({ shopper, token }) => crowd.ask(shopper, 1, token)))
  // Whom the survivor had given a place already is told that one: a turn that was moved since, at the other, is as early here.
  const known = new Set(
    crowd.heard
      .slice(0, heard)
      .flatMap(({ gateway, outcome, shopper }) =>
        gateway === 1 && outcome === 'KeptPlace' ? [shopper] : [],
      ),
  )
  for (const [i, { outcome, admitAtMs }] of told.entries()) {
    const { shopper, admitAtMs: promisedMs } = asked[i]!
    expect(outcome).toBe('KeptPlace')
    if (known.has(shopper)) expect(admitAtMs).toBeLessThanOrEqual(promisedMs!)
    else expect(admitAtMs).toBe(promisedMs)
  }

  const all = await coming
  await expectAllServed(crowd, all, campaignId, surviving)
  // Never open: two shares, of three.
  expect(burstOf(all, CLAIMS.perSecond / 1_000)).toBeLessThanOrEqual(CLAIMS.atOnce + 1)
})
