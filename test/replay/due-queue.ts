const CAPACITY_MIN = 1_024

/**
 * Numbers by the instant at which each is due, the earliest first, those of one instant in the order in which they were
 * added. A binary heap in flat arrays: a million who wait are 20 MB and no objects.
 */
export class DueQueue {
  #dueMs = new Float64Array(CAPACITY_MIN)
  #orders = new Float64Array(CAPACITY_MIN)
  #whos = new Uint32Array(CAPACITY_MIN)
  #size = 0
  #added = 0

  get size(): number {
    return this.#size
  }

  /** When the first is due; Infinity: nobody is. */
  get nextMs(): number {
    return this.#size === 0 ? Number.POSITIVE_INFINITY : this.#dueMs[0]!
  }

  add(who: number, dueMs: number): void {
    if (this.#size === this.#whos.length) this.#grow()
    const order = this.#added++
    let at = this.#size++
    while (at > 0) {
      const parent = (at - 1) >> 1
      // Who is added last never stands before another of the same instant.
      if (this.#dueMs[parent]! <= dueMs) break
      this.#move(parent, at)
      at = parent
    }
    this.#put(at, who, dueMs, order)
  }

  /** The number that is due first, which is then gone. There must be one. */
  take(): number {
    const first = this.#whos[0]!
    const last = --this.#size
    const dueMs = this.#dueMs[last]!
    const order = this.#orders[last]!
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= last) break
      if (child + 1 < last && this.#isBefore(child + 1, this.#dueMs[child]!, this.#orders[child]!)) child++
      if (!this.#isBefore(child, dueMs, order)) break
      this.#move(child, at)
      at = child
    }
    this.#put(at, this.#whos[last]!, dueMs, order)
    return first
  }

  #isBefore(at: number, dueMs: number, order: number): boolean {
    return this.#dueMs[at]! < dueMs || (this.#dueMs[at] === dueMs && this.#orders[at]! < order)
  }

  #move(from: number, to: number): void {
    this.#put(to, this.#whos[from]!, this.#dueMs[from]!, this.#orders[from]!)
  }

  #put(at: number, who: number, dueMs: number, order: number): void {
    this.#whos[at] = who
    this.#dueMs[at] = dueMs
    this.#orders[at] = order
  }

  #grow(): void {
    const capacity = this.#whos.length * 2
    const [dueMs, orders, whos] = [this.#dueMs, this.#orders, this.#whos]
    this.#dueMs = new Float64Array(capacity)
    this.#orders = new Float64Array(capacity)
    this.#whos = new Uint32Array(capacity)
    this.#dueMs.set(dueMs)
    this.#orders.set(orders)
    this.#whos.set(whos)
  }
}
