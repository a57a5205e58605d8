import { Keyv } from 'keyv'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createRedisGate } from '../../../../gateway/cache/stores/redis-gate.ts'
import { RedisStore } from '../../../../gateway/cache/stores/redis-store.ts'
import type { RedisClient } from '../../../../gateway/redis/redis-connection.ts'
import {
  startRedis,
  startRedisCluster,
  type TestRedis,
  type TestRedisCluster,
} from '../../../harness/redis.ts'
import { connectedRedis } from '../../redis/connected-redis.ts'

/** Keyv's own methods, over our store. */
describe.each([
  ['one server', startRedis],
  ['a cluster', startRedisCluster],
])('over %s', (_, start) => {
  let servers: TestRedis | TestRedisCluster
  let redis: RedisClient
  let keyv: Keyv<Buffer>
  const errors: unknown[] = []
  const open = (prefix: string): Keyv<Buffer> => {
    const gate = createRedisGate({ redis, waitMsMax: 20_000, logger: pino({ level: 'silent' }) })
    const store = new RedisStore({ redis, gate, prefix })
    const opened = new Keyv<Buffer>({ store, serialization: false, checkExpired: false })
    opened.on('error', error => errors.push(error))
    return opened
  }
  beforeAll(async () => {
    servers = await start()
    redis = await connectedRedis(servers.url)
    keyv = open('kept:')
  })
  afterAll(async () => {
    expect(errors).toEqual([])
    redis.disconnect()
    await servers.stop()
  })

  test('bytes come back as they were, whichever they are', async () => {
    const bytes = Buffer.from([0, 255, 13, 10, 0x80, 0])
    expect(await keyv.set('a', bytes, 60_000)).toBe(true)
    expect(await keyv.get('a')).toEqual(bytes)
    expect(await redis.pttl('kept:a')).toBeGreaterThan(30_000)
    expect(await keyv.has('a')).toBe(true)
    expect(await keyv.delete('a')).toBe(true)
    expect([await keyv.delete('a'), await keyv.has('a'), await keyv.get('a')]).toEqual([
      false,
      false,
      undefined,
    ])
  })

  test('nothing is kept without an expiry', async () => {
    for (const ttlMs of [undefined, 0, -1, Number.NaN])
      expect(await keyv.set('for ever', Buffer.of(1), ttlMs)).toBe(false)
    expect(await keyv.has('for ever')).toBe(false)
  })

  test('a short life is a life, and ends', async () => {
    expect(await keyv.set('short', Buffer.of(1), 0.5)).toBe(true)
    await expect.poll(() => keyv.has('short')).toBe(false)
  })

  test('many keys of many slots are read together', async () => {
    const keys = Array.from({ length: 50 }, (_, i) => `many ${i}`)
    for (const key of keys) await keyv.set(key, Buffer.from(key), 60_000)
    const values = await keyv.getMany<Buffer>([...keys, 'none'])
    expect(values.map(value => value?.toString())).toEqual([...keys, undefined])
  })

  test('clearing takes every key of the prefix, and none that only looks like it', async () => {
    const odd = open('k*[t:')
    const keys = Array.from({ length: 700 }, (_, i) => `odd ${i}`)
    await Promise.all(keys.map(key => odd.set(key, Buffer.of(1), 60_000)))
    await keyv.set('stays', Buffer.of(1), 60_000)
    await odd.clear()
    expect((await odd.getMany(keys)).filter(value => value !== undefined)).toEqual([])
    expect(await keyv.has('stays')).toBe(true)
    await keyv.clear()
    expect(await keyv.has('stays')).toBe(false)
  })
})
