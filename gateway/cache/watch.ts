import type { Logger } from 'pino'
import type { Tier } from './entry.ts'

/** What is kept: a whole response, the answer to a fetch of root fields, or one entity of a fetch of entities. */
export type CacheLevel = 'response' | 'root' | 'entity'

/** Something that happened to `count` keys of one field. */
export interface CacheEvent {
  readonly level: CacheLevel
  /** A response's operation by name, a root field as `Query.campaign`, an entity's type as `Product`. */
  readonly field: string
  /** Keys; more than one where a fetch asks for several entities. */
  readonly count: number
  /** Of a hit or stale answer: of the oldest of them. */
  readonly ageMs?: number
  readonly tier?: Tier
}

/** Why an answer was not kept, or not looked for. */
export const SKIP_REASONS = [
  'errors',
  'partial',
  'too-large',
  'no-place',
  'invalidated',
  'not-fresh',
  'debug',
] as const
export type SkipReason = (typeof SKIP_REASONS)[number]

/** Told of everything that the cache does. What a hook throws is logged, and nothing else comes of it. */
export interface CacheHooks {
  /** Answered by what is kept and fresh. */
  onHit?(event: CacheEvent): void
  /** Answered by what is kept and stale; it is asked for again meanwhile, or could not be had. */
  onStale?(event: CacheEvent): void
  /** Asked for. */
  onMiss?(event: CacheEvent): void
  /** Answered by what another has asked for and not yet had. */
  onDedupe?(event: CacheEvent): void
  /** Came, and is not kept. */
  onSkip?(event: CacheEvent & { readonly reason: SkipReason }): void
  /** A store or a refresh has failed; requests go on without. */
  onError?(error: unknown): void
}

/** Hooks as the parts of the cache call them: none is missing, none throws. */
export type CacheWatch = Required<CacheHooks>

/** What has happened to one field since the start, in keys. */
export interface FieldCounts {
  readonly level: CacheLevel
  readonly field: string
  readonly hits: number
  readonly stale: number
  readonly misses: number
  readonly dedupes: number
  readonly skips: Readonly<Record<SkipReason, number>>
  /** Of what was served; by age, each within {@link AGE_BUCKETS_MS} and not the one before; the last one beyond all. */
  readonly ages: readonly number[]
  readonly ageMsSum: number
}

/** Bounds of the ages that are told apart. */
export const AGE_BUCKETS_MS: readonly number[] = [50, 250, 1_000, 5_000, 15_000, 60_000, 300_000, 3_600_000]

export interface Watch extends CacheWatch {
  readonly fields: Iterable<FieldCounts>
  readonly errors: number
}

export interface WatchOptions {
  readonly hooks?: CacheHooks | undefined
  readonly logger: Logger
}

/** Fields are of a schema and of a manifest; more than so many share the name `other`. */
const FIELDS_MAX = 1_000

interface Counted extends FieldCounts {
  hits: number
  stale: number
  misses: number
  dedupes: number
  readonly skips: Record<SkipReason, number>
  readonly ages: number[]
  ageMsSum: number
}

/** Counts by field what the parts of the cache tell, and passes it on. */
export function createWatch({ hooks = {}, logger }: WatchOptions): Watch {
  const fields: Counted[] = []
  /** Not by one text of both, which would have to be written at each event. */
  const byLevel: Readonly<Record<CacheLevel, Map<string, Counted>>> = {
    response: new Map(),
    root: new Map(),
    entity: new Map(),
  }
  let errors = 0
  let isTold = false

  function countsOf({ level, field }: CacheEvent): Counted {
    const ofLevel = byLevel[level]
    const known = ofLevel.get(field)
    if (known !== undefined) return known
    const name = fields.length < FIELDS_MAX ? field : 'other'
    let counted = ofLevel.get(name)
    if (counted === undefined) {
      fields.push((counted = noCounts(level, name)))
      ofLevel.set(name, counted)
    }
    return counted
  }

  function served(counted: Counted, { count, ageMs = 0 }: CacheEvent): void {
    let bucket = 0
    while (bucket < AGE_BUCKETS_MS.length && ageMs > AGE_BUCKETS_MS[bucket]!) bucket++
    counted.ages[bucket]! += count
    counted.ageMsSum += ageMs * count
  }

  function tell<Told>(hook: ((told: Told) => void) | undefined, told: Told): void {
    if (hook === undefined) return
    try {
      hook.call(hooks, told)
    } catch (error) {
      if (!isTold) logger.error({ err: error }, 'a hook of the cache has thrown; this is told once')
      isTold = true
    }
  }

  return {
    onHit(event) {
      const counted = countsOf(event)
      counted.hits += event.count
      served(counted, event)
      tell(hooks.onHit, event)
    },
    onStale(event) {
      const counted = countsOf(event)
      counted.stale += event.count
      served(counted, event)
      tell(hooks.onStale, event)
    },
    onMiss(event) {
      countsOf(event).misses += event.count
      tell(hooks.onMiss, event)
    },
    onDedupe(event) {
      countsOf(event).dedupes += event.count
      tell(hooks.onDedupe, event)
    },
    onSkip(event) {
      countsOf(event).skips[event.reason] += event.count
      tell(hooks.onSkip, event)
    },
    onError(error) {
      errors++
      tell(hooks.onError, error)
    },
    fields,
    get errors() {
      return errors
    },
  }
}

function noCounts(level: CacheLevel, field: string): Counted {
  const skips = Object.fromEntries(SKIP_REASONS.map(reason => [reason, 0])) as Record<SkipReason, number>
  const ages = Array<number>(AGE_BUCKETS_MS.length + 1).fill(0)
  return { level, field, hits: 0, stale: 0, misses: 0, dedupes: 0, skips, ages, ageMsSum: 0 }
}
