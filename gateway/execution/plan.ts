import {
  type BatchFetchNode,
  type EntityBatchAlias,
  type FetchNode,
  type FetchRewrite,
  type FlattenNode,
  type FlattenNodePathSegment,
  type PlanNode,
  type QueryPlan,
  QueryPlanner,
  type RequiresSelection,
} from '@graphql-hive/router-query-planner'
import { Fault } from '../../protocol/fault.ts'
import { providedIn } from './provided.ts'

export type {
  BatchFetchNode,
  EntityBatchAlias,
  FetchNode,
  FetchRewrite,
  FlattenNode,
  FlattenNodePathSegment,
  PlanNode,
  QueryPlan,
  RequiresSelection,
}

/** What a plan may depend on besides the operation: progressive `@override`. */
export interface Rollout {
  readonly labels: ReadonlySet<string>
  /** 0 to 100, compared with `percent(n)` labels. */
  readonly percentage: number
}

export const NO_ROLLOUT: Rollout = Object.freeze({ labels: new Set<string>(), percentage: 0 })

/**
 * The native planner. It validates nothing: operations must already be valid against the API schema, and normalised
 * (normalize.ts), which spares it conditions, introspection, colliding aliases and variables of its own names.
 */
export interface Planner {
  /** Plans on this thread, 0.1 ms for a common operation. Throws Fault PLAN_FAILED. */
  plan(operation: string, rollout: Rollout): QueryPlan
  /** Plans off the event loop. Rejects with Fault PLAN_FAILED. */
  planAsync(operation: string, rollout: Rollout): Promise<QueryPlan>
}

export function createPlanner(supergraphSdl: string): Planner {
  const native = new QueryPlanner(supergraphSdl)
  const provided = providedIn(supergraphSdl)
  let without: QueryPlanner | undefined
  return {
    plan(operation, { labels, percentage }) {
      try {
        const plan = native.plan(operation, null, new Set(labels), percentage)
        if (!provided || provided.holds(plan)) return plan
      } catch (error) {
        if (!provided) throw planFailed(error)
      }
      try {
        without ??= new QueryPlanner(provided.sdlWithout)
        return without.plan(operation, null, new Set(labels), percentage)
      } catch (error) {
        throw planFailed(error)
      }
    },
    async planAsync(operation, { labels, percentage }) {
      try {
        const plan = await native.planAsync(operation, null, new Set(labels), percentage)
        if (!provided || provided.holds(plan)) return plan
      } catch (error) {
        if (!provided) throw planFailed(error)
      }
      try {
        without ??= new QueryPlanner(provided.sdlWithout)
        return await without.planAsync(operation, null, new Set(labels), percentage)
      } catch (error) {
        throw planFailed(error)
      }
    },
  }
}

function planFailed(error: unknown): Fault {
  const reason = error instanceof Error ? error.message : String(error)
  return new Fault('PLAN_FAILED', `The operation cannot be planned over the subgraphs: ${reason}`, {
    cause: error,
  })
}
