import { expect, it } from 'vitest'
import { FleetEar } from '../../../../gateway/cache/tags/fleet-ear.ts'
import { InvalidatedTags } from '../../../../gateway/cache/tags/invalidated-tags.ts'
import { disconnectRedis } from '../../../../gateway/redis/redis-connection.ts'
import { silent, until } from '../../../harness/postgres.ts'
import { startRedis } from '../../../harness/redis.ts'
import { connectedRedis } from '../../redis/connected-redis.ts'

it('what was asked before something was missed does not make a gateway listen', async () => {
  await using server = await startRedis()
  const invalidated = new InvalidatedTags(100)
  const redis = await connectedRedis(server.url)
  let asked = 0
  const ear = new FleetEar({
    redis,
    channel: 'news',
    logger: silent,
    invalidated,
    sender: 'me',
    ask: () => void asked++,
  })
  const standing = { version: 1, told: 0, timeMs: 0 }
  await until('a subscription', () => ear.hearing !== undefined)
  for (const missed of ['what nobody can read', '9 8 another ["Product"]']) {
    ear.stands(ear.hearing, standing)
    expect(ear.sinceVersion).toBe(1)
    const [{ tick }, before, askedBefore] = [invalidated, ear.hearing, asked]
    await server.ask('PUBLISH', 'news', missed)
    await until('something missed', () => ear.sinceVersion === undefined)
    expect([invalidated.tick > tick, asked]).toEqual([true, askedBefore + 1])
    ear.stands(before, standing)
    expect(ear.sinceVersion).toBeUndefined()
  }
  // Known by what was told before it.
  ear.stands(ear.hearing, standing)
  await server.ask('PUBLISH', 'news', '10 9 another ["Product"]')
  await until('it', () => ear.heardVersion === 10)
  expect(ear.sinceVersion).toBe(1)
  ear.close()
  await disconnectRedis(redis)
})
