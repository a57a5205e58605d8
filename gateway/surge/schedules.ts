/** Slots that each new key looks at for schedules that are over, so that the arrays hold about a third of such at most. */
const SWEPT_PER_KEY = 4
/** Slots among which one must go when all are taken. */
const CANDIDATES = 16
const CAPACITY_MIN = 1_024
const NONE = -1

/**
 * The state of many GCRA schedules by key, at most `keysMax` of them. A schedule is two numbers: when it was last
 * changed, and by how much its end lay ahead of that. One that is over (its end is past) is a full bucket, the same as
 * none, so those go first; when there is none such among {@link CANDIDATES}, the one of them that was changed longest ago.
 *
 * Flat arrays with chains in a table of our own, and no `Map`: a `Map` through which many keys pass leaves its old
 * tables, with every key in them, to the next full collection. Its hash is ours too, and seeded, because a key holds what
 * clients write.
 */
export class Schedules {
  /** By slot. Milliseconds of the caller's clock. */
  seenMs: Float64Array = new Float64Array(0)
  /** By slot: the schedule's end, in milliseconds after `seenMs`. */
  debtMs: Float64Array = new Float64Array(0)
  readonly #keysMax: number
  readonly #seed = (Math.random() * 2 ** 32) | 0
  /** By slot; `undefined`: free. */
  #keys: (string | undefined)[] = []
  #hashes = new Int32Array(0)
  /** By slot: the next of the same chain, or of the free ones. */
  #next = new Int32Array(0)
  /** By hash: the first slot of the chain. As many as slots, rounded up to a power of two. */
  #heads = new Int32Array(0)
  #firstFree = NONE
  #size = 0
  /** Goes round over the slots. */
  #hand = 0

  /** @throws RangeError unless `keysMax` is a positive integer. */
  constructor(keysMax: number) {
    if (!Number.isSafeInteger(keysMax) || keysMax < 1) {
      throw new RangeError(`keysMax: expected a positive integer, got ${keysMax}`)
    }
    this.#keysMax = keysMax
    this.#grow(Math.min(CAPACITY_MIN, keysMax))
  }

  /** Keys that are held, those of full buckets included that nobody came across. */
  get size(): number {
    return this.#size
  }

  /** The key's slot, or -1. */
  find(key: string): number {
    return this.#findHashed(key, this.#hashOf(key))
  }

  /** The key's slot; a new one, with a schedule that ends at `nowMs`, if it has none. */
  findOrAdd(key: string, nowMs: number): number {
    const hash = this.#hashOf(key)
    const found = this.#findHashed(key, hash)
    if (found !== NONE) return found
    this.#sweep(nowMs)
    const slot = this.#takeFree(nowMs)
    const head = this.#headOf(hash)
    this.#keys[slot] = key
    this.#hashes[slot] = hash
    this.#next[slot] = this.#heads[head]!
    this.#heads[head] = slot
    this.seenMs[slot] = nowMs
    this.debtMs[slot] = 0
    this.#size++
    return slot
  }

  #findHashed(key: string, hash: number): number {
    let slot = this.#heads[this.#headOf(hash)]!
    while (slot !== NONE && (this.#hashes[slot] !== hash || this.#keys[slot] !== key))
      slot = this.#next[slot]!
    return slot
  }

  #takeFree(nowMs: number): number {
    if (this.#firstFree === NONE) {
      const capacity = this.#keys.length
      if (capacity < this.#keysMax) this.#grow(Math.min(capacity * 2, this.#keysMax))
      else this.#release(this.#pickToGo(nowMs))
    }
    const slot = this.#firstFree
    this.#firstFree = this.#next[slot]!
    return slot
  }

  #isOver(slot: number, nowMs: number): boolean {
    return this.seenMs[slot]! + this.debtMs[slot]! <= nowMs
  }

  #sweep(nowMs: number): void {
    for (let i = 0; i < SWEPT_PER_KEY; i++) {
      const slot = this.#advance()
      if (this.#keys[slot] !== undefined && this.#isOver(slot, nowMs)) this.#release(slot)
    }
  }

  /** Every slot is taken. */
  #pickToGo(nowMs: number): number {
    let oldest = this.#hand
    for (let i = Math.min(CANDIDATES, this.#keys.length); i > 0; i--) {
      const slot = this.#advance()
      if (this.#isOver(slot, nowMs)) return slot
      if (this.seenMs[slot]! < this.seenMs[oldest]!) oldest = slot
    }
    return oldest
  }

  #advance(): number {
    const slot = this.#hand
    this.#hand = slot + 1 < this.#keys.length ? slot + 1 : 0
    return slot
  }

  #release(slot: number): void {
    const head = this.#headOf(this.#hashes[slot]!)
    if (this.#heads[head] === slot) this.#heads[head] = this.#next[slot]!
    else {
      let before = this.#heads[head]!
      while (this.#next[before] !== slot) before = this.#next[before]!
      this.#next[before] = this.#next[slot]!
    }
    this.#keys[slot] = undefined
    this.#next[slot] = this.#firstFree
    this.#firstFree = slot
    this.#size--
  }

  #grow(capacity: number): void {
    const before = this.#keys.length
    this.seenMs = copyOf(new Float64Array(capacity), this.seenMs)
    this.debtMs = copyOf(new Float64Array(capacity), this.debtMs)
    this.#hashes = copyOf(new Int32Array(capacity), this.#hashes)
    this.#next = new Int32Array(capacity)
    this.#heads = new Int32Array(2 ** Math.ceil(Math.log2(capacity))).fill(NONE)
    for (let slot = 0; slot < before; slot++) {
      const head = this.#headOf(this.#hashes[slot]!)
      this.#next[slot] = this.#heads[head]!
      this.#heads[head] = slot
    }
    for (let slot = before; slot < capacity; slot++) {
      this.#keys.push(undefined)
      this.#next[slot] = slot + 1 < capacity ? slot + 1 : NONE
    }
    this.#firstFree = before
  }

  #headOf(hash: number): number {
    return hash & (this.#heads.length - 1)
  }

  #hashOf(key: string): number {
    let hash = this.#seed
    for (let i = 0; i < key.length; i++) {
      hash = Math.imul(hash ^ key.charCodeAt(i), 0x5bd1e995)
      hash ^= hash >>> 15
    }
    return hash
  }
}

function copyOf<A extends Float64Array | Int32Array>(into: A, from: A): A {
  into.set(from)
  return into
}
