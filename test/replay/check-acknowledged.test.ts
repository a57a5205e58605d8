import { afterAll, beforeAll, expect, it } from 'vitest'
import { checkAcknowledged } from './check-acknowledged.ts'
import { type Books, COUPONS, soundBooks } from './check-books.ts'

let books: Books
beforeAll(async () => {
  books = await soundBooks()
})
afterAll(async () => await books[Symbol.asyncDispose]())

const look = (statements: string, acknowledged = books.acknowledged) =>
  books.tampered(statements, ask => checkAcknowledged(ask, books, { acknowledged }))

it('holds when everything told is there', async () => {
  const check = await look('')
  expect(check).toMatchObject({ id: 'I3', holds: true, checked: COUPONS + 200 })
})

it('holds when there is more than was told, as when an answer was lost', async () => {
  expect(await look('', books.acknowledged.slice(0, 10))).toMatchObject({ holds: true, checked: 20 })
})

it('is not fooled by a crowd larger than one look-up', async () => {
  const crowd = Array.from({ length: 30 }, () => books.acknowledged).flat()
  const lost = { shopperId: 'nobody', couponId: 'coupon_00_01a2000000007000800000000000ffff' }
  expect(await look('', crowd)).toMatchObject({ holds: true, checked: 30 * 600 })
  expect(await look('', [...crowd, lost])).toMatchObject({ holds: false })
})

it.each([
  ['a coupon that is lost', "DELETE FROM coupon.coupon WHERE shopper_id = 'shopper-399'", 'is not there'],
  [
    'a coupon that is somebody else’s',
    "UPDATE coupon.coupon SET shopper_id = 'thief' WHERE shopper_id = 'shopper-399'",
    'another shopper',
  ],
  [
    'an order that is lost',
    `DELETE FROM payment.transfers; DELETE FROM payment.payments;
     DELETE FROM payment.orders WHERE shopper_id = 'shopper-5'`,
    'is not there',
  ],
  [
    'an order that was placed with another coupon',
    "UPDATE payment.orders SET coupon_id = 'coupon_00_01a20000000070008000000000000000' WHERE shopper_id = 'shopper-5'",
    'another coupon',
  ],
  [
    'a paid order that is not paid any more',
    `UPDATE payment.orders SET state = 'AWAITING_PAYMENT', step = 'AWAIT', due_at = now(), paid_at = NULL
      WHERE shopper_id = 'shopper-5'`,
    'was told as PAID and is AWAITING_PAYMENT',
  ],
  [
    'a paid order whose coupon is free again',
    `UPDATE coupon.coupon SET state = 'ISSUED', order_id = NULL, redeemed_at = NULL WHERE shopper_id = 'shopper-5'`,
    'is paid and its coupon is ISSUED',
  ],
])('does not hold with %s, and says whose it is', async (_, statements, problem) => {
  const { holds, detail } = await look(statements)
  expect(holds).toBe(false)
  expect(detail).toMatch(/1 not as told; shopper-(399|5): /)
  expect(detail).toContain(problem)
})

it('takes a later state for the one that was told, and no earlier one', async () => {
  const told = (orderState: string) =>
    look('', [{ ...books.acknowledged[0]!, orderState }]).then(({ holds }) => holds)
  expect(await told('CREATED')).toBe(true)
  expect(await told('AWAITING_PAYMENT')).toBe(true)
  expect(await told('REFUNDED')).toBe(false)
  expect(await told('CANCELLED')).toBe(false)
  expect(await told('LOST_IN_SPACE')).toBe(false)
})

it('does not hold for an id that is none', async () => {
  expect(await look('', [{ shopperId: 'shopper-1', couponId: 'coupon-1' }])).toMatchObject({ holds: false })
})
