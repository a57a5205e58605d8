import { compilePlan } from './compile.ts'
import type { CompiledShape } from './execute.ts'
import { compileIntrospection } from './introspection.ts'
import type { OperationPlan, PlanElsewhere } from './operation-plan.ts'
import { isKnownNull } from './permitted.ts'
import { compileProjection, type Projection } from './project.ts'
import { compileSelectFields } from './selected-fields.ts'
import { type Prepared, planLater, planNow, prepare, type ShapeSource } from './shape-plan.ts'
import { withUnionMembers } from './union-members.ts'
import type { Variables } from './variables.ts'
import { compileWrite, type Write } from './write.ts'

/** Shapes kept per operation; the one used longest ago goes first. */
const SHAPES_MAX = 32

/** With up to this many condition variables every shape is compiled when the operation is. */
const EAGER_CONDITIONS_MAX = 3

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
        kept.set(shape, nothing(source, prepared) ?? compile(source, prepared, planNow(source, prepared)))
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

async function compileAsync(
  source: ShapeSource,
  shape: number,
  plan: PlanElsewhere | undefined,
): Promise<CompiledShape> {
  const prepared = prepare(source, shape)
  return nothing(source, prepared) ?? compile(source, prepared, await planLater(source, prepared, plan))
}

/** A shape whose response is null whatever there is; `undefined`: that is not known. */
function nothing(
  { supergraph: { apiSchema } }: ShapeSource,
  { answered, normalized, permitted }: Prepared,
): CompiledShape | undefined {
  const { operation, fragments, conditions, shape } = answered
  const selectFields = compileSelectFields(apiSchema, fragments, conditions, shape)
  if (!permitted || !isKnownNull(apiSchema, operation, selectFields, permitted.isRefused)) return undefined
  return {
    plan: { stages: [] },
    stages: [],
    selectionCount: normalized.selectionCount,
    fetchCount: 0,
    introspect: undefined,
    projection: { project: () => null, isFatal: () => true },
    write: () => 'null',
    refusals: permitted.refusals,
  }
}

function compile(
  { supergraph, fragments: named }: ShapeSource,
  { answered, normalized, permitted }: Prepared,
  planned: OperationPlan,
): CompiledShape {
  const { apiSchema, types } = supergraph
  const { operation, fragments, conditions, shape } = answered
  const plan = withUnionMembers(supergraph, normalized, planned)
  const compiled = plan.stages.map(stage => compilePlan(stage.plan, normalized, types))
  const selectFields = compileSelectFields(apiSchema, fragments, conditions, shape)
  // Each is compiled when it is first asked for: few doors want both, and a manifest has thousands of operations.
  let write: Write | undefined
  let projection: Projection | undefined
  return {
    plan,
    stages: plan.stages.map((stage, i) => ({ rootKeys: stage.rootKeys, step: compiled[i]!.step })),
    selectionCount: normalized.selectionCount,
    fetchCount: compiled.reduce((sum, { fetchCount }) => sum + fetchCount, 0),
    introspect: compileIntrospection(apiSchema, operation, named, normalized.introspection),
    get projection() {
      projection ??= compileProjection(apiSchema, types, operation, selectFields, permitted?.isRefused)
      return projection
    },
    get write() {
      write ??= compileWrite(apiSchema, types, operation, selectFields, permitted?.isRefused)
      return write
    },
    refusals: permitted?.refusals ?? [],
  }
}
