import { afterAll, beforeAll, expect, test } from 'vitest'
import { hashOf } from '../../../subgraphs/payment/order.ts'
import { quoteOrder } from '../../../subgraphs/payment/quotes.ts'
import {
  COOKIE,
  call,
  type Instance,
  MILK_TEA,
  MILK_TEA_FEN,
  quoted,
  shopper,
  unreachable,
  World,
} from './world.ts'

const ALICE = shopper('alice')
let world: World
let payment: Instance

beforeAll(async () => {
  world = await World.open()
  payment = world.instance()
})
afterAll(() => world[Symbol.asyncDispose]())

const quote = (lines: { sku: string; quantity: number }[], couponId?: string, caller = ALICE) =>
  quoteOrder(payment.quoting, caller, { lines, couponId: couponId ?? null }, call())

test('a quote keeps names and prices for ten minutes and says what it hashes', async () => {
  const couponId = world.peers.issue('alice', 2_500)
  const made = await quoted(payment, ALICE, { lines: [{ sku: MILK_TEA, quantity: 2 }], couponId })
  // 2 × 18.00 = 36.00; 36.00 - 25.00 = 11.00
  expect(made).toMatchObject({ subtotalFen: 3_600, discountFen: 2_500, payableFen: 1_100, couponId })
  expect(made.lines).toEqual([
    { sku: MILK_TEA, nameZh: '奶茶', nameEn: 'Tea', quantity: 2, unitPriceFen: 1_800, totalFen: 3_600 },
  ])
  expect(made.sha256).toBe(hashOf(made))
  const [row] = await world.ask<{ ms: number }>(
    'SELECT (extract(epoch FROM expires_at - created_at) * 1000)::int AS ms FROM payment.quotes WHERE id = $1',
    [made.id],
  )
  expect(row).toEqual({ ms: 600_000 })
})

test('a price that changes later does not change the quote', async () => {
  const made = await quoted(payment, ALICE)
  world.peers.stock.get(MILK_TEA)!.priceFen = 9_900
  const outcome = await payment.orders.place(ALICE, { quoteId: made.id }, call())
  world.peers.stock.get(MILK_TEA)!.priceFen = MILK_TEA_FEN
  expect(outcome).toMatchObject({ __typename: 'OrderPlaced', order: { payableFen: MILK_TEA_FEN } })
})

test('a sku that does not exist, or has too few, is VariantUnavailable', async () => {
  expect(await quote([{ sku: 'NOTHING', quantity: 1 }])).toMatchObject({
    __typename: 'VariantUnavailable',
    code: 'VARIANT_UNAVAILABLE',
    sku: 'NOTHING',
    available: 0,
  })
  world.peers.stock.set('RARE', { priceFen: 1, onHand: 5, reserved: 2 })
  expect(await quote([{ sku: 'RARE', quantity: 4 }])).toMatchObject({ sku: 'RARE', available: 3 })
})

test("another shopper's coupon, one below its minimum, and one in use are CouponNotUsable", async () => {
  const lines = [{ sku: COOKIE, quantity: 1 }]
  expect(await quote(lines, world.peers.issue('bob', 2_500))).toMatchObject({
    __typename: 'CouponNotUsable',
    reason: 'NOT_FOUND',
  })
  expect(await quote(lines, world.peers.issue('alice', 2_500, 2_501))).toMatchObject({
    reason: 'BELOW_MINIMUM',
  })
  const used = world.peers.issue('alice', 2_500)
  world.peers.coupons.get(used)!.state = 'RESERVED'
  expect(await quote(lines, used)).toMatchObject({ reason: 'NOT_AVAILABLE' })
})

test('a coupon id that is none is BAD_ID, and nobody is asked', async () => {
  const before = world.peers.calls.length
  await expect(quote([{ sku: COOKIE, quantity: 1 }], 'coupon_x')).rejects.toMatchObject({ code: 'BAD_ID' })
  expect(world.peers.calls).toHaveLength(before)
})

test('quoting needs a shopper with order:place', async () => {
  const lines = [{ sku: COOKIE, quantity: 1 }]
  await expect(quote(lines, undefined, shopper('alice', { scopes: ['order:pay'] }))).rejects.toMatchObject({
    code: 'FORBIDDEN',
  })
  const anonymous = { kind: 'anonymous', client: 'x', scopes: [], tier: 'shopper' } as const
  await expect(quote(lines, undefined, anonymous)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
})

test('a peer that is away fails the quote, and nothing is stored', async () => {
  const [before] = await world.ask('SELECT count(*) FROM payment.quotes')
  world.peers.trouble = what => Promise.reject(unreachable(what))
  await expect(quote([{ sku: COOKIE, quantity: 1 }])).rejects.toMatchObject({ code: 'SUBGRAPH_UNREACHABLE' })
  world.peers.trouble = () => {}
  expect(await world.ask('SELECT count(*) FROM payment.quotes')).toEqual([before])
})
