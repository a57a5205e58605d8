import type { PostgresConnection } from '../../subgraphs/embedded-postgres.ts'
import { ask } from './postgres.ts'
import { SCARCE_SKU } from './shoppers.ts'
import type { Stack } from './stack.ts'

/**
 * What payment, coupon, catalog and the provider have written about orders, held against one another. Each rule answers
 * what breaks it. They hold when every order has come to its end; coupons must not have.
 */
const RULES: Readonly<Record<string, string>> = {
  'an order stands at an end':
    "SELECT id, state, step FROM payment.orders WHERE step <> 'DONE' OR due_at IS NOT NULL OR payment_open",
  'an idempotency key has its outcome':
    'SELECT actor, mutation, key FROM payment.idempotency_keys WHERE outcome IS NULL',
  'a payment is decided': "SELECT id, state FROM payment.payments WHERE state = 'WAIT_BUYER_PAY'",
  'a refund is done': "SELECT id, state FROM payment.refunds WHERE state <> 'SUCCEEDED'",

  // Money.
  'the provider has captured what is paid, once, and given back what is refunded': `
    SELECT o.id, o.state, o.payable_fen, captures, captured_fen, refunds, refunded_fen FROM payment.orders o
     CROSS JOIN LATERAL (
       SELECT count(*) AS captures, coalesce(sum(s.amount_fen), 0) AS captured_fen
         FROM payment.payments p JOIN payment.sandbox_trades s ON s.payment_id = p.id
        WHERE p.order_id = o.id AND s.state = 'SUCCEEDED') c
     CROSS JOIN LATERAL (
       SELECT count(*) AS refunds, coalesce(sum(s.amount_fen), 0) AS refunded_fen
         FROM payment.payments p JOIN payment.sandbox_refunds s ON s.payment_id = p.id
        WHERE p.order_id = o.id) r
     WHERE captures > 1 OR refunds > 1 OR captured_fen <> captures * o.payable_fen
        OR (o.state IN ('PAID', 'REFUNDED') AND captures <> (o.payable_fen > 0)::int)
        OR captured_fen - refunded_fen <> CASE o.state WHEN 'PAID' THEN o.payable_fen ELSE 0 END`,
  'the provider knows no payment and no refund that payment does not know': `
    SELECT payment_id FROM payment.sandbox_trades s
     WHERE NOT EXISTS (SELECT FROM payment.payments p WHERE p.id = s.payment_id)
    UNION ALL SELECT refund_id FROM payment.sandbox_refunds s
     WHERE NOT EXISTS (SELECT FROM payment.refunds r WHERE r.id = s.refund_id AND r.payment_id = s.payment_id)`,
  'the transfers are the provider’s movements': `
    (SELECT payment_id AS cause, 'CAPTURE' AS kind, amount_fen FROM payment.sandbox_trades WHERE state = 'SUCCEEDED'
     UNION ALL SELECT refund_id, 'REFUND', amount_fen FROM payment.sandbox_refunds)
    EXCEPT ALL SELECT cause_id, kind, amount_fen FROM payment.transfers
    UNION ALL
    (SELECT cause_id, kind, amount_fen FROM payment.transfers
     EXCEPT ALL (SELECT payment_id, 'CAPTURE', amount_fen FROM payment.sandbox_trades WHERE state = 'SUCCEEDED'
     UNION ALL SELECT refund_id, 'REFUND', amount_fen FROM payment.sandbox_refunds))`,
  'a refunded order has its refund, and a paid one none': `
    SELECT o.id, o.state, o.refund_id, r.id AS refund FROM payment.orders o LEFT JOIN payment.refunds r ON r.order_id = o.id
     WHERE o.refund_id IS DISTINCT FROM r.id OR (o.state = 'REFUNDED' AND r.id IS NULL) OR (o.state = 'PAID' AND r.id IS NOT NULL)`,

  // Coupons.
  'an order’s hold on its coupon is as the order': `
    SELECT o.id, o.state, h.state AS hold, h.expense_fen, o.discount_fen FROM payment.orders o
      LEFT JOIN coupon.hold h ON h.slice_no = o.slice_no AND h.order_id = right(o.id, 32)::uuid
     WHERE o.coupon_id IS NOT NULL AND (h.state IS DISTINCT FROM
         CASE o.state WHEN 'PAID' THEN 'REDEEMED' WHEN 'REFUNDED' THEN 'RETURNED' WHEN 'CANCELLED' THEN 'RELEASED' END
        OR h.coupon_id <> right(o.coupon_id, 32)::uuid
        OR (o.state IN ('PAID', 'REFUNDED') AND h.expense_fen <> o.discount_fen))`,
  'a coupon is held by nobody, or redeemed by the paid order that it names': `
    SELECT c.coupon_id, c.state, c.order_id, o.id, o.state AS order_state FROM coupon.coupon c
      FULL JOIN (SELECT * FROM payment.orders WHERE state = 'PAID' AND coupon_id IS NOT NULL) o
        ON right(o.coupon_id, 32)::uuid = c.coupon_id AND o.slice_no = c.slice_no
     WHERE CASE WHEN o.id IS NULL THEN c.state <> 'ISSUED'
       ELSE c.state IS DISTINCT FROM 'REDEEMED' OR c.order_id IS DISTINCT FROM right(o.id, 32)::uuid OR c.shopper_id <> o.shopper_id END`,
  'a coupon is redeemed at most once': `
    SELECT coupon_id, count(*) FROM coupon.hold WHERE state = 'REDEEMED' GROUP BY coupon_id HAVING count(*) > 1`,
  'a hold has its order': `
    SELECT h.order_id, h.state FROM coupon.hold h WHERE NOT EXISTS (
      SELECT FROM payment.orders o WHERE right(o.id, 32)::uuid = h.order_id AND right(o.coupon_id, 32)::uuid = h.coupon_id)`,
  'available, liability, expense and returned are what was allotted': `
    SELECT i.campaign_id, available, liability, expense, returned, b.issued, c.*, s.* FROM coupon.issuance i
     CROSS JOIN LATERAL (
       SELECT sum(CASE 'available' WHEN credit THEN amount_fen WHEN debit THEN -amount_fen END) AS available,
              coalesce(sum(CASE 'liability' WHEN credit THEN amount_fen WHEN debit THEN -amount_fen END), 0) AS liability,
              coalesce(sum(CASE 'expense' WHEN credit THEN amount_fen WHEN debit THEN -amount_fen END), 0) AS expense,
              coalesce(sum(CASE 'returned' WHEN credit THEN amount_fen WHEN debit THEN -amount_fen END), 0) AS returned
         FROM coupon.transfer WHERE campaign_id = i.campaign_id) t
     CROSS JOIN LATERAL (SELECT sum(issued_count) AS issued FROM coupon.bucket WHERE campaign_id = i.campaign_id) b
     CROSS JOIN LATERAL (
       SELECT count(*) AS coupons, count(*) FILTER (WHERE state IN ('ISSUED', 'RESERVED')) AS unspent
         FROM coupon.coupon WHERE campaign_id = i.campaign_id) c
     CROSS JOIN LATERAL (
       SELECT sum(expense_fen) AS expense_fen, sum(returned_fen) AS returned_fen
         FROM coupon.settlement WHERE campaign_id = i.campaign_id) s
     WHERE available + liability + expense + returned <> i.limit_count * i.face_fen
        OR available <> (i.limit_count - issued) * i.face_fen OR issued <> coupons
        OR liability <> unspent * i.face_fen OR expense <> s.expense_fen OR returned <> s.returned_fen`,
  'coupon’s expense is what paid orders were discounted': `
    SELECT expense_fen, discount_fen FROM (SELECT sum(expense_fen) AS expense_fen FROM coupon.settlement),
           (SELECT coalesce(sum(discount_fen), 0) AS discount_fen FROM payment.orders WHERE state = 'PAID')
     WHERE expense_fen <> discount_fen`,

  // Stock.
  'an order’s reservation is as the order': `
    SELECT o.id, o.state, r.order_id, r.state AS reservation FROM payment.orders o
      FULL JOIN catalog.reservation r ON r.order_id = o.id
     WHERE r.state IS DISTINCT FROM
       CASE o.state WHEN 'PAID' THEN 'COMMITTED' WHEN 'REFUNDED' THEN 'RETURNED' WHEN 'CANCELLED' THEN 'RELEASED' END`,
  'nothing is reserved': 'SELECT sku, on_hand, reserved FROM catalog.stock WHERE reserved <> 0',
}

/** How much is on the shelf, for {@link contradictions} to begin from; of the scarce sku only as much as this. */
export async function stockShelf(stack: Stack, scarce: number): Promise<Shelf> {
  const set = await stack
    .operator()
    .text('mutation($input: SetStockInput!) { setStock(input: $input) { __typename } }', {
      input: { sku: SCARCE_SKU, onHand: scarce },
    })
  if (set.body.data?.setStock.__typename !== 'StockSet')
    throw new Error(`not set: ${JSON.stringify(set.body)}`)
  return await shelfOf(stack.database)
}

export type Shelf = Readonly<Record<string, number>>

/** Every rule that does not hold, with the rows that break it. */
export async function contradictions(
  database: PostgresConnection,
  shelf: Shelf,
): Promise<Record<string, object[]>> {
  const broken: Record<string, object[]> = {}
  for (const [rule, statement] of Object.entries(RULES)) {
    const rows = await ask(database, statement)
    if (rows.length > 0) broken[rule] = rows
  }
  const sold = await ask<{ sku: string; quantity: number }>(
    database,
    `SELECT l.sku, sum(l.quantity)::int AS quantity
       FROM payment.orders o, jsonb_to_recordset(o.lines) AS l(sku text, quantity int) WHERE o.state = 'PAID' GROUP BY l.sku`,
  )
  const expected: Record<string, number> = { ...shelf }
  for (const { sku, quantity } of sold) expected[sku] = (expected[sku] ?? 0) - quantity
  const now = await shelfOf(database)
  for (const sku of Object.keys({ ...expected, ...now })) {
    if (expected[sku] !== now[sku]) {
      const rows = (broken['what is on hand is what was, without what was sold'] ??= [])
      rows.push({ sku, expected: expected[sku], got: now[sku] })
    }
  }
  return broken
}

async function shelfOf(database: PostgresConnection): Promise<Shelf> {
  const rows = await ask<{ sku: string; on_hand: number }>(database, 'SELECT sku, on_hand FROM catalog.stock')
  return Object.fromEntries(rows.map(({ sku, on_hand }) => [sku, on_hand]))
}
