import { expect, test } from 'vitest'
import { addCacheMetrics, type CacheCounts } from '../../../gateway/telemetry/cache-metrics.ts'
import { createMetrics } from '../../../gateway/telemetry/metrics.ts'

const NONE = { hits: 0, stale: 0, misses: 0, dedupes: 0, skips: {}, ages: [0, 0, 0], ageMsSum: 0 }

test('each field is told apart, and ages add up to a histogram', async () => {
  const metrics = createMetrics(() => [])
  let isListening = true
  const cache: CacheCounts = {
    ageBucketsMs: [50, 1_000],
    fields: () => [
      { ...NONE, level: 'response', field: 'CampaignHome', hits: 7, stale: 2, misses: 1, ages: [6, 2, 1] },
      { ...NONE, level: 'entity', field: 'Product', dedupes: 3, skips: { errors: 2, partial: 0 } },
    ],
    kept: () => [{ field: 'CampaignHome', bytes: 2_048, evictions: 4 }],
    entries: () => 3,
    sharedBytes: () => 4_096,
    unshared: () => 8,
    corrupt: () => 1,
    errors: () => 5,
    breaks: () => 6,
    isListening: () => isListening,
  }
  addCacheMetrics(metrics, cache)
  const lines = async (): Promise<string[]> =>
    (await metrics.text()).split('\n').filter(line => line.startsWith('spillway_cache_'))
  const shown = await lines()
  expect(shown).toEqual(
    expect.arrayContaining([
      'spillway_cache_requests_total{level="response",field="CampaignHome",result="hit"} 7',
      'spillway_cache_requests_total{level="response",field="CampaignHome",result="stale"} 2',
      'spillway_cache_requests_total{level="entity",field="Product",result="dedupe"} 3',
      'spillway_cache_skipped_total{level="entity",field="Product",reason="errors"} 2',
      'spillway_cache_bytes{field="CampaignHome"} 2048',
      'spillway_cache_evictions_total{field="CampaignHome"} 4',
      'spillway_cache_entries 3',
      'spillway_cache_shared_bytes 4096',
      'spillway_cache_unshared_total 8',
      'spillway_cache_corrupt_total 1',
      'spillway_cache_errors_total 5',
      'spillway_cache_breaks_total 6',
      'spillway_cache_listening 1',
      // 6; 6 + 2; 6 + 2 + 1
      'spillway_cache_age_seconds_bucket{level="response",field="CampaignHome",le="0.05"} 6',
      'spillway_cache_age_seconds_bucket{level="response",field="CampaignHome",le="1"} 8',
      'spillway_cache_age_seconds_bucket{level="response",field="CampaignHome",le="+Inf"} 9',
      'spillway_cache_age_seconds_count{level="response",field="CampaignHome"} 9',
    ]),
  )
  expect(shown.filter(line => line.includes('reason="partial"'))).toEqual([])
  isListening = false
  expect(await lines()).toContain('spillway_cache_listening 0')
})
