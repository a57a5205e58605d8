import { Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { countByClient } from '../../../gateway/telemetry/requests-by-client.ts'

/** The lines of the counter, without the help. */
async function linesOf(registry: Registry): Promise<string[]> {
  return (await registry.metrics())
    .split('\n')
    .filter(line => line.startsWith('spillway_client_requests_total{'))
}

test('requests are counted by program and version; who says nothing is none', async () => {
  const registry = new Registry()
  const count = countByClient(registry)
  count('ios', '1.0')
  count('ios', '1.0')
  count('ios', '1.1')
  count('web', undefined)
  count(undefined, undefined)
  expect(await linesOf(registry)).toEqual([
    'spillway_client_requests_total{client="ios",version="1.0"} 2',
    'spillway_client_requests_total{client="ios",version="1.1"} 1',
    'spillway_client_requests_total{client="web",version="none"} 1',
    'spillway_client_requests_total{client="none",version="none"} 1',
  ])
})

test('whoever invents names and versions adds at most a bounded number of lines, and nothing is lost', async () => {
  const registry = new Registry()
  const count = countByClient(registry)
  for (let i = 0; i < 150; i++) count(`client-${i}`, undefined)
  // 100 names are told apart: 150 - 100 share `other`.
  expect(await linesOf(registry)).toHaveLength(101)
  expect(await linesOf(registry)).toContain(
    'spillway_client_requests_total{client="other",version="none"} 50',
  )
  for (let i = 0; i < 1_000; i++) count('client-0', `version-${i}`)
  // 200 versions are told apart: 1,000 - 200 share `other`.
  expect(await linesOf(registry)).toHaveLength(101 + 200 + 1)
  expect(await linesOf(registry)).toContain(
    'spillway_client_requests_total{client="client-0",version="other"} 800',
  )
})
