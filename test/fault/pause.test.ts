import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { booksOf, runningCampaign } from '../harness/campaigns.ts'
import { crowd } from '../harness/crowd.ts'
import { expectOrderPaid } from '../harness/paid-order.ts'
import { testFolder } from '../harness/postgres.ts'
import { type EmbeddedStack, startEmbedded } from '../harness/stack.ts'

/** I6, over HTTP, against the whole product in a process of its own. */

const NOTICE = {
  noticeZh: '活动太火爆，请明天再来',
  noticeEn: 'Too many of you at once, please come back tomorrow',
}
const environment = { LOG_LEVEL: 'fatal' }

test('once a pause under 512 claimers is acknowledged nothing is issued, all else goes on, and it outlives kill -9', async () => {
  const folder = await testFolder()
  const dataDir = join(folder, 'data')
  let stack: EmbeddedStack = await startEmbedded({ dataDir, environment })
  try {
    const campaignId = await runningCampaign(stack, 1_000_000)
    const claimers = crowd(stack, { campaignId, prefix: 'pause', shoppers: 12_000, connections: 512 })
    await claimers.answered(2_000)

    const paused = await stack
      .operator()
      .persisted('PauseIssuance', { input: { campaignId, reason: 'overload', ...NOTICE } })
    const acknowledgedMs = Date.now()
    expect(paused.body.data.pauseIssuance.__typename).toBe('CampaignChanged')
    expect(paused.body.data.pauseIssuance.campaign.state).toBe('PAUSED')
    const atAcknowledgement = await booksOf(stack.database, campaignId)

    const seen = await claimers.done
    expect(seen).toHaveLength(12_000)
    expect(await booksOf(stack.database, campaignId)).toEqual(atAcknowledgement)
    const after = seen.filter(({ sentMs }) => sentMs > acknowledgedMs)
    expect(after.length).toBeGreaterThan(0)
    // Within a second the gateway turns the crowd away itself.
    for (const answer of after) {
      expect(answer.noticeZh).toBe(NOTICE.noticeZh)
      if (answer.outcome === 'THROTTLED') expect(answer.status).toBe(429)
      else expect(answer).toMatchObject({ status: 200, outcome: 'IssuancePaused' })
      if (answer.outcome === 'IssuancePaused') expect(answer.messageEn).toMatch(/stay valid/)
    }
    const holder = seen.find(({ couponId }) => couponId !== undefined)
    await expectOrderPaidWith(stack, holder?.shopper as string, holder?.couponId as string)

    stack.programs[0]?.kill('SIGKILL')
    await stack.programs[0]?.exited
    stack = await startEmbedded({ dataDir, environment })
    const still = await stack.shopper('late').persisted('ClaimCoupon', { input: { campaignId } })
    expect(still.body.data.claimCoupon).toMatchObject({ __typename: 'IssuancePaused', ...NOTICE })
    expect(await booksOf(stack.database, campaignId)).toEqual(atAcknowledgement)

    const resumed = await stack.operator().persisted('ResumeIssuance', { input: { campaignId } })
    expect(resumed.body.data.resumeIssuance.campaign.state).toBe('ACTIVE')
    const claimed = await stack.shopper('late').persisted('ClaimCoupon', { input: { campaignId } })
    expect(claimed.body.data.claimCoupon.__typename).toBe('CouponIssued')
  } finally {
    await stack[Symbol.asyncDispose]()
    await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
  }
})

/** Wallet, quote, place, pay and redeem, while issuance is paused. */
async function expectOrderPaidWith(stack: EmbeddedStack, shopper: string, couponId: string): Promise<void> {
  const graph = stack.shopper(shopper)
  const wallet = await graph.persisted('MyCoupons')
  expect(wallet.body.data.me.coupons.edges[0].node).toMatchObject({ id: couponId, state: 'ISSUED' })
  await expectOrderPaid(graph, couponId)
}
