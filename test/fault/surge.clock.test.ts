import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { BudgetStore } from '../../gateway/surge/budgets.ts'
import { createMemoryBudgets } from '../../gateway/surge/memory-budgets.ts'
import { dropGraph } from '../harness/drop-graph.ts'
import { budgetsBy, dropCrowd, ENFORCED, limitDrops } from '../harness/drop-line.ts'
import { burstOf, type Heard, type LineCrowd } from '../harness/line-crowd.ts'
import { startRedis, type TestRedis } from '../harness/redis.ts'

/**
 * The clock that keeps a line jumps while people wait in it: I9 by the time that really passes, and nobody waits for the
 * jump. Time is moved by hand, and so is the clock beside it.
 */

/** Claims: 50 a second, 10 at once. */
const PER_MS = 0.05
const AT_ONCE = 10
const EARLY = 150
const LATE = 50
const JUMP_AT_MS = 1_000
const HOUR_MS = 3_600_000

let server: TestRedis
let tests = 0
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())

const STORES: Readonly<Record<string, (clock: () => number) => BudgetStore | Promise<BudgetStore>>> = {
  'in memory': clock => createMemoryBudgets({ clock }),
  'in Redis': clock => budgetsBy(clock, server, `clock-${++tests}:`),
}

interface Played {
  readonly crowd: LineCrowd
  /** The last answer of each. */
  readonly all: readonly Heard[]
}

/** Most come before the clock jumps, some after it; everybody comes back after the time that it was told to wait. */
async function play(store: string, jumpMs: number): Promise<Played> {
  let passedMs = 0
  let aheadMs = Date.parse('2027-02-06T04:00:00Z')
  const budgets = await STORES[store]!(() => passedMs + aheadMs)
  await using graph = await dropGraph([{ budgets, cost: ENFORCED }])
  await limitDrops(graph, 0, { perSecond: 1_000 * PER_MS, atOnce: AT_ONCE })
  const crowd = dropCrowd(graph, () => passedMs)
  const all: Heard[] = []
  const coming = [
    ...Array.from({ length: EARLY }, (_, i) => ({ shopper: `early-${i}`, atMs: i })),
    ...Array.from({ length: LATE }, (_, i) => ({ shopper: `late-${i}`, atMs: JUMP_AT_MS + 10 * i })),
  ]
  let hasJumped = false
  for (let asks = 0; coming.length > 0; asks++) {
    if (asks > 20 * (EARLY + LATE)) throw new Error('expected everybody to be served')
    coming.sort((a, b) => a.atMs - b.atMs)
    const { shopper, atMs } = coming.shift()!
    passedMs = atMs
    if (!hasJumped && passedMs >= JUMP_AT_MS) {
      hasJumped = true
      aheadMs += jumpMs
    }
    const heard = await crowd.ask(shopper, 0)
    if (heard.outcome === 'Issued') all.push(heard)
    else coming.push({ shopper, atMs: passedMs + heard.retryAfterMs! })
  }
  expect(graph.served).toHaveLength(EARLY + LATE)
  return { crowd, all }
}

/** How long after the time that each was told first. */
function latenessMs({ crowd, all }: Played): number {
  const { places } = crowd
  return Math.max(
    ...all.map(({ shopper, answeredMs }) => {
      const place = places.get(shopper)
      return place === undefined ? 0 : answeredMs - place.sentMs - place.retryAfterMs!
    }),
  )
}

/** By when the last of them is served at the rate, whoever comes first. */
const DRAINED_MS = (EARLY + LATE) / PER_MS

describe.each(Object.keys(STORES))('the clock of a line %s jumps while people wait:', store => {
  it.each([
    ['5 s', 5_000],
    ['an hour', HOUR_MS],
  ])('%s back, and nobody is served later for it, nor sooner', async (_, byMs) => {
    const played = await play(store, -byMs)
    expect(burstOf(played.all, PER_MS)).toBeLessThanOrEqual(AT_ONCE + 1e-6)
    // A turn that comes in the moment of the jump is moved to the next.
    expect(latenessMs(played)).toBeLessThanOrEqual(1 / PER_MS)
    for (const { answeredMs } of played.all) expect(answeredMs).toBeLessThanOrEqual(DRAINED_MS)
  })

  it.each([
    ['5 s', 5_000],
    ['an hour', HOUR_MS],
  ])(
    '%s on, and the burst is there once more, the rate is not; nobody waits longer than the jump',
    async (_, byMs) => {
      const played = await play(store, byMs)
      expect(burstOf(played.all, PER_MS)).toBeLessThanOrEqual(2 * AT_ONCE + 1e-6)
      expect(latenessMs(played)).toBeLessThanOrEqual(byMs)
      for (const { answeredMs } of played.all) expect(answeredMs).toBeLessThanOrEqual(DRAINED_MS)
    },
  )
})
