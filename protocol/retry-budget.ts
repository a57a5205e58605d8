import { type DeadlineMs, nowMs } from './deadline.ts'

export interface RetryBudgetOptions {
  /** Retries for each request. Default 0.1. */
  readonly ratio?: number
  /** Retries that a window has whatever was sent in it, so that a quiet subgraph may retry too. Default 10. */
  readonly retriesMin?: number
  /** Default 10 s. */
  readonly windowMs?: number
  /** Default: this process's monotonic clock. */
  readonly clock?: () => DeadlineMs
}

const SLOTS = 10

interface Slot {
  /** Which slot since the clock's zero; an older number is an empty slot. */
  number: number
  requests: number
  retries: number
}

/**
 * Keeps retries from becoming the load that they are meant to survive: at every retry, the retries of the last window
 * are at most `ratio` of the requests first sent in it, or `retriesMin`. A request justifies retries within its window
 * only, and never twice.
 */
export class RetryBudget {
  readonly #ratio: number
  readonly #retriesMin: number
  readonly #slotMs: number
  readonly #clock: () => DeadlineMs
  readonly #slots: readonly Slot[] = Array.from({ length: SLOTS }, () => ({
    number: -1,
    requests: 0,
    retries: 0,
  }))
  #retries = 0

  constructor({ ratio = 0.1, retriesMin = 10, windowMs = 10_000, clock = nowMs }: RetryBudgetOptions = {}) {
    this.#ratio = ratio
    this.#retriesMin = retriesMin
    this.#slotMs = windowMs / SLOTS
    this.#clock = clock
  }

  /** So many requests are sent for the first time. */
  earn(requests: number): void {
    this.#slot().requests += requests
  }

  /** Whether one request may be sent once more; it then has been counted. */
  spend(): boolean {
    const now = this.#slot()
    let requests = 0
    let retries = 0
    for (const slot of this.#slots) {
      if (slot.number <= now.number - SLOTS) continue
      requests += slot.requests
      retries += slot.retries
    }
    if (retries + 1 > Math.max(this.#retriesMin, this.#ratio * requests)) return false
    now.retries++
    this.#retries++
    return true
  }

  /** Retries since the start. */
  get retries(): number {
    return this.#retries
  }

  #slot(): Slot {
    const number = Math.floor(this.#clock() / this.#slotMs)
    const slot = this.#slots[number % SLOTS]!
    if (slot.number !== number) {
      slot.number = number
      slot.requests = 0
      slot.retries = 0
    }
    return slot
  }
}
