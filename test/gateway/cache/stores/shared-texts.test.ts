import { setImmediate as nextTurn } from 'node:timers/promises'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import type { SharedTextStore } from '../../../../gateway/cache/stores/shared-texts.ts'
import { openStores } from '../../../../gateway/cache/stores/stores.ts'
import { connectRedis, type RedisClient } from '../../../../gateway/redis/redis-connection.ts'
import { until } from '../../../harness/postgres.ts'
import { startRedis, type TestRedis } from '../../../harness/redis.ts'
import { hashOf, type TinyGraph, tinyGraph } from '../../../harness/tiny-graph.ts'

const TEXT = '{ who }'
const HASH = hashOf(TEXT)
const KEY = `spillway:apq:${HASH}`

let server: TestRedis
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())

const clients: RedisClient[] = []
function connect(): RedisClient {
  const client = connectRedis(server.url)
  clients.push(client)
  return client
}
afterEach(() => {
  server.resume()
  for (const client of clients.splice(0)) client.disconnect()
})
beforeEach(async () => {
  await server.ask('FLUSHALL')
})

interface Sharing {
  readonly texts: SharedTextStore
  readonly redis: RedisClient
  readonly lines: string[]
}

async function sharing(): Promise<Sharing> {
  const redis = connect()
  const lines: string[] = []
  const logger = pino({ level: 'info' }, { write: line => void lines.push(JSON.parse(line).msg) })
  const texts = openStores({ redis, waitMsMax: 500, logger }).texts.shared!
  await until('a connection', () => texts.isUsable)
  return { texts, redis, lines }
}

test('a text is kept for a day, under a name that says whose it is', async () => {
  const { texts } = await sharing()
  expect(await texts.get(HASH)).toBeUndefined()
  texts.set(HASH, TEXT)
  await until('the text', () => texts.get(HASH))
  expect(await server.ask('GET', KEY)).toBe(TEXT)
  expect(Number(await server.ask('TTL', KEY))).toBeGreaterThan(86_000)
})

test('a Redis that is half full is given no more texts', async () => {
  await server.ask('SET', 'budgets', 'x'.repeat(6_000_000))
  await server.ask('CONFIG', 'SET', 'maxmemory', '10mb')
  try {
    const { texts } = await sharing()
    // Too long for a server that has not been looked at: now it is.
    texts.set(HASH, 'x'.repeat(2_000_000))
    // Commands of one connection are answered in their order.
    await texts.get(HASH)
    await nextTurn()
    texts.set(HASH, TEXT)
    await texts.get(HASH)
    expect(await server.ask('EXISTS', KEY)).toBe('0')
  } finally {
    await server.ask('CONFIG', 'SET', 'maxmemory', '0')
  }
})

test('what is not the text of its hash is a miss, and is taken away', async () => {
  const { texts } = await sharing()
  await server.ask('SET', KEY, '{ injected }')
  expect(await texts.get(HASH)).toBeUndefined()
  await until('it to be gone', async () => (await server.ask('EXISTS', KEY)) === '0')
})

test('what is no text at all is a miss, and is taken away', async () => {
  const { texts, lines } = await sharing()
  await server.ask('LPUSH', KEY, 'a')
  expect(await texts.get(HASH)).toBeUndefined()
  await until('it to be gone', async () => (await server.ask('EXISTS', KEY)) === '0')
  expect(lines).toEqual([])
  expect(texts.isUsable).toBe(true)
})

test('a server that stalls is waited for once, told of once, and used again when it is back', async () => {
  const { texts, lines } = await sharing()
  server.stall()
  expect(await texts.get(HASH)).toBeUndefined()
  expect(texts.isUsable).toBe(false)
  expect(await texts.get(HASH)).toBeUndefined()
  texts.set(HASH, TEXT)
  expect(lines).toEqual(['cache: Redis fails; memory goes on alone'])
  server.resume()
  await until('Redis to be used again', () => texts.isUsable)
  texts.set(HASH, TEXT)
  await until('the text', () => texts.get(HASH))
  expect(lines).toEqual(['cache: Redis fails; memory goes on alone', 'cache: Redis answers again'])
})

test('a server that stalls while texts are only written is noticed as well', async () => {
  const { texts } = await sharing()
  server.stall()
  texts.set(HASH, TEXT)
  await until('it to be noticed', () => !texts.isUsable)
  server.resume()
  await until('Redis to be used again', () => texts.isUsable)
})

test('a server that is gone costs nothing, and is used again when it is back', async () => {
  const { texts, redis } = await sharing()
  await server.kill()
  await until('the connection to be gone', () => redis.status !== 'ready')
  expect(texts.isUsable).toBe(false)
  expect(await texts.get(HASH)).toBeUndefined()
  texts.set(HASH, TEXT)
  await server.restart()
  await until('Redis to be used again', () => texts.isUsable)
  expect(await texts.get(HASH)).toBeUndefined()
})

test('registered at one gateway, known at another; without Redis each knows its own', async () => {
  const graphs: TinyGraph[] = []
  try {
    for (let i = 0; i < 2; i++) graphs.push(await tinyGraph({ redis: connect() }))
    await until('connections', () => clients.every(({ status }) => status === 'ready'))
    const pq = (query: string): object => ({
      extensions: { persistedQuery: { version: 1, sha256Hash: hashOf(query) } },
    })
    const ask = async (at: number, payload: object): Promise<unknown> =>
      (await graphs[at]!.gateway.app.inject({ method: 'POST', url: '/graphql', payload })).json()
    const notFound = { errors: [{ extensions: { code: 'PERSISTED_QUERY_NOT_FOUND' } }] }
    const [first, second, invalid] = ['{ first: who }', '{ second: who }', '{ invalid }']

    expect(await ask(1, pq(first))).toMatchObject(notFound)
    expect(await ask(0, { query: first, ...pq(first) })).toHaveProperty('data.first')
    await until(
      'Redis to have it',
      async () => (await server.ask('EXISTS', `spillway:apq:${hashOf(first)}`)) === '1',
    )
    expect(await ask(1, pq(first))).toHaveProperty('data.first')
    await ask(0, { query: invalid, ...pq(invalid) })
    expect(await server.ask('DBSIZE')).toBe('1')

    server.stall()
    expect(await ask(1, pq(second))).toMatchObject(notFound)
    expect(await ask(0, { query: second, ...pq(second) })).toHaveProperty('data.second')
    expect(await ask(0, pq(second))).toHaveProperty('data.second')
    expect(await ask(1, pq(first))).toHaveProperty('data.first')
    expect(await ask(1, pq(second))).toMatchObject(notFound)
  } finally {
    server.resume()
    for (const { gateway } of graphs) await gateway.close()
  }
})
