import { afterEach, describe, expect, it } from 'vitest'
import { disconnectRedis } from '../../../gateway/redis/redis-connection.ts'
import { RedisSubscription } from '../../../gateway/redis/redis-subscription.ts'
import { until } from '../../harness/postgres.ts'
import { startRedis, startRedisCluster } from '../../harness/redis.ts'
import { connectedRedis } from './connected-redis.ts'

const closing: (() => Promise<void> | void)[] = []

afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

async function subscribe(
  url: string,
  settings: { readonly pingMs?: number; readonly silenceMsMax?: number } = {},
) {
  const redis = await connectedRedis(url)
  const events: string[] = []
  const subscription = new RedisSubscription({
    redis,
    channel: 'news',
    onListening: () => void events.push('listening'),
    onMessage: text => void events.push(text),
    onBroken: () => void events.push('broken'),
    ...settings,
  })
  closing.push(
    () => subscription.close(),
    () => disconnectRedis(redis),
  )
  return { redis, subscription, events }
}

describe('a subscription', () => {
  it('hears what is published, in its order', async () => {
    await using server = await startRedis()
    const { subscription, events } = await subscribe(server.url)
    await until('that it listens', () => subscription.isListening)
    for (const text of ['a', 'b', 'c']) await server.ask('PUBLISH', 'news', text)
    await server.ask('PUBLISH', 'other', 'd')
    await until('three messages', () => events.length === 4)
    expect(events).toEqual(['listening', 'a', 'b', 'c'])
  })

  it('says when it is broken, and listens anew', async () => {
    await using server = await startRedis()
    const { subscription, events } = await subscribe(server.url)
    await until('that it listens', () => subscription.isListening)
    await server.ask('CLIENT', 'KILL', 'TYPE', 'pubsub')
    await until('that it listens anew', () => events.length === 3)
    await server.ask('PUBLISH', 'news', 'a')
    await until('a message', () => events.length === 4)
    expect(events).toEqual(['listening', 'broken', 'listening', 'a'])
  })

  it('goes on trying while there is no server', async () => {
    await using server = await startRedis()
    const { subscription, events } = await subscribe(server.url)
    await until('that it listens', () => subscription.isListening)
    await server.kill()
    await until('that it is broken', () => !subscription.isListening)
    await server.restart()
    await until('that it listens anew', () => subscription.isListening)
    expect(events).toEqual(['listening', 'broken', 'listening'])
  })

  it('takes silence for a break', async () => {
    await using server = await startRedis()
    const { subscription, events } = await subscribe(server.url, { pingMs: 20, silenceMsMax: 200 })
    await until('that it listens', () => subscription.isListening)
    server.stall()
    await until('that it is broken', () => !subscription.isListening)
    server.resume()
    await until('that it listens anew', () => subscription.isListening)
    expect(events).toEqual(['listening', 'broken', 'listening'])
  })

  it('leaves nothing open, and says nothing more, when it is closed', async () => {
    await using server = await startRedis()
    const { redis, subscription, events } = await subscribe(server.url)
    await until('that it listens', () => subscription.isListening)
    subscription.close()
    expect(subscription.isListening).toBe(false)
    await until('no listener', async () => (await redis.publish('news', 'a')) === 0)
    expect(events).toEqual(['listening'])
  })

  it('closes before it has connected', async () => {
    await using server = await startRedis()
    const { redis, subscription, events } = await subscribe(server.url)
    subscription.close()
    await until('no other connection', async () => {
      const clients = (await redis.client('LIST')) as string
      return clients.split('\n').filter(line => line.includes('name=spillway')).length === 1
    })
    expect(events).toEqual([])
  })

  it('listens to a node of a Cluster for what is published at any, and to another when that is lost', async () => {
    await using cluster = await startRedisCluster()
    const { subscription, events } = await subscribe(cluster.url)
    await until('that it listens', () => subscription.isListening)
    for (const [index, node] of cluster.nodes.entries()) await node.ask('PUBLISH', 'news', `${index}`)
    await until('three messages', () => events.length === 4)
    const answers = await Promise.all(cluster.nodes.map(node => node.ask('CLIENT', 'LIST', 'TYPE', 'pubsub')))
    const listened = cluster.nodes[answers.findIndex(answer => answer !== '')]!
    await listened.kill()
    await until('that it listens anew', () => events.slice(4).join() === 'broken,listening')
  })
})
