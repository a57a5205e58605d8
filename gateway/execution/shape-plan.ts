import {
  type FieldNode,
  type FragmentDefinitionNode,
  Kind,
  type OperationDefinitionNode,
  print,
  type SelectionNode,
} from 'graphql'
import type { Requirement } from '../supergraph/authorization.ts'
import type { Supergraph } from '../supergraph/supergraph.ts'
import type { Conditions } from './conditions.ts'
import { expandedOf } from './expanded.ts'
import { type NormalizedOperation, normalize } from './normalize.ts'
import {
  type OperationPlan,
  type PlanElsewhere,
  planOperation,
  planOperationAsync,
} from './operation-plan.ts'
import { type Permitted, permittedOf } from './permitted.ts'
import type { Rollout } from './plan.ts'
import { typedFields } from './selections.ts'

/** What the shapes of an operation are made of. */
export interface ShapeSource {
  readonly supergraph: Supergraph
  readonly operation: OperationDefinitionNode
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>
  readonly conditions: Conditions
  readonly rollout: Rollout
  /** Plans whatever is planned off this thread; `undefined`: threads of this process. */
  readonly plan: PlanElsewhere | undefined
  /** What those do not meet whom the shapes are for; `undefined`: they may have everything. */
  readonly unmet: ReadonlySet<Requirement> | undefined
}

/** A shape about to be planned. */
export interface Prepared {
  /** What the response is made by. */
  readonly answered: ShapeText
  /** What is planned: all of it, or what the caller may have. */
  readonly asked: ShapeText
  /** {@link asked} */
  readonly normalized: NormalizedOperation
  /** `undefined`: everything is permitted. */
  readonly permitted: Permitted | undefined
}

type ShapeText = Pick<ShapeSource, 'operation' | 'fragments' | 'conditions'> & { readonly shape: number }

/** Throws the Fault of an operation that cannot be executed. */
export function prepare({ supergraph, unmet, ...source }: ShapeSource, shape: number): Prepared {
  const { apiSchema, authorization } = supergraph
  const { operation, fragments, conditions } = source
  if (unmet === undefined || authorization === undefined) {
    const answered = { operation, fragments, conditions, shape }
    return { answered, asked: answered, normalized: normalizedOf(supergraph, answered), permitted: undefined }
  }
  const expanded = expandedOf(operation, fragments, conditions, shape)
  const permitted = permittedOf(apiSchema, authorization, expanded, unmet)
  const plain = { fragments: NO_FRAGMENTS, conditions: NO_CONDITIONS, shape: 0 }
  const answered = { operation: expanded, ...plain }
  const asked = { operation: permitted.operation, ...plain }
  return { answered, asked, normalized: normalizedOf(supergraph, asked), permitted }
}

/** Plans on this thread. Throws Fault PLAN_FAILED. */
export function planNow({ supergraph, rollout }: ShapeSource, prepared: Prepared): OperationPlan {
  return joined(
    partsOf(supergraph, prepared).map(({ normalized }) => planOperation(supergraph, normalized, rollout)),
  )
}

/** Plans elsewhere, or on threads of this process. Rejects as {@link planNow} throws. */
export async function planLater(
  { supergraph, rollout }: ShapeSource,
  prepared: Prepared,
  plan: PlanElsewhere | undefined,
): Promise<OperationPlan> {
  const plans: OperationPlan[] = []
  // One at a time: a planner of its own may take no more.
  for (const { normalized, asked } of partsOf(supergraph, prepared)) {
    if (plan === undefined || normalized.selections.length === 0) {
      plans.push(await planOperationAsync(supergraph, normalized, rollout))
      continue
    }
    // Printed, so that texts that differ in blanks and comments alone are one to who remembers what cannot be planned.
    const text = print({ kind: Kind.DOCUMENT, definitions: [asked.operation, ...asked.fragments.values()] })
    plans.push(await plan({ supergraph, text, shape: asked.shape, rollout }))
  }
  return joined(plans)
}

type Part = Pick<Prepared, 'normalized' | 'asked'>

/**
 * What is planned by itself. A mutation that is refused a part is one a root field: a null that the subgraph does not
 * know of may travel to the root, and then what follows is not to run.
 */
function partsOf(supergraph: Supergraph, { normalized, asked, permitted }: Prepared): readonly Part[] {
  const isApart = permitted !== undefined && permitted.refusals.length > 0 && normalized.kind === 'mutation'
  if (!isApart || normalized.selections.length < 2) return [{ normalized, asked }]
  const roots = new Map<string, FieldNode[]>()
  for (const [, field] of typedFields(asked.operation.selectionSet.selections, '')) {
    const key = field.alias?.value ?? field.name.value
    if (!field.name.value.startsWith('__')) roots.set(key, [...(roots.get(key) ?? []), field])
  }
  return [...roots.values()].map((selections: readonly SelectionNode[]) => {
    const operation = { ...asked.operation, selectionSet: { kind: Kind.SELECTION_SET, selections } as const }
    const part = { ...asked, operation }
    return { asked: part, normalized: normalizedOf(supergraph, part) }
  })
}

function joined(plans: readonly OperationPlan[]): OperationPlan {
  return plans.length === 1 ? plans[0]! : { stages: plans.flatMap(({ stages }) => stages) }
}

function normalizedOf(
  { apiSchema, types }: Supergraph,
  { operation, fragments, conditions, shape }: ShapeText,
): NormalizedOperation {
  return normalize(apiSchema, types, operation, fragments, conditions, shape)
}

const NO_FRAGMENTS: ReadonlyMap<string, FragmentDefinitionNode> = new Map()
const NO_CONDITIONS: Conditions = { variables: [], shapeOf: () => 0 }
