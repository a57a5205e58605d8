import { LEVELS, type Level, type Reading } from './level.ts'

/** What it takes to reach a level, and to leave it. */
export interface LevelStep {
  /** Times its target that a reading has to be. */
  readonly pressureMin: number
  /** Samples in a row that say so. */
  readonly samplesMin: number
  /** How long the pressure must have been low, in milliseconds, before the level below. */
  readonly restMs: number
}

export interface LevelSettings {
  readonly steps: Readonly<Record<Exclude<Level, 'CALM'>, LevelStep>>
  /** The share of a level's `pressureMin` below which the pressure is low for it. */
  readonly restBelow: number
}

/**
 * At targets of 50 ms. BUSY is where waits are no longer what they should be. SURGE, 200 ms: with the work itself, the
 * 250 ms within which whoever is admitted shall be served are about to be missed. SHED, 800 ms at one hop: an order, a
 * dozen hops, is about to miss its 10 s. A factor of 4 each: what a level turns away takes the wait down by less, so that
 * no level is entered and left by its own doing.
 *
 * One sample may be a collection, or one large answer; SHED, which keeps shoppers waiting, wants one more than the others.
 * 3 s are 15 samples that must all be low: refused callers come back later than that (`retryAfterMs` in policy.ts), each
 * at its own time, and meet a level that has held out without them. BUSY refuses nobody and is in no hurry to end.
 */
export const DEFAULT_LEVEL_SETTINGS: LevelSettings = Object.freeze({
  steps: Object.freeze({
    BUSY: Object.freeze({ pressureMin: 1, samplesMin: 2, restMs: 5_000 }),
    SURGE: Object.freeze({ pressureMin: 4, samplesMin: 2, restMs: 3_000 }),
    SHED: Object.freeze({ pressureMin: 16, samplesMin: 3, restMs: 3_000 }),
  }),
  restBelow: 0.7,
})

/** How often its target a reading is; what is no number presses for nothing. */
export function pressureOf({ value, target }: Reading): number {
  const pressure = value / target
  return Number.isNaN(pressure) ? 0 : pressure
}

/**
 * The level that samples of readings come to. Up at once and by any number of levels, down one at a time.
 *
 *     CALM ⇄ BUSY ⇄ SURGE ⇄ SHED
 *
 *     any lower ── `samplesMin` samples in a row are at its `pressureMin` or above ──> the level; the highest such
 *     level ── for `restMs` every sample is below `restBelow` of its `pressureMin`, and it is the level for so long
 *              (if it was come down to) ──> the one below
 *
 * For each level only readings count that may raise it; the worst of them does. Between `restBelow` and `pressureMin`
 * nothing changes, so that a load about a threshold has one level and not two in turn. More pressure, at any sample,
 * never makes a lower level, then or later; without any, CALM is reached.
 */
export class LevelMeter {
  readonly #steps: readonly LevelStep[]
  readonly #restBelow: number
  /** Of {@link LEVELS}, as are the indices of the arrays. */
  #index = 0
  /** When it was last come down to. */
  #fellAtMs = Number.NEGATIVE_INFINITY
  readonly #samplesInRow = LEVELS.map(() => 0)
  /** Since when every sample has been low for the level; Infinity: the last one was not. */
  readonly #lowSinceMs = LEVELS.map(() => Number.POSITIVE_INFINITY)

  /** @throws RangeError unless every level needs more pressure than the one below, and `restBelow` is within 0 and 1. */
  constructor({ steps, restBelow }: LevelSettings = DEFAULT_LEVEL_SETTINGS) {
    const { BUSY, SURGE, SHED } = steps
    const mins = [0, BUSY.pressureMin, SURGE.pressureMin, SHED.pressureMin]
    if (!mins.every((min, i) => i === 0 || min > mins[i - 1]!))
      throw new RangeError(
        `expected pressureMin to rise from level to level, got ${mins.slice(1).join(', ')}`,
      )
    if (!(restBelow > 0 && restBelow <= 1))
      throw new RangeError(`expected restBelow above 0 and at most 1, got ${restBelow}`)
    this.#steps = [{ pressureMin: 0, samplesMin: 0, restMs: 0 }, BUSY, SURGE, SHED]
    this.#restBelow = restBelow
  }

  get level(): Level {
    return LEVELS[this.#index]!
  }

  /** Takes one sample. @param atMs never before that of the sample before. */
  take(readings: readonly Reading[], atMs: number): Level {
    let risenTo = 0
    for (let i = 1; i < LEVELS.length; i++) {
      const { pressureMin, samplesMin } = this.#steps[i]!
      const pressure = pressureFor(i, readings)
      this.#samplesInRow[i] = pressure >= pressureMin ? this.#samplesInRow[i]! + 1 : 0
      if (this.#samplesInRow[i]! >= samplesMin && pressure >= pressureMin) risenTo = i
      const isLow = pressure < this.#restBelow * pressureMin
      this.#lowSinceMs[i] = isLow ? Math.min(this.#lowSinceMs[i]!, atMs) : Number.POSITIVE_INFINITY
    }
    if (risenTo > this.#index) this.#index = risenTo
    else if (this.#isRested(atMs)) {
      this.#index--
      this.#fellAtMs = atMs
    }
    return this.level
  }

  #isRested(atMs: number): boolean {
    if (this.#index === 0) return false
    const sinceMs = Math.max(this.#lowSinceMs[this.#index]!, this.#fellAtMs)
    return atMs - sinceMs >= this.#steps[this.#index]!.restMs
  }
}

/** The worst of the readings that may raise the level of this index. */
function pressureFor(index: number, readings: readonly Reading[]): number {
  let worst = 0
  for (const reading of readings) {
    if (LEVELS.indexOf(reading.raises) >= index) worst = Math.max(worst, pressureOf(reading))
  }
  return worst
}
