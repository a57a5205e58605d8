import type { Queryable, Statement } from '../database.ts'
import type { CouponPhase, Hold, Transfer } from './coupon.ts'
import type { CouponState } from './schema.generated.ts'
import { AT_NOW } from './store.ts'

/** The SQL of what orders and operators do with one coupon, one statement a function; locks in the order that store.ts tells. */

/** The key of a locked coupon and where it stands. */
export interface LockedCoupon {
  readonly sliceNo: number
  readonly campaignId: string
  readonly shopperId: string
  readonly grantNo: number
  readonly couponId: string
  readonly state: CouponState
  readonly orderId: string | null
  readonly redeemedAt: Date | null
}

const LOCKED = `slice_no AS "sliceNo", campaign_id AS "campaignId", shopper_id AS "shopperId", grant_no AS "grantNo",
  coupon_id AS "couponId", state, order_id AS "orderId", redeemed_at AS "redeemedAt"`

const LOCK_ANY_COUPON: Statement = {
  name: 'lock_any_coupon',
  text: `SELECT ${LOCKED} FROM coupon WHERE slice_no = $1 AND coupon_id = $2 FOR UPDATE`,
}

/** Locks one coupon, whoever's, by coupon_by_id. */
export async function lockAnyCoupon(
  transaction: Queryable,
  sliceNo: number,
  couponUuid: string,
): Promise<LockedCoupon | undefined> {
  return (await transaction.query<LockedCoupon>(LOCK_ANY_COUPON, [sliceNo, couponUuid]))[0]
}

/** Of its issuance, and when that was read. */
export interface TermsRow {
  readonly now: Date
  readonly faceFen: number
  readonly minSpendFen: number
  readonly validUntil: Date
}

const TERMS: Statement = {
  name: 'terms',
  text: `SELECT clock() AS now, face_fen AS "faceFen", min_spend_fen AS "minSpendFen", valid_until AS "validUntil"
           FROM issuance WHERE campaign_id = $1`,
}

/** A statement of its own, after the coupon is locked: the clock must not be read before the wait. */
export async function readTerms(transaction: Queryable, campaignId: string): Promise<TermsRow> {
  const [row] = await transaction.query<TermsRow>(TERMS, [campaignId])
  if (row === undefined) throw new Error(`expected the issuance of ${campaignId}, got none`)
  return row
}

const WRITE_COUPON: Statement = {
  name: 'write_coupon',
  text: `UPDATE coupon SET state = $5, order_id = NULL, redeemed_at = NULL
          WHERE slice_no = $1 AND campaign_id = $2 AND shopper_id = $3 AND grant_no = $4`,
}

/** Writes a locked coupon's new phase, which no order has a part in, by primary key; touches no indexed column. */
export async function writeCoupon(
  transaction: Queryable,
  key: LockedCoupon,
  phase: CouponPhase,
): Promise<void> {
  await transaction.query(WRITE_COUPON, [
    key.sliceNo,
    key.campaignId,
    key.shopperId,
    key.grantNo,
    phase.state,
  ])
}

/** Of whom a change of a coupon is wanted, and for which order. */
export interface HoldKey {
  readonly sliceNo: number
  readonly shopperId: string
  readonly couponUuid: string
  readonly orderUuid: string
}

const SITUATIONS: Statement = {
  name: 'situations',
  readOnly: true,
  text: `SELECT a.place::integer AS place, c.slice_no AS "sliceNo", c.campaign_id AS "campaignId", c.shopper_id AS "shopperId",
                c.grant_no AS "grantNo", c.coupon_id AS "couponId", c.state, c.order_id AS "orderId",
                c.redeemed_at AS "redeemedAt", t.now, i.face_fen AS "faceFen", i.min_spend_fen AS "minSpendFen",
                i.valid_until AS "validUntil", t.now >= i.valid_until AS ended, h.state AS "holdState",
                h.coupon_id AS "holdCouponId", h.expense_fen AS "holdExpenseFen"
           FROM ${AT_NOW}, unnest($1::smallint[], $2::text[], $3::uuid[], $4::uuid[])
             WITH ORDINALITY AS a (slice_no, shopper_id, coupon_id, order_id, place)
          CROSS JOIN LATERAL (
            SELECT * FROM coupon
             WHERE slice_no = a.slice_no AND shopper_id = a.shopper_id AND coupon_id = a.coupon_id LIMIT 1
          ) c JOIN issuance i USING (campaign_id)
          LEFT JOIN LATERAL (
            SELECT * FROM hold WHERE slice_no = a.slice_no AND order_id = a.order_id LIMIT 1
          ) h ON true`,
}

/** A coupon with its terms and the order's hold, at one instant. */
export interface SituationRow extends LockedCoupon, TermsRow {
  readonly ended: boolean
  readonly holdState: Hold['state'] | null
  /** The coupon that the order holds: not always this one. */
  readonly holdCouponId: string | null
  readonly holdExpenseFen: number | null
}

/** Locks nothing. In the keys' order; undefined where the shopper has no such coupon. By coupon_of_shopper. */
export async function readSituations(
  db: Queryable,
  keys: readonly HoldKey[],
): Promise<(SituationRow | undefined)[]> {
  const rows = await db.query<SituationRow & { readonly place: number }>(SITUATIONS, [
    keys.map(key => key.sliceNo),
    keys.map(key => key.shopperId),
    keys.map(key => key.couponUuid),
    keys.map(key => key.orderUuid),
  ])
  const inOrder: (SituationRow | undefined)[] = keys.map(() => undefined)
  for (const row of rows) inOrder[row.place - 1] = row
  return inOrder
}

/** What was read of a coupon, and what shall be; without `coupon` it stays as it is. */
export interface HoldChange {
  readonly was: SituationRow
  readonly orderUuid: string
  readonly coupon: CouponPhase | undefined
  readonly hold: Hold
  readonly transfers: readonly Transfer[]
  /** What happened once: the transfers are keyed by it. */
  readonly causeUuid: string
  readonly sums: { readonly expenseFen: number; readonly returnedFen: number }
}

const CHANGE_HOLDS: Statement = { name: 'change_holds', text: 'SELECT change_holds($1::jsonb) AS place' }

/**
 * Writes those changes whose coupon and hold still are as they were read, and answers the indices of the others
 * (0002-change-holds.sql). No coupon and no order twice. Locks coupons, holds and settlement rows, each by key.
 */
export async function changeHolds(
  db: Queryable,
  changes: readonly HoldChange[],
): Promise<ReadonlySet<number>> {
  const rows = await db.query<{ place: number }>(CHANGE_HOLDS, [JSON.stringify(changes.map(changeOf))])
  return new Set(rows.map(({ place }) => place - 1))
}

/** As change_holds reads it. */
const changeOf = ({ was, orderUuid, coupon, hold, transfers, causeUuid, sums }: HoldChange): object => ({
  slice_no: was.sliceNo,
  campaign_id: was.campaignId,
  shopper_id: was.shopperId,
  grant_no: was.grantNo,
  coupon_id: was.couponId,
  order_id: orderUuid,
  was_state: was.state,
  was_order_id: was.orderId,
  was_hold: was.holdState,
  was_ended: was.ended,
  state: coupon?.state,
  coupon_order_id: coupon !== undefined && 'orderId' in coupon ? orderUuid : undefined,
  redeemed_at: coupon !== undefined && 'redeemedAt' in coupon ? coupon.redeemedAt : undefined,
  hold: hold.state,
  hold_expense_fen: 'expenseFen' in hold ? hold.expenseFen : 0,
  transfers: transfers.map(({ kind, debit, credit, amountFen }) => ({
    kind,
    debit,
    credit,
    amount_fen: amountFen,
  })),
  cause_id: causeUuid,
  at: was.now,
  expense_fen: sums.expenseFen,
  returned_fen: sums.returnedFen,
})

const POST: Statement = {
  name: 'post',
  text: `WITH posted AS (
           INSERT INTO transfer (slice_no, cause_id, kind, campaign_id, debit, credit, amount_fen, at)
           SELECT $1, $2, p.kind, $3, p.debit, p.credit, p.amount_fen, $4
             FROM unnest($5::text[], $6::text[], $7::text[], $8::bigint[]) AS p (kind, debit, credit, amount_fen)
         )
         UPDATE settlement SET expense_fen = expense_fen + $9, returned_fen = returned_fen + $10
          WHERE campaign_id = $3 AND slice_no = $1`,
}

/** Writes one cause's transfers and adds them to the slice's settlement row, which stays locked until the commit: call it last. */
export async function postTransfers(
  transaction: Queryable,
  coupon: Pick<LockedCoupon, 'sliceNo' | 'campaignId'>,
  causeUuid: string,
  at: Date,
  transfers: readonly Transfer[],
  sums: { readonly expenseFen: number; readonly returnedFen: number },
): Promise<void> {
  await transaction.query(POST, [
    coupon.sliceNo,
    causeUuid,
    coupon.campaignId,
    at,
    transfers.map(transfer => transfer.kind),
    transfers.map(transfer => transfer.debit),
    transfers.map(transfer => transfer.credit),
    transfers.map(transfer => transfer.amountFen),
    sums.expenseFen,
    sums.returnedFen,
  ])
}

const RECORD_REVOCATION: Statement = {
  name: 'record_revocation',
  text: `INSERT INTO revocation (slice_no, coupon_id, reason, client, at) VALUES ($1, $2, $3, $4, $5)`,
}

/** Says why; its coupon is locked and was not revoked before. */
export async function recordRevocation(
  transaction: Queryable,
  coupon: LockedCoupon,
  reason: string,
  client: string,
  at: Date,
): Promise<void> {
  await transaction.query(RECORD_REVOCATION, [coupon.sliceNo, coupon.couponId, reason, client, at])
}
