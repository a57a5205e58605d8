import { nowMs } from '../../../protocol/deadline.ts'
import { JsonText, type Validity } from '../../request.ts'
import type { Entry, Tier } from '../entry.ts'
import type { FetchRecord } from '../fetches/fetch-record.ts'
import { TagSet } from '../policy/tag-set.ts'
import { Refreshes } from '../refreshes.ts'
import type { Answers } from '../stores/answers.ts'
import type { Tags } from '../tags/tags.ts'
import type { CacheWatch, SkipReason } from '../watch.ts'
import type { ResponseKind, ResponseSlot } from './response-slot.ts'

/** An answer that is kept, as one request finds it. */
export interface KeptResponse {
  /** Shared by all who are answered with it. */
  readonly json: JsonText
  readonly validity: Validity
  readonly isStale: boolean
  readonly tier: Tier
}

export interface ResponsesOptions {
  readonly answers: Answers
  readonly tags: Tags
  readonly watch: CacheWatch
  /** Milliseconds. Default: this process's monotonic clock. */
  readonly clock?: () => number
  /** Whether a crowd stretches what is stale. Default: never. */
  readonly isStretched?: () => boolean
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
  keep(slot: ResponseSlot, json: JsonText, record: FetchRecord): KeptResponse | undefined
  skipped(slot: ResponseSlot, reason: SkipReason): void
  /**
   * Asks again for what is stale, once a key, unless that has failed a second ago.
   * @param execute resolves with whether there is something new.
   */
  refresh(slot: ResponseSlot, execute: () => Promise<boolean>): void
  /**
   * Lets one in, while nobody else is, for what nothing is kept of, so that the next ones find it: for what was asked for
   * before, not long ago; one an operation, and a few in all. Without it a page of everybody's that has once gone is refused
   * to all until the crowd is over.
   * @returns to be called once it is answered; `undefined`: it is not let in.
   */
  letIn(slot: ResponseSlot): (() => void) | undefined
}

/** Operations. One whose subgraph is slow holds up no other. */
const LET_IN_MAX = 8

/** That one entry carries. */
const ENTITY_TAGS_MAX = 64

export function createResponses({
  answers,
  tags,
  watch,
  clock = nowMs,
  isStretched = () => false,
  refreshes = new Refreshes({ clock, isStretched }),
}: ResponsesOptions): Responses {
  // An entry's value is the text, in every tier; what is made of it lives as long as memory has the entry.
  const ready = new WeakMap<Entry, JsonText>()
  /** Operations of which one is let in. */
  const entered = new Set<ResponseKind>()

  function keptOf(entry: Entry, tier: Tier): KeptResponse | undefined {
    if (!isText(entry)) return undefined
    let json = ready.get(entry)
    if (json === undefined) {
      json = new JsonText(entry.value)
      makeReady(entry, json)
    }
    const { born, freshUntilMs, staleUntilMs } = entry
    const now = clock()
    return {
      json,
      validity: {
        ageMs: Math.max(0, now - born.atMs),
        freshMs: freshUntilMs - born.atMs,
        staleMs: staleUntilMs - freshUntilMs,
      },
      isStale: now >= freshUntilMs,
      tier,
    }
  }

  function makeReady(entry: Entry, json: JsonText): void {
    json.isKept = true
    ready.set(entry, json)
  }

  /**
   * Whether what is stale from the start is worth keeping: it took longer than it is fresh, as in a crowd, and is newer than
   * what is there. Made again of the same stale parts, since a subgraph has failed, it is not.
   */
  function isNews(key: string, entry: Entry): boolean {
    return (
      answers.answersNow(entry) &&
      entry.born.atMs > (answers.peek(key)?.born.atMs ?? Number.NEGATIVE_INFINITY)
    )
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
      return kept === undefined && kind.isKept && answers.asksFurther(true) ? findFurther(key) : kept
    },
    served({ kind: { field } }, { isStale, validity: { ageMs }, tier }) {
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
      const { born, freshUntilMs, staleUntilMs, stretchedUntilMs } = record
      const entry: Entry<string> = {
        value: json.text,
        born,
        freshUntilMs,
        staleUntilMs,
        stretchedUntilMs,
        tags: boundedTags(record.tags),
        bytes: bytesOf(json.text),
      }
      // Another gateway may have told Redis something newer.
      const isFresh = clock() < freshUntilMs
      if (!isFresh && !isNews(slot.key, entry)) {
        skipped(slot, 'not-fresh')
        return undefined
      }
      if (!answers.set(slot.key, entry, isFresh)) {
        const reason = answers.fits(entry) ? 'no-place' : 'too-large'
        skipped(slot, tags.holds(entry) ? reason : 'invalidated')
        return undefined
      }
      makeReady(entry, json)
      return keptOf(entry, 'memory')
    },
    skipped,
    refresh: ({ key }, execute) => void refreshes.start(key, execute),
    letIn({ key, kind }) {
      if (!answers.meet(key) || entered.size >= LET_IN_MAX || entered.has(kind)) return undefined
      entered.add(kind)
      return () => void entered.delete(kind)
    },
  }
}

/** Of all parts together as many as of one: more of a type are all of it. */
function boundedTags(tags: ReadonlySet<string>): readonly string[] {
  if (tags.size <= ENTITY_TAGS_MAX) return [...tags]
  const bounded = new TagSet(ENTITY_TAGS_MAX, true)
  for (const tag of tags) bounded.addText(tag)
  return bounded.list()
}

/** What another gateway has written under the key need be no response. */
const isText = (entry: Entry): entry is Entry<string> => typeof entry.value === 'string'

/** Bodies from here on may be compressed too; of JSON, all encodings together hardly take more than itself. */
const COMPRESSED_BYTES_MIN = 1_024

/** Of what holds the bytes and the entity tag: measured on 100,000 answers of 50 characters each. */
const HOLDER_BYTES = 256

/** The text, one byte a unit if all of it is ASCII, else two; its bytes; and what is made of them. */
function bytesOf(text: string): number {
  const bytes = Buffer.byteLength(text)
  const asText = bytes === text.length ? bytes : 2 * text.length
  return HOLDER_BYTES + asText + bytes + (bytes < COMPRESSED_BYTES_MIN ? 0 : bytes)
}
