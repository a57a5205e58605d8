import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { ConfiguredGateway } from '../harness/configured-gateway.ts'
import { until } from '../harness/postgres.ts'
import { startRedis, type TestRedis } from '../harness/redis.ts'
import { gatewayOver, persisted, type ShelfGraph, shelfGraph, TEXT } from '../harness/shelf-graph.ts'

/** Gateways that keep answers in a Redis that fails: who asks is answered all the same, in time, through both doors. */

let redis: TestRedis
let one: ShelfGraph
let other: ConfiguredGateway
let ids = 0

beforeEach(async () => {
  redis = await startRedis()
  one = await shelfGraph({ redisUrl: redis.url })
  other = await gatewayOver(one, { redisUrl: redis.url })
  await untilShared(one, other)
})
afterEach(async () => {
  await other.close()
  await one[Symbol.asyncDispose]()
  await redis.stop()
})

/** The same question by two keys, through two doors: compiled operations, and what only Apollo Server understands. */
const DOORS = {
  express: (id: string): object => persisted('Product', { id }),
  apollo: (id: string): object => ({ query: TEXT, variables: { id }, extensions: { of: 'a client' } }),
}
type Door = keyof typeof DOORS

/** @returns what the catalog called it when it was asked: another name each time. */
async function nameOf({ port }: ConfiguredGateway, door: Door, id: string): Promise<string> {
  const answer = await fetch(`http://127.0.0.1:${port}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/graphql-response+json' },
    body: JSON.stringify(DOORS[door](id)),
  })
  const said = await answer.text()
  expect(said).not.toContain('errors')
  expect(answer.status).toBe(200)
  const { product } = JSON.parse(said).data
  expect(product.id).toBe(id)
  return door === 'express' ? product.name : product.called
}

const newId = (): string => `${++ids}`

/** What one has asked for the other finds. */
async function untilShared(from: ConfiguredGateway, to: ConfiguredGateway): Promise<void> {
  for (const door of Object.keys(DOORS) as Door[])
    await until(`answers of door ${door} that both gateways have`, async () => {
      const id = newId()
      const name = await nameOf(from, door, id)
      return (await nameOf(to, door, id)) === name
    })
}

/** What a gateway has asked for it finds again. When it stops hearing the others, and again when it does, it forgets. */
async function untilKept(gateway: ConfiguredGateway, door: Door): Promise<void> {
  await until('what memory keeps', async () => {
    const id = newId()
    const name = await nameOf(gateway, door, id)
    return (await nameOf(gateway, door, id)) === name
  })
}

/** Many at once: what nobody has asked for, each different. */
async function askNew(gateway: ConfiguredGateway, door: Door): Promise<void> {
  const names = await Promise.all(Array.from({ length: 100 }, () => nameOf(gateway, door, newId())))
  expect(new Set(names).size).toBe(names.length)
}

describe.each(Object.keys(DOORS) as Door[])('through the door %s', door => {
  test.each([
    ['killed', () => redis.kill(), () => redis.restart()],
    ['stalled', async () => redis.stall(), async () => redis.resume()],
  ] as const)(
    'while Redis is %s memory and the subgraphs answer, and afterwards Redis does',
    async (_, fail, heal) => {
      const known = newId()
      await nameOf(one, door, known)
      await nameOf(other, door, known)
      await fail()
      await Promise.all([
        askNew(one, door),
        askNew(other, door),
        nameOf(one, door, known),
        nameOf(other, door, known),
      ])
      await Promise.all([untilKept(one, door), untilKept(other, door)])
      await heal()
      await untilShared(one, other)
      await untilShared(other, one)
    },
  )

  test('when Redis is flushed memory answers on, and what is asked for from then on is shared', async () => {
    const known = newId()
    const name = await nameOf(one, door, known)
    await redis.ask('FLUSHALL')
    expect(await nameOf(one, door, known)).toBe(name)
    await Promise.all([askNew(one, door), askNew(other, door)])
    await untilShared(one, other)
    await untilShared(other, one)
  })

  test('a gateway that starts while Redis is gone answers, keeps, and shares once Redis is there', async () => {
    await redis.kill()
    await using third = await gatewayOver(one, { redisUrl: redis.url })
    await askNew(third, door)
    await untilKept(third, door)
    await redis.restart()
    await untilShared(one, third)
    await untilShared(third, one)
  })

  test('what is broken in Redis, or none of ours, is deleted and counted, and the subgraphs answer', async () => {
    const before = await other.metric('spillway_cache_corrupt_total')
    const planted: readonly (readonly [string, (key: string, foreign: string) => Promise<unknown>])[] = [
      ['garbage', key => redis.ask('SET', key, 'garbage')],
      ['nothing', key => redis.ask('SET', key, '')],
      [
        'the beginning',
        key =>
          redis.ask('EVAL', "redis.call('SET', KEYS[1], redis.call('GETRANGE', KEYS[1], 0, -9))", '1', key),
      ],
      [
        'a bit changed',
        key =>
          redis
            .ask('SETBIT', key, '400', '1')
            .then(was => redis.ask('SETBIT', key, '400', was === '1' ? '0' : '1')),
      ],
      ['another key’s', (key, foreign) => redis.ask('COPY', foreign, key, 'REPLACE')],
      ['another type', key => redis.ask('DEL', key).then(() => redis.ask('HSET', key, 'a', 'b'))],
    ]
    const stranger = newId()
    await nameOf(one, door, stranger)
    await keysOf(door, stranger)
    const names = new Map<string, string>()
    let met = 0
    for (const [what, plant] of planted) {
      const id = newId()
      const name = await nameOf(one, door, id)
      const keys = await keysOf(door, id)
      for (const key of keys) await plant(key, key.replace(variables(id), variables(stranger)))
      names.set(id, await nameOf(other, door, id))
      expect(names.get(id), what).not.toBe(name)
      met += keys.length
      expect((await other.metric('spillway_cache_corrupt_total')) - before, what).toBe(met)
    }
    // What was in the way is gone: there is what came instead.
    await using third = await gatewayOver(one, { redisUrl: redis.url })
    for (const [id, name] of names) expect(await nameOf(third, door, id)).toBe(name)
    await untilShared(one, other)
  })
})

/** How many one answer has: of the response, where that is kept, and of the fetch that it is made of. */
const KEYS: Readonly<Record<Door, number>> = { express: 2, apollo: 1 }

const variables = (id: string): string => JSON.stringify({ id })

/** Where Redis keeps the answer to this id, once it does: nobody waits for that. */
async function keysOf(door: Door, id: string): Promise<readonly string[]> {
  const script = "return cjson.encode(redis.call('KEYS', 'spillway:cache:2:*'))"
  return await until(`what is kept of ${id}`, async () => {
    const all: readonly string[] = JSON.parse(await redis.ask('EVAL', script, '0'))
    const its = all.filter(key => key.includes(variables(id)))
    return its.length === KEYS[door] ? its : undefined
  })
}
