import type { Rate } from '../../../gateway/surge/budgets.ts'

/**
 * A bucket as one would explain it, in whole thousandths of a point, for rates, bursts, points and milliseconds that are
 * integers: a thousandth × rate flows in each millisecond, so every number here is exact.
 */
export class ObviousBucket {
  readonly #perMs: number
  readonly #burst: number
  #nowMs = 0
  /** What has been taken and has not flowed in again. */
  #owed = 0

  constructor({ perSecond, burst }: Rate) {
    this.#perMs = perSecond
    this.#burst = burst * 1_000
  }

  pass(ms: number): void {
    this.#nowMs += ms
    this.#owed = Math.max(0, this.#owed - ms * this.#perMs)
  }

  get availablePoints(): number {
    return (this.#burst - this.#owed) / 1_000
  }

  /** When what was taken last is reached, in thousandths that have flowed: a number that tells reservations apart. */
  get end(): number {
    return this.#nowMs * this.#perMs + this.#owed
  }

  /** 0: taken; else the milliseconds until it fits. */
  take(points: number): number {
    const short = this.#owed + points * 1_000 - this.#burst
    if (short > 0) return Math.ceil(short / this.#perMs)
    this.#owed += points * 1_000
    return 0
  }

  giveBack(points: number): void {
    this.#owed = Math.max(0, this.#owed - points * 1_000)
  }
}
