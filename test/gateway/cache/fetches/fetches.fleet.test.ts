import type { Redis } from 'ioredis'
import { afterEach, expect, test } from 'vitest'
import { createFetchCaching, type FetchCaching } from '../../../../gateway/cache/fetches/fetches.ts'
import { createAnswers } from '../../../../gateway/cache/stores/answers.ts'
import { createRedisGate } from '../../../../gateway/cache/stores/redis-gate.ts'
import { RedisRoom } from '../../../../gateway/cache/stores/redis-room.ts'
import { type FleetTags, openFleetTags } from '../../../../gateway/cache/tags/fleet-tags.ts'
import { disconnectRedis, type RedisClient } from '../../../../gateway/redis/redis-connection.ts'
import { silent, until } from '../../../harness/postgres.ts'
import { startRedis, type TestRedis } from '../../../harness/redis.ts'
import { connectedRedis } from '../../redis/connected-redis.ts'
import { policiesOf, ToldWatch } from './kept-fetches.ts'
import { answering, asker, askRoot, fetchOf, listOf, shopper } from './scripted-fetch.ts'

/** Longer than a machine that is busy takes for an answer. */
const WAIT_MS_MAX = 5_000

const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

interface Gateway {
  readonly caching: FetchCaching
  readonly tags: FleetTags
  readonly redis: RedisClient
}

async function gateway(server: TestRedis): Promise<Gateway> {
  const redis = await connectedRedis(server.url)
  closing.push(() => disconnectRedis(redis))
  const tags = await openFleetTags({ redis, logger: silent, waitMsMax: WAIT_MS_MAX })
  closing.push(() => tags.close())
  const bounds = {
    entriesMax: 1_000,
    bytesMax: 1_000_000,
    entryBytesMax: 100_000,
    sharedBytesMax: 1_000_000,
    compressBytesMin: 1_000,
  }
  const gate = createRedisGate({ redis, logger: silent, waitMsMax: WAIT_MS_MAX })
  const room = new RedisRoom({ redis, gate })
  const answers = createAnswers({ bounds, tags, shared: { redis, gate, room, fleetTime: tags } })
  const policies = policiesOf()
  const options = { policies, answers, tags, watch: new ToldWatch(), refreshMsMax: 1_000 }
  return { caching: createFetchCaching(options), tags, redis }
}

const TOP = fetchOf('{ top { name } }')
const ENTITIES = fetchOf(
  'query ($representations: [_Any!]!) { _entities(representations: $representations) { ... on Product { name } } }',
)
const subgraph = (version: string) =>
  answering(({ representations }) => ({
    data:
      representations === undefined
        ? { top: { name: version } }
        : {
            _entities: (representations as { id: string }[]).map(({ id }) => ({ name: `${id} ${version}` })),
          },
  }))
const keptIn = async ({ redis }: Gateway): Promise<string[]> => (redis as Redis).keys('spillway:cache:2:*')

test('what one gateway has asked for another finds, until somebody invalidates it', async () => {
  await using server = await startRedis()
  const [one, other] = [await gateway(server), await gateway(server)]
  const old = subgraph('old')
  const ids = [listOf(['1', '2'])]
  await askRoot(one.caching, TOP, old.send)
  await one.caching.begin().entities(ENTITIES, asker(), {}, ids, old.send)
  expect(old.sent).toHaveLength(2)
  await until('all three to be in Redis', async () => (await keptIn(one)).length === 3)
  const unasked = subgraph('unasked')
  expect(await askRoot(other.caching, TOP, unasked.send)).toEqual({ data: { top: { name: 'old' } } })
  const { answer } = await other.caching.begin().entities(ENTITIES, asker(), {}, ids, unasked.send)
  expect(answer).toEqual({ data: { _entities: [{ name: '1 old' }, { name: '2 old' }] } })
  expect(unasked.sent).toEqual([])
  await one.tags.invalidate(['Product:1'])
  const renewed = subgraph('new')
  for (const { caching } of [one, other])
    await until('the invalidation to be heard', async () => {
      const { answer } = await caching.begin().entities(ENTITIES, asker(), {}, ids, renewed.send)
      const [first, second] = (answer.data as { _entities: { name: string }[] })._entities
      expect(second).toEqual({ name: '2 old' })
      return first!.name === '1 new'
    })
})

test("a caller's own never leaves the process", async () => {
  await using server = await startRedis()
  const alone = await gateway(server)
  const { caching } = alone
  const { send } = subgraph('own')
  const by = { caller: shopper('alice') }
  await askRoot(caching, { ...TOP, scope: 'PRIVATE' }, send, { by })
  await askRoot(caching, { ...TOP, operation: '{ again: top { name } }' }, send, { by })
  await until("what is everybody's to be in Redis", async () => (await keptIn(alone)).length > 0)
  // Written in their order: the caller's own would be there by now.
  expect(await keptIn(alone)).toHaveLength(1)
})
