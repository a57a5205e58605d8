import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { RedisClient } from '../../../../gateway/redis/redis-connection.ts'
import { until } from '../../../harness/postgres.ts'
import { startRedis, startRedisCluster } from '../../../harness/redis.ts'
import { connectedRedis } from '../../redis/connected-redis.ts'
import { fleetOfTags, type HandClock, handClock } from '../tags/fleet-of-tags.ts'
import { entryOf, type OpenedAnswers, type OpenedAnswersOptions, openAnswers } from './opened-answers.ts'

/** What holds of kept answers, wherever they are kept. */

interface Servers extends AsyncDisposable {
  readonly url: string
}

interface Store {
  readonly name: string
  readonly memory: boolean
  readonly start?: () => Promise<Servers>
}

const STORES: readonly Store[] = [
  { name: 'memory', memory: true },
  { name: 'Redis', memory: false, start: startRedis },
  { name: 'memory before Redis', memory: true, start: startRedis },
  { name: 'Redis Cluster', memory: false, start: startRedisCluster },
  { name: 'memory before Redis Cluster', memory: true, start: startRedisCluster },
]

const KEY = 'Query.campaign {"id":"spring"}'

describe.each(STORES)('kept in $name', ({ memory, start }) => {
  let servers: Servers | undefined
  let redis: RedisClient | undefined
  beforeAll(async () => {
    servers = await start?.()
    redis = servers && (await connectedRedis(servers.url))
  })
  afterAll(async () => {
    redis?.disconnect()
    await servers?.[Symbol.asyncDispose]()
  })

  let clock: HandClock
  let fleet: ReturnType<typeof fleetOfTags>
  let one: OpenedAnswers
  const open = (options: Partial<OpenedAnswersOptions> = {}): OpenedAnswers =>
    openAnswers({ member: fleet.join(), redis, memory, ...options })

  beforeEach(() => {
    clock = handClock()
    fleet = fleetOfTags(clock)
    one = open()
  })
  afterEach(() => one.answers.clear())

  /** Resolves when it has arrived everywhere. */
  async function keep(key: string, entry: ReturnType<typeof entryOf>, from = one): Promise<void> {
    expect(from.answers.set(key, entry, true)).toBe(true)
    const other = redis === undefined ? from : open({ memory: false })
    await until('it to be kept', async () => {
      const found = await other.answers.get(key, true)
      return JSON.stringify(found?.entry.value) === JSON.stringify(entry.value)
    })
  }
  const kept = async (key: string, from = one): Promise<unknown> =>
    (await from.answers.get(key, true))?.entry.value

  test('what was set is found as it was', async () => {
    expect(await one.answers.get(KEY, true)).toBeUndefined()
    const entry = entryOf(one, { data: { campaign: { name: '春节', budget: 3e9, ends: null } } })
    await keep(KEY, entry)
    clock.moveMs(400)
    const found = await one.answers.get(KEY, true)
    expect(found).toEqual({ entry, tier: memory ? 'memory' : 'redis' })
  })

  test('what was set last is found', async () => {
    await keep(KEY, entryOf(one, 'first'))
    await keep(KEY, entryOf(one, 'second'))
    expect(await kept(KEY)).toBe('second')
  })

  test('fresh and stale it is found, and not afterwards', async () => {
    await keep(KEY, entryOf(one, 1))
    clock.moveMs(9_999)
    expect((await one.answers.get(KEY, true))?.entry.freshUntilMs).toBe(one.clock() - 8_999)
    clock.moveMs(1)
    expect(await one.answers.get(KEY, true)).toBeUndefined()
    expect(one.answers.peek(KEY)).toBeUndefined()
  })

  describe('while a crowd stretches what is stale', () => {
    let isStretched = false
    let stretching: OpenedAnswers
    const stretched = (more: object = {}) =>
      entryOf(stretching, 1, { stretchedUntilMs: stretching.clock() + 100_000, ...more })
    beforeEach(() => {
      isStretched = false
      stretching = open({ isStretched: () => isStretched })
    })

    test('it is found until its stretched time ends, and with the crowd gone not, back and forth', async () => {
      await keep(KEY, stretched(), stretching)
      const isFound = async (): Promise<boolean> => (await kept(KEY, stretching)) === 1
      clock.moveMs(9_999)
      expect(await isFound()).toBe(true)
      clock.moveMs(1)
      for (const isThere of [false, true, false, true, true]) {
        isStretched = isThere
        expect(await isFound()).toBe(isThere)
        expect((await stretching.answers.getMany([KEY], true))[0] !== undefined).toBe(isThere)
        if (memory) expect(stretching.answers.peek(KEY) !== undefined).toBe(isThere)
      }
      clock.moveMs(89_999)
      expect(await isFound()).toBe(true)
      clock.moveMs(1)
      expect(await isFound()).toBe(false)
    })

    test('it is void with any of its tags, as ever', async () => {
      await keep(KEY, stretched(), stretching)
      clock.moveMs(50_000)
      isStretched = true
      expect(await kept(KEY, stretching)).toBe(1)
      await one.tags.invalidate(['Campaign:spring'])
      expect(stretching.answers.peek(KEY)).toBeUndefined()
      expect(await kept(KEY, stretching)).toBeUndefined()
    })
  })

  test('one of its tags invalidated, it is void, and what is asked for afterwards is not', async () => {
    for (const tag of ['Campaign', 'Campaign:spring']) {
      await keep(KEY, entryOf(one, 'before'))
      await keep('Query.shop ', entryOf(one, 'shop', { tags: ['Shop', 'Shop:1'] }))
      const asked = entryOf(one, 'asked before')
      await one.tags.invalidate([tag])
      expect(one.answers.peek(KEY)).toBeUndefined()
      expect(await kept(KEY)).toBeUndefined()
      expect(await one.answers.getMany([KEY, 'Query.shop '], true)).toMatchObject([
        undefined,
        { entry: { value: 'shop' } },
      ])
      expect(one.answers.set(KEY, asked, true)).toBe(false)
      expect(await kept(KEY)).toBeUndefined()
      await keep(KEY, entryOf(one, 'after'))
      expect(await kept(KEY)).toBe('after')
    }
  })

  test('what is larger than allowed is not kept', async () => {
    expect(one.answers.set(KEY, entryOf(one, 1, { bytes: 100_001 }), true)).toBe(false)
    expect(one.answers.set(KEY, entryOf(one, 1, { bytes: Number.POSITIVE_INFINITY }), true)).toBe(false)
    expect(await kept(KEY)).toBeUndefined()
    await keep(KEY, entryOf(one, 'as large as allowed', { bytes: 100_000 }))
  })

  test('what is past its time already is not kept', async () => {
    const entry = entryOf(one, 1)
    clock.moveMs(10_000)
    expect(one.answers.set(KEY, entry, true)).toBe(false)
  })

  test('many are found in the order that they are asked for in', async () => {
    for (const id of [1, 2, 3]) await keep(`Product {"id":${id}}`, entryOf(one, id))
    const keys = [3, 9, 1, 3, 2].map(id => `Product {"id":${id}}`)
    const founds = await one.answers.getMany(keys, true)
    expect(founds.map(found => found?.entry.value)).toEqual([3, undefined, 1, 3, 2])
    expect(await one.answers.getMany([], true)).toEqual([])
  })

  test('a key is another for each code unit', async () => {
    const keys = [
      'k \ud800',
      'k \ud801',
      'k \ufffd',
      'k {a}',
      'k {a}{',
      'k *',
      'k \n',
      `k ${'x'.repeat(5_000)}`,
    ]
    for (const key of keys) expect(one.answers.set(key, entryOf(one, key), true)).toBe(true)
    await until('the last', () => kept(keys.at(-1)!))
    expect(await kept(`k ${'x'.repeat(4_999)}y`)).toBeUndefined()
    // Of keys that Redis cannot tell apart one is kept there, and never found under another.
    const values = await Promise.all(keys.map(key => kept(key)))
    for (const [i, value] of values.entries()) expect([keys[i], undefined]).toContain(value)
    if (memory) expect(values).toEqual(keys)
  })

  test('large values come back whole', async () => {
    const value = { lines: Array.from({ length: 5_000 }, (_, id) => ({ id, text: `line ${id}` })) }
    await keep(KEY, entryOf(one, value, { bytes: 100_000 }))
    expect(await kept(KEY)).toEqual(value)
  })

  test('cleared, nothing is found', async () => {
    const keys = Array.from({ length: 600 }, (_, id) => `Product ${id}`)
    for (const key of keys) expect(one.answers.set(key, entryOf(one, key), true)).toBe(true)
    const other = redis === undefined ? one : open({ memory: false })
    await until('all', async () =>
      (await other.answers.getMany(keys, true)).every(found => found !== undefined),
    )
    await one.answers.clear()
    expect(await one.answers.getMany(keys, true)).toEqual(keys.map(() => undefined))
  })
})
