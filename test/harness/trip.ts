import type { GraphAnswer } from './graph.ts'

/** Carries one persisted operation through one door and back. */
export type Carry = (operation: string, variables: object) => Promise<GraphAnswer>

export const CAMPAIGN = 'campaign_spring-festival'
/** Cheap enough for a 25-yuan coupon to pay for one, and dear enough that it does not pay for two. */
export const SKU = 'PEARL-MILK-TEA-L'

export interface Step {
  readonly name: string
  readonly status: number
  readonly body: GraphAnswer['body']
}

/**
 * A shopper's day, the good steps and the mistakes: every answer in order, with ids, instants and the campaign's
 * counters replaced, so that two trips through different doors can be compared letter by letter.
 */
export async function shoppingTrip(carry: Carry): Promise<readonly Step[]> {
  const steps: Step[] = []
  const step = async (name: string, operation: string, variables: object): Promise<GraphAnswer['body']> => {
    const { status, body } = await carry(operation, variables)
    steps.push({ name, status, body })
    return body
  }

  await step('sees the campaign', 'CampaignHome', { campaignId: CAMPAIGN })
  const claimed = await step('claims', 'ClaimCoupon', { input: { campaignId: CAMPAIGN } })
  const couponId = claimed.data.claimCoupon.coupon.id
  await step('claims again', 'ClaimCoupon', { input: { campaignId: CAMPAIGN } })
  await step('claims of a campaign that is not there', 'ClaimCoupon', {
    input: { campaignId: 'campaign_nowhere' },
  })
  await step('claims with a malformed id', 'ClaimCoupon', { input: { campaignId: 'spring' } })
  await step('claims without input', 'ClaimCoupon', {})
  await step('looks into the wallet', 'MyCoupons', {})
  await step('asks for a negative page', 'MyCoupons', { first: -1 })
  await step('asks with a cursor of nothing', 'MyCoupons', { after: 'bm90aGluZw' })
  await step('searches in Chinese', 'SearchProducts', { query: '奶茶', first: 3 })
  await step('searches in English', 'SearchProducts', { query: 'tea', first: 3 })
  await step('looks at a product', 'ProductDetail', { id: 'product_pearl-milk-tea' })
  await step('looks at a product that is not there', 'ProductDetail', { id: 'product_nothing' })
  const lines = [{ sku: SKU, quantity: 2 }]
  await step('quotes something that is not sold', 'QuoteOrder', {
    input: { lines: [{ sku: 'NOTHING', quantity: 1 }] },
  })
  await step('quotes no quantity', 'QuoteOrder', { input: { lines: [{ sku: SKU, quantity: 0 }] } })
  const quoted = await step('quotes', 'QuoteOrder', { input: { lines, couponId } })
  const quoteId = quoted.data.quoteOrder.quote.id
  const placed = await step('places', 'PlaceOrder', { input: { quoteId } })
  const orderId = placed.data.placeOrder.order.id
  await step('places again', 'PlaceOrder', { input: { quoteId } })
  await step('sees the order wait', 'OrderStatus', { id: orderId })
  await step('is declined', 'PayOrder', { input: { orderId, paymentToken: 'sandbox-decline' } })
  await step('pays', 'PayOrder', { input: { orderId } })
  await step('pays again', 'PayOrder', { input: { orderId } })
  await step('sees the order paid and the coupon redeemed', 'OrderStatus', { id: orderId })
  await step('sees the wallet again', 'MyCoupons', {})
  await step('lists orders', 'MyOrders', {})
  await step('cancels too late', 'CancelOrder', { input: { orderId } })
  await step('quotes with the spent coupon', 'QuoteOrder', { input: { lines, couponId } })
  const again = await step('quotes without', 'QuoteOrder', { input: { lines: [{ sku: SKU, quantity: 1 }] } })
  const second = await step('places another', 'PlaceOrder', {
    input: { quoteId: again.data.quoteOrder.quote.id },
  })
  await step('cancels it', 'CancelOrder', { input: { orderId: second.data.placeOrder.order.id } })
  await step('pauses without the right', 'PauseIssuance', {
    input: { campaignId: CAMPAIGN, reason: 'none', noticeZh: '无', noticeEn: 'none' },
  })
  return anonymised(steps)
}

/** Ids become `coupon#1` by order of appearance; instants, hashes, cursors and counters become their kind. */
function anonymised(steps: readonly Step[]): readonly Step[] {
  const seen = new Map<string, string>()
  const text = JSON.stringify(steps)
    .replace(/\b(coupon|order|quote|payment|refund)_[0-9a-f]{2}_[0-9a-f]{32}\b/g, (id, type: string) => {
      if (!seen.has(id)) seen.set(id, `${type}#${seen.size + 1}`)
      return seen.get(id) as string
    })
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, '<instant>')
    .replace(/"(endCursor|startCursor|cursor)":"[^"]*"/g, '"$1":"<cursor>"')
    .replace(/"(issued|remaining|currentlyAvailable)":\d+/g, '"$1":"<count>"')
    .replace(/"(sha256)":"[0-9a-f]{64}"/g, '"$1":"<hash>"')
    .replace(/trip-[a-z0-9-]+/g, '<shopper>')
  return JSON.parse(text)
}
