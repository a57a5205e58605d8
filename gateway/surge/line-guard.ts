import { ROUNDING } from './demand.ts'

/** Two instants of a line that are closer than this are one. */
export const SAME_MS = 1e-3

/** A rate, or an equal part of one. */
export interface Flow {
  readonly perMs: number
  readonly burst: number
  /** Of the whole: what a demand above the part's burst may leave owed. */
  readonly owedMax: number
}

/**
 * The points that a line has really given away, as a GCRA in points: what is owed keeps its meaning when the rate changes.
 * Every method is told the instant and the flow; instants never go back.
 */
export class LineGuard {
  #seenMs: number
  #owed = 0

  constructor(nowMs: number) {
    this.#seenMs = nowMs
  }

  /** Until `points` are there; 0: they are. A demand above the burst is there when nothing is owed. */
  waitMs(points: number, nowMs: number, { perMs, burst, owedMax }: Flow): number {
    const owed = this.#owed - (nowMs - this.#seenMs) * perMs
    this.#seenMs = nowMs
    this.#owed = owed <= 0 ? 0 : owed < owedMax ? owed : owedMax
    const needed = this.#owed + points
    if (needed <= burst * ROUNDING) return 0
    const waitMs = Math.min(needed - burst, this.#owed) / perMs
    return waitMs <= SAME_MS ? 0 : waitMs
  }

  /** Of the burst, as of the last instant. */
  availablePoints(burst: number): number {
    return this.#owed >= burst ? 0 : burst - this.#owed
  }

  take(points: number): void {
    this.#owed += points
  }

  giveBack(points: number): void {
    this.#owed = Math.max(0, this.#owed - points)
  }

  /** Nothing is owed any more. */
  isFull(nowMs: number, perMs: number): boolean {
    return this.#owed <= (nowMs - this.#seenMs) * perMs
  }
}
