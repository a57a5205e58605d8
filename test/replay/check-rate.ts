import { type Ask, type Check, checkOf, type Grounds } from './check-result.ts'
import { fullestWindow } from './check-windows.ts'
import type { Acknowledged, Figures } from './figures.ts'

const WINDOWS_S = [1, 10, 60] as const
/** No gateway waits longer for an answer of a subgraph: what was admitted is issued by then, or not at all. */
const DELAY_MS_MAX = 10_000
const CHUNK = 5_000
const COUPON_ID = /^coupon_[0-9a-f]{2}_[0-9a-f]{32}$/
const CLOCK_READS = 10

/**
 * I9: in no window of 1, 10 and 60 seconds were more claims admitted than rate × window + burst.
 *
 * When a claim was admitted is not in the books: it was after it was sent and before its batch was judged, at `issued_at`.
 * So two things are looked at, and both have to hold:
 *
 * - Claims that were sent and issued within one window were admitted within it, whatever they waited for: of these there
 *   are never more than the bound, without any tolerance but for the difference of the two clocks, which is measured.
 * - Of all coupons, those of other askers too, only `issued_at` is known. After a wait batches bunch up: coupons of one
 *   window were admitted within it and the longest wait, which no answer was faster than. So the window is allowed the
 *   rate of the slowest answer to a claim, 10 s at most, on top.
 */
export async function checkRate(
  ask: Ask,
  { campaignId, openedAt, limit }: Pick<Grounds, 'campaignId' | 'openedAt' | 'limit'>,
  { latencyOfSteps, acknowledged }: Pick<Figures, 'latencyOfSteps' | 'acknowledged'>,
): Promise<Check> {
  if (limit === undefined)
    return checkOf('I9', undefined, 0, 'not checked: the stack enforces no limit on claims')
  const { claimsPerSecond, burstClaims } = limit
  const spans = await spansOf(ask, acknowledged)
  const delayMs = Math.min(DELAY_MS_MAX, latencyOfSteps.claim?.max ?? DELAY_MS_MAX)
  let checked = 0
  let holds = true
  const found: string[] = []
  for (const windowS of WINDOWS_S) {
    // A claim is whole: the one that begins just within the bound counts as one.
    const bound = Math.floor(claimsPerSecond * windowS + burstClaims) + 1
    const surely = fullestWindow(spans.fromMs, spans.toMs, windowS * 1_000)
    const all = await fullestOfIssued(ask, campaignId, openedAt, windowS)
    checked = all.issued
    const bunched = bound + Math.ceil((claimsPerSecond * delayMs) / 1_000)
    const isBroken = surely.most > bound || all.most > bunched
    if (isBroken) holds = false
    const atMs = surely.most > bound ? surely.atMs : all.atMs
    const when = isBroken ? ` (broken, from ${new Date(atMs).toISOString()})` : ''
    found.push(
      `within ${windowS} s at most ${surely.most} were sent and issued, ${bound} allowed; ${all.most} issued, ${bunched} allowed${when}`,
    )
  }
  const terms = `${round(claimsPerSecond)}/s, ${round(burstClaims)} at once, answers in ${Math.round(delayMs)} ms at most`
  return checkOf('I9', holds, checked, `${found.join('; ')}; ${terms}`)
}

/** Coupons of a batch share an instant: they are added up first, so that the windows slide over batches. */
async function fullestOfIssued(
  ask: Ask,
  campaignId: string,
  openedAt: Date,
  windowS: number,
): Promise<{ issued: number; most: number; atMs: number }> {
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
  return { issued: Number(row?.issued), most: Number(row?.most), atMs: row?.at?.getTime() ?? Number.NaN }
}

/** From when each claim was sent to when it was issued, by our clock; as much wider as the clocks' difference is unsure. */
async function spansOf(
  ask: Ask,
  acknowledged: readonly Acknowledged[],
): Promise<{ fromMs: Float64Array; toMs: Float64Array }> {
  const { aheadMs, unsureMs } = await clockOfDatabase(ask)
  const fromMs: number[] = []
  const toMs: number[] = []
  for (let at = 0; at < acknowledged.length; at += CHUNK) {
    const chunk = acknowledged
      .slice(at, at + CHUNK)
      .filter(({ couponId, issuingMs }) => issuingMs !== undefined && COUPON_ID.test(couponId))
    const rows = await ask<{ n: number; issued_ms: number }>(
      `SELECT t.n::int, (extract(epoch FROM c.issued_at) * 1000)::float8 AS issued_ms
         FROM unnest($1::uuid[]) WITH ORDINALITY AS t (coupon_id, n)
        CROSS JOIN LATERAL (SELECT issued_at FROM coupon.coupon WHERE coupon_id = t.coupon_id LIMIT 1) c`,
      [chunk.map(({ couponId }) => couponId.slice(-32))],
    )
    for (const { n, issued_ms } of rows) {
      fromMs.push(chunk[n - 1]!.issuingMs! - unsureMs)
      toMs.push(issued_ms - aheadMs + unsureMs)
    }
  }
  return { fromMs: Float64Array.from(fromMs), toMs: Float64Array.from(toMs) }
}

/** What the database's clock is ahead of ours, by the quickest of some readings: it was read between question and answer. */
async function clockOfDatabase(ask: Ask): Promise<{ aheadMs: number; unsureMs: number }> {
  let best = { aheadMs: 0, unsureMs: Number.POSITIVE_INFINITY }
  for (let i = 0; i < CLOCK_READS; i++) {
    const askedMs = Date.now()
    const [row] = await ask<{ ms: number }>(
      'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS ms',
    )
    // Our clock is read in whole milliseconds.
    const unsureMs = (Date.now() - askedMs) / 2 + 1
    if (unsureMs < best.unsureMs) best = { aheadMs: row!.ms - (askedMs + unsureMs - 1), unsureMs }
  }
  return best
}

const round = (value: number): number => Math.round(value * 10) / 10
