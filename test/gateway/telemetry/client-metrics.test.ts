import { Registry } from 'prom-client'
import { expect, it } from 'vitest'
import { addClientMetrics } from '../../../gateway/telemetry/client-metrics.ts'
import type { SubgraphClient, SubgraphClientStats } from '../../../protocol/subgraph-client.ts'

const clientOf = (name: string, stats: () => SubgraphClientStats): SubgraphClient => ({
  name,
  execute: async () => ({ data: {} }),
  ready: async () => {},
  close: async () => {},
  get stats() {
    return stats()
  },
})

it('shows what each client in use tells, as it is when asked', async () => {
  const registry = new Registry()
  let stats: SubgraphClientStats = {
    depth: 3,
    waitMs: 12.5,
    lanesLimit: 4,
    breaker: 'OPEN',
    retries: 2,
    shared: 9,
  }
  let clients = [clientOf('coupon', () => stats), clientOf('catalog', () => ({ inFlight: 1 }))]
  addClientMetrics(registry, () => clients)
  const lines = async (): Promise<string[]> =>
    (await registry.metrics()).split('\n').filter(line => line !== '' && !line.startsWith('#'))
  expect(await lines()).toEqual([
    'spillway_convoy_depth{subgraph="coupon"} 3',
    'spillway_convoy_in_flight{subgraph="catalog"} 1',
    'spillway_convoy_wait_ms{subgraph="coupon"} 12.5',
    'spillway_convoy_lanes{subgraph="coupon"} 4',
    'spillway_subgraph_breaker{subgraph="coupon"} 2',
    'spillway_subgraph_retries_total{subgraph="coupon"} 2',
    'spillway_subgraph_shared_total{subgraph="coupon"} 9',
  ])
  stats = { breaker: 'CLOSED', retries: 5 }
  clients = clients.slice(0, 1)
  expect(await lines()).toEqual([
    'spillway_subgraph_breaker{subgraph="coupon"} 0',
    'spillway_subgraph_retries_total{subgraph="coupon"} 5',
  ])
})
