import { request } from 'undici'
import { expect, test } from 'vitest'
import { until } from '../harness/postgres.ts'
import { startRedis } from '../harness/redis.ts'
import { gatewayOver, OPERATIONS, persisted, shelfGraph } from '../harness/shelf-graph.ts'
import { hashOf } from '../harness/tiny-graph.ts'

/** Two gateways on one Redis: what one keeps, the other answers with, byte for byte. */

interface Answer {
  readonly text: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
}

async function post(port: number, id: string): Promise<string> {
  const { body } = await request(`http://127.0.0.1:${port}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(persisted('Product', { id })),
  })
  return await body.text()
}

async function get(port: number, id: string): Promise<Answer> {
  const search = new URLSearchParams({
    documentId: `sha256:${hashOf(OPERATIONS.Product)}`,
    variables: JSON.stringify({ id }),
  })
  const { body, headers } = await request(`http://127.0.0.1:${port}/graphql?${search}`, {
    headers: { 'apollo-require-preflight': '1' },
  })
  return { text: await body.text(), headers }
}

test('a response that one gateway keeps answers at the other, with the same tag, and no subgraph is asked', async () => {
  await using redis = await startRedis()
  await using one = await shelfGraph({ redisUrl: redis.url })
  await using other = await gatewayOver(one, { redisUrl: redis.url })
  const first = await get(one.port, '1')
  expect(first.headers['cache-control']).toMatch(/^public, max-age=60/)
  // Nobody waits for what is written to Redis.
  const kept = ['EVAL', "return #redis.call('KEYS', '*response:*')", '0']
  await until('Redis has the response', async () => (await redis.ask(...kept)) === '1')
  const there = await get(other.port, '1')
  expect(there.text).toBe(first.text)
  expect(there.headers.etag).toBe(first.headers.etag)
  expect(there.headers['cache-control']).toBe(first.headers['cache-control'])
  expect(await post(other.port, '1')).toBe(first.text)
  expect(
    await other.metric('spillway_cache_requests_total', 'level="response",field="Product",result="hit"'),
  ).toBe(2)
  expect(one.catalog.sent).toHaveLength(1)
})
