import type { Logger } from 'pino'
import { createFetchCaching } from './cache/fetches/fetches.ts'
import { createCachePolicies } from './cache/policy/policy.ts'
import { type PolicyTable, readPolicyTable, tableHash } from './cache/policy/policy-table.ts'
import { createResponses } from './cache/responses/responses.ts'
import type { AnswerStore } from './cache/stores/answers.ts'
import { openStores, type Stores } from './cache/stores/stores.ts'
import { type FleetTags, openFleetTags } from './cache/tags/fleet-tags.ts'
import { createLocalTags } from './cache/tags/local-tags.ts'
import type { Tags } from './cache/tags/tags.ts'
import { AGE_BUCKETS_MS, type CacheHooks, createWatch, type Watch } from './cache/watch.ts'
import { type CacheSettings, cacheSettingsOf } from './cache-settings.ts'
import { disconnectRedis, type RedisClient } from './redis/redis-connection.ts'
import type { GraphCaching } from './stages.ts'
import type { Supergraph } from './supergraph/supergraph.ts'
import { addCacheMetrics } from './telemetry/cache-metrics.ts'
import type { Metrics } from './telemetry/metrics.ts'

/** What is kept of answers; bounds where they differ from the defaults. */
export interface CacheOptions extends Partial<CacheSettings> {
  /** A policy table or its text: how long, and what makes void what is kept. Default: what the schema's `@cacheControl` says. */
  readonly policies?: PolicyTable | string | undefined
  readonly hooks?: CacheHooks | undefined
}

export interface CachingOptions {
  /** `undefined`: no answers are kept, registered texts alone. */
  readonly cache: CacheOptions | undefined
  /** Shared with other gateways; closed with all of it. `undefined`: memory alone. */
  readonly redis: RedisClient | undefined
  /** What a refresh in the background may take. */
  readonly requestMsMax: number
  /** Whether a crowd stretches what is stale (`staleStretch`): read at each look, so it costs next to nothing. Default: never. */
  readonly isStretched?: () => boolean
  /** Whether what is asked for once is kept, as cheap to read. Default: always. */
  readonly keepsAtOnce?: () => boolean
  readonly logger: Logger
}

/** The stores, and what keeps answers in them. */
export interface Caching {
  readonly texts: Stores['texts']
  /** `undefined`: no answers are kept. */
  readonly answers: AnswerCaching | undefined
  /** Leaves nothing running. */
  close(): Promise<void>
}

export interface AnswerCaching {
  readonly policies: PolicyTable | undefined
  readonly tags: Tags
  /** What a graph's requests are answered by. @throws Error naming the policies that the supergraph does not fit. */
  of(supergraph: Supergraph): GraphCaching
  addMetrics(metrics: Metrics): void
  /** For operators: a JSON object. */
  shown(): object
}

/**
 * Opens what is kept, in memory and in Redis, in one place: answers and registered texts.
 * Rejects with an Error naming a bound that is none, or what is wrong with the table.
 */
export async function openCaching({
  cache,
  redis,
  requestMsMax,
  isStretched = () => false,
  keepsAtOnce,
  logger,
}: CachingOptions): Promise<Caching> {
  const close = async (): Promise<void> => {
    await fleet?.close()
    if (redis !== undefined) await disconnectRedis(redis)
  }
  let fleet: FleetTags | undefined
  if (cache === undefined) return { texts: openStores({ redis, logger }).texts, answers: undefined, close }
  const bounds = cacheSettingsOf(cache)
  const policies =
    typeof cache.policies === 'string' ? readPolicyTable(cache.policies, 'cache.policies') : cache.policies
  const watch = createWatch({ hooks: cache.hooks, logger })
  fleet = redis && (await openFleetTags({ redis, logger }))
  const tags = fleet ?? createLocalTags()
  const onError = (error: unknown): void => watch.onError(error)
  const stores = openStores({
    redis,
    answers: { bounds, tags, isStretched, keepsAtOnce, fleetTime: fleet },
    logger,
    onError,
  })
  const answers = stores.answers!
  return {
    texts: stores.texts,
    answers: {
      policies,
      tags,
      of: supergraph => ({
        fetches: createFetchCaching({
          policies: createCachePolicies(supergraph, policies),
          answers,
          tags,
          watch,
          refreshMsMax: requestMsMax,
          staleStretch: bounds.staleStretch,
          isStretched,
        }),
        responses: createResponses({ answers, tags, watch, isStretched }),
        tableHash: tableHash(policies ?? {}),
      }),
      addMetrics: metrics => addTo(metrics, { watch, answers, fleet, stores }),
      shown: () => shown({ watch, answers, fleet }, bounds),
    },
    close,
  }
}

interface Counted {
  readonly watch: Watch
  readonly answers: AnswerStore
  readonly fleet: FleetTags | undefined
}

function addTo(
  metrics: Metrics,
  { watch, answers, fleet, stores }: Counted & { readonly stores: Stores },
): void {
  addCacheMetrics(metrics, {
    fields: () => watch.fields,
    ageBucketsMs: AGE_BUCKETS_MS,
    kept: () =>
      [...answers.kept()].map(({ label, bytes, evictions }) => ({ field: label, bytes, evictions })),
    entries: () => answers.entries,
    sharedBytes: () => answers.sharedBytes,
    unshared: () => answers.unshared,
    corrupt: () => answers.corrupt,
    errors: () => stores.failures + (fleet?.counts.errors ?? 0),
    breaks: () => fleet?.counts.breaks ?? 0,
    isListening: () => fleet?.isListening,
  })
}

function shown({ watch, answers, fleet }: Counted, bounds: CacheSettings): object {
  const kept = new Map(
    [...answers.kept()].map(({ label, bytes, evictions }) => [label, { bytes, evictions }]),
  )
  return {
    scope: fleet?.scope ?? 'process',
    ...(fleet === undefined ? {} : { isListening: fleet.isListening }),
    entries: answers.entries,
    bytes: answers.bytes,
    sharedBytes: answers.sharedBytes,
    bounds,
    fields: [...watch.fields].map(({ level, field, hits, stale, misses, dedupes, skips }) => ({
      level,
      field,
      hits,
      stale,
      misses,
      dedupes,
      skipped: Object.values(skips).reduce((sum, count) => sum + count, 0),
      ...kept.get(field),
    })),
  }
}
