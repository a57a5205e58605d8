import { setImmediate as nextTurn } from 'node:timers/promises'
import { Keyv } from 'keyv'
import { nowMs } from '../../../protocol/deadline.ts'
import type { Entry } from '../entry.ts'
import type { Tags } from '../tags/tags.ts'
import { createEntryCodec, type EntryCodec, type FleetTime } from './entry-codec.ts'
import type { RedisGate } from './redis-gate.ts'
import type { RedisRoom } from './redis-room.ts'
import { RedisStore, type StoreRedis } from './redis-store.ts'
import { SharedAllowance } from './shared-allowance.ts'

export interface RedisTierOptions {
  /** Belongs to whoever made it: nothing here closes it. */
  readonly redis: StoreRedis
  readonly gate: RedisGate
  readonly room: RedisRoom
  readonly tags: Pick<Tags, 'now' | 'holds' | 'holdsAnywhere'>
  readonly fleetTime: FleetTime
  /** Of what this process has in Redis at once. */
  readonly entriesMax: number
  readonly sharedBytesMax: number
  readonly compressBytesMin: number
  /** Default: `nowMs`. */
  readonly clock?: () => number
}

/** With the version of the format, so that gateways of two releases do not take each other's values for damaged. */
const PREFIX = 'spillway:cache:2:'
/** What a value takes in Redis beside its bytes and its key. */
const ENTRY_BYTES = 128
const ASKED_MAX = 10_000
const WRITTEN_MAX = 1_000
/** Encoded in one turn of the event loop, until either is passed: somewhat more than a millisecond. */
const ENCODED_AT_ONCE = 16
const ENCODED_BYTES_AT_ONCE = 256 * 1024
/** Decoded in one turn, as they lie in Redis, where they may be compressed to a tenth. */
const DECODED_BYTES_AT_ONCE = 64 * 1024

/** Entries that all gateways share. Nothing here rejects: whatever fails is a miss. */
export class RedisTier {
  readonly #options: RedisTierOptions
  readonly #clock: () => number
  readonly #keyv: Keyv<Buffer>
  readonly #codec: EntryCodec
  readonly #allowance: SharedAllowance
  /** Those who ask for a key at the same time ask Redis once. */
  readonly #asked = new Map<string, Promise<Entry | undefined>>()
  /** By key, the newest; in the order in which they are written. */
  readonly #unwritten = new Map<string, Entry>()
  /** By key, the newest that a thread compresses: what is newer by then is not overwritten. */
  readonly #compressed = new Map<string, Entry>()
  #isWriting = false
  #corrupt = 0
  #dropped = 0

  constructor(options: RedisTierOptions) {
    const { redis, gate, fleetTime, compressBytesMin, entriesMax, sharedBytesMax, clock = nowMs } = options
    this.#options = options
    this.#clock = clock
    this.#codec = createEntryCodec({ fleetTime, compressBytesMin, clock })
    this.#allowance = new SharedAllowance({ entriesMax, bytesMax: sharedBytesMax, clock })
    const onForeign = (): void => {
      this.#corrupt++
    }
    const store = new RedisStore({ redis, gate, prefix: PREFIX, onForeign })
    this.#keyv = new Keyv<Buffer>({ store, serialization: false, checkExpired: false })
    // The store rejects nothing but `clear`, which nobody waits for.
    this.#keyv.on('error', () => {})
  }

  get isUsable(): boolean {
    return this.#options.gate.isUsable
  }

  /** Values that were damaged or none of ours, since the start; each was deleted. */
  get corrupt(): number {
    return this.#corrupt
  }

  /** Entries that were not written: this process had as much there as it may, Redis had no room, or too many came at once. */
  get refused(): number {
    return this.#allowance.refused + this.#dropped
  }

  /** That this process has there, as far as it knows. */
  get bytes(): number {
    return this.#allowance.bytes
  }

  async get(key: string): Promise<Entry | undefined> {
    const [entry] = await this.getMany([key])
    return entry
  }

  async getMany(keys: readonly string[]): Promise<(Entry | undefined)[]> {
    const news = [...new Set(keys.filter(key => !this.#asked.has(key)))]
    const asked = news.slice(0, Math.max(0, ASKED_MAX - this.#asked.size))
    if (asked.length > 0) {
      const reading = this.#read(asked)
      for (const [i, key] of asked.entries())
        this.#asked.set(
          key,
          reading.then(entries => entries[i]),
        )
      void reading.then(() => {
        for (const key of asked) this.#asked.delete(key)
      })
    }
    return await Promise.all(keys.map(key => this.#asked.get(key)))
  }

  /** Written a turn of the event loop later, so that no answer waits for it. */
  set(key: string, entry: Entry): void {
    if (!this.isUsable) return
    if (this.#unwritten.size >= WRITTEN_MAX && !this.#unwritten.has(key)) {
      this.#dropped++
      return
    }
    this.#unwritten.set(key, entry)
    if (this.#isWriting) return
    this.#isWriting = true
    setImmediate(() => this.#writeSome())
  }

  async clear(): Promise<void> {
    this.#unwritten.clear()
    this.#compressed.clear()
    await this.#keyv.clear()
  }

  async #read(keys: string[]): Promise<(Entry | undefined)[]> {
    // Of before Redis is asked: what is invalidated from here on is not in what it answers.
    const { tick } = this.#options.tags.now()
    // Whether it still holds may have to be asked too: within the same time.
    const untilMs = this.#clock() + this.#options.gate.waitMsMax
    const values = await this.#keyv.getMany<Buffer>(keys)
    const opening: (Promise<Entry | undefined> | undefined)[] = []
    let bytes = 0
    for (const [i, value] of values.entries()) {
      bytes += value?.length ?? 0
      if (bytes > DECODED_BYTES_AT_ONCE) {
        await nextTurn()
        bytes = value!.length
      }
      opening.push(value && this.#open(keys[i]!, value, tick, untilMs))
    }
    return await Promise.all(opening)
  }

  async #open(key: string, value: Buffer, tick: number, untilMs: number): Promise<Entry | undefined> {
    const entry = await this.#codec.decode(key, value, tick)
    if (entry === undefined) {
      this.#corrupt++
      void this.#keyv.delete(key)
      return undefined
    }
    if (entry.stretchedUntilMs <= this.#clock()) return undefined
    const holds = this.#options.tags.holdsAnywhere(entry)
    const isHeld = holds instanceof Promise ? await inTime(holds, untilMs - this.#clock()) : holds
    return isHeld ? entry : undefined
  }

  #writeSome(): void {
    let count = 0
    let bytes = 0
    for (const [key, entry] of this.#unwritten) {
      if (count++ === ENCODED_AT_ONCE || bytes > ENCODED_BYTES_AT_ONCE) {
        setImmediate(() => this.#writeSome())
        return
      }
      bytes += entry.bytes
      this.#unwritten.delete(key)
      this.#encode(key, entry)
    }
    this.#isWriting = false
  }

  #encode(key: string, entry: Entry): void {
    if (!this.isUsable || !this.#options.tags.holds(entry)) return
    const encoding = this.#codec.encode(key, entry)
    if (encoding instanceof Promise) {
      this.#compressed.set(key, entry)
      void encoding.then(bytes => {
        if (this.#compressed.get(key) !== entry) return
        this.#compressed.delete(key)
        this.#write(key, entry, bytes)
      })
    } else {
      this.#compressed.delete(key)
      this.#write(key, entry, encoding)
    }
  }

  #write(key: string, entry: Entry, value: Buffer | undefined): void {
    // What only a crowd may have takes half of the place at most: the other half is of what answers at any time.
    const untilMs = this.#allowance.isHalfTaken ? entry.staleUntilMs : entry.stretchedUntilMs
    const ttlMs = untilMs - this.#clock()
    if (value === undefined || ttlMs <= 0) return
    const bytes = value.length + PREFIX.length + Buffer.byteLength(key) + ENTRY_BYTES
    if (!this.#options.room.take(bytes)) this.#dropped++
    else if (this.#allowance.take(key, bytes, untilMs)) void this.#keyv.set(key, value, Math.max(1, ttlMs))
  }
}

/** False as well when it does not say within `ms`. */
async function inTime(holds: Promise<boolean>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<boolean>(resolve => {
    timer = setTimeout(() => setImmediate(() => resolve(false)), Math.max(0, ms))
  })
  try {
    return await Promise.race([holds, late])
  } finally {
    clearTimeout(timer)
  }
}
