import { Keyv } from 'keyv'
import { nowMs } from '../../../protocol/deadline.ts'
import { answersAt, type Entry, type Tier } from '../entry.ts'
import type { Tags } from '../tags/tags.ts'
import { AskedBefore } from './asked-before.ts'
import { BoundedMap, type LabelCounts } from './bounded-map.ts'
import type { FleetTime } from './entry-codec.ts'
import { MemoryStore } from './memory-store.ts'
import type { RedisGate } from './redis-gate.ts'
import type { RedisRoom } from './redis-room.ts'
import type { StoreRedis } from './redis-store.ts'
import { RedisTier } from './redis-tier.ts'

/** An entry and where it was. */
export interface Found {
  readonly entry: Entry
  readonly tier: Tier
}

/**
 * What is kept, in memory, in Redis, or both. Nothing here rejects: a store that fails counts as empty. What is found is
 * not past `staleUntilMs`, or while what is stale is stretched `stretchedUntilMs`, and none of its tags has been invalidated
 * since it was born.
 *
 * A key begins with what its metrics go by and a space (`Query.campaign `); the rest is opaque, and exact: what differs
 * in one code unit is another key.
 */
export interface Answers {
  /** Whether it is small enough to be kept. */
  fits(entry: Pick<Entry, 'bytes'>): boolean
  /** Whether an entry that was found is not past its time by now; what was invalidated meanwhile is not looked at. */
  answersNow(entry: Entry): boolean
  /** What memory has, at once: also what was set in this same turn of the event loop. */
  peek(key: string): Entry | undefined
  /** Whether it was asked for before, not long ago; from now on it was. */
  meet(key: string): boolean
  /** Whether there is anything to ask after memory now: without, `peek` has said it all. */
  asksFurther(isShared: boolean): boolean
  /** @param isShared as it was set: what is one caller's is never asked of Redis, nor is its key shown there. */
  get(key: string, isShared: boolean): Promise<Found | undefined>
  /** One for each key, in their order. */
  getMany(keys: readonly string[], isShared: boolean): Promise<(Found | undefined)[]>
  /**
   * Nobody waits for it. Kept only if the entry still holds, and is not larger than allowed. What goes to Redis is
   * carried as JSON: the value is what `JSON.parse` may give.
   * @param isShared whether it may be in Redis too; what is one caller's stays in this process.
   * @returns false: it was not kept, since it is too large or void, or there is no place for it: when memory is nearly
   * full, or {@link AnswersOptions.keepsAtOnce} says so, only what was asked for before, not long ago, takes the place of
   * what is there. A crowd that asks for a million things once, each another, drops nothing of what everybody asks for.
   */
  set(key: string, entry: Entry, isShared: boolean): boolean
}

/** What is kept at most; `gateway/cache-settings.ts` has the defaults. */
export interface AnswersBounds {
  readonly entriesMax: number
  /** In memory. */
  readonly bytesMax: number
  /** Of one entry. */
  readonly entryBytesMax: number
  /** That this process has in Redis at once. */
  readonly sharedBytesMax: number
  /** Smaller ones lie in Redis as they are. */
  readonly compressBytesMin: number
}

export interface AnswersOptions {
  readonly bounds: AnswersBounds
  readonly tags: Pick<Tags, 'now' | 'holds' | 'holdsAnywhere'>
  /** `false`: nothing is kept in memory. Default: true. */
  readonly memory?: boolean
  /** Whether a crowd stretches what is stale; read at each look. Default: never. */
  readonly isStretched?: (() => boolean) | undefined
  /** Whether what is asked for once is kept, while there is room; read at each. Default: always. */
  readonly keepsAtOnce?: (() => boolean) | undefined
  /** Default: nothing is shared. */
  readonly shared?:
    | {
        readonly redis: StoreRedis
        readonly gate: RedisGate
        readonly room: RedisRoom
        readonly fleetTime: FleetTime
      }
    | undefined
  /** Default: `nowMs`. */
  readonly clock?: () => number
}

/** {@link Answers}, and what is counted of them. */
export interface AnswerStore extends Answers {
  /** In memory. */
  readonly entries: number
  readonly bytes: number
  /** By label, also of labels that nothing is kept of now. */
  kept(): Iterable<LabelCounts>
  /** Values in Redis that were damaged or none of ours; each was deleted. */
  readonly corrupt: number
  /** Entries that Redis was not given: this process had as much there as it may, Redis had no room, or too many came at once. */
  readonly unshared: number
  /** That this process has in Redis, as far as it knows. */
  readonly sharedBytes: number
  /** Memory and Redis, for every gateway. Never rejects. */
  clear(): Promise<void>
}

/** What an entry takes in memory beside its value, key and tags. */
const ENTRY_BYTES = 440
const TAG_BYTES = 64

/** Of its bounds; from then on memory is nearly full. */
const FULL_SHARE = 0.95

/** Looked at, with each answer that is to be kept while memory is nearly full, for what is of no use now. */
const SWEPT_WHEN_FULL = 16

/** In two tiers, either of which may be left out: memory, and behind it Redis, whose entries go to memory when they are found. */
export function createAnswers({
  bounds,
  tags,
  memory = true,
  isStretched = () => false,
  keepsAtOnce = () => true,
  shared,
  clock = nowMs,
}: AnswersOptions): AnswerStore {
  const map = new BoundedMap<Entry>({
    entriesMax: memory ? bounds.entriesMax : 0,
    bytesMax: bounds.bytesMax,
    bytesOf: bytesInMemory,
    goneAtMs: ({ stretchedUntilMs }) => stretchedUntilMs,
    // Only a crowd may have it, and there is none.
    isSpare: entry => !answersNow(entry),
    clock,
  })
  const keyv = new Keyv<Entry>({ store: new MemoryStore(map), serialization: false, checkExpired: false })
  const redis = shared && new RedisTier({ ...bounds, ...shared, tags, clock })

  function answersNow(entry: Entry): boolean {
    return answersAt(entry, clock(), isStretched)
  }

  /** Unless something was invalidated since: then it goes. What only a crowd may have stays for it. */
  function held(key: string, entry: Entry | undefined): Entry | undefined {
    if (entry === undefined) return undefined
    if (tags.holds(entry)) return answersNow(entry) ? entry : undefined
    if (map.get(key) === entry) map.delete(key)
    return undefined
  }

  /** Written at once, past Keyv's promises: whoever asks in the same turn would have to fetch it again. */
  function remember(key: string, entry: Entry): void {
    if (memory) map.set(key, entry)
  }

  /** What Redis has, unless memory has got something newer meanwhile. */
  function arrived(key: string, entry: Entry | undefined): Found | undefined {
    if (entry === undefined || !tags.holds(entry) || !answersNow(entry)) return undefined
    const kept = held(key, map.get(key))
    if (kept !== undefined && kept.born.atMs >= entry.born.atMs) return { entry: kept, tier: 'memory' }
    if (fits(entry) && mayEnter(key)) remember(key, entry)
    return { entry, tier: 'redis' }
  }

  const asked = new AskedBefore()
  const isNearlyFull = (): boolean =>
    map.size >= FULL_SHARE * bounds.entriesMax || map.bytes >= FULL_SHARE * bounds.bytesMax

  /** What is kept already is renewed. */
  function mayEnter(key: string): boolean {
    if (!memory) return true
    if (isNearlyFull()) map.sweep(SWEPT_WHEN_FULL)
    return (keepsAtOnce() && !isNearlyFull()) || map.has(key) || asked.meet(key)
  }

  const fits = ({ bytes }: Pick<Entry, 'bytes'>): boolean => bytes <= bounds.entryBytesMax

  const asks = (isShared: boolean): boolean => isShared && redis?.isUsable === true

  return {
    fits,
    answersNow,
    peek: key => held(key, map.get(key)),
    meet: key => asked.meet(key),
    asksFurther: asks,
    async get(key, isShared) {
      const entry = held(key, await keyv.get(key))
      if (entry !== undefined) return { entry, tier: 'memory' }
      return asks(isShared) ? arrived(key, await redis!.get(key)) : undefined
    },
    async getMany(keys, isShared) {
      const entries = await keyv.getMany<Entry>([...keys])
      const founds = entries.map((kept, i): Found | undefined => {
        const entry = held(keys[i]!, kept)
        return entry && { entry, tier: 'memory' }
      })
      if (!asks(isShared)) return founds
      const missing = keys.filter((_, i) => founds[i] === undefined)
      if (missing.length === 0) return founds
      const others = await redis!.getMany(missing)
      let next = 0
      return founds.map((found, i) => found ?? arrived(keys[i]!, others[next++]))
    },
    set(key, entry, isShared) {
      if (!fits(entry) || !answersNow(entry) || !tags.holds(entry) || !mayEnter(key)) return false
      remember(key, entry)
      if (isShared) redis?.set(key, entry)
      return true
    },
    get entries() {
      return map.size
    },
    get bytes() {
      return map.bytes
    },
    kept: () => map.counts(),
    get corrupt() {
      return redis?.corrupt ?? 0
    },
    get unshared() {
      return redis?.refused ?? 0
    },
    get sharedBytes() {
      return redis?.bytes ?? 0
    },
    async clear() {
      map.clear()
      await redis?.clear()
    },
  }
}

function bytesInMemory({ bytes, tags }: Entry, key: string): number {
  let chars = key.length
  for (const tag of tags) chars += tag.length
  return bytes + 2 * chars + TAG_BYTES * tags.length + ENTRY_BYTES
}
