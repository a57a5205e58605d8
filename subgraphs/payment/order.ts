import { createHash } from 'node:crypto'
import { Fault } from '../../protocol/fault.ts'
import type { CouponTerms, VariantPrice } from '../peers.ts'
import type {
  CancelReason,
  CouponNotUsableReason,
  OrderState,
  PaymentState,
  QuoteLineInput,
  RefundState,
} from './schema.generated.ts'

/** Pure rules of quotes and orders: nothing here reads a clock, a database or a peer. */

/** A line as it was priced; also how it is stored. */
export interface PricedLine {
  readonly sku: string
  readonly nameZh: string
  readonly nameEn: string
  readonly quantity: number
  readonly unitPriceFen: number
  readonly totalFen: number
}

/** What a quote and an order agree on. payableFen = subtotalFen - discountFen. */
export interface Basket {
  readonly lines: readonly PricedLine[]
  readonly couponId: string | null
  readonly subtotalFen: number
  readonly discountFen: number
  readonly payableFen: number
}

export interface QuoteRow extends Basket {
  readonly sliceNo: number
  readonly id: string
  readonly shopperId: string
  readonly sha256: string
  readonly expiresAt: Date
  /** By the database's clock, when it was read. */
  readonly expired: boolean
}

/** Every phase that an order can be in; saga.ts draws how they follow one another. */
export type Phase =
  | { readonly state: 'CREATED'; readonly step: 'RESERVE' }
  | { readonly state: 'AWAITING_PAYMENT'; readonly step: 'AWAIT' }
  | { readonly state: 'PAID'; readonly step: 'SETTLE' | 'REFUND' | 'DONE' }
  | { readonly state: 'CANCELLED'; readonly step: 'RELEASE' | 'WATCH' | 'DONE' }
  | { readonly state: 'REFUNDED'; readonly step: 'RETURN' | 'DONE' }

interface OrderFields extends Basket {
  readonly sliceNo: number
  readonly id: string
  readonly shopperId: string
  readonly quoteId: string
  /** How often the sweep has taken this step up. */
  readonly attempts: number
  readonly createdAt: Date
  readonly expiresAt: Date
  /** `expiresAt` had come, by the database's clock, when the row was read. */
  readonly expired: boolean
  /** Since `createdAt`, by the database's clock, when the row was read. */
  readonly ageMs: number
  readonly paidAt: Date | null
  readonly cancelReason: CancelReason | null
  /** What placeOrder answered, when it did not place. */
  readonly refusal: StoredOutcome | null
  /** The payment that succeeded, else the latest. */
  readonly paymentId: string | null
  /** That payment's outcome is not known yet. */
  readonly paymentOpen: boolean
  /** Payments that ended without money. */
  readonly declines: number
  readonly refundId: string | null
}

export type OrderRow = OrderFields & Phase

export interface PaymentRow {
  readonly sliceNo: number
  readonly id: string
  readonly orderId: string
  readonly shopperId: string
  readonly amountFen: number
  readonly provider: string
  readonly state: PaymentState
  readonly createdAt: Date
  readonly paidAt: Date | null
}

export interface RefundRow {
  readonly sliceNo: number
  readonly id: string
  readonly orderId: string
  readonly shopperId: string
  readonly paymentId: string | null
  readonly amountFen: number
  readonly state: RefundState
  readonly createdAt: Date
}

/** An outcome as idempotency keeps it: its name, ids and scalars; words and the order's present state are added when it is told. */
export type StoredOutcome =
  | {
      readonly typename: 'OrderPlaced' | 'OrderPaid' | 'PaymentDeclined' | 'OrderCancelled' | 'OrderRefunded'
      readonly orderId: string
    }
  | { readonly typename: 'VariantUnavailable'; readonly sku: string; readonly available: number }
  | { readonly typename: 'CouponNotUsable'; readonly reason: CouponNotUsableReason }
  | { readonly typename: 'QuoteExpired' }
  | { readonly typename: 'OrderStateConflict'; readonly state: OrderState }

export const LINES_MAX = 20
export const QUANTITY_MAX = 99
const SKU_CHARACTERS_MAX = 64

/** @throws Fault BAD_INPUT unless there are 1 to 20 lines, each sku once, each quantity 1 to 99. */
export function checkLines(lines: readonly QuoteLineInput[]): void {
  if (lines.length < 1 || lines.length > LINES_MAX) {
    throw new Fault('BAD_INPUT', `a basket has 1 to ${LINES_MAX} lines, got ${lines.length}`)
  }
  const seen = new Set<string>()
  for (const { sku, quantity } of lines) {
    checkText('sku', sku, SKU_CHARACTERS_MAX)
    if (seen.has(sku)) throw new Fault('BAD_INPUT', `a basket has each sku once, got ${sku} twice`)
    seen.add(sku)
    if (quantity < 1 || quantity > QUANTITY_MAX) {
      throw new Fault('BAD_INPUT', `a quantity is 1 to ${QUANTITY_MAX}, got ${quantity} of ${sku}`)
    }
  }
}

/** @throws Fault BAD_INPUT for text that is empty, too long, or holds NUL or half a surrogate pair. */
export function checkText(what: string, text: string, charactersMax: number): void {
  if (text.length < 1 || text.length > charactersMax) {
    throw new Fault('BAD_INPUT', `${what} expects 1 to ${charactersMax} characters, got ${text.length}`)
  }
  if (text.includes('\0') || !text.isWellFormed()) {
    throw new Fault('BAD_INPUT', `${what} expects text without NUL and lone surrogates`)
  }
}

/**
 * Prices a checked basket. Answers the first line that cannot be had, in the order asked for.
 * @throws Fault BAD_INPUT when the total is beyond what Fen can carry
 */
export function priceLines(
  lines: readonly QuoteLineInput[],
  prices: readonly VariantPrice[],
): { readonly priced: readonly PricedLine[] } | { readonly short: { sku: string; available: number } } {
  const priceOf = new Map(prices.map(price => [price.sku, price]))
  const priced: PricedLine[] = []
  for (const { sku, quantity } of lines) {
    const price = priceOf.get(sku)
    if (price === undefined || price.available < quantity) {
      return { short: { sku, available: price?.available ?? 0 } }
    }
    const { nameZh, nameEn, priceFen } = price
    priced.push({ sku, nameZh, nameEn, quantity, unitPriceFen: priceFen, totalFen: priceFen * quantity })
  }
  if (!Number.isSafeInteger(subtotalOf(priced))) {
    throw new Fault('BAD_INPUT', 'the basket costs more than 2^53-1 fen')
  }
  return { priced }
}

export const subtotalOf = (lines: readonly PricedLine[]): number =>
  lines.reduce((sum, { totalFen }) => sum + totalFen, 0)

/** Why a coupon cannot be used on a basket of this much; undefined when it can. `null`: the shopper has no such coupon. */
export function couponRefusal(
  terms: CouponTerms | null,
  subtotalFen: number,
): CouponNotUsableReason | undefined {
  if (terms === null) return 'NOT_FOUND'
  if (terms.refusal !== null) return terms.refusal
  return subtotalFen < terms.minSpendFen ? 'BELOW_MINIMUM' : undefined
}

export function basketOf(lines: readonly PricedLine[], coupon: CouponTerms | null): Basket {
  const subtotalFen = subtotalOf(lines)
  const discountFen = coupon === null ? 0 : discountOf(coupon.faceFen, subtotalFen)
  return {
    lines,
    couponId: coupon?.couponId ?? null,
    subtotalFen,
    discountFen,
    payableFen: subtotalFen - discountFen,
  }
}

/** A coupon never gives change. */
export const discountOf = (faceFen: number, subtotalFen: number): number => Math.min(faceFen, subtotalFen)

/** What a quote promises, as the hash that both sides can compare: lower-case hex. */
export const hashOf = (basket: Basket): string =>
  sha256({
    couponId: basket.couponId,
    discountFen: basket.discountFen,
    lines: basket.lines,
    payableFen: basket.payableFen,
    subtotalFen: basket.subtotalFen,
  })

/** SHA-256 of a value's canonical JSON (RFC 8785: keys sorted, no white space), lower-case hex. */
export const sha256 = (value: unknown): string => createHash('sha256').update(canonical(value)).digest('hex')

/** RFC 8785 for the values we have: strings, safe integers, booleans, null, lists, plain objects. Absent is left out. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join(',')}}`
}

/** Stock is locked by sku, so it is asked for by sku: two orders never wait for each other in a circle. */
export const stockLines = (order: Basket): readonly { sku: string; quantity: number }[] =>
  order.lines.map(({ sku, quantity }) => ({ sku, quantity })).sort((a, b) => (a.sku < b.sku ? -1 : 1))

/** What placeOrder answers for an order as it stands; undefined while it is not settled. */
export function placementOf(order: OrderRow): StoredOutcome | undefined {
  if (order.state === 'CREATED') return undefined
  return order.refusal ?? { typename: 'OrderPlaced', orderId: order.id }
}

export type PayDecision =
  | { readonly kind: 'charge' }
  /** Its outcome is being found out. */
  | { readonly kind: 'pending' }
  /** Its time has passed; it must be cancelled first. */
  | { readonly kind: 'expire' }
  | { readonly kind: 'conflict'; readonly state: OrderState }
  | { readonly kind: 'over-limit'; readonly limitFen: number }

/** @param amountMaxFen the mandate's ceiling; undefined: none */
export function decidePay(order: OrderRow, amountMaxFen: number | undefined): PayDecision {
  if (order.state === 'CREATED') return { kind: 'pending' }
  if (order.state !== 'AWAITING_PAYMENT') return { kind: 'conflict', state: order.state }
  if (order.paymentOpen) return { kind: 'pending' }
  if (order.expired) return { kind: 'expire' }
  if (amountMaxFen !== undefined && order.payableFen > amountMaxFen) {
    return { kind: 'over-limit', limitFen: amountMaxFen }
  }
  return { kind: 'charge' }
}

/** The key of a payOrder that names none: a new one after each payment that ended without money. */
export const payKey = (order: OrderRow): string => `${order.id}:${order.declines}`

/** Pause before a step that failed is tried again: 1 s, doubling up to a minute. */
export const backoffMs = (attempts: number): number => Math.min(1_000 * 2 ** Math.min(attempts, 10), 60_000)
