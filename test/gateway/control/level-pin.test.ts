import type { Logger } from 'pino'
import { afterEach, describe, expect, it, test } from 'vitest'
import { createLevelPin, type LevelPin } from '../../../gateway/control/level-pin.ts'
import { connectRedis, disconnectRedis } from '../../../gateway/redis/redis-connection.ts'
import type { Level, PinnedLevel } from '../../../gateway/surge/level.ts'
import { silent, until } from '../../harness/postgres.ts'
import { startRedis, startRedisCluster } from '../../harness/redis.ts'

const KEY = 'spillway:level-pins'

const pinOf = (level: Level): PinnedLevel => ({
  level,
  setBy: 'control-room',
  setAt: '2027-02-06T12:00:00.000Z',
})

const closing: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

/** @param url of the Redis that is shared; none: a pin of this process alone. */
function pinAt(url?: string, logger: Logger = silent): LevelPin {
  const redis = url === undefined ? undefined : connectRedis(url)
  const pin = createLevelPin({ redis, logger, readEveryMs: 5 })
  closing.push(() => pin.close())
  if (redis !== undefined) closing.push(() => disconnectRedis(redis))
  return pin
}

describe('of one process', () => {
  it('holds at once, until it is taken back, and for this process', async () => {
    const pin = pinAt()
    expect(pin.pinned).toBeUndefined()
    const set = pin.set(pinOf('SHED'))
    expect(pin.pinned).toEqual(pinOf('SHED'))
    expect(await set).toBe('process')
    await pin.set(pinOf('CALM'))
    expect(pin.pinned?.level).toBe('CALM')
    expect(await pin.set(undefined)).toBe('process')
    expect(pin.pinned).toBeUndefined()
    expect(pin.scope).toBe('process')
  })
})

describe('of a fleet', () => {
  test.each(['one Redis', 'a Redis Cluster'])('what one gateway pins holds at all, with %s', async kind => {
    await using redis = kind === 'one Redis' ? await startRedis() : await startRedisCluster()
    const [one, other] = [pinAt(redis.url), pinAt(redis.url)]
    await until('it is pinned for the fleet', async () => (await one.set(pinOf('SURGE'))) === 'fleet')
    await until('the other has it', () => other.pinned?.level === 'SURGE')
    expect(other.pinned).toEqual(pinOf('SURGE'))
    expect(await other.set(undefined)).toBe('fleet')
    await until('it is taken back at the one', () => one.pinned === undefined)
  })

  test('it outlives the gateway that pinned it, and a Redis that comes back empty', async () => {
    await using redis = await startRedis()
    const first = pinAt(redis.url)
    await until('it is pinned for the fleet', async () => (await first.set(pinOf('SHED'))) === 'fleet')
    first.close()
    const restarted = pinAt(redis.url)
    await until('the next one has it', () => restarted.pinned?.level === 'SHED')
    await redis.restart()
    await until('Redis has it again', async () =>
      (await redis.ask('HGET', KEY, 'level')).includes('"level":"SHED"'),
    )
    expect(restarted.pinned).toEqual(pinOf('SHED'))
  })

  test('while Redis is gone it holds in its process, and everywhere once Redis is back', async () => {
    await using redis = await startRedis()
    const [one, other] = [pinAt(redis.url), pinAt(redis.url)]
    await until('both share', () => one.scope === 'fleet' && other.scope === 'fleet')
    await redis.kill()
    await until('the loss is seen', () => one.scope === 'process')
    expect(await one.set(pinOf('SHED'))).toBe('process')
    expect(one.pinned?.level).toBe('SHED')
    await redis.restart()
    await until('the other has it too', () => other.pinned?.level === 'SHED')
    await until('it is shared again', () => one.scope === 'fleet')
  })

  test('what somebody else has written there and is no level is passed over', async () => {
    await using redis = await startRedis()
    const pin = pinAt(redis.url)
    for (const text of ['no JSON', '"SHED"', JSON.stringify({ ...pinOf('SHED'), level: 'PANIC' })]) {
      await until('it is pinned for the fleet', async () => (await pin.set(pinOf('BUSY'))) === 'fleet')
      await redis.ask('HSET', KEY, 'level', text)
      await until('nothing is pinned', () => pin.pinned === undefined)
    }
  })
})
