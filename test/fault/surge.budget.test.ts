import { afterAll, beforeAll, expect, it } from 'vitest'
import { booksOf, runningCampaign } from '../harness/campaigns.ts'
import { claimCrowd, expectCouponsKept, lineOf, startLimited } from '../harness/claim-line.ts'
import type { Heard } from '../harness/line-crowd.ts'
import { until } from '../harness/postgres.ts'
import type { EmbeddedStack } from '../harness/stack.ts'

/** The budget runs out while people wait, over HTTP, against the whole product in a process of its own: I1, and an honest answer for everybody. */

const CLAIMS = { perSecond: 60, atOnce: 20 }
const COUPONS = 150
const CROWD = 350
/** A line's status is asked for every 750 ms, and answered on a busy machine. */
const STATUS_MS_MAX = 1_500
/** What may be handed out between what is heard of a line and the next word of it. */
const SPARE = (CLAIMS.perSecond * STATUS_MS_MAX) / 1_000 + CLAIMS.atOnce

/** By the service, or, once it has said so, by the gateway. */
const hearsNothingIsLeft = ({ outcome, remaining }: Heard): boolean =>
  outcome === 'BudgetExhausted' || (outcome === 'THROTTLED' && remaining === 0)

let stack: EmbeddedStack
beforeAll(async () => {
  stack = await startLimited(CLAIMS)
})
afterAll(async () => {
  await stack?.[Symbol.asyncDispose]()
})

it('no more places are promised than are left, everybody hears the truth, and nobody waits for ever', async () => {
  const campaignId = await runningCampaign(stack, COUPONS)
  // The gateway knows what is left before the crowd is there.
  const first = await claimCrowd(stack, [stack.url], campaignId).ask('first', 0)
  await until('the status', async () => (await lineOf(stack, stack.url, campaignId))?.status?.remaining)
  const crowd = claimCrowd(stack, [stack.url], campaignId, {
    isFinal: heard => heard.outcome === 'CouponIssued' || hearsNothingIsLeft(heard),
  })
  let isOver = false
  let waitingMax = 0
  const watching = until('the crowd to be heard', async () => {
    // In this order: what is issued between the two readings are places that the second has no more.
    const { issued } = await booksOf(stack.database, campaignId)
    const line = (await lineOf(stack, stack.url, campaignId))!
    waitingMax = Math.max(waitingMax, line.waiting)
    expect(line.waiting).toBeLessThanOrEqual(COUPONS - issued + SPARE)
    return isOver
  })
  watching.catch(() => {})
  const all = await crowd.come('wait', CROWD, 2)
  isOver = true
  await watching
  expect(waitingMax).toBeGreaterThan(CLAIMS.atOnce)

  for (const { status, outcome } of crowd.heard) expect(status).toBe(outcome === 'THROTTLED' ? 429 : 200)
  const issued = all.filter(({ outcome }) => outcome === 'CouponIssued')
  expect(issued).toHaveLength(COUPONS - 1)
  expect(all.filter(hearsNothingIsLeft)).toHaveLength(CROWD - issued.length)
  expect((await booksOf(stack.database, campaignId)).issued).toBe(COUPONS)
  const inVain = all.filter(heard => hearsNothingIsLeft(heard) && crowd.places.has(heard.shopper))
  expect(inVain.length).toBeLessThanOrEqual(SPARE)
  await expectCouponsKept(stack.database, campaignId, [first, ...crowd.heard])
})
