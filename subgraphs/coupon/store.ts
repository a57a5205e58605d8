import type { Page } from '../connection.ts'
import type { GatheredStatement, Gathering, Queryable, Statement } from '../database.ts'
import type { CouponState, IssuanceState } from './schema.generated.ts'

/**
 * Coupon's SQL but for what orders do with a coupon (hold-store.ts), one statement a function. Lock order: issuance, buckets
 * by number, expiry, coupon, hold, settlement.
 */

/** A coupon with its issuance's terms. `state` is what to show now: EXPIRED from the end of validity on. */
export interface CouponRow {
  readonly sliceNo: number
  readonly couponId: string
  readonly campaignId: string
  readonly shopperId: string
  readonly state: CouponState
  readonly issuedAt: Date
  readonly orderId: string | null
  readonly redeemedAt: Date | null
  readonly faceFen: number
  readonly minSpendFen: number
  readonly validUntil: Date
}

const COUPON = `
  c.slice_no AS "sliceNo", c.coupon_id AS "couponId", c.campaign_id AS "campaignId", c.shopper_id AS "shopperId",
  CASE WHEN c.state = 'ISSUED' AND t.now >= i.valid_until THEN 'EXPIRED' ELSE c.state END AS state,
  c.issued_at AS "issuedAt", c.order_id AS "orderId", c.redeemed_at AS "redeemedAt",
  i.face_fen AS "faceFen", i.min_spend_fen AS "minSpendFen", i.valid_until AS "validUntil"`

/** Evaluated once a statement: every row is judged at the same instant. */
export const AT_NOW = '(SELECT clock() AS now) t'

const WALLET: Statement = {
  name: 'wallet',
  readOnly: true,
  text: `SELECT ${COUPON}
           FROM ${AT_NOW}, coupon c JOIN issuance i USING (campaign_id)
          WHERE c.slice_no = $1 AND c.shopper_id = $2 AND c.coupon_id < coalesce($3::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
            AND ($4::text IS NULL
              OR $4 = CASE WHEN c.state = 'ISSUED' AND t.now >= i.valid_until THEN 'EXPIRED' ELSE c.state END)
          ORDER BY c.coupon_id DESC LIMIT $5`,
}

/** A page of a shopper's coupons, newest first: backwards along coupon_of_shopper. Cursor: the coupon's uuid. */
export function readWallet(
  db: Queryable,
  sliceNo: number,
  shopperId: string,
  state: CouponState | null,
  page: Page,
): Promise<CouponRow[]> {
  return db.query(WALLET, [sliceNo, shopperId, page.after?.[0] ?? null, state, page.limit + 1])
}

const COUPON_BY_ID: GatheredStatement = {
  name: 'coupons_by_id',
  readOnly: true,
  text: `SELECT a.place::integer AS place, ${COUPON}
           FROM ${AT_NOW}, ROWS FROM (jsonb_to_recordset($1::jsonb) AS (slice_no smallint, coupon_id uuid))
             WITH ORDINALITY AS a (slice_no, coupon_id, place)
          CROSS JOIN LATERAL (
            SELECT * FROM coupon WHERE coupon_id = a.coupon_id AND slice_no = a.slice_no LIMIT 1
          ) c JOIN issuance i USING (campaign_id)`,
}

/** A coupon by id; undefined when there is none. One look-up in coupon_by_id, in one statement with those of others. */
export async function readCoupon(
  db: Gathering,
  { slice, uuid }: { readonly slice: number; readonly uuid: string },
): Promise<CouponRow | undefined> {
  return (await db.gather<CouponRow>(COUPON_BY_ID, { slice_no: slice, coupon_id: uuid }))[0]
}

export interface ClaimRow {
  readonly couponId: string | null
  readonly state: CouponState | null
  readonly issuedAt: Date | null
  readonly orderId: string | null
  readonly redeemedAt: Date | null
}

/** How the batch was judged, and the terms it was judged by. */
export interface ClaimVerdict {
  readonly verdict: 'OPEN' | 'PAUSED' | 'NOT_YET_OPEN' | 'CLOSED'
  readonly judgedAt: Date
  readonly faceFen: number
  readonly minSpendFen: number
  readonly opensAt: Date
  readonly validUntil: Date
  readonly noticeZh: string | null
  readonly noticeEn: string | null
}

const CLAIM_BATCH: Statement = {
  name: 'claim_batch',
  text: `SELECT verdict, judged_at AS "judgedAt", face_fen AS "faceFen", min_spend_fen AS "minSpendFen",
                opens_at AS "opensAt", valid_until AS "validUntil", notice_zh AS "noticeZh", notice_en AS "noticeEn",
                coupon_id AS "couponId", state, issued_at AS "issuedAt", order_id AS "orderId", redeemed_at AS "redeemedAt"
           FROM claim_batch($1, $2, $3, $4, $5)`,
}

/**
 * The claims of one bucket in one statement (0001-coupon.sql): locks the bucket row until it has committed. One row a
 * claim, in order; the first carries the verdict too.
 */
export async function claimBatch(
  db: Queryable,
  campaignId: string,
  bucketNo: number,
  claims: readonly { readonly sliceNo: number; readonly shopperId: string; readonly couponUuid: string }[],
): Promise<{ readonly verdict: ClaimVerdict; readonly rows: readonly ClaimRow[] }> {
  const rows = await db.query<ClaimRow & ClaimVerdict>(CLAIM_BATCH, [
    campaignId,
    bucketNo,
    claims.map(claim => claim.sliceNo),
    claims.map(claim => claim.shopperId),
    claims.map(claim => claim.couponUuid),
  ])
  const [first] = rows
  if (first === undefined) throw new Error(`claim_batch: expected ${claims.length} rows, got none`)
  return { verdict: first, rows }
}

const BUCKET_COUNTS: Statement = {
  name: 'bucket_counts',
  readOnly: true,
  text: 'SELECT campaign_id AS "campaignId", bucket_count AS "bucketCount" FROM issuance WHERE campaign_id = ANY($1)',
}

/** Bucket counts of the issuances that exist, in no order; they never change. By primary key. */
export function readBucketCounts(
  db: Queryable,
  campaignIds: readonly string[],
): Promise<{ campaignId: string; bucketCount: number }[]> {
  return db.query(BUCKET_COUNTS, [campaignIds])
}

/** How issuance stands, with its accounts from one snapshot: they add up at every read. */
export interface IssuanceRow {
  readonly campaignId: string
  readonly version: number
  readonly state: IssuanceState
  readonly limit: number
  readonly issued: number
  readonly faceFen: number
  readonly minSpendFen: number
  readonly opensAt: Date
  readonly closesAt: Date
  readonly validUntil: Date
  readonly noticeZh: string | null
  readonly noticeEn: string | null
  readonly unissuedFen: number
  readonly expenseFen: number
  /** Without what was never issued. */
  readonly settledReturnedFen: number
}

const ISSUANCES: Statement = {
  name: 'issuances',
  readOnly: true,
  text: `SELECT i.campaign_id AS "campaignId", i.version, i.state, i.limit_count AS "limit", b.issued AS issued,
                i.face_fen AS "faceFen", i.min_spend_fen AS "minSpendFen", i.opens_at AS "opensAt",
                i.closes_at AS "closesAt", i.valid_until AS "validUntil", i.notice_zh AS "noticeZh",
                i.notice_en AS "noticeEn", i.unissued_fen AS "unissuedFen",
                s.expense_fen AS "expenseFen", s.returned_fen AS "settledReturnedFen"
           FROM issuance i
          CROSS JOIN LATERAL (SELECT sum(issued_count) AS issued FROM bucket WHERE campaign_id = i.campaign_id) b
          CROSS JOIN LATERAL (
            SELECT sum(expense_fen) AS expense_fen, sum(returned_fen) AS returned_fen
              FROM settlement WHERE campaign_id = i.campaign_id
          ) s
          WHERE i.campaign_id = ANY($1)`,
}

/** Issuances by primary key, in no order. Sums each one's buckets and 256 settlement rows, whatever the number of coupons. */
export function readIssuances(db: Queryable, campaignIds: readonly string[]): Promise<IssuanceRow[]> {
  return db.query(ISSUANCES, [campaignIds])
}

export interface IssuanceHead {
  readonly version: number
  readonly state: IssuanceState
  readonly unissuedFen: number
}

const LOCK_ISSUANCE: Statement = {
  name: 'lock_issuance',
  text: `SELECT version, state, unissued_fen AS "unissuedFen" FROM issuance WHERE campaign_id = $1 FOR UPDATE`,
}

/** Locks an issuance against other changes of it; claims only read the row. */
export async function lockIssuance(
  transaction: Queryable,
  campaignId: string,
): Promise<IssuanceHead | undefined> {
  return (await transaction.query<IssuanceHead>(LOCK_ISSUANCE, [campaignId]))[0]
}

const LOCK_BUCKETS: Statement = {
  name: 'lock_buckets',
  text: `SELECT bucket_no FROM bucket WHERE campaign_id = $1 ORDER BY bucket_no FOR UPDATE`,
}

/** Locks every bucket, by number: batches under way have committed when this returns, and later ones wait. */
export async function lockBuckets(transaction: Queryable, campaignId: string): Promise<void> {
  await transaction.query(LOCK_BUCKETS, [campaignId])
}

export interface NewIssuance {
  readonly campaignId: string
  readonly version: number
  readonly limit: number
  readonly faceFen: number
  readonly minSpendFen: number
  readonly opensAt: Date
  readonly closesAt: Date
  readonly validUntil: Date
  readonly bucketCount: number
  readonly ledgerUuid: string
}

const OPEN_ISSUANCE: Statement = {
  name: 'open_issuance',
  text: `WITH opened AS (
           INSERT INTO issuance (campaign_id, version, state, limit_count, face_fen, min_spend_fen, opens_at, closes_at,
                                 valid_until, bucket_count, ledger_id)
           VALUES ($1, $2, 'OPEN', $3, $4, $5, $6, $7, $8, $9, $10)
           ON CONFLICT (campaign_id) DO NOTHING
           RETURNING campaign_id, limit_count, face_fen, bucket_count, ledger_id
         ), buckets AS (
           -- The remainder of the division goes to the first buckets, one each.
           INSERT INTO bucket (campaign_id, bucket_no, limit_count)
           SELECT campaign_id, n, limit_count / bucket_count + CASE WHEN n < limit_count % bucket_count THEN 1 ELSE 0 END
             FROM opened, generate_series(0, bucket_count - 1) n
         ), settlements AS (
           INSERT INTO settlement (campaign_id, slice_no) SELECT campaign_id, n FROM opened, generate_series(0, 255) n
         ), expiries AS (
           INSERT INTO expiry (campaign_id, slice_no) SELECT campaign_id, n FROM opened, generate_series(0, 255) n
         ), allotted AS (
           INSERT INTO transfer (slice_no, cause_id, kind, campaign_id, debit, credit, amount_fen, at)
           SELECT 0, ledger_id, 'ALLOT', campaign_id, 'treasury', 'available', limit_count * face_fen, clock() FROM opened
         )
         SELECT count(*)::integer AS count FROM opened`,
}

/** Opens an issuance with its buckets, settlement and expiry rows and its allotment; false when it exists already. */
export async function insertIssuance(transaction: Queryable, issuance: NewIssuance): Promise<boolean> {
  const [row] = await transaction.query<{ count: number }>(OPEN_ISSUANCE, [
    issuance.campaignId,
    issuance.version,
    issuance.limit,
    issuance.faceFen,
    issuance.minSpendFen,
    issuance.opensAt,
    issuance.closesAt,
    issuance.validUntil,
    issuance.bucketCount,
    issuance.ledgerUuid,
  ])
  return row?.count === 1
}

const SET_ISSUANCE: Statement = {
  name: 'set_issuance',
  text: `UPDATE issuance SET version = $2, state = $3, notice_zh = $4, notice_en = $5 WHERE campaign_id = $1`,
}

/** Writes a locked issuance's version, state and notice, by primary key. */
export async function writeIssuance(
  transaction: Queryable,
  campaignId: string,
  version: number,
  state: IssuanceState,
  notice: { readonly zh: string | null; readonly en: string | null },
): Promise<void> {
  await transaction.query(SET_ISSUANCE, [campaignId, version, state, notice.zh, notice.en])
}

const CLOSE_ISSUANCE: Statement = {
  name: 'close_issuance',
  text: `WITH closed AS (
           UPDATE issuance i
              SET version = $2, state = 'CLOSED', notice_zh = NULL, notice_en = NULL,
                  unissued_fen = i.face_fen * (
                    SELECT sum(limit_count - issued_count) FROM bucket WHERE campaign_id = i.campaign_id
                  )
            WHERE i.campaign_id = $1
            RETURNING i.campaign_id, i.unissued_fen, i.ledger_id
         ), posted AS (
           INSERT INTO transfer (slice_no, cause_id, kind, campaign_id, debit, credit, amount_fen, at)
           SELECT 0, ledger_id, 'CLOSE', campaign_id, 'available', 'returned', unissued_fen, clock()
             FROM closed WHERE unissued_fen > 0
         )
         SELECT unissued_fen AS "unissuedFen" FROM closed`,
}

/** Closes a locked issuance whose buckets are locked, and returns what they have left. */
export async function closeIssuance(
  transaction: Queryable,
  campaignId: string,
  version: number,
): Promise<number> {
  const [row] = await transaction.query<{ unissuedFen: number }>(CLOSE_ISSUANCE, [campaignId, version])
  if (row === undefined) throw new Error(`expected the issuance of ${campaignId}, got none`)
  return row.unissuedFen
}

export interface ExpiryPage {
  readonly campaignId: string
  readonly sliceNo: number
  readonly afterShopperId: string
  readonly afterGrantNo: number
}

const LOCK_EXPIRY: Statement = {
  name: 'lock_expiry',
  text: `SELECT e.campaign_id AS "campaignId", e.slice_no AS "sliceNo",
                e.after_shopper_id AS "afterShopperId", e.after_grant_no AS "afterGrantNo"
           FROM issuance i JOIN expiry e USING (campaign_id)
          WHERE i.valid_until <= (SELECT clock()) - $1 * interval '1 millisecond'
          LIMIT 1 FOR UPDATE OF e SKIP LOCKED`,
}

/** Locks a slice that ended `graceMs` ago or earlier and that no other sweep is walking. Issuances by issuance_by_end. */
export async function lockExpiry(transaction: Queryable, graceMs: number): Promise<ExpiryPage | undefined> {
  return (await transaction.query<ExpiryPage>(LOCK_EXPIRY, [graceMs]))[0]
}

const EXPIRE_PAGE: Statement = {
  name: 'expire_page',
  text: `WITH page AS (
           SELECT shopper_id, grant_no FROM coupon
            WHERE slice_no = $1 AND campaign_id = $2 AND (shopper_id, grant_no) > ($3, $4)
            ORDER BY shopper_id, grant_no LIMIT $5
         ), held AS (
           SELECT c.shopper_id, c.grant_no, c.coupon_id
             FROM page p JOIN coupon c ON c.slice_no = $1 AND c.campaign_id = $2
              AND c.shopper_id = p.shopper_id AND c.grant_no = p.grant_no
            WHERE c.state = 'ISSUED'
            ORDER BY c.shopper_id, c.grant_no FOR UPDATE OF c
         ), expired AS (
           UPDATE coupon c SET state = 'EXPIRED' FROM held
            WHERE c.slice_no = $1 AND c.campaign_id = $2 AND c.shopper_id = held.shopper_id AND c.grant_no = held.grant_no
           RETURNING c.coupon_id
         ), posted AS (
           INSERT INTO transfer (slice_no, cause_id, kind, campaign_id, debit, credit, amount_fen, at)
           SELECT $1, e.coupon_id, 'EXPIRE', $2, 'liability', 'returned', i.face_fen, clock()
             FROM expired e, issuance i WHERE i.campaign_id = $2
         )
         SELECT (SELECT count(*) FROM page)::integer AS read, (SELECT count(*) FROM expired)::integer AS expired,
                (SELECT shopper_id FROM page ORDER BY shopper_id DESC, grant_no DESC LIMIT 1) AS "lastShopperId",
                (SELECT grant_no FROM page ORDER BY shopper_id DESC, grant_no DESC LIMIT 1) AS "lastGrantNo"`,
}

export interface ExpiredPage {
  /** Coupons looked at; fewer than asked for: the slice has no more. */
  readonly read: number
  readonly expired: number
  readonly lastShopperId: string | null
  readonly lastGrantNo: number | null
}

/**
 * Expires the unused coupons among the next `rowsMax` of a slice, along the primary key, locking them in its order. It
 * waits for a locked one instead of skipping it, because the walk comes by only once.
 */
export async function expirePage(
  transaction: Queryable,
  page: ExpiryPage,
  rowsMax: number,
): Promise<ExpiredPage> {
  const [row] = await transaction.query<ExpiredPage>(EXPIRE_PAGE, [
    page.sliceNo,
    page.campaignId,
    page.afterShopperId,
    page.afterGrantNo,
    rowsMax,
  ])
  return row as ExpiredPage
}

const SETTLE_EXPIRED: Statement = {
  name: 'settle_expired',
  text: `UPDATE settlement s SET returned_fen = s.returned_fen + $3 * i.face_fen
           FROM issuance i
          WHERE i.campaign_id = $2 AND s.campaign_id = $2 AND s.slice_no = $1`,
}

/** Adds expired coupons to their slice's settlement row: last, as everywhere. */
export async function settleExpired(
  transaction: Queryable,
  page: ExpiryPage,
  expired: number,
): Promise<void> {
  await transaction.query(SETTLE_EXPIRED, [page.sliceNo, page.campaignId, expired])
}

const ADVANCE_EXPIRY: Statement = {
  name: 'advance_expiry',
  text: `UPDATE expiry SET after_shopper_id = $3, after_grant_no = $4 WHERE slice_no = $1 AND campaign_id = $2`,
}

/** Remembers how far the walk of a locked slice has come. */
export async function advanceExpiry(
  transaction: Queryable,
  page: ExpiryPage,
  afterShopperId: string,
  afterGrantNo: number,
): Promise<void> {
  await transaction.query(ADVANCE_EXPIRY, [page.sliceNo, page.campaignId, afterShopperId, afterGrantNo])
}

const FINISH_EXPIRY: Statement = {
  name: 'finish_expiry',
  text: 'DELETE FROM expiry WHERE slice_no = $1 AND campaign_id = $2',
}

/** Ends the walk of a locked slice. */
export async function finishExpiry(transaction: Queryable, page: ExpiryPage): Promise<void> {
  await transaction.query(FINISH_EXPIRY, [page.sliceNo, page.campaignId])
}
