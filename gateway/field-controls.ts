import type { Logger } from 'pino'
import { createLimitOverrides, type LimitOverrides, type OverrideStore } from './control/limit-overrides.ts'
import type { FieldControls } from './draws.ts'
import { createLineStatuses, type LineStatuses, type LineStatusOptions } from './line-status.ts'
import type { Lines } from './surge/lines.ts'
import type { Labelled, Metrics } from './telemetry/metrics.ts'

/** What steers limits of fields while they are in force: operators, and the owners of what lines hand out. */
export interface SteeredFields extends FieldControls {
  readonly overrides: LimitOverrides
  readonly statuses: LineStatuses
  close(): void
}

export interface FieldControlsOptions {
  readonly graph: LineStatusOptions['graph']
  /** Default: overrides are this process's. */
  readonly store?: OverrideStore | undefined
  /** Told how lines stand. */
  readonly lines: Pick<Lines, 'heed' | 'terms'>
  readonly metrics: Metrics
  readonly logger: Logger
}

export function createFieldControls(options: FieldControlsOptions): SteeredFields {
  const { graph, store, lines, metrics, logger } = options
  const overrides = createLimitOverrides({ store, logger })
  const statuses = createLineStatuses({
    graph,
    logger,
    graceMs: lines.terms.graceMs,
    onStatus(limit, key, { isPaused }) {
      if (limit.over === 'PLACE') lines.heed(overrides.bucketOf(limit, key), isPaused)
    },
  })
  metrics.expose('spillway_line_status_total', 'Questions how a line stands.', () => statuses.asked)
  metrics.expose(
    'spillway_line_status_failures_total',
    'Questions how a line stands that brought no answer.',
    () => statuses.failed,
  )
  metrics.exposeLevel('spillway_lines', 'Lines that are live.', () => statuses.lines.length)
  metrics.exposeLevelBy(
    'spillway_line_waiting',
    'Callers whose places are kept, of all gateways, by field; of live lines.',
    ['field'],
    () => waitingByField(statuses.lines),
  )
  return {
    bucketOf: overrides.bucketOf,
    statusOf: statuses.statusOf,
    overrides,
    statuses,
    close() {
      overrides.close()
      statuses.close()
    },
  }
}

function waitingByField(lines: LineStatuses['lines']): Iterable<Labelled> {
  const waiting = new Map<string, number>()
  for (const line of lines) waiting.set(line.coordinate, (waiting.get(line.coordinate) ?? 0) + line.waiting)
  return [...waiting].map(([field, value]) => ({ labels: { field }, value }))
}
