import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { RedisClient } from '../../gateway/redis/redis-connection.ts'
import { entryOf, type OpenedAnswers, openAnswers } from '../gateway/cache/stores/opened-answers.ts'
import { fleetOfTags, handClock } from '../gateway/cache/tags/fleet-of-tags.ts'
import { connectedRedis } from '../gateway/redis/connected-redis.ts'
import { until } from '../harness/postgres.ts'
import { startRedis, startRedisCluster, type TestRedis } from '../harness/redis.ts'

/** Kept answers while Redis fails: memory goes on, nobody waits for long, and it comes back by itself. */

interface Servers extends AsyncDisposable {
  readonly url: string
  readonly nodes: readonly TestRedis[]
}

const SERVERS: readonly [string, () => Promise<Servers>][] = [
  [
    'one Redis',
    async () => {
      const server = await startRedis()
      return { url: server.url, nodes: [server], [Symbol.asyncDispose]: () => server.stop() }
    },
  ],
  ['a Redis Cluster', startRedisCluster],
]

/** Longer than a machine that is busy takes for an answer. */
const WAIT_MS_MAX = 500
const KEYS = Array.from({ length: 20 }, (_, id) => `Product ${id}`)

describe.each(SERVERS)('with %s', (name, start) => {
  let servers: Servers
  const clients: RedisClient[] = []
  let one: OpenedAnswers
  let other: OpenedAnswers
  /** Through which nothing is found but what Redis has. */
  let reader: OpenedAnswers

  beforeEach(async () => {
    servers = await start()
    const fleet = fleetOfTags(handClock())
    const open = async (memory: boolean): Promise<OpenedAnswers> => {
      const redis = await connectedRedis(servers.url)
      clients.push(redis)
      return openAnswers({ member: fleet.join(), redis, memory, waitMsMax: WAIT_MS_MAX })
    }
    one = await open(true)
    other = await open(true)
    reader = await open(false)
  })
  afterEach(async () => {
    for (const client of clients.splice(0)) client.disconnect()
    await servers[Symbol.asyncDispose]()
  })

  const set = (value: unknown): void => {
    for (const key of KEYS) expect(one.answers.set(key, entryOf(one, value), true)).toBe(true)
  }
  const values = async ({ answers }: OpenedAnswers): Promise<unknown[]> =>
    (await answers.getMany(KEYS, true)).map(found => found?.entry.value)
  const all = (value: unknown): unknown[] => KEYS.map(() => value)
  const allIn = async (value: unknown): Promise<void> => {
    await until('all to be there', async () => {
      const found = await values(reader)
      if (found.some(one => one !== value)) set(value)
      return found.every(one => one === value)
    })
  }

  test('killed: memory answers, nothing rejects, and an empty one that comes back is filled again', async () => {
    set('before')
    await allIn('before')
    await Promise.all(servers.nodes.map(node => node.kill()))
    expect(await values(one)).toEqual(all('before'))
    expect(await values(other)).toEqual(all(undefined))
    set('meanwhile')
    expect(await values(one)).toEqual(all('meanwhile'))
    if (name !== 'one Redis') return
    await servers.nodes[0]!.restart()
    await allIn('after')
    // Each client connects again in its own time.
    await until('the other to be connected', async () =>
      (await values(other)).every(value => value === 'after'),
    )
  })

  test('flushed: memory answers, and what is kept afterwards is shared again', async () => {
    set('before')
    await allIn('before')
    await Promise.all(servers.nodes.map(node => node.ask('FLUSHALL')))
    expect(await values(one)).toEqual(all('before'))
    expect(await values(other)).toEqual(all(undefined))
    set('after')
    await allIn('after')
    expect(await values(other)).toEqual(all('after'))
  })

  test('stalled: the first to ask wait, nobody after them, one is told, and it is used again when it is back', async () => {
    set('before')
    await allIn('before')
    for (const node of servers.nodes) node.stall()
    expect(await values(other)).toEqual(all(undefined))
    expect(other.lines).toEqual(['cache: Redis fails; memory goes on alone'])
    expect(other.errors).toHaveLength(1)
    const { failures } = other.stores
    expect(await values(other)).toEqual(all(undefined))
    expect(other.stores.failures).toBe(failures)
    expect(await values(one)).toEqual(all('before'))
    for (const node of servers.nodes) node.resume()
    await until('Redis to be used again', async () => (await values(other)).every(one => one === 'before'))
    expect(other.lines).toEqual(['cache: Redis fails; memory goes on alone', 'cache: Redis answers again'])
  })
})

test('one node of a cluster stalled: what the others have is found, and all of it when it is back', async () => {
  await using servers = await startRedisCluster()
  const redis = await connectedRedis(servers.url)
  try {
    const one = openAnswers({
      member: fleetOfTags(handClock()).join(),
      redis,
      memory: false,
      waitMsMax: WAIT_MS_MAX,
    })
    const count = async (): Promise<number> =>
      (await one.answers.getMany(KEYS, true)).filter(found => found !== undefined).length
    for (const key of KEYS) one.answers.set(key, entryOf(one, key), true)
    await until('all to be there', async () => (await count()) === KEYS.length)
    servers.nodes[0]!.stall()
    const found = await count()
    expect(found).toBeGreaterThan(0)
    expect(found).toBeLessThan(KEYS.length)
    servers.nodes[0]!.resume()
    await until('all to be found', async () => (await count()) === KEYS.length)
  } finally {
    for (const node of servers.nodes) node.resume()
    redis.disconnect()
  }
})

test('a Redis without memory left answers what it has, and is told of once', async () => {
  await using server = await startRedis(['--maxmemory', '100mb', '--maxmemory-policy', 'noeviction'])
  const redis = await connectedRedis(server.url)
  try {
    const one = openAnswers({
      member: fleetOfTags(handClock()).join(),
      redis,
      memory: false,
      bounds: { sharedBytesMax: 100_000_000, compressBytesMin: 1_000_000 },
    })
    one.answers.set('Product first', entryOf(one, 'first'), true)
    await until('the first', () => one.answers.get('Product first', true))
    // Room was found there a moment ago.
    await server.ask('CONFIG', 'SET', 'maxmemory', '1')
    for (const key of KEYS) one.answers.set(key, entryOf(one, 'second'), true)
    await until('writes to be refused', () => one.stores.failures === KEYS.length)
    expect((await one.answers.get('Product first', true))?.entry.value).toBe('first')
    expect([one.lines, one.errors.length]).toEqual([['cache: Redis refuses a command'], 1])
  } finally {
    redis.disconnect()
  }
})

test('gateways that have never heard of each other leave half of Redis to what requests may spend', async () => {
  await using server = await startRedis(['--maxmemory', '20mb', '--maxmemory-policy', 'noeviction'])
  const redis = await connectedRedis(server.url)
  const usedBytes = async (): Promise<number> =>
    Number(/used_memory:(\d+)/.exec(await server.ask('INFO', 'memory'))?.[1])
  try {
    const fleet = fleetOfTags(handClock())
    // One after another, as well as one that is started again and again: 8 times 8 MB.
    for (let gateway = 0; gateway < 8; gateway++) {
      const one = openAnswers({
        member: fleet.join(),
        redis,
        memory: false,
        bounds: { sharedBytesMax: 8_000_000, compressBytesMin: 1_000_000 },
      })
      let count = 0
      await until('Redis to be given nothing more', async () => {
        for (let i = 0; i < 10; i++)
          one.answers.set(`Product ${gateway} ${count++}`, entryOf(one, 'x'.repeat(20_000)), true)
        await server.ask('PING')
        return one.answers.unshared > 200
      })
      expect(one.stores.failures).toBe(0)
    }
    // What is on its way when it is looked at counts at the next look.
    expect(await usedBytes()).toBeLessThan(13_000_000)
    expect(await usedBytes()).toBeGreaterThan(7_000_000)
    expect(await server.ask('SET', 'budget', 'x'.repeat(1_000_000))).toBe('OK')
  } finally {
    redis.disconnect()
  }
})
