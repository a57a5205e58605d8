import { GraphQLError } from 'graphql'
import type { Caller } from '../../protocol/caller.ts'
import type { DeadlineMs } from '../../protocol/deadline.ts'
import { Fault } from '../../protocol/fault.ts'
import type { Priority } from '../../protocol/priority.ts'
import type { SubgraphClient } from '../../protocol/subgraph-client.ts'
import { JsonText } from '../request.ts'
import { refusalOf } from './authorize.ts'
import { createErrorList } from './errors.ts'
import type { FetchCache } from './fetch-cache.ts'
import type { Introspect } from './introspection.ts'
import type { OperationPlan } from './operation-plan.ts'
import type { Refusal } from './permitted.ts'
import type { Projection } from './project.ts'
import type { HeadersFor, Run, Step, Turn } from './run.ts'
import type { Data } from './tree.ts'
import type { Variables } from './variables.ts'
import type { Write } from './write.ts'

/** Fetches that one operation may make, unless told otherwise. */
export const FETCHES_MAX = 64
/** Entities that one fetch may ask for, unless told otherwise. */
export const ENTITIES_MAX = 10_000
/** Errors that one answer may carry, refusals apart, unless told otherwise. */
export const ERRORS_MAX = 100

export interface ExecuteOptions {
  /** Coerced (`CompiledOperation.coerceVariables`). */
  readonly variables: Variables
  readonly caller: Caller
  readonly deadlineMs: DeadlineMs
  readonly priority: Priority
  /** By subgraph name. */
  readonly clients: ReadonlyMap<string, SubgraphClient>
  readonly traceparent?: string
  readonly headersFor?: HeadersFor
  /** Asked before a subgraph is; of this execution only. */
  readonly cache?: FetchCache
  /** Its turn to go on with an answer that has come; `undefined`: at once. */
  readonly turn?: Turn
  /** Nothing that was asked for by others will do. Default: false. */
  readonly isFresh?: boolean
  readonly fetchesMax?: number
  readonly entitiesMax?: number
  readonly errorsMax?: number
  /** Told the response's data under the gateway's keys (response-key.ts) once it is whole. To look at only. */
  readonly onData?: (data: Data) => void
}

export interface ExecutionOutcome {
  readonly data: Record<string, unknown> | null
  /** Empty when all went well. Each has `extensions.code`, and `extensions.service` when a subgraph is the cause. */
  readonly errors: readonly GraphQLError[]
}

/** An outcome whose data is JSON text already; `null` in four letters when there is none. */
export interface JsonOutcome {
  readonly json: JsonText
  readonly errors: readonly GraphQLError[]
}

/** One shape of an operation, planned and compiled. */
export interface CompiledShape {
  readonly plan: OperationPlan
  readonly stages: readonly { readonly rootKeys: readonly string[]; readonly step: Step }[]
  readonly fetchCount: number
  readonly selectionCount: number
  readonly introspect: Introspect
  readonly projection: Projection
  /** Compiled when it is first asked for: not every door wants text. */
  readonly write: Write
  /** Places that are null since the callers whom the shape is for may not have what stands there. */
  readonly refusals: readonly Refusal[]
}

/**
 * Runs a shape. Failures of subgraphs are partial data with errors.
 *
 * @throws Fault MAX_FETCHES_LIMIT, before any subgraph is asked, when the plan has more fetches than allowed.
 */
export async function executeShape(shape: CompiledShape, options: ExecuteOptions): Promise<ExecutionOutcome> {
  const run = runOf(shape, options)
  await runStages(shape, run)
  options.onData?.(run.data)
  return projected(shape, run)
}

/** {@link executeShape}, the response as JSON text. */
export async function executeShapeToJson(
  shape: CompiledShape,
  options: ExecuteOptions,
): Promise<JsonOutcome> {
  const run = runOf(shape, options)
  await runStages(shape, run)
  options.onData?.(run.data)
  const json = shape.write(run.data, shape.introspect?.(run.variables))
  if (json !== undefined) return { json: new JsonText(json), errors: errorsOf(shape, run) }
  const { data, errors } = projected(shape, run)
  return { json: new JsonText(JSON.stringify(data)), errors }
}

function runOf(shape: CompiledShape, options: ExecuteOptions): Run {
  const fetchesMax = options.fetchesMax ?? FETCHES_MAX
  if (shape.fetchCount > fetchesMax)
    throw new Fault(
      'MAX_FETCHES_LIMIT',
      `Expected at most ${fetchesMax} fetches in one operation, got ${shape.fetchCount}`,
    )
  return {
    data: {},
    variables: options.variables,
    caller: options.caller,
    deadlineMs: options.deadlineMs,
    priority: options.priority,
    traceparent: options.traceparent,
    headersFor: options.headersFor,
    clients: options.clients,
    cache: options.cache,
    turn: options.turn,
    isFresh: options.isFresh === true,
    entitiesMax: options.entitiesMax ?? ENTITIES_MAX,
    errors: createErrorList(options.errorsMax ?? ERRORS_MAX),
  }
}

function projected(shape: CompiledShape, run: Run): ExecutionOutcome {
  const data = shape.projection.project(run.data, shape.introspect?.(run.variables), run.errors)
  return { data, errors: errorsOf(shape, run) }
}

/** Refusals come last: where a subgraph's failure left nothing, that one decides what becomes of the answer. */
function errorsOf({ refusals }: CompiledShape, { errors, caller }: Run): readonly GraphQLError[] {
  if (refusals.length === 0) return errors.errors
  const refused = refusals.map(({ path, requirement }) => {
    const { code, message } = refusalOf(caller, requirement)
    return new GraphQLError(message, { path: [...path], extensions: { code } })
  })
  return [...errors.errors, ...refused]
}

/** A mutation that makes the whole response null ends the operation; what earlier ones did stands. */
async function runStages(shape: CompiledShape, run: Run): Promise<void> {
  const { stages } = shape
  for (let i = 0; i < stages.length; i++) {
    const stage = stages[i]!
    await stage.step(run)
    if (i + 1 < stages.length && stage.rootKeys.some(key => shape.projection.isFatal(key, run.data))) return
  }
}
