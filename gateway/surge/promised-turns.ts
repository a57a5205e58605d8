/** What this gateway has promised in a line. */
interface Promised {
  /** The life of the line that it is known to; empty: none. */
  epoch: string
  /** Milliseconds since 1970. */
  latestMs: number
}

/** Lines that are remembered; the one that was met first goes. */
const LINES_MAX = 10_000

/**
 * The latest turn that this gateway has promised in each line, so that a line that was lost can begin behind the tokens
 * that are out.
 */
export class PromisedTurns {
  readonly #byLine = new Map<string, Promised>()

  entries(): Iterable<[lineKey: string, Readonly<Promised>]> {
    return this.#byLine.entries()
  }

  of(lineKey: string): Readonly<Promised> | undefined {
    return this.#byLine.get(lineKey)
  }

  /** @param epoch of the line that knows the turn; empty: none does yet. */
  note(lineKey: string, admitAtMs: number, epoch: string): void {
    const promised = this.#byLine.get(lineKey)
    if (promised !== undefined) {
      // Whoever knows of an earlier turn need not know of the latest.
      if (admitAtMs < promised.latestMs) return
      promised.latestMs = admitAtMs
      promised.epoch = epoch
      return
    }
    if (this.#byLine.size >= LINES_MAX) this.#byLine.delete(this.#byLine.keys().next().value!)
    this.#byLine.set(lineKey, { epoch, latestMs: admitAtMs })
  }

  /** The line of that life has been told of a turn; while that was under way, a later one may have been promised. */
  know(lineKey: string, epoch: string, toldMs: number): void {
    const promised = this.#byLine.get(lineKey)
    if (promised !== undefined && promised.latestMs <= toldMs) promised.epoch = epoch
  }
}
