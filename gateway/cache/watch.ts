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
export type SkipReason = 'errors' | 'partial' | 'too-large' | 'invalidated' | 'not-fresh' | 'debug'

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
