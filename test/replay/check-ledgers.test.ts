import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Books, soundBooks } from './check-books.ts'
import { checkLedgers } from './check-ledgers.ts'

let books: Books
beforeAll(async () => {
  books = await soundBooks()
})
afterAll(async () => await books[Symbol.asyncDispose]())

const look = (statements: string, unrested = 0) =>
  books.tampered(statements, ask => checkLedgers(ask, books, unrested))

it('holds for sound books', async () => {
  const check = await look('')
  expect(check).toEqual({
    ...{ id: 'I4', promise: 'Ledgers balance, money is conserved', holds: true },
    // One campaign, one issuance, 400 coupons issued, 200 of them spent twice looked at, 200 orders.
    checked: 1 + 1 + 400 + 200 + 200 + 200,
    detail: '6 rules of the books, 0 broken',
  })
})

it('says how many orders it left out', async () => {
  expect((await look('', 3)).detail).toContain('3 orders still under way')
})

it.each([
  [
    'money out of nowhere',
    "UPDATE coupon.transfer SET amount_fen = amount_fen + 1 WHERE kind = 'ALLOT'",
    'what was allotted',
  ],
  [
    'a transfer that is lost',
    "DELETE FROM coupon.transfer WHERE kind = 'UNUSED' AND amount_fen = 700",
    'what is over was returned',
  ],
  [
    'a coupon that was issued without its transfer',
    "DELETE FROM coupon.transfer t USING coupon.coupon c WHERE c.shopper_id = 'shopper-300' AND t.cause_id = c.coupon_id",
    'each coupon was issued once',
  ],
  [
    'a transfer without its coupon',
    "DELETE FROM coupon.coupon WHERE shopper_id = 'shopper-300'",
    'each coupon was issued once',
  ],
  [
    'a settlement that has drifted',
    'UPDATE coupon.settlement SET expense_fen = expense_fen + 1',
    'what was allotted',
  ],
  ['a treasury that was not debited', "DELETE FROM campaign.transfer WHERE kind = 'ALLOT'", 'the treasury'],
  [
    'a budget that was not funded',
    "UPDATE campaign.transfer SET amount_fen = amount_fen - 1 WHERE kind = 'FUND'",
    'the treasury',
  ],
  [
    'a discount that the coupon’s books do not know',
    `UPDATE payment.orders SET discount_fen = 1799, payable_fen = 1 WHERE shopper_id = 'shopper-4'`,
    'has spent its coupon’s discount',
  ],
  [
    'a coupon redeemed for an order that was not paid',
    `UPDATE payment.orders SET state = 'CANCELLED', paid_at = NULL, cancel_reason = 'SHOPPER' WHERE shopper_id = 'shopper-4'`,
    'redeemed by one paid order',
  ],
  [
    'an order that was paid twice',
    `INSERT INTO payment.transfers SELECT slice_no, cause_id || 'x', kind, order_id, debit, credit, amount_fen, at
       FROM payment.transfers LIMIT 1`,
    'buyers paid what was due',
  ],
  ['an order that was not paid for', 'DELETE FROM payment.transfers', 'buyers paid what was due'],
])('does not hold with %s', async (_, statements, rule) => {
  const { holds, detail } = await look(statements)
  expect(holds).toBe(false)
  expect(detail).toContain(rule)
})
