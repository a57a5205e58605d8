import {
  type DocumentNode,
  type FieldNode,
  Kind,
  type OperationDefinitionNode,
  parse,
  parseType,
  print,
  type SelectionNode,
  type VariableDefinitionNode,
} from 'graphql'
import { requiresRoot } from '../supergraph/requires-roots.ts'
import type { Supergraph } from '../supergraph/supergraph.ts'
import { refuseConflictingRequires } from './conflicting-requires.ts'
import { type DeferredField, deferRequires, keyOf, type Place } from './defer-requires.ts'
import type { NormalizedOperation } from './normalize.ts'
import type { FetchNode, FlattenNode, FlattenNodePathSegment, PlanNode, Rollout } from './plan.ts'
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
    const nodes = deferred.fields.map(field => planField(field, round + 1))
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

  function planField(deferred: DeferredField, round: number): PlanNode {
    const { field, type, path } = deferred
    if (!type) return entityFetch(deferred, [field], operation.variableDefinitionsOf([field]), [])
    const selections = field.selectionSet?.selections ?? []
    const at = { type, path: [...path, { Field: keyOf(field) }] }
    const planned = planAll(selections, at, below => planFromRoot(deferred, below), round)
    if (!planned) throw new Error(`Expected a plan for ${print(field)}, got none`)
    return planned
  }

  /** The plan for what a deferred field selects, as if it were a root field, moved to where it stands. */
  function planFromRoot(deferred: DeferredField, selections: readonly SelectionNode[]): PlanNode | undefined {
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

/** A plan from a root field as a plan from the objects that have the deferred field. */
function moved(node: PlanNode, deferred: DeferredField): PlanNode {
  const from = (path: readonly FlattenNodePathSegment[]): FlattenNodePathSegment[] => [
    ...deferred.path,
    ...path,
  ]
  switch (node.kind) {
    case 'Sequence':
    case 'Parallel':
      return { ...node, nodes: node.nodes.map(child => moved(child, deferred)) }
    case 'Flatten':
      return { ...node, path: from(node.path) }
    case 'BatchFetch': {
      const aliases = node.entityBatch.aliases.map(alias => ({ ...alias, paths: alias.paths.map(from) }))
      return { ...node, entityBatch: { ...node.entityBatch, aliases } }
    }
    case 'Fetch':
      return fromEntities(node, deferred)
    default:
      return node
  }
}

/** The fetch of the root field that stands for a deferred one, as a fetch of the field itself. */
function fromEntities(node: FetchNode, deferred: DeferredField): FlattenNode {
  const { definitions } = parse(node.operation, { noLocation: true })
  const root = definitions.find(definition => definition.kind === Kind.OPERATION_DEFINITION)
  const fragments = definitions.filter(definition => definition.kind === Kind.FRAGMENT_DEFINITION)
  const { name } = deferred.field
  const selections = (root?.selectionSet.selections ?? []).map(selection => {
    if (selection.kind !== Kind.FIELD)
      throw new Error(`Expected a fetch of the root field for "${name.value}", got ${print(selection)}`)
    const { alias, ...field } = selection
    return alias && alias.value !== name.value ? { ...selection, name } : { ...field, name }
  })
  const { outputRewrites } = node
  const fetch = entityFetch(deferred, selections, root?.variableDefinitions ?? [], fragments)
  return outputRewrites ? { ...fetch, node: { ...(fetch.node as FetchNode), outputRewrites } } : fetch
}

function entityFetch(
  { typename, path, service, requires }: DeferredField,
  selections: readonly SelectionNode[],
  variables: readonly VariableDefinitionNode[],
  fragments: DocumentNode['definitions'],
): FlattenNode {
  const document = {
    kind: Kind.DOCUMENT,
    definitions: [
      {
        kind: Kind.OPERATION_DEFINITION,
        operation: 'query',
        variableDefinitions: [REPRESENTATIONS, ...variables],
        selectionSet: {
          kind: Kind.SELECTION_SET,
          selections: [
            {
              kind: Kind.FIELD,
              name: { kind: Kind.NAME, value: '_entities' },
              arguments: [
                {
                  kind: Kind.ARGUMENT,
                  name: REPRESENTATIONS.variable.name,
                  value: REPRESENTATIONS.variable,
                },
              ],
              selectionSet: {
                kind: Kind.SELECTION_SET,
                selections: [
                  {
                    kind: Kind.INLINE_FRAGMENT,
                    typeCondition: { kind: Kind.NAMED_TYPE, name: { kind: Kind.NAME, value: typename } },
                    selectionSet: { kind: Kind.SELECTION_SET, selections },
                  },
                ],
              },
            },
          ],
        },
      },
      ...fragments,
    ],
  } as DocumentNode
  return {
    kind: 'Flatten',
    path: [...path],
    node: {
      kind: 'Fetch',
      serviceName: service,
      operationKind: 'query',
      operation: print(document),
      variableUsages: variables.map(({ variable }) => variable.name.value),
      requires: [...requires],
    },
  }
}

const REPRESENTATIONS: VariableDefinitionNode = {
  kind: Kind.VARIABLE_DEFINITION,
  variable: { kind: Kind.VARIABLE, name: { kind: Kind.NAME, value: 'representations' } },
  type: parseType('[_Any!]!', { noLocation: true }),
}
