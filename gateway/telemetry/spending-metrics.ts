import type { Metrics } from './metrics.ts'

/** What is looked at of the requests' price, at every look. */
export interface SpendingCounts {
  /** Points, since the start. */
  readonly estimated: number
  readonly actual: number
  refusedFor(reason: string): number
}

export interface BudgetCounts {
  readonly source: 'memory' | 'redis' | 'share'
  readonly gateways: number
}

/** Adds what requests cost, whom it stopped, and where the budgets are kept. */
export function addSpendingMetrics(
  metrics: Metrics,
  reasons: readonly string[],
  spending: SpendingCounts,
  budgets: BudgetCounts,
): void {
  metrics.expose(
    'spillway_cost_estimated_points_total',
    'Points that requests were estimated at, those apart that are refused for the maximum.',
    () => spending.estimated,
  )
  metrics.expose('spillway_cost_actual_points_total', 'Points that answers came to.', () => spending.actual)
  for (const reason of reasons)
    metrics.expose(
      `spillway_cost_refused_${reason}_total`,
      `Requests beyond what is allowed (${reason}); refused where costs are enforced.`,
      () => spending.refusedFor(reason),
    )
  metrics.exposeLevel(
    'spillway_budget_share',
    '1 while Redis is gone and this gateway keeps to its share of the budgets.',
    () => Number(budgets.source === 'share'),
  )
  metrics.exposeLevel('spillway_budget_gateways', 'Gateways that share the budgets.', () => budgets.gateways)
}
