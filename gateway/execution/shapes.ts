import { type FragmentDefinitionNode, Kind, type OperationDefinitionNode, print } from 'graphql'
import type { Supergraph } from '../supergraph/supergraph.ts'
import { compilePlan } from './compile.ts'
import type { Conditions } from './conditions.ts'
import type { CompiledShape } from './execute.ts'
import { compileIntrospection } from './introspection.ts'
import { type NormalizedOperation, normalize } from './normalize.ts'
import {
  type OperationPlan,
  type PlanElsewhere,
  planOperation,
  planOperationAsync,
} from './operation-plan.ts'
import { isKnownNull, permittedOf, type Refusal, type Refused } from './permitted.ts'
import type { Rollout } from './plan.ts'
import { compileProjection } from './project.ts'
import { compileSelectFields } from './selected-fields.ts'
import { withUnionMembers } from './union-members.ts'
import type { Variables } from './variables.ts'
import { compileWrite, type Write } from './write.ts'

/** Shapes kept per operation; the one used longest ago goes first. */
const SHAPES_MAX = 32

/** With up to this many condition variables every shape is compiled when the operation is. */
const EAGER_CONDITIONS_MAX = 3

/** What the shapes of an operation are made of. */
export interface ShapeSource {
  readonly supergraph: Supergraph
  readonly operation: OperationDefinitionNode
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>
  readonly conditions: Conditions
  readonly rollout: Rollout
  /** Plans whatever is planned off this thread; `undefined`: threads of this process. */
  readonly plan: PlanElsewhere | undefined
  /** What those may not have whom the shapes are for; `undefined`: they may have everything. */
  readonly refused: Refused | undefined
}

/** The shapes of an operation (conditions.ts), compiled ahead or when they are asked for. */
export interface Shapes {
  shapeFor(variables: Variables): CompiledShape | Promise<CompiledShape>
  /** Compiles them on this thread, all if they are few, else the first. Throws the Fault of one that cannot be. */
  compileAhead(): void
  /** {@link compileAhead} with plans made elsewhere; `undefined`: by threads of this process. */
  compileAheadAsync(plan: PlanElsewhere | undefined): Promise<void>
  /** Of all that are kept. */
  readonly selectionCount: number
}

export function createShapes(source: ShapeSource): Shapes {
  const { conditions } = source
  const kept = new Map<number, CompiledShape>()
  const pending = new Map<number, Promise<CompiledShape>>()
  const aheadCount =
    conditions.variables.length <= EAGER_CONDITIONS_MAX ? 1 << conditions.variables.length : 1

  function compileNow(shape: number): Promise<CompiledShape> {
    let compiling = pending.get(shape)
    if (!compiling) {
      compiling = compileAsync(source, shape, source.plan)
        .then(compiled => {
          if (kept.size >= SHAPES_MAX) kept.delete(kept.keys().next().value as number)
          kept.set(shape, compiled)
          return compiled
        })
        .finally(() => pending.delete(shape))
      pending.set(shape, compiling)
    }
    return compiling
  }

  return {
    shapeFor(variables) {
      const shape = conditions.variables.length === 0 ? 0 : conditions.shapeOf(variables)
      const known = kept.get(shape)
      if (!known) return compileNow(shape)
      if (kept.size > 1) {
        kept.delete(shape)
        kept.set(shape, known)
      }
      return known
    },
    compileAhead() {
      for (let shape = 0; shape < aheadCount; shape++) {
        const prepared = prepare(source, shape)
        const plan = prepared.isNull
          ? NO_PLAN
          : planOperation(source.supergraph, prepared.normalized, source.rollout)
        kept.set(shape, compile(source, shape, prepared, plan))
      }
    },
    async compileAheadAsync(plan) {
      for (let shape = 0; shape < aheadCount; shape++)
        kept.set(shape, await compileAsync(source, shape, plan))
    },
    get selectionCount() {
      let count = 0
      for (const shape of kept.values()) count += shape.selectionCount
      return count
    },
  }
}

const NO_PLAN: OperationPlan = { stages: [] }
const NO_FRAGMENTS: ReadonlyMap<string, FragmentDefinitionNode> = new Map()
const NO_CONDITIONS: Conditions = { variables: [], shapeOf: () => 0 }

/** A shape about to be planned. */
interface Prepared {
  readonly normalized: NormalizedOperation
  /** What {@link normalized} is made of. */
  readonly asked: Pick<ShapeSource, 'operation' | 'fragments' | 'conditions'> & { readonly shape: number }
  readonly refusals: readonly Refusal[]
  /** The response is null whatever there is: nothing is asked. */
  readonly isNull: boolean
}

function prepare(source: ShapeSource, shape: number): Prepared {
  const { supergraph, operation, fragments, conditions, refused } = source
  const { apiSchema, types } = supergraph
  const permitted = refused && permittedOf(apiSchema, operation, fragments, conditions, shape, refused)
  const asked = permitted
    ? { operation: permitted.operation, fragments: NO_FRAGMENTS, conditions: NO_CONDITIONS, shape: 0 }
    : { operation, fragments, conditions, shape }
  const selectFields = compileSelectFields(apiSchema, fragments, conditions, shape)
  return {
    normalized: normalize(apiSchema, types, asked.operation, asked.fragments, asked.conditions, asked.shape),
    asked,
    refusals: permitted?.refusals ?? [],
    isNull: refused !== undefined && isKnownNull(apiSchema, operation, selectFields, refused),
  }
}

async function compileAsync(
  source: ShapeSource,
  shape: number,
  plan: PlanElsewhere | undefined,
): Promise<CompiledShape> {
  const prepared = prepare(source, shape)
  return compile(source, shape, prepared, await planned(source, prepared, plan))
}

async function planned(
  { supergraph, rollout }: ShapeSource,
  { normalized, asked, isNull }: Prepared,
  plan: PlanElsewhere | undefined,
): Promise<OperationPlan> {
  if (isNull) return NO_PLAN
  if (plan === undefined || normalized.selections.length === 0)
    return await planOperationAsync(supergraph, normalized, rollout)
  // Printed, so that texts that differ in blanks and comments alone are one to who remembers what cannot be planned.
  const text = print({ kind: Kind.DOCUMENT, definitions: [asked.operation, ...asked.fragments.values()] })
  return await plan({ supergraph, text, shape: asked.shape, rollout })
}

function compile(
  source: ShapeSource,
  shape: number,
  { normalized, refusals, isNull }: Prepared,
  planned: OperationPlan,
): CompiledShape {
  const { supergraph, operation, fragments, conditions, refused } = source
  const { apiSchema, types } = supergraph
  const { selectionCount } = normalized
  if (isNull)
    return {
      plan: NO_PLAN,
      stages: [],
      selectionCount,
      fetchCount: 0,
      introspect: undefined,
      projection: { project: () => null, isFatal: () => true },
      write: () => 'null',
      refusals,
    }
  const plan = withUnionMembers(supergraph, normalized, planned)
  const compiled = plan.stages.map(stage => compilePlan(stage.plan, normalized, types))
  const selectFields = compileSelectFields(apiSchema, fragments, conditions, shape)
  let write: Write | undefined
  return {
    plan,
    stages: plan.stages.map((stage, i) => ({ rootKeys: stage.rootKeys, step: compiled[i]!.step })),
    selectionCount,
    fetchCount: compiled.reduce((sum, { fetchCount }) => sum + fetchCount, 0),
    introspect: compileIntrospection(apiSchema, operation, fragments, normalized.introspection),
    projection: compileProjection(apiSchema, types, operation, selectFields, refused),
    get write() {
      write ??= compileWrite(apiSchema, types, operation, selectFields, refused)
      return write
    },
    refusals,
  }
}
