import type { Metrics } from './metrics.ts'

/** What has happened to one field since the start, in keys. */
export interface CachedField {
  readonly level: string
  readonly field: string
  readonly hits: number
  readonly stale: number
  readonly misses: number
  readonly dedupes: number
  readonly skips: Readonly<Record<string, number>>
  /** By the bounds that are given beside; the last one beyond all. */
  readonly ages: readonly number[]
  readonly ageMsSum: number
}

/** One part of what is kept, under a field's name. */
export interface KeptField {
  readonly field: string
  readonly bytes: number
  readonly evictions: number
}

/** The cache, looked at when `/metrics` is. */
export interface CacheCounts {
  readonly fields: () => Iterable<CachedField>
  readonly ageBucketsMs: readonly number[]
  readonly kept: () => Iterable<KeptField>
  readonly entries: () => number
  /** That this process has in Redis, as far as it knows. */
  readonly sharedBytes: () => number
  /** Answers that Redis was not given, for want of place. */
  readonly unshared: () => number
  /** Values in Redis that were none of ours, or broken. */
  readonly corrupt: () => number
  readonly errors: () => number
  /** Times that invalidations may have been missed. */
  readonly breaks: () => number
  /** Whether invalidations of other gateways are heard; `undefined`: there are no others. */
  readonly isListening: () => boolean | undefined
}

/** Adds how often each field is answered by what is kept, how old that is, and what it takes. */
export function addCacheMetrics(metrics: Metrics, cache: CacheCounts): void {
  metrics.exposeBy(
    'spillway_cache_requests_total',
    'Answers looked for by field, and what came of it: hit, stale, dedupe (of one under way), or miss.',
    ['level', 'field', 'result'],
    () =>
      [...cache.fields()].flatMap(({ level, field, hits, stale, misses, dedupes }) =>
        Object.entries({ hit: hits, stale, miss: misses, dedupe: dedupes }).map(([result, value]) => ({
          labels: { level, field, result },
          value,
        })),
      ),
  )
  metrics.exposeBy(
    'spillway_cache_skipped_total',
    'Answers that were not kept, by field and reason.',
    ['level', 'field', 'reason'],
    () =>
      [...cache.fields()].flatMap(({ level, field, skips }) =>
        Object.entries(skips)
          .filter(([, value]) => value > 0)
          .map(([reason, value]) => ({ labels: { level, field, reason }, value })),
      ),
  )
  metrics.exposeHistogram(
    'spillway_cache_age_seconds',
    'Age of what was served of what is kept, by field.',
    cache.ageBucketsMs.map(bound => bound / 1_000),
    () =>
      [...cache.fields()].map(({ level, field, ages, ageMsSum }) => ({
        labels: { level, field },
        counts: ages,
        sum: ageMsSum / 1_000,
      })),
  )
  metrics.exposeLevelBy('spillway_cache_bytes', 'What is kept in memory, by field.', ['field'], () =>
    [...cache.kept()].map(({ field, bytes }) => ({ labels: { field }, value: bytes })),
  )
  metrics.exposeBy(
    'spillway_cache_evictions_total',
    'Answers dropped before their time to make place, by field.',
    ['field'],
    () => [...cache.kept()].map(({ field, evictions }) => ({ labels: { field }, value: evictions })),
  )
  metrics.exposeLevel('spillway_cache_entries', 'Answers kept in memory.', cache.entries)
  metrics.expose(
    'spillway_cache_corrupt_total',
    'Values in Redis that were broken or none of ours; each was deleted.',
    cache.corrupt,
  )
  metrics.expose('spillway_cache_errors_total', 'Failures of a store of the cache.', cache.errors)
  if (cache.isListening() === undefined) return
  metrics.exposeLevel(
    'spillway_cache_shared_bytes',
    'What this gateway has in Redis, by its own record.',
    cache.sharedBytes,
  )
  metrics.expose(
    'spillway_cache_unshared_total',
    'Answers that Redis was not given: this gateway has its share there, Redis is half full, or too many came at once.',
    cache.unshared,
  )
  metrics.expose(
    'spillway_cache_breaks_total',
    'Times that invalidations of other gateways may have been missed, and memory was void.',
    cache.breaks,
  )
  metrics.exposeLevel(
    'spillway_cache_listening',
    '1 while the invalidations of other gateways are heard.',
    () => Number(cache.isListening()),
  )
}
