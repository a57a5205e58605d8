import type { Priority } from '../../protocol/priority.ts'

/** A step of a shopper's order, or what others do meanwhile. */
export type Step = 'claim' | 'quote' | 'place' | 'pay' | 'status' | 'browse'

/** One second of a replay, on the driver's clock. Counts are of that second, levels of its end. */
export interface Second {
  /** When it began, since the start. */
  readonly atS: number
  /** Requests sent. */
  readonly offered: number
  /** Shoppers who came for the first time. */
  readonly arrived: number
  /** Claims answered with a coupon, new or had before. */
  readonly admitted: number
  /** Orders that came to their end. */
  readonly goodput: number
  /** Claims answered with a place. */
  readonly placed: number
  /** Answers that were neither: refusals, faults, no answer. */
  readonly refused: number
  /** Shoppers who have a place and wait for it. */
  readonly waiting: number
  /** Requests under way. */
  readonly inFlight: number
  /** The stack's, as `/health/ready` says it; `undefined`: it was not told. */
  readonly level: string | undefined
}

/** Quantiles of durations, in milliseconds; `undefined`: there was none. */
export interface Spread {
  readonly count: number
  readonly p50: number
  readonly p95: number
  readonly p99: number
  readonly max: number
}

/** An answer that the driver was given, to be found again in the database. */
export interface Acknowledged {
  readonly shopperId: string
  readonly couponId: string
  /** When the claim was sent that it was issued by, in milliseconds since 1970; `undefined`: that answer was lost. */
  readonly issuingMs?: number | undefined
  /** The order that was placed with it, and the last state of it that was told. */
  readonly orderId?: string | undefined
  readonly orderState?: string | undefined
}

/** A claim answered with a place for the first time. Instants in milliseconds since 1970. */
export interface PlaceGiven {
  readonly askedMs: number
  readonly answeredMs: number
  readonly admitAtMs: number
  /** When it was let through: answered with a coupon, or with an honest no. `undefined`: it was not, or has not come back. */
  admittedMs?: number | undefined
  /** When it came back for the first time after its instant. */
  returnedMs?: number | undefined
  /** It asks no more: it was refused for good, or as often as anybody asks. */
  hasGivenUp?: true
}

/** All that a replay has seen. */
export interface Figures {
  readonly settings: Readonly<Record<string, unknown>>
  readonly startedAt: string
  readonly tookMs: number
  readonly seconds: readonly Second[]
  readonly shoppers: number
  readonly orders: number
  /** Shoppers who were told, honestly, that there is nothing for them. */
  readonly turnedAway: number
  /** Shoppers who gave up, or were still waiting at the end. */
  readonly unserved: number
  readonly requests: number
  /** Claim requests for each shopper who got a coupon. */
  readonly requestsPerSuccess: number
  /** Latency of answered requests that were admitted. */
  readonly latency: Readonly<Partial<Record<Priority, Spread>>>
  readonly latencyOfSteps: Readonly<Partial<Record<Step, Spread>>>
  /** Actual admission minus promised instant; negative: early. */
  readonly lateness: Spread | undefined
  /** By outcome: `CouponIssued`, `KeptPlace`, `THROTTLED`, `ECONNRESET`, … */
  readonly outcomes: Readonly<Record<string, number>>
  readonly acknowledged: readonly Acknowledged[]
  readonly places: readonly PlaceGiven[]
  /** The load's own process: a part of one core, and how long what was due waited there to be sent. */
  readonly driver?: { readonly busy: number; readonly held: Spread | undefined }
}
