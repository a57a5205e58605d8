/** A pause ends for a line when nobody has said for so long that it goes on: gateways hear of the end at different moments. */
const PAUSE_OVER_MS = 2_000

/**
 * What time it is for a line, in milliseconds since it began: sums of short times stay exact where sums with today's date
 * would not.
 *
 *     wall clock ── its steps back undone ──> passed ── pauses left out ──> now
 *
 * A pause is told of again and again; it lasts from the first word of it to the last one. Between two of them the line's
 * time goes on, and the next one takes it back.
 */
export class LineTime {
  /** The wall clock when it was read last. */
  #seenMs: number
  /** What the wall clock is ahead of `passed`. */
  #aheadMs: number
  /** The length of pauses that are over. */
  #pausedMs = 0
  /** Of the pause that there is, on the scale of `passed`; `undefined`: there is none. */
  #pause: { readonly sinceMs: number; lastMs: number } | undefined
  #passedMs = 0

  constructor(wallMs: number) {
    this.#seenMs = wallMs
    this.#aheadMs = wallMs
  }

  /** In which points flow: it never goes back, and stands still for no pause. */
  get passedMs(): number {
    return this.#passedMs
  }

  get nowMs(): number {
    return this.#passedMs - this.#stoodMs
  }

  /** What the wall clock is ahead of `nowMs`. */
  get shiftMs(): number {
    return this.#aheadMs + this.#stoodMs
  }

  get isPaused(): boolean {
    return this.#pause !== undefined
  }

  read(wallMs: number): void {
    if (wallMs < this.#seenMs) this.#aheadMs -= this.#seenMs - wallMs
    this.#seenMs = wallMs
    this.#passedMs = wallMs - this.#aheadMs
  }

  /** To be read before. */
  heed(isPaused: boolean): void {
    const passedMs = this.#passedMs
    if (isPaused) {
      if (this.#pause === undefined) this.#pause = { sinceMs: passedMs, lastMs: passedMs }
      else this.#pause.lastMs = passedMs
    } else if (this.#pause !== undefined && passedMs - this.#pause.lastMs > PAUSE_OVER_MS) {
      this.#pausedMs += this.#pause.lastMs - this.#pause.sinceMs
      this.#pause = undefined
    }
  }

  get #stoodMs(): number {
    return this.#pause === undefined
      ? this.#pausedMs
      : this.#pausedMs + this.#pause.lastMs - this.#pause.sinceMs
  }
}
