import { afterEach, expect, test } from 'vitest'
import { createFetchCaching, type FetchCaching } from '../../../gateway/cache/fetches.ts'
import { type FleetTags, openFleetTags } from '../../../gateway/cache/fleet-tags.ts'
import { openStores } from '../../../gateway/cache/stores.ts'
import { disconnectRedis } from '../../../gateway/redis/redis-connection.ts'
import { silent, until } from '../../harness/postgres.ts'
import { startRedis, type TestRedis } from '../../harness/redis.ts'
import { connectedRedis } from '../redis/connected-redis.ts'
import { policiesOf, ToldWatch } from './kept-fetches.ts'
import { answering, asker, askRoot, fetchOf, listOf, shopper } from './scripted-fetch.ts'

const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

interface Gateway {
  readonly caching: FetchCaching
  readonly tags: FleetTags
}

async function gateway(server: TestRedis): Promise<Gateway> {
  const redis = await connectedRedis(server.url)
  closing.push(() => disconnectRedis(redis))
  const tags = await openFleetTags({ redis, logger: silent })
  closing.push(() => tags.close())
  const bounds = {
    entriesMax: 1_000,
    bytesMax: 1_000_000,
    entryBytesMax: 100_000,
    sharedBytesMax: 1_000_000,
    compressBytesMin: 1_000,
  }
  const { answers } = openStores({ redis, answers: { bounds, tags, fleetTime: tags }, logger: silent })
  const policies = policiesOf()
  const options = { policies, answers: answers!, tags, watch: new ToldWatch(), refreshMsMax: 1_000 }
  return { caching: createFetchCaching(options), tags }
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
/** Keys of what is kept. */
const keptIn = async (server: TestRedis): Promise<string[]> =>
  (await server.ask('KEYS', '*')).match(/spillway:cache:1:.*/g) ?? []

test('what one gateway has asked for another finds, until somebody invalidates it', async () => {
  await using server = await startRedis()
  const [one, other] = [await gateway(server), await gateway(server)]
  const old = subgraph('old')
  const ids = [listOf(['1', '2'])]
  await askRoot(one.caching, TOP, old.send)
  await one.caching.begin().entities(ENTITIES, asker(), {}, ids, old.send)
  expect(old.sent).toHaveLength(2)
  await until('all three to be in Redis', async () => (await keptIn(server)).length === 3)
  await until('the other to find them', async () => {
    const { send, sent } = subgraph('old')
    await askRoot(other.caching, TOP, send)
    const run = other.caching.begin()
    const { answer } = await run.entities(ENTITIES, asker(), {}, ids, send)
    expect(answer.data).toEqual({ _entities: [{ name: '1 old' }, { name: '2 old' }] })
    return sent.length === 0
  })
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
  const { caching } = await gateway(server)
  const { send } = subgraph('own')
  const by = { caller: shopper('alice') }
  await askRoot(caching, { ...TOP, scope: 'PRIVATE' }, send, { by })
  await askRoot(caching, { ...TOP, operation: '{ again: top { name } }' }, send, { by })
  await until("what is everybody's to be in Redis", async () => (await keptIn(server)).length > 0)
  // Told to Redis in their order: the caller's own would have been there first.
  expect(await keptIn(server)).toHaveLength(1)
  expect(await server.ask('KEYS', '*')).not.toMatch(/alice/)
})
