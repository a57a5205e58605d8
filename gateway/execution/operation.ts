import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
  visit,
} from 'graphql'
import type { Caller } from '../../protocol/caller.ts'
import { Fault } from '../../protocol/fault.ts'
import type { Scope } from '../supergraph/cache-hints.ts'
import type { Supergraph } from '../supergraph/supergraph.ts'
import { conditionsOf } from './conditions.ts'
import {
  type ExecuteOptions,
  type ExecutionOutcome,
  executeShape,
  executeShapeToJson,
  type JsonOutcome,
} from './execute.ts'
import { fragmentsOf } from './fragments.ts'
import type { OperationPlan, PlanElsewhere } from './operation-plan.ts'
import { NO_ROLLOUT, type Rollout } from './plan.ts'
import { plannedBy } from './planned-by.ts'
import type { ShapeSource } from './shape-plan.ts'
import { createShapes, type Shapes } from './shapes.ts'
import { type CoerceVariables, compileVariables, refuseBadLiterals, type Variables } from './variables.ts'
import { type Variants, variantsOf } from './variants.ts'

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
  /** Whose its response is; everybody's only if every field of it is, and none is guarded. */
  readonly scope: Scope
  /** The plan for these (coerced) variables, without a caller for one who may have everything. */
  plan(variables: Variables, caller?: Caller): Promise<OperationPlan>
  /** Whatever the caller may not have is not asked for; it is null, with an error. */
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
  /** The same, planned as text seen for the first time is. */
  readonly isEager?: boolean
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
  const shapes = createShapes(source)
  shapes.compileAhead()
  const variants = variantsOf(source)
  variants?.compileAhead()
  return operationOf(source, shapes, variants)
}

/**
 * {@link compileOperation} for text seen for the first time: planning is off the event loop, and of an operation with
 * conditions only shapes that are asked for are planned, when they are.
 */
export async function compileOperationAsync(
  supergraph: Supergraph,
  document: DocumentNode,
  { planEagerly, isEager = planEagerly !== undefined, ...options }: CompileAsyncOptions = {},
): Promise<CompiledOperation> {
  const source = readOperation(supergraph, document, options)
  const shapes = createShapes(source)
  const variants = variantsOf(source)
  const plan = isEager ? planEagerly : source.plan
  if (isEager || source.conditions.variables.length === 0) await shapes.compileAheadAsync(plan)
  if (isEager) await variants?.compileAheadAsync(plan)
  return operationOf(source, shapes, variants)
}

function readOperation(supergraph: Supergraph, given: DocumentNode, options: CompileOptions): ShapeSource {
  const document = withoutBlockStrings(given)
  const operation = operationIn(document, options.operationName)
  if (operation.operation === 'subscription')
    throw new Fault('OPERATION_NOT_SUPPORTED', 'Subscriptions are not supported')
  const fragments = fragmentsOf(document)
  refuseBadLiterals(operation, fragments.values())
  const conditions = conditionsOf(operation, fragments)
  const { rollout = NO_ROLLOUT, plan } = options
  return { supergraph, operation, fragments, conditions, rollout, plan, unmet: undefined }
}

/**
 * The same values, written on one line. Whoever prints an operation, and that is done several times on the way to a plan,
 * indents each line of a block string by its depth: 78,000 lines took ten seconds.
 */
function withoutBlockStrings(document: DocumentNode): DocumentNode {
  return visit(document, {
    StringValue: node => (node.block ? { ...node, block: false } : undefined),
  })
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

function operationOf(
  { supergraph, operation, fragments }: ShapeSource,
  shapes: Shapes,
  variants: Variants | undefined,
): CompiledOperation {
  const shapeFor = (variables: Variables, caller: Caller): ReturnType<Shapes['shapeFor']> =>
    (variants?.for(caller) ?? shapes).shapeFor(variables)

  return {
    kind: operation.operation as 'query' | 'mutation',
    name: operation.name?.value,
    scope: variants
      ? 'PRIVATE'
      : supergraph.types.scopeOf(
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
      return shapes.selectionCount + (variants?.selectionCount ?? 0)
    },
    async plan(variables, caller) {
      return (await (caller ? shapeFor(variables, caller) : shapes.shapeFor(variables))).plan
    },
    async execute(options) {
      const shape = shapeFor(options.variables, options.caller)
      const ready = shape instanceof Promise ? await plannedBy(shape, options.deadlineMs) : shape
      return executeShape(ready, options)
    },
    async executeToJson(options) {
      const shape = shapeFor(options.variables, options.caller)
      const ready = shape instanceof Promise ? await plannedBy(shape, options.deadlineMs) : shape
      return executeShapeToJson(ready, options)
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
