import type { Caller } from '../../protocol/caller.ts'
import { newId, parseId } from '../../protocol/ids.ts'
import { sliceOf } from '../../protocol/slice.ts'
import { shopperWith } from '../authorize.ts'
import type { Gathering } from '../database.ts'
import type { CatalogPeer, CouponPeer, PeerCall } from '../peers.ts'
import { couponNotUsable, type Outcome, orderQuoted, variantUnavailable } from './messages.ts'
import { basketOf, checkLines, couponRefusal, hashOf, priceLines, subtotalOf } from './order.ts'
import type { QuoteOrderInput } from './schema.generated.ts'
import { insertQuote } from './store.ts'

/** How long a price is kept. */
const QUOTE_KEPT_MS = 10 * 60_000

export interface QuoteOptions {
  readonly database: Gathering
  readonly coupon: CouponPeer
  readonly catalog: CatalogPeer
}

/**
 * Prices a basket and stores the price; holds nothing.
 * @throws Fault UNAUTHENTICATED, FORBIDDEN, BAD_INPUT, BAD_ID, and a peer's
 */
export async function quoteOrder(
  { database, coupon, catalog }: QuoteOptions,
  caller: Caller,
  { lines, couponId }: QuoteOrderInput,
  call: PeerCall,
): Promise<Outcome> {
  const shopperId = shopperWith(caller, 'order:place')
  checkLines(lines)
  if (couponId != null) parseId('coupon', couponId)

  const [prices, terms] = await Promise.all([
    catalog.priceVariants({ skus: lines.map(({ sku }) => sku) }, call),
    couponId == null ? null : coupon.checkCoupon({ shopperId, couponId }, call),
  ])
  const result = priceLines(lines, prices)
  if ('short' in result) return variantUnavailable(result.short.sku, result.short.available)
  if (couponId != null) {
    const reason = couponRefusal(terms, subtotalOf(result.priced))
    if (reason !== undefined) return couponNotUsable(reason)
  }
  const basket = basketOf(result.priced, terms)
  const quote = {
    ...basket,
    sliceNo: sliceOf(shopperId),
    id: newId('quote', shopperId),
    shopperId,
    sha256: hashOf(basket),
  }
  return orderQuoted(await insertQuote(database, quote, QUOTE_KEPT_MS))
}
