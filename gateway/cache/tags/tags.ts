import type { Entry, Moment } from '../entry.ts'

/** Where an invalidation has arrived: at every gateway, or here alone, as long as Redis is not there or not used. */
export type InvalidationScope = 'fleet' | 'process'

/** Stands for everything that is kept. */
export const EVERYTHING = '*'

/**
 * The order of invalidations. A tag is `Type` or `Type:key`, or what the policy table makes of arguments and results. An
 * entry carries the types and, where they can be named, the keys of what it tells of.
 *
 *     invalidated   void
 *     Type:key      what carries it, and what carries `Type:*`: entries with too many keys to name
 *     Type, Type:*  what carries `Type`: every entry that tells of one
 *     *             everything
 */
export interface Tags {
  /** To be kept with whatever is asked for from now on. Cheap. */
  now(): Moment
  /** Whether nothing of the entry, of this process's memory, was invalidated since it was born. Cheap: most often one comparison. */
  holds(entry: Pick<Entry, 'born' | 'tags'>): boolean
  /**
   * The same of an entry that another process wrote: by what was heard if this one has listened all the while, else by
   * what Redis knows of its tags. False when that cannot be had. Never rejects. Who then keeps the entry in memory gives
   * it the tick from before the question.
   */
  holdsAnywhere(entry: Pick<Entry, 'born' | 'tags'>): boolean | Promise<boolean>
  /**
   * Voids at once what carries one of the tags here, and in Redis before it resolves with `fleet`: the other gateways
   * have been told by then, and hear it as soon as the network brings it. When Redis does not answer within 50 ms: as soon
   * as it does. Never rejects.
   */
  invalidate(tags: readonly string[]): Promise<InvalidationScope>
}
