import { expect, test } from 'vitest'
import { newId } from '../../protocol/ids.ts'
import { Ledger } from './ledger.ts'

const shopperIdOf = (who: number): string => `r-${who}`

test('coupons and orders are found again as they were told, each once, with the last state', () => {
  const ledger = new Ledger(4)
  const [coupon, second] = [newId('coupon', 'r-1'), newId('coupon', 'r-3')]
  const order = newId('order', 'r-3')
  expect(ledger.coupon(1, coupon)).toBe(true)
  expect(ledger.coupon(1, coupon)).toBe(true)
  expect(ledger.coupon(3, second)).toBe(true)
  expect(ledger.order(3, order, 'AWAITING_PAYMENT')).toBe(true)
  expect(ledger.order(3, order, 'PAID')).toBe(true)
  expect([ledger.couponOf(1), ledger.couponOf(3), ledger.orderOf(3)]).toEqual([coupon, second, order])
  expect(ledger.coupons).toBe(2)
  expect(ledger.acknowledged(shopperIdOf)).toEqual([
    { shopperId: 'r-1', couponId: coupon },
    { shopperId: 'r-3', couponId: second, orderId: order, orderState: 'PAID' },
  ])
})

test('what is no id is not acknowledged', () => {
  const ledger = new Ledger(1)
  for (const id of [
    undefined,
    '',
    'coupon_7d_',
    newId('coupon', 'x').slice(0, -1),
    `${newId('coupon', 'x')}0`,
  ])
    expect(ledger.coupon(0, id)).toBe(false)
  expect(ledger.order(0, 'order', 'PAID')).toBe(false)
  expect([ledger.coupons, ledger.acknowledged(shopperIdOf)]).toEqual([0, []])
})

test('of a place counts what was promised first, who came back after it, and when they were let through', () => {
  const ledger = new Ledger(4)
  ledger.place(0, 100, 110, 5_000)
  ledger.asks(0, 4_999)
  ledger.place(0, 4_999, 5_001, 9_000)
  ledger.asks(0, 5_000)
  ledger.asks(0, 9_000)
  ledger.admitted(0, 9_010)
  ledger.admitted(0, 9_999)
  // Let through before its instant, and one that has not come back.
  ledger.place(1, 200, 210, 6_000)
  ledger.admitted(1, 5_500)
  ledger.place(2, 300, 310, 7_000)
  // Without a place nobody is late.
  ledger.asks(3, 1)
  ledger.admitted(3, 2)
  expect(ledger.places()).toEqual([
    { askedMs: 100, answeredMs: 110, admitAtMs: 5_000, returnedMs: 5_000, admittedMs: 9_010 },
    { askedMs: 200, answeredMs: 210, admitAtMs: 6_000, admittedMs: 5_500 },
    { askedMs: 300, answeredMs: 310, admitAtMs: 7_000 },
  ])
  expect([...ledger.latenesses()]).toEqual([4_010, -500])
})
