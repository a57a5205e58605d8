import { newId } from '../../protocol/ids.ts'
import type { Page } from '../connection.ts'
import type { GatheredStatement, Gathering, Queryable, Statement } from '../database.ts'
import type { Basket, OrderRow, PaymentRow, QuoteRow, RefundRow, StoredOutcome } from './order.ts'
import type { CancelReason } from './schema.generated.ts'

/**
 * All SQL of orders; the sandbox provider's books have a store of their own. Every change of an order is ONE statement: the order's row is updated first, guarded by its
 * phase, and everything that must change with it (payment, ledger, refund, idempotency row) hangs on the row that the
 * update returned. So each is atomic without a transaction held open, takes one lock on one order, and a worker that
 * comes too late changes nothing and is told so by `undefined`.
 *
 * What every order does (quote, create, confirm, settle, being read) is gathered: orders of many callers share the statement
 * and its commit, and each is changed in it as if it were alone (0002-orders-together.sql), in the order of the keys.
 *
 * What decides is read from the updated row itself: after waiting for its lock READ COMMITTED sees the row's newest
 * version, but of every other table only what was committed when the statement began.
 */

/** One shopper's thing: the slice leads every key. */
export interface RowKey {
  readonly sliceNo: number
  readonly id: string
}

export interface KeyScope {
  readonly sliceNo: number
  /** The shopper's id, or #operator. */
  readonly actor: string
  readonly mutation: 'placeOrder' | 'payOrder' | 'cancelOrder' | 'refundOrder'
  readonly key: string
}

/** What a key stands for; `outcome` null while in flight. */
export interface KnownKey {
  readonly bodySha256: string
  readonly orderId: string
  readonly outcome: StoredOutcome | null
}

/** One reading of the clock a statement. */
const T = 't AS MATERIALIZED (SELECT clock() AS now)'
const after = (parameter: string): string => `t.now + ${parameter}::bigint * interval '1 millisecond'`

const QUOTE = `q.slice_no AS "sliceNo", q.id, q.shopper_id AS "shopperId", q.lines, q.coupon_id AS "couponId",
  q.subtotal_fen AS "subtotalFen", q.discount_fen AS "discountFen", q.payable_fen AS "payableFen", q.sha256,
  q.expires_at AS "expiresAt", q.expires_at <= clock() AS expired`

const ORDER = `o.slice_no AS "sliceNo", o.id, o.shopper_id AS "shopperId", o.quote_id AS "quoteId", o.lines,
  o.coupon_id AS "couponId", o.subtotal_fen AS "subtotalFen", o.discount_fen AS "discountFen",
  o.payable_fen AS "payableFen", o.state, o.step, o.attempts, o.created_at AS "createdAt", o.expires_at AS "expiresAt",
  o.expires_at <= clock() AS expired, (extract(epoch FROM clock() - o.created_at) * 1000)::bigint AS "ageMs",
  o.paid_at AS "paidAt", o.cancel_reason AS "cancelReason", o.refusal, o.payment_id AS "paymentId",
  o.payment_open AS "paymentOpen", o.declines, o.refund_id AS "refundId"`

const PAYMENT = `p.slice_no AS "sliceNo", p.id, p.order_id AS "orderId", p.shopper_id AS "shopperId",
  p.amount_fen AS "amountFen", p.provider, p.state, p.created_at AS "createdAt", p.paid_at AS "paidAt"`

const REFUND = `r.slice_no AS "sliceNo", r.id, r.order_id AS "orderId", r.shopper_id AS "shopperId",
  r.payment_id AS "paymentId", r.amount_fen AS "amountFen", r.state, r.created_at AS "createdAt"`

// ---- quotes

const INSERT_QUOTE: GatheredStatement = {
  name: 'insert_quote',
  text: `WITH ${T}, q AS (
      INSERT INTO quotes (slice_no, id, shopper_id, lines, coupon_id, subtotal_fen, discount_fen, payable_fen, sha256, created_at, expires_at)
      SELECT i.slice_no, i.id, i.shopper_id, i.lines, i.coupon_id, i.subtotal_fen, i.discount_fen, i.payable_fen, i.sha256,
        t.now, ${after('i.kept_ms')}
      FROM t, jsonb_to_recordset($1::jsonb) AS i (slice_no smallint, id text, shopper_id text, lines jsonb, coupon_id text,
        subtotal_fen bigint, discount_fen bigint, payable_fen bigint, sha256 text, kept_ms bigint)
      RETURNING *),
    i AS (SELECT item ->> 'id' AS id, place::integer FROM jsonb_array_elements($1::jsonb) WITH ORDINALITY AS i (item, place))
    SELECT i.place, ${QUOTE} FROM q JOIN i USING (id)`,
}

export async function insertQuote(
  database: Gathering,
  quote: RowKey & Basket & { readonly shopperId: string; readonly sha256: string },
  keptMs: number,
): Promise<QuoteRow> {
  const rows = await database.gather<QuoteRow>(INSERT_QUOTE, {
    slice_no: quote.sliceNo,
    id: quote.id,
    shopper_id: quote.shopperId,
    lines: quote.lines,
    coupon_id: quote.couponId,
    subtotal_fen: quote.subtotalFen,
    discount_fen: quote.discountFen,
    payable_fen: quote.payableFen,
    sha256: quote.sha256,
    kept_ms: keptMs,
  })
  return rows[0]!
}

/** Nobody can place them any more, and their orders have copies. Index quotes_by_expiry. */
const PRUNE_QUOTES: Statement = {
  name: 'prune_quotes',
  text: `WITH old AS MATERIALIZED (
      SELECT slice_no, id FROM quotes WHERE expires_at < (SELECT clock()) - $1::bigint * interval '1 millisecond'
      ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED)
    DELETE FROM quotes q USING old WHERE q.slice_no = old.slice_no AND q.id = old.id RETURNING q.id`,
}

/** Deletes up to `rowsMax` quotes that ended at least `keptMs` ago; answers how many. */
export async function pruneQuotes(database: Queryable, keptMs: number, rowsMax: number): Promise<number> {
  return (await database.query(PRUNE_QUOTES, [keptMs, rowsMax])).length
}

// ---- reads, by whole primary keys: a plain join on a table without statistics would read the whole slice

const byKeys = (name: string, table: string, alias: string, columns: string): GatheredStatement => ({
  name,
  readOnly: true,
  text: `SELECT k.place::integer AS place, ${columns}
    FROM ROWS FROM (jsonb_to_recordset($1::jsonb) AS (slice_no smallint, id text)) WITH ORDINALITY AS k (slice_no, id, place)
    JOIN LATERAL (SELECT * FROM ${table} WHERE slice_no = k.slice_no AND id = k.id LIMIT 1) ${alias} ON true`,
})

const FIND_QUOTE = byKeys('find_quotes', 'quotes', 'q', QUOTE)
const FIND_ORDER = byKeys('find_orders', 'orders', 'o', ORDER)
const FIND_PAYMENT = byKeys('find_payments', 'payments', 'p', PAYMENT)
const FIND_REFUND = byKeys('find_refunds', 'refunds', 'r', REFUND)

type Find<Row> = (database: Gathering, key: RowKey) => Promise<Row | undefined>

const find =
  <Row extends object>(statement: GatheredStatement): Find<Row> =>
  async (database, { sliceNo, id }) =>
    (await database.gather<Row>(statement, { slice_no: sliceNo, id }))[0]

/** Undefined: there is none. */
export const findQuote: Find<QuoteRow> = find(FIND_QUOTE)
export const findOrder: Find<OrderRow> = find(FIND_ORDER)
export const findPayment: Find<PaymentRow> = find(FIND_PAYMENT)
export const findRefund: Find<RefundRow> = find(FIND_REFUND)

const FIND_ORDER_OF_QUOTE: Statement = {
  name: 'find_order_of_quote',
  readOnly: true,
  text: `SELECT ${ORDER} FROM orders o WHERE o.slice_no = $1 AND o.quote_id = $2`,
}

export async function findOrderOfQuote(database: Queryable, quote: RowKey): Promise<OrderRow | undefined> {
  return (await database.query<OrderRow>(FIND_ORDER_OF_QUOTE, [quote.sliceNo, quote.id]))[0]
}

/** Index orders_by_shopper; a row comparison with no page before it still is a range of the index. */
const PAGE_OF_ORDERS: Statement = {
  name: 'page_of_orders',
  readOnly: true,
  text: `SELECT ${ORDER} FROM orders o
    WHERE o.slice_no = $1 AND o.shopper_id = $2
      AND (o.created_at, o.id) < (coalesce($3::timestamptz, 'infinity'), coalesce($4, ''))
    ORDER BY o.created_at DESC, o.id DESC LIMIT $5`,
}

/** Newest first; `page.after` is (createdAt in milliseconds, id). */
export async function pageOfOrders(
  database: Queryable,
  sliceNo: number,
  shopperId: string,
  page: Page,
): Promise<OrderRow[]> {
  const [createdAtMs, id] = page.after ?? []
  const createdAt = createdAtMs === undefined ? null : new Date(createdAtMs)
  return await database.query<OrderRow>(PAGE_OF_ORDERS, [
    sliceNo,
    shopperId,
    createdAt,
    id ?? null,
    page.limit + 1,
  ])
}

// ---- idempotency keys

const FIND_KEY: Statement = {
  name: 'find_key',
  readOnly: true,
  text: `SELECT body_sha256 AS "bodySha256", order_id AS "orderId", outcome FROM idempotency_keys
    WHERE slice_no = $1 AND actor = $2 AND mutation = $3 AND key = $4`,
}

export async function findKey(database: Queryable, scope: KeyScope): Promise<KnownKey | undefined> {
  const { sliceNo, actor, mutation, key } = scope
  return (await database.query<KnownKey>(FIND_KEY, [sliceNo, actor, mutation, key]))[0]
}

const REMEMBER_KEY: Statement = {
  name: 'remember_key',
  text: `INSERT INTO idempotency_keys (slice_no, actor, mutation, key, body_sha256, order_id, outcome, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, clock()) ON CONFLICT DO NOTHING`,
}

/** For a second key that asked for what another key had done. */
export async function rememberKey(
  database: Queryable,
  scope: KeyScope,
  bodySha256: string,
  orderId: string,
  outcome: StoredOutcome,
): Promise<void> {
  const { sliceNo, actor, mutation, key } = scope
  await database.query(REMEMBER_KEY, [
    sliceNo,
    actor,
    mutation,
    key,
    bodySha256,
    orderId,
    JSON.stringify(outcome),
  ])
}

/** Inserts the key with the order that `o` returned. A key that exists fails the whole statement, with SQLSTATE 23505. */
const insertKey = (actor: string, mutation: string, key: string, body: string, outcome = 'NULL'): string => `
  INSERT INTO idempotency_keys (slice_no, actor, mutation, key, body_sha256, order_id, outcome, created_at)
  SELECT o.slice_no, ${actor}, '${mutation}', ${key}, ${body}, o.id, ${outcome}, t.now FROM o, t`

/** Completes the keys of a mutation that wait for the order of `o`. Index idempotency_keys_in_flight. */
const completeKeys = (mutation: string, outcome: string): string => `
  UPDATE idempotency_keys k SET outcome = ${outcome} FROM o
  WHERE k.slice_no = o.slice_no AND k.order_id = o.id AND k.mutation = '${mutation}' AND k.outcome IS NULL`

// ---- placing

/** By a function of 0002-orders-together.sql. */
const together = (name: string, call: string): GatheredStatement => ({
  name,
  text: `SELECT c.place, ${ORDER} FROM ${call}($1::jsonb) c, LATERAL (SELECT (c.made).*) o`,
})

const CREATE_ORDER = together('create_order', 'create_orders')

/**
 * T1: the order CREATED and the key in flight, both or neither. `undefined`: there is no such quote of this shopper, it
 * has expired, or it has its order already. SQLSTATE 23505: the key is taken.
 */
export async function createOrder(
  database: Gathering,
  quote: RowKey,
  shopperId: string,
  key: { readonly key: string; readonly bodySha256: string },
  leaseMs: number,
  payWithinMs: number,
): Promise<OrderRow | undefined> {
  const item = {
    slice_no: quote.sliceNo,
    quote_id: quote.id,
    id: newId('order', shopperId),
    shopper_id: shopperId,
    key: key.key,
    body_sha256: key.bodySha256,
    lease_ms: leaseMs,
    pay_within_ms: payWithinMs,
  }
  return (await database.gather<OrderRow>(CREATE_ORDER, item))[0]
}

const CONFIRM_ORDER = together('confirm_order', 'confirm_orders')

/** T2: everything is held. AWAITING_PAYMENT, or PAID at once when nothing is due. */
export async function confirmOrder(
  database: Gathering,
  order: RowKey,
  leaseMs: number,
): Promise<OrderRow | undefined> {
  const outcome: StoredOutcome = { typename: 'OrderPlaced', orderId: order.id }
  const item = { slice_no: order.sliceNo, id: order.id, outcome, lease_ms: leaseMs }
  return (await database.gather<OrderRow>(CONFIRM_ORDER, item))[0]
}

const REFUSE_ORDER: Statement = {
  name: 'refuse_order',
  text: `WITH ${T}, o AS (
      UPDATE orders SET state = 'CANCELLED', step = 'RELEASE', cancel_reason = $3, refusal = $4::jsonb,
        attempts = 0, due_at = ${after('$5')}
      FROM t WHERE slice_no = $1 AND id = $2 AND step = 'RESERVE' RETURNING orders.*),
    k AS (${completeKeys('placeOrder', '$4::jsonb')})
    SELECT ${ORDER} FROM o`,
}

/** T2 otherwise. */
export async function refuseOrder(
  database: Queryable,
  order: RowKey,
  reason: CancelReason,
  refusal: StoredOutcome,
  leaseMs: number,
): Promise<OrderRow | undefined> {
  const values = [order.sliceNo, order.id, reason, JSON.stringify(refusal), leaseMs]
  return (await database.query<OrderRow>(REFUSE_ORDER, values))[0]
}

// ---- paying

const OPEN_PAYMENT: Statement = {
  name: 'open_payment',
  text: `WITH ${T}, o AS (
      UPDATE orders SET payment_id = $3, payment_open = true, attempts = 0, due_at = ${after('$8')}
      FROM t WHERE slice_no = $1 AND id = $2 AND state = 'AWAITING_PAYMENT' AND NOT payment_open
        AND declines = $4 AND expires_at > t.now RETURNING orders.*),
    p AS (INSERT INTO payments (slice_no, id, order_id, shopper_id, amount_fen, provider, state, created_at)
      SELECT o.slice_no, $3, o.id, o.shopper_id, o.payable_fen, $5, 'WAIT_BUYER_PAY', t.now FROM o, t),
    k AS (${insertKey('o.shopper_id', 'payOrder', '$6', '$7')})
    SELECT ${ORDER} FROM o`,
}

/**
 * The Payment row and its key, before any money moves. `undefined`: the order is not as `order` says any more.
 * SQLSTATE 23505: the key is taken.
 */
export async function openPayment(
  database: Queryable,
  order: OrderRow,
  provider: string,
  key: { readonly key: string; readonly bodySha256: string },
  leaseMs: number,
): Promise<OrderRow | undefined> {
  const values = [
    order.sliceNo,
    order.id,
    newId('payment', order.shopperId),
    order.declines,
    provider,
    key.key,
    key.bodySha256,
    leaseMs,
  ]
  return (await database.query<OrderRow>(OPEN_PAYMENT, values))[0]
}

const RECORD_PAID: Statement = {
  name: 'record_paid',
  text: `WITH ${T}, o AS (
      UPDATE orders SET payment_open = false, attempts = 0,
        state = CASE state WHEN 'AWAITING_PAYMENT' THEN 'PAID' ELSE state END,
        step = CASE state WHEN 'AWAITING_PAYMENT' THEN 'SETTLE' ELSE step END,
        paid_at = CASE state WHEN 'AWAITING_PAYMENT' THEN t.now END,
        refund_id = CASE state WHEN 'CANCELLED' THEN $4 END,
        due_at = ${after('$7')}
      FROM t WHERE slice_no = $1 AND id = $2 AND payment_id = $3 AND payment_open RETURNING orders.*),
    p AS (UPDATE payments SET state = 'TRADE_SUCCESS', paid_at = t.now FROM o, t
      WHERE payments.slice_no = o.slice_no AND payments.id = o.payment_id),
    l AS (INSERT INTO transfers (slice_no, cause_id, kind, order_id, debit, credit, amount_fen, at)
      SELECT o.slice_no, o.payment_id, 'CAPTURE', o.id, 'shopper', 'merchant', o.payable_fen, t.now FROM o, t),
    r AS (INSERT INTO refunds (slice_no, id, order_id, shopper_id, payment_id, amount_fen, state, requested_by, created_at)
      SELECT o.slice_no, o.refund_id, o.id, o.shopper_id, o.payment_id, o.payable_fen, 'PENDING', '#late-payment', t.now
      FROM o, t WHERE o.state = 'CANCELLED'),
    k AS (${completeKeys('payOrder', "CASE o.state WHEN 'PAID' THEN $5::jsonb ELSE $6::jsonb END")})
    SELECT ${ORDER} FROM o`,
}

/**
 * The commit point: TRADE_SUCCESS and PAID at once. When the order was cancelled meanwhile, the same statement books the
 * money in and owes it back.
 */
export async function recordPaid(
  database: Queryable,
  order: OrderRow,
  leaseMs: number,
): Promise<OrderRow | undefined> {
  const paid: StoredOutcome = { typename: 'OrderPaid', orderId: order.id }
  const values = [
    order.sliceNo,
    order.id,
    order.paymentId,
    newId('refund', order.shopperId),
    JSON.stringify(paid),
    JSON.stringify(CANCELLED),
    leaseMs,
  ]
  return (await database.query<OrderRow>(RECORD_PAID, values))[0]
}

const RECORD_UNPAID: Statement = {
  name: 'record_unpaid',
  text: `WITH o AS (
      UPDATE orders SET payment_open = false, declines = declines + 1, attempts = 0,
        step = CASE step WHEN 'WATCH' THEN 'DONE' ELSE step END,
        due_at = CASE WHEN step = 'AWAIT' THEN expires_at WHEN step = 'WATCH' THEN NULL ELSE due_at END
      WHERE slice_no = $1 AND id = $2 AND payment_id = $3 AND payment_open RETURNING *),
    p AS (UPDATE payments SET state = 'TRADE_CLOSED' FROM o
      WHERE payments.slice_no = o.slice_no AND payments.id = o.payment_id),
    k AS (${completeKeys('payOrder', "CASE o.state WHEN 'AWAITING_PAYMENT' THEN $4::jsonb ELSE $5::jsonb END")})
    SELECT ${ORDER} FROM o`,
}

/** The payment ended without money: declined, or closed before any came. */
export async function recordUnpaid(database: Queryable, order: OrderRow): Promise<OrderRow | undefined> {
  const declined: StoredOutcome = { typename: 'PaymentDeclined', orderId: order.id }
  const values = [
    order.sliceNo,
    order.id,
    order.paymentId,
    JSON.stringify(declined),
    JSON.stringify(CANCELLED),
  ]
  return (await database.query<OrderRow>(RECORD_UNPAID, values))[0]
}

const CANCELLED: StoredOutcome = { typename: 'OrderStateConflict', state: 'CANCELLED' }

const FINISH_SETTLE = together('finish_settle', 'finish_settles')

/** Coupon redeemed and stock committed; a refund that was asked for meanwhile is next. */
export async function finishSettle(
  database: Gathering,
  order: RowKey,
  leaseMs: number,
): Promise<OrderRow | undefined> {
  const item = { slice_no: order.sliceNo, id: order.id, lease_ms: leaseMs }
  return (await database.gather<OrderRow>(FINISH_SETTLE, item))[0]
}

// ---- cancelling

const CANCEL_ORDER: Statement = {
  name: 'cancel_order',
  text: `WITH ${T}, o AS (
      UPDATE orders SET state = 'CANCELLED', step = 'RELEASE', cancel_reason = 'SHOPPER', attempts = 0, due_at = ${after('$4')}
      FROM t WHERE slice_no = $1 AND id = $2 AND state = 'AWAITING_PAYMENT' AND (NOT payment_open OR $3)
      RETURNING orders.*),
    k AS (${insertKey('o.shopper_id', 'cancelOrder', '$5', '$6', '$7::jsonb')})
    SELECT ${ORDER} FROM o`,
}

/**
 * By the shopper. `withPayment`: even while a payment's outcome is unknown; what it may still bring is paid back.
 * SQLSTATE 23505: the key is taken.
 */
export async function cancelOrder(
  database: Queryable,
  order: RowKey,
  withPayment: boolean,
  key: { readonly key: string; readonly bodySha256: string },
  leaseMs: number,
): Promise<OrderRow | undefined> {
  const outcome: StoredOutcome = { typename: 'OrderCancelled', orderId: order.id }
  const values = [
    order.sliceNo,
    order.id,
    withPayment,
    leaseMs,
    key.key,
    key.bodySha256,
    JSON.stringify(outcome),
  ]
  return (await database.query<OrderRow>(CANCEL_ORDER, values))[0]
}

const EXPIRE_ORDER: Statement = {
  name: 'expire_order',
  text: `WITH ${T}, o AS (
      UPDATE orders SET state = 'CANCELLED', step = 'RELEASE', cancel_reason = 'EXPIRED', attempts = 0, due_at = ${after('$4')}
      FROM t WHERE slice_no = $1 AND id = $2 AND state = 'AWAITING_PAYMENT' AND (NOT payment_open OR $3)
        AND expires_at <= t.now RETURNING orders.*)
    SELECT ${ORDER} FROM o`,
}

/** By time. `withPayment` as in {@link cancelOrder}. */
export async function expireOrder(
  database: Queryable,
  order: RowKey,
  withPayment: boolean,
  leaseMs: number,
): Promise<OrderRow | undefined> {
  return (await database.query<OrderRow>(EXPIRE_ORDER, [order.sliceNo, order.id, withPayment, leaseMs]))[0]
}

const FINISH_RELEASE: Statement = {
  name: 'finish_release',
  text: `WITH ${T}, o AS (
      UPDATE orders SET attempts = 0,
        step = CASE WHEN payment_open OR refund_id IS NOT NULL THEN 'WATCH' ELSE 'DONE' END,
        due_at = CASE WHEN payment_open OR refund_id IS NOT NULL THEN ${after('$3')} END
      FROM t WHERE slice_no = $1 AND id = $2 AND step = 'RELEASE' RETURNING orders.*)
    SELECT ${ORDER} FROM o`,
}

/** Coupon and stock were released; money that may still come, or that came and is owed back, is next. */
export async function finishRelease(
  database: Queryable,
  order: RowKey,
  leaseMs: number,
): Promise<OrderRow | undefined> {
  return (await database.query<OrderRow>(FINISH_RELEASE, [order.sliceNo, order.id, leaseMs]))[0]
}

// ---- refunding

const REQUEST_REFUND: Statement = {
  name: 'request_refund',
  text: `WITH ${T}, o AS (
      UPDATE orders SET refund_id = $3, attempts = 0, due_at = ${after('$8')},
        step = CASE step WHEN 'DONE' THEN 'REFUND' ELSE step END
      FROM t WHERE slice_no = $1 AND id = $2 AND state = 'PAID' AND refund_id IS NULL RETURNING orders.*),
    r AS (INSERT INTO refunds (slice_no, id, order_id, shopper_id, payment_id, amount_fen, state, requested_by, reason, created_at)
      SELECT o.slice_no, $3, o.id, o.shopper_id, o.payment_id, o.payable_fen, 'PENDING', $4, $5, t.now FROM o, t),
    k AS (${insertKey('$4', 'refundOrder', '$6', '$7')})
    SELECT ${ORDER} FROM o`,
}

/** The refund is owed from here on, whatever fails. SQLSTATE 23505: the key is taken. */
export async function requestRefund(
  database: Queryable,
  order: OrderRow,
  actor: string,
  reason: string | null,
  key: { readonly key: string; readonly bodySha256: string },
  leaseMs: number,
): Promise<OrderRow | undefined> {
  const values = [
    order.sliceNo,
    order.id,
    newId('refund', order.shopperId),
    actor,
    reason,
    key.key,
    key.bodySha256,
    leaseMs,
  ]
  return (await database.query<OrderRow>(REQUEST_REFUND, values))[0]
}

const RECORD_REFUNDED: Statement = {
  name: 'record_refunded',
  text: `WITH ${T}, o AS (
      UPDATE orders SET attempts = 0,
        state = CASE step WHEN 'REFUND' THEN 'REFUNDED' ELSE state END,
        step = CASE step WHEN 'REFUND' THEN 'RETURN' ELSE 'DONE' END,
        due_at = CASE step WHEN 'REFUND' THEN ${after('$3')} END
      FROM t WHERE slice_no = $1 AND id = $2 AND refund_id IS NOT NULL AND step IN ('REFUND', 'WATCH') RETURNING orders.*),
    r AS (UPDATE refunds SET state = 'SUCCEEDED', succeeded_at = t.now FROM o, t
      WHERE refunds.slice_no = o.slice_no AND refunds.id = o.refund_id),
    p AS (UPDATE payments SET state = 'TRADE_CLOSED' FROM o
      WHERE payments.slice_no = o.slice_no AND payments.id = o.payment_id),
    l AS (INSERT INTO transfers (slice_no, cause_id, kind, order_id, debit, credit, amount_fen, at)
      SELECT o.slice_no, o.refund_id, 'REFUND', o.id, 'merchant', 'shopper', o.payable_fen, t.now
      FROM o, t WHERE o.payable_fen > 0),
    k AS (${completeKeys('refundOrder', '$4::jsonb')})
    SELECT ${ORDER} FROM o`,
}

/** The money is back. An order that was PAID is REFUNDED; one that was CANCELLED stays so. */
export async function recordRefunded(
  database: Queryable,
  order: RowKey,
  leaseMs: number,
): Promise<OrderRow | undefined> {
  const outcome: StoredOutcome = { typename: 'OrderRefunded', orderId: order.id }
  const values = [order.sliceNo, order.id, leaseMs, JSON.stringify(outcome)]
  return (await database.query<OrderRow>(RECORD_REFUNDED, values))[0]
}

const FINISH_RETURN: Statement = {
  name: 'finish_return',
  text: `WITH o AS (UPDATE orders SET attempts = 0, step = 'DONE', due_at = NULL
      WHERE slice_no = $1 AND id = $2 AND step = 'RETURN' RETURNING *)
    SELECT ${ORDER} FROM o`,
}

/** Coupon and stock were returned. */
export async function finishReturn(database: Queryable, order: RowKey): Promise<OrderRow | undefined> {
  return (await database.query<OrderRow>(FINISH_RETURN, [order.sliceNo, order.id]))[0]
}

// ---- the queue

const CLAIM_DUE: Statement = {
  name: 'claim_due',
  text: `WITH due AS MATERIALIZED (
      SELECT slice_no, id FROM orders WHERE due_at <= (SELECT clock()) ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED),
    ${T}, o AS (
      UPDATE orders SET due_at = ${after('$2')}, attempts = attempts + 1
      FROM due, t WHERE orders.slice_no = due.slice_no AND orders.id = due.id RETURNING orders.*)
    SELECT ${ORDER} FROM o`,
}

/**
 * Takes up to `rowsMax` due orders by moving `due_at` to the end of a lease. The row locks last for this statement
 * only: SKIP LOCKED keeps two sweeps apart, and the lease keeps them apart afterwards. Index orders_by_due.
 */
export async function claimDue(database: Queryable, rowsMax: number, leaseMs: number): Promise<OrderRow[]> {
  return await database.query<OrderRow>(CLAIM_DUE, [rowsMax, leaseMs])
}

const POSTPONE: Statement = {
  name: 'postpone',
  text: `UPDATE orders SET due_at = CASE WHEN $4::bigint IS NULL THEN expires_at
      ELSE clock() + $4::bigint * interval '1 millisecond' END
    WHERE slice_no = $1 AND id = $2 AND step = $3 AND step <> 'DONE'
      AND payment_id IS NOT DISTINCT FROM $5 AND payment_open = $6`,
}

/**
 * Ends the lease of an order that still stands as `order` says: due again after `pauseMs`, or when it expires (null).
 * The payment counts too: a worker that comes late with an earlier one must not cut short the time of the next.
 */
export async function postpone(
  database: Queryable,
  order: RowKey & Pick<OrderRow, 'step' | 'paymentId' | 'paymentOpen'>,
  pauseMs: number | null,
): Promise<void> {
  const { sliceNo, id, step, paymentId, paymentOpen } = order
  await database.query(POSTPONE, [sliceNo, id, step, pauseMs, paymentId, paymentOpen])
}
