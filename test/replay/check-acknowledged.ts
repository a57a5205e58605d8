import { type Ask, type Check, checkOf, type Grounds } from './check-result.ts'
import type { Acknowledged, Figures } from './figures.ts'

const CHUNK = 5_000
const EXAMPLES_MAX = 3
const COUPON_ID = /^coupon_[0-9a-f]{2}_[0-9a-f]{32}$/
const ORDER_ID = /^order_[0-9a-f]{2}_[0-9a-f]{32}$/

/** What an order may be by now, by the last that its shopper was told. */
const LATER: Readonly<Record<string, readonly string[]>> = {
  CREATED: ['CREATED', 'AWAITING_PAYMENT', 'PAID', 'FULFILLED', 'CANCELLED', 'REFUNDED'],
  AWAITING_PAYMENT: ['AWAITING_PAYMENT', 'PAID', 'FULFILLED', 'CANCELLED', 'REFUNDED'],
  PAID: ['PAID', 'FULFILLED', 'REFUNDED'],
  FULFILLED: ['FULFILLED', 'REFUNDED'],
  CANCELLED: ['CANCELLED'],
  REFUNDED: ['REFUNDED'],
}

/** As `Acknowledged`, in columns. */
interface Found {
  readonly n: number
  readonly coupon_is_theirs: boolean | null
  readonly coupon_state: string | null
  readonly coupon_order: string | null
  readonly order_is_theirs: boolean | null
  readonly order_state: string | null
  readonly order_step: string | null
}

/**
 * I3: each coupon that a shopper was told of is theirs and of this campaign, each order is theirs, was placed with that
 * coupon and stands where they were told or later; an order that is paid and done has redeemed its coupon.
 */
export async function checkAcknowledged(
  ask: Ask,
  { campaignId }: Pick<Grounds, 'campaignId'>,
  { acknowledged }: Pick<Figures, 'acknowledged'>,
): Promise<Check> {
  const wrong: string[] = []
  let broken = 0
  let orders = 0
  for (let from = 0; from < acknowledged.length; from += CHUNK) {
    const chunk = acknowledged.slice(from, from + CHUNK)
    for (const { n, ...found } of await look(ask, campaignId, chunk)) {
      const told = chunk[n - 1]!
      if (told.orderId !== undefined) orders++
      const problem = problemOf(told, { n, ...found })
      if (problem === undefined) continue
      broken++
      if (wrong.length < EXAMPLES_MAX) wrong.push(`${told.shopperId}: ${problem}`)
    }
  }
  const detail = `${acknowledged.length} coupons and ${orders} orders looked up, ${broken} not as told`
  return checkOf('I3', broken === 0, acknowledged.length + orders, [detail, ...wrong].join('; '))
}

/** One row for each of the chunk. Coupons are found by coupon_by_id, orders by their key; ids that are none, not at all. */
function look(ask: Ask, campaignId: string, chunk: readonly Acknowledged[]): Promise<Found[]> {
  return ask<Found>(
    `SELECT t.n::int, c.shopper_id = t.shopper_id AND c.campaign_id = $1 AND c.slice_no = t.coupon_slice AS coupon_is_theirs,
            c.state AS coupon_state, c.order_id::text AS coupon_order,
            o.shopper_id = t.shopper_id AND (o.coupon_id IS NULL OR o.coupon_id = t.coupon_id) AS order_is_theirs,
            o.state AS order_state, o.step AS order_step
       FROM unnest($2::text[], $3::text[], $4::uuid[], $5::smallint[], $6::text[], $7::smallint[])
            WITH ORDINALITY AS t (shopper_id, coupon_id, coupon_uuid, coupon_slice, order_id, order_slice, n)
       LEFT JOIN LATERAL (SELECT * FROM coupon.coupon WHERE coupon_id = t.coupon_uuid LIMIT 1) c ON true
       LEFT JOIN LATERAL (
         SELECT * FROM payment.orders WHERE slice_no = t.order_slice AND id = t.order_id LIMIT 1) o ON true
      ORDER BY t.n`,
    [
      campaignId,
      chunk.map(({ shopperId }) => shopperId),
      chunk.map(({ couponId }) => couponId),
      chunk.map(({ couponId }) => (COUPON_ID.test(couponId) ? couponId.slice(-32) : null)),
      chunk.map(({ couponId }) => (COUPON_ID.test(couponId) ? sliceIn(couponId) : null)),
      chunk.map(({ orderId }) => orderId ?? null),
      chunk.map(({ orderId }) => (orderId !== undefined && ORDER_ID.test(orderId) ? sliceIn(orderId) : null)),
    ],
  )
}

const sliceIn = (id: string): number => Number.parseInt(id.slice(-35, -33), 16)

function problemOf(told: Acknowledged, found: Found): string | undefined {
  const { couponId, orderId, orderState } = told
  if (found.coupon_state === null) return `${couponId} is not there`
  if (found.coupon_is_theirs !== true) return `${couponId} is another shopper's or campaign's`
  if (orderId === undefined) return undefined
  if (found.order_state === null) return `${orderId} is not there`
  if (found.order_is_theirs !== true)
    return `${orderId} is another shopper's or was placed with another coupon`
  const may = orderState === undefined ? undefined : LATER[orderState]
  if (orderState !== undefined && may?.includes(found.order_state) !== true)
    return `${orderId} was told as ${orderState} and is ${found.order_state}`
  if (found.order_state !== 'PAID' || found.order_step !== 'DONE') return undefined
  const isRedeemed =
    found.coupon_state === 'REDEEMED' && found.coupon_order?.replaceAll('-', '') === orderId.slice(-32)
  return isRedeemed ? undefined : `${orderId} is paid and its coupon is ${found.coupon_state}`
}
