import { randomBytes } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import type { RedisClient } from '../../../../gateway/redis/redis-connection.ts'
import { until } from '../../../harness/postgres.ts'
import { startRedis, type TestRedis } from '../../../harness/redis.ts'
import { connectedRedis } from '../../redis/connected-redis.ts'
import { fleetOfTags, type HandClock, handClock } from '../tags/fleet-of-tags.ts'
import { entryOf, type OpenedAnswers, type OpenedAnswersOptions, openAnswers } from './opened-answers.ts'

/** What gateways that share a Redis have of each other. */

const KEY = 'Query.campaign 1'
const REDIS_KEY = `spillway:cache:2:${KEY}`

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

let clock: HandClock
let one: OpenedAnswers
let other: OpenedAnswers
let open: (options?: Partial<OpenedAnswersOptions>) => OpenedAnswers
beforeEach(() => {
  clock = handClock()
  const fleet = fleetOfTags(clock)
  open = options => openAnswers({ member: fleet.join(), redis, ...options })
  one = open()
  other = open()
})
afterEach(() => server.ask('FLUSHALL'))

const has = async (key: string): Promise<boolean> => (await server.ask('EXISTS', key)) === '1'
const keep = async (key: string, value: unknown): Promise<void> => {
  one.answers.set(key, entryOf(one, value), true)
  await until('Redis to have it', () => has(`spillway:cache:2:${key}`))
}

/** Calls of a command since the last that asked. */
async function callsOf(command: string): Promise<number> {
  const stats = await server.ask('INFO', 'commandstats')
  await server.ask('CONFIG', 'RESETSTAT')
  return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0)
}

test('what one has kept another finds, as old as it is, and then has in memory', async () => {
  await keep(KEY, 'spring')
  clock.moveMs(700)
  const found = await other.answers.get(KEY, true)
  expect(found).toMatchObject({
    tier: 'redis',
    entry: { value: 'spring', born: { atMs: other.clock() - 700 }, freshUntilMs: other.clock() + 300 },
  })
  expect(await other.answers.get(KEY, true)).toEqual({ entry: found!.entry, tier: 'memory' })
  expect(other.answers.peek(KEY)).toBe(found!.entry)
})

test('what one has invalidated another does not find, whoever has it where', async () => {
  await keep(KEY, 'spring')
  await keep('Query.campaign 2', 'summer')
  await other.answers.get(KEY, true)
  await one.tags.invalidate(['Campaign:spring'])
  expect(await other.answers.getMany([KEY, 'Query.campaign 2'], true)).toEqual([undefined, undefined])
  await keep(KEY, 'after')
  expect((await other.answers.get(KEY, true))?.entry.value).toBe('after')
})

test('what is kept while Redis is asked is newer, and stays', async () => {
  await keep(KEY, 'spring')
  clock.moveMs(10)
  const asking = other.answers.get(KEY, true)
  // Memory has been looked at by then.
  await nextTurn()
  const newer = entryOf(other, 'newer')
  other.answers.set(KEY, newer, false)
  expect(await asking).toEqual({ entry: newer, tier: 'memory' })
  expect(other.answers.peek(KEY)).toBe(newer)
})

test('what is invalidated while Redis is asked is not found', async () => {
  await keep(KEY, 'spring')
  const asking = other.answers.get(KEY, true)
  await other.tags.invalidate(['Campaign'])
  expect(await asking).toBeUndefined()
  expect(other.answers.peek(KEY)).toBeUndefined()
})

test('what is invalidated while what came with it is still being read is not found', async () => {
  one = open({ bounds: { compressBytesMin: 1_000_000 } })
  const keys = Array.from({ length: 20 }, (_, id) => `Product ${id}`)
  for (const key of keys) one.answers.set(key, entryOf(one, 'x'.repeat(20_000)), true)
  await until('all', async () => (await server.ask('DBSIZE')) === '20')
  const parse = vi.spyOn(JSON, 'parse')
  try {
    parse.mockImplementationOnce(text => {
      setImmediate(() => void other.tags.invalidate(['Campaign']))
      parse.mockRestore()
      return JSON.parse(text)
    })
    expect(await other.answers.getMany(keys, true)).toEqual(keys.map(() => undefined))
  } finally {
    parse.mockRestore()
  }
})

test('what another may keep and this one may not is found, and not kept', async () => {
  other = open({ bounds: { entryBytesMax: 99 } })
  await keep(KEY, 'of 100 bytes')
  expect((await other.answers.get(KEY, true))?.entry.value).toBe('of 100 bytes')
  expect(other.answers.peek(KEY)).toBeUndefined()
})

test('what nobody says of in time whether it holds is not found', async () => {
  other = open({ waitMsMax: 500 })
  await keep(KEY, 'spring')
  vi.spyOn(other.tags, 'holdsAnywhere').mockReturnValue(new Promise(() => {}))
  expect(await other.answers.get(KEY, true)).toBeUndefined()
})

test('Redis forgets it when it is gone', async () => {
  await keep(KEY, 'spring')
  const ttlMs = Number(await server.ask('PTTL', REDIS_KEY))
  expect(ttlMs).toBeGreaterThan(5_000)
  expect(ttlMs).toBeLessThanOrEqual(10_000)
})

test("what is one caller's is in memory alone, and its key is never shown to Redis", async () => {
  await server.ask('CONFIG', 'RESETSTAT')
  const key = 'Query.me alice'
  expect(one.answers.set(key, entryOf(one, 'hers'), false)).toBe(true)
  expect((await one.answers.get(key, false))?.entry.value).toBe('hers')
  expect(await other.answers.get(key, false)).toBeUndefined()
  expect(await other.answers.getMany([key], false)).toEqual([undefined])
  await keep(KEY, 'of all')
  expect(await callsOf('get')).toBe(0)
  expect(await server.ask('DBSIZE')).toBe('1')
})

test('those who ask for a key at the same time ask Redis once', async () => {
  await keep(KEY, 'spring')
  await callsOf('get')
  const founds = await Promise.all([
    ...Array.from({ length: 100 }, () => other.answers.get(KEY, true)),
    other.answers.getMany([KEY, 'Query.campaign 2', KEY], true).then(([, , last]) => last),
  ])
  expect(founds.every(found => found?.entry.value === 'spring')).toBe(true)
  expect(await callsOf('get')).toBe(2)
})

test.each([
  ['no entry', () => server.ask('SET', REDIS_KEY, 'spring')],
  ['nothing', () => server.ask('SET', REDIS_KEY, '')],
  [
    'no string',
    async () => {
      await server.ask('DEL', REDIS_KEY)
      await server.ask('LPUSH', REDIS_KEY, 'spring')
    },
  ],
  ['an entry cut off', () => server.ask('SETRANGE', REDIS_KEY, '60', 'x')],
  ['the entry of another key', () => server.ask('RENAME', 'spillway:cache:2:Query.campaign 2', REDIS_KEY)],
])('a value that is %s is a miss, is deleted, and is counted', async (_, spoil) => {
  await keep(KEY, 'spring')
  await keep('Query.campaign 2', 'summer')
  await spoil()
  expect(await other.answers.get(KEY, true)).toBeUndefined()
  await until('it to be deleted', async () => !(await has(REDIS_KEY)))
  expect(other.answers.corrupt).toBe(1)
  expect([other.lines, other.stores.failures]).toEqual([[], 0])
})

test('a gateway has no more in Redis than it may, and what it has there it may write again', async () => {
  one = open({ bounds: { sharedBytesMax: 1_000 } })
  // 56 + some 60 of its own, 35 of its key, 128 beside: about 280 each.
  const keys = [1, 2, 3, 4, 5].map(id => `Query.campaign ${id}`)
  for (const key of keys.slice(0, 3)) await keep(key, 'first')
  for (const key of keys) one.answers.set(key, entryOf(one, 'second'), true)
  await until('all to be tried', () => one.answers.unshared === 2)
  other = open({ memory: false })
  await until('those to be written again', async () => {
    const founds = await other.answers.getMany(keys, true)
    return founds.map(found => found?.entry.value).join() === 'second,second,second,,'
  })
  expect(one.answers.sharedBytes).toBeLessThanOrEqual(1_000)
  expect((await one.answers.get(keys[4]!, true))?.tier).toBe('memory')
  // What is gone makes place.
  clock.moveMs(10_000)
  await keep(keys[4]!, 'third')
})

test('what is set while its former value is compressed is not overwritten by that', async () => {
  one = open({ bounds: { sharedBytesMax: 100_000_000 } })
  const large = randomBytes(3_000_000).toString('hex')
  one.answers.set(KEY, entryOf(one, large), true)
  await nextTurn()
  one.answers.set(KEY, entryOf(one, 'newer'), true)
  // Begun later and twice as long: done last.
  one.answers.set('Query.campaign 2', entryOf(one, large + large), true)
  await until('the last to be compressed', () => has('spillway:cache:2:Query.campaign 2'))
  expect((await other.answers.get(KEY, true))?.entry.value).toBe('newer')
})

test('many large values hold the event loop for a few of them at a time', async () => {
  one = open({ bounds: { sharedBytesMax: 100_000_000, compressBytesMin: 1_000_000 } })
  const keys = Array.from({ length: 100 }, (_, id) => `Product ${id}`)
  const values = keys.map(key => [key, 'x'.repeat(20_000)])
  // 256 KB a turn, of 100,000 each by their own account: three.
  const stringify = await busiestTurn('stringify', async () => {
    for (const [i, key] of keys.entries())
      one.answers.set(key, entryOf(one, values[i], { bytes: 100_000 }), true)
    await until('the last', () => has('spillway:cache:2:Product 99'))
  })
  expect(stringify).toBe(3)
  // 64 KB a turn, of 20 KB each: three.
  const parse = await busiestTurn('parse', async () => {
    const founds = await other.answers.getMany(keys, true)
    expect(founds.map(found => found?.entry.value)).toEqual(values)
  })
  expect(parse).toBe(3)
})

/** Most calls in one turn of the event loop. */
async function busiestTurn(name: 'parse' | 'stringify', act: () => Promise<void>): Promise<number> {
  const called = vi.spyOn(JSON, name)
  let most = 0
  let isOver = false
  const turn = (): void => {
    most = Math.max(most, called.mock.calls.length)
    called.mockClear()
    if (!isOver) setImmediate(turn)
  }
  try {
    turn()
    await act()
  } finally {
    isOver = true
    most = Math.max(most, called.mock.calls.length)
    called.mockRestore()
  }
  return most
}

test('of more than can wait to be written the rest is told of, and what waits may be replaced', async () => {
  for (let id = 0; id < 1_200; id++) one.answers.set(`Product ${id}`, entryOf(one, 'first'), true)
  one.answers.set('Product 0', entryOf(one, 'second'), true)
  expect(one.answers.unshared).toBe(200)
  await until('all that waited', async () => (await server.ask('DBSIZE')) === '1000')
  expect((await other.answers.get('Product 0', true))?.entry.value).toBe('second')
})

test('what is invalidated before it is written is not written', async () => {
  one.answers.set(KEY, entryOf(one, 'spring'), true)
  await one.tags.invalidate(['Campaign'])
  await keep('Query.campaign 2', 'after')
  expect(await server.ask('DBSIZE')).toBe('1')
})

test('clearing takes what is ours, and nothing beside it', async () => {
  await server.ask('SET', 'spillway:cache', 'budgets')
  await server.ask('SET', 'spillway:cacheX1:a', 'others')
  for (let id = 0; id < 1_000; id++) one.answers.set(`Product ${id}`, entryOf(one, id), true)
  await until('all', async () => (await server.ask('DBSIZE')) === '1002')
  await one.answers.clear()
  expect(await server.ask('DBSIZE')).toBe('2')
})

test('many keys travel in one pipeline, and no slot is crossed', async () => {
  const keys = Array.from({ length: 100 }, (_, id) => `Product ${id}`)
  for (const key of keys) one.answers.set(key, entryOf(one, key), true)
  await until('the last', () => has('spillway:cache:2:Product 99'))
  const before = /total_reads_processed:(\d+)/
  const readsOf = async (): Promise<number> => Number(before.exec(await server.ask('INFO', 'stats'))?.[1])
  const readsBefore = await readsOf()
  expect((await other.answers.getMany(keys, true)).every(found => found !== undefined)).toBe(true)
  // Beside our own two questions, each on a connection of its own.
  expect((await readsOf()) - readsBefore).toBeLessThan(20)
  expect(await callsOf('mget')).toBe(0)
})

test('what only a crowd may have takes half of the place in Redis; what comes then goes at its own time', async () => {
  one = open({ bounds: { sharedBytesMax: 4_000 } })
  const keys = Array.from({ length: 6 }, (_, id) => `Product ${id}`)
  const ttlMs = async (key: string): Promise<number> =>
    Number(await server.ask('PTTL', `spillway:cache:2:${key}`))
  for (const key of keys) {
    const entry = entryOf(one, randomBytes(200).toString('base64'), {
      stretchedUntilMs: one.clock() + 100_000,
    })
    one.answers.set(key, entry, true)
  }
  await until('the last', () => has('spillway:cache:2:Product 5'))
  // Some 570 bytes each: the first four find less than 2,000 taken.
  for (const key of keys.slice(0, 4)) expect(await ttlMs(key)).toBeGreaterThan(50_000)
  for (const key of keys.slice(4)) expect(await ttlMs(key)).toBeLessThanOrEqual(10_000)
})
