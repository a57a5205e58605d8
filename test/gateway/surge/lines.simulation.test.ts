import { beforeAll, describe, expect, it } from 'vitest'
import {
  BACKOFF,
  FIXED_WINDOW,
  PLACES,
  PLACES_BEYOND,
  PLACES_LATE,
  PLACES_NO_SHOWS,
  PLACES_STALLED,
  POLICIES,
  REFRESH,
  TIGHT_STALLED,
} from './crowd-policies.ts'
import { CROWD, type CrowdFigures, type Policy, simulate, tableOf } from './simulated-crowd.ts'

describe('60,000 shoppers who come within 10 s, against 1,000 a second', () => {
  const figures = new Map<Policy, CrowdFigures>()
  beforeAll(() => {
    for (const policy of POLICIES) figures.set(policy, simulate(policy, CROWD))
    console.table(tableOf(figures))
  })
  const of = (policy: Policy): CrowdFigures => figures.get(policy)!

  it('are admitted in order, by two requests each, where places are kept', () => {
    const { admitted, requestsPerSuccess, displacement } = of(PLACES)
    expect(admitted).toBe(CROWD.shoppers)
    expect(requestsPerSuccess).toBeLessThanOrEqual(2.2)
    expect(displacement).toBeLessThan(0.02)
  })

  it('come in no second much faster than they arrived, where places are kept, and waste none of the points', () => {
    // 6,000 a second come for the first time, and 1,000 because it is their turn.
    expect(of(PLACES).peakPerSecond).toBeLessThan(7_500)
    // 1,000 at once and 59,000 at 1,000 a second, of which a thirty-second is left free: 60.84 s.
    expect(of(PLACES).drainS).toBeLessThan(61)
    expect(of(PLACES).utilisation).toBeGreaterThan(0.96)
  })

  it.each([FIXED_WINDOW, BACKOFF, REFRESH])('need several times the requests, in no order: $name', policy => {
    const { admitted, requestsPerSuccess, displacement, peakPerSecond } = of(policy)
    expect(admitted).toBe(CROWD.shoppers)
    expect(requestsPerSuccess).toBeGreaterThan(5)
    expect(peakPerSecond).toBeGreaterThan(15_000)
    expect(displacement).toBeGreaterThan(0.2)
  })

  it('leave their points to whoever comes meanwhile, when one in five does not come back', () => {
    const { admitted, requestsPerSuccess, utilisation } = of(PLACES_NO_SHOWS)
    // A fifth of those who got a place went; what they left in the first ten seconds was newcomers' gain.
    expect(admitted).toBeGreaterThan(CROWD.shoppers * 0.8)
    expect(requestsPerSuccess).toBeLessThanOrEqual(2.3)
    // 0.8 of what places take, which is 32 of 33, and what newcomers had in the first ten seconds.
    expect(utilisation).toBeGreaterThan(0.78)
  })

  it('are moved once, those who are late, and hardly anybody for them, when nobody gets through for 5 s', () => {
    const { admitted, requestsPerSuccess } = of(PLACES_STALLED)
    expect(admitted).toBe(CROWD.shoppers)
    expect(requestsPerSuccess).toBeLessThanOrEqual(2.2)
    // Without the time between places each would be moved for the one before, to the end of the line.
    expect(of(TIGHT_STALLED).requestsPerSuccess).toBeGreaterThan(2.5)
  })

  it('are all admitted when each comes up to half a minute late', () => {
    const { admitted, requestsPerSuccess, drainS } = of(PLACES_LATE)
    expect(admitted).toBe(CROWD.shoppers)
    expect(requestsPerSuccess).toBeLessThanOrEqual(2.2)
    // The last turn comes after 59 s.
    expect(drainS).toBeLessThan(59 + 30 + 1)
  })

  it('come back as places come free, where the line reaches no further ahead than 10 s', () => {
    const { admitted, requestsPerSuccess, peakPerSecond, drainS } = of(PLACES_BEYOND)
    expect(admitted).toBe(CROWD.shoppers)
    // Two each, and every 10 s those who have no place yet: 50,000 at first and 10,000 less each time, 150,000 in all.
    expect(requestsPerSuccess).toBeLessThan(4.5)
    // Some of the first are told less than 10 s, and come while newcomers still do.
    expect(peakPerSecond).toBeLessThan(10_000)
    // Nothing lies idle because they are told to wait.
    expect(drainS).toBeLessThan(62)
  })
})
