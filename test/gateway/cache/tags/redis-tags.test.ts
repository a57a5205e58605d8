import { expect, it } from 'vitest'
import { RedisTags, readInvalidation } from '../../../../gateway/cache/tags/redis-tags.ts'
import {
  connectRedis,
  disconnectRedis,
  type RedisClient,
} from '../../../../gateway/redis/redis-connection.ts'
import { startRedis, type TestRedis } from '../../../harness/redis.ts'

interface Own extends AsyncDisposable {
  readonly server: TestRedis
  readonly redis: RedisClient
}

async function own(): Promise<Own> {
  const server = await startRedis()
  const redis = connectRedis(server.url)
  await redis.connect()
  return {
    server,
    redis,
    async [Symbol.asyncDispose]() {
      await disconnectRedis(redis)
      await server.stop()
    },
  }
}

const KEY = '{spillway:cache}:invalidated'
const born = (version: number, ...tags: string[]) => ({ born: { atMs: 0, tick: 0, version }, tags })

it('versions follow the server’s clock, each newer than the one before, and only tags are told', async () => {
  await using opened = await own()
  const order = new RedisTags(opened.redis)
  const first = await order.invalidate([], 0)
  const [seconds] = [Math.floor(first.timeMs / 1_000)]
  expect(Math.abs(Date.now() / 1_000 - seconds)).toBeLessThan(60)
  expect(first.version / 1_000).toBeCloseTo(first.timeMs, -1)
  expect(first.told).toBe(0)
  const asked = await order.invalidate([], 0)
  expect([asked.version, asked.told]).toEqual([first.version, 0])
  const told = await order.invalidate(['a', 'b'], 0)
  expect(told.version).toBeGreaterThan(first.version)
  expect(told.told).toBe(told.version)
  const entries = [
    born(told.version - 1, 'a'),
    born(told.version, 'a'),
    born(told.version - 1, 'c'),
    born(first.version - 1),
  ]
  expect(await Promise.all(entries.map(entry => order.holds(entry)))).toEqual([false, true, true, false])
})

it('the order goes behind nothing that a gateway knows, though the server has lost it', async () => {
  await using opened = await own()
  const order = new RedisTags(opened.redis)
  const ahead = Date.now() * 1_000 + 3_600_000_000
  const { version } = await order.invalidate(['a'], ahead)
  expect(version).toBeGreaterThan(ahead)
  await opened.server.ask('FLUSHALL')
  // Nobody has begun another order yet.
  expect(await order.holds(born(version + 1_000_000, 'b'))).toBe(false)
  const anew = await order.invalidate([], version)
  expect(anew.version).toBe(version + 1)
  expect(await order.holds(born(version, 'b'))).toBe(false)
  expect(await order.holds(born(anew.version, 'b'))).toBe(true)
  expect((await order.invalidate(['b'], 0)).version).toBe(anew.version + 1)
})

it('of more tags than there is room for the oldest are dropped, and older entries with them', async () => {
  await using opened = await own()
  const order = new RedisTags(opened.redis, 3)
  const versions: number[] = []
  for (const tag of ['a', 'b', 'c', 'd', 'e']) versions.push((await order.invalidate([tag], 0)).version)
  expect(await opened.server.ask('ZCARD', KEY)).toBe('4')
  const holds = (version: number) => order.holds(born(version, 'z'))
  expect([await holds(versions[1]! - 1), await holds(versions[1]!)]).toEqual([false, true])
  expect(await order.holds(born(versions[2]!, 'c'))).toBe(true)
  expect(await order.holds(born(versions[2]!, 'd'))).toBe(false)
  const { version } = await order.invalidate(['f', 'g', 'h', 'i', 'j'], 0)
  expect(await opened.server.ask('ZCARD', KEY)).toBe('4')
  expect([await holds(version - 1), await holds(version)]).toEqual([false, true])
})

it('an order that nobody asks for is forgotten', async () => {
  await using opened = await own()
  await new RedisTags(opened.redis).invalidate([], 0)
  expect(Number(await opened.server.ask('PTTL', KEY))).toBeGreaterThan(80_000_000)
})

it('tags of any text are told as they are', async () => {
  await using opened = await own()
  const listener = connectRedis(opened.server.url)
  const texts: string[] = []
  listener.on('message', (_: string, text: string) => void texts.push(text))
  await listener.connect()
  const order = new RedisTags(opened.redis)
  await listener.subscribe(order.channel)
  const previous = (await order.invalidate(['a'], 0)).version
  const marks = ['Product:蓝色 "a"\n', 'Shop:\\', '*', 'x'.repeat(300)]
  const { version } = await order.invalidate(marks, 0)
  await expect.poll(() => texts.length).toBe(2)
  expect(readInvalidation(texts[0]!)).toMatchObject({ version: previous, previous: 0, marks: ['a'] })
  expect(readInvalidation(texts[1]!)).toEqual({ version, previous, sender: order.sender, marks })
  for (const mark of marks) expect(await order.holds(born(version - 1, mark))).toBe(false)
  await disconnectRedis(listener)
})

it.each([
  ...['', 'x', '1 0 a', '1 a []', '1 0 a x', '1 0 a {}', '1 0 a [1]', 'x 0 a []', '1 x a []', '-1 0 a []'],
  `${'9'.repeat(17)} 0 a []`,
])('what no gateway sends is no invalidation: %j', text => {
  expect(readInvalidation(text)).toBeUndefined()
})
