import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createRedisBudgets, type RedisBudgetStore } from '../../../gateway/surge/redis-budgets.ts'
import { until } from '../../harness/postgres.ts'
import { startRedis, startRedisCluster, type TestRedis } from '../../harness/redis.ts'
import { connectedRedis } from '../redis/connected-redis.ts'

const rate = { perSecond: 1_000, burst: 100_000 }

async function open(url: string): Promise<RedisBudgetStore> {
  const redis = await connectedRedis(url)
  return createRedisBudgets({ redis })
}

describe('budgets in Redis', () => {
  let server: TestRedis
  let store: RedisBudgetStore
  beforeEach(async () => {
    server = await startRedis()
    store = await open(server.url)
  })
  afterEach(async () => {
    await store.close()
    await server.stop()
  })

  it('leave nothing of a bucket that is full again', async () => {
    const quick = { perSecond: 1_000, burst: 100 }
    await store.callers.take({ key: 'a', rate: quick }, 100)
    await store.fields.take({ key: 'a', rate: quick }, 100)
    expect(await server.ask('DBSIZE')).toBe('2')
    await until('both keys to expire', async () => (await server.ask('DBSIZE')) === '0')
    const taken = await store.callers.take({ key: 'a', rate }, 100)
    if (taken.isAdmitted) store.callers.giveBack(taken, 100)
    await until('the key to go with the refund', async () => (await server.ask('DBSIZE')) === '0')
  })

  it('carry all that arrives during a field’s call in the next one', async () => {
    const bucket = { key: 'claimCoupon:camp_1', rate }
    await Promise.all(Array.from({ length: 257 }, () => store.fields.take(bucket, 1)))
    expect(store.calls).toBe(2)
    // Each call holds 256 steps at most.
    await Promise.all(Array.from({ length: 1_025 }, () => store.fields.take(bucket, 1)))
    expect(store.calls).toBe(2 + 5)
  })

  it('carry the demands of many callers in one call, and refunds with the next demand', async () => {
    const takes = await Promise.all(
      Array.from({ length: 200 }, (_, i) => store.callers.take({ key: `shopper ${i}`, rate }, 10)),
    )
    expect(store.calls).toBe(2)
    for (const taken of takes) if (taken.isAdmitted) store.callers.giveBack(taken, 4)
    expect(await store.callers.take({ key: 'shopper 7', rate }, 1)).toMatchObject({
      availablePoints: expect.closeTo(rate.burst - 7, -2),
    })
    expect(store.calls).toBe(3)
  })

  it('send refunds also when no demand comes', async () => {
    const slow = { perSecond: 0.001, burst: 10 }
    const taken = await store.callers.take({ key: 'a', rate: slow }, 10)
    if (taken.isAdmitted) store.callers.giveBack(taken, 10)
    await until('the key to go with the refund', async () => (await server.ask('DBSIZE')) === '0')
  })

  it('teach a server their scripts that has forgotten them', async () => {
    await store.fields.take({ key: 'a', rate }, 1)
    await server.ask('SCRIPT', 'FLUSH')
    const both = [store.fields.take({ key: 'a', rate }, 1), store.callers.take({ key: 'a', rate }, 1)]
    expect(await Promise.all(both)).toMatchObject([{ isAdmitted: true }, { isAdmitted: true }])
  })

  it('are one for all gateways', async () => {
    const other = await open(server.url)
    const slow = { perSecond: 0.001, burst: 10 }
    await store.fields.take({ key: 'a', rate: slow }, 6)
    expect(await other.fields.take({ key: 'a', rate: slow }, 6)).toMatchObject({ isAdmitted: false })
    await other.close()
  })

  it('reject what Redis has not answered, and at once what comes without a connection', async () => {
    server.stall()
    const stuck = [store.fields.take({ key: 'a', rate }, 1), store.callers.take({ key: 'a', rate }, 1)]
    const settled = Promise.allSettled(stuck)
    await server.kill()
    for (const { status } of await settled) expect(status).toBe('rejected')
    await expect(store.fields.take({ key: 'a', rate }, 1)).rejects.toThrow()
  })

  it('hold a bounded number of demands while Redis is stalled', async () => {
    server.stall()
    const bucket = { key: 'a', rate }
    const demands = Array.from({ length: 10_002 }, () => store.fields.take(bucket, 1))
    // The first is under way, and 10,000 wait.
    await expect(demands.at(-1)).rejects.toThrow('10000 steps wait for a call to Redis')
    const settled = Promise.allSettled(demands.slice(0, -1))
    store.abandon(new Error('given up'))
    for (const outcome of await settled) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { message: 'given up' } })
    }
  })
})

describe('budgets in a Redis Cluster', () => {
  it('spread over its masters, callers as well as fields', async () => {
    await using cluster = await startRedisCluster()
    const store = await open(cluster.url)
    for (const kind of ['callers', 'fields'] as const) {
      await Promise.all(
        Array.from({ length: 300 }, (_, i) => store[kind].take({ key: `key ${i}`, rate }, 100)),
      )
      for (const node of cluster.nodes) {
        const keys = Number(await node.ask('DBSIZE'))
        expect(keys, kind).toBeGreaterThan(kind === 'callers' ? 30 : 130)
      }
    }
    await store.close()
  })

  it('follow a slot that moves from one master to another', async () => {
    await using cluster = await startRedisCluster()
    const store = await open(cluster.url)
    await store.fields.take({ key: 'k', rate }, 1)
    const key = 'spillway:field:{k}'
    const slot = await cluster.nodes[0]!.ask('CLUSTER', 'KEYSLOT', key)
    const owner = cluster.nodes[Math.floor((Number(slot) * 3) / 16_384)]!
    const other = cluster.nodes.find(node => node !== owner)!
    const [from, id] = [await owner.ask('CLUSTER', 'MYID'), await other.ask('CLUSTER', 'MYID')]
    await other.ask('CLUSTER', 'SETSLOT', slot, 'IMPORTING', from)
    await owner.ask('CLUSTER', 'SETSLOT', slot, 'MIGRATING', id)
    await owner.ask('DEL', key)
    for (const node of [other, owner]) await node.ask('CLUSTER', 'SETSLOT', slot, 'NODE', id)
    const asked = Array.from({ length: 50 }, (_, i) =>
      store.fields.take({ key: i % 2 ? `other ${i}` : 'k', rate }, 1),
    )
    for (const answer of await Promise.all(asked)) expect(answer.isAdmitted).toBe(true)
    expect(await other.ask('EXISTS', key)).toBe('1')
    await store.close()
  })
})
