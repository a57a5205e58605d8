import { nowMs } from '../../protocol/deadline.ts'
import { JsonText, type Validity } from '../request.ts'
import type { Answers } from './answers.ts'
import type { Entry, Moment, Tier } from './entry.ts'
import { Refreshes } from './refreshes.ts'
import type { ResponseSlot } from './response-slot.ts'
import type { Tags } from './tags.ts'
import type { CacheWatch, SkipReason } from './watch.ts'

/** What an answer was made of. */
export interface ResponseRecord {
  /** Before its oldest part was asked for. */
  readonly born: Moment
  /** The smallest of its parts. */
  readonly freshUntilMs: number
  readonly staleUntilMs: number
  readonly tags: ReadonlySet<string>
  /** Every part of it may be kept, for anybody; there is one at least. */
  readonly isKeepable: boolean
}

/** An answer that is kept, as one request finds it. */
export interface KeptResponse {
  /** Shared by all who are answered with it. */
  readonly json: JsonText
  readonly validity: Validity
  readonly isStale: boolean
  readonly ageMs: number
  readonly tier: Tier
}

export interface ResponsesOptions {
  readonly answers: Answers
  readonly tags: Tags
  readonly watch: CacheWatch
  /** Milliseconds. Default: this process's monotonic clock. */
  readonly clock?: () => number
  readonly refreshes?: Refreshes
}

/** Whole answers to persisted queries that are everybody's. */
export interface Responses {
  /** Counts what was invalidated: nobody joins what began before. */
  readonly tick: number
  /** A promise only where memory has nothing and another tier is asked. Never rejects. */
  find(slot: ResponseSlot): KeptResponse | undefined | Promise<KeptResponse | undefined>
  /** One request was answered with it. */
  served(slot: ResponseSlot, kept: KeptResponse): void
  /** One request is executed, or joins one that is. */
  missed(slot: ResponseSlot, hasJoined: boolean): void
  /** Keeps an answer without errors, if what it was made of allows it. */
  keep(slot: ResponseSlot, json: JsonText, record: ResponseRecord): KeptResponse | undefined
  skipped(slot: ResponseSlot, reason: SkipReason): void
  /**
   * Asks again for what is stale, once a key, unless that has failed a second ago.
   * @param execute resolves with whether there is something new.
   */
  refresh(slot: ResponseSlot, execute: () => Promise<boolean>): void
}

/** What is made of an entry once. */
interface Ready {
  readonly json: JsonText
  readonly validity: Validity
}

export function createResponses({
  answers,
  tags,
  watch,
  clock = nowMs,
  refreshes = new Refreshes({ clock }),
}: ResponsesOptions): Responses {
  // An entry's value is the text, in every tier; what is made of it lives as long as memory has the entry.
  const ready = new WeakMap<Entry, Ready>()

  function readyOf(entry: Entry<string>, json?: JsonText): Ready {
    let made = ready.get(entry)
    if (made === undefined) {
      const { born, freshUntilMs, staleUntilMs } = entry
      made = {
        json: json ?? new JsonText(entry.value),
        validity: { bornMs: born.atMs, freshUntilMs, staleUntilMs },
      }
      made.json.isKept = true
      ready.set(entry, made)
    }
    return made
  }

  function keptOf(entry: Entry, tier: Tier): KeptResponse | undefined {
    if (!isText(entry)) return undefined
    const { json, validity } = readyOf(entry)
    const now = clock()
    return {
      json,
      validity,
      isStale: now >= validity.freshUntilMs,
      ageMs: Math.max(0, now - validity.bornMs),
      tier,
    }
  }

  async function findFurther(key: string): Promise<KeptResponse | undefined> {
    const found = await answers.get(key, true)
    return found && keptOf(found.entry, found.tier)
  }

  const skipped = ({ kind: { field } }: ResponseSlot, reason: SkipReason): void =>
    watch.onSkip({ level: 'response', field, count: 1, reason })

  return {
    get tick() {
      return tags.now().tick
    },
    find({ kind, key }) {
      const entry = answers.peek(key)
      const kept = entry && keptOf(entry, 'memory')
      return kept === undefined && kind.isKept ? findFurther(key) : kept
    },
    served({ kind: { field } }, { isStale, ageMs, tier }) {
      const event = { level: 'response', field, count: 1, ageMs, tier } as const
      if (isStale) watch.onStale(event)
      else watch.onHit(event)
    },
    missed({ kind: { field } }, hasJoined) {
      const event = { level: 'response', field, count: 1 } as const
      if (hasJoined) watch.onDedupe(event)
      else watch.onMiss(event)
    },
    keep(slot, json, record) {
      slot.kind.isKept = record.isKeepable
      if (!record.isKeepable || json.isNull) return undefined
      const { born, freshUntilMs, staleUntilMs } = record
      if (clock() >= freshUntilMs) {
        skipped(slot, 'not-fresh')
        return undefined
      }
      const entry: Entry<string> = {
        value: json.text,
        born,
        freshUntilMs,
        staleUntilMs,
        tags: [...record.tags],
        bytes: bytesOf(json.text),
      }
      if (!answers.set(slot.key, entry, true)) {
        skipped(slot, tags.holds(entry) ? 'too-large' : 'invalidated')
        return undefined
      }
      return {
        ...readyOf(entry, json),
        isStale: false,
        ageMs: Math.max(0, clock() - born.atMs),
        tier: 'memory',
      }
    },
    skipped,
    refresh: ({ key }, execute) => void refreshes.start(key, execute),
  }
}

/** What another gateway has written under the key need be no response. */
const isText = (entry: Entry): entry is Entry<string> => typeof entry.value === 'string'

/** Bodies from here on may be compressed too; of JSON, all encodings together hardly take more than itself. */
const COMPRESSED_BYTES_MIN = 1_024

/** The text, one byte a unit if all of it is ASCII, else two; its bytes; and what is made of them. */
function bytesOf(text: string): number {
  const bytes = Buffer.byteLength(text)
  const asText = bytes === text.length ? bytes : 2 * text.length
  return asText + bytes + (bytes < COMPRESSED_BYTES_MIN ? 0 : bytes)
}
