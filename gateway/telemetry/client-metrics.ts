import { Counter, Gauge, type Registry } from 'prom-client'
import type { SubgraphClient, SubgraphClientStats } from '../../protocol/subgraph-client.ts'

type NumberOf = {
  [Name in keyof SubgraphClientStats]-?: SubgraphClientStats[Name] extends number | undefined ? Name : never
}[keyof SubgraphClientStats]

/** What is so at this moment. */
const LEVELS: readonly (readonly [NumberOf, name: string, help: string])[] = [
  ['depth', 'spillway_convoy_depth', 'Operations waiting for a lane to a subgraph.'],
  ['inFlight', 'spillway_convoy_in_flight', 'Operations sent to a subgraph and not answered.'],
  [
    'waitMs',
    'spillway_convoy_wait_ms',
    'Age of the oldest operation waiting for a subgraph, in milliseconds.',
  ],
  ['lanesLimit', 'spillway_convoy_lanes', 'Requests to a subgraph that may be in flight at once; adapts.'],
]

const TOTALS: readonly (readonly [NumberOf, name: string, help: string])[] = [
  [
    'batches',
    'spillway_subgraph_batches_total',
    'Requests sent to a subgraph, each with one operation or many.',
  ],
  ['items', 'spillway_subgraph_operations_total', 'Operations sent to a subgraph.'],
  [
    'refused',
    'spillway_subgraph_refused_total',
    'Operations refused because too many waited for a subgraph.',
  ],
  [
    'broken',
    'spillway_subgraph_broken_total',
    'Operations refused because the breaker of a subgraph was open.',
  ],
  [
    'expired',
    'spillway_subgraph_expired_total',
    'Operations whose deadline passed before a subgraph answered.',
  ],
  ['retries', 'spillway_subgraph_retries_total', 'Queries sent to a subgraph once more.'],
  ['shared', 'spillway_subgraph_shared_total', "Operations answered by another's answer from a subgraph."],
]

const BREAKER_LEVELS = { CLOSED: 0, HALF_OPEN: 1, OPEN: 2 } as const

/** How each subgraph is doing as its client sees it; read when somebody looks, so that requests pay nothing for it. */
export function addClientMetrics(registry: Registry, clients: () => Iterable<SubgraphClient>): void {
  const common = { labelNames: ['subgraph'] as const, registers: [registry] }
  const read = (
    pick: (stats: SubgraphClientStats) => number | undefined,
  ): [subgraph: string, value: number][] =>
    [...clients()].flatMap(({ name, stats }) => {
      const value = stats === undefined ? undefined : pick(stats)
      return value === undefined ? [] : [[name, value]]
    })
  const addLevel = (
    name: string,
    help: string,
    pick: (stats: SubgraphClientStats) => number | undefined,
  ): void => {
    new Gauge({
      ...common,
      name,
      help,
      collect() {
        this.reset()
        for (const [subgraph, value] of read(pick)) this.set({ subgraph }, value)
      },
    })
  }
  for (const [member, name, help] of LEVELS) addLevel(name, help, stats => stats[member])
  addLevel(
    'spillway_subgraph_breaker',
    'Breaker of a subgraph: 0 closed, 1 probing, 2 open.',
    ({ breaker }) => (breaker === undefined ? undefined : BREAKER_LEVELS[breaker]),
  )
  for (const [member, name, help] of TOTALS) {
    new Counter({
      ...common,
      name,
      help,
      collect() {
        this.reset()
        for (const [subgraph, value] of read(stats => stats[member])) this.inc({ subgraph }, value)
      },
    })
  }
}
