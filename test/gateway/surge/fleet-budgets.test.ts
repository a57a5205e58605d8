import { type Logger, pino } from 'pino'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { connectRedis } from '../../../gateway/redis/redis-connection.ts'
import {
  type FleetBudgetStore,
  type FleetBudgetsOptions,
  openFleetBudgets,
} from '../../../gateway/surge/fleet-budgets.ts'
import { until } from '../../harness/postgres.ts'
import { startRedis, startRedisCluster, type TestRedis } from '../../harness/redis.ts'

/** So slow that what flows in during a test is no point. */
const rate = { perSecond: 0.001, burst: 100 }

let server: TestRedis
const stores: FleetBudgetStore[] = []
let lines: { readonly level: number; readonly msg: string; readonly gateways: number }[]
beforeEach(async () => {
  server = await startRedis()
  lines = []
})
afterEach(async () => {
  await Promise.all(stores.splice(0).map(store => store.close()))
  await server.stop()
})

const logger: Logger = pino({ level: 'info' }, { write: (line: string) => lines.push(JSON.parse(line)) })

/** Beats often, so that a test need not wait for it, and is patient: this machine is busy with other tests. */
async function openAlone(
  options: Partial<Pick<FleetBudgetsOptions, 'gatewaysAtStart' | 'waitMsMax' | 'beatMs'>> = {},
  url = server.url,
): Promise<FleetBudgetStore> {
  const store = await openFleetBudgets({
    redis: connectRedis(url),
    logger,
    beatMs: 20,
    waitMsMax: 500,
    ...options,
  })
  stores.push(store)
  return store
}

/** The same on a Redis that is there. */
async function open(...args: Parameters<typeof openAlone>): Promise<FleetBudgetStore> {
  const store = await openAlone(...args)
  await isOn(store, 'redis')
  return store
}

const take = async (store: FleetBudgetStore, points: number, key = 'k'): Promise<number | undefined> => {
  const answer = await store.fields.take({ key, rate }, points)
  return answer.isAdmitted ? Math.round(answer.availablePoints) : undefined
}

const isOn = async (store: FleetBudgetStore, source: 'redis' | 'share'): Promise<void> => {
  await until(`budgets of ${source}`, () => store.source === source)
}

describe('budgets of a fleet', () => {
  it('are Redis’s while it is there, and one for all', async () => {
    const [one, other] = [await open(), await open()]
    expect([one.source, other.source]).toEqual(['redis', 'redis'])
    expect(await take(one, 60)).toBe(40)
    expect(await take(other, 60)).toBeUndefined()
    expect(await take(other, 40)).toBe(0)
    expect(one.counts).toMatchObject({ redisCalls: 1, redisErrors: 0, fallbacks: 0, shareAnswers: 0 })
  })

  it('count the gateways that beat, and no longer one that has left', async () => {
    const [one, other] = [await open(), await open()]
    await until('two gateways', () => one.gateways === 2 && other.gateways === 2)
    await other.close()
    await until('one gateway', () => one.gateways === 1)
  })

  it('no longer count a gateway that has died, or beats of a clock that has gone back', async () => {
    const store = await open()
    const nowMs = Date.now()
    await server.ask('ZADD', 'spillway:{gateways}', `${nowMs - 5_000}`, 'dead')
    await server.ask('ZADD', 'spillway:{gateways}', `${nowMs + 60_000}`, 'of tomorrow')
    await server.ask('ZADD', 'spillway:{gateways}', `${nowMs + 4_000}`, 'alive')
    await until('two gateways', () => store.gateways === 2)
    expect(await server.ask('ZCARD', 'spillway:{gateways}')).toBe('2')
  })

  it('start without Redis, on a share of the fleet that is expected, and change when Redis comes', async () => {
    await server.kill()
    const store = await openAlone({ gatewaysAtStart: 4 })
    expect(store.source).toBe('share')
    expect(store.gateways).toBe(4)
    expect(await take(store, 20)).toBe(5)
    expect(await take(store, 20)).toBeUndefined()
    expect(lines).toMatchObject([{ level: 40, msg: 'Redis is not there: budgets are a share', gateways: 4 }])
    await server.restart()
    await isOn(store, 'redis')
    expect(store.gateways).toBe(1)
    expect(await take(store, 20)).toBe(80)
    expect(lines.slice(1)).toMatchObject([{ level: 30, msg: 'budgets are in Redis', gateways: 1 }])
  })

  it('start with a Redis that does not answer', async () => {
    server.stall()
    const store = await openAlone()
    expect(store.source).toBe('share')
    expect(await take(store, 20)).toBe(80)
    server.resume()
    await isOn(store, 'redis')
  })

  it('answer what a stalled Redis leaves unanswered from the share, and all that follows without waiting', async () => {
    await open()
    // It beats only at its start, so that nothing but the call itself can tell.
    const store = await open({ beatMs: 3_600_000 })
    expect(store.gateways).toBe(2)
    server.stall()
    // The first is under way and the others wait for it. Half of 100 points is this gateway's.
    expect(await Promise.all([40, 10, 1].map(points => take(store, points)))).toEqual([10, 0, undefined])
    expect(store.source).toBe('share')
    expect(lines.at(-1)).toMatchObject({ err: { message: 'no answer from Redis within 500 ms' } })
    const value = store.fields.take({ key: 'other', rate }, 1)
    expect(value).not.toBeInstanceOf(Promise)
    expect(value).toMatchObject({ isAdmitted: true })
    expect(store.counts).toMatchObject({ fallbacks: 1, shareAnswers: 4 })
  })

  it('are back once Redis is back, and say each change once', async () => {
    const store = await open()
    server.stall()
    await isOn(store, 'share')
    await until('heartbeats that are not answered', () => store.counts.redisErrors > 3)
    server.resume()
    await isOn(store, 'redis')
    await server.kill()
    await isOn(store, 'share')
    await until('heartbeats that fail', () => store.counts.redisErrors > 10)
    await server.restart()
    await isOn(store, 'redis')
    expect(await take(store, 100)).toBe(0)
    expect(lines.map(({ msg }) => msg)).toEqual([
      'budgets are in Redis',
      'Redis is gone: budgets are a share',
      'budgets are in Redis',
      'Redis is gone: budgets are a share',
      'budgets are in Redis',
    ])
  })

  it('ask twice as much of a Redis that is lost again just after it came back', async () => {
    const store = await open()
    const beatsUntilBack = async (): Promise<number> => {
      await server.kill()
      await isOn(store, 'share')
      await server.restart()
      await isOn(store, 'redis')
      const stats = await server.ask('INFO', 'commandstats')
      return Number(/cmdstat_eval:calls=(\d+)/.exec(stats)?.[1])
    }
    for (const needed of [2, 4, 8]) expect(await beatsUntilBack()).toBeGreaterThanOrEqual(needed)
  })

  it('keep the last count of gateways while Redis is gone', async () => {
    const stores = [await open(), await open(), await open()]
    await until('three gateways', () => stores.every(({ gateways }) => gateways === 3))
    await server.kill()
    for (const store of stores) await isOn(store, 'share')
    // A third of 100 each.
    expect(await Promise.all(stores.map(store => take(store, 33)))).toEqual([0, 0, 0])
    expect(await Promise.all(stores.map(store => take(store, 1)))).toEqual([undefined, undefined, undefined])
  })

  it('take a process that was busy for no sign of a stalled Redis', async () => {
    const store = await open({ waitMsMax: 50, beatMs: 3_600_000 })
    const asked: Promise<unknown>[] = []
    // Every turn of the event loop takes longer than a call may: timers are due before an answer is looked at.
    for (let turn = 0; turn < 10; turn++) {
      asked.push(take(store, 1))
      const untilMs = performance.now() + 60
      while (performance.now() < untilMs);
      await new Promise(setImmediate)
    }
    expect(await Promise.all(asked)).toEqual([99, 98, 97, 96, 95, 94, 93, 92, 91, 90])
    expect(store.counts).toMatchObject({ fallbacks: 0, shareAnswers: 0 })
  })

  it('give back where it was taken', async () => {
    const store = await open()
    const inRedis = await store.callers.take({ key: 'k', rate }, 100)
    server.stall()
    await isOn(store, 'share')
    const inShare = await store.callers.take({ key: 'k', rate }, 100)
    if (!inRedis.isAdmitted || !inShare.isAdmitted) throw new Error('expected two full buckets')
    // What was taken in Redis is nothing to the share.
    store.callers.giveBack(inRedis, 50)
    expect(await store.callers.take({ key: 'k', rate }, 1)).toMatchObject({ isAdmitted: false })
    store.callers.giveBack(inShare, 30)
    expect(await store.callers.take({ key: 'k', rate }, 30)).toMatchObject({ isAdmitted: true })
    server.resume()
    await isOn(store, 'redis')
    store.callers.giveBack(inShare, 10)
    expect(await store.callers.take({ key: 'k', rate }, 10)).toMatchObject({ isAdmitted: false })
  })

  it('close without waiting for a Redis that is gone, and leave nothing open', async () => {
    const [stalled, ...rest] = [await open(), await open()]
    server.stall()
    await stalled.close()
    await server.kill()
    for (const store of rest) await store.close()
    await until(
      'every socket to be closed',
      () => !process.getActiveResourcesInfo().includes('TCPSocketWrap'),
    )
  })

  it('lose their place to the share when one master of a cluster is gone, for it keeps some of the keys', async () => {
    await using cluster = await startRedisCluster()
    const store = await open({}, cluster.url)
    await cluster.nodes[2]!.kill()
    await isOn(store, 'share')
    await cluster.nodes[2]!.restart()
    await isOn(store, 'redis')
    await store.close()
  })
})
