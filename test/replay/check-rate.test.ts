import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Books, COUPONS, soundBooks } from './check-books.ts'
import { checkRate } from './check-rate.ts'
import type { Figures } from './figures.ts'

/** A hundred a second, five at a time, for four seconds. */
let books: Books
beforeAll(async () => {
  books = await soundBooks()
})
afterAll(async () => await books[Symbol.asyncDispose]())

const answeredIn = (max: number): Pick<Figures, 'latencyOfSteps'> => ({
  latencyOfSteps: { claim: { count: COUPONS, p50: max, p95: max, p99: max, max } },
})

const look = (
  claimsPerSecond: number,
  burstClaims: number,
  { statements = '', figures = answeredIn(0) } = {},
) =>
  books.tampered(statements, ask =>
    checkRate(ask, { ...books, limit: { claimPoints: 13, claimsPerSecond, burstClaims } }, figures),
  )

it('holds at the very bound', async () => {
  // In one second 100 coupons: 96 + 4. In ten, all 400: 960 + 4.
  expect(await look(96, 4)).toMatchObject({ id: 'I9', holds: true, checked: COUPONS })
})

it('does not hold for a rate that was exceeded in one second', async () => {
  // 100 in a second, and 94 + 4 + 1 allowed.
  const { holds, detail } = await look(94, 4)
  expect(holds).toBe(false)
  expect(detail).toMatch(/at most 100 in 1 s from \S+Z, 99 allowed, 2 over rate and burst alone/)
})

it('does not hold for a rate that only a longer window shows', async () => {
  // 1 s: 100, and 25 + 80 + 1 allowed. 10 s: all 400, and 250 + 80 + 1.
  const { holds, detail } = await look(25, 80)
  expect(holds).toBe(false)
  expect(detail).toMatch(/at most 100 in 1 s, 106 allowed; at most 400 in 10 s from \S+Z, 331 allowed/)
})

it('finds a crowd let through at once between two seconds', async () => {
  const crowd = `INSERT INTO coupon.coupon (slice_no, campaign_id, shopper_id, coupon_id, issued_at)
    SELECT 0, campaign_id, 'crowd-' || n, gen_random_uuid(), opens_at + interval '1 day 2.93 seconds'
      FROM coupon.issuance, generate_series(1, 50) AS n`
  expect(await look(96, 4, { statements: crowd })).toMatchObject({ holds: false, checked: COUPONS + 50 })
})

it('allows for what a claim may have waited between its admission and its batch', async () => {
  // 50 + 2 + 1, and 50 more in the second that the slowest answer took.
  expect(await look(50, 2)).toMatchObject({ holds: false })
  expect(await look(50, 2, { figures: answeredIn(1_000) })).toMatchObject({ holds: true })
})

it('leaves out what was issued before the replay', async () => {
  const statements = `UPDATE coupon.coupon SET issued_at = issued_at - interval '1 day' WHERE issued_at < (
    SELECT opens_at + interval '1 day 2 seconds' FROM coupon.issuance)`
  expect(await look(100, 4, { statements })).toMatchObject({ holds: true, checked: COUPONS / 2 })
})

it('judges nothing where nothing is limited', async () => {
  const check = await books.tampered('', ask => checkRate(ask, { ...books, limit: undefined }, answeredIn(0)))
  expect(check).toMatchObject({ holds: undefined, checked: 0 })
})
