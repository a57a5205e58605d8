import type { Spread } from './figures.ts'

/** Of a doubling: a quantile is at most 1.1 % above what it stands for. */
const PARTS = 64
/** The first doubling begins at a microsecond, the last ends after an hour. */
const DOUBLINGS = 32

/** Durations, counted by their size and not kept: as small for ten million as for ten. */
export class Histogram {
  readonly #counts = new Uint32Array(PARTS * DOUBLINGS)
  #count = 0
  #maxMs = 0

  add(ms: number): void {
    const us = ms * 1_000
    const index = us <= 1 ? 0 : Math.ceil(Math.log2(us) * PARTS)
    this.#counts[Math.min(index, this.#counts.length - 1)]!++
    this.#count++
    if (ms > this.#maxMs) this.#maxMs = ms
  }

  get count(): number {
    return this.#count
  }

  /** `undefined`: there was none. */
  get spread(): Spread | undefined {
    if (this.#count === 0) return undefined
    return {
      count: this.#count,
      p50: this.#quantileMs(0.5),
      p95: this.#quantileMs(0.95),
      p99: this.#quantileMs(0.99),
      max: this.#maxMs,
    }
  }

  #quantileMs(part: number): number {
    let left = Math.ceil(this.#count * part)
    for (let index = 0; index < this.#counts.length; index++) {
      left -= this.#counts[index]!
      if (left <= 0) return Math.min(this.#maxMs, 2 ** (index / PARTS) / 1_000)
    }
    return this.#maxMs
  }
}

/** Of values that are all there, which it sorts: they may be negative. */
export function spreadOf(values: Float64Array): Spread | undefined {
  const count = values.length
  if (count === 0) return undefined
  values.sort()
  const at = (part: number): number => values[Math.ceil(count * part) - 1]!
  return { count, p50: at(0.5), p95: at(0.95), p99: at(0.99), max: values[count - 1]! }
}
