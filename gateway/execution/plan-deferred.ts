import { type FieldNode, Kind, type OperationDefinitionNode, print, type SelectionNode } from 'graphql'
import { requiresRoot } from '../supergraph/requires-roots.ts'
import type { Supergraph } from '../supergraph/supergraph.ts'
import { refuseConflictingRequires } from './conflicting-requires.ts'
import { type DeferredObject, deferRequires, keyOf, type Place } from './defer-requires.ts'
import { entityFetch, moved } from './deferred-fetch.ts'
import type { NormalizedOperation } from './normalize.ts'
import type { PlanNode, Rollout } from './plan.ts'
import { refuseRiskyRequires } from './risky-requires.ts'

/** A required field may require others that do; each step takes one round. */
const ROUNDS_MAX = 8

type PlanBelow = (selections: readonly SelectionNode[]) => PlanNode | undefined

/**
 * Plans an operation that the planner could not, for `reason`: without the fields that it may have stumbled over, whose
 * own fetches follow, and whatever is selected below those after them.
 *
 * @throws `reason` when there is no such field, else the planner's Fault PLAN_FAILED for what is left.
 */
export function planDeferred(
  supergraph: Supergraph,
  operation: NormalizedOperation,
  chosen: readonly SelectionNode[],
  rollout: Rollout,
  reason: unknown,
): PlanNode {
  const { apiSchema, types, subgraphs, planner } = supergraph
  const root = operation.kind === 'query' ? apiSchema.getQueryType() : apiSchema.getMutationType()
  if (!root) throw reason
  let prefixes = 0
  const nextPrefix = (): string => `_r${prefixes++}_`

  function planRest(
    selections: readonly SelectionNode[],
    at: Place,
    planBelow: PlanBelow,
    round: number,
    reason: unknown,
  ): PlanNode {
    const deferred =
      round < ROUNDS_MAX
        ? deferRequires({ schema: apiSchema, types, subgraphs }, selections, at, nextPrefix)
        : undefined
    if (!deferred) throw reason
    const before = planAll(deferred.selections, at, planBelow, round + 1)
    const nodes = deferred.fields.map(
      (field): PlanNode =>
        'leaves' in field
          ? entityFetch(field, field.leaves, operation.variableDefinitionsOf(field.leaves), [])
          : planObject(field, round + 1),
    )
    const after: PlanNode = { kind: 'Parallel', nodes }
    return { kind: 'Sequence', nodes: before ? [before, after] : [after] }
  }

  function planAll(
    selections: readonly SelectionNode[],
    at: Place,
    planBelow: PlanBelow,
    round: number,
  ): PlanNode | undefined {
    try {
      refuseRiskyRequires(supergraph, selections, at.type)
      refuseConflictingRequires(supergraph, selections, at.type)
      return planBelow(selections)
    } catch (reason) {
      return planRest(selections, at, planBelow, round, reason)
    }
  }

  function planObject(deferred: DeferredObject, round: number): PlanNode {
    const { field, type, path } = deferred
    const selections = field.selectionSet?.selections ?? []
    const at = { type, path: [...path, { Field: keyOf(field) }] }
    const planned = planAll(selections, at, below => planFromRoot(deferred, below), round)
    if (!planned) throw new Error(`Expected a plan for ${print(field)}, got none`)
    return planned
  }

  /** The plan for what a deferred field selects, as if it were a root field, moved to where it stands. */
  function planFromRoot(
    deferred: DeferredObject,
    selections: readonly SelectionNode[],
  ): PlanNode | undefined {
    const { field, typename, service } = deferred
    const subgraph = subgraphs.findIndex(({ name }) => name === service)
    const asked: FieldNode = {
      ...field,
      alias: { kind: Kind.NAME, value: keyOf(field) },
      name: { kind: Kind.NAME, value: requiresRoot(subgraph, typename, field.name.value) },
      selectionSet: { kind: Kind.SELECTION_SET, selections },
    }
    const text = print({
      kind: Kind.OPERATION_DEFINITION,
      operation: 'query',
      variableDefinitions: operation.variableDefinitionsOf([asked]),
      selectionSet: { kind: Kind.SELECTION_SET, selections: [asked] },
    } as OperationDefinitionNode)
    const { node } = supergraph.requiresPlanner.plan(text, rollout)
    return node && moved(node, deferred)
  }

  const planBelow: PlanBelow = selections => planner.plan(operation.textOf(selections), rollout).node
  return planRest(chosen, { type: root, path: [] }, planBelow, 0, reason)
}
