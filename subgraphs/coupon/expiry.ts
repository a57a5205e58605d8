import type { Database } from '../database.ts'
import { advanceExpiry, expirePage, finishExpiry, lockExpiry, settleExpired } from './store.ts'

/** Coupons looked at in one transaction. */
const PAGE_ROWS = 500
/**
 * How long after the end the walk begins. Whatever judged itself in time just before the end (a claim, a release) has
 * committed or been cancelled by then (statement_timeout 10 s), so no coupon appears behind the walk.
 */
const GRACE_MS = 30_000

/**
 * Makes expiry durable: one page of one slice of an issuance whose validity has ended. Readers do not wait for it, they
 * compute the state; it only moves the money from liability to returned. True while there is more.
 */
export function expireOnePage(database: Database): Promise<boolean> {
  return database.transaction(async transaction => {
    const page = await lockExpiry(transaction, GRACE_MS)
    if (page === undefined) return false
    const { read, expired, lastShopperId, lastGrantNo } = await expirePage(transaction, page, PAGE_ROWS)
    if (read < PAGE_ROWS || lastShopperId === null) await finishExpiry(transaction, page)
    else await advanceExpiry(transaction, page, lastShopperId, lastGrantNo ?? 0)
    if (expired > 0) await settleExpired(transaction, page, expired)
    return true
  })
}
