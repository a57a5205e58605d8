import { Fault } from '../../protocol/fault.ts'
import { sliceHex } from '../../protocol/slice.ts'
import type { CouponRefusal, CouponState } from './schema.generated.ts'

/**
 * The life of a coupon. Pure: the row locked by holds.ts goes in, what is to be written comes out.
 *
 *     ISSUED ── reserve ──▶ RESERVED ── redeem ──▶ REDEEMED ── return, still valid ──▶ ISSUED
 *        ▲                     │ │                     └────── return, time ended ────▶ RETURNED
 *        └─ release, valid ────┘ └─ release, time ended ─▶ EXPIRED
 *     ISSUED ── time ends ──▶ EXPIRED          ISSUED ── revoke ──▶ REVOKED
 *
 * Validity is half-open: at `validUntil` itself a coupon is no longer valid. An ISSUED row past it reads as EXPIRED at
 * once; the sweep makes that durable later. A coupon reserved in time may be redeemed after its end.
 *
 * Every change of an order comes at least once and in any order, so an order has a hold that outlives it:
 *
 *     none ── reserve ──▶ HELD ── redeem ──▶ REDEEMED ── return ──▶ RETURNED
 *       └──── release ──▶ RELEASED ◀── release ── HELD             (a return of what is only held is a release)
 *
 * A release that overtakes its reserve leaves RELEASED behind, and the late reserve is refused.
 */
export type CouponPhase =
  | { readonly state: 'ISSUED' | 'EXPIRED' | 'REVOKED' }
  | { readonly state: 'RESERVED'; readonly orderId: string }
  | { readonly state: 'REDEEMED' | 'RETURNED'; readonly orderId: string; readonly redeemedAt: Date }

export type Hold =
  | { readonly state: 'HELD' | 'RELEASED' }
  | { readonly state: 'REDEEMED' | 'RETURNED'; readonly expenseFen: number }

export type Account = 'available' | 'liability' | 'expense' | 'returned'

export type TransferKind = 'ISSUE' | 'REDEEM' | 'UNUSED' | 'EXPIRE' | 'REVOKE' | 'RETURN' | 'RETURN_UNUSED'

/** Moves an amount from `debit` to `credit`; never zero. */
export interface Transfer {
  readonly kind: TransferKind
  readonly debit: Account
  readonly credit: Account
  readonly amountFen: number
}

export interface Terms {
  readonly faceFen: number
  readonly minSpendFen: number
  readonly validUntil: Date
}

/** What a rule is told: the locked coupon, the order's hold (undefined: none), and the database's clock after the lock. */
export interface Situation {
  readonly coupon: CouponPhase
  readonly hold: Hold | undefined
  readonly terms: Terms
  readonly now: Date
}

/** What a rule decided. Without `coupon`, `hold` and transfers nothing is written. */
export interface Decision {
  readonly refusal: CouponRefusal | null
  readonly coupon?: CouponPhase
  readonly hold?: Hold
  readonly transfers: readonly Transfer[]
}

/** The state to show: an unused coupon past its end is EXPIRED, swept or not. */
export function stateAt(state: CouponState, validUntil: Date, now: Date): CouponState {
  return state === 'ISSUED' && now >= validUntil ? 'EXPIRED' : state
}

/** Why a coupon in this state cannot be used now; null when it can. */
export function refusalOf(state: CouponState): CouponRefusal | null {
  if (state === 'ISSUED') return null
  return state === 'EXPIRED' ? 'EXPIRED' : 'NOT_AVAILABLE'
}

export function reserve(situation: Situation, orderId: string, subtotalFen: number): Decision {
  const { coupon, hold, terms, now } = situation
  // Held or spent already: the order has what it asked for.
  if (hold?.state === 'HELD' || hold?.state === 'REDEEMED') return UNCHANGED
  if (hold !== undefined) return refuse('NOT_AVAILABLE')
  const refusal = refusalOf(stateAt(coupon.state, terms.validUntil, now))
  if (refusal !== null) return refuse(refusal)
  if (subtotalFen < terms.minSpendFen) return refuse('BELOW_MINIMUM')
  return {
    refusal: null,
    coupon: { state: 'RESERVED', orderId },
    hold: { state: 'HELD' },
    transfers: [],
  }
}

export function release(situation: Situation): Decision {
  const { hold, terms, now } = situation
  if (hold?.state === 'REDEEMED') return refuse('NOT_AVAILABLE')
  if (hold === undefined) return { refusal: null, hold: { state: 'RELEASED' }, transfers: [] }
  if (hold.state !== 'HELD') return UNCHANGED
  const released = { refusal: null, hold: { state: 'RELEASED' } } as const
  return now < terms.validUntil
    ? { ...released, coupon: { state: 'ISSUED' }, transfers: [] }
    : { ...released, coupon: { state: 'EXPIRED' }, transfers: [expiry(terms.faceFen)] }
}

/** Spends what the order is worth, at most the face; the rest is returned. */
export function redeem(situation: Situation, orderId: string, subtotalFen: number): Decision {
  const { hold, terms, now } = situation
  if (hold?.state === 'REDEEMED') return UNCHANGED
  if (hold?.state !== 'HELD') return refuse('NOT_AVAILABLE')
  const expenseFen = Math.min(terms.faceFen, subtotalFen)
  return {
    refusal: null,
    coupon: { state: 'REDEEMED', orderId, redeemedAt: now },
    hold: { state: 'REDEEMED', expenseFen },
    transfers: nonZero(
      { kind: 'REDEEM', debit: 'liability', credit: 'expense', amountFen: expenseFen },
      { kind: 'UNUSED', debit: 'liability', credit: 'returned', amountFen: terms.faceFen - expenseFen },
    ),
  }
}

/** Undoes a redemption: the coupon lives on if its time has not ended, else its money is returned. What is only held is released. */
export function giveBack(situation: Situation): Decision {
  const { coupon, hold, terms, now } = situation
  if (hold?.state !== 'REDEEMED' || coupon.state !== 'REDEEMED') return release(situation)
  const { expenseFen } = hold
  const returned = { refusal: null, hold: { state: 'RETURNED', expenseFen } } as const
  if (now >= terms.validUntil) {
    return {
      ...returned,
      coupon: { state: 'RETURNED', orderId: coupon.orderId, redeemedAt: coupon.redeemedAt },
      transfers: nonZero({ kind: 'RETURN', debit: 'expense', credit: 'returned', amountFen: expenseFen }),
    }
  }
  return {
    ...returned,
    coupon: { state: 'ISSUED' },
    transfers: nonZero(
      { kind: 'RETURN', debit: 'expense', credit: 'liability', amountFen: expenseFen },
      {
        kind: 'RETURN_UNUSED',
        debit: 'returned',
        credit: 'liability',
        amountFen: terms.faceFen - expenseFen,
      },
    ),
  }
}

/** A refusal here means a state that the coupon cannot be revoked from. */
export function revoke({ coupon, terms, now }: Situation): Decision {
  if (coupon.state === 'REVOKED') return UNCHANGED
  const refusal = refusalOf(stateAt(coupon.state, terms.validUntil, now))
  if (refusal !== null) return refuse(refusal)
  return {
    refusal: null,
    coupon: { state: 'REVOKED' },
    transfers: [{ kind: 'REVOKE', debit: 'liability', credit: 'returned', amountFen: terms.faceFen }],
  }
}

/** What transfers add to an account. */
export function sumInto(account: Account, transfers: readonly Transfer[]): number {
  let sumFen = 0
  for (const { debit, credit, amountFen } of transfers) {
    if (credit === account) sumFen += amountFen
    if (debit === account) sumFen -= amountFen
  }
  return sumFen
}

const CAMPAIGN_ID = /^campaign_[a-z0-9-]{1,48}$/

/** @throws Fault BAD_ID */
export function assertCampaignId(id: string): void {
  if (CAMPAIGN_ID.test(id)) return
  throw new Fault(
    'BAD_ID',
    `expected campaign_ and 1 to 48 lower-case letters, digits and dashes, got ${JSON.stringify(id.slice(0, 64))}`,
  )
}

/** An id as the graph writes it, from a row's slice and uuid. */
export const idOf = (type: 'coupon' | 'order', sliceNo: number, uuid: string): string =>
  `${type}_${sliceHex(sliceNo)}_${uuid.replaceAll('-', '')}`

const UNCHANGED: Decision = { refusal: null, transfers: [] }

const refuse = (refusal: CouponRefusal): Decision => ({ refusal, transfers: [] })

const expiry = (faceFen: number): Transfer => ({
  kind: 'EXPIRE',
  debit: 'liability',
  credit: 'returned',
  amountFen: faceFen,
})

const nonZero = (...transfers: Transfer[]): Transfer[] => transfers.filter(({ amountFen }) => amountFen > 0)
