import { SAME_MS } from './line-guard.ts'
import type { LineTerms } from './lines.ts'

/** Where the reservations of a line end, in the line's time: what is given next stands behind it. */
export class LineSchedule {
  readonly #terms: LineTerms
  /** Of those who were admitted or placed in their order. */
  #endMs = Number.NEGATIVE_INFINITY
  /** The last instant to which somebody was moved. */
  #movedMs = Number.NEGATIVE_INFINITY
  /** Of all places that were ever kept. */
  #lastMs = Number.NEGATIVE_INFINITY
  /** Until when the schedule is of turns that were promised elsewhere. */
  #heirsMs = Number.NEGATIVE_INFINITY
  /** The turn promised elsewhere that was told last, by the wall clock: told again it is not measured anew. */
  #inheritedMs = 0

  constructor(terms: LineTerms) {
    this.#terms = terms
  }

  get endMs(): number {
    return this.#endMs
  }

  /** What is there is for those who were promised a turn elsewhere. */
  isInherited(nowMs: number): boolean {
    return nowMs < this.#heirsMs
  }

  /** Nobody has a place, or a token of one, that means anything. What was inherited is told again to another life. */
  isVoid(nowMs: number): boolean {
    return this.#lastMs < nowMs - this.#terms.graceMs
  }

  /** @param promisedMs by the wall clock, which is `shiftMs` ahead. It counts for a horizon ahead at most. */
  inherit(promisedMs: number, shiftMs: number, nowMs: number): void {
    if (promisedMs <= this.#inheritedMs) return
    this.#inheritedMs = promisedMs
    const lastMs = Math.min(promisedMs - shiftMs, nowMs + this.#terms.horizonMs)
    this.#heirsMs = Math.max(this.#heirsMs, lastMs)
    this.#endMs = Math.max(this.#endMs, lastMs)
  }

  /** Where a reservation of `lengthMs` would end; nothing that flowed in before `sinceMs` is there any more. */
  endAfter(lengthMs: number, sinceMs: number): number {
    return Math.max(this.#endMs, sinceMs) + lengthMs
  }

  admit(endMs: number): void {
    this.#endMs = endMs
  }

  place(instantMs: number): void {
    this.#endMs = instantMs
    this.keep(instantMs)
  }

  /** A place that stands in no order with the others. */
  keep(instantMs: number): void {
    this.#lastMs = Math.max(this.#lastMs, instantMs)
  }

  /**
   * Whether somebody who finds no points at this turn, or after it, can wait for what places leave free, so that nobody who
   * comes in time is moved for them: while that takes no more than half of the grace.
   */
  isLeisurely(instantMs: number): boolean {
    const { slack, graceMs } = this.#terms
    return slack > 0 && this.#movedMs < instantMs + graceMs / 2
  }

  /**
   * The next instant for somebody who found no points at `instantMs`, or after it, and whose points flow in at `soonestMs`:
   * behind all who were moved.
   * Where nobody else stands in the schedule, newcomers come behind it.
   */
  move(instantMs: number, nowMs: number, soonestMs: number, lengthMs: number): number {
    const isLast = this.#endMs <= Math.max(soonestMs, this.#movedMs) + SAME_MS
    if (isLast || !this.isLeisurely(instantMs)) this.#movedMs = Math.max(soonestMs, this.#movedMs + lengthMs)
    else this.#movedMs = Math.max(nowMs, this.#movedMs) + lengthMs * (1 + 1 / this.#terms.slack)
    if (isLast) this.#endMs = this.#movedMs
    this.keep(this.#movedMs)
    return this.#movedMs
  }
}
