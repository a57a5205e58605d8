/** Decisions that follow from a seed: whoever asks the same questions in the same order gets the same answers. */
export class Choices {
  #state: number

  constructor(seed: number) {
    this.#state = seed | 0
  }

  /** 0 up to, and without, `n`. */
  below(n: number): number {
    // Mulberry32: 32 bits of state, good enough to choose by.
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % n
  }

  /** True `times` times in `of`. */
  chance(times: number, of: number): boolean {
    return this.below(of) < times
  }

  oneOf<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!
  }

  /** Each with its chance; in order. */
  someOf<T>(items: readonly T[], times: number, of: number): T[] {
    return items.filter(() => this.chance(times, of))
  }

  list<T>(max: number, make: (i: number) => T): T[] {
    return Array.from({ length: this.below(max + 1) }, (_, i) => make(i))
  }
}
