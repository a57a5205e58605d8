/** How a service bears its load. */
export interface ServiceTerms {
  /** What it works off, one after the other. */
  readonly perSecond: number
  /** How many may wait. */
  readonly queueMax: number
}

/**
 * The queue of a service with one server and a fixed service time: what it has taken in it works off, whether or not anybody
 * still waits for it. Times are milliseconds of any clock that never goes back.
 */
export class Backlog {
  readonly #serviceMs: number
  readonly #queueMax: number
  #freeAtMs = Number.NEGATIVE_INFINITY
  #taken = 0
  #refused = 0

  /** @throws RangeError for terms that are not positive. */
  constructor({ perSecond, queueMax }: ServiceTerms) {
    if (!(perSecond > 0)) throw new RangeError(`expected perSecond to be positive, got ${perSecond}`)
    if (!(queueMax > 0)) throw new RangeError(`expected queueMax to be positive, got ${queueMax}`)
    this.#serviceMs = 1_000 / perSecond
    this.#queueMax = queueMax
  }

  /** When what comes now is done; `undefined`: the queue is full. */
  take(nowMs: number): number | undefined {
    const beginsMs = Math.max(nowMs, this.#freeAtMs)
    if (beginsMs - nowMs > this.#queueMax * this.#serviceMs) {
      this.#refused++
      return undefined
    }
    this.#taken++
    this.#freeAtMs = beginsMs + this.#serviceMs
    return this.#freeAtMs
  }

  get taken(): number {
    return this.#taken
  }

  get refused(): number {
    return this.#refused
  }
}
