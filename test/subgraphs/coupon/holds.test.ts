import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { newId } from '../../../protocol/ids.ts'
import { sliceOf } from '../../../protocol/slice.ts'
import { createTestDatabase, type TestDatabase } from '../../harness/postgres.ts'
import {
  call,
  expectBalanced,
  FACE_FEN,
  type OpenCoupon,
  openCoupon,
  operator,
  orderOf,
  paymentService,
  shopper,
  VALID_UNTIL,
} from './open-coupon.ts'

let owned: TestDatabase
let coupon: OpenCoupon
beforeAll(async () => {
  owned = await createTestDatabase()
  coupon = await openCoupon(owned.connection)
})
afterAll(async () => {
  await coupon[Symbol.asyncDispose]()
  await owned.close()
})

const DURING = new Date('2027-02-01T00:00:00.000Z')
const LAST_MOMENT = new Date(VALID_UNTIL.getTime() - 1)

let campaigns = 0
let campaignId: string
let shopperId: string
let couponId: string
let orderId: string
/** A fresh coupon of a fresh campaign, and an order for it. */
beforeEach(async () => {
  campaignId = `campaign_holds-${++campaigns}`
  shopperId = `holder-${campaigns}`
  orderId = orderOf(shopperId)
  await coupon.setClock(DURING)
  await coupon.open(campaignId, 10, { minSpendFen: 1_000 })
  couponId = (await coupon.claim(shopperId, campaignId)).coupon?.id as string
})

const order = () => ({ shopperId, couponId, orderId })
const reserve = (subtotalFen = 3_000) => coupon.payment.reserveCoupon({ ...order(), subtotalFen }, call())
const release = () => coupon.payment.releaseCoupon(order(), call())
const redeem = (subtotalFen = 3_000) => coupon.payment.redeemCoupon({ ...order(), subtotalFen }, call())
const giveBack = () => coupon.payment.returnCoupon(order(), call())
const state = async () => (await coupon.payment.checkCoupon({ shopperId, couponId }, call()))?.state
const balance = () => expectBalanced(coupon, campaignId)

const revoke = async (id = couponId, reason = 'fraud') =>
  (
    await coupon.data<{ revokeCoupon: { code: string; state?: string; coupon?: { state: string } } }>(
      `mutation($input: RevokeCouponInput!) { revokeCoupon(input: $input) {
        ... on ShopperMessage { code } ... on CouponRevoked { coupon { state } } ... on CouponStateConflict { state } } }`,
      { input: { couponId: id, reason } },
      operator,
    )
  ).revokeCoupon

describe('reserve', () => {
  it('holds an unused coupon for one order, and says so again however often it is asked', async () => {
    for (const _ of [1, 2]) {
      expect(await reserve()).toEqual({
        couponId,
        orderId,
        state: 'RESERVED',
        refusal: null,
        faceFen: FACE_FEN,
      })
    }
    expect(await balance()).toMatchObject({ liability: FACE_FEN })
    const other = await coupon.payment.reserveCoupon(
      { ...order(), orderId: orderOf(shopperId), subtotalFen: 3_000 },
      call(),
    )
    expect(other).toMatchObject({ state: 'RESERVED', refusal: 'NOT_AVAILABLE' })
  })

  it('gives the coupon to one of two orders that ask at once', async () => {
    const holds = await Promise.all(
      Array.from({ length: 8 }, () =>
        coupon.payment.reserveCoupon({ ...order(), orderId: orderOf(shopperId), subtotalFen: 3_000 }, call()),
      ),
    )
    expect(holds.filter(hold => hold.refusal === null)).toHaveLength(1)
  })

  it('refuses an order below the minimum, by one fen, and takes it at the minimum', async () => {
    expect(await reserve(999)).toMatchObject({ state: 'ISSUED', refusal: 'BELOW_MINIMUM' })
    expect(await reserve(1_000)).toMatchObject({ state: 'RESERVED', refusal: null })
  })

  it('reads another shopper’s coupon as not found, even one of the same slice, and touches nothing', async () => {
    const others = Array.from({ length: 10_000 }, (_, index) => `thief-${index}`)
    const neighbour = others.find(name => sliceOf(name) === sliceOf(shopperId)) as string
    const stranger = others.find(name => sliceOf(name) !== sliceOf(shopperId)) as string
    for (const thief of [stranger, neighbour]) {
      const hold = await coupon.payment.reserveCoupon(
        { shopperId: thief, couponId, orderId: orderOf(thief), subtotalFen: 3_000 },
        call(),
      )
      expect(hold).toMatchObject({ state: null, refusal: 'NOT_FOUND' })
    }
    const unknown = await coupon.payment.reserveCoupon(
      { ...order(), couponId: newId('coupon', shopperId), subtotalFen: 3_000 },
      call(),
    )
    expect(unknown).toMatchObject({ state: null, refusal: 'NOT_FOUND' })
    expect(await state()).toBe('ISSUED')
  })

  it('holds one coupon for an order, not two', async () => {
    const second = `${campaignId}-b`
    await coupon.open(second, 1)
    const other = (await coupon.claim(shopperId, second)).coupon?.id as string
    await reserve()
    const hold = await coupon.payment.reserveCoupon(
      { ...order(), couponId: other, subtotalFen: 3_000 },
      call(),
    )
    expect(hold).toMatchObject({ state: 'ISSUED', refusal: 'NOT_AVAILABLE' })
  })

  it.each([
    ['coupon', 'coupon_zz_1'],
    ['coupon', 'order_00_0190a0a0a0a07000800000000000000a'],
    ['order', 'order-1'],
    ['order', newId('order', 'of-another-slice')],
  ])('answers a malformed or foreign %s id %s with BAD_ID', async (kind, id) => {
    const input = kind === 'coupon' ? { ...order(), couponId: id } : { ...order(), orderId: id }
    await expect(coupon.payment.reserveCoupon({ ...input, subtotalFen: 1 }, call())).rejects.toMatchObject({
      code: 'BAD_ID',
    })
  })
})

describe('release', () => {
  it('gives the coupon back, once or twice, and another order may have it', async () => {
    await reserve()
    for (const _ of [1, 2]) expect(await release()).toMatchObject({ state: 'ISSUED', refusal: null })
    orderId = orderOf(shopperId)
    expect(await reserve()).toMatchObject({ state: 'RESERVED', refusal: null })
    expect(await balance()).toMatchObject({ liability: FACE_FEN, returned: 0 })
  })

  it('that overtakes its reserve makes the late reserve fail', async () => {
    expect(await release()).toMatchObject({ state: 'ISSUED', refusal: null })
    expect(await reserve()).toMatchObject({ state: 'ISSUED', refusal: 'NOT_AVAILABLE' })
  })

  it('of a spent coupon is refused', async () => {
    await reserve()
    await redeem()
    expect(await release()).toMatchObject({ state: 'REDEEMED', refusal: 'NOT_AVAILABLE' })
  })
})

describe('redeem', () => {
  it('moves the face to expense, once however often it is asked', async () => {
    await reserve()
    for (const _ of [1, 2, 3]) expect(await redeem()).toMatchObject({ state: 'REDEEMED', refusal: null })
    expect(await balance()).toMatchObject({ liability: 0, expense: FACE_FEN, returned: 0 })
  })

  it('of an order smaller than the face spends the order’s worth and returns the rest', async () => {
    await reserve(1_000)
    await redeem(1_000)
    expect(await balance()).toMatchObject({ liability: 0, expense: 1_000, returned: FACE_FEN - 1_000 })
  })

  it('without a hold, after a release or for another order is refused', async () => {
    expect(await redeem()).toMatchObject({ state: 'ISSUED', refusal: 'NOT_AVAILABLE' })
    await reserve()
    const mine = orderId
    orderId = orderOf(shopperId)
    expect(await redeem()).toMatchObject({ state: 'RESERVED', refusal: 'NOT_AVAILABLE' })
    orderId = mine
    await release()
    expect(await redeem()).toMatchObject({ state: 'ISSUED', refusal: 'NOT_AVAILABLE' })
    expect(await balance()).toMatchObject({ expense: 0 })
  })

  it('goes through when validity ended while the order was held', async () => {
    await coupon.setClock(LAST_MOMENT)
    await reserve()
    await coupon.setClock(VALID_UNTIL)
    expect(await redeem()).toMatchObject({ state: 'REDEEMED', refusal: null })
  })

  it('happens once when twenty ask at once', async () => {
    await reserve()
    const holds = await Promise.all(Array.from({ length: 20 }, () => redeem()))
    expect(new Set(holds.map(hold => `${hold.state} ${hold.refusal}`))).toEqual(new Set(['REDEEMED null']))
    expect(await balance()).toMatchObject({ expense: FACE_FEN })
  })
})

describe('return', () => {
  it('within validity makes the coupon usable again, for another order', async () => {
    await reserve(1_000)
    await redeem(1_000)
    for (const _ of [1, 2]) expect(await giveBack()).toMatchObject({ state: 'ISSUED', refusal: null })
    expect(await balance()).toMatchObject({ liability: FACE_FEN, expense: 0, returned: 0 })
    // Late copies of what came before change nothing.
    expect(await redeem()).toMatchObject({ state: 'ISSUED', refusal: 'NOT_AVAILABLE' })
    expect(await reserve()).toMatchObject({ state: 'ISSUED', refusal: 'NOT_AVAILABLE' })
    orderId = orderOf(shopperId)
    await reserve()
    expect(await redeem()).toMatchObject({ state: 'REDEEMED', refusal: null })
    expect(await balance()).toMatchObject({ liability: 0, expense: FACE_FEN })
  })

  it('after validity returns the money instead', async () => {
    await reserve(1_000)
    await redeem(1_000)
    await coupon.setClock(VALID_UNTIL)
    for (const _ of [1, 2]) expect(await giveBack()).toMatchObject({ state: 'RETURNED', refusal: null })
    expect(await balance()).toMatchObject({ liability: 0, expense: 0, returned: FACE_FEN })
  })

  it('of what is only held releases it', async () => {
    await reserve()
    expect(await giveBack()).toMatchObject({ state: 'ISSUED', refusal: null })
    expect(await redeem()).toMatchObject({ refusal: 'NOT_AVAILABLE' })
  })
})

describe('the end of validity', () => {
  it.each([
    ['one millisecond before it the coupon can be used', LAST_MOMENT, 'ISSUED', null, 'RESERVED'],
    ['at it the coupon is EXPIRED, swept or not', VALID_UNTIL, 'EXPIRED', 'EXPIRED', 'EXPIRED'],
  ])('%s', async (_, now, shown, refusal, reserved) => {
    await coupon.setClock(now)
    expect(await coupon.payment.checkCoupon({ shopperId, couponId }, call())).toMatchObject({
      state: shown,
      refusal,
      validUntil: VALID_UNTIL.toISOString(),
    })
    expect(await reserve()).toMatchObject({ state: reserved, refusal })
  })

  it.each([
    ['one millisecond before it a release gives the coupon back', LAST_MOMENT, 'ISSUED', 0],
    ['at it a release expires the coupon', VALID_UNTIL, 'EXPIRED', FACE_FEN],
  ])('%s', async (_, now, released, returned) => {
    await reserve()
    await coupon.setClock(now)
    for (const _ of [1, 2]) expect(await release()).toMatchObject({ state: released, refusal: null })
    expect(await balance()).toMatchObject({ returned })
  })

  it('moves for all coupons at once with the issuance’s validity', async () => {
    await coupon.setClock(VALID_UNTIL)
    expect(await state()).toBe('EXPIRED')
    await coupon.sql(
      "UPDATE issuance SET valid_until = valid_until + interval '1 day' WHERE campaign_id = $1",
      [campaignId],
    )
    expect(await state()).toBe('ISSUED')
  })
})

describe('revoke', () => {
  it('takes an unused coupon back for good, once or twice, and says why in the record', async () => {
    for (const _ of [1, 2]) {
      expect(await revoke()).toMatchObject({ code: 'COUPON_REVOKED', coupon: { state: 'REVOKED' } })
    }
    expect(await reserve()).toMatchObject({ state: 'REVOKED', refusal: 'NOT_AVAILABLE' })
    expect(await balance()).toMatchObject({ liability: 0, returned: FACE_FEN })
    expect(
      await coupon.sql('SELECT reason, client FROM revocation WHERE coupon_id = $1::uuid', [
        couponId.slice(10),
      ]),
    ).toEqual([{ reason: 'fraud', client: 'control-room' }])
  })

  it('is refused for a coupon that is held, spent or expired', async () => {
    await reserve()
    expect(await revoke()).toEqual({ code: 'COUPON_STATE_CONFLICT', state: 'RESERVED' })
    await redeem()
    expect(await revoke()).toEqual({ code: 'COUPON_STATE_CONFLICT', state: 'REDEEMED' })
    await giveBack()
    await coupon.setClock(VALID_UNTIL)
    expect(await revoke()).toEqual({ code: 'COUPON_STATE_CONFLICT', state: 'EXPIRED' })
  })

  it('finds nothing under an unknown id, and refuses a malformed one and a reason that cannot be kept', async () => {
    expect(await revoke(newId('coupon', 'nobody'))).toEqual({ code: 'COUPON_NOT_FOUND' })
    await expect(revoke('coupon_1')).rejects.toThrow(/^BAD_ID /)
    for (const reason of ['', '  ', 'x'.repeat(501), 'nul \0', 'half \ud800']) {
      await expect(revoke(couponId, reason)).rejects.toThrow(/^BAD_INPUT /)
    }
    expect(await state()).toBe('ISSUED')
  })
})

describe('service fields', () => {
  it('refuse every caller but payment', async () => {
    const operation = `mutation($input: CouponOrderInput!) { releaseCoupon(input: $input) { state } }`
    for (const caller of [shopper(shopperId), operator, { ...paymentService, client: 'campaign' }]) {
      const answer = await coupon.execute(operation, { input: order() }, caller)
      expect(answer.errors?.[0]?.extensions?.code).toBe('FORBIDDEN')
    }
  })
})
