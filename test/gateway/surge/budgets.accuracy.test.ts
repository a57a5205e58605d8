import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startRedis, type TestRedis } from '../../harness/redis.ts'
import type { Load, Outcome } from './budget-gateway.ts'
import { noiseMs, spansMs, startBudgetGateways, sum } from './budget-gateways.ts'

interface Case {
  readonly perSecond: number
  readonly burst: number
  readonly callers: number
  readonly load: number
}

const DURATION_MS = 3_000
/** Demands a second and case, in all. Above it they grow larger instead. */
const TAKES_MAX = 160

const cases: readonly Case[] = [40, 2_000].flatMap(perSecond =>
  [perSecond / 10, perSecond].flatMap(burst =>
    [1, 16].flatMap(callers => [0.5, 0.95, 1.05, 10].map(load => ({ perSecond, burst, callers, load }))),
  ),
)

let server: TestRedis
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())

// All cases run at once, each on a bucket of its own: the server has one clock for all of them.
describe.each([1, 4])('budgets of %d gateway processes on one Redis', gateways => {
  let outcomes: readonly (readonly Outcome[])[]
  beforeAll(async () => {
    await using processes = await startBudgetGateways(gateways, 'redis', server.url)
    const loads = cases.map(each => loadOf(each, gateways))
    outcomes = await processes.run(DURATION_MS, loads)
  })

  it.each(cases.map((each, index) => ({ ...each, index })))(
    'admit $perSecond/s with a burst of $burst to $callers callers who ask for $load times that',
    ({ index, ...each }) => {
      const { perSecond, burst } = each
      const all = outcomes[index]!
      expect(sum(all, 'failed')).toBe(0)
      const admitted = sum(all, 'admittedPoints')
      const offered = sum(all, 'offeredPoints')
      const points = (ms: number): number => (perSecond * ms) / 1_000
      const { asked, answered } = spansMs(all)
      // Never more than flowed in between the first demand and the last answer, and what was there before.
      const inflowMax = points(answered)
      expect(admitted).toBeLessThanOrEqual(inflowMax * 1.01 + burst)
      // Never less than was asked for, or else flowed in while somebody asked. When this machine is busy elsewhere
      // nobody asks, or nobody is answered, for a while, and what flows in then may find a full bucket. What is left
      // at the end may be less than anybody asks for.
      const expected = Math.min(offered, points(asked)) - points(noiseMs(all))
      expect(admitted).toBeGreaterThanOrEqual(expected - inflowMax * 0.01 - burst - demandOf(each))
    },
  )
})

/** Points. */
const demandOf = ({ perSecond, load }: Case): number => Math.max(1, (perSecond * load) / TAKES_MAX)

function loadOf(each: Case, gateways: number): Load {
  const { perSecond, burst, callers, load } = each
  const points = demandOf(each)
  return {
    // Either kind: one caller asks for itself, many ask for one field.
    kind: callers === 1 ? 'callers' : 'fields',
    bucket: { key: `${gateways}:${perSecond}:${burst}:${callers}:${load}`, rate: { perSecond, burst } },
    points,
    takesPerSecond: (perSecond * load) / points / gateways,
    callers: callers === 1 ? 1 : callers / gateways,
  }
}
