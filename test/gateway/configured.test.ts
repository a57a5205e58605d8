import { expect, test } from 'vitest'
import { configuredGateway } from '../harness/configured-gateway.ts'
import { supergraphOf } from '../harness/foreign-graph.ts'
import { until } from '../harness/postgres.ts'
import { startRedis } from '../harness/redis.ts'

const supergraphSdl = supergraphOf({
  things: { sdl: 'type Query { thing: Int }', url: 'http://127.0.0.1:1' },
})

test('a start waits once for a Redis that is stalled, however many parts do without it', async () => {
  await using redis = await startRedis()
  redis.stall()
  await using gateway = await configuredGateway({ supergraphSdl, operations: [], redisUrl: redis.url })
  const told = gateway.lines.map(line => JSON.parse(line) as { time: number; msg: string })
  const [budgets, tags] = ['budgets are a share', 'not heard yet'].map(
    words => told.find(({ msg }) => msg.includes(words))!.time,
  )
  // Each gives up after a second: one after the other they would be that far apart.
  expect(Math.abs(budgets! - tags!)).toBeLessThan(1_000)
})

test('a start that is refused leaves nothing open', async () => {
  await using redis = await startRedis()
  const file = { headers: { subgraphs: { nobody: {} } } }
  const refused = configuredGateway({ supergraphSdl, operations: [], redisUrl: redis.url, file })
  await expect(refused).rejects.toThrow('nobody')
  await until('no connection', async () => !(await redis.ask('CLIENT', 'LIST')).includes('name=spillway'))
})
