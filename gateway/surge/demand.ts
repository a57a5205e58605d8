import type { Bucket } from './budgets.ts'

/** Sums of many short times may miss their exact value by this much and still count as it. */
export const ROUNDING: number = 1 + 2e-10

/** Two ends of a schedule that are closer than this are one: the time of a point at 100 million points a second. */
export const SAME_INSTANT_MS = 1e-5

/** @throws RangeError for points that never fit the bucket, and for a rate that is none. */
export function assertDemand({ key, rate: { perSecond, burst } }: Bucket, points: number): void {
  if (points > 0 && points <= burst && perSecond > 0 && burst < Infinity && perSecond < Infinity) return
  if (!(perSecond > 0 && perSecond < Infinity && burst > 0 && burst < Infinity)) {
    throw new RangeError(
      `bucket ${key}: expected a positive rate and burst, got ${perSecond} a second and a burst of ${burst}`,
    )
  }
  throw new RangeError(`bucket ${key}: expected more than 0 and at most ${burst} points, got ${points}`)
}

/** Whole milliseconds, at least 1, after which `shortMs` has passed. */
export const retryAfterMs = (shortMs: number): number => Math.max(1, Math.ceil(shortMs))
