import { describe, expect, it } from 'vitest'
import type { Sample } from './measure.ts'
import type { Results } from './results.ts'
import { markdown, median, summaries } from './table.ts'
import { WORKLOADS } from './variants.ts'

const [P1] = WORKLOADS
const [OURS, , APOLLO] = P1!.variants

describe('median', () => {
  it.each([
    [[3], 3],
    [[9, 1, 5], 5],
    [[4, 1, 3, 2], 3],
  ])('of %j is %d', (values, expected) => expect(median(values)).toBe(expected))

  it('refuses nothing', () =>
    expect(() => median([])).toThrow(new RangeError('expected at least one value, got none')))
})

describe('summaries', () => {
  it('takes rates from the runs that count, processor time from all that answered', () => {
    const samples = [
      sample(OURS!.name, 1, 10_000, 90),
      sample(OURS!.name, 2, 12_000, 80),
      sample(OURS!.name, 3, 99_000, 70, "the load's core was 99.0 % busy"),
    ]
    expect(summaries(P1!, samples)).toEqual([
      {
        variant: OURS,
        perSecond: 12_000,
        cpuUs: 80,
        rounds: 3,
        voids: ["the load's core was 99.0 % busy"],
        p99Ms: 9,
        gatewayBusy: 0.99,
        loadBusy: 0.5,
      },
    ])
  })

  it('has no rate where every run is void', () => {
    const none = sample(OURS!.name, 1, 0, undefined, 'no request was answered')
    expect(summaries(P1!, [none])).toMatchObject([{ perSecond: undefined, cpuUs: undefined }])
  })
})

describe('markdown', () => {
  it('gives ratios by rate and by processor time, beside what is to be reached', () => {
    const text = markdown(
      results([sample(OURS!.name, 1, 12_000, 80), sample(APOLLO!.name, 1, 800, 1_300)]),
      WORKLOADS,
    )
    expect(text).toContain('| Spillway | 12000 | 80 |  |  |  | 9 | 99 %, 50 % |  |')
    expect(text).toContain('| @apollo/gateway | 800 | 1300 | 15.0× | 16.3× | 15.0× | 9 | 99 %, 50 % |  |')
  })

  it('shows void runs as void, and no ratio of them', () => {
    const text = markdown(
      results([sample(OURS!.name, 1, 12_000, 80), sample(APOLLO!.name, 1, 800, 1_300, 'why')]),
      WORKLOADS,
    )
    expect(text).toContain(
      '| @apollo/gateway | void | 1300 |  | 16.3× | 15.0× | 9 | 99 %, 50 % | 1 of 1: why |',
    )
  })

  it('leaves out what was not measured', () => expect(markdown(results([]), WORKLOADS)).not.toContain('###'))
})

function sample(
  variant: string,
  round: number,
  perSecond: number,
  cpuUs: number | undefined,
  voidReason?: string,
): Sample {
  return {
    workload: 'P1',
    variant,
    round,
    perSecond,
    cpuUs,
    load: { requests: 1, seconds: 1, failed: 0, answerBytes: 500, p50Ms: 4, p95Ms: 7, p99Ms: 9 },
    busy: { gateway: 0.98, gatewayCore: 0.99, loadCore: 0.5, gatewaySeconds: 1 },
    voidReason,
  }
}

function results(samples: readonly Sample[]): Results {
  return {
    at: '2026-01-01T00:00:00.000Z',
    node: 'v24.0.0',
    processor: '2 × a processor',
    tool: 'wrk',
    rounds: 1,
    samples,
    latencies: [],
    plans: [],
    memory: [],
  }
}
