import type { Caller } from '../protocol/caller.ts'
import type { DeadlineMs } from '../protocol/deadline.ts'
import { Fault } from '../protocol/fault.ts'
import type { Priority } from '../protocol/priority.ts'
import type { SubgraphClient } from '../protocol/subgraph-client.ts'

/**
 * The port through which one subgraph calls another. The calls form a DAG (payment → coupon, payment → catalog,
 * campaign → coupon) and every one is idempotent by order, or by campaign and version. In process a call is a function
 * call, between processes it is HTTP; both are a `SubgraphClient`.
 *
 * Never call a peer while a transaction or a pooled connection is held.
 */

export interface PeerCall {
  readonly deadlineMs: DeadlineMs
  readonly traceparent?: string | undefined
}

export type CouponState = 'ISSUED' | 'RESERVED' | 'REDEEMED' | 'EXPIRED' | 'REVOKED' | 'RETURNED'
export type CouponRefusal = 'NOT_FOUND' | 'EXPIRED' | 'NOT_AVAILABLE' | 'BELOW_MINIMUM'
export type IssuanceState = 'OPEN' | 'PAUSED' | 'CLOSED'
export type StockHoldState = 'HELD' | 'REFUSED' | 'RELEASED' | 'COMMITTED' | 'RETURNED' | 'NONE'

export interface CouponTerms {
  readonly couponId: string
  readonly state: CouponState
  readonly refusal: CouponRefusal | null
  readonly faceFen: number
  readonly minSpendFen: number
  /** RFC 3339. */
  readonly validUntil: string
}

export interface CouponHold {
  readonly couponId: string
  readonly orderId: string
  readonly state: CouponState | null
  readonly refusal: CouponRefusal | null
  readonly faceFen: number
}

export interface CouponOrder {
  readonly shopperId: string
  readonly couponId: string
  readonly orderId: string
}

export interface CouponPeer {
  checkCoupon(input: { shopperId: string; couponId: string }, call: PeerCall): Promise<CouponTerms | null>
  reserveCoupon(input: CouponOrder & { subtotalFen: number }, call: PeerCall): Promise<CouponHold>
  releaseCoupon(input: CouponOrder, call: PeerCall): Promise<CouponHold>
  redeemCoupon(input: CouponOrder & { subtotalFen: number }, call: PeerCall): Promise<CouponHold>
  returnCoupon(input: CouponOrder, call: PeerCall): Promise<CouponHold>
}

export interface IssuanceTerms {
  readonly limit: number
  readonly faceFen: number
  readonly minSpendFen: number
  readonly opensAt: Date
  readonly closesAt: Date
  readonly validUntil: Date
}

export interface IssuanceAcknowledgement {
  readonly campaignId: string
  readonly version: number
  readonly state: IssuanceState
  readonly unissuedFen: number
}

export interface IssuanceNotice {
  readonly paused: boolean
  readonly noticeZh: string | null
  readonly noticeEn: string | null
}

export interface IssuancePeer {
  openIssuance(
    input: { campaignId: string; version: number } & IssuanceTerms,
    call: PeerCall,
  ): Promise<IssuanceAcknowledgement>
  setIssuance(
    input: { campaignId: string; version: number } & IssuanceNotice,
    call: PeerCall,
  ): Promise<IssuanceAcknowledgement>
  closeIssuance(
    input: { campaignId: string; version: number },
    call: PeerCall,
  ): Promise<IssuanceAcknowledgement>
}

export interface VariantPrice {
  readonly sku: string
  readonly nameZh: string
  readonly nameEn: string
  readonly priceFen: number
  readonly available: number
}

export interface StockHold {
  readonly orderId: string
  readonly state: StockHoldState
  readonly short: readonly { readonly sku: string; readonly available: number }[]
}

export interface CatalogPeer {
  priceVariants(input: { skus: readonly string[] }, call: PeerCall): Promise<readonly VariantPrice[]>
  reserveStock(
    input: { orderId: string; lines: readonly { readonly sku: string; readonly quantity: number }[] },
    call: PeerCall,
  ): Promise<StockHold>
  releaseStock(input: { orderId: string }, call: PeerCall): Promise<StockHold>
  commitStock(input: { orderId: string }, call: PeerCall): Promise<StockHold>
  returnStock(input: { orderId: string }, call: PeerCall): Promise<StockHold>
}

const HOLD = '{ couponId orderId state refusal faceFen }'
const ACKNOWLEDGEMENT = '{ campaignId version state unissuedFen }'
const STOCK = '{ orderId state short { sku available } }'

/** payment's view of coupon. */
export function couponPeer(client: SubgraphClient): CouponPeer {
  const call = service(client, 'payment')
  return {
    checkCoupon: call(
      'query',
      'PAY',
      'checkCoupon',
      `query($shopperId: ID!, $couponId: ID!) {
        checkCoupon(shopperId: $shopperId, couponId: $couponId) { couponId state refusal faceFen minSpendFen validUntil }
      }`,
    ),
    reserveCoupon: call(
      'mutation',
      'PAY',
      'reserveCoupon',
      withInput('reserveCoupon', 'ReserveCouponInput', HOLD),
    ),
    releaseCoupon: call(
      'mutation',
      'PAY',
      'releaseCoupon',
      withInput('releaseCoupon', 'CouponOrderInput', HOLD),
    ),
    redeemCoupon: call(
      'mutation',
      'REDEEM',
      'redeemCoupon',
      withInput('redeemCoupon', 'RedeemCouponInput', HOLD),
    ),
    returnCoupon: call(
      'mutation',
      'PAY',
      'returnCoupon',
      withInput('returnCoupon', 'CouponOrderInput', HOLD),
    ),
  }
}

/** campaign's view of coupon. */
export function issuancePeer(client: SubgraphClient): IssuancePeer {
  const call = service(client, 'campaign')
  return {
    openIssuance: call(
      'mutation',
      'OPERATE',
      'openIssuance',
      withInput('openIssuance', 'OpenIssuanceInput', ACKNOWLEDGEMENT),
    ),
    setIssuance: call(
      'mutation',
      'OPERATE',
      'setIssuance',
      withInput('setIssuance', 'SetIssuanceInput', ACKNOWLEDGEMENT),
    ),
    closeIssuance: call(
      'mutation',
      'OPERATE',
      'closeIssuance',
      withInput('closeIssuance', 'CloseIssuanceInput', ACKNOWLEDGEMENT),
    ),
  }
}

/** payment's view of catalog. */
export function catalogPeer(client: SubgraphClient): CatalogPeer {
  const call = service(client, 'payment')
  return {
    priceVariants: call(
      'query',
      'PAY',
      'priceVariants',
      'query($skus: [ID!]!) { priceVariants(skus: $skus) { sku nameZh nameEn priceFen available } }',
    ),
    reserveStock: call(
      'mutation',
      'PAY',
      'reserveStock',
      withInput('reserveStock', 'ReserveStockInput', STOCK),
    ),
    releaseStock: call('mutation', 'PAY', 'releaseStock', byOrder('releaseStock')),
    commitStock: call('mutation', 'REDEEM', 'commitStock', byOrder('commitStock')),
    returnStock: call('mutation', 'PAY', 'returnStock', byOrder('returnStock')),
  }
}

const withInput = (field: string, type: string, selection: string): string =>
  `mutation($input: ${type}!) { ${field}(input: $input) ${selection} }`

const byOrder = (field: string): string => `mutation($orderId: ID!) { ${field}(orderId: $orderId) ${STOCK} }`

/**
 * One field as a function. Rejects with the peer's own fault, with the client's when there was no answer, and with
 * SUBGRAPH_BAD_ANSWER when the answer is neither data nor error.
 */
function service(client: SubgraphClient, from: string) {
  const caller: Caller = { kind: 'service', client: from, scopes: [], tier: 'developer' }
  return <Input extends object, Answer>(
    kind: 'query' | 'mutation',
    priority: Priority,
    field: string,
    operation: string,
  ): ((input: Input, call: PeerCall) => Promise<Answer>) => {
    const variablesOf = operation.includes('$input') ? (input: Input) => ({ input: wire(input) }) : wire
    return async (input, { deadlineMs, traceparent }) => {
      const answer = await client.execute({
        kind,
        operation,
        variables: variablesOf(input),
        caller,
        deadlineMs,
        priority,
        ...(traceparent === undefined ? {} : { traceparent }),
      })
      const error = answer.errors?.[0]
      if (error !== undefined) {
        const { code, retryAfterMs, ...details } = error.extensions ?? {}
        throw new Fault(
          typeof code === 'string' ? code : 'SUBGRAPH_ERROR',
          `${client.name}.${field}: ${error.message}`,
          {
            ...(typeof retryAfterMs === 'number' ? { retryAfterMs } : {}),
            details,
          },
        )
      }
      const value = answer.data?.[field]
      if (value === undefined)
        throw new Fault('SUBGRAPH_BAD_ANSWER', `${client.name} answered without ${field}`)
      return value as Answer
    }
  }
}

/** Instants travel as RFC 3339, in process too, so that both forms of the client are given the same. */
function wire(input: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(input).map(([name, value]) => [name, value instanceof Date ? value.toISOString() : value]),
  )
}
