/** Bounds of what is kept of answers. */
export interface CacheSettings {
  /** In memory, of responses, fetches and entities together. */
  readonly entriesMax: number
  readonly bytesMax: number
  /** Larger answers are not kept. */
  readonly entryBytesMax: number
  /** That this process has in Redis at once, by an exact record of what it has written and what has expired since. */
  readonly sharedBytesMax: number
  /** Smaller values lie in Redis as they are. */
  readonly compressBytesMin: number
  /** How many times its `staleMs` everybody's answer is served in a crowd, 10 minutes at most; 1: no longer than ever. */
  readonly staleStretch: number
}

/** A page of CampaignHome takes 2 KB with what is kept beside it: all of it fits the memory many times over. */
export const DEFAULT_CACHE: CacheSettings = Object.freeze({
  entriesMax: 100_000,
  bytesMax: 128 * 1024 * 1024,
  entryBytesMax: 1024 * 1024,
  sharedBytesMax: 64 * 1024 * 1024,
  compressBytesMin: 4 * 1024,
  staleStretch: 10,
})

/** @throws RangeError naming the setting that is no positive integer, or that contradicts another. */
export function cacheSettingsOf(
  given: { readonly [Name in keyof CacheSettings]?: number | undefined },
): CacheSettings {
  const settings: Record<keyof CacheSettings, number> = { ...DEFAULT_CACHE }
  for (const name of Object.keys(DEFAULT_CACHE) as (keyof CacheSettings)[]) {
    const value = given[name] ?? DEFAULT_CACHE[name]
    if (!Number.isSafeInteger(value) || value < 1)
      throw new RangeError(`cache.${name}: expected a positive integer, got ${value}`)
    settings[name] = value
  }
  for (const whole of ['bytesMax', 'sharedBytesMax'] as const)
    if (settings.entryBytesMax > settings[whole])
      throw new RangeError(
        `cache.entryBytesMax: expected at most cache.${whole} (${settings[whole]}), got ${settings.entryBytesMax}`,
      )
  return settings
}
