import { request } from 'undici'
import { expect, test } from 'vitest'
import { booksOf, runningCampaign } from '../harness/campaigns.ts'
import { Graph, type GraphAnswer } from '../harness/graph.ts'
import { createTestDatabase, until } from '../harness/postgres.ts'
import { type ServicesStack, startServices } from '../harness/stack.ts'
import { tokenFor } from '../harness/tokens.ts'

/** Pausing a drop at one gateway brakes every gateway, though none tells another, over HTTP and without Redis. */

const NOTICE = { noticeZh: '请明天再来', noticeEn: 'Please come back tomorrow' }
/** A claim costs 13 points, 260 of a paused line: of these, 20 at once and then 10 a second. */
const RATE = { perSecond: 2_600, burst: 5_200 }
const TRICKLE = { atOnce: 20, perSecond: 10 }
const CROWD = 300

/** Asks `/control/limits` of a gateway, as an operator. */
async function control({ secret }: ServicesStack, url: string, path = '', body?: object) {
  const token = tokenFor(secret, { sub: 'olga', kind: 'operator' })
  const answer = await request(`${url}/control/limits${path}`, {
    method: body === undefined ? 'GET' : 'PUT',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  expect(answer.statusCode).toBe(200)
  // biome-ignore lint/suspicious/noExplicitAny: read by assertions only.
  return (await answer.body.json()) as any
}

test('a pause at one gateway is known at both, and a crowd then reaches the coupon service at a trickle', async () => {
  await using database = await createTestDatabase()
  await using stack = await startServices(database, {
    gateway: { COST_MODE: 'enforce' },
  })
  const urls = [stack.url, await stack.addGateway()] as const
  const claim = (url: string, shopper: string): Promise<GraphAnswer> =>
    new Graph(url, tokenFor(stack.secret, { sub: shopper })).persisted('ClaimCoupon', {
      input: { campaignId },
    })
  const isPausedAt = async (url: string): Promise<boolean | undefined> => {
    const { lines } = await control(stack, url)
    return lines.find(({ value }: { value: string }) => value === campaignId)?.status?.isPaused
  }
  const campaignId = await runningCampaign(stack, 10_000)
  for (const url of urls)
    await control(stack, url, '/Mutation.claimCoupon', { per: 'FLEET', by: 'input.campaignId', ...RATE })

  for (const [i, url] of urls.entries())
    expect((await claim(url, `early-${i}`)).body.data.claimCoupon.__typename).toBe('CouponIssued')
  for (const url of urls) await until('the line flows', async () => (await isPausedAt(url)) === false)

  const paused = await stack
    .operator()
    .persisted('PauseIssuance', { input: { campaignId, reason: 'overload', ...NOTICE } })
  expect(paused.body.data.pauseIssuance.campaign.state).toBe('PAUSED')
  for (const url of urls) await until('the pause is known', async () => await isPausedAt(url))

  const books = await booksOf(stack.database, campaignId)
  const startedMs = performance.now()
  const answers = await Promise.all(
    urls.flatMap((url, gateway) =>
      Array.from({ length: CROWD }, (_, i) => claim(url, `crowd-${gateway}-${i}`)),
    ),
  )
  const seconds = (performance.now() - startedMs) / 1_000
  const reached = answers.filter(({ body }) => body.data?.claimCoupon?.__typename === 'IssuancePaused')
  const refused = answers.filter(({ status }) => status === 429)
  expect(reached.length + refused.length).toBe(urls.length * CROWD)
  expect(reached.length).toBeGreaterThan(0)
  expect(reached.length).toBeLessThanOrEqual(urls.length * (TRICKLE.atOnce + TRICKLE.perSecond * seconds + 1))
  for (const { body } of refused)
    expect(body.errors[0].extensions).toMatchObject({ code: 'THROTTLED', paused: true, ...NOTICE })
  expect(await booksOf(stack.database, campaignId)).toEqual(books)

  // Who has a coupon is told so once the crowd has gone.
  await until('a single claim passes', async () => {
    const { body } = await claim(urls[1], 'early-0')
    return body.data?.claimCoupon?.__typename === 'CouponAlreadyIssued'
  })
})
