import { afterAll, beforeAll } from 'vitest'
import { createRedisLines } from '../../../gateway/surge/redis-lines.ts'
import { until } from '../../harness/postgres.ts'
import { startRedis, startRedisCluster, type TestRedis, type TestRedisCluster } from '../../harness/redis.ts'
import { connectedRedis } from '../redis/connected-redis.ts'
import type { OpenLinesOf } from './lines-contract/line-stand.ts'
import { linesContract } from './lines-contract.ts'

let single: TestRedis
let cluster: TestRedisCluster
beforeAll(async () => {
  single = await startRedis()
  cluster = await startRedisCluster()
})
afterAll(async () => {
  await single.stop()
  await cluster.stop()
})

let tests = 0

const openOn =
  (nodes: () => readonly TestRedis[]): OpenLinesOf =>
  async (terms, clock) => {
    const redis = await connectedRedis(
      nodes()
        .map(({ url }) => url)
        .join(','),
    )
    const lines = createRedisLines({ redis, terms, clock, prefix: `test-${++tests}:` })
    return {
      lines,
      lose: async () => {
        for (const node of nodes()) await node.ask('FLUSHALL')
      },
      settled: async () => {
        await until('nothing to be sent', () => !lines.isBusy)
      },
      close: async () => {
        lines.abandon(new Error('the test is over'))
        await redis.quit()
      },
    }
  }

linesContract(
  'in Redis',
  openOn(() => [single]),
)
linesContract(
  'in a Redis Cluster',
  openOn(() => cluster.nodes),
)
