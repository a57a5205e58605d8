import { describe, expect, it } from 'vitest'
import { type Busy, busyBetween, ticksOf, voidReason } from './processor.ts'

const GOOD: Busy = { gateway: 0.97, gatewayCore: 0.99, loadCore: 0.6, gatewaySeconds: 5.8 }
const ANSWERED = { requests: 1_000, failed: 0 }

describe('voidReason', () => {
  it('lets a run count whose gateway had its core full and to itself, and whose load had time to spare', () => {
    expect(voidReason(GOOD, ANSWERED)).toBeUndefined()
    expect(voidReason({ ...GOOD, gateway: 0.95, gatewayCore: 0.95 }, ANSWERED)).toBeUndefined()
    expect(voidReason({ ...GOOD, loadCore: 0.85 }, ANSWERED)).toBeUndefined()
  })

  it.each<[string, Partial<Busy>, Partial<typeof ANSWERED>]>([
    ["the gateway's core was 94.9 % busy", { gatewayCore: 0.949 }, {}],
    ["the load's core was 85.1 % busy", { loadCore: 0.851 }, {}],
    ["others took 12.0 % of the gateway's core", { gateway: 0.87 }, {}],
    ['no request was answered', {}, { requests: 0 }],
    ['3 requests failed', {}, { failed: 3 }],
  ])('says “%s”', (reason, busy, load) =>
    expect(voidReason({ ...GOOD, ...busy }, { ...ANSWERED, ...load })).toBe(reason),
  )
})

describe('busyBetween', () => {
  it('gives each core its busy part, and the gateway its processor time over the time that passed', () => {
    const before = { atMs: 1_000, gatewaySeconds: 2, cores: [core(0, 0), core(100, 100)] }
    const after = { atMs: 3_000, gatewaySeconds: 3.5, cores: [core(198, 2), core(200, 200)] }
    expect(busyBetween(before, after)).toEqual({
      gateway: 0.75,
      gatewayCore: 0.99,
      loadCore: 0.5,
      gatewaySeconds: 1.5,
    })
  })
})

describe('ticksOf', () => {
  it('adds user and system time, whatever the program is called', () =>
    expect(ticksOf('42 (a) b (c) S 1 42 42 0 -1 4194304 900 0 0 0 120 34 5 6 20 0 7 0')).toBe(154))
})

const core = (busy: number, idle: number): { busy: number; all: number } => ({ busy, all: busy + idle })
