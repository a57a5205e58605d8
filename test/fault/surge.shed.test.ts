import { afterAll, beforeAll, expect, it } from 'vitest'
import { booksOf, runningCampaign } from '../harness/campaigns.ts'
import { claimCrowd, control, expectCouponsKept, startLimited } from '../harness/claim-line.ts'
import { until } from '../harness/postgres.ts'
import type { EmbeddedStack } from '../harness/stack.ts'
import { SKU } from '../harness/trip.ts'

/** An operator pins SHED in mid-surge, over HTTP, against the whole product in a process of its own. */

/** Slow enough that many still wait when a busy machine has done what happens meanwhile. */
const CLAIMS = { perSecond: 20, atOnce: 20 }
const CROWD = 200
/** At SHED newcomers get a turn so far ahead at least. */
const AHEAD_MS = 5_000

let stack: EmbeddedStack
beforeAll(async () => {
  stack = await startLimited(CLAIMS)
})
afterAll(async () => {
  await stack?.[Symbol.asyncDispose]()
})

it('at SHED payments go on, whoever is due is served, claims get places, browsing is refused; and all are served after it', async () => {
  const campaignId = await runningCampaign(stack, 10_000)
  const crowd = claimCrowd(stack, [stack.url], campaignId)
  const payer = stack.shopper('payer')
  const { couponId } = await crowd.ask('payer', 0)
  const quoted = await payer.persisted('QuoteOrder', {
    input: { lines: [{ sku: SKU, quantity: 2 }], couponId },
  })
  const coming = crowd.come('wait', CROWD, 2)
  coming.catch(() => {})
  await until('hundreds have come', () => crowd.heard.length > CROWD / 2 && crowd.waiting > CROWD / 4)

  await control(stack, stack.url, 'level', 'PUT', { level: 'SHED' })
  const shedMs = Date.now()
  const { issued } = await booksOf(stack.database, campaignId)

  const placed = await payer.persisted('PlaceOrder', {
    input: { quoteId: quoted.body.data.quoteOrder.quote.id },
  })
  const orderId = placed.body.data.placeOrder.order.id
  const paid = await payer.persisted('PayOrder', { input: { orderId } })
  expect(paid.body.data.payOrder.__typename).toBe('OrderPaid')
  expect((await payer.persisted('OrderStatus', { id: orderId })).body.data.order.state).toBe('PAID')

  const browsing = await stack
    .shopper('browser')
    .persisted('SearchProducts', { query: `tea ${shedMs}`, first: 3 })
  expect(browsing.status).toBe(503)
  expect(browsing.body.errors[0].extensions.code).toBe('SURGE_SHED')

  const newcomers = await Promise.all(Array.from({ length: 20 }, (_, i) => crowd.ask(`new-${i}`, 0)))
  for (const { outcome, status, retryAfterMs } of newcomers) {
    expect({ outcome, status }).toEqual({ outcome: 'KeptPlace', status: 200 })
    expect(retryAfterMs).toBeGreaterThanOrEqual(AHEAD_MS)
  }
  await until(
    'some are served at SHED',
    async () => (await booksOf(stack.database, campaignId)).issued > issued + 10,
  )
  for (const { shopper, outcome, sentMs, answeredMs } of crowd.heard) {
    if (outcome !== 'CouponIssued' || sentMs < shedMs) continue
    const place = crowd.places.get(shopper)
    expect(place?.admitAtMs).toBeLessThanOrEqual(answeredMs)
  }

  await control(stack, stack.url, 'level', 'DELETE')
  expect(
    (await stack.shopper('browser').persisted('SearchProducts', { query: 'tea', first: 3 })).status,
  ).toBe(200)
  await Promise.all([coming, ...newcomers.map(({ shopper, token }) => crowd.stay(shopper, 0, token))])
  const all = 1 + CROWD + newcomers.length
  expect(crowd.heard.filter(({ outcome }) => outcome === 'CouponIssued')).toHaveLength(all)
  expect((await booksOf(stack.database, campaignId)).issued).toBe(all)
  for (const { status } of crowd.heard) expect(status).toBe(200)
  await expectCouponsKept(stack.database, campaignId, crowd.heard)
})
