import type { LineTerms } from './lines.ts'

/** Those forgotten at a time whose time is over. */
const SWEPT_MAX = 8

/**
 * Callers whose places of earlier lives were taken up, so that none is twice. Noted by the caller and the life: in one a
 * caller had one place at a time, and whatever it shows of it, moved or not, is that one.
 */
export class HonouredPlaces {
  /** Until when it is noted, in the line's time: oldest first. */
  readonly #untilMs = new Map<string, number>()
  readonly #keptMs: number
  readonly #countMax: number

  constructor({ horizonMs, graceMs, placesMax }: LineTerms) {
    // Whatever may be shown was given before the line was lost, a horizon ahead at most.
    this.#keptMs = horizonMs + graceMs
    this.#countMax = placesMax
  }

  /** @returns `false`: it was noted before, or more are noted than may be. */
  note(caller: string, epoch: string, nowMs: number): boolean {
    this.#sweep(nowMs)
    const name = `${epoch} ${caller}`
    if (this.#untilMs.has(name) || this.#untilMs.size >= this.#countMax) return false
    this.#untilMs.set(name, nowMs + this.#keptMs)
    return true
  }

  #sweep(nowMs: number): void {
    let swept = 0
    for (const [name, untilMs] of this.#untilMs) {
      if (untilMs >= nowMs || swept++ >= SWEPT_MAX) return
      this.#untilMs.delete(name)
    }
  }
}
