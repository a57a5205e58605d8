import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Books, COUPONS, soundBooks } from './check-books.ts'
import { checkBudget, checkOneEach } from './check-budget.ts'

let books: Books
beforeAll(async () => {
  books = await soundBooks()
})
afterAll(async () => await books[Symbol.asyncDispose]())

const budget = (statements: string) => books.tampered(statements, ask => checkBudget(ask, books))
const oneEach = (statements: string, acknowledged = books.acknowledged) =>
  books.tampered(statements, ask => checkOneEach(ask, books, { acknowledged }))

it('holds for sound books', async () => {
  expect(await budget('')).toMatchObject({ id: 'I1', holds: true, checked: COUPONS })
  expect(await oneEach('')).toMatchObject({ id: 'I2', holds: true, checked: COUPONS })
})

it.each([
  [
    'a coupon that no bucket counts',
    'UPDATE coupon.bucket SET issued_count = issued_count - 1 WHERE bucket_no = 2',
  ],
  ['a coupon that is gone', "DELETE FROM coupon.coupon WHERE shopper_id = 'shopper-399'"],
  [
    'a bucket beyond its limit',
    `ALTER TABLE coupon.bucket DROP CONSTRAINT bucket_check;
     UPDATE coupon.bucket SET limit_count = issued_count - 1 WHERE bucket_no = 1`,
  ],
  ['buckets that give out more than was allotted', 'UPDATE coupon.bucket SET limit_count = limit_count + 1'],
  [
    'an issuance larger than its campaign’s budget',
    `ALTER TABLE campaign.campaign DROP CONSTRAINT campaign_check1;
     UPDATE campaign.campaign SET budget_fen = budget_fen - face_fen`,
  ],
])('I1 does not hold with %s', async (_, statements) => {
  expect(await budget(statements)).toMatchObject({ id: 'I1', holds: false })
})

it('says which bucket is wrong', async () => {
  const { detail } = await budget('UPDATE coupon.bucket SET issued_count = 7 WHERE bucket_no = 3')
  expect(detail).toContain('bucket 3 counts 7')
})

it('I1 does not hold for a campaign that was never opened', async () => {
  expect(
    await budget('DELETE FROM coupon.bucket; DELETE FROM coupon.settlement; DELETE FROM coupon.issuance'),
  ).toMatchObject({
    holds: false,
    detail: 'campaign_replayed has no issuance',
  })
})

it('I2 does not hold when a shopper has a coupon in two slices', async () => {
  const check = await oneEach(
    `INSERT INTO coupon.coupon (slice_no, campaign_id, shopper_id, coupon_id, issued_at)
     SELECT (slice_no + 1) % 256, campaign_id, shopper_id, gen_random_uuid(), issued_at
       FROM coupon.coupon WHERE shopper_id = 'shopper-7'`,
  )
  expect(check).toMatchObject({ id: 'I2', holds: false })
  expect(check.detail).toContain('1 shoppers have more than one, such as shopper-7')
})

it('I2 does not hold when a shopper was told of two coupons', async () => {
  const [first, second] = books.acknowledged
  const told = [...books.acknowledged, { ...first!, couponId: second!.couponId }]
  expect(await oneEach('', told)).toMatchObject({ holds: false })
  expect(await oneEach('', [...books.acknowledged, first!])).toMatchObject({ holds: true })
})
