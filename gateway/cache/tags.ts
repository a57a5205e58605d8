import type { Entry, Moment } from './entry.ts'

/** Where an invalidation has arrived: at every gateway, or here alone, as long as Redis is not there or not used. */
export type InvalidationScope = 'fleet' | 'process'

/** Stands for everything that is kept. */
export const EVERYTHING = '*'

/**
 * The order of invalidations. A tag is `Type` or `Type:key`, or what the policy table makes of arguments and results.
 * Invalidating `Type:key` also voids what carries `Type:*` (entries with too many keys to name), invalidating `Type` or
 * `*` voids everything that carries a tag of it.
 */
export interface Tags {
  /** To be kept with whatever is asked for from now on. Cheap. */
  now(): Moment
  /** Whether nothing of the entry, of this process's memory, was invalidated since it was born. Cheap: most often one comparison. */
  holds(entry: Pick<Entry, 'born' | 'tags'>): boolean
  /**
   * The same of an entry that another process wrote: by what was heard if this one has listened all the while, else by
   * what Redis knows of its tags. False when that cannot be had. Never rejects.
   */
  holdsAnywhere(entry: Pick<Entry, 'born' | 'tags'>): boolean | Promise<boolean>
  /**
   * Voids at once what carries one of the tags here, and everywhere before it resolves, unless Redis does not answer
   * within 50 ms: then as soon as it does. Never rejects.
   */
  invalidate(tags: readonly string[]): Promise<InvalidationScope>
}
