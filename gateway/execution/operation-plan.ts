import { Kind, type SelectionNode } from 'graphql'
import type { NormalizedOperation } from './normalize.ts'
import type { Planner, QueryPlan, Rollout } from './plan.ts'
import { responseKeyOf } from './response-key.ts'

/** One shape's plan: stages run one after another, each finished, with its follow-up fetches, before the next begins. */
export interface OperationPlan {
  readonly stages: readonly Stage[]
}

export interface Stage {
  /** The client's response keys of the root fields that the stage answers. */
  readonly rootKeys: readonly string[]
  readonly plan: QueryPlan
}

/**
 * A query is one stage. So is a mutation that one subgraph answers by itself, in its fields' order. Any other mutation
 * is one stage a root field: from the whole, the planner would run a later mutation beside the entity fetches of an
 * earlier one, which then might read what the later one wrote.
 */
export function planOperation(
  planner: Planner,
  operation: NormalizedOperation,
  rollout: Rollout,
): OperationPlan {
  if (operation.selections.length === 0) return { stages: [] }
  const whole = planner.plan(operation.textOf(operation.selections), rollout)
  if (isOneStage(operation, whole)) return { stages: [stageOf(operation.selections, whole)] }
  return {
    stages: operation.selections.map(root =>
      stageOf([root], planner.plan(operation.textOf([root]), rollout)),
    ),
  }
}

/** {@link planOperation} off the event loop. */
export async function planOperationAsync(
  planner: Planner,
  operation: NormalizedOperation,
  rollout: Rollout,
): Promise<OperationPlan> {
  if (operation.selections.length === 0) return { stages: [] }
  const whole = await planner.planAsync(operation.textOf(operation.selections), rollout)
  if (isOneStage(operation, whole)) return { stages: [stageOf(operation.selections, whole)] }
  const plans = await Promise.all(
    operation.selections.map(root => planner.planAsync(operation.textOf([root]), rollout)),
  )
  return { stages: operation.selections.map((root, i) => stageOf([root], plans[i]!)) }
}

function isOneStage(operation: NormalizedOperation, plan: QueryPlan): boolean {
  return operation.kind === 'query' || operation.selections.length === 1 || plan.node?.kind === 'Fetch'
}

function stageOf(roots: readonly SelectionNode[], plan: QueryPlan): Stage {
  return { plan, rootKeys: roots.map(keyOf) }
}

function keyOf(root: SelectionNode): string {
  if (root.kind !== Kind.FIELD) throw new Error(`Expected root selections to be fields, got ${root.kind}`)
  return responseKeyOf(root.alias?.value ?? root.name.value)
}
