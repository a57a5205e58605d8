/** Who a request acts for. Made by the gateway from a verified token, carried to subgraphs as a value or signed. */

export type CallerKind = 'anonymous' | 'shopper' | 'operator' | 'service'

/** What a caller is allowed to spend; the limits themselves are the gateway's. */
export type Tier = 'shopper' | 'partner' | 'chatbot' | 'developer'

export type Scope = 'coupon:claim' | 'order:place' | 'order:pay' | 'campaign:operate' | 'catalog:write'

export interface Caller {
  readonly kind: CallerKind
  /** Present exactly when `kind` is `shopper`; matches {@link SHOPPER_ID}. */
  readonly shopperId?: string
  /** The program that speaks: a chatbot, a partner app, or a subgraph's name when `kind` is `service`. */
  readonly client: string
  readonly scopes: readonly string[]
  readonly tier: Tier
  /** The mandate's ceiling on one payment, in fen; absent: no ceiling. */
  readonly amountMaxFen?: number
}

/** Shopper ids, as tokens carry them. */
export const SHOPPER_ID: RegExp = /^[A-Za-z0-9_.:-]{1,64}$/

export const ANONYMOUS: Caller = Object.freeze({
  kind: 'anonymous',
  client: 'unknown',
  scopes: Object.freeze([]),
  tier: 'shopper',
})
