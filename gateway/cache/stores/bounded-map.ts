import { nowMs } from '../../../protocol/deadline.ts'

export interface BoundedMapOptions<Value> {
  readonly entriesMax: number
  readonly bytesMax: number
  /** About what an entry takes, its key included; asked once, when it is set. */
  bytesOf(value: Value, key: string): number
  /** From when on it is of no use, on `clock`. Default: it always is. */
  readonly goneAtMs?: (value: Value) => number
  /** Whether it may go before its time, once the map is half full: asked when it is swept. Default: nothing may. */
  readonly isSpare?: (value: Value) => boolean
  /** Default: `nowMs`. */
  readonly clock?: () => number
}

/** What is kept under keys of one label. */
export interface LabelCounts {
  readonly label: string
  readonly bytes: number
  /** Dropped before their time to make place. */
  readonly evictions: number
}

/** A key's label is what stands before its first space; further ones than this many are counted together. */
const LABELS_MAX = 1_000
const OTHER = 'other'
/** Entries that each `set` looks at, one after another through the whole map, whether they are gone. */
const SWEPT_AT_SET = 4

interface Counted {
  readonly label: string
  bytes: number
  evictions: number
}

interface Node<Value> {
  readonly key: string
  readonly value: Value
  readonly bytes: number
  readonly goneAtMs: number
  readonly counted: Counted
  /** By use. */
  older: Node<Value> | undefined
  newer: Node<Value> | undefined
}

/**
 * A map that never holds more than it may, in entries and in bytes: what was used longest ago makes place. An entry that
 * is gone is never found; it is removed when it is met.
 *
 * The order of use is a list through the entries and not that of the Map (delete and set again): a read then changes
 * four links and leaves the table as it is.
 */
export class BoundedMap<Value> {
  readonly #options: BoundedMapOptions<Value>
  readonly #clock: () => number
  readonly #nodes = new Map<string, Node<Value>>()
  readonly #labels = new Map<string, Counted>()
  #oldest: Node<Value> | undefined
  #newest: Node<Value> | undefined
  /** Where the sweep goes on. */
  #swept: Node<Value> | undefined
  #bytes = 0
  #evictions = 0

  constructor(options: BoundedMapOptions<Value>) {
    this.#options = options
    this.#clock = options.clock ?? nowMs
  }

  /** Counts as use. */
  get(key: string): Value | undefined {
    const node = this.#live(key)
    if (node === undefined) return undefined
    if (node !== this.#newest) {
      this.#unlink(node)
      this.#append(node)
    }
    return node.value
  }

  /** Does not count as use. */
  has(key: string): boolean {
    return this.#live(key) !== undefined
  }

  /** @returns false: it alone is larger than everything together may be; what was kept under the key is gone. */
  set(key: string, value: Value): boolean {
    const { entriesMax, bytesMax, goneAtMs } = this.#options
    this.delete(key)
    const bytes = this.#options.bytesOf(value, key)
    if (!(bytes <= bytesMax)) return false
    this.#add({
      key,
      value,
      bytes,
      goneAtMs: goneAtMs?.(value) ?? Number.POSITIVE_INFINITY,
      counted: this.#countedOf(key),
      older: undefined,
      newer: undefined,
    })
    this.sweep(SWEPT_AT_SET)
    while (this.#nodes.size > entriesMax || this.#bytes > bytesMax) {
      const oldest = this.#oldest!
      this.#remove(oldest)
      this.#evictions++
      oldest.counted.evictions++
    }
    return true
  }

  delete(key: string): boolean {
    const node = this.#nodes.get(key)
    if (node !== undefined) this.#remove(node)
    return node !== undefined
  }

  clear(): void {
    this.#nodes.clear()
    this.#oldest = this.#newest = this.#swept = undefined
    this.#bytes = 0
    for (const counted of this.#labels.values()) counted.bytes = 0
  }

  /** Removes what is gone, or spare, among the next `count` entries, and begins anew after the last. */
  sweep(count: number): void {
    const atMs = this.#clock()
    for (let i = Math.min(count, this.#nodes.size); i > 0; i--) {
      const node = this.#swept ?? this.#oldest
      if (node === undefined) return
      this.#swept = node.newer
      if (node.goneAtMs <= atMs || this.#isSpare(node)) this.#remove(node)
    }
  }

  get size(): number {
    return this.#nodes.size
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Dropped before their time to make place, since the start. */
  get evictions(): number {
    return this.#evictions
  }

  /** Of every label seen since the start. */
  counts(): Iterable<LabelCounts> {
    return this.#labels.values()
  }

  #isSpare({ value }: Node<Value>): boolean {
    const { entriesMax, bytesMax, isSpare } = this.#options
    if (isSpare === undefined) return false
    return (2 * this.#nodes.size >= entriesMax || 2 * this.#bytes >= bytesMax) && isSpare(value)
  }

  #live(key: string): Node<Value> | undefined {
    const node = this.#nodes.get(key)
    if (node === undefined) return undefined
    if (node.goneAtMs === Number.POSITIVE_INFINITY || this.#clock() < node.goneAtMs) return node
    this.#remove(node)
    return undefined
  }

  #add(node: Node<Value>): void {
    this.#nodes.set(node.key, node)
    this.#append(node)
    this.#bytes += node.bytes
    node.counted.bytes += node.bytes
  }

  #remove(node: Node<Value>): void {
    this.#nodes.delete(node.key)
    if (this.#swept === node) this.#swept = node.newer
    this.#unlink(node)
    this.#bytes -= node.bytes
    node.counted.bytes -= node.bytes
  }

  #append(node: Node<Value>): void {
    node.older = this.#newest
    node.newer = undefined
    if (this.#newest === undefined) this.#oldest = node
    else this.#newest.newer = node
    this.#newest = node
  }

  #unlink(node: Node<Value>): void {
    if (node.older === undefined) this.#oldest = node.newer
    else node.older.newer = node.newer
    if (node.newer === undefined) this.#newest = node.older
    else node.newer.older = node.older
  }

  #countedOf(key: string): Counted {
    const end = key.indexOf(' ')
    const label = end < 0 ? OTHER : key.slice(0, end)
    const known = this.#labels.get(label)
    if (known !== undefined) return known
    if (label !== OTHER && this.#labels.size >= LABELS_MAX) return this.#countedOf(OTHER)
    // A slice would keep the whole key alive for as long as the label is known.
    const counted = { label: Buffer.from(label).toString(), bytes: 0, evictions: 0 }
    this.#labels.set(counted.label, counted)
    return counted
  }
}
