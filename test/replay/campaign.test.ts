import { afterAll, beforeAll, expect, it } from 'vitest'
import { Graph } from '../harness/graph.ts'
import { tokenFor } from '../harness/tokens.ts'
import { openDrop } from './campaign.ts'
import { claimLimitOf, setClaimLimit } from './claim-limit.ts'
import { openStack, type ReplayStack } from './stack.ts'

let stack: ReplayStack
beforeAll(async () => {
  stack = await openStack({})
})
afterAll(async () => await stack.stop())

const shopper = (id: string): Graph => new Graph(stack.url, tokenFor(stack.secret, { sub: id }))

it('makes a campaign that runs, with its budget and its limit on claims, and puts the limit back', async () => {
  const before = await claimLimitOf(stack)
  await using drop = await openDrop(stack, { coupons: 7, claimsPerSecond: 50, stock: 1_000 })
  expect(drop.limit).toEqual({ claimPoints: 13, claimsPerSecond: 50, burstClaims: 50, graceMs: 120_000 })
  expect(await claimLimitOf(stack)).toEqual(drop.limit)
  expect(await drop.budget()).toMatchObject({
    limit: 7,
    issued: 0,
    remaining: 7,
    allottedFen: 7 * drop.faceFen,
  })
  const { body } = await shopper('alice').persisted('ClaimCoupon', { input: { campaignId: drop.campaignId } })
  expect(body.data.claimCoupon.__typename).toBe('CouponIssued')
  await drop.close()
  expect(await claimLimitOf(stack)).toEqual(before)
})

it('puts back the limit that an operator had set', async () => {
  const takeBack = await setClaimLimit(stack, 300)
  const drop = await openDrop(stack, { coupons: 1, claimsPerSecond: 20, stock: 1_000 })
  expect(drop.limit?.claimsPerSecond).toBe(20)
  await drop.close()
  expect((await claimLimitOf(stack))?.claimsPerSecond).toBe(300)
  await takeBack()
})

it('leaves the limit alone when none is asked for', async () => {
  const before = await claimLimitOf(stack)
  await using drop = await openDrop(stack, { coupons: 1, stock: 1_000 })
  expect(drop.limit).toEqual(before)
})

it('finds orders that the coupon pays in full, and others of which something is due', async () => {
  await using drop = await openDrop(stack, { coupons: 100, stock: 1_000 })
  const alice = shopper('alice')
  const claimed = await alice.persisted('ClaimCoupon', { input: { campaignId: drop.campaignId } })
  const couponId = claimed.body.data.claimCoupon.coupon.id
  const payable = async (line: object): Promise<number> => {
    const { body } = await alice.persisted('QuoteOrder', { input: { lines: [line], couponId } })
    return body.data.quoteOrder.quote.payableFen
  }
  for (const line of drop.free) expect(await payable(line)).toBe(0)
  for (const line of drop.due) expect(await payable(line)).toBeGreaterThan(0)
  expect(drop.free.length).toBeGreaterThan(10)
})

it('takes a campaign that runs, and no other', async () => {
  await using made = await openDrop(stack, { coupons: 3, stock: 1_000 })
  await using taken = await openDrop(stack, { campaignId: made.campaignId, coupons: 99, stock: 1_000 })
  expect(taken.campaignId).toBe(made.campaignId)
  expect((await taken.budget())?.limit).toBe(3)
  await expect(openDrop(stack, { campaignId: 'campaign_none', coupons: 1, stock: 1 })).rejects.toThrow(
    'expected campaign_none to be active, got 200: {"data":{"campaign":null}',
  )
})
