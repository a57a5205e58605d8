import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  Kind,
  type OperationDefinitionNode,
  print,
  type SelectionSetNode,
} from 'graphql'
import { Fault } from '../../protocol/fault.ts'
import type { Scope } from '../supergraph/scope.ts'
import type { Supergraph } from '../supergraph/supergraph.ts'
import { compilePlan } from './compile.ts'
import { type Conditions, conditionsOf } from './conditions.ts'
import {
  type CompiledShape,
  type ExecuteOptions,
  type ExecutionOutcome,
  executeShape,
  executeShapeToJson,
  type JsonOutcome,
} from './execute.ts'
import { fragmentsOf } from './fragments.ts'
import { compileIntrospection } from './introspection.ts'
import { type NormalizedOperation, normalize } from './normalize.ts'
import {
  type OperationPlan,
  type PlanElsewhere,
  planOperation,
  planOperationAsync,
} from './operation-plan.ts'
import { NO_ROLLOUT, type Rollout } from './plan.ts'
import { compileProjection } from './project.ts'
import { compileSelectFields } from './selected-fields.ts'
import { withUnionMembers } from './union-members.ts'
import { type CoerceVariables, compileVariables, refuseBadLiterals, type Variables } from './variables.ts'
import { compileWrite, type Write } from './write.ts'

/** Shapes kept per operation; the one used longest ago goes first. */
const SHAPES_MAX = 32

/** With up to this many condition variables every shape is compiled when the operation is. */
const EAGER_CONDITIONS_MAX = 3

/** An operation on one supergraph under one rollout, ready to run any number of times, concurrently too. */
export interface CompiledOperation {
  readonly kind: 'query' | 'mutation'
  readonly name: string | undefined
  /** Names (not aliases) of the root fields, introspection included, conditions disregarded; each once. */
  readonly rootFieldNames: readonly string[]
  readonly supergraph: Supergraph
  readonly operation: OperationDefinitionNode
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>
  readonly coerceVariables: CoerceVariables
  /** Selections, fragments expanded, of all shapes that are kept: about 1 kB of memory each. Grows as shapes are asked for. */
  readonly selectionCount: number
  /** Whose its response is; everybody's only if every field of it is. */
  readonly scope: Scope
  /** The plan for these (coerced) variables. */
  plan(variables: Variables): Promise<OperationPlan>
  execute(options: ExecuteOptions): Promise<ExecutionOutcome>
  /** {@link execute}, for who only passes the response on. */
  executeToJson(options: ExecuteOptions): Promise<JsonOutcome>
}

export interface CompileOptions {
  readonly operationName?: string | null
  readonly rollout?: Rollout
  /** Plans whatever is planned off this thread. Default: threads of this process. */
  readonly plan?: PlanElsewhere | undefined
}

export interface CompileAsyncOptions extends CompileOptions {
  /** Plans at once, as {@link compileOperation} does, every shape of an operation with few conditions. */
  readonly planEagerly?: PlanElsewhere | undefined
}

/**
 * Compiles an operation at registration, planning on this thread; of one with many conditions further shapes are
 * planned off it, when they are asked for.
 *
 * @param document valid against `supergraph.apiSchema`: nothing here validates.
 * @throws Fault OPERATION_NOT_SUPPORTED (subscription, `@defer`), OPERATION_TOO_LARGE,
 * OPERATION_RESOLUTION_FAILURE, BAD_INPUT, PLAN_FAILED.
 */
export function compileOperation(
  supergraph: Supergraph,
  document: DocumentNode,
  options: CompileOptions = {},
): CompiledOperation {
  const source = readOperation(supergraph, document, options)
  const shapes = new Map<number, CompiledShape>()
  for (let shape = 0; shape < eagerShapes(source); shape++) {
    const normalized = normalizeShape(source, shape)
    shapes.set(
      shape,
      compileShape(source, shape, normalized, planOperation(supergraph, normalized, source.rollout)),
    )
  }
  return operationOf(source, shapes)
}

/**
 * {@link compileOperation} for text seen for the first time: planning is off the event loop, and of an operation with
 * conditions only shapes that are asked for are planned, when they are.
 */
export async function compileOperationAsync(
  supergraph: Supergraph,
  document: DocumentNode,
  { planEagerly, ...options }: CompileAsyncOptions = {},
): Promise<CompiledOperation> {
  const source = readOperation(supergraph, document, options)
  const shapes = new Map<number, CompiledShape>()
  const shapeCount = planEagerly || source.conditions.variables.length === 0 ? eagerShapes(source) : 0
  for (let shape = 0; shape < shapeCount; shape++)
    shapes.set(shape, await compileShapeAsync(source, shape, planEagerly))
  return operationOf(source, shapes)
}

interface Source {
  readonly supergraph: Supergraph
  readonly operation: OperationDefinitionNode
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>
  readonly conditions: Conditions
  readonly rollout: Rollout
  readonly plan: PlanElsewhere | undefined
}

function eagerShapes({ conditions: { variables } }: Source): number {
  return variables.length <= EAGER_CONDITIONS_MAX ? 1 << variables.length : 1
}

function readOperation(supergraph: Supergraph, document: DocumentNode, options: CompileOptions): Source {
  const operation = operationIn(document, options.operationName)
  if (operation.operation === 'subscription')
    throw new Fault('OPERATION_NOT_SUPPORTED', 'Subscriptions are not supported')
  const fragments = fragmentsOf(document)
  refuseBadLiterals(operation, fragments.values())
  const conditions = conditionsOf(operation, fragments)
  const { rollout = NO_ROLLOUT, plan } = options
  return { supergraph, operation, fragments, conditions, rollout, plan }
}

function operationIn(document: DocumentNode, name: string | null | undefined): OperationDefinitionNode {
  const operations = document.definitions.filter(definition => definition.kind === Kind.OPERATION_DEFINITION)
  const wanted = name ? operations.filter(operation => operation.name?.value === name) : operations
  if (wanted.length === 1) return wanted[0]!
  if (name)
    throw new Fault('OPERATION_RESOLUTION_FAILURE', `Expected an operation named "${name}" in the document`)
  throw new Fault(
    'OPERATION_RESOLUTION_FAILURE',
    `Expected one operation, or operationName to choose one, got ${operations.length}`,
  )
}

function normalizeShape(
  { supergraph, operation, fragments, conditions }: Source,
  shape: number,
): NormalizedOperation {
  return normalize(supergraph.apiSchema, supergraph.types, operation, fragments, conditions, shape)
}

async function compileShapeAsync(
  source: Source,
  shape: number,
  plan: PlanElsewhere | undefined = source.plan,
): Promise<CompiledShape> {
  const normalized = normalizeShape(source, shape)
  return compileShape(source, shape, normalized, await planShape(source, shape, normalized, plan))
}

async function planShape(
  { supergraph, operation, fragments, rollout }: Source,
  shape: number,
  normalized: NormalizedOperation,
  plan: PlanElsewhere | undefined,
): Promise<OperationPlan> {
  if (plan === undefined || normalized.selections.length === 0)
    return await planOperationAsync(supergraph, normalized, rollout)
  // Printed, so that texts that differ in blanks and comments alone are one to who remembers what cannot be planned.
  const text = print({ kind: Kind.DOCUMENT, definitions: [operation, ...fragments.values()] })
  return await plan({ supergraph, text, shape, rollout })
}

function compileShape(
  source: Source,
  shape: number,
  normalized: NormalizedOperation,
  planned: OperationPlan,
): CompiledShape {
  const { supergraph, operation, fragments, conditions } = source
  const plan = withUnionMembers(supergraph, normalized, planned)
  const compiled = plan.stages.map(stage => compilePlan(stage.plan, normalized, supergraph.types))
  const selectFields = compileSelectFields(supergraph.apiSchema, fragments, conditions, shape)
  let write: Write | undefined
  return {
    plan,
    stages: plan.stages.map((stage, i) => ({ rootKeys: stage.rootKeys, step: compiled[i]!.step })),
    selectionCount: normalized.selectionCount,
    fetchCount: compiled.reduce((sum, { fetchCount }) => sum + fetchCount, 0),
    introspect: compileIntrospection(supergraph.apiSchema, operation, fragments, normalized.introspection),
    projection: compileProjection(supergraph.apiSchema, supergraph.types, operation, selectFields),
    get write() {
      write ??= compileWrite(supergraph.apiSchema, supergraph.types, operation, selectFields)
      return write
    },
  }
}

function operationOf(source: Source, shapes: Map<number, CompiledShape>): CompiledOperation {
  const { supergraph, operation, fragments, conditions } = source
  const pending = new Map<number, Promise<CompiledShape>>()

  function shapeFor(variables: Variables): CompiledShape | Promise<CompiledShape> {
    const shape = conditions.variables.length === 0 ? 0 : conditions.shapeOf(variables)
    const known = shapes.get(shape)
    if (!known) return compileNow(shape)
    if (shapes.size > 1) {
      shapes.delete(shape)
      shapes.set(shape, known)
    }
    return known
  }

  function compileNow(shape: number): Promise<CompiledShape> {
    let compiling = pending.get(shape)
    if (!compiling) {
      compiling = compileShapeAsync(source, shape)
        .then(compiled => {
          if (shapes.size >= SHAPES_MAX) shapes.delete(shapes.keys().next().value as number)
          shapes.set(shape, compiled)
          return compiled
        })
        .finally(() => pending.delete(shape))
      pending.set(shape, compiling)
    }
    return compiling
  }

  return {
    kind: operation.operation as 'query' | 'mutation',
    name: operation.name?.value,
    scope: supergraph.types.scopeOf(
      supergraph.apiSchema.getRootType(operation.operation)!.name,
      operation.selectionSet,
      fragments,
    ),
    rootFieldNames: rootFieldNames(operation, fragments),
    supergraph,
    operation,
    fragments,
    coerceVariables: compileVariables(supergraph.apiSchema, operation),
    get selectionCount() {
      let count = 0
      for (const shape of shapes.values()) count += shape.selectionCount
      return count
    },
    async plan(variables) {
      return (await shapeFor(variables)).plan
    },
    async execute(options) {
      const shape = shapeFor(options.variables)
      return executeShape(shape instanceof Promise ? await shape : shape, options)
    },
    async executeToJson(options) {
      const shape = shapeFor(options.variables)
      return executeShapeToJson(shape instanceof Promise ? await shape : shape, options)
    },
  }
}

function rootFieldNames(
  operation: OperationDefinitionNode,
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
): string[] {
  const names = new Set<string>()
  const seen = new Set<string>()
  const collect = (set: SelectionSetNode): void => {
    for (const selection of set.selections) {
      if (selection.kind === Kind.FIELD) names.add((selection as FieldNode).name.value)
      else if (selection.kind === Kind.INLINE_FRAGMENT) collect(selection.selectionSet)
      else if (!seen.has(selection.name.value)) {
        seen.add(selection.name.value)
        const fragment = fragments.get(selection.name.value)
        if (fragment) collect(fragment.selectionSet)
      }
    }
  }
  collect(operation.selectionSet)
  return [...names]
}
