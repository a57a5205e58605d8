import { Kind, type SelectionNode } from 'graphql'
import type { Supergraph } from '../supergraph/supergraph.ts'
import { deferRequires } from './defer-requires.ts'
import type { NormalizedOperation } from './normalize.ts'
import type { PlanNode, QueryPlan, Rollout } from './plan.ts'
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
  supergraph: Supergraph,
  operation: NormalizedOperation,
  rollout: Rollout,
): OperationPlan {
  const { selections } = operation
  if (selections.length === 0) return { stages: [] }
  const plan = (chosen: readonly SelectionNode[]): QueryPlan => {
    try {
      return supergraph.planner.plan(operation.textOf(chosen), rollout)
    } catch (error) {
      return planDeferred(supergraph, operation, chosen, rollout, error)
    }
  }
  const whole = plan(selections)
  if (isOneStage(operation, whole)) return { stages: [stageOf(selections, whole)] }
  return { stages: selections.map(root => stageOf([root], plan([root]))) }
}

/** {@link planOperation} off the event loop. */
export async function planOperationAsync(
  supergraph: Supergraph,
  operation: NormalizedOperation,
  rollout: Rollout,
): Promise<OperationPlan> {
  const { selections } = operation
  if (selections.length === 0) return { stages: [] }
  const plan = async (chosen: readonly SelectionNode[]): Promise<QueryPlan> => {
    try {
      return await supergraph.planner.planAsync(operation.textOf(chosen), rollout)
    } catch (error) {
      return planDeferred(supergraph, operation, chosen, rollout, error)
    }
  }
  const whole = await plan(selections)
  if (isOneStage(operation, whole)) return { stages: [stageOf(selections, whole)] }
  const plans = await Promise.all(selections.map(root => plan([root])))
  return { stages: selections.map((root, i) => stageOf([root], plans[i]!)) }
}

/** A second attempt, without the fields that the planner may have stumbled over; throws the first one's reason. */
function planDeferred(
  { planner, apiSchema, types, subgraphs }: Supergraph,
  operation: NormalizedOperation,
  chosen: readonly SelectionNode[],
  rollout: Rollout,
  reason: unknown,
): QueryPlan {
  const deferred = deferRequires(apiSchema, types, subgraphs, operation, chosen)
  if (!deferred) throw reason
  const { node } = planner.plan(operation.textOf(deferred.selections), rollout)
  const after: PlanNode = { kind: 'Parallel', nodes: [...deferred.fetches] }
  return { kind: 'QueryPlan', node: { kind: 'Sequence', nodes: node ? [node, after] : [after] } }
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
