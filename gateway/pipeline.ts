import type { IncomingHttpHeaders } from 'node:http'
import type { Caller } from '../protocol/caller.ts'
import { type DeadlineMs, deadlineIn, nowMs } from '../protocol/deadline.ts'
import { Fault } from '../protocol/fault.ts'
import type { SubgraphClient } from '../protocol/subgraph-client.ts'
import type { AddressOf } from './address.ts'
import type { FieldLimits } from './cost/field-limits.ts'
import { describePlan, type PlanDescription } from './execution/describe-plan.ts'
import type { ExecuteOptions, ExecutionOutcome, JsonOutcome } from './execution/execute.ts'
import type { InFlight } from './execution/in-flight.ts'
import type { CompiledOperation } from './execution/operation.ts'
import type { HeadersFor } from './execution/run.ts'
import type { Data } from './execution/tree.ts'
import type { Variables } from './execution/variables.ts'
import type { Identify } from './identity/identify.ts'
import type { AdhocOperations } from './operations/adhoc.ts'
import type { OperationLookup } from './operations/lookup.ts'
import type { OperationRegistry, ServableOperation } from './operations/registry.ts'
import type { Rollouts } from './operations/rollout.ts'
import { outcomeOf, record, refusalOf, type Telling } from './outcome.ts'
import type { OperationNamed, Outcome } from './request.ts'
import type { Reservation, Spending } from './spending.ts'
import type { StatusOperation } from './status-operation.ts'
import type { Supergraph } from './supergraph/supergraph.ts'

/**
 * Everything that depends on the supergraph: immutable, replaced whole when a new one is swapped in. A request keeps to
 * the one that it was admitted on, until it is answered.
 */
export interface Graph {
  readonly supergraph: Supergraph
  readonly registry: OperationRegistry
  readonly adhoc: AdhocOperations
  readonly rollouts: Rollouts
  readonly fieldLimits: FieldLimits
  /** How lines stand, by the id of their limit. */
  readonly statusOperations: ReadonlyMap<string, StatusOperation>
  readonly clients: ReadonlyMap<string, SubgraphClient>
}

/** What the steps work with; one a gateway. */
export interface Stages extends Telling {
  readonly identify: Identify
  readonly addressOf: AddressOf
  /** Read once a request, by {@link admit}. */
  readonly graph: { readonly current: Graph }
  readonly lookup: OperationLookup
  /** What each subgraph gets of a client's headers; `undefined`: none gets any. */
  readonly propagate: ((headers: IncomingHttpHeaders) => HeadersFor) | undefined
  /** Whether a client that asks for the plan gets it. */
  readonly showsPlans: boolean
  /** Sharing of identical queries under way; `undefined`: each is executed. */
  readonly inFlight: InFlight<Executed | Refused> | undefined
  /** What requests may spend; `undefined`: nothing is counted. */
  readonly spending: Spending | undefined
  readonly limits: { readonly requestMsMax: number; readonly fetchesMax: number }
}

/** `1` asks for the plan in `extensions.queryPlan`. */
const PLAN_HEADER = 'spillway-query-plan'

/** `1` asks for the price of each field in `extensions.cost.fields`. */
const COST_HEADER = 'spillway-cost-debug'

/** Through which a request comes in. Over HTTP a persisted operation takes the express lane, other text Apollo's door. */
export type Door = 'http' | 'mcp'

/** A request as its door found it: nothing in it is believed yet. */
export interface Incoming extends OperationNamed {
  /** For logs; given back in the header `x-request-id`. */
  readonly id: string
  readonly door: Door
  /** All of them, by lower-case name. */
  readonly headers: IncomingHttpHeaders
  readonly authorization: string | undefined
  /** Of its connection. */
  readonly remoteAddress: string | undefined
  /** The program that speaks, by its own account. */
  readonly clientName: string | undefined
  readonly clientVersion: string | undefined
  /** W3C trace context, well-formed. */
  readonly traceparent: string | undefined
}

/** An admitted request on its way. */
export interface RequestState extends Incoming {
  readonly caller: Caller
  /** Where from, proxies apart. */
  readonly address: string
  readonly graph: Graph
  /** Persisted, or compiled before of the same text; `undefined`: none that is known. */
  readonly operation: ServableOperation | undefined
  /** The caller's, of the graph's rollout. */
  readonly bucket: number
  readonly headersFor: HeadersFor | undefined
  readonly wantsPlan: boolean
  readonly wantsCost: boolean
  readonly startedMs: number
  readonly deadlineMs: DeadlineMs
}

/**
 * The first half of a request's life, before anything of it is parsed. The order of the steps is the behaviour: who
 * calls, then what.
 */
export async function admit(stages: Stages, incoming: Incoming): Promise<RequestState | Fault> {
  const caller = await stages.identify(incoming.authorization, incoming.headers['x-api-key'])
  if (caller instanceof Fault) return caller
  const recalling = stages.lookup.recall(stages.graph.current, incoming, incoming.clientName)
  if (recalling !== undefined) await recalling
  // In the same moment as the deadline: a graph that was replaced serves nobody once a request's time has passed.
  const graph = stages.graph.current
  const bucket = graph.rollouts.bucketOf(caller)
  const operation = stages.lookup.find(graph, incoming, incoming.clientName, bucket)
  stages.lookup.note(graph, incoming, incoming.clientName, operation)
  if (operation instanceof Fault) return operation
  return {
    ...incoming,
    caller,
    address: stages.addressOf(incoming.remoteAddress, incoming.headers['x-forwarded-for']),
    graph,
    operation,
    bucket,
    headersFor: stages.propagate?.(incoming.headers),
    wantsPlan: stages.showsPlans && incoming.headers[PLAN_HEADER] === '1',
    wantsCost: stages.spending !== undefined && incoming.headers[COST_HEADER] === '1',
    startedMs: nowMs(),
    deadlineMs: deadlineIn(stages.limits.requestMsMax),
  }
}

/** The same request on a graph that came after it was admitted, while its text was read. */
export function onGraph(state: RequestState, graph: Graph): RequestState {
  return graph === state.graph ? state : { ...state, graph, bucket: graph.rollouts.bucketOf(state.caller) }
}

/**
 * The second half, for a persisted operation or one compiled of a client's text. Never rejects.
 * @param form what a door does with the data: look into it, or pass it on.
 */
export async function run(
  stages: Stages,
  state: RequestState,
  operation: ServableOperation,
  given: Variables | undefined,
  form: 'data' | 'json' = 'data',
): Promise<Outcome> {
  const variables = coerce(operation, given)
  if (variables instanceof Refused)
    return record(stages, state, operation, refusalOf(stages, variables.reason))
  const reserving = reserve(stages, state, operation, variables)
  const reserved = reserving instanceof Promise ? await reserving : reserving
  if (reserved instanceof Refused) return record(stages, state, operation, refusalOf(stages, reserved.reason))
  if (reserved?.fault !== undefined) {
    const extensions = costOf(stages, state, operation, variables, reserved, undefined)
    return record(stages, state, operation, { ...refusalOf(stages, reserved.fault), ...extensions })
  }
  const executed = await execute(stages, state, operation, variables, form)
  const isRefused = executed instanceof Refused
  const outcome = isRefused ? refusalOf(stages, executed.reason) : outcomeOf(stages, executed)
  if (reserved === undefined) return record(stages, state, operation, outcome)
  const actual = isRefused ? undefined : executed.actualCost
  const priced = withCost(outcome, costOf(stages, state, operation, variables, reserved, actual))
  return record(stages, state, operation, priced)
}

/** The answer to a request that a step, or its door, has refused; `state` is what is known of it by then. */
export function refuse(stages: Stages, reason: unknown, state: Partial<RequestState>): Outcome {
  return record(stages, state, state.operation, refusalOf(stages, reason))
}

// The steps

/** What execution came to, with its plan where that was wanted. */
type Executed = (ExecutionOutcome | JsonOutcome) & {
  readonly queryPlan?: PlanDescription
  /** Points; of those who share an execution, each has spent them. */
  actualCost?: number
}

/** Why a step came to nothing: a Fault, or a defect of ours. */
class Refused {
  readonly reason: unknown
  constructor(reason: unknown) {
    this.reason = reason
  }
}

function coerce(operation: ServableOperation, given: Variables | undefined): Variables | Refused {
  try {
    return operation.compiled.coerceVariables(given)
  } catch (reason) {
    return new Refused(reason)
  }
}

function reserve(
  { spending }: Stages,
  state: RequestState,
  operation: ServableOperation,
  variables: Variables,
): Reservation | Refused | Promise<Reservation | Refused> | undefined {
  const { caller, address } = state
  const variant = variantOf(operation, state)
  const planned = async () => operation.cost.planned(await variant.plan(variables, caller), variables)
  try {
    const reserving = spending?.reserve({ caller, address, operation, variables, planned })
    if (!(reserving instanceof Promise)) return reserving
    return reserving.catch((reason: unknown) => new Refused(reason))
  } catch (reason) {
    return new Refused(reason)
  }
}

/** A query by itself or, where that is on, with those that ask the same meanwhile. */
async function execute(
  stages: Stages,
  state: RequestState,
  operation: ServableOperation,
  variables: Variables,
  form: 'data' | 'json',
): Promise<Executed | Refused> {
  const { inFlight } = stages
  const alone = () => executeAlone(stages, state, operation, variables, form)
  if (inFlight === undefined || state.wantsPlan) return await alone()
  if (operation.kind === 'mutation') {
    const executed = await alone()
    inFlight.mutated()
    return executed
  }
  const { caller, headersFor } = state
  return await inFlight.join(
    { operation: variantOf(operation, state), variables, form, caller, headersFor },
    alone,
  )
}

async function executeAlone(
  { limits, spending }: Stages,
  state: RequestState,
  operation: ServableOperation,
  variables: Variables,
  form: 'data' | 'json',
): Promise<Executed | Refused> {
  const { caller, graph, headersFor, wantsPlan, deadlineMs, traceparent } = state
  const variant = variantOf(operation, state)
  let actualCost = 0
  try {
    const execution: ExecuteOptions = {
      variables,
      caller,
      deadlineMs,
      priority: operation.priority,
      clients: graph.clients,
      fetchesMax: limits.fetchesMax,
      ...(traceparent === undefined ? {} : { traceparent }),
      ...(headersFor === undefined ? {} : { headersFor }),
      ...(spending === undefined
        ? {}
        : { onData: (data: Data) => (actualCost = operation.cost.actual(data, variables)) }),
    }
    const queryPlan = wantsPlan
      ? describePlan(await variant.plan(variables, caller), graph.supergraph.types)
      : undefined
    const executed: Executed = await (form === 'json'
      ? variant.executeToJson(execution)
      : variant.execute(execution))
    if (spending !== undefined) executed.actualCost = actualCost
    return queryPlan === undefined ? executed : { ...executed, queryPlan }
  } catch (reason) {
    return new Refused(reason)
  }
}

/** Compiled for the bucket of the rollout that the caller is in. */
const variantOf = ({ variants, compiled }: ServableOperation, { bucket }: RequestState): CompiledOperation =>
  variants?.[bucket] ?? compiled

/** What the client is told of the price, and the caller's points settled. Nothing where answers are everybody's. */
function costOf(
  { spending }: Stages,
  state: RequestState,
  operation: ServableOperation,
  variables: Variables,
  reserved: Reservation,
  actual: number | undefined,
): Pick<Outcome, 'extensions'> | undefined {
  const cost = spending!.settle(reserved, actual)
  if (state.wantsCost) return { extensions: { cost: { ...cost, ...explained(operation, variables) } } }
  const isShared = operation.compiled.scope === 'PUBLIC' && reserved.fault === undefined
  return isShared ? undefined : { extensions: { cost } }
}

/** What cannot be estimated has been refused for it, or only measured. */
function explained({ cost }: ServableOperation, variables: Variables): object {
  try {
    return { fields: cost.explain(variables) }
  } catch (reason) {
    if (reason instanceof Fault) return {}
    throw reason
  }
}

function withCost(outcome: Outcome, cost: Pick<Outcome, 'extensions'> | undefined): Outcome {
  if (cost === undefined) return outcome
  return { ...outcome, extensions: { ...outcome.extensions, ...cost.extensions } }
}
