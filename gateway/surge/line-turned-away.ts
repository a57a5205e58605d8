import type { LineTerms } from './lines.ts'

/** Nobody asks again sooner. */
const WAIT_MS_MIN = 1_000
/** Those forgotten at a time whose time has come. */
const SWEPT_MAX = 8

/** When those who got no place are to ask again, in the line's time. Whoever asks sooner is told the same, and delays nobody. */
export class TurnedAway {
  readonly #terms: LineTerms
  /** By caller, the soonest first. */
  readonly #askMs = new Map<string, number>()
  /** Where the room ends that those who were told will take. */
  #endMs = Number.NEGATIVE_INFINITY

  constructor(terms: LineTerms) {
    this.#terms = terms
  }

  /**
   * @returns how long a caller waits: until there is room, from `roomMs` on, and all who were turned away before have come for theirs,
   * a reservation after another. A horizon at most: by then all have had their turn who have a place now.
   */
  turnAway(caller: string, roomMs: number, nowMs: number, lengthMs: number): number {
    this.#sweep(nowMs)
    const told = this.#askMs.get(caller)
    if (told !== undefined && told > nowMs) return told - nowMs
    const { horizonMs, placesMax } = this.#terms
    this.#endMs = Math.min(Math.max(roomMs, this.#endMs + lengthMs), nowMs + horizonMs)
    const askMs = Math.max(this.#endMs, nowMs + WAIT_MS_MIN)
    this.#askMs.delete(caller)
    if (this.#askMs.size < placesMax) this.#askMs.set(caller, askMs)
    return askMs - nowMs
  }

  #sweep(nowMs: number): void {
    let swept = 0
    for (const [caller, askMs] of this.#askMs) {
      if (askMs > nowMs || swept++ >= SWEPT_MAX) return
      this.#askMs.delete(caller)
    }
  }
}
