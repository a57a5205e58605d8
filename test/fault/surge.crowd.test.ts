import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Pool } from 'undici'
import { describe, expect, it } from 'vitest'
import type { BudgetStore } from '../../gateway/surge/budgets.ts'
import type { Arrival, Kept, Turn } from '../../gateway/surge/lines.ts'
import { createMemoryBudgets } from '../../gateway/surge/memory-budgets.ts'
import { createMemoryLines } from '../../gateway/surge/memory-lines.ts'
import { CLAIM_POINTS, DROP_MANIFEST, DROP_RATE, dropGraph } from '../harness/drop-graph.ts'
import { budgetsBy, ENFORCED } from '../harness/drop-line.ts'
import { startRedis } from '../harness/redis.ts'

/** Everybody who waits asks again in the same moment. Time is moved by hand, and stands still unless it is. */

const START_MS = Date.parse('2027-02-06T04:00:00Z')
const CROWD = 50_000
const LINE = { key: 'crowd', rate: { perSecond: 1_000, burst: 2_000 } }
/** Fewer than one place of everybody's is. */
const BYTES_MAX = 100 * CROWD

const arrival = (i: number): Arrival => ({
  line: LINE,
  caller: `shopper:shopper-${i}`,
  points: 1,
  shown: undefined,
  mode: 'OPEN',
  brakedPoints: 20,
  placesMax: Number.POSITIVE_INFINITY,
})

setFlagsFromString('--expose_gc')
const collectGarbage = runInNewContext('gc') as () => void

const heapBytes = (): number => {
  collectGarbage()
  return process.memoryUsage().heapUsed
}

it('50,000 who wait in memory and ask at once get the places that they have, and take no memory', () => {
  let now = START_MS
  const lines = createMemoryLines({ clock: () => now })
  const ask = (i: number): Turn => lines.arrive(arrival(i))
  for (let i = 0; i < LINE.rate.burst; i++) expect(lines.arrive(arrival(CROWD + i)).kind).toBe('admitted')
  const places = Array.from({ length: CROWD }, (_, i) => (ask(i) as Kept).place.instantMs)
  const before = heapBytes()
  for (let times = 0; times < 5; times++) {
    // Last come, first: who asks sooner is not sooner served.
    for (let i = CROWD - 1; i >= 0; i--) {
      const turn = ask(i)
      if (turn.kind !== 'kept' || turn.place.instantMs !== places[i] || turn.waiting !== CROWD)
        throw new Error(`expected shopper ${i}'s own place, got ${JSON.stringify(turn)}`)
    }
  }
  expect(heapBytes() - before).toBeLessThan(BYTES_MAX)
  expect(lines.waiting).toBe(CROWD)
  // All again a second before the last one's turn, those first who are last: the burst is there, and not a point more.
  const lastMs = places.at(-1)!
  now = START_MS + lastMs - 1_000
  let admitted = 0
  for (let i = CROWD - 1; i >= 0; i--) {
    const turn = ask(i)
    if (turn.kind !== 'admitted') continue
    admitted++
    if (turn.place!.instantMs > lastMs - 1_000 + 1) throw new Error('expected nobody before their turn')
  }
  expect(admitted).toBe(LINE.rate.burst)
})

/** Over HTTP: all are sent before the first is answered, a claim twice. */
const ASKING = 500
const CONNECTIONS = 125
const AT_ONCE = DROP_RATE.burst / CLAIM_POINTS

describe('five hundred who wait and ask at gateways at once, each of them twice,', () => {
  it.each([
    ['in memory', 1],
    ['of two gateways, in Redis', 2],
  ])('%s get the places that they have, and leave room for others', async (where, count) => {
    await using server = await startRedis()
    let now = START_MS
    const clock = (): number => now
    const budgets = async (): Promise<BudgetStore> =>
      where === 'in memory' ? createMemoryBudgets({ clock }) : await budgetsBy(clock, server)
    const placeKeys = ['a key for the tokens of places, for tests']
    await using graph = await dropGraph(
      await Promise.all(
        Array.from({ length: count }, async () => ({
          budgets: await budgets(),
          placeKeys,
          cost: ENFORCED,
        })),
      ),
    )
    const pools = await Promise.all(
      graph.gateways.map(async gateway => {
        const port = await gateway.listen({ port: 0, host: '127.0.0.1' })
        return new Pool(`http://127.0.0.1:${port}`, { connections: CONNECTIONS })
      }),
    )
    const headers = Array.from({ length: ASKING }, (_, i) => ({
      'content-type': 'application/json',
      authorization: `Bearer ${graph.token({ sub: `shopper-${i}` })}`,
    }))
    const body = JSON.stringify({
      documentId: `sha256:${DROP_MANIFEST[0]!.id}`,
      variables: { input: { drop: 'spring' } },
    })
    let answered = 0
    const ask = async (i: number, gateway: number) => {
      const answer = await pools[gateway]!.request({
        path: '/graphql',
        method: 'POST',
        headers: headers[i]!,
        body,
      })
      // biome-ignore lint/suspicious/noExplicitAny: read by assertions only.
      const { data } = (await answer.body.json()) as any
      answered++
      return data.claim
    }
    try {
      for (let i = 0; i < AT_ONCE; i++)
        expect((await graph.claim(0, `early-${i}`)).body.data.claim.__typename).toBe('Issued')
      const places = new Map<number, string>()
      for (const [i, place] of (await Promise.all(headers.map((_, i) => ask(i, i % count)))).entries())
        places.set(i, place.admitAt)
      expect(new Set(places.values()).size).toBe(ASKING)

      answered = 0
      const asking = headers.flatMap((_, i) => [ask(i, i % count), ask(i, (i + 1) % count)])
      expect((await graph.gateways[0]!.app.inject('/health/live')).statusCode).toBe(200)
      expect(answered).toBeLessThan(asking.length)
      const again = await Promise.all(asking)
      for (const [i, place] of again.entries())
        expect(place).toMatchObject({ __typename: 'KeptPlace', admitAt: places.get(Math.floor(i / 2)) })

      // Some of them are due: of all who ask, each twice, these are served, and once.
      now += (ASKING / 10) * ((1_000 * CLAIM_POINTS) / DROP_RATE.perSecond)
      await Promise.all(headers.flatMap((_, i) => [ask(i, i % count), ask(i, (i + 1) % count)]))
      const served = graph.served.slice(AT_ONCE).map(({ shopper }) => shopper)
      const due = [...places].filter(([, admitAt]) => Date.parse(admitAt) <= now)
      expect(due.length).toBeGreaterThan(ASKING / 20)
      expect(served).toHaveLength(due.length)
      expect(new Set(served)).toEqual(new Set(due.map(([i]) => `shopper-${i}`)))
    } finally {
      await Promise.all(pools.map(pool => pool.destroy()))
    }
  })
})
