import type { InFlight } from './execution/in-flight.ts'
import { planHost } from './execution/plan-host.ts'
import type { PersistedTexts } from './operations/apq.ts'
import type { UnknownTexts } from './operations/unknown-texts.ts'
import type { Graph } from './pipeline.ts'
import type { RunQueue } from './run-queue.ts'
import type { Metrics } from './telemetry/metrics.ts'

/** What is counted where it happens, and looked at when `/metrics` is. */
export interface Counted {
  readonly texts: Pick<PersistedTexts, 'kept'>
  readonly unknownTexts: Pick<UnknownTexts, 'count'>
  /** `undefined`: nothing is shared. */
  readonly inFlight: Pick<InFlight<unknown>, 'shared'> | undefined
  readonly graph: { readonly current: Graph }
  readonly runQueue: Pick<RunQueue, 'stats'>
}

export function exposeCounts(
  metrics: Metrics,
  { texts, unknownTexts, inFlight, graph, runQueue }: Counted,
): void {
  metrics.expose(
    'spillway_unknown_texts_total',
    'Requests with a text that is of no persisted operation; counted where `SAFELIST` is audit or enforce.',
    () => unknownTexts.count,
  )
  metrics.exposeLevel(
    'spillway_texts_registered',
    'Texts that clients have registered under their hash, in memory.',
    () => texts.kept,
  )
  metrics.expose(
    'spillway_queries_shared_total',
    "Queries answered by another's execution.",
    () => inFlight?.shared ?? 0,
  )
  metrics.expose('spillway_plans_total', "Plans made in the planner's process.", () => planHost.plans)
  metrics.expose(
    'spillway_planner_deaths_total',
    "Planner's processes that ended by themselves or took too long.",
    () => planHost.deaths,
  )
  metrics.exposeLevel(
    'spillway_plans_pending',
    "Plans that are awaited of the planner's process.",
    () => planHost.pending,
  )
  metrics.exposeLevel(
    'spillway_texts_kept',
    'Texts of clients that are compiled.',
    () => graph.current.adhoc.kept,
  )
  metrics.exposeLevel(
    'spillway_run_queue_waiting',
    'Requests that have come and wait for the event loop to start them.',
    () => runQueue.stats.waiting,
  )
  metrics.exposeLevel(
    'spillway_run_queue_wait_ms',
    'How long the one that waits longest for its start has waited.',
    () => runQueue.stats.waitMs,
  )
}
