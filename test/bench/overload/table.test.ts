import { describe, expect, it } from 'vitest'
import { chartOf } from './chart.ts'
import type { CrowdSeen } from './crowd.ts'
import type { Borne } from './measure.ts'
import type { PacedSeen } from './paced.ts'
import type { CurveSample, DrainSample, OverloadResults } from './results.ts'
import { goodputOf } from './results.ts'
import { markdown } from './table.ts'

const spread = (p99: number) => ({ count: 1_000, p50: p99 / 2, p95: p99, p99, max: p99 })

/** 1,500 shoppers for 150 coupons a second, the last after 10 s; two requests each. */
const SEEN: CrowdSeen = {
  came: 1_500,
  requests: 3_000,
  coupons: 1_500,
  withPlace: 0,
  withNothing: 0,
  unanswered: 0,
  asksOfServed: 2,
  servedByAsks: { 2: 1_500 },
  secondsToLast: 10,
  seconds: 10,
  admitted: spread(100),
  served: spread(9_000),
  held: { newcomers: spread(1), returners: spread(1) },
  outcomes: { coupon: 1_500, KeptPlace: 1_500 },
  each: [300, 150, 150, 150].map(coupons => ({ requests: 300, coupons, waiting: 0 })),
  busy: 0.1,
}
const BORNE: Borne = {
  busy: { gateway: 0.5, gatewayCore: 0.5, loadCore: 0.3, gatewaySeconds: 5 },
  rssBytesBefore: 2e8,
  rssBytesMax: [2e8, 2e8, 2e8],
  heapBytesAfter: 5e7,
  levels: { CALM: 10 },
  turns: { NEWCOMER: 150, DUE: 1_350, NEW_PLACE: 1_350 },
  voidReason: undefined,
}
const drained = (seen: Partial<CrowdSeen> = {}, voidReason?: string): DrainSample => ({
  round: 1,
  saturation: 500,
  limit: 150,
  seen: { ...SEEN, ...seen },
  borne: { ...BORNE, voidReason },
})
const point = (multiple: number, isOn: boolean): CurveSample => ({
  round: 1,
  isOn,
  multiple,
  limit: isOn ? 450 : undefined,
  seen: SEEN,
  borne: BORNE,
})
const paid = (p99: number): PacedSeen => ({
  due: 1_000,
  sent: 1_000,
  latency: spread(p99),
  outcomes: {},
  busy: 0,
})

const page = (results: Partial<OverloadResults>): string =>
  markdown(
    {
      at: '2026-01-01T00:00:00.000Z',
      node: 'v24',
      processor: 'one',
      rounds: 1,
      seconds: 30,
      serviceRate: 500,
      drains: [],
      curve: [],
      payments: [],
      ...results,
    },
    'chart.svg',
  )

describe('the page of overload', () => {
  it('says of P6 what is reached: 1,500 coupons in 10 s are the limit of 150 a second', () => {
    const text = page({ drains: [drained()] })
    expect(text).toContain('| goodput ÷ L | 1.000 | ≥ 0.9 | reached |')
    expect(text).toContain('| requests per success | 2.000 | ≤ 2.2 | reached |')
    expect(text).toContain('| p99 of the admitted, ms | 100 | ≤ 250 | reached |')
    expect(text).toContain('NEWCOMER 150, DUE 1350, NEW_PLACE 1350')
    expect(text).toContain('No round was void.')
  })

  it('says of P6 what is not: 12 s are 0.833 of it', () => {
    const text = page({
      drains: [drained({ secondsToLast: 12, requests: 4_500, admitted: spread(251), came: 1_501 })],
    })
    expect(text).toContain('| goodput ÷ L | 0.833 | ≥ 0.9 | not reached |')
    expect(text).toContain('| requests per success | 3.000 | ≤ 2.2 | not reached |')
    expect(text).toContain('| p99 of the admitted, ms | 251 | ≤ 250 | not reached |')
    expect(text).toContain('| without a coupon at the end | 1 | 0 | not reached |')
  })

  it('leaves a void round out of the medians, and says so', () => {
    const text = page({ drains: [drained({ secondsToLast: 100 }, 'others were here'), drained()] })
    expect(text).toContain('| goodput ÷ L | 1.000 |')
    expect(text).toContain('Void: 1 of 2: others were here.')
  })

  it('counts goodput of the second half only', () => expect(goodputOf(SEEN)).toBe(150))

  it('has a line for each point of the curve, and draws them', () => {
    const curve = [point(1, true), point(1, false), point(20, true), point(20, false)]
    expect(page({ curve })).toContain('| 20× | off | 150 | 30 % |')
    const results = { curve, serviceRate: 500, seconds: 30 } as unknown as OverloadResults
    expect(chartOf(results).match(/<polyline/g)).toHaveLength(8)
  })

  it('allows payments half as much again, and 100 ms more at least', () => {
    const sample = (flooded: number) => ({
      round: 1,
      isOn: true,
      calm: paid(10),
      flooded: paid(flooded),
      flood: paid(5),
      browseLimit: 2.6,
      borne: BORNE,
    })
    expect(page({ payments: [sample(110)] })).toContain('| 110.0 | 110 | reached |')
    expect(page({ payments: [sample(111)] })).toContain('| 111.0 | 110 | not reached |')
    // 1,000 of 1,011 are less than 99 %, of 1,010 they are not: a payment that nobody heard of has no latency.
    const lossy = (due: number) => ({ ...sample(110), flooded: { ...paid(110), due } })
    expect(page({ payments: [lossy(1_010)] })).toContain('| 110.0 | 110 | reached |')
    expect(page({ payments: [lossy(1_011)] })).toContain('| 110.0 | 110 | not reached |')
  })
})
