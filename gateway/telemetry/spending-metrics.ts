import type { Metrics } from './metrics.ts'

/** What is looked at of the requests' price, at every look. */
export interface SpendingCounts {
  /** Points, since the start. */
  readonly estimated: number
  readonly actual: number
  refusedFor(reason: string): number
}

export interface BudgetState {
  readonly source: 'memory' | 'redis' | 'share'
  readonly gateways: number
  /** Totals since the start, of budgets that are in Redis. */
  readonly counts?:
    | {
        readonly redisCalls: number
        readonly redisErrors: number
        readonly fallbacks: number
        readonly shareAnswers: number
      }
    | undefined
}

/** Adds what requests cost, whom it stopped, and where the budgets are kept. */
export function addSpendingMetrics(
  metrics: Metrics,
  reasons: readonly string[],
  spending: SpendingCounts,
  budgets: BudgetState,
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
  if (budgets.counts === undefined) return
  const counts = (): NonNullable<BudgetState['counts']> => budgets.counts!
  metrics.expose('spillway_redis_calls_total', 'Calls to Redis for budgets.', () => counts().redisCalls)
  metrics.expose(
    'spillway_redis_errors_total',
    'Calls and heartbeats to Redis that failed or came too late.',
    () => counts().redisErrors,
  )
  metrics.expose(
    'spillway_budget_fallbacks_total',
    'Changes from Redis to the share.',
    () => counts().fallbacks,
  )
  metrics.expose(
    'spillway_budget_share_answers_total',
    'Demands on budgets that the share has answered.',
    () => counts().shareAnswers,
  )
}
