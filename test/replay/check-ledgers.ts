import { type Ask, type Check, checkOf, type Grounds } from './check-result.ts'

/** One rule of the books: how many things it was looked for in, and how many break it. */
interface Rule {
  readonly name: string
  /** Answers `checked`, `broken` and one `example`; $1 is the campaign, $2 when the replay began. */
  readonly text: string
}

/** What flows into an account, less what flows out of it. */
const balance = (account: string): string =>
  `coalesce(sum(CASE '${account}' WHEN credit THEN amount_fen WHEN debit THEN -amount_fen END), 0)`

/**
 * Orders of the replay, with the coupon of the campaign that they were placed with. Joined by ids alone: without
 * statistics the planner joins by slice_no, of which there are only 256, and filters for the rest.
 */
const ORDERS_WITH_COUPON = `payment.orders o
     JOIN coupon.coupon c ON c.coupon_id = right(o.coupon_id, 32)::uuid AND c.campaign_id = $1
     JOIN coupon.issuance i ON i.campaign_id = c.campaign_id`

const RULES: readonly Rule[] = [
  {
    name: 'the treasury is funded with the budget and has allotted what issuance was given',
    text: `SELECT count(*) AS checked, min(c.campaign_id) AS example,
            count(*) FILTER (WHERE funded <> c.budget_fen OR treasury < 0
                 OR allotted + returned <> i.limit_count * i.face_fen OR given <> i.limit_count * i.face_fen) AS broken
       FROM campaign.campaign c JOIN coupon.issuance i USING (campaign_id)
      CROSS JOIN LATERAL (
        SELECT -${balance('external')} AS funded, ${balance('treasury')} AS treasury,
               ${balance('allotted')} AS allotted, ${balance('returned')} AS returned
          FROM campaign.transfer WHERE campaign_id = c.campaign_id) t
      CROSS JOIN LATERAL (
        SELECT coalesce(sum(amount_fen), 0) AS given FROM coupon.transfer
         WHERE slice_no = 0 AND cause_id = i.ledger_id AND kind = 'ALLOT') a
      WHERE c.campaign_id = $1`,
  },
  {
    name: 'available, liability, expense and returned are what was allotted',
    text: `SELECT count(*) AS checked, min(i.campaign_id) AS example,
            count(*) FILTER (WHERE available + liability + expense + returned <> i.limit_count * i.face_fen
                 OR available <> CASE WHEN i.state = 'CLOSED' THEN 0 ELSE (i.limit_count - issued) * i.face_fen END
                 OR liability <> unspent * i.face_fen
                 OR expense <> s.expense_fen OR returned - i.unissued_fen <> s.returned_fen) AS broken
       FROM coupon.issuance i
      CROSS JOIN LATERAL (
        SELECT ${balance('available')} AS available, ${balance('liability')} AS liability,
               ${balance('expense')} AS expense, ${balance('returned')} AS returned
          FROM coupon.transfer WHERE campaign_id = i.campaign_id) t
      CROSS JOIN LATERAL (SELECT sum(issued_count) AS issued FROM coupon.bucket WHERE campaign_id = i.campaign_id) b
      CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE state IN ('ISSUED', 'RESERVED')) AS unspent
                            FROM coupon.coupon WHERE campaign_id = i.campaign_id) k
      CROSS JOIN LATERAL (
        SELECT coalesce(sum(expense_fen), 0) AS expense_fen, coalesce(sum(returned_fen), 0) AS returned_fen
          FROM coupon.settlement WHERE campaign_id = i.campaign_id) s
      WHERE i.campaign_id = $1`,
  },
  {
    name: 'each coupon was issued once for its face, and nothing else was',
    text: `SELECT count(*) AS checked, min(coalesce(k.shopper_id, t.cause_id::text)) FILTER (WHERE is_broken) AS example,
            count(*) FILTER (WHERE is_broken) AS broken
       FROM (SELECT slice_no, coupon_id, shopper_id FROM coupon.coupon WHERE campaign_id = $1) k
       FULL JOIN (SELECT slice_no, cause_id, amount_fen, face_fen FROM coupon.transfer
                    JOIN coupon.issuance USING (campaign_id) WHERE campaign_id = $1 AND kind = 'ISSUE') t
         ON t.slice_no = k.slice_no AND t.cause_id = k.coupon_id
      CROSS JOIN LATERAL (
        SELECT k.coupon_id IS NULL OR t.cause_id IS NULL OR t.amount_fen <> t.face_fen AS is_broken)`,
  },
  {
    name: 'a paid order has spent its coupon’s discount, and what is over was returned',
    text: `SELECT count(*) AS checked, min(o.id) FILTER (WHERE is_broken) AS example,
            count(*) FILTER (WHERE is_broken) AS broken
       FROM ${ORDERS_WITH_COUPON}
       LEFT JOIN coupon.hold h ON h.order_id = right(o.id, 32)::uuid
       LEFT JOIN coupon.transfer r ON r.cause_id = right(o.id, 32)::uuid AND r.kind = 'REDEEM'
       LEFT JOIN coupon.transfer u ON u.cause_id = right(o.id, 32)::uuid AND u.kind = 'UNUSED'
      CROSS JOIN LATERAL (
        SELECT c.slice_no <> o.slice_no OR h.state IS DISTINCT FROM 'REDEEMED' OR h.coupon_id <> c.coupon_id OR h.expense_fen <> o.discount_fen
            OR c.state <> 'REDEEMED' OR c.order_id IS DISTINCT FROM right(o.id, 32)::uuid
            OR coalesce(r.amount_fen, 0) <> o.discount_fen
            OR coalesce(u.amount_fen, 0) <> i.face_fen - o.discount_fen AS is_broken)
      WHERE o.state = 'PAID' AND o.step = 'DONE' AND o.created_at >= $2`,
  },
  {
    name: 'a coupon that is redeemed was redeemed by one paid order',
    text: `SELECT count(*) AS checked, min(c.shopper_id) FILTER (WHERE o.state IS DISTINCT FROM 'PAID') AS example,
            count(*) FILTER (WHERE o.state IS DISTINCT FROM 'PAID') AS broken
       FROM coupon.coupon c
       LEFT JOIN payment.orders o ON right(o.id, 32)::uuid = c.order_id
      WHERE c.campaign_id = $1 AND c.state = 'REDEEMED'`,
  },
  {
    name: 'buyers paid what was due, once, and got back what was refunded',
    text: `SELECT count(*) AS checked, min(o.id) FILTER (WHERE is_broken) AS example,
            count(*) FILTER (WHERE is_broken) AS broken
       FROM payment.orders o
       LEFT JOIN (
         SELECT slice_no, order_id, coalesce(sum(amount_fen) FILTER (WHERE kind = 'CAPTURE'), 0) AS captured_fen,
                coalesce(sum(amount_fen) FILTER (WHERE kind = 'REFUND'), 0) AS refunded_fen
           FROM payment.transfers WHERE at >= $2 GROUP BY slice_no, order_id) t
         ON t.order_id = o.id
      CROSS JOIN LATERAL (
        SELECT coalesce(captured_fen, 0) AS captured, coalesce(refunded_fen, 0) AS refunded) m
      CROSS JOIN LATERAL (
        SELECT CASE o.state WHEN 'PAID' THEN captured <> o.payable_fen OR refunded <> 0
          WHEN 'REFUNDED' THEN captured <> o.payable_fen OR refunded <> o.payable_fen
          ELSE captured <> refunded OR captured > o.payable_fen END AS is_broken)
      WHERE o.step IN ('DONE', 'AWAIT', 'WATCH') AND o.created_at >= $2`,
  },
]

/**
 * I4: every ledger balances, and what one subgraph's books say was spent is what another's say was received. Orders that
 * have not come to rest are not held against them.
 * @param unrested how many those are.
 */
export async function checkLedgers(
  ask: Ask,
  { campaignId, openedAt }: Pick<Grounds, 'campaignId' | 'openedAt'>,
  unrested: number,
): Promise<Check> {
  let checked = 0
  const wrong: string[] = []
  // Tables that have just grown have no statistics yet, and the planner would look up a million rows one by one: of
  // 200,000 orders it took minutes, and seconds with joins of whole tables. Within the checks' transaction.
  await ask('SET LOCAL enable_nestloop = off')
  for (const { name, text } of RULES) {
    // Some rules name only one of the two, and what is not named has no type.
    const statement = `WITH given AS (SELECT $1::text, $2::timestamptz) ${text}`
    const [row] = await ask<{ checked: string; broken: string; example: string | null }>(statement, [
      campaignId,
      openedAt,
    ])
    checked += Number(row?.checked)
    if (Number(row?.broken) > 0)
      wrong.push(`not true that ${name}: ${row?.broken} of ${row?.checked}, such as ${row?.example}`)
  }
  await ask('SET LOCAL enable_nestloop TO DEFAULT')
  const seen = `${RULES.length} rules of the books, ${wrong.length} broken`
  const late = unrested === 0 ? [] : [`${unrested} orders still under way were left out`]
  return checkOf('I4', wrong.length === 0, checked, [seen, ...wrong, ...late].join('; '))
}
