import type { Entry, Tier } from './entry.ts'

/** An entry and where it was. */
export interface Found {
  readonly entry: Entry
  readonly tier: Tier
}

/**
 * What is kept, in memory, in Redis, or both. Nothing here rejects: a store that fails counts as empty. What is found is
 * not past `staleUntilMs`, and none of its tags has been invalidated since it was born.
 */
export interface Answers {
  get(key: string): Promise<Found | undefined>
  /** One for each key, in their order. */
  getMany(keys: readonly string[]): Promise<(Found | undefined)[]>
  /**
   * Nobody waits for it. Kept only if the entry still holds, and is not larger than allowed.
   * @param isShared whether it may be in Redis too; what is one caller's stays in this process.
   * @returns false: it was not kept, since it is too large or void.
   */
  set(key: string, entry: Entry, isShared: boolean): boolean
}
