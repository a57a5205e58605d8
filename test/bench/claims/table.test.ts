import { describe, expect, it } from 'vitest'
import type { Window } from './measure.ts'
import type { ClaimsResults, ClaimsSample } from './results.ts'
import { markdown } from './table.ts'

const window = (perSecond: number, cpuUs: number, own: Partial<Window> = {}): Window => ({
  perSecond,
  cpuUs,
  postgresUs: 30,
  seen: { latency: { count: 1, p50: 1, p95: 2, p99: 3, max: 4 } } as Window['seen'],
  busy: { measured: 0.99, core: 0.99, otherCore: 0.5 },
  voidReason: undefined,
  rateVoidReason: undefined,
  ...own,
})
const sample = (own: Partial<ClaimsSample>): ClaimsSample => ({
  part: 'P4',
  round: 1,
  layout: 'services',
  work: 'claim',
  callers: 256,
  batchMax: undefined,
  window: window(5_000, 200),
  ...own,
})
const page = (samples: readonly ClaimsSample[], functions: ClaimsResults['functions'] = []): string =>
  markdown({
    at: '2026-01-01T00:00:00.000Z',
    node: 'v24',
    processor: 'one',
    rounds: 1,
    samples,
    functions,
  })

describe('the page of claims', () => {
  it('compares claims with what needs no database: 5,000 of 9,000 a second are reached, 4,000 are not', () => {
    const me = sample({ work: 'me', window: window(9_000, 110) })
    expect(page([sample({}), me])).toContain('| 0.56 | ≥ 0.5 | reached | 0.55 |')
    const slow = sample({ window: window(4_000, 250) })
    expect(page([slow, me])).toContain('| 0.44 | ≥ 0.5 | not reached | 0.44 |')
  })

  it('leaves a round whose rate says nothing out of P4, and says so', () => {
    const unfull = sample({ window: window(1, 200, { rateVoidReason: 'its core was 50 % busy' }) })
    const text = page([unfull, sample({}), sample({ work: 'me', window: window(9_000, 110) })])
    expect(text).toContain('| services | 5000 |')
    expect(text).toContain('1 of 2: its core was 50 % busy')
  })

  it('compares processor time at most callers with that at fewest: 200 of 700 µs are reached', () => {
    const text = page([
      sample({ part: 'callers', callers: 1, window: window(900, 700) }),
      sample({ part: 'callers', callers: 64, window: window(4_000, 300) }),
      sample({ part: 'callers', callers: 1_024, window: window(5_000, 200) }),
    ])
    expect(text).toContain('| services | 700 | 200 | 0.286 | ≤ 0.333 | reached |')
    expect(text).toContain('| services, 64 | 4000 |')
  })

  it('shows the bare function beside batches of every size, in their order', () => {
    const text = page(
      [sample({ part: 'batches', batchMax: 256 }), sample({ part: 'batches', batchMax: 1 })],
      [
        { round: 1, batch: 256, perSecond: 30_000, voidReason: undefined },
        { round: 2, batch: 256, perSecond: 10_000, voidReason: 'others were here' },
        { round: 1, batch: 1, perSecond: 1_000, voidReason: undefined },
      ],
    )
    expect(text.indexOf('| 1 | 5000 |')).toBeLessThan(text.indexOf('| 256 | 5000 |'))
    expect(text).toContain('| 1 | 1000 |  |\n| 256 | 30000 | 1 of 2: others were here |')
  })
})
