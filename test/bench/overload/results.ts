import type { CrowdSeen } from './crowd.ts'
import type { Borne } from './measure.ts'
import type { PacedSeen } from './paced.ts'

/** P6: a crowd that comes ten times as fast as claims are admitted, and is drained to the last. */
export interface DrainSample {
  readonly round: number
  /** Claims a second that the service and the gateway brought about without a limit. */
  readonly saturation: number
  /** The claim limit. */
  readonly limit: number
  readonly seen: CrowdSeen
  readonly borne: Borne
}

/** A point of the curve. */
export interface CurveSample {
  readonly round: number
  readonly isOn: boolean
  /** Shoppers who come, as a multiple of what the service works off. */
  readonly multiple: number
  /** Claims a second; `undefined` without the surge layer. */
  readonly limit: number | undefined
  readonly seen: CrowdSeen
  readonly borne: Borne
}

/** I13: payments, while nobody browses and while many do. */
export interface PaymentSample {
  readonly round: number
  readonly isOn: boolean
  readonly calm: PacedSeen
  readonly flooded: PacedSeen
  readonly flood: PacedSeen
  /** Requests a second that one shopper's budget lets through, by the price of the operation. */
  readonly browseLimit: number
  readonly borne: Borne
}

export interface OverloadResults {
  readonly at: string
  readonly node: string
  readonly processor: string
  readonly rounds: number
  /** For which shoppers came, at each point of the curve and to pay. */
  readonly seconds: number
  readonly serviceRate: number
  readonly drains: readonly DrainSample[]
  readonly curve: readonly CurveSample[]
  readonly payments: readonly PaymentSample[]
}

/** Coupons a second in the second half of the time: what lasts, and not what a burst or an empty queue lets through. */
export function goodputOf({ each }: CrowdSeen): number {
  const half = each.slice(Math.floor(each.length / 2))
  return half.reduce((sum, { coupons }) => sum + coupons, 0) / Math.max(1, half.length)
}
