import { expect, test } from 'vitest'
import { addPlaceMetrics, PlaceCounts } from '../../gateway/place-counts.ts'
import type { Admitted, Kept, NoPlace } from '../../gateway/surge/lines.ts'
import { createMetrics } from '../../gateway/telemetry/metrics.ts'

const place = { epoch: 'e', instantMs: 0, shiftMs: 0 }
const admitted = (more: Partial<Admitted> = {}): Admitted => ({
  kind: 'admitted',
  line: { key: 'line', rate: { perSecond: 1, burst: 1 } },
  caller: 'shopper:alice',
  points: 1,
  availablePoints: 0,
  place: undefined,
  lateMs: 0,
  isStandby: false,
  waiting: 0,
  ...more,
})
const kept = (more: Partial<Kept> = {}): Kept => ({
  kind: 'kept',
  place,
  admitAtMs: 1,
  retryAfterMs: 1,
  position: 0,
  isNew: false,
  isMoved: false,
  waiting: 1,
  ...more,
})
const none = (reason: NoPlace['reason']): NoPlace => ({
  kind: 'none',
  reason,
  availablePoints: 0,
  retryAfterMs: 1,
  waiting: 1,
})

test.each([
  ['NEWCOMER', admitted()],
  ['STANDBY', admitted({ isStandby: true })],
  ['DUE', admitted({ place })],
  ['NEW_PLACE', kept({ isNew: true })],
  ['SAME_PLACE', kept()],
  ['MOVED', kept({ isMoved: true })],
  ['HORIZON', none('HORIZON')],
  ['REMAINING', none('REMAINING')],
  ['FULL', none('FULL')],
  ['BRAKED', none('BRAKED')],
] as const)('%s is counted by its field', (outcome, turn) => {
  const counts = new PlaceCounts()
  counts.turned('Mutation.claim', turn)
  counts.turned('Mutation.claim', turn)
  counts.turned('Mutation.other', turn)
  expect(counts.turns).toEqual([
    { labels: { field: 'Mutation.claim', outcome }, value: 2 },
    { labels: { field: 'Mutation.other', outcome }, value: 1 },
  ])
})

test('how late places are used is told in seconds, and of whoever came by none nothing', async () => {
  const counts = new PlaceCounts()
  for (const lateMs of [0, 10, 11, 120_000, 120_001]) counts.turned('claim', admitted({ place, lateMs }))
  counts.turned('claim', admitted())
  counts.turned('claim', kept())
  counts.ignored('FOREIGN')
  counts.ignored('FOREIGN')
  counts.ignored('MALFORMED')
  const metrics = createMetrics(() => [])
  addPlaceMetrics(metrics, counts)
  const text = await metrics.text()
  const shown = text.split('\n').filter(line => /^spillway_place/.test(line))
  expect(shown).toEqual([
    'spillway_place_tokens_ignored_total{reason="FOREIGN"} 2',
    'spillway_place_tokens_ignored_total{reason="MALFORMED"} 1',
    ...[
      ['0.01', 2],
      ['0.05', 3],
      ['0.1', 3],
      ['0.25', 3],
      ['0.5', 3],
      ['1', 3],
      ['2.5', 3],
      ['5', 3],
      ['10', 3],
      ['30', 3],
      ['60', 3],
      ['120', 4],
      ['+Inf', 5],
    ].map(([le, count]) => `spillway_place_lateness_seconds_bucket{le="${le}"} ${count}`),
    'spillway_place_lateness_seconds_sum 240.022',
    'spillway_place_lateness_seconds_count 5',
  ])
})
