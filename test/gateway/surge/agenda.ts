/** Events by their instants, the earliest first: a binary heap in two flat arrays. */
export class Agenda {
  readonly #atMs: Float64Array
  readonly #what: Int32Array
  #size = 0

  /** @param sizeMax events at a time. */
  constructor(sizeMax: number) {
    this.#atMs = new Float64Array(sizeMax)
    this.#what = new Int32Array(sizeMax)
  }

  get size(): number {
    return this.#size
  }

  /** Of an agenda that is not empty. */
  get nextMs(): number {
    return this.#atMs[0]!
  }

  add(atMs: number, what: number): void {
    let at = this.#size++
    while (at > 0) {
      const above = (at - 1) >> 1
      if (this.#atMs[above]! <= atMs) break
      this.#move(above, at)
      at = above
    }
    this.#put(at, atMs, what)
  }

  /** The earliest, of an agenda that is not empty. */
  take(): number {
    const taken = this.#what[0]!
    const size = --this.#size
    const atMs = this.#atMs[size]!
    const what = this.#what[size]!
    let at = 0
    for (let below = 1; below < size; below = at * 2 + 1) {
      if (below + 1 < size && this.#atMs[below + 1]! < this.#atMs[below]!) below++
      if (this.#atMs[below]! >= atMs) break
      this.#move(below, at)
      at = below
    }
    this.#put(at, atMs, what)
    return taken
  }

  #move(from: number, to: number): void {
    this.#put(to, this.#atMs[from]!, this.#what[from]!)
  }

  #put(at: number, atMs: number, what: number): void {
    this.#atMs[at] = atMs
    this.#what[at] = what
  }
}
