import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server } from 'node:net'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createRedisGate } from '../../../../gateway/cache/stores/redis-gate.ts'
import type { RedisClient } from '../../../../gateway/redis/redis-connection.ts'
import { until } from '../../../harness/postgres.ts'
import { startRedis, type TestRedis } from '../../../harness/redis.ts'
import { connectedRedis } from '../../redis/connected-redis.ts'

/** A Redis that is slow and not gone. */

const WAIT_MS_MAX = 100

let server: TestRedis
let way: Server
let redis: RedisClient
let delayMs: number
beforeEach(async () => {
  delayMs = 0
  server = await startRedis()
  way = createServer(client => {
    const upstream = connect(server.port, '127.0.0.1')
    client.pipe(upstream)
    upstream.on('data', chunk => setTimeout(() => client.write(chunk), delayMs))
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const)
      socket.on('error', () => {}).on('close', () => other.destroy())
  }).listen(0, '127.0.0.1')
  await once(way, 'listening')
  redis = await connectedRedis(`redis://127.0.0.1:${(way.address() as AddressInfo).port}`)
})
afterEach(async () => {
  redis.disconnect()
  way.close()
  await server.stop()
})

const pings = async (): Promise<number> =>
  Number(/cmdstat_ping:calls=(\d+)/.exec(await server.ask('INFO', 'commandstats'))?.[1] ?? 0)

test('that always answers late is asked again only once it answers in time', async () => {
  await server.ask('SET', 'key', 'value')
  const gate = createRedisGate({ redis, waitMsMax: WAIT_MS_MAX, logger: pino({ level: 'silent' }) })
  const ask = (): Promise<unknown[]> => gate.ask(1, () => redis.get('key'))
  delayMs = 2 * WAIT_MS_MAX
  expect(await ask()).toEqual([undefined])
  const before = await pings()
  await until('several PINGs to be answered', async () => (await pings()) >= before + 3)
  expect([gate.isUsable, gate.failures]).toEqual([false, 1])
  delayMs = 0
  await until('Redis to be used again', () => gate.isUsable)
  await until('an answer', async () => (await ask())[0] === 'value')
})
