import { type DeadlineMs, nowMs } from '../../protocol/deadline.ts'
import type { Standing } from './policy.ts'

export interface ReturnsOptions {
  /** How many of a standing are told to come in any one second. Default 250: what they take, if they are let in then, is little. */
  readonly perSecond?: number
  /** Nobody is told to wait for longer. Default two minutes: of a larger crowd more come at once. */
  readonly waitMsMax?: number
  /** Milliseconds. Default: this process's monotonic clock. */
  readonly clock?: () => number
}

/**
 * When those who are refused may ask again: one after another, however many they are. Told all the same, they come as fast as
 * they have gathered: of a replay at SHED, a hundred thousand who were told 15 s filled every connection, and to refuse 1,500
 * of them a second kept the level where it was, for a quarter of an hour, when the replay was ended. Each standing by itself:
 * who sends texts that nobody knows, for which nothing is paid, makes nobody wait who browses.
 */
export class Returns {
  readonly #options: Required<ReturnsOptions>
  /** When whoever was told last comes. */
  readonly #lastMs = new Map<Standing, DeadlineMs>()

  constructor(options: ReturnsOptions = {}) {
    this.#options = { perSecond: 250, waitMsMax: 120_000, clock: nowMs, ...options }
  }

  /** For the next one of a standing: whole seconds, as milliseconds. `waitMsMin`, which is whole seconds too, at least. */
  next(standing: Standing, waitMsMin: number): number {
    const { perSecond, waitMsMax, clock } = this.#options
    const now = clock()
    const afterMs = (this.#lastMs.get(standing) ?? Number.NEGATIVE_INFINITY) + 1_000 / perSecond
    const lastMs = Math.min(Math.max(now + waitMsMin, afterMs), now + waitMsMax)
    this.#lastMs.set(standing, lastMs)
    return Math.max(waitMsMin, Math.floor((lastMs - now) / 1_000) * 1_000)
  }
}
