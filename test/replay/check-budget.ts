import { type Ask, type Check, checkOf, type Grounds } from './check-result.ts'
import type { Figures } from './figures.ts'

/** I1: no bucket has issued more than its limit, buckets count the coupons that there are, limits add up to the budget. */
export async function checkBudget(ask: Ask, { campaignId }: Pick<Grounds, 'campaignId'>): Promise<Check> {
  const [budget] = await ask<{
    limit_count: number
    budget_count: string
    bucket_limit: string
    issued: string
    coupons: string
  }>(
    `SELECT i.limit_count, c.budget_fen / c.face_fen AS budget_count, b.bucket_limit, b.issued, k.coupons
       FROM coupon.issuance i
       JOIN campaign.campaign c USING (campaign_id)
      CROSS JOIN LATERAL (SELECT sum(limit_count) AS bucket_limit, sum(issued_count) AS issued
                            FROM coupon.bucket WHERE campaign_id = i.campaign_id) b
      CROSS JOIN LATERAL (SELECT count(*) AS coupons FROM coupon.coupon WHERE campaign_id = i.campaign_id) k
      WHERE i.campaign_id = $1`,
    [campaignId],
  )
  if (budget === undefined) return checkOf('I1', false, 0, `${campaignId} has no issuance`)
  const wrong = await ask<{ bucket_no: number; limit_count: number; issued_count: number; coupons: string }>(
    `SELECT b.bucket_no, b.limit_count, b.issued_count, coalesce(k.coupons, 0) AS coupons
       FROM coupon.bucket b
       JOIN coupon.issuance i USING (campaign_id)
       LEFT JOIN (
         SELECT c.slice_no % i.bucket_count AS bucket_no, count(*) AS coupons
           FROM coupon.coupon c JOIN coupon.issuance i USING (campaign_id)
          WHERE campaign_id = $1 GROUP BY 1) k USING (bucket_no)
      WHERE b.campaign_id = $1
        AND (b.issued_count > b.limit_count OR b.issued_count <> coalesce(k.coupons, 0))
      ORDER BY b.bucket_no`,
    [campaignId],
  )
  const issued = Number(budget.issued)
  const coupons = Number(budget.coupons)
  const isWithin =
    coupons <= budget.limit_count &&
    Number(budget.bucket_limit) <= budget.limit_count &&
    budget.limit_count <= Number(budget.budget_count)
  const found = `${coupons} coupons, ${issued} counted as issued, ${budget.limit_count} in the budget`
  const buckets = wrong
    .slice(0, 3)
    .map(
      ({ bucket_no, limit_count, issued_count, coupons }) =>
        `; bucket ${bucket_no} counts ${issued_count} of at most ${limit_count} and there are ${coupons}`,
    )
  return checkOf('I1', isWithin && wrong.length === 0, coupons, `${found}${buckets.join('')}`)
}

/** I2: nobody has two coupons of the campaign for one grant, and nobody was told of another than the one there is. */
export async function checkOneEach(
  ask: Ask,
  { campaignId }: Pick<Grounds, 'campaignId'>,
  { acknowledged }: Pick<Figures, 'acknowledged'>,
): Promise<Check> {
  // The primary key holds this within a slice; a shopper whose slice was computed twice, and differently, is not held by it.
  const [row] = await ask<{ coupons: string; twice: string; example: string | null }>(
    `SELECT coalesce(sum(count), 0) AS coupons, count(*) FILTER (WHERE count > 1) AS twice,
            min(shopper_id) FILTER (WHERE count > 1) AS example
       FROM (SELECT shopper_id, count(*) FROM coupon.coupon WHERE campaign_id = $1 GROUP BY shopper_id, grant_no)`,
    [campaignId],
  )
  const twice = Number(row?.twice)
  const told = new Map<string, string>()
  let toldTwo = 0
  for (const { shopperId, couponId } of acknowledged) {
    const before = told.get(shopperId)
    if (before === undefined) told.set(shopperId, couponId)
    else if (before !== couponId) toldTwo++
  }
  const coupons = Number(row?.coupons)
  const example = twice > 0 ? `, such as ${row?.example}` : ''
  return checkOf(
    'I2',
    twice === 0 && toldTwo === 0,
    coupons,
    `${twice} shoppers have more than one${example}; ${toldTwo} of ${told.size} were told of different ones`,
  )
}
