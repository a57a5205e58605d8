import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { SubgraphClient } from '../../protocol/subgraph-client.ts'
import { ERRORS } from '../errors.ts'
import { addClientMetrics } from './client-metrics.ts'
import { countByClient } from './requests-by-client.ts'

/** One answered request. */
export interface Sample {
  readonly door: string
  /** A persisted operation's name, `adhoc`, or `none` when it never came to one. */
  readonly operation: string
  /** `OK`, `PARTIAL` for data with errors, else the deciding error's code. */
  readonly code: string
  readonly durationMs: number
  /** The program that asked and its version, by its own account. */
  readonly clientName: string | undefined
  readonly clientVersion: string | undefined
}

/** A number of one set of labels. */
export interface Labelled {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export interface LabelledCounts {
  readonly labels: Readonly<Record<string, string>>
  /** One a bound, of what is within it and not within the one before; the last one beyond all. */
  readonly counts: readonly number[]
  readonly sum: number
}

export interface Metrics {
  /** What `/metrics` gives its media type. */
  readonly contentType: string
  observe(sample: Sample): void
  /** A supergraph or a manifest that came while the gateway ran. */
  observeSwap(outcome: 'swapped' | 'refused'): void
  /** A total that is kept elsewhere, read at every look. */
  expose(name: string, help: string, read: () => number): void
  /** A number that goes up and down. */
  exposeLevel(name: string, help: string, read: () => number): void
  /** {@link expose}, by labels. */
  exposeBy(name: string, help: string, labelNames: readonly string[], read: () => Iterable<Labelled>): void
  /** {@link exposeLevel}, by labels. */
  exposeLevelBy(
    name: string,
    help: string,
    labelNames: readonly string[],
    read: () => Iterable<Labelled>,
  ): void
  /** How often a number was within each bound, by labels, counted elsewhere. */
  exposeHistogram(
    name: string,
    help: string,
    bounds: readonly number[],
    read: () => Iterable<LabelledCounts>,
  ): void
  text(): Promise<string>
}

const OUTCOMES: ReadonlySet<string> = new Set(['OK', 'PARTIAL'])
/** Label values of one label at most; more of them share `other`. */
const OPERATIONS_MAX = 1_000
const DURATION_BUCKETS_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/**
 * The gateway's own registry: nothing is shared between two gateways of one process.
 * @param clients those that are in use, asked for at every look.
 */
export function createMetrics(clients: () => Iterable<SubgraphClient>): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const requests = new Counter({
    name: 'spillway_requests_total',
    help: 'Requests answered, by door, operation and outcome.',
    labelNames: ['door', 'operation', 'code'],
    registers: [registry],
  })
  const seconds = new Histogram({
    name: 'spillway_request_seconds',
    help: 'Time from admission to answer, by operation.',
    labelNames: ['operation'],
    buckets: DURATION_BUCKETS_SECONDS,
    registers: [registry],
  })
  const swaps = new Counter({
    name: 'spillway_supergraph_swaps_total',
    help: 'Supergraphs and manifests that came while the gateway ran, by what became of them.',
    labelNames: ['outcome'],
    registers: [registry],
  })
  addClientMetrics(registry, clients)
  const countClient = countByClient(registry)
  const operations = new Set<string>()

  function exposeBy(
    Kind: typeof Counter | typeof Gauge,
    name: string,
    help: string,
    labelNames: readonly string[],
    read: () => Iterable<Labelled>,
  ): void {
    const metric: Counter | Gauge = new Kind({
      name,
      help,
      labelNames: [...labelNames],
      registers: [registry],
      collect() {
        metric.reset()
        for (const { labels, value } of read()) metric.inc(labels, value)
      },
    })
  }

  return {
    contentType: registry.contentType,
    observe({ door, operation, code, durationMs, clientName, clientVersion }) {
      countClient(clientName, clientVersion)
      const name = operations.has(operation) || operations.size < OPERATIONS_MAX ? operation : 'other'
      operations.add(name)
      const outcome = OUTCOMES.has(code) || ERRORS[code] !== undefined ? code : 'OTHER'
      requests.inc({ door, operation: name, code: outcome })
      seconds.observe({ operation: name }, durationMs / 1_000)
    },
    observeSwap: outcome => swaps.inc({ outcome }),
    expose: (name, help, read) => exposeBy(Counter, name, help, [], () => [{ labels: {}, value: read() }]),
    exposeLevel: (name, help, read) => exposeBy(Gauge, name, help, [], () => [{ labels: {}, value: read() }]),
    exposeBy: (...metric) => exposeBy(Counter, ...metric),
    exposeLevelBy: (...metric) => exposeBy(Gauge, ...metric),
    exposeHistogram(name, help, bounds, read) {
      // What prom-client's own does with every value that it observes is done here when somebody looks.
      const histogram = {
        name,
        help,
        type: 'histogram',
        aggregator: 'sum',
        reset: () => {},
        get: async () => ({
          name,
          help,
          type: 'histogram',
          aggregator: 'sum',
          values: [...read()].flatMap(counts => bucketsOf(name, bounds, counts)),
        }),
      }
      registry.registerMetric(histogram as never)
    },
    text: () => registry.metrics(),
  }
}

function bucketsOf(
  name: string,
  bounds: readonly number[],
  { labels, counts, sum }: LabelledCounts,
): object[] {
  let total = 0
  const buckets = counts.map((count, i) => {
    total += count
    return { metricName: `${name}_bucket`, labels: { ...labels, le: bounds[i] ?? '+Inf' }, value: total }
  })
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: total },
  ]
}
