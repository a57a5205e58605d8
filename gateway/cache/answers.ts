import type { Entry, Tier } from './entry.ts'

/** An entry and where it was. */
export interface Found {
  readonly entry: Entry
  readonly tier: Tier
}

/**
 * What is kept, in memory, in Redis, or both. Nothing here rejects: a store that fails counts as empty. What is found is
 * not past `staleUntilMs`, and none of its tags has been invalidated since it was born.
 *
 * A key begins with what its metrics go by and a space (`Query.campaign `); the rest is opaque, and exact: what differs
 * in one code unit is another key.
 */
export interface Answers {
  /** What memory has, at once: also what was set in this same turn of the event loop. */
  peek(key: string): Entry | undefined
  /** @param isShared as it was set: what is one caller's is never asked of Redis, nor is its key shown there. */
  get(key: string, isShared: boolean): Promise<Found | undefined>
  /** One for each key, in their order. */
  getMany(keys: readonly string[], isShared: boolean): Promise<(Found | undefined)[]>
  /**
   * Nobody waits for it. Kept only if the entry still holds, and is not larger than allowed. What goes to Redis is
   * carried as JSON: the value is what `JSON.parse` may give.
   * @param isShared whether it may be in Redis too; what is one caller's stays in this process.
   * @returns false: it was not kept, since it is too large or void.
   */
  set(key: string, entry: Entry, isShared: boolean): boolean
}
