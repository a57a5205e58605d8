import { type GraphQLObjectType, Kind, type OperationTypeNode, type SelectionNode } from 'graphql'
import type { Supergraph } from '../supergraph/supergraph.ts'
import { selectedByMember } from './by-member.ts'
import { refuseConflictingRequires } from './conflicting-requires.ts'
import type { NormalizedOperation } from './normalize.ts'
import type { PlanNode, QueryPlan, Rollout } from './plan.ts'
import { planDeferred } from './plan-deferred.ts'
import { planInParts } from './plan-in-parts.ts'
import { responseKeyOf } from './response-key.ts'
import { refuseRiskyRequires } from './risky-requires.ts'

/** One shape's plan: stages run one after another, each finished, with its follow-up fetches, before the next begins. */
export interface OperationPlan {
  readonly stages: readonly Stage[]
}

export interface Stage {
  /** The client's response keys of the root fields that the stage answers. */
  readonly rootKeys: readonly string[]
  readonly plan: QueryPlan
}

/** All that the plan of an operation's shape depends on, so that another process can make it. */
export interface PlanRequest {
  readonly supergraph: Pick<Supergraph, 'hash' | 'sdl'>
  /** The operation and its fragments, alone in a document. */
  readonly text: string
  /** Of conditions.ts. */
  readonly shape: number
  readonly rollout: Rollout
}

/**
 * Resolves with what {@link planOperation} returns, made where the planner can abort without taking this process along.
 * Rejects with its Fault, or with OVERLOADED.
 */
export type PlanElsewhere = (request: PlanRequest) => Promise<OperationPlan>

/**
 * A query is one stage. So is a mutation that one subgraph answers by itself, in its fields' order. Any other mutation
 * is one stage a root field: from the whole, the planner would run a later mutation beside the entity fetches of an
 * earlier one, which then might read what the later one wrote; and of some it makes a plan that asks a subgraph for
 * another's fields, over which it aborts the process ("mismatch_finder.rs"). So it never sees such a whole.
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
      refuseRiskyRequires(supergraph, chosen, rootOf(supergraph, operation))
      refuseConflictingRequires(supergraph, chosen, rootOf(supergraph, operation))
      return supergraph.planner.plan(operation.textOf(chosen), rollout)
    } catch (error) {
      return planOtherwise(supergraph, operation, chosen, rollout, error)
    }
  }
  if (isOneStage(operation)) return { stages: [stageOf(selections, plan(selections))] }
  const plans = selections.map(root => plan([root]))
  if (isOneFetch(plans)) return { stages: [stageOf(selections, plan(selections))] }
  return { stages: selections.map((root, i) => stageOf([root], plans[i]!)) }
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
      refuseRiskyRequires(supergraph, chosen, rootOf(supergraph, operation))
      refuseConflictingRequires(supergraph, chosen, rootOf(supergraph, operation))
      return await supergraph.planner.planAsync(operation.textOf(chosen), rollout)
    } catch (error) {
      return planOtherwise(supergraph, operation, chosen, rollout, error)
    }
  }
  if (isOneStage(operation)) return { stages: [stageOf(selections, await plan(selections))] }
  const plans = await Promise.all(selections.map(root => plan([root])))
  if (isOneFetch(plans)) return { stages: [stageOf(selections, await plan(selections))] }
  return { stages: selections.map((root, i) => stageOf([root], plans[i]!)) }
}

/** More attempts, around what the planner may have stumbled over; throws the first one's reason. */
function planOtherwise(
  supergraph: Supergraph,
  operation: NormalizedOperation,
  chosen: readonly SelectionNode[],
  rollout: Rollout,
  reason: unknown,
): QueryPlan {
  const root = rootOf(supergraph, operation)
  const planned = (selections: readonly SelectionNode[]): PlanNode | undefined => {
    refuseRiskyRequires(supergraph, selections, root)
    refuseConflictingRequires(supergraph, selections, root)
    return supergraph.planner.plan(operation.textOf(selections), rollout).node
  }
  const without = (selections: readonly SelectionNode[]): PlanNode | undefined => {
    const byMember = selectedByMember(supergraph.apiSchema, selections, root)
    if (byMember)
      try {
        return planned(byMember)
      } catch {
        // It is all the same without the fields that follow.
      }
    return planDeferred(supergraph, operation, byMember ?? selections, rollout, reason)
  }
  const somehow = (selections: readonly SelectionNode[]): PlanNode | undefined => {
    try {
      return planned(selections)
    } catch {
      return without(selections)
    }
  }
  try {
    return queryPlan(without(chosen))
  } catch (error) {
    // What changes something is asked for once.
    if (operation.kind !== 'query') throw error
    return queryPlan(planInParts(chosen, somehow, error))
  }
}

function queryPlan(node: PlanNode | undefined): QueryPlan {
  return { kind: 'QueryPlan', ...(node ? { node } : {}) }
}

function rootOf({ apiSchema }: Supergraph, { kind }: NormalizedOperation): GraphQLObjectType {
  return apiSchema.getRootType(kind as OperationTypeNode) as GraphQLObjectType
}

function isOneStage(operation: NormalizedOperation): boolean {
  return operation.kind === 'query' || operation.selections.length === 1
}

function isOneFetch(plans: readonly QueryPlan[]): boolean {
  const services = plans.map(({ node }) => (node?.kind === 'Fetch' ? node.serviceName : undefined))
  return services[0] !== undefined && services.every(service => service === services[0])
}

function stageOf(roots: readonly SelectionNode[], plan: QueryPlan): Stage {
  return { plan, rootKeys: roots.map(keyOf) }
}

function keyOf(root: SelectionNode): string {
  if (root.kind !== Kind.FIELD) throw new Error(`Expected root selections to be fields, got ${root.kind}`)
  return responseKeyOf(root.alias?.value ?? root.name.value)
}
