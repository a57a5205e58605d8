import { afterAll, beforeAll, expect, it } from 'vitest'
import { booksOf, runningCampaign } from '../harness/campaigns.ts'
import { claimCrowd, expectCouponsKept, lineOf, startLimited } from '../harness/claim-line.ts'
import { type Heard, overtakings } from '../harness/line-crowd.ts'
import { expectOrderPaid } from '../harness/paid-order.ts'
import { until } from '../harness/postgres.ts'
import type { EmbeddedStack } from '../harness/stack.ts'

/** Pause and resume while people wait in line, over HTTP, against the whole product in a process of its own: I6, I10, I12. */

/**
 * Whoever comes later than half of what the budget holds, here 1.5 s, takes nobody's turn and goes behind: with less, a
 * machine that stalls for a moment would decide about the order.
 */
const CLAIMS = { perSecond: 20, atOnce: 60 }
const CROWD = 260
const PAUSED_MS = 3_000
/** Of those in line, whose turns are the furthest ahead. */
const LAST = 20
const NOTICE = { noticeZh: '活动太火爆，请稍候', noticeEn: 'Too many of you at once, please wait' }
/** What whoever asks during a pause is told to wait. */
const PAUSED_RETRY_MS_MIN = 60_000
/** A line's status is asked for every 750 ms, and answered on a busy machine. */
const ASK_MS_MAX = 1_500

/** Of all pairs; of those who come in no order it would be a quarter. */
const OVERTAKEN_MAX = 0.1

let stack: EmbeddedStack
beforeAll(async () => {
  stack = await startLimited(CLAIMS)
})
afterAll(async () => {
  await stack?.[Symbol.asyncDispose]()
})

it('after a pause in mid-surge nothing is issued, places are kept, and all are served after it in their order', async () => {
  const campaignId = await runningCampaign(stack, 10_000)
  // Whoever hears of the pause does not wait the minute that it is told to, but until the end of it.
  const crowd = claimCrowd(stack, [stack.url], campaignId, {
    isFinal: ({ outcome, retryAfterMs }) =>
      (outcome !== 'KeptPlace' && outcome !== 'THROTTLED') || retryAfterMs! >= PAUSED_RETRY_MS_MIN,
  })
  const coming = crowd.come('wait', CROWD, 2)
  coming.catch(() => {})
  await until('all have come, and some are served by their places', async () => {
    const { issued } = await booksOf(stack.database, campaignId)
    const came = new Set(crowd.heard.map(({ shopper }) => shopper)).size
    return came === CROWD && issued > 2 * CLAIMS.atOnce && crowd.places.size > CROWD / 2
  })
  const isPaused = async (): Promise<boolean | undefined> =>
    (await lineOf(stack, stack.url, campaignId))?.status?.isPaused

  const pausedMs = Date.now()
  const paused = await stack
    .operator()
    .persisted('PauseIssuance', { input: { campaignId, reason: 'overload', ...NOTICE } })
  expect(paused.body.data.pauseIssuance.__typename).toBe('CampaignChanged')
  const books = await booksOf(stack.database, campaignId)
  await until('the gateway to know it', isPaused)
  const knownMs = Date.now()
  const waiting = holders(crowd.heard)
  expect(waiting.length).toBeGreaterThan(20)

  const holder = crowd.heard.find(({ couponId }) => couponId !== undefined)!
  await expectOrderPaid(stack.shopper(holder.shopper), holder.couponId!)
  await until('a while', () => Date.now() - knownMs > PAUSED_MS)
  // Whoever asks during it has the place yet, due or not, and whoever comes newly gets none.
  const during = await Promise.all(waiting.map(({ shopper }) => crowd.ask(shopper, 0)))
  for (const told of during) {
    expect(told).toMatchObject({ status: 200, outcome: 'KeptPlace' })
    expect(told.retryAfterMs).toBeGreaterThanOrEqual(PAUSED_RETRY_MS_MIN)
  }
  // Their time stands still but for that between two words of the pause.
  expect(Math.max(...during.map(({ position }) => position!))).toBeGreaterThan(waiting.length / 2)
  const newcomers = await Promise.all(Array.from({ length: 10 }, (_, i) => crowd.ask(`new-${i}`, 0)))
  for (const { outcome } of newcomers) expect(['IssuancePaused', 'THROTTLED']).toContain(outcome)
  // Who was let through by its place before the gateway knew has heard it from the service, and has the place yet.
  const met = crowd.heard.filter(
    ({ shopper, outcome }) => outcome === 'IssuancePaused' && crowd.places.has(shopper),
  )
  const theirs = await Promise.all(met.map(({ shopper }) => crowd.ask(shopper, 0)))
  for (const { outcome } of theirs) expect(outcome).toBe('KeptPlace')
  expect(await booksOf(stack.database, campaignId)).toEqual(books)

  const resumingMs = Date.now()
  const resumed = await stack.operator().persisted('ResumeIssuance', { input: { campaignId } })
  expect(resumed.body.data.resumeIssuance.campaign.state).toBe('ACTIVE')
  await until('the gateway to know it', async () => (await isPaused()) === false)
  const resumedMs = Date.now()
  const told = await Promise.all(waiting.map(({ shopper }) => crowd.ask(shopper, 0)))
  // By what lies between the first time that the gateway heard of it and the last.
  // Whoever had asked since the gateway knew of the pause had been told of a turn a minute away; who is due may be moved.
  const byMs = waiting
    .map((before, i) => ({ before, after: told[i]! }))
    .filter(
      ({ before, after }) => before.retryAfterMs! < PAUSED_RETRY_MS_MIN && after.outcome === 'KeptPlace',
    )
    .sort((a, b) => b.before.admitAtMs! - a.before.admitAtMs!)
    .slice(0, LAST)
    .map(({ before, after }) => after.admitAtMs! - before.admitAtMs!)
    .sort((a, b) => a - b)
  expect(byMs[0]).toBeGreaterThan(resumingMs - knownMs - ASK_MS_MAX)
  expect(byMs[byMs.length >> 1]).toBeLessThan(resumedMs - pausedMs + ASK_MS_MAX)
  const left = told.filter(({ outcome }) => outcome === 'KeptPlace')
  expect(left.length).toBeGreaterThan(20)
  // Who has heard it from the service stays away until now.
  const refused = crowd.heard.filter(
    ({ shopper, outcome }) => outcome === 'IssuancePaused' && shopper.startsWith('wait'),
  )
  await Promise.all([coming, ...[...left, ...refused].map(({ shopper }) => crowd.stay(shopper, 0))])

  const served = crowd.heard.filter(({ outcome }) => outcome === 'CouponIssued')
  expect(served).toHaveLength(CROWD)
  expect((await booksOf(stack.database, campaignId)).issued).toBe(CROWD)
  await expectCouponsKept(stack.database, campaignId, crowd.heard)
  const anew = new Set(refused.map(({ shopper }) => shopper))
  const order = served.flatMap(({ shopper, answeredMs }) => {
    const place = crowd.places.get(shopper)
    return place === undefined || anew.has(shopper)
      ? []
      : [{ promisedMs: place.admitAtMs!, servedMs: answeredMs }]
  })
  // Of two whose turns were a second apart. Whoever is due on the first moment after it, with more of them than the burst holds, is moved, maybe again.
  expect(overtakings(order, 1_000)).toBeLessThan((OVERTAKEN_MAX * order.length * (order.length - 1)) / 2)
})

/** Who has a place by the last that was heard. */
function holders(heard: readonly Heard[]): readonly Heard[] {
  const last = new Map(heard.map(one => [one.shopper, one]))
  return [...last.values()].filter(({ outcome }) => outcome === 'KeptPlace')
}
