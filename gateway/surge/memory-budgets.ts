import { nowMs } from '../../protocol/deadline.ts'
import type { Bucket, BudgetStore, Budgets, NotNow, Taken } from './budgets.ts'
import { assertDemand, ROUNDING, retryAfterMs, SAME_INSTANT_MS } from './demand.ts'
import { createMemoryLines, type LocalLines, type MemoryLinesOptions } from './memory-lines.ts'
import { Schedules } from './schedules.ts'

export interface MemoryBudgetsOptions {
  /** Milliseconds, on any scale. One that goes back stands still instead. Default: this process's monotonic clock. */
  readonly clock?: () => number
  /** Of lines. Default: the clock above where there is one, else the wall clock; the terms of `lines.ts`. */
  readonly lines?: MemoryLinesOptions | undefined
  /** Buckets of either kind that are remembered. Default: 100,000, some 10 MB if all are in use. */
  readonly keysMax?: number
}

/** Points that were taken from this process's own bucket. */
export class LocalTaken implements Taken {
  readonly isAdmitted = true
  readonly bucket: Bucket
  readonly points: number
  readonly availablePoints: number
  readonly endMs: number
  /** The bucket was an equal part, one of so many, of the one that is named. */
  readonly parts: number

  constructor(bucket: Bucket, points: number, availablePoints: number, endMs: number, parts: number) {
    this.bucket = bucket
    this.points = points
    this.availablePoints = availablePoints
    this.endMs = endMs
    this.parts = parts
  }
}

/** Answers are values, never promises. */
export interface LocalBudgets extends Budgets {
  /**
   * @param parts take from an equal part, one of so many, of the bucket: its rate and its burst divided. A demand above
   * the part's burst fits when the part is full, and is paid off afterwards. Default: 1, the whole.
   */
  take(bucket: Bucket, points: number, parts?: number): LocalTaken | NotNow
  /** Buckets that are remembered now. */
  readonly size: number
}

export interface MemoryBudgetStore extends BudgetStore {
  readonly callers: LocalBudgets
  readonly fields: LocalBudgets
  readonly lines: LocalLines
}

/** Budgets that this process keeps for itself. Measured: 0.4 to 0.7 µs a take with its refund, of 1 to 90,000 keys. */
export function createMemoryBudgets({
  clock,
  keysMax = 100_000,
  lines,
}: MemoryBudgetsOptions = {}): MemoryBudgetStore {
  return {
    callers: new MemoryBudgets(clock ?? nowMs, keysMax, 'always'),
    fields: new MemoryBudgets(clock ?? nowMs, keysMax, 'last'),
    lines: createMemoryLines({ ...(clock === undefined ? {} : { clock }), ...lines }),
    source: 'memory',
    gateways: 1,
    close: () => Promise.resolve(),
  }
}

/**
 * GCRA: a bucket is a schedule whose end moves on by points ÷ rate with every demand, and a demand fits while the end
 * stays within burst ÷ rate of now.
 *
 *     now ────── debt ──────> end
 *     now ──────────── burst ÷ rate ───────────>        available = burst − debt × rate
 *
 * The end is kept as a debt after the instant of the last change: sums of short times stay exact where sums with
 * today's date would not, and a clock that goes back neither opens nor closes a bucket.
 */
class MemoryBudgets implements LocalBudgets {
  readonly #schedules: Schedules
  readonly #clock: () => number
  readonly #refunds: 'always' | 'last'

  constructor(clock: () => number, keysMax: number, refunds: 'always' | 'last') {
    this.#schedules = new Schedules(keysMax)
    this.#clock = clock
    this.#refunds = refunds
  }

  get size(): number {
    return this.#schedules.size
  }

  take(bucket: Bucket, points: number, parts = 1): LocalTaken | NotNow {
    assertDemand(bucket, points)
    const { perSecond, burst } = bucket.rate
    const perMs = perSecond / (1_000 * parts)
    const debtMsMax = (burst * 1_000) / perSecond
    const schedules = this.#schedules
    const now = this.#clock()
    const slot = schedules.findOrAdd(bucket.key, now)
    const debtMs = this.#debtAt(slot, now, debtMsMax * parts)
    const nextMs = debtMs + points / perMs
    if (nextMs > debtMsMax * ROUNDING && debtMs > 0) {
      return {
        isAdmitted: false,
        availablePoints: Math.max(0, (debtMsMax - debtMs) * perMs),
        retryAfterMs: retryAfterMs(Math.min(nextMs - debtMsMax * ROUNDING, debtMs)),
      }
    }
    schedules.seenMs[slot] = now
    schedules.debtMs[slot] = nextMs
    const availablePoints = Math.max(0, (debtMsMax - nextMs) * perMs)
    return new LocalTaken(bucket, points, availablePoints, now + nextMs, parts)
  }

  giveBack(taken: Taken, points: number): void {
    if (!(points > 0)) return
    const { bucket, endMs } = taken
    const { seenMs, debtMs } = this.#schedules
    const slot = this.#schedules.find(bucket.key)
    // Nothing is remembered of a bucket that is full again.
    if (slot < 0) return
    if (this.#refunds === 'last' && Math.abs(seenMs[slot]! + debtMs[slot]! - endMs) >= SAME_INSTANT_MS) return
    const parts = taken instanceof LocalTaken ? taken.parts : 1
    const refundMs = (Math.min(points, taken.points) * 1_000 * parts) / bucket.rate.perSecond
    const now = this.#clock()
    debtMs[slot] = Math.max(0, this.#debtAt(slot, now, Infinity) - refundMs)
    seenMs[slot] = now
  }

  /**
   * What of the debt is left now. When the clock has gone back, the schedule goes back with it; and a debt of another
   * rate, before a change, is cut to the most that this one's bucket can owe.
   */
  #debtAt(slot: number, now: number, debtMsMax: number): number {
    const { seenMs, debtMs } = this.#schedules
    const elapsedMs = now - seenMs[slot]!
    const left = Math.max(0, debtMs[slot]! - Math.max(0, elapsedMs))
    if (elapsedMs >= 0 && left <= debtMsMax * ROUNDING) return left
    seenMs[slot] = now
    debtMs[slot] = Math.min(left, debtMsMax)
    return debtMs[slot]!
  }
}
