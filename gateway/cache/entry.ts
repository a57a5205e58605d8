import type { DeadlineMs } from '../../protocol/deadline.ts'

/** A point in the order of invalidations (tags.ts), and in time. */
export interface Moment {
  /** `nowMs()` of this process. */
  readonly atMs: DeadlineMs
  /** Counts what was invalidated as this process has heard it; compared within the process only. */
  readonly tick: number
  /** The newest invalidation of the fleet that this process has heard of; 0 without Redis. Compared between processes. */
  readonly version: number
}

/**
 * What is kept of an answer, and for how long it holds. Immutable and shared by whoever it answers.
 *
 *     fresh: until `freshUntilMs` · stale, served while it is asked for again: until `staleUntilMs`
 *     stale beyond: until `stretchedUntilMs`, served only while a crowd stretches what is stale · gone
 */
export interface Entry<Value = unknown> {
  readonly value: Value
  /** Before its oldest part was asked for: what was invalidated since makes it void. Its age counts from there. */
  readonly born: Moment
  /** Of `nowMs()`, as `born.atMs` is. */
  readonly freshUntilMs: DeadlineMs
  readonly staleUntilMs: DeadlineMs
  /** No earlier than `staleUntilMs`; the same where nothing is stretched. */
  readonly stretchedUntilMs: DeadlineMs
  /** What it tells of; each once. */
  readonly tags: readonly string[]
  /** About what it takes in memory, key and tags apart. */
  readonly bytes: number
}

/** Where an entry was found. */
export type Tier = 'memory' | 'redis'

/** Stretched, nothing is stale for longer, unless its own `staleMs` is. */
const STRETCHED_MS_MAX = 600_000

/** For how long an answer that may be stale for `staleMs` may be so in a crowd; what may never be, may not then either. */
export const stretchedMs = (staleMs: number, factor: number): number =>
  Math.max(staleMs, Math.min(staleMs * factor, STRETCHED_MS_MAX))

/** Whether the entry answers at an instant. */
export const answersAt = (
  { staleUntilMs, stretchedUntilMs }: Entry,
  atMs: DeadlineMs,
  isStretched: () => boolean,
): boolean => atMs < staleUntilMs || (atMs < stretchedUntilMs && isStretched())
