import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { newId } from '../../../protocol/ids.ts'
import { sliceOf } from '../../../protocol/slice.ts'
import {
  COOKIE,
  call,
  gate,
  hang,
  type Instance,
  MILK_TEA,
  MILK_TEA_FEN,
  OPERATOR,
  orderOf,
  paid,
  placed,
  quoted,
  shopper,
  unreachable,
  World,
} from './world.ts'

const ALICE = shopper('alice')
const BOB = shopper('bob')
let world: World
let payment: Instance

beforeAll(async () => {
  world = await World.open()
  payment = world.instance()
})
afterEach(async () => {
  world.peers.trouble = () => {}
  world.providerTrouble = () => {}
  world.peers.couponsEnded = false
  await world.recover()
  expect(await world.check()).toEqual([])
})
afterAll(() => world[Symbol.asyncDispose]())

const pay = (orderId: string, more: object = {}, caller = ALICE) =>
  payment.orders.pay(caller, { orderId, ...more }, call())
const charges = async (orderId: string): Promise<string[]> =>
  (
    await world.ask<{ state: string }>(
      `SELECT s.state FROM payment.payments p JOIN payment.sandbox_trades s ON s.payment_id = p.id
        WHERE p.order_id = $1 ORDER BY p.created_at, p.id`,
      [orderId],
    )
  ).map(row => row.state)

describe('a shopping trip', () => {
  test('quote, place, pay: the coupon is redeemed and the stock committed', async () => {
    const couponId = world.peers.issue('alice', 2_500)
    const order = await placed(payment, ALICE, { lines: [{ sku: MILK_TEA, quantity: 2 }], couponId })
    expect(order).toMatchObject({ state: 'AWAITING_PAYMENT', payableFen: 1_100, paidAt: null })
    expect(order.expiresAt.getTime() - order.createdAt.getTime()).toBe(15 * 60_000)
    expect(world.peers.coupons.get(couponId)).toMatchObject({ state: 'RESERVED', orderId: order.id })

    const outcome = await pay(order.id)
    expect(outcome).toMatchObject({
      __typename: 'OrderPaid',
      code: 'ORDER_PAID',
      severity: 'SUCCESS',
      messageZh: '支付成功。',
      messageEn: 'The order is paid.',
      replayed: false,
      order: { state: 'PAID', step: 'DONE', cancelReason: null },
    })
    expect(world.peers.coupons.get(couponId)).toMatchObject({ state: 'REDEEMED', orderId: order.id })
    expect(world.peers.stockHolds.get(order.id)).toMatchObject({ state: 'COMMITTED' })
    expect(await charges(order.id)).toEqual(['SUCCEEDED'])
  })

  test('a free order is PAID at once, without a payment', async () => {
    const couponId = world.peers.issue('alice', 2_500)
    const order = await placed(payment, ALICE, { couponId })
    expect(order).toMatchObject({ state: 'PAID', step: 'DONE', payableFen: 0, paymentId: null })
    expect(order.paidAt).toBeInstanceOf(Date)
    expect(world.peers.coupons.get(couponId)?.state).toBe('REDEEMED')
    expect(await pay(order.id)).toMatchObject({ __typename: 'OrderStateConflict', state: 'PAID' })
  })

  test('a declined payment leaves the order to be paid again', async () => {
    const order = await placed(payment, ALICE)
    expect(await pay(order.id, { paymentToken: 'sandbox-decline' })).toMatchObject({
      __typename: 'PaymentDeclined',
      order: { state: 'AWAITING_PAYMENT', declines: 1 },
    })
    expect(await pay(order.id)).toMatchObject({ __typename: 'OrderPaid', replayed: false })
    expect(await charges(order.id)).toEqual(['DECLINED', 'SUCCEEDED'])
  })

  test('stock is asked for by sku', async () => {
    const order = await placed(payment, ALICE, {
      lines: [
        { sku: MILK_TEA, quantity: 1 },
        { sku: COOKIE, quantity: 1 },
      ],
    })
    expect(world.peers.stockHolds.get(order.id)?.lines.map(line => line.sku)).toEqual([COOKIE, MILK_TEA])
  })
})

describe('placeOrder refuses', () => {
  test('when the stock has gone since the quote: released, CANCELLED(OUT_OF_STOCK), and the quote is used up', async () => {
    world.peers.stock.set('LAST', { priceFen: 100, onHand: 1, reserved: 0 })
    const couponId = world.peers.issue('alice', 50)
    const lines = [{ sku: 'LAST', quantity: 1 }]
    const quote = await quoted(payment, ALICE, { lines, couponId })
    await placed(payment, BOB, { lines })
    const refused = { __typename: 'VariantUnavailable', sku: 'LAST', available: 0 }
    expect(await payment.orders.place(ALICE, { quoteId: quote.id }, call())).toMatchObject(refused)
    expect(world.peers.coupons.get(couponId)?.state).toBe('ISSUED')
    const rows = await world.ask(
      'SELECT state, step, cancel_reason FROM payment.orders WHERE quote_id = $1',
      [quote.id],
    )
    expect(rows).toEqual([{ state: 'CANCELLED', step: 'DONE', cancel_reason: 'OUT_OF_STOCK' }])

    world.peers.stock.get('LAST')!.onHand = 10
    expect(await payment.orders.place(ALICE, { quoteId: quote.id }, call())).toMatchObject(refused)
    const otherKey = { quoteId: quote.id, idempotencyKey: 'other' }
    expect(await payment.orders.place(ALICE, otherKey, call())).toMatchObject(refused)
  })

  test('when the coupon was used elsewhere: the stock is released', async () => {
    const couponId = world.peers.issue('alice', 500)
    const [first, second] = [
      await quoted(payment, ALICE, { couponId }),
      await quoted(payment, ALICE, { couponId }),
    ]
    await payment.orders.place(ALICE, { quoteId: first.id }, call())
    expect(await payment.orders.place(ALICE, { quoteId: second.id }, call())).toMatchObject({
      __typename: 'CouponNotUsable',
      reason: 'NOT_AVAILABLE',
    })
  })

  test('when the coupon is worth something else than was quoted', async () => {
    const couponId = world.peers.issue('alice', 500)
    const quote = await quoted(payment, ALICE, { couponId })
    world.peers.coupons.get(couponId)!.faceFen = 400
    expect(await payment.orders.place(ALICE, { quoteId: quote.id }, call())).toMatchObject({
      __typename: 'CouponNotUsable',
      reason: 'NOT_AVAILABLE',
    })
    expect(world.peers.coupons.get(couponId)?.state).toBe('ISSUED')
  })

  test('a quote that has ended, at its very instant', async () => {
    const quote = await quoted(payment, ALICE)
    const last = await quoted(payment, ALICE)
    await world.pass(last.expiresAt.getTime() - quote.expiresAt.getTime() + 600_001)
    const outcome = await payment.orders.place(ALICE, { quoteId: quote.id }, call())
    expect(outcome).toMatchObject({ __typename: 'QuoteExpired', retryable: false })
    expect(await world.ask('SELECT 1 FROM payment.orders WHERE quote_id = $1', [quote.id])).toEqual([])
  })

  test("another shopper's quote, one that never was, and one of another slice are QuoteNotFound", async () => {
    const quote = await quoted(payment, ALICE)
    // A shopper in alice's slice: the slice proves nothing.
    let number = 0
    while (sliceOf(`twin-${number}`) !== sliceOf('alice')) number++
    const notFound = { __typename: 'QuoteNotFound', code: 'QUOTE_NOT_FOUND' }
    for (const caller of [BOB, shopper(`twin-${number}`)]) {
      expect(await payment.orders.place(caller, { quoteId: quote.id }, call())).toMatchObject(notFound)
    }
    expect(await payment.orders.place(ALICE, { quoteId: newId('quote', 'alice') }, call())).toMatchObject(
      notFound,
    )
    expect(await world.ask('SELECT 1 FROM payment.orders WHERE quote_id = $1', [quote.id])).toEqual([])
    expect(
      await world.ask("SELECT 1 FROM payment.idempotency_keys WHERE actor = 'bob' AND key = $1", [quote.id]),
    ).toEqual([])
  })

  test.each(['', 'quote', 'quote_00_123', 'order_00_019a0000000070008000000000000000', 'quote_00_\0'])(
    'the id %j as BAD_ID',
    async quoteId => {
      await expect(payment.orders.place(ALICE, { quoteId }, call())).rejects.toMatchObject({ code: 'BAD_ID' })
    },
  )
})

describe('idempotency', () => {
  test('the same quote places one order, replayed, and shows it as it is now', async () => {
    const quote = await quoted(payment, ALICE)
    const first = orderOf(await payment.orders.place(ALICE, { quoteId: quote.id }, call()), 'OrderPlaced')
    await pay(first.id)
    const again = await payment.orders.place(ALICE, { quoteId: quote.id }, call())
    expect(again).toMatchObject({
      __typename: 'OrderPlaced',
      replayed: true,
      order: { id: first.id, state: 'PAID' },
    })
  })

  test('the same quote under another key is the same order', async () => {
    const quote = await quoted(payment, ALICE)
    const place = (idempotencyKey: string) =>
      payment.orders.place(ALICE, { quoteId: quote.id, idempotencyKey }, call())
    const first = orderOf(await place('a'), 'OrderPlaced')
    expect(await place('b')).toMatchObject({
      __typename: 'OrderPlaced',
      replayed: true,
      order: { id: first.id },
    })
    expect(await place('b')).toMatchObject({ replayed: true, order: { id: first.id } })
  })

  test('a key used with another quote is a conflict, and the second quote is untouched', async () => {
    const [first, second] = [await quoted(payment, ALICE), await quoted(payment, ALICE)]
    await payment.orders.place(ALICE, { quoteId: first.id, idempotencyKey: 'key-1' }, call())
    expect(
      await payment.orders.place(ALICE, { quoteId: second.id, idempotencyKey: 'key-1' }, call()),
    ).toMatchObject({ __typename: 'IdempotencyConflict', code: 'IDEMPOTENCY_CONFLICT' })
    expect(await payment.orders.place(ALICE, { quoteId: second.id }, call())).toMatchObject({
      replayed: false,
    })
  })

  test('keys are a shopper’s and a mutation’s own', async () => {
    const key = { idempotencyKey: 'shared' }
    const alices = await quoted(payment, ALICE)
    const bobs = await quoted(payment, BOB)
    const order = orderOf(
      await payment.orders.place(ALICE, { quoteId: alices.id, ...key }, call()),
      'OrderPlaced',
    )
    expect(await payment.orders.place(BOB, { quoteId: bobs.id, ...key }, call())).toMatchObject({
      replayed: false,
    })
    expect(await pay(order.id, key)).toMatchObject({ __typename: 'OrderPaid', replayed: false })
  })

  test('paying again replays; with another token it is a conflict; with another key the order is PAID', async () => {
    const order = await placed(payment, ALICE)
    await pay(order.id, { paymentToken: 'card' })
    expect(await pay(order.id, { paymentToken: 'card' })).toMatchObject({
      __typename: 'OrderPaid',
      replayed: true,
    })
    expect(await pay(order.id, { paymentToken: 'other' })).toMatchObject({
      __typename: 'IdempotencyConflict',
    })
    expect(await pay(order.id, { idempotencyKey: 'new' })).toMatchObject({
      __typename: 'OrderStateConflict',
      state: 'PAID',
    })
    expect(await charges(order.id)).toEqual(['SUCCEEDED'])
  })

  test('an explicit key tells a decline again without a new charge', async () => {
    const order = await placed(payment, ALICE)
    const input = { paymentToken: 'sandbox-decline', idempotencyKey: 'once' }
    await pay(order.id, input)
    expect(await pay(order.id, input)).toMatchObject({ __typename: 'PaymentDeclined' })
    expect(await charges(order.id)).toEqual(['DECLINED'])
  })

  test('what is told again is told of the order as it is: nobody is sent to pay twice', async () => {
    const { id, quoteId } = await placed(payment, ALICE)
    const decline = { orderId: id, paymentToken: 'sandbox-decline', idempotencyKey: 'k-decline' }
    const first = await payment.orders.pay(ALICE, decline, call())
    expect(first.messageEn).toContain('try another way to pay')
    const unpaid = await payment.orders.place(ALICE, { quoteId }, call())
    expect(unpaid.messageEn).toBe('The order was placed before; pay 18.00 yuan before it expires.')

    orderOf(await payment.orders.pay(ALICE, { orderId: id, idempotencyKey: 'k-pay' }, call()), 'OrderPaid')
    for (const again of [
      await payment.orders.pay(ALICE, decline, call()),
      await payment.orders.place(ALICE, { quoteId }, call()),
    ]) {
      expect(again.messageEn).toMatch(/The order is paid now\.$/)
      expect(again.messageZh).toMatch(/现在订单已支付。$/)
    }

    await payment.orders.refund(ALICE, { orderId: id }, call())
    const paid = await payment.orders.pay(ALICE, { orderId: id, idempotencyKey: 'k-pay' }, call())
    expect(paid).toMatchObject({ __typename: 'OrderPaid', replayed: true })
    expect(paid.messageEn).toBe('This payment succeeded before. The order has been refunded now.')
  })

  test('while the first request is at work, the same key is IDEMPOTENCY_IN_FLIGHT', async () => {
    const order = await placed(payment, ALICE)
    const charging = gate()
    const charged = gate()
    world.providerTrouble = async (what, when) => {
      if (what !== 'charge' || when !== 'after') return
      charging.open()
      await charged.opened
    }
    const first = pay(order.id)
    await charging.opened
    await expect(pay(order.id)).rejects.toMatchObject({
      code: 'IDEMPOTENCY_IN_FLIGHT',
      extensions: { retryAfterMs: 1_000 },
    })
    expect(await pay(order.id, { idempotencyKey: 'other' })).toMatchObject({
      __typename: 'OrderPending',
      orderId: order.id,
      retryAfterMs: 1_000,
    })
    charged.open()
    expect(await first).toMatchObject({ __typename: 'OrderPaid', replayed: false })
    expect(await charges(order.id)).toEqual(['SUCCEEDED'])
  })

  test.each(['', 'k'.repeat(129), 'a\0', '\udfff'])('refuses the key %j', async idempotencyKey => {
    const quote = await quoted(payment, ALICE)
    await expect(
      payment.orders.place(ALICE, { quoteId: quote.id, idempotencyKey }, call()),
    ).rejects.toMatchObject({ code: 'BAD_INPUT' })
  })
})

describe('payOrder', () => {
  test('takes no more than the mandate allows, to the fen', async () => {
    const order = await placed(payment, ALICE)
    const limited = shopper('alice', { amountMaxFen: MILK_TEA_FEN - 1 })
    expect(await pay(order.id, {}, limited)).toMatchObject({
      __typename: 'SpendingLimitExceeded',
      limitFen: MILK_TEA_FEN - 1,
    })
    expect(await charges(order.id)).toEqual([])
    const enough = shopper('alice', { amountMaxFen: MILK_TEA_FEN })
    expect(await pay(order.id, {}, enough)).toMatchObject({ __typename: 'OrderPaid' })
    // Telling it again spends nothing.
    expect(await pay(order.id, {}, limited)).toMatchObject({ __typename: 'OrderPaid', replayed: true })
  })

  test('needs order:pay', async () => {
    const order = await placed(payment, ALICE)
    await expect(pay(order.id, {}, shopper('alice', { scopes: ['order:place'] }))).rejects.toMatchObject({
      code: 'FORBIDDEN',
    })
  })

  test("another shopper's order is OrderNotFound to pay, cancel and refund", async () => {
    const { id: orderId } = await placed(payment, ALICE)
    const notFound = { __typename: 'OrderNotFound' }
    expect(await pay(orderId, {}, BOB)).toMatchObject(notFound)
    expect(await payment.orders.cancel(BOB, { orderId }, call())).toMatchObject(notFound)
    expect(await payment.orders.refund(BOB, { orderId }, call())).toMatchObject(notFound)
    await expect(pay('order_1')).rejects.toMatchObject({ code: 'BAD_ID' })
  })

  test('of an order whose time has passed cancels it and charges nothing', async () => {
    const order = await placed(payment, ALICE)
    await world.pass(15 * 60_000)
    expect(await pay(order.id)).toMatchObject({ __typename: 'OrderStateConflict', state: 'CANCELLED' })
    expect(await charges(order.id)).toEqual([])
  })

  test('answers OrderPending when the provider is silent, and the sweep finds the money', async () => {
    const order = await placed(payment, ALICE)
    world.providerTrouble = async (what, when, deadlineMs) => {
      if (what === 'charge' && when === 'after') await hang(what, deadlineMs)
    }
    expect(await payment.orders.pay(ALICE, { orderId: order.id }, call(200))).toMatchObject({
      __typename: 'OrderPending',
    })
    world.providerTrouble = () => {}
    await world.recover()
    expect(await pay(order.id)).toMatchObject({ __typename: 'OrderPaid', replayed: true })
    expect(await charges(order.id)).toEqual(['SUCCEEDED'])
  })

  test('a charge that never arrived is closed: told as declined, and can be paid again', async () => {
    const order = await placed(payment, ALICE)
    const arrived = gate()
    const late = gate()
    world.providerTrouble = async (what, when) => {
      if (what !== 'charge' || when !== 'before') return
      arrived.open()
      await late.opened
    }
    const first = payment.orders.pay(ALICE, { orderId: order.id, idempotencyKey: 'first' }, call(200))
    await arrived.opened
    expect(await first).toMatchObject({ __typename: 'OrderPending' })
    await world.recover()
    late.open()
    world.providerTrouble = () => {}
    expect(await pay(order.id, { idempotencyKey: 'first' })).toMatchObject({ __typename: 'PaymentDeclined' })
    expect(await pay(order.id)).toMatchObject({ __typename: 'OrderPaid', replayed: false })
    expect(await charges(order.id)).toEqual(['CLOSED', 'SUCCEEDED'])
  })

  test('is OrderPaid while coupon is away: paid is paid, and the sweep redeems', async () => {
    const couponId = world.peers.issue('alice', 500)
    const order = await placed(payment, ALICE, { couponId })
    world.peers.trouble = what => (what === 'redeemCoupon' ? Promise.reject(unreachable(what)) : undefined)
    expect(await pay(order.id)).toMatchObject({
      __typename: 'OrderPaid',
      order: { state: 'PAID', step: 'SETTLE' },
    })
    world.peers.trouble = () => {}
    await world.recover()
    expect(world.peers.coupons.get(couponId)?.state).toBe('REDEEMED')
  })
})

describe('cancelOrder', () => {
  test('gives coupon and stock back', async () => {
    const couponId = world.peers.issue('alice', 500)
    const { id: orderId } = await placed(payment, ALICE, { couponId })
    expect(await payment.orders.cancel(ALICE, { orderId }, call())).toMatchObject({
      __typename: 'OrderCancelled',
      replayed: false,
      order: { state: 'CANCELLED', step: 'DONE', cancelReason: 'SHOPPER' },
    })
    expect(world.peers.coupons.get(couponId)?.state).toBe('ISSUED')
    expect(await payment.orders.cancel(ALICE, { orderId }, call())).toMatchObject({
      __typename: 'OrderCancelled',
      replayed: true,
    })
    expect(await pay(orderId)).toMatchObject({ __typename: 'OrderStateConflict', state: 'CANCELLED' })
  })

  test('of a paid order is OrderStateConflict', async () => {
    const { id: orderId } = await paid(payment, ALICE)
    expect(await payment.orders.cancel(ALICE, { orderId }, call())).toMatchObject({
      __typename: 'OrderStateConflict',
      state: 'PAID',
    })
  })

  test('is done when peers are away: they hear of it later', async () => {
    const couponId = world.peers.issue('alice', 500)
    const { id: orderId } = await placed(payment, ALICE, { couponId })
    world.peers.trouble = what => Promise.reject(unreachable(what))
    expect(await payment.orders.cancel(ALICE, { orderId }, call())).toMatchObject({
      __typename: 'OrderCancelled',
      order: { step: 'RELEASE' },
    })
    world.peers.trouble = () => {}
    await world.recover()
    expect(world.peers.coupons.get(couponId)?.state).toBe('ISSUED')
  })

  test('asks the provider first: money that had come makes the order PAID', async () => {
    const { id: orderId } = await placed(payment, ALICE)
    world.providerTrouble = async (what, when, deadlineMs) => {
      if (what === 'charge' && when === 'after') await hang(what, deadlineMs)
    }
    await payment.orders.pay(ALICE, { orderId }, call(200))
    expect(await payment.orders.cancel(ALICE, { orderId }, call())).toMatchObject({
      __typename: 'OrderStateConflict',
      state: 'PAID',
    })
  })

  test('while the provider cannot say: cancelled at once, and what had been paid is paid back', async () => {
    const { id: orderId } = await placed(payment, ALICE)
    world.providerTrouble = (what, when) => {
      if (what !== 'charge' || when === 'after') throw new Error('the line is dead')
    }
    expect(await pay(orderId)).toMatchObject({ __typename: 'OrderPending' })
    expect(await payment.orders.cancel(ALICE, { orderId }, call())).toMatchObject({
      __typename: 'OrderCancelled',
      order: { state: 'CANCELLED', step: 'WATCH', paymentOpen: true },
    })
    world.providerTrouble = () => {}
    await world.recover()
    const [row] = await world.ask(
      `SELECT o.state, r.state AS refund, r.requested_by, p.state AS payment
         FROM payment.orders o JOIN payment.refunds r ON r.id = o.refund_id JOIN payment.payments p ON p.id = o.payment_id
        WHERE o.id = $1`,
      [orderId],
    )
    expect(row).toEqual({
      state: 'CANCELLED',
      refund: 'SUCCEEDED',
      requested_by: '#late-payment',
      payment: 'TRADE_CLOSED',
    })
    expect(await pay(orderId)).toMatchObject({ __typename: 'OrderStateConflict', state: 'CANCELLED' })
  })

  test('money that arrives while the release is still to be done is paid back after it', async () => {
    const { id: orderId } = await placed(payment, ALICE)
    const charging = gate()
    const charged = gate()
    world.providerTrouble = async (what, when) => {
      if (what === 'close') throw new Error('the line is dead')
      if (what !== 'charge' || when !== 'after') return
      charging.open()
      await charged.opened
    }
    world.peers.trouble = what => (what === 'releaseStock' ? Promise.reject(unreachable(what)) : undefined)
    const paying = pay(orderId)
    await charging.opened
    expect(await payment.orders.cancel(ALICE, { orderId }, call())).toMatchObject({
      __typename: 'OrderCancelled',
      order: { step: 'RELEASE', paymentOpen: true },
    })
    charged.open()
    expect(await paying).toMatchObject({ __typename: 'OrderStateConflict', state: 'CANCELLED' })
    world.peers.trouble = () => {}
    await world.recover()
    const rows = await world.ask('SELECT state FROM payment.refunds WHERE order_id = $1', [orderId])
    expect(rows).toEqual([{ state: 'SUCCEEDED' }])
  })
})

describe('refundOrder', () => {
  test('gives back the money, the stock and a coupon that is still valid', async () => {
    const couponId = world.peers.issue('alice', 500)
    const onHand = world.peers.stock.get(MILK_TEA)!.onHand
    const { id: orderId } = await paid(payment, ALICE, { couponId })
    expect(world.peers.stock.get(MILK_TEA)!.onHand).toBe(onHand - 1)
    const input = { orderId, reason: 'cold' }
    expect(await payment.orders.refund(ALICE, input, call())).toMatchObject({
      __typename: 'OrderRefunded',
      replayed: false,
      order: { state: 'REFUNDED', step: 'DONE' },
    })
    expect(world.peers.coupons.get(couponId)?.state).toBe('ISSUED')
    expect(world.peers.stock.get(MILK_TEA)!.onHand).toBe(onHand)
    expect(await payment.orders.refund(ALICE, input, call())).toMatchObject({ replayed: true })
    expect(await payment.orders.refund(ALICE, { orderId, reason: 'wet' }, call())).toMatchObject({
      __typename: 'IdempotencyConflict',
    })
    const rows = await world.ask(
      'SELECT kind, amount_fen::int FROM payment.transfers WHERE order_id = $1 ORDER BY kind',
      [orderId],
    )
    expect(rows).toEqual([
      { kind: 'CAPTURE', amount_fen: MILK_TEA_FEN - 500 },
      { kind: 'REFUND', amount_fen: MILK_TEA_FEN - 500 },
    ])
  })

  test('leaves a coupon RETURNED when its time has ended', async () => {
    const couponId = world.peers.issue('alice', 500)
    const { id: orderId } = await paid(payment, ALICE, { couponId })
    world.peers.couponsEnded = true
    await payment.orders.refund(ALICE, { orderId }, call())
    expect(world.peers.coupons.get(couponId)?.state).toBe('RETURNED')
  })

  test('of a free order moves no money and gives the coupon back', async () => {
    const couponId = world.peers.issue('alice', 2_500)
    const { id: orderId } = await placed(payment, ALICE, { couponId })
    expect(await payment.orders.refund(ALICE, { orderId }, call())).toMatchObject({
      __typename: 'OrderRefunded',
    })
    expect(world.peers.coupons.get(couponId)?.state).toBe('ISSUED')
    expect(await world.ask('SELECT 1 FROM payment.transfers WHERE order_id = $1', [orderId])).toEqual([])
  })

  test('is for the shopper with order:pay and for operators with campaign:operate', async () => {
    const { id: orderId } = await paid(payment, ALICE)
    const refund = (caller: typeof ALICE) => payment.orders.refund(caller, { orderId }, call())
    await expect(refund(shopper('alice', { scopes: ['order:place'] }))).rejects.toMatchObject({
      code: 'FORBIDDEN',
    })
    await expect(refund({ ...OPERATOR, scopes: [] })).rejects.toMatchObject({ code: 'FORBIDDEN' })
    // A scope alone makes nobody an operator.
    expect(await refund(shopper('bob', { scopes: ['order:pay', 'campaign:operate'] }))).toMatchObject({
      __typename: 'OrderNotFound',
    })
    expect(await refund(OPERATOR)).toMatchObject({ __typename: 'OrderRefunded' })
    expect(await refund(ALICE)).toMatchObject({ __typename: 'OrderStateConflict', state: 'REFUNDED' })
  })

  test('of an unpaid order is OrderStateConflict', async () => {
    const { id: orderId } = await placed(payment, ALICE)
    expect(await payment.orders.refund(ALICE, { orderId }, call())).toMatchObject({
      __typename: 'OrderStateConflict',
      state: 'AWAITING_PAYMENT',
    })
  })

  test('asked for while the coupon is still to be redeemed: owed at once, done in order', async () => {
    const couponId = world.peers.issue('alice', 500)
    const order = await placed(payment, ALICE, { couponId })
    world.peers.trouble = what => (what === 'redeemCoupon' ? Promise.reject(unreachable(what)) : undefined)
    await pay(order.id)
    expect(await payment.orders.refund(ALICE, { orderId: order.id }, call())).toMatchObject({
      __typename: 'OrderPending',
    })
    expect(
      await payment.orders.refund(ALICE, { orderId: order.id, idempotencyKey: 'x' }, call()),
    ).toMatchObject({
      __typename: 'OrderPending',
    })
    world.peers.trouble = () => {}
    await world.recover()
    expect(await payment.orders.refund(ALICE, { orderId: order.id }, call())).toMatchObject({
      __typename: 'OrderRefunded',
      replayed: true,
      order: { state: 'REFUNDED' },
    })
    expect(world.peers.coupons.get(couponId)?.state).toBe('ISSUED')
  })
})
