import { afterAll, beforeAll, expect, it } from 'vitest'
import { BATCH, BATCHES_PER_SECOND, type Books, COUPONS, soundBooks } from './check-books.ts'
import { checkRate } from './check-rate.ts'
import type { Acknowledged } from './figures.ts'

/** A hundred a second, five at a time, for four seconds. */
let books: Books
beforeAll(async () => {
  books = await soundBooks()
})
afterAll(async () => await books[Symbol.asyncDispose]())

interface Seen {
  readonly statements?: string
  /** How long the slowest claim was under way. */
  readonly slowestMs?: number
  readonly acknowledged?: readonly Acknowledged[]
}

const look = (
  claimsPerSecond: number,
  burstClaims: number,
  { statements = '', slowestMs = 0, acknowledged = [] }: Seen = {},
) =>
  books.tampered(statements, ask =>
    checkRate(
      ask,
      { ...books, limit: { claimPoints: 13, claimsPerSecond, burstClaims, graceMs: 120_000 } },
      {
        acknowledged,
        latencyOfSteps: { claim: { count: COUPONS, p50: 0, p95: 0, p99: 0, max: slowestMs } },
      },
    ),
  )

/** As the books are, each claim sent so long before it was issued. */
const sentBefore = (ms: number): Acknowledged[] =>
  books.acknowledged.map((told, i) => ({
    ...told,
    issuingMs: books.openedAt.getTime() + (Math.floor(i / BATCH) * 1_000) / BATCHES_PER_SECOND - ms,
  }))

it('holds at the very bound', async () => {
  // In one second 100 coupons, and 95 + 4 + 1 allowed. In ten, all 400.
  expect(await look(95, 4)).toMatchObject({ id: 'I9', holds: true, checked: COUPONS })
})

it('does not hold for a rate that was exceeded in one second', async () => {
  const { holds, detail } = await look(94, 4)
  expect(holds).toBe(false)
  expect(detail).toMatch(/within 1 s .* 100 issued, 99 allowed \(broken, from \S+Z\)/)
})

it('does not hold for a rate that only a longer window shows', async () => {
  // 1 s: 100, and 25 + 80 + 1 allowed. 10 s: all 400, and 250 + 80 + 1.
  const { holds, detail } = await look(25, 80)
  expect(holds).toBe(false)
  expect(detail).toMatch(/100 issued, 106 allowed; within 10 s .* 400 issued, 331 allowed \(broken/)
})

it('finds a crowd let through at once between two seconds', async () => {
  const crowd = `INSERT INTO coupon.coupon (slice_no, campaign_id, shopper_id, coupon_id, issued_at)
    SELECT 0, campaign_id, 'crowd-' || n, gen_random_uuid(), opens_at + interval '1 day 2.93 seconds'
      FROM coupon.issuance, generate_series(1, 50) AS n`
  expect(await look(96, 4, { statements: crowd })).toMatchObject({ holds: false, checked: COUPONS + 50 })
})

it('allows for what claims of others may have waited between their admission and their batch', async () => {
  // 50 + 2 + 1, and 50 more in the second that the slowest answer took.
  expect(await look(50, 2)).toMatchObject({ holds: false })
  expect(await look(50, 2, { slowestMs: 1_000 })).toMatchObject({ holds: true })
})

it('allows those nothing who were sent and issued within the window, however slow others were', async () => {
  // Sent 100 ms before: of 1 s, 18 or 19 batches of 20 lie in it as a whole; in 10 s all of the four seconds.
  const seen = { slowestMs: 10_000, acknowledged: sentBefore(100) }
  expect(await look(95, 4, seen)).toMatchObject({ holds: true })
  const short = await look(80, 4, seen)
  expect(short.holds).toBe(false)
  expect(short.detail).toMatch(/within 1 s at most 9[05] were sent and issued, 85 allowed; .*\(broken/)
  const long = await look(30, 80, seen)
  expect(long.holds).toBe(false)
  expect(long.detail).toMatch(/within 10 s at most 400 were sent and issued, 381 allowed; .*\(broken/)
})

it('knows nothing of admission while claims were under way for longer than the window', async () => {
  const seen = { slowestMs: 10_000, acknowledged: sentBefore(5_000) }
  const { holds, detail } = await look(50, 20, seen)
  expect(holds).toBe(true)
  expect(detail).toContain('within 1 s at most 0 were sent and issued')
})

it('leaves out what was issued before the replay', async () => {
  const statements = `UPDATE coupon.coupon SET issued_at = issued_at - interval '1 day' WHERE issued_at < (
    SELECT opens_at + interval '1 day 2 seconds' FROM coupon.issuance)`
  expect(await look(100, 4, { statements })).toMatchObject({ holds: true, checked: COUPONS / 2 })
})

it('judges nothing where nothing is limited', async () => {
  const figures = { acknowledged: [], latencyOfSteps: {} }
  const check = await books.tampered('', ask => checkRate(ask, { ...books, limit: undefined }, figures))
  expect(check).toMatchObject({ holds: undefined, checked: 0 })
})
