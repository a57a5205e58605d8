import { type Ask, type Check, checkOf, type Grounds } from './check-result.ts'
import type { Figures } from './figures.ts'

const WINDOWS_S = [1, 10, 60] as const
/** No gateway waits longer for an answer of a subgraph: what was admitted is issued by then, or not at all. */
const DELAY_MS_MAX = 10_000

/**
 * I9: in no window of 1, 10 and 60 seconds were more coupons issued than rate × window + burst.
 *
 * What is known of a claim is when its batch was judged, at `issued_at`, which is later than its admission by what it
 * waited for its turn in the batch. Batches after a wait bunch up: coupons of one window of `issued_at` were admitted
 * within that window and the longest such wait. No claim can have waited longer than its shopper did for the answer, so
 * windows are allowed the rate of the longest answer to a claim, 10 s at most, on top. What was issued is compared with
 * the bare bound too, and the excess is told.
 */
export async function checkRate(
  ask: Ask,
  { campaignId, openedAt, limit }: Pick<Grounds, 'campaignId' | 'openedAt' | 'limit'>,
  { latencyOfSteps }: Pick<Figures, 'latencyOfSteps'>,
): Promise<Check> {
  if (limit === undefined)
    return checkOf('I9', undefined, 0, 'not checked: the stack enforces no limit on claims')
  const { claimsPerSecond, burstClaims } = limit
  const delayMs = Math.min(DELAY_MS_MAX, latencyOfSteps.claim?.max ?? DELAY_MS_MAX)
  let checked = 0
  let holds = true
  const found: string[] = []
  for (const windowS of WINDOWS_S) {
    const { issued, most, at } = await fullestWindow(ask, campaignId, openedAt, windowS)
    checked = issued
    const bare = claimsPerSecond * windowS + burstClaims
    // A claim is whole: the one that begins just within the bound counts as one.
    const allowed = Math.floor(bare + (claimsPerSecond * delayMs) / 1_000) + 1
    if (most > allowed) holds = false
    const over = most > bare ? `, ${Math.ceil(most - bare)} over rate and burst alone` : ''
    const when = most > allowed && at !== null ? ` from ${at.toISOString()}` : ''
    found.push(`at most ${most} in ${windowS} s${when}, ${allowed} allowed${over}`)
  }
  const bound = `${round(claimsPerSecond)}/s, ${round(burstClaims)} at once, ${Math.round(delayMs)} ms for the way to the database`
  return checkOf('I9', holds, checked, `${found.join('; ')} (${bound})`)
}

/** Coupons of a batch share an instant: they are added up first, so that the windows slide over batches. */
async function fullestWindow(
  ask: Ask,
  campaignId: string,
  openedAt: Date,
  windowS: number,
): Promise<{ issued: number; most: number; at: Date | null }> {
  const [row] = await ask<{ issued: string; most: string; at: Date | null }>(
    `SELECT coalesce(sum(n), 0) AS issued, coalesce(max(within), 0) AS most,
            (array_agg(issued_at ORDER BY within DESC, issued_at))[1] AS at
       FROM (
         SELECT issued_at, n, sum(n) OVER (
                  ORDER BY issued_at RANGE BETWEEN CURRENT ROW AND $3::interval FOLLOWING) AS within
           FROM (SELECT issued_at, count(*) AS n FROM coupon.coupon
                  WHERE campaign_id = $1 AND issued_at >= $2 GROUP BY issued_at))`,
    // Half-open: an instant a whole window later is outside.
    [campaignId, openedAt, `${windowS * 1_000_000 - 1} microseconds`],
  )
  return { issued: Number(row?.issued), most: Number(row?.most), at: row?.at ?? null }
}

const round = (value: number): number => Math.round(value * 10) / 10
