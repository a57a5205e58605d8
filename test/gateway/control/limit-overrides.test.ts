import type { Logger } from 'pino'
import { pino } from 'pino'
import { afterEach, describe, expect, it, test } from 'vitest'
import {
  createLimitOverrides,
  type LimitOverride,
  type LimitOverrides,
  type OverrideStore,
} from '../../../gateway/control/limit-overrides.ts'
import { redisOverrides } from '../../../gateway/control/redis-overrides.ts'
import type { FieldLimit } from '../../../gateway/cost/field-limits.ts'
import { connectRedis, disconnectRedis } from '../../../gateway/redis/redis-connection.ts'
import { silent, until } from '../../harness/postgres.ts'
import { startRedis, startRedisCluster } from '../../harness/redis.ts'

const LIMIT: FieldLimit = {
  coordinate: 'Mutation.claim',
  per: 'FLEET',
  over: 'REFUSE',
  by: undefined,
  status: undefined,
  rate: { perSecond: 100, burst: 200 },
  pointsMin: 10,
  id: 'Mutation.claim',
}
const OTHER: FieldLimit = { ...LIMIT, id: 'Mutation.claim@', per: 'CALLER' }

const TINY: FieldLimit = { ...LIMIT, id: 'Mutation.tiny' }
const HUGE: FieldLimit = { ...LIMIT, id: 'Mutation.huge' }

const rateOf = (perSecond: number, burst = 50): LimitOverride => ({
  perSecond,
  burst,
  setBy: 'control-room',
  setAt: '2027-02-06T12:00:00.000Z',
})

const closing: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

function overridesWith(store?: OverrideStore, logger: Logger = silent): LimitOverrides {
  const overrides = createLimitOverrides({ store, logger, readEveryMs: 5 })
  closing.push(() => overrides.close())
  return overrides
}

function storeAt(url: string): OverrideStore {
  const redis = connectRedis(url)
  closing.push(() => disconnectRedis(redis))
  return redisOverrides(redis)
}

describe('of one process', () => {
  it('an override holds until it is taken back, for its limit alone', async () => {
    const overrides = overridesWith()
    expect(overrides.rateOf(LIMIT)).toEqual(LIMIT.rate)
    expect(await overrides.set(LIMIT, rateOf(7))).toBe('process')
    expect(overrides.rateOf(LIMIT)).toMatchObject({ perSecond: 7, burst: 50 })
    expect(overrides.overrideOf(LIMIT)).toMatchObject({ setBy: 'control-room' })
    expect(overrides.rateOf(OTHER)).toEqual(LIMIT.rate)
    await overrides.set(LIMIT, undefined)
    expect(overrides.rateOf(LIMIT)).toEqual(LIMIT.rate)
    expect(overrides.overrideOf(LIMIT)).toBeUndefined()
    expect(overrides.scope).toBe('process')
  })

  it('a budget of another rate is another budget, and that of the same is the same', async () => {
    const overrides = overridesWith()
    expect(overrides.bucketOf(LIMIT, 'key')).toEqual({ key: 'key', rate: LIMIT.rate })
    const keys: string[] = []
    for (const perSecond of [7, 8, 7]) {
      await overrides.set(LIMIT, rateOf(perSecond))
      const { key, rate } = overrides.bucketOf(LIMIT, 'key')
      expect(rate).toMatchObject({ perSecond, burst: 50 })
      keys.push(key)
    }
    expect(keys[0]).toMatch(/^key~[\w-]{6}$/)
    expect(keys[1]).not.toBe(keys[0])
    expect(keys[2]).toBe(keys[0])
  })

  it('a line stays the same one at any rate', async () => {
    const overrides = overridesWith()
    const line: FieldLimit = { ...LIMIT, over: 'PLACE' }
    await overrides.set(line, rateOf(7))
    expect(overrides.bucketOf(line, 'key')).toMatchObject({ key: 'key', rate: { perSecond: 7, burst: 50 } })
  })

  it('one that the field has outgrown does not hold', async () => {
    const overrides = overridesWith()
    await overrides.set(LIMIT, rateOf(7, 50))
    const dearer = { ...LIMIT, pointsMin: 51 }
    expect(overrides.rateOf(dearer)).toEqual(LIMIT.rate)
    expect(overrides.bucketOf(dearer, 'key')).toEqual({ key: 'key', rate: LIMIT.rate })
    expect(overrides.overrideOf(dearer)).toBeUndefined()
  })
})

describe('of a fleet', () => {
  test.each(['one Redis', 'a Redis Cluster'])('what one gateway sets holds at all, with %s', async kind => {
    await using redis = kind === 'one Redis' ? await startRedis() : await startRedisCluster()
    const [one, other] = [overridesWith(storeAt(redis.url)), overridesWith(storeAt(redis.url))]
    await until('both share', () => one.scope === 'fleet' && other.scope === 'fleet')
    await until('it is set for the fleet', async () => (await one.set(LIMIT, rateOf(7))) === 'fleet')
    await until('the other has it', () => other.rateOf(LIMIT).perSecond === 7)
    await other.set(OTHER, rateOf(8))
    await until('the one has it', () => one.rateOf(OTHER).perSecond === 8)
    expect(one.rateOf(LIMIT).perSecond).toBe(7)
    expect(await other.set(LIMIT, undefined)).toBe('fleet')
    await until('it is taken back at the one', () => one.rateOf(LIMIT).perSecond === 100)
    // One that starts later finds what holds.
    const late = overridesWith(storeAt(redis.url))
    await until('the late one has it', () => late.rateOf(OTHER).perSecond === 8)
  })

  test('while Redis is gone it holds in its process, and everywhere once Redis is back', async () => {
    await using redis = await startRedis()
    const lines: string[] = []
    const logger = pino({ level: 'info' }, { write: line => void lines.push(line) })
    const [one, other] = [overridesWith(storeAt(redis.url), logger), overridesWith(storeAt(redis.url))]
    await until('it is set for the fleet', async () => (await one.set(OTHER, rateOf(5))) === 'fleet')
    await until('the other has it', () => other.rateOf(OTHER).perSecond === 5)
    await redis.kill()
    await until('the loss is seen', () => one.scope === 'process' && other.scope === 'process')
    expect(await one.set(LIMIT, rateOf(7))).toBe('process')
    expect(one.rateOf(LIMIT).perSecond).toBe(7)
    // What was known stays.
    expect(other.rateOf(OTHER).perSecond).toBe(5)
    await redis.restart()
    await until('the other has it too', () => other.rateOf(LIMIT).perSecond === 7)
    expect(one.rateOf(LIMIT).perSecond).toBe(7)
    expect(one.scope).toBe('fleet')
    // It came back empty, and nobody has taken that one back.
    await until('Redis has what held before', async () =>
      (await redis.ask('HGET', 'spillway:limit-overrides', OTHER.id)).includes('"perSecond":5'),
    )
    for (const overrides of [one, other]) expect(overrides.rateOf(OTHER).perSecond).toBe(5)
    const said = (words: string) => lines.filter(line => line.includes(words)).length
    expect(said('not shared with the fleet now')).toBe(1)
    expect(said('shared with the fleet again')).toBe(1)
  })

  test('what is taken back stays so at a gateway that has not heard of it', async () => {
    await using redis = await startRedis()
    const store = storeAt(redis.url)
    const [one, other] = [overridesWith(store), overridesWith(storeAt(redis.url))]
    await until('it is set for the fleet', async () => (await one.set(LIMIT, rateOf(7))) === 'fleet')
    await until('the other has it', () => other.rateOf(LIMIT).perSecond === 7)
    expect(await one.set(LIMIT, undefined)).toBe('fleet')
    // As the other would, had it found nothing there.
    await store.restore(LIMIT.id, rateOf(7))
    await until('the other has heard of it', () => other.rateOf(LIMIT).perSecond === 100)
    expect((await store.read()).get(LIMIT.id)).toBeUndefined()
  })

  test('a stalled Redis keeps an operator waiting for a moment only', async () => {
    await using redis = await startRedis()
    const overrides = overridesWith(storeAt(redis.url))
    await until('it is set for the fleet', async () => (await overrides.set(LIMIT, rateOf(7))) === 'fleet')
    redis.stall()
    const set = overrides.set(LIMIT, rateOf(8))
    // At once here, whatever becomes of it there.
    expect(overrides.rateOf(LIMIT).perSecond).toBe(8)
    expect(await set).toBe('process')
    redis.resume()
    await until('Redis has it', async () =>
      (await redis.ask('HGET', 'spillway:limit-overrides', LIMIT.id)).includes('"perSecond":8'),
    )
    await until('it is shared again', () => overrides.scope === 'fleet')
  })

  test('what somebody else has written there and is no override is passed over', async () => {
    await using redis = await startRedis()
    const key = 'spillway:limit-overrides'
    for (const [id, text] of [
      [LIMIT.id, 'no JSON'],
      ['a', '{"perSecond":-1,"burst":5,"setBy":"x","setAt":"y"}'],
      ['b', '{"perSecond":null}'],
      [TINY.id, JSON.stringify(rateOf(1e-300))],
      [HUGE.id, JSON.stringify(rateOf(1, 1e300))],
      [OTHER.id, JSON.stringify(rateOf(9))],
    ] as const)
      await redis.ask('HSET', key, id, text)
    const overrides = overridesWith(storeAt(redis.url))
    await until('the right one is read', () => overrides.rateOf(OTHER).perSecond === 9)
    // Within no schedule's numbers, these would never be full: nobody would ever be refused.
    for (const limit of [LIMIT, TINY, HUGE]) {
      expect(overrides.rateOf(limit)).toEqual(LIMIT.rate)
      expect(overrides.bucketOf(limit, 'key').rate).toEqual(LIMIT.rate)
    }
  })
})
