import type { Question } from './requests.ts'
import type { Random } from './seeded.ts'
import type { Told } from './told.ts'

/**
 * What somebody does next, by what was told.
 *
 *     browse        home ──> search ──> detail ──> DONE
 *
 *     claim, order  claim ── CouponIssued, CouponAlreadyIssued ─────────> quote, or DONE for who only claims
 *                    │ ├──── KeptPlace, THROTTLED with a place ─────────> claim, with its token
 *                    │ └──── BudgetExhausted, NotEligible, CampaignNotOpen, THROTTLED with nothing remaining ──> TURNED_AWAY
 *                   quote ── OrderQuoted ──> place
 *                   place ── OrderPlaced ──> pay; status, where nothing is due
 *                    └────── QuoteExpired, QuoteNotFound ──> quote
 *                   pay ──── OrderPaid, OrderStateConflict ──> status
 *                    └────── PaymentDeclined ──> pay
 *                   status ─ PAID ──> DONE
 *                    └────── AWAITING_PAYMENT ──> pay
 *
 *     any           refused, failed, pending, no answer ── and it may help ──> the same again: when, is the behaviour
 *                    └──── else, or asked too often ──────────────────────> GAVE_UP
 *
 * Asking again is safe at each step: what is durable is told again.
 */
export type Next = Question | 'AGAIN' | 'DONE' | 'TURNED_AWAY' | 'GAVE_UP'

/** Looks only; claims only; claims and orders. */
export const PURPOSES = ['browse', 'claim', 'order', 'pay'] as const
/** `order`: what the coupon pays for; `pay`: what more is due for. */
export type Purpose = (typeof PURPOSES)[number]

export function nextOf(question: Question, purpose: Purpose, told: Told): Next {
  const { outcome } = told
  if (told.kind === 'place') return 'AGAIN'
  if (told.kind === 'refusal') {
    if (question === 'claim' && told.isNothingLeft) return 'TURNED_AWAY'
    return told.isRetryable ? 'AGAIN' : 'GAVE_UP'
  }
  switch (question) {
    case 'home':
      return 'search'
    case 'search':
      return 'detail'
    case 'detail':
      return 'DONE'
    case 'claim':
      if (outcome === 'CouponIssued' || outcome === 'CouponAlreadyIssued') {
        return purpose === 'claim' ? 'DONE' : 'quote'
      }
      if (told.isRetryable) return 'AGAIN'
      return AWAY.has(outcome) ? 'TURNED_AWAY' : 'GAVE_UP'
    case 'quote':
      return outcome === 'OrderQuoted' ? 'place' : 'GAVE_UP'
    case 'place':
      if (outcome === 'OrderPlaced') return told.orderState === 'AWAITING_PAYMENT' ? 'pay' : 'status'
      if (outcome === 'QuoteExpired' || outcome === 'QuoteNotFound') return 'quote'
      return told.isRetryable ? 'AGAIN' : 'GAVE_UP'
    case 'pay':
      if (outcome === 'OrderPaid' || outcome === 'OrderStateConflict') return 'status'
      return outcome === 'PaymentDeclined' || told.isRetryable ? 'AGAIN' : 'GAVE_UP'
    case 'status':
      if (told.orderState === 'PAID') return 'DONE'
      if (told.orderState === 'AWAITING_PAYMENT') return 'pay'
      return told.orderState === 'CREATED' ? 'AGAIN' : 'GAVE_UP'
  }
}

const AWAY: ReadonlySet<string> = new Set(['BudgetExhausted', 'NotEligible', 'CampaignNotOpen'])

/**
 * `obedient`: comes back when told. `impatient`: refreshes every two to four seconds, whatever is told. `storm`: asks
 * again at once, ten times a second at most.
 */
export const BEHAVIOURS = ['obedient', 'impatient', 'storm'] as const
export type Behaviour = (typeof BEHAVIOURS)[number]

/** A step is asked for so often at most; then they give up. */
export const TRIES_MAX: Readonly<Record<Behaviour, number>> = {
  obedient: 200,
  impatient: 2_000,
  storm: 50_000,
}

const STORM_GAP_MS = 100
const REFRESH_MS = 2_000
/** Who is not told when to come back waits so long, then twice as long each time. */
const BACKOFF_MS = 250
const BACKOFF_MS_MAX = 8_000

/** How long somebody waits who asks the same again, in milliseconds. @param tries so far, from 1. @param toldMs to wait. */
export function waitMs(
  behaviour: Behaviour,
  tries: number,
  toldMs: number | undefined,
  random: Random,
): number {
  if (behaviour === 'storm') return STORM_GAP_MS
  if (behaviour === 'impatient') return REFRESH_MS * (1 + random())
  if (toldMs !== undefined) return toldMs
  return Math.min(BACKOFF_MS_MAX, BACKOFF_MS * 2 ** Math.min(tries - 1, 10)) * (0.5 + random())
}
