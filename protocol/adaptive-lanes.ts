import { type DeadlineMs, nowMs } from './deadline.ts'

export interface AdaptiveLanesOptions {
  /** Never fewer. */
  readonly min: number
  /** The limit to begin with. Latency never pushes it below this; only timeouts and refusals do. */
  readonly start: number
  /** Never more. */
  readonly max: number
  /** Told of every new limit, a whole number. */
  readonly onChange?: (limit: number) => void
}

/** One exchange, as it ended. */
export interface LaneSample {
  /** Operations that it carried. */
  readonly items: number
  /** Lanes taken when it left, its own included. */
  readonly lanesTaken: number
  readonly sentAtMs: DeadlineMs
  /** `congested`: it ran out of time or was refused for overload. `unclear`: it says nothing of load. */
  readonly load: 'served' | 'congested' | 'unclear'
  /** From leaving to its first answer, so that one slow operation among many is no sign of congestion. */
  readonly firstAnswerMs: number
}

/** A timeout or refusal takes the limit to this much of itself, down to `min`. */
const CONGESTED_FACTOR = 0.7
/** Strain takes it to this much, down to `start`. */
const STRAINED_FACTOR = 0.9
/** Times its usual latency that a subgraph may take before its lanes stop growing and go back. */
const STRAIN_MAX = 2
/** Smoothing of the strain, over exchanges. */
const STRAIN_WEIGHT = 1 / 4
/** The baseline follows a faster answer soon and a slower one late: a slow minimum, with no window to keep. */
const BASELINE_FALL_WEIGHT = 1 / 8
const BASELINE_RISE_WEIGHT = 1 / 256
/** Baselines are kept apart by the power of two of the items: a large batch may take longer than a small one. */
const SIZES = 12
/**
 * A subgraph whose usual answer takes less is given no more lanes than it began with: whoever waits for a lane waits no
 * longer than that, and lanes that share the same operations send smaller batches, which cost more an operation.
 */
const WORTH_MS = 5

/**
 * How many exchanges with a subgraph may be in flight, learnt from what becomes of them: additive increase,
 * multiplicative decrease.
 *
 *     served, and every lane was taken        limit + 1 a round (that is, + 1 / limit an exchange), up to `start`, and
 *                                             where usual answers take 5 ms or more up to `max`
 *     congested, and half were taken          limit × 0.7, down to `min`
 *     served at over twice the usual latency  limit × 0.9, down to `start`
 *
 * A decrease counts once a round: what left before it says nothing of it. Lanes that stand empty prove nothing, so they
 * neither grow nor take the blame. Latency alone cannot tell congestion from dearer operations, hence `start` as its
 * floor: a subgraph that answers in time never has fewer lanes than a fixed limit would give it. Measured on loopback in
 * batches of 100: against a subgraph that takes 50 ms a batch 17,500 operations/s, against 5,800 with 4 fixed lanes;
 * against one whose only core is busy the limit stays at 4, and what is served is the same.
 */
export class AdaptiveLanes {
  readonly #options: AdaptiveLanesOptions
  readonly #baselineMs = new Float64Array(SIZES)
  /** Not whole, so that it can grow by parts. */
  #exactLimit: number
  #limit: number
  /** Smoothed latency over baseline; 1 is usual. */
  #strain = 1
  #decreasedAtMs: DeadlineMs = Number.NEGATIVE_INFINITY
  readonly #clock: () => DeadlineMs

  /** @throws RangeError unless min ≤ start ≤ max are positive integers. */
  constructor(options: AdaptiveLanesOptions, clock: () => DeadlineMs = nowMs) {
    const { min, start, max } = options
    if (![min, start, max].every(Number.isSafeInteger) || min < 1 || start < min || max < start) {
      throw new RangeError(
        `expected lanes as integers with 1 ≤ min ≤ start ≤ max, got ${min}, ${start}, ${max}`,
      )
    }
    this.#options = options
    this.#clock = clock
    this.#exactLimit = start
    this.#limit = start
  }

  get limit(): number {
    return this.#limit
  }

  /** Latency over what is usual for the subgraph, smoothed. */
  get strain(): number {
    return this.#strain
  }

  ended(sample: LaneSample): void {
    const { min, start, max } = this.#options
    if (sample.load === 'unclear') return
    if (sample.load === 'congested') {
      if (sample.lanesTaken * 2 >= this.#limit) this.#decrease(sample, CONGESTED_FACTOR, min)
      return
    }
    this.#weigh(sample)
    if (this.#strain > STRAIN_MAX && this.#exactLimit > start) this.#decrease(sample, STRAINED_FACTOR, start)
    else if (sample.lanesTaken >= this.#limit && (this.#limit < start || this.#isWorthMore(sample))) {
      this.#set(Math.min(max, this.#exactLimit + 1 / this.#exactLimit))
    }
  }

  /** Whether one lane more would save anybody time that is worth what smaller batches cost. */
  #isWorthMore({ items }: LaneSample): boolean {
    return this.#strain <= STRAIN_MAX && this.#baselineMs[sizeOf(items)]! >= WORTH_MS
  }

  #weigh({ items, firstAnswerMs }: LaneSample): void {
    const size = sizeOf(items)
    const baselineMs = this.#baselineMs[size]!
    if (baselineMs === 0) {
      this.#baselineMs[size] = firstAnswerMs
      return
    }
    this.#strain += (firstAnswerMs / baselineMs - this.#strain) * STRAIN_WEIGHT
    const weight = firstAnswerMs < baselineMs ? BASELINE_FALL_WEIGHT : BASELINE_RISE_WEIGHT
    this.#baselineMs[size] = baselineMs + (firstAnswerMs - baselineMs) * weight
  }

  #decrease({ sentAtMs }: LaneSample, factor: number, floor: number): void {
    if (sentAtMs < this.#decreasedAtMs) return
    this.#decreasedAtMs = this.#clock()
    // What strained it is gone with the lanes; what is left shows in the next answers.
    this.#strain = Math.min(this.#strain, STRAIN_MAX)
    this.#set(Math.max(Math.min(floor, this.#exactLimit), this.#exactLimit * factor))
  }

  #set(exactLimit: number): void {
    this.#exactLimit = exactLimit
    const limit = Math.floor(exactLimit)
    if (limit === this.#limit) return
    this.#limit = limit
    this.#options.onChange?.(limit)
  }
}

const sizeOf = (items: number): number => Math.min(SIZES - 1, 31 - Math.clz32(items))
