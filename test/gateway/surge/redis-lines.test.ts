import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { dropRedis, type RedisClient } from '../../../gateway/redis/redis-connection.ts'
import type { Rate } from '../../../gateway/surge/budgets.ts'
import {
  type Arrival,
  DEFAULT_LINE_TERMS,
  type Kept,
  type LineTerms,
  type Turn,
} from '../../../gateway/surge/lines.ts'
import { createRedisLines, type RedisLines } from '../../../gateway/surge/redis-lines.ts'
import { until } from '../../harness/postgres.ts'
import { startRedis, startRedisCluster, type TestRedis } from '../../harness/redis.ts'
import { connectedRedis } from '../redis/connected-redis.ts'

/** So slow that nobody's turn comes during a test on the server's own clock. */
const SLOW: Rate = { perSecond: 0.01, burst: 1 }
const TERMS: LineTerms = { ...DEFAULT_LINE_TERMS, horizonMs: 1e9, slack: 0 }
const START_MS = 1_795_000_000_000

const arrivalOf = (caller: string, more: Partial<Arrival> = {}, key = 'line'): Arrival => ({
  line: { key, rate: SLOW },
  caller,
  points: 1,
  shown: undefined,
  mode: 'OPEN',
  brakedPoints: 1,
  placesMax: Number.POSITIVE_INFINITY,
  ...more,
})

const callers = (count: number): string[] => Array.from({ length: count }, (_, i) => `caller ${i}`)

function keptOf(turn: Turn): Kept {
  if (turn.kind !== 'kept') throw new Error(`expected a place, got ${JSON.stringify(turn)}`)
  return turn
}

const opened: { readonly lines: RedisLines; readonly redis: RedisClient }[] = []
/** Lines of a gateway of its own. */
async function open(
  url: string,
  more: { terms?: LineTerms; clock?: () => number } = {},
): Promise<RedisLines> {
  const redis = await connectedRedis(url)
  const lines = createRedisLines({ redis, terms: TERMS, ...more })
  opened.push({ lines, redis })
  return lines
}

let server: TestRedis
beforeEach(async () => {
  server = await startRedis()
})
afterEach(async () => {
  for (const { lines, redis } of opened.splice(0)) {
    lines.abandon(new Error('the test is over'))
    dropRedis(redis)
  }
  await server.stop()
})

describe('lines in Redis', () => {
  it('are one for all gateways, with one order of places', async () => {
    const gateways = [await open(server.url), await open(server.url), await open(server.url)]
    await gateways[0]!.arrive(arrivalOf('first'))
    const turns = await Promise.all(
      callers(600).map(async (caller, i) => keptOf(await gateways[i % 3]!.arrive(arrivalOf(caller)))),
    )
    const sorted = turns.toSorted((one, other) => one.place.instantMs - other.place.instantMs)
    // Each stands behind all who came before it, through whichever gateway, a point's time after the last.
    expect(sorted.map(({ position }) => position)).toEqual(sorted.map((_, i) => i))
    for (const [i, { place }] of sorted.entries()) {
      expect(place.instantMs - sorted[0]!.place.instantMs).toBeCloseTo(i * 100_000, 1)
      expect(place.epoch).toBe(sorted[0]!.place.epoch)
    }
    // Those of one gateway in the order in which they came to it.
    for (const [i, { place }] of turns.entries()) {
      if (i >= 3) expect(place.instantMs).toBeGreaterThan(turns[i - 3]!.place.instantMs)
    }
    // Whoever comes to another gateway has the place that it has.
    const again = keptOf(await gateways[1]!.arrive(arrivalOf('caller 0')))
    expect(again).toMatchObject({ isNew: false, waiting: 600, place: turns[0]!.place })
  })

  it('carry all that comes during a call in the next one', async () => {
    const lines = await open(server.url)
    await Promise.all(callers(257).map(caller => lines.arrive(arrivalOf(caller))))
    expect(lines.calls).toBe(2)
    // Each call holds 256 steps at most.
    await Promise.all(callers(1_025).map(caller => lines.arrive(arrivalOf(caller))))
    expect(lines.calls).toBe(2 + 5)
  })

  it('move callers who come in one call one behind the other', async () => {
    let nowMs = START_MS
    const lines = await open(server.url, { clock: () => nowMs })
    const line = { key: 'line', rate: { perSecond: 10, burst: 5 } }
    const arrive = async (caller: string) => await lines.arrive(arrivalOf(caller, { line }))
    await Promise.all(callers(5).map(caller => arrive(`first ${caller}`)))
    await Promise.all(callers(8).map(arrive))
    nowMs += 800
    // All eight are due, and 5 points are there.
    const moved = (await Promise.all(callers(8).map(arrive))).slice(5).map(keptOf)
    expect(moved.map(({ isMoved, position, retryAfterMs }) => [isMoved, position, retryAfterMs])).toEqual([
      [true, 0, 100],
      [true, 1, 200],
      [true, 2, 300],
    ])
  })

  it('know in one call who is due, whatever happens before', async () => {
    let nowMs = START_MS
    const lines = await open(server.url, { clock: () => nowMs })
    const line = { key: 'line', rate: { perSecond: 10, burst: 5 } }
    const arrive = async (caller: string) => await lines.arrive(arrivalOf(caller, { line }))
    for (const caller of callers(5)) await arrive(`first ${caller}`)
    for (const caller of callers(10)) await arrive(caller)
    lines.heed(line, true)
    nowMs += 500
    lines.heed(line, false)
    nowMs += 100
    const used = await arrive('caller 0')
    nowMs += 50
    const before = lines.calls
    // The first is under way, and all others ride in the next call.
    const alone = arrive('caller 9')
    const first = arrive('caller 9')
    if (used.kind === 'admitted') lines.giveBack(used, 0, true)
    const second = arrive('caller 9')
    // It has gone on.
    lines.heed(line, true)
    const third = arrive('caller 9')
    const turns = (await Promise.all([alone, first, second, third])).map(keptOf)
    expect(lines.calls - before).toBe(2)
    expect(turns.map(({ position }) => position)).toEqual([8, 8, 8, 9])
  })

  it('tell 50,000 callers who come back in one moment their places, and admit none of them early', async () => {
    const lines = await open(server.url, { clock: () => START_MS })
    const rate = { perSecond: 1_000, burst: 1 }
    const ask = async (caller: string) =>
      await lines.arrive(arrivalOf(caller, { line: { key: 'line', rate } }))
    await ask('first')
    const given = await Promise.all(callers(50_000).map(ask))
    const before = lines.calls
    const again = await Promise.all(callers(50_000).map(ask))
    // The first call carries one, those that follow all that 256 can.
    expect(lines.calls - before).toBeLessThanOrEqual(1 + Math.ceil(50_000 / 256))
    for (const [i, turn] of again.entries()) {
      const { place, retryAfterMs } = keptOf(given[i]!)
      if (
        turn.kind !== 'kept' ||
        turn.place.instantMs !== place.instantMs ||
        turn.isNew ||
        retryAfterMs < i
      ) {
        throw new Error(`caller ${i}: expected ${JSON.stringify(given[i])}, got ${JSON.stringify(turn)}`)
      }
    }
  })

  it('honour a token once that comes through all gateways at once', async () => {
    const gateways = await Promise.all(Array.from({ length: 4 }, () => open(server.url)))
    const shown = { epoch: 'before', instantMs: Date.now() - 1_000, shiftMs: 0 }
    const line = { key: 'line', rate: { perSecond: 0.001, burst: 10 } }
    const turns = await Promise.all(
      Array.from({ length: 40 }, (_, i) => gateways[i % 4]!.arrive(arrivalOf('a', { line, shown }))),
    )
    const byPlace = turns.filter(turn => turn.kind === 'admitted' && turn.place !== undefined)
    expect(byPlace).toHaveLength(1)
  })

  it('expire by themselves: soon where no place was given, else when the last token is void', async () => {
    const lines = await open(server.url, { terms: { ...TERMS, graceMs: 1_500, horizonMs: 300 } })
    const line = { key: 'calm', rate: { perSecond: 100, burst: 2 } }
    await lines.arrive(arrivalOf('a', { line }))
    const busy = { key: 'busy', rate: { perSecond: 10, burst: 1 } }
    await lines.arrive(arrivalOf('a', { line: busy }))
    const { retryAfterMs } = keptOf(await lines.arrive(arrivalOf('b', { line: busy })))
    const shown = { epoch: 'before', instantMs: Date.now(), shiftMs: 0 }
    await lines.arrive(arrivalOf('c', { line: busy, shown }))
    expect(Number(await server.ask('PTTL', 'spillway:line:{calm}'))).toBeLessThanOrEqual(20 + 1_000)
    for (const key of ['', ':places']) {
      const keptMs = Number(await server.ask('PTTL', `spillway:line:{busy}${key}`))
      expect(keptMs).toBeGreaterThan(retryAfterMs + 1_500)
    }
    expect(Number(await server.ask('PTTL', 'spillway:line:{busy}:honoured'))).toBeGreaterThan(0)
    await until('every key to expire', async () => (await server.ask('DBSIZE')) === '0')
  })

  it('are kept for a pause that nobody tells of, and for turns that were promised elsewhere; for nothing nothing is', async () => {
    const lines = await open(server.url, { terms: { ...TERMS, graceMs: 1_500, horizonMs: 60_000 } })
    const keptMs = async (key: string) => Number(await server.ask('PTTL', `spillway:line:{${key}}`))
    lines.heed({ key: 'idle', rate: SLOW }, false)
    await until('nothing to be sent', () => !lines.isBusy)
    expect(await server.ask('DBSIZE')).toBe('0')
    const line = { key: 'busy', rate: { perSecond: 10, burst: 1 } }
    await lines.arrive(arrivalOf('a', { line }))
    await lines.arrive(arrivalOf('b', { line }))
    expect(await keptMs('busy')).toBeGreaterThan(60_000 + 1_500)
    lines.promised('elsewhere', Date.now() + 50_000)
    await lines.arrive(arrivalOf('a', { line: { ...line, key: 'elsewhere' }, mode: 'SPENT' }))
    expect(await keptMs('elsewhere')).toBeGreaterThan(40_000)
  })

  it('remove a bounded number of those who never came, and count none of them', async () => {
    let nowMs = START_MS
    const lines = await open(server.url, { clock: () => nowMs })
    const line = { key: 'line', rate: { perSecond: 1_000, burst: 1 } }
    const arrive = async (caller: string) => await lines.arrive(arrivalOf(caller, { line }))
    await arrive('first')
    await Promise.all(callers(1_500).map(arrive))
    nowMs += 1_500 + TERMS.graceMs + 1
    // Who is not removed yet is a newcomer all the same.
    expect(await arrive('caller 1499')).toMatchObject({ kind: 'admitted', place: undefined, waiting: 0 })
    const next = await lines.arrive(arrivalOf('next', { line, mode: 'PLACES' }))
    expect(next).toMatchObject({ kind: 'kept', waiting: 1, position: 0 })
    expect(await server.ask('ZCARD', 'spillway:line:{line}:places')).toBe(`${1_499 - 1_024 + 1}`)
    await arrive('next')
    expect(await server.ask('ZCARD', 'spillway:line:{line}:places')).toBe('1')
  })

  it('put nobody back whose grace is over', async () => {
    let nowMs = START_MS
    const lines = await open(server.url, { clock: () => nowMs })
    const line = { key: 'line', rate: { perSecond: 10, burst: 1 } }
    await lines.arrive(arrivalOf('first', { line }))
    await lines.arrive(arrivalOf('a', { line }))
    nowMs += 100
    const used = await lines.arrive(arrivalOf('a', { line }))
    nowMs += TERMS.graceMs + 1
    if (used.kind === 'admitted') lines.giveBack(used, 0, true)
    await until('nothing to be sent', () => !lines.isBusy)
    expect(await server.ask('ZCARD', 'spillway:line:{line}:places')).toBe('0')
  })

  it('know nothing of the places of a line that the server has forgotten', async () => {
    const lines = await open(server.url)
    await lines.arrive(arrivalOf('first'))
    await lines.arrive(arrivalOf('a'))
    await server.ask('DEL', 'spillway:line:{line}')
    const other = await open(server.url)
    expect(await other.arrive(arrivalOf('a'))).toMatchObject({ kind: 'admitted', waiting: 0 })
  })

  it('teach a server their script that has forgotten it', async () => {
    const lines = await open(server.url)
    await lines.arrive(arrivalOf('first'))
    await server.ask('SCRIPT', 'FLUSH')
    expect(await lines.arrive(arrivalOf('a'))).toMatchObject({ kind: 'kept' })
  })

  it('reject what Redis has not answered, and at once what comes without a connection', async () => {
    const lines = await open(server.url)
    server.stall()
    const stuck = Promise.allSettled([lines.arrive(arrivalOf('a'))])
    await server.kill()
    expect(await stuck).toMatchObject([{ status: 'rejected' }])
    await expect(lines.arrive(arrivalOf('a'))).rejects.toThrow()
    expect(lines.isBusy).toBe(false)
  })

  it('hold a bounded number of arrivals while Redis is stalled', async () => {
    const lines = await open(server.url)
    server.stall()
    // The first is under way, and 65,536 wait.
    const arrivals = Promise.allSettled(callers(65_538).map(caller => lines.arrive(arrivalOf(caller))))
    lines.abandon(new Error('given up'))
    const reasons = (await arrivals).map(outcome => outcome.status === 'rejected' && outcome.reason.message)
    expect(reasons.pop()).toBe('65536 steps wait for a call to Redis')
    expect(new Set(reasons)).toEqual(new Set(['given up']))
  })
})

describe('lines that Redis has lost', () => {
  /** Points a second, as many at once as {@link BURST}. */
  const RATE = 100
  const BURST = 20
  const line = { key: 'line', rate: { perSecond: RATE, burst: BURST } }

  it.each(['flushed', 'killed and restarted'])(
    'by being %s: keep every promise in its grace, once, before any newcomer, for a burst more',
    async how => {
      let nowMs = START_MS
      const gateways = [
        await open(server.url, { clock: () => nowMs }),
        await open(server.url, { clock: () => nowMs }),
      ]
      const admittedAtMs: number[] = []
      const arrive = async (at: number, caller: string, shown?: Kept): Promise<Turn> => {
        const arrival = arrivalOf(caller, { line, shown: shown?.place })
        const turn = await gateways[at % 2]!.arrive(arrival)
        if (turn.kind === 'admitted') admittedAtMs.push(nowMs)
        return turn
      }
      for (const caller of callers(BURST)) await arrive(0, `first ${caller}`)
      const promised: Kept[] = []
      for (const [i, caller] of callers(100).entries()) promised.push(keptOf(await arrive(i, caller)))
      nowMs += 305
      if (how === 'flushed') await server.ask('FLUSHALL')
      else await server.restart()
      await until('connections', async () => {
        const answers = await Promise.allSettled(
          gateways.map(each => each.arrive(arrivalOf('z', {}, 'other'))),
        )
        return answers.every(({ status }) => status === 'fulfilled')
      })
      // A gateway that has promised the latest turn tells the line so when it comes to it.
      expect(keptOf(await arrive(1, 'new')).admitAtMs).toBeGreaterThan(promised.at(-1)!.admitAtMs)
      for (const [i, kept] of promised.entries()) {
        nowMs = Math.max(nowMs, kept.admitAtMs)
        let turn = await arrive(i + 1, `caller ${i}`, kept)
        if (turn.kind === 'kept') {
          nowMs = turn.admitAtMs
          turn = await arrive(i, `caller ${i}`, kept)
        }
        expect(turn, `caller ${i}`).toMatchObject({ kind: 'admitted', isStandby: false })
        expect(nowMs - kept.admitAtMs).toBeLessThan(TERMS.graceMs)
      }
      // Shown again they are worth nothing: everybody is a newcomer, with a turn of its own at best.
      for (const [i, kept] of promised.entries()) {
        const turn = await arrive(i, `caller ${i}`, kept)
        expect(turn.kind === 'admitted' ? turn.place : undefined).toBeUndefined()
      }
      // I9, with one burst more for what was forgotten.
      for (const [from, fromMs] of admittedAtMs.entries()) {
        for (const [to, toMs] of admittedAtMs.entries()) {
          if (to < from) continue
          expect(to - from + 1).toBeLessThanOrEqual(2 * BURST + (RATE * (toMs - fromMs)) / 1_000 + 1e-6)
        }
      }
    },
  )

  it('are begun behind what a gateway has promised that has not come to them yet', async () => {
    const nowMs = START_MS
    const [one, other] = [
      await open(server.url, { clock: () => nowMs }),
      await open(server.url, { clock: () => nowMs }),
    ]
    for (const caller of callers(BURST)) await one.arrive(arrivalOf(`first ${caller}`, { line }))
    await one.arrive(arrivalOf('a', { line }))
    const last = keptOf(await other.arrive(arrivalOf('b', { line })))
    await server.ask('FLUSHALL')
    // One has promised 10 ms, the other 20.
    expect(keptOf(await one.arrive(arrivalOf('c', { line }))).retryAfterMs).toBe(20)
    expect(keptOf(await other.arrive(arrivalOf('d', { line }))).retryAfterMs).toBe(30)
    expect(keptOf(await other.arrive(arrivalOf('b', { line, shown: last.place }))).retryAfterMs).toBe(20)
    // Both are known now, and nothing is put off again.
    expect(keptOf(await one.arrive(arrivalOf('e', { line }))).retryAfterMs).toBe(40)
  })

  it('owe nothing that was taken before', async () => {
    const lines = await open(server.url, { clock: () => START_MS })
    const taken = await lines.arrive(arrivalOf('a', { line, points: BURST }))
    await server.ask('FLUSHALL')
    await lines.arrive(arrivalOf('b', { line, points: BURST }))
    if (taken.kind === 'admitted') lines.giveBack(taken, BURST, false)
    expect(await lines.arrive(arrivalOf('c', { line, mode: 'SPENT' }))).toMatchObject({ reason: 'BRAKED' })
  })

  it('are told of turns that were promised elsewhere', async () => {
    const lines = await open(server.url, { clock: () => START_MS })
    lines.promised('line', START_MS + 5_000)
    expect(lines.lastPromisedMs('line')).toBe(START_MS + 5_000)
    expect(keptOf(await lines.arrive(arrivalOf('a', { line }))).retryAfterMs).toBe(5_010)
    expect(keptOf(await lines.arrive(arrivalOf('b', { line }))).retryAfterMs).toBe(5_020)
  })

  it('stand behind the latest turn of all gateways, whichever tells of it first', async () => {
    let nowMs = START_MS
    const gateways = [
      await open(server.url, { clock: () => nowMs }),
      await open(server.url, { clock: () => nowMs }),
    ]
    for (const [i, lines] of gateways.entries()) {
      lines.promised('line', START_MS + 5_000 - 3_000 * i)
      await lines.arrive(arrivalOf(`c${i}`, { line }))
    }
    nowMs += 3_000
    // Nobody has come for what there is, and somebody may.
    expect(await gateways[1]!.arrive(arrivalOf('new', { line }))).toMatchObject({ isNew: true })
  })

  it('are told of a turn that was promised while a call was under way', async () => {
    const lines = await open(server.url, { clock: () => START_MS })
    await lines.arrive(arrivalOf('a', { line, points: BURST }))
    const underWay = lines.arrive(arrivalOf('b', { line }))
    lines.promised('line', START_MS + 5_000)
    expect(keptOf(await underWay).retryAfterMs).toBe(10)
    expect(keptOf(await lines.arrive(arrivalOf('c', { line }))).retryAfterMs).toBe(5_010)
  })
})

describe('lines on a clock that leaps', () => {
  it('admit a burst more at most, ahead or back', async () => {
    let nowMs = START_MS
    const lines = await open(server.url, { clock: () => nowMs })
    const line = { key: 'line', rate: { perSecond: 10, burst: 5 } }
    const arrive = async (caller: string) => await lines.arrive(arrivalOf(caller, { line }))
    for (const caller of callers(5)) await arrive(`first ${caller}`)
    const given = await Promise.all(callers(30).map(arrive))
    // A leap ahead makes everybody due, and the budget full, no more.
    nowMs += 5_000
    const turns = await Promise.all(callers(30).map(arrive))
    expect(turns.filter(({ kind }) => kind === 'admitted')).toHaveLength(5)
    expect(turns.slice(5).map(turn => keptOf(turn).retryAfterMs)).toEqual(
      Array.from({ length: 25 }, (_, i) => (i + 1) * 100),
    )
    // Back again it is nobody's loss.
    nowMs -= 5_000
    const back = await Promise.all(callers(30).slice(5).map(arrive))
    expect(back.map(turn => keptOf(turn).retryAfterMs)).toEqual(
      Array.from({ length: 25 }, (_, i) => (i + 1) * 100),
    )
    expect(keptOf(given[29]!).admitAtMs).toBe(START_MS + 3_000)
  })
})

describe('lines in a Redis Cluster', () => {
  it('spread over its masters, each with all that belongs to it', async () => {
    await using cluster = await startRedisCluster()
    const lines = await open(cluster.url)
    const shown = { epoch: 'before', instantMs: Date.now() + 1_000, shiftMs: 0 }
    for (let i = 0; i < 60; i++) await lines.arrive(arrivalOf('a', { shown }, `line ${i}`))
    for (const node of cluster.nodes) expect(Number(await node.ask('DBSIZE'))).toBeGreaterThan(3 * 5)
  })
})
