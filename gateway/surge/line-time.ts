/** A pause ends for a line when nobody has said for so long that it goes on: gateways hear of the end at different moments. */
const PAUSE_OVER_MS = 2_000

interface Pause {
  /** On the scale of `passed`, as are the others. */
  readonly sinceMs: number
  /** The last word that it goes on. */
  lastMs: number
  /** The first word after that one that it does not; until then nothing is known but that it did. */
  overMs: number | undefined
}

/**
 * What time it is for a line, in milliseconds since it began: sums of short times stay exact where sums with today's date
 * would not.
 *
 *     wall clock ── its steps back undone ──> passed ── pauses left out ──> now
 *
 * A pause is told of again and again; it lasts from the first word of it to the first word of its end, however long nobody
 * knows. If there is another word of it within two seconds, it has gone on, and that takes the line's time back.
 */
export class LineTime {
  /** Longer than this after the last word of a pause it is none. */
  readonly #untoldMsMax: number
  /** The wall clock when it was read last. */
  #seenMs: number
  /** What the wall clock is ahead of `passed`. */
  #aheadMs: number
  /** The length of pauses that are over. */
  #pausedMs = 0
  #pause: Pause | undefined
  #passedMs = 0

  constructor(wallMs: number, untoldMsMax: number) {
    this.#seenMs = wallMs
    this.#aheadMs = wallMs
    this.#untoldMsMax = untoldMsMax
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

  /** Whether it stands still. */
  get isPaused(): boolean {
    return this.#pause !== undefined && this.#passedMs < this.#endOf(this.#pause)
  }

  read(wallMs: number): void {
    if (wallMs < this.#seenMs) this.#aheadMs -= this.#seenMs - wallMs
    this.#seenMs = wallMs
    this.#passedMs = wallMs - this.#aheadMs
  }

  /** To be read before. */
  heed(isPaused: boolean): void {
    const passedMs = this.#passedMs
    const pause = this.#pause
    if (pause !== undefined) {
      if (!isPaused) pause.overMs = Math.min(passedMs, this.#endOf(pause))
      const endMs = this.#endOf(pause)
      if (passedMs >= endMs && passedMs - pause.lastMs > PAUSE_OVER_MS) {
        this.#pausedMs += endMs - pause.sinceMs
        this.#pause = undefined
      }
    }
    if (!isPaused) return
    this.#pause = { sinceMs: this.#pause?.sinceMs ?? passedMs, lastMs: passedMs, overMs: undefined }
  }

  #endOf({ lastMs, overMs }: Pause): number {
    return overMs ?? lastMs + this.#untoldMsMax
  }

  get #stoodMs(): number {
    const pause = this.#pause
    if (pause === undefined) return this.#pausedMs
    return this.#pausedMs + Math.min(this.#passedMs, this.#endOf(pause)) - pause.sinceMs
  }
}
