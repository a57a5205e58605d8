import { pino } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createRedisGate, type RedisGate } from '../../../../gateway/cache/stores/redis-gate.ts'
import { RedisRoom } from '../../../../gateway/cache/stores/redis-room.ts'
import type { RedisClient } from '../../../../gateway/redis/redis-connection.ts'
import { until } from '../../../harness/postgres.ts'
import { startRedis, type TestRedis } from '../../../harness/redis.ts'
import { connectedRedis } from '../../redis/connected-redis.ts'
import { handClock } from '../tags/fleet-of-tags.ts'

const MIB = 1024 * 1024

let server: TestRedis
let redis: RedisClient
beforeAll(async () => {
  server = await startRedis()
  redis = await connectedRedis(server.url)
})
afterAll(async () => {
  redis.disconnect()
  await server.stop()
})

/** Of a server that says so much. */
async function roomOf(maxMib: number) {
  await server.ask('CONFIG', 'SET', 'maxmemory', `${maxMib * MIB}`)
  const clock = handClock()
  const gate = createRedisGate({ redis, waitMsMax: 20_000, logger: pino({ level: 'silent' }) })
  let looks = 0
  const counting: RedisGate = {
    ...gate,
    async ask(count, send) {
      const answers = await gate.ask(count, send)
      setImmediate(() => looks++)
      return answers
    },
  }
  const room = new RedisRoom({ redis, gate: counting, clock })
  /** Resolves when it has been looked at. */
  const look = async (): Promise<void> => {
    const before = looks
    clock.moveMs(1_000)
    room.take(0)
    await until('a look', () => looks > before)
  }
  return { room, look, clock, looked: () => looks }
}

test('a sixteenth of what is free below a half is given between two looks', async () => {
  const { room, clock, looked } = await roomOf(100)
  // Not looked at yet: a megabyte.
  expect(room.take(MIB + 1)).toBe(false)
  await until('the first look', () => looked() === 1)
  // An empty server takes between one and two: (50 - 2) / 16 = 3, and 50 / 16 = 3.125.
  expect(room.take(3.125 * MIB)).toBe(false)
  expect(room.take(2.9 * MIB)).toBe(true)
  expect(room.take(2.9 * MIB)).toBe(false)
  // Looked at again for want of room, 50 ms later.
  clock.moveMs(50)
  expect(room.take(2.9 * MIB)).toBe(false)
  await until('the next look', () => looked() === 2)
  expect(room.take(2.9 * MIB)).toBe(true)
})

test('what is half full has no room, whoever has filled it', async () => {
  await server.ask('CONFIG', 'SET', 'maxmemory', '0')
  await server.ask('SET', 'budgets', 'x'.repeat(5 * MIB))
  const { room, look } = await roomOf(10)
  await look()
  expect(room.take(1)).toBe(false)
  await server.ask('DEL', 'budgets')
  await look()
  expect(room.take(MIB / 8)).toBe(true)
})

test('a server without a bound has room without end', async () => {
  const { room, look } = await roomOf(0)
  await look()
  expect(room.take(1e15)).toBe(true)
})
