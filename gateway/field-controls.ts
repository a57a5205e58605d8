import type { Logger } from 'pino'
import { createLimitOverrides, type LimitOverrides, type OverrideStore } from './control/limit-overrides.ts'
import { createLineStatuses, type LineStatuses, type LineStatusOptions } from './line-status.ts'
import type { FieldControls } from './spending.ts'
import type { Metrics } from './telemetry/metrics.ts'

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
  readonly metrics: Metrics
  readonly logger: Logger
}

export function createFieldControls({ graph, store, metrics, logger }: FieldControlsOptions): SteeredFields {
  const overrides = createLimitOverrides({ store, logger })
  const statuses = createLineStatuses({ graph, logger })
  metrics.expose('spillway_line_status_total', 'Questions how a line stands.', () => statuses.asked)
  metrics.expose(
    'spillway_line_status_failures_total',
    'Questions how a line stands that brought no answer.',
    () => statuses.failed,
  )
  metrics.exposeLevel('spillway_lines', 'Lines that are live.', () => statuses.lines.length)
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
