import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { booksOf, runningCampaign } from '../harness/campaigns.ts'
import type { ClaimSeen } from '../harness/claim-load.ts'
import { crowd, outcomes } from '../harness/crowd.ts'
import { ask, killPostgres, until } from '../harness/postgres.ts'
import { type EmbeddedStack, startEmbedded } from '../harness/stack.ts'

/** I1, I2, I3, I4 under a crowd, over HTTP, against the whole product in a process of its own. */

const FACE_FEN = 2_500
let stack: EmbeddedStack

beforeAll(async () => {
  // Every claim is to reach coupon, also those that come when nothing is left.
  stack = await startEmbedded({ environment: { LOG_LEVEL: 'fatal', COST_MODE: 'measure' } })
})
afterAll(async () => {
  await stack[Symbol.asyncDispose]()
})

/** Every acknowledged coupon is in the table under its shopper, and nobody was told of two. */
async function expectAcknowledgedIsDurable(seen: readonly ClaimSeen[], campaignId: string): Promise<void> {
  const durable = new Map(
    (
      await ask<{ shopper_id: string; id: string }>(
        stack.database,
        `SELECT shopper_id, replace(coupon_id::text, '-', '') AS id FROM coupon.coupon WHERE campaign_id = $1`,
        [campaignId],
      )
    ).map(row => [row.shopper_id, row.id]),
  )
  const told = new Map<string, string>()
  for (const { shopper, couponId } of seen) {
    if (couponId === undefined) continue
    expect(told.get(shopper) ?? couponId).toBe(couponId)
    told.set(shopper, couponId)
    expect(couponId.slice('coupon_00_'.length)).toBe(durable.get(shopper))
  }
  expect(told.size).toBe(durable.size)
}

test('10,000 shoppers, half of them asking twice, for 4,000 coupons: exactly 4,000, one a shopper', async () => {
  const campaignId = await runningCampaign(stack, 4_000)
  const seen = await crowd(stack, {
    campaignId,
    prefix: 'ten',
    shoppers: 10_000,
    twiceEvery: 2,
    connections: 1_000,
  }).done

  // 10,000 + 10,000 / 2 requests, every one answered.
  expect(seen).toHaveLength(15_000)
  expect(new Set(seen.map(({ status }) => status))).toEqual(new Set([200]))
  const counts = outcomes(seen)
  expect(Object.keys(counts).toSorted()).toEqual(['BudgetExhausted', 'CouponAlreadyIssued', 'CouponIssued'])
  expect(counts.CouponIssued).toBe(4_000)

  expect(await booksOf(stack.database, campaignId)).toEqual({
    coupons: 4_000,
    shoppers: 4_000,
    issued: 4_000,
    issueTransfers: 4_000,
    issueFen: 4_000 * FACE_FEN,
  })
  await expectAcknowledgedIsDurable(seen, campaignId)
  await expectReadable(seen.filter(({ couponId }) => couponId !== undefined).slice(0, 100), campaignId)
})

test('4,100 shoppers for 4,000 coupons: 4,000 have one and 100 are told that the budget is gone', async () => {
  const campaignId = await runningCampaign(stack, 4_000)
  const seen = await crowd(stack, { campaignId, prefix: 'few', shoppers: 4_100, connections: 1_000 }).done
  expect(outcomes(seen)).toEqual({ CouponIssued: 4_000, BudgetExhausted: 100 })
  expect((await booksOf(stack.database, campaignId)).issued).toBe(4_000)
})

test('PostgreSQL killed in the middle: what is not known is said to be, and asking again gives the durable coupon', async () => {
  const [durability] = await ask<{ fsync: string; commit: string }>(
    stack.database,
    `SELECT current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS commit`,
  )
  expect(durability).toEqual({ fsync: 'on', commit: 'on' })

  const campaignId = await runningCampaign(stack, 4_000)
  const load = { campaignId, prefix: 'dark', shoppers: 6_000, connections: 1_000 }
  const first = crowd(stack, load)
  await first.answered(1_000)
  const pid = await stack.postgresPid()
  await killWithABatchUnderWay(campaignId, pid)
  const seen = [...(await first.done)]

  const known = new Set(['CouponIssued', 'CouponAlreadyIssued', 'BudgetExhausted'])
  const unanswered = seen.filter(({ outcome }) => !known.has(outcome))
  expect(unanswered.length).toBeGreaterThan(0)
  for (const { outcome, status } of unanswered) {
    expect(['OUTCOME_UNKNOWN', 'DATABASE_UNAVAILABLE']).toContain(outcome)
    expect(status).toBe(503)
  }
  expect(unanswered.map(({ outcome }) => outcome)).toContain('OUTCOME_UNKNOWN')

  await until('PostgreSQL to be started again', async () => {
    // In this order: a backend that has not yet noticed its server's death may still answer.
    if ((await stack.postgresPid().catch(() => pid)) === pid) return false
    return (await fetch(`${stack.url}/health/ready`)).status === 200
  })
  const again = await crowd(stack, load).done
  expect(new Set(again.map(({ status }) => status))).toEqual(new Set([200]))

  const books = await booksOf(stack.database, campaignId)
  expect(books).toEqual({
    coupons: 4_000,
    shoppers: 4_000,
    issued: 4_000,
    issueTransfers: 4_000,
    issueFen: 4_000 * FACE_FEN,
  })
  await expectAcknowledgedIsDurable([...seen, ...again], campaignId)
})

/** Holds the budget's row until a batch waits for it, then kills the server and every backend. */
async function killWithABatchUnderWay(campaignId: string, pid: number): Promise<void> {
  const holder = new pg.Client(stack.database)
  holder.on('error', () => {})
  await holder.connect()
  await holder.query('BEGIN')
  await holder.query('SELECT FROM coupon.bucket WHERE campaign_id = $1 FOR UPDATE', [campaignId])
  await until('a batch that waits for the budget', async () => {
    const waiting = await ask(
      stack.database,
      `SELECT FROM pg_stat_activity WHERE application_name = 'spillway-coupon' AND wait_event_type = 'Lock'`,
    )
    return waiting.length > 0
  })
  await killPostgres(pid)
}

async function expectReadable(sample: readonly ClaimSeen[], campaignId: string): Promise<void> {
  for (const { shopper, couponId } of sample) {
    const wallet = await stack.shopper(shopper).persisted('MyCoupons')
    const nodes = wallet.body.data.me.coupons.edges.map(
      (edge: { node: { id: string; campaign: { id: string } } }) => [edge.node.id, edge.node.campaign.id],
    )
    expect(nodes).toEqual([[couponId, campaignId]])
  }
}
