import { describe, expect, it, test } from 'vitest'
import { ERRORS } from '../../../gateway/errors.ts'
import { LEVELS } from '../../../gateway/surge/level.ts'
import { rulingOf, type Standing, shedFault, termsOf } from '../../../gateway/surge/policy.ts'
import { PRIORITIES } from '../../../protocol/priority.ts'

const STANDINGS: readonly Standing[] = [...PRIORITIES, 'UNKNOWN_TEXT']
const STRICTNESS = { PASS: 0, KEPT: 1, REFUSE: 2 } as const

const verdictsAt = (level: (typeof LEVELS)[number]): object =>
  Object.fromEntries(
    STANDINGS.map(standing => {
      const { verdict, costFactor } = rulingOf(level, standing)
      return [standing, costFactor === 1 ? verdict : `${verdict} × ${costFactor}`]
    }),
  )

describe('the table', () => {
  it('is this', () => {
    const pass = Object.fromEntries(PRIORITIES.map(priority => [priority, 'PASS']))
    expect(verdictsAt('CALM')).toEqual({ ...pass, UNKNOWN_TEXT: 'PASS' })
    expect(verdictsAt('BUSY')).toEqual({ ...pass, ADHOC: 'PASS × 2', UNKNOWN_TEXT: 'PASS × 4' })
    expect(verdictsAt('SURGE')).toEqual({ ...pass, ADHOC: 'PASS × 4', UNKNOWN_TEXT: 'REFUSE' })
    expect(verdictsAt('SHED')).toEqual({
      OPERATE: 'PASS',
      PAY: 'PASS',
      REDEEM: 'PASS',
      CLAIM: 'KEPT',
      BROWSE: 'KEPT',
      ADHOC: 'REFUSE',
      UNKNOWN_TEXT: 'REFUSE',
    })
    expect(LEVELS.map(level => termsOf(level).stretchesStale)).toEqual([false, false, true, true])
    expect(LEVELS.map(level => termsOf(level).keepsAtOnce)).toEqual([true, false, false, false])
    expect(LEVELS.map(level => termsOf(level).retryAfterMs)).toEqual([1_000, 1_000, 5_000, 15_000])
  })

  test.each(LEVELS)('at %s operators pass, at their own price', level => {
    expect(rulingOf(level, 'OPERATE')).toEqual({ verdict: 'PASS', costFactor: 1 })
  })

  test.each(STANDINGS)('no level is more lenient to %s than a calmer one', standing => {
    const rulings = LEVELS.map(level => rulingOf(level, standing))
    for (const [i, { verdict, costFactor }] of rulings.entries()) {
      const calmer = rulings[i - 1] ?? { verdict: 'PASS', costFactor: 1 }
      expect(STRICTNESS[verdict]).toBeGreaterThanOrEqual(STRICTNESS[calmer.verdict])
      if (verdict === 'PASS') expect(costFactor).toBeGreaterThanOrEqual(calmer.costFactor)
    }
  })

  test.each(LEVELS)('at %s no standing fares better than a more urgent one', level => {
    const rulings = STANDINGS.map(standing => rulingOf(level, standing))
    for (const [i, { verdict, costFactor }] of rulings.entries()) {
      const urgent = rulings[i - 1] ?? { verdict: 'PASS', costFactor: 1 }
      expect(STRICTNESS[verdict]).toBeGreaterThanOrEqual(STRICTNESS[urgent.verdict])
      if (verdict === urgent.verdict) expect(costFactor).toBeGreaterThanOrEqual(urgent.costFactor)
    }
  })

  it('can be changed by nobody', () => {
    for (const level of LEVELS) {
      expect(Object.isFrozen(termsOf(level))).toBe(true)
      for (const standing of STANDINGS) expect(Object.isFrozen(rulingOf(level, standing))).toBe(true)
    }
  })
})

test('whoever is turned away hears what passes and when to ask again', () => {
  const fault = shedFault('SHED', 'ADHOC', 17_000)
  expect(fault.message).toBe('at SHED: expected one of OPERATE, PAY, REDEEM, got ADHOC')
  expect(fault.extensions).toEqual({ code: 'SURGE_SHED', retryAfterMs: 17_000 })
  expect(ERRORS[fault.code]).toMatchObject({ status: 503, retryable: true })
  expect(shedFault('SHED', 'ADHOC', 17_000)).toBe(fault)
  expect(shedFault('SHED', 'ADHOC', 18_000).extensions).toMatchObject({ retryAfterMs: 18_000 })
})
