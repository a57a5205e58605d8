import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { expireOnePage } from '../../../subgraphs/coupon/expiry.ts'
import { createTestDatabase, type TestDatabase, until } from '../../harness/postgres.ts'
import {
  call,
  expectBalanced,
  FACE_FEN,
  type OpenCoupon,
  openCoupon,
  orderOf,
  VALID_UNTIL,
} from './open-coupon.ts'

let owned: TestDatabase
beforeAll(async () => {
  owned = await createTestDatabase()
})
afterAll(async () => await owned.close())

const DURING = new Date('2027-02-01T00:00:00.000Z')
/** After the grace of 30 s for what judged itself in time. */
const LATER = new Date(VALID_UNTIL.getTime() + 30_000)

/** To the end, beside the subgraph's own sweep, which may take some of the pages. */
async function sweep(coupon: OpenCoupon): Promise<void> {
  while (await expireOnePage(coupon.database));
  await until('every page to be taken', async () => (await toWalk(coupon)) === 0)
}

const toWalk = async (coupon: OpenCoupon): Promise<number> =>
  (await coupon.sql('SELECT 1 FROM expiry')).length

const states = async (coupon: OpenCoupon): Promise<Record<string, number>> =>
  Object.fromEntries(
    (
      await coupon.sql<{ state: string; count: string }>(
        'SELECT state, count(*) FROM coupon GROUP BY state ORDER BY state',
      )
    ).map(({ state, count }) => [state, Number(count)]),
  )

describe('expiry', () => {
  it('makes the end durable for unused coupons only, once, and leaves nothing to walk', async () => {
    await using coupon = await openCoupon(owned.connection)
    await coupon.setClock(DURING)
    await coupon.open('campaign_end', 1_000)
    const shoppers = Array.from({ length: 40 }, (_, index) => `end-${index}`)
    const claimed = await Promise.all(shoppers.map(name => coupon.claim(name, 'campaign_end')))
    const order = (index: number) => ({
      shopperId: shoppers[index] as string,
      couponId: claimed[index]?.coupon?.id as string,
      orderId: orderOf(shoppers[index] as string),
    })
    const [held, spent] = [order(0), order(1)]
    for (const input of [held, spent])
      await coupon.payment.reserveCoupon({ ...input, subtotalFen: 9_000 }, call())
    await coupon.payment.redeemCoupon({ ...spent, subtotalFen: 9_000 }, call())

    // Within the grace the walk does not begin: a claim judged in time may still be committing.
    await coupon.setClock(new Date(LATER.getTime() - 1))
    expect(await expireOnePage(coupon.database)).toBe(false)
    expect(await toWalk(coupon)).toBe(256)
    await coupon.setClock(LATER)
    await sweep(coupon)
    expect(await states(coupon)).toEqual({ EXPIRED: 38, REDEEMED: 1, RESERVED: 1 })
    expect(await expectBalanced(coupon, 'campaign_end')).toMatchObject({
      liability: FACE_FEN,
      expense: FACE_FEN,
      returned: 38 * FACE_FEN,
    })
    // What was held over the end expires when it is let go.
    await coupon.payment.releaseCoupon(held, call())
    expect(await expectBalanced(coupon, 'campaign_end')).toMatchObject({
      liability: 0,
      returned: 39 * FACE_FEN,
    })
  })

  it('takes a slice with more coupons than a page holds page by page', async () => {
    await using coupon = await openCoupon(owned.connection)
    await coupon.setClock(DURING)
    await coupon.open('campaign_pages', 5_000)
    await coupon.sql(
      `WITH issued AS (
         INSERT INTO coupon (slice_no, campaign_id, shopper_id, coupon_id, issued_at)
         SELECT 7, 'campaign_pages', 'page-' || n, gen_random_uuid(), now() FROM generate_series(1, 1200) n
         RETURNING slice_no, coupon_id)
       , posted AS (INSERT INTO transfer SELECT slice_no, coupon_id, 'ISSUE', 'campaign_pages', 'available', 'liability', 2500, now() FROM issued)
       UPDATE bucket SET issued_count = 1200`,
    )
    await coupon.setClock(LATER)
    // 500, 500 and 200.
    await sweep(coupon)
    expect(await states(coupon)).toEqual({ EXPIRED: 1_200 })
    await expectBalanced(coupon, 'campaign_pages')
  })

  it('races reserve, release, redeem and other sweeps without a deadlock; the books balance at every read, and every coupon ends once', async () => {
    await using coupon = await openCoupon(owned.connection)
    await coupon.setClock(DURING)
    await coupon.open('campaign_race', 200)
    const shoppers = Array.from({ length: 120 }, (_, index) => `race-${index}`)
    const claimed = await Promise.all(shoppers.map(name => coupon.claim(name, 'campaign_race')))
    // Two orders fight over each coupon; one is paid, one is let go; meanwhile time ends and three sweeps run.
    const fights = shoppers.map(async (shopperId, index) => {
      const couponId = claimed[index]?.coupon?.id as string
      await Promise.all(
        ['pay', 'cancel'].map(async end => {
          const input = { shopperId, couponId, orderId: orderOf(shopperId) }
          const hold = await coupon.payment.reserveCoupon({ ...input, subtotalFen: 2_000 }, call())
          if (end === 'cancel' || hold.refusal !== null) return coupon.payment.releaseCoupon(input, call())
          return coupon.payment.redeemCoupon({ ...input, subtotalFen: 2_000 }, call())
        }),
      )
    })
    await fights[0]
    await coupon.setClock(LATER)
    const sweeps = [sweep(coupon), sweep(coupon), sweep(coupon)]
    let racing = true
    const race = Promise.all([...fights, ...sweeps]).finally(() => {
      racing = false
    })
    while (racing) await expectBalanced(coupon, 'campaign_race')
    await race
    await sweep(coupon)
    const ended = await states(coupon)
    expect((ended.EXPIRED ?? 0) + (ended.REDEEMED ?? 0)).toBe(120)
    const accounts = await expectBalanced(coupon, 'campaign_race')
    expect(accounts).toMatchObject({ liability: 0, expense: (ended.REDEEMED ?? 0) * 2_000 })
    const [deadlocks] = await coupon.sql<{ deadlocks: string }>(
      'SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()',
    )
    expect(Number(deadlocks?.deadlocks)).toBe(0)
  })
})
