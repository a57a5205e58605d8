import type { Caller } from '../protocol/caller.ts'
import { type DeadlineMs, nowMs } from '../protocol/deadline.ts'
import { Fault } from '../protocol/fault.ts'
import type { ResponseSlot } from './cache/responses/response-slot.ts'
import { isForAnybody, keptExtension, slotOf } from './cached-response.ts'
import { execute, refresh, variantOf } from './execute-step.ts'
import { Refused } from './executed.ts'
import { plannedBy } from './execution/planned-by.ts'
import type { Variables } from './execution/variables.ts'
import { keptPlaceOf, placeExtension } from './kept-place.ts'
import type { ServableOperation } from './operations/registry.ts'
import { asData, outcomeOf, record, refusalOf } from './outcome.ts'
import { isInVain, type Outcome } from './request.ts'
import type { Rank } from './run-queue.ts'
import { KEPT_POINTS, type Reservation } from './spending.ts'
import type { Graph, Incoming, RequestState, Stages } from './stages.ts'
import { standingOf } from './standing.ts'
import { type Ruling, rulingOf, type Standing, shedFault, termsOf } from './surge/policy.ts'

export type { Graph, Incoming, RequestState, Stages } from './stages.ts'

/** The token of a kept place, for whoever cannot put it into the operation's input. */
const PLACE_HEADER = 'spillway-place'

/** A request's whole time has gone by before there was a turn for it. */
const NOT_STARTED_RETRY_MS = 5_000

/** `1` asks for the plan in `extensions.queryPlan`. */
const PLAN_HEADER = 'spillway-query-plan'

/** `1` asks for the price of each field in `extensions.cost.fields`. */
const COST_HEADER = 'spillway-cost-debug'

/** `1` asks in `extensions.cache` for what came out of what is kept. */
const CACHE_HEADER = 'spillway-cache-debug'

/**
 * The first half of a request's life, before anything of it is parsed. The order of the steps is the behaviour: who
 * calls, then what, then its turn among those who came, then whether it is let in now.
 * @param given the variables, as they came: they may show a place that is due.
 */
export async function admit(
  stages: Stages,
  incoming: Incoming,
  given?: Variables | undefined,
): Promise<RequestState | Fault> {
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
  const startedMs = nowMs()
  const deadlineMs = startedMs + stages.limits.requestMsMax
  let ruling: Ruling | Fault = PASSED
  if (isNamed(incoming)) {
    const waiting = enter(stages, incoming, { caller, operation, given }, deadlineMs)
    if (waiting !== undefined && !(await waiting)) return NOT_STARTED
    ruling = judge(stages, caller, operation)
    if (ruling instanceof Fault) return ruling
  }
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
    wantsCache: graph.caching !== undefined && incoming.headers[CACHE_HEADER] === '1',
    ruling,
    startedMs,
    deadlineMs,
  }
}

/** An admitted request that names its operation in another way than by hash or text: its turn, and the step level. */
export async function nameOperation(
  stages: Stages,
  state: RequestState,
  operation: ServableOperation,
  given: Variables | undefined,
): Promise<RequestState | Fault> {
  const waiting = enter(stages, state, { caller: state.caller, operation, given }, state.deadlineMs)
  if (waiting !== undefined && !(await waiting)) return NOT_STARTED
  const ruling = judge(stages, state.caller, operation)
  return ruling instanceof Fault ? ruling : { ...state, operation, ruling }
}

/** The same request on a graph that came after it was admitted, while its text was read. */
export function onGraph(state: RequestState, graph: Graph): RequestState {
  return graph === state.graph ? state : { ...state, graph, bucket: graph.rollouts.bucketOf(state.caller) }
}

/**
 * The second half, for a persisted operation or one compiled of a client's text: coerce, cache, cost, caller, field,
 * execute, settle. Never rejects.
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
  const slot = state.graph.caching === undefined ? undefined : slotOf(state, operation, variables)
  if (slot !== undefined) {
    const kept = await recall(stages, state, operation, variables, slot)
    if (kept !== undefined) return record(stages, state, operation, form === 'data' ? asData(kept) : kept)
  }
  if (state.ruling.verdict !== 'KEPT' || hasPlaces(stages, state.caller, operation))
    return await serve(stages, state, operation, variables, slot, form)
  const leave = slot && state.graph.caching!.responses.letIn(slot)
  if (leave === undefined)
    return record(stages, state, operation, refusalOf(stages, shed(stages, state.caller, operation)))
  try {
    return await serve(stages, { ...state, ruling: PASSED }, operation, variables, slot, form)
  } finally {
    leave()
  }
}

/** The steps of one that is let in. */
async function serve(
  stages: Stages,
  state: RequestState,
  operation: ServableOperation,
  variables: Variables,
  slot: ResponseSlot | undefined,
  form: 'data' | 'json',
): Promise<Outcome> {
  const reserving = reserve(stages, state, operation, variables)
  const reserved = reserving instanceof Promise ? await reserving : reserving
  if (reserved instanceof Refused) return record(stages, state, operation, refusalOf(stages, reserved.reason))
  if (reserved?.fault !== undefined) {
    const cost = costOf(stages, state, operation, variables, reserved, undefined)
    const answer = toldOf(stages, operation, variables, reserved)
    return record(stages, state, operation, withCost(answer, cost))
  }
  // What is kept is kept as text.
  const executed = await execute(
    stages,
    state,
    operation,
    variables,
    slot === undefined ? form : 'json',
    slot,
  )
  const isRefused = executed instanceof Refused
  const answered = isRefused ? refusalOf(stages, executed.reason) : outcomeOf(stages, executed)
  const outcome = form === 'data' ? asData(answered) : answered
  if (reserved === undefined) return record(stages, state, operation, outcome)
  const actual = isRefused ? undefined : executed.actualCost
  // Only places are anything to an answer in vain: no other is looked into.
  const wasInVain = hasPlaces(stages, state.caller, operation) && isInVain(outcome)
  const cost = costOf(stages, state, operation, variables, reserved, actual, wasInVain)
  const priced = withCost(outcome, cost)
  return record(stages, state, operation, priced)
}

/** The answer to a request that a step, or its door, has refused; `state` is what is known of it by then. */
export function refuse(stages: Stages, reason: unknown, state: Partial<RequestState>): Outcome {
  return record(stages, state, state.operation, refusalOf(stages, reason))
}

// The steps

const PASSED: Ruling = rulingOf('CALM', 'OPERATE')

const NOT_STARTED = new Fault('OVERLOADED', 'expected to be started within its time, got no turn', {
  retryAfterMs: NOT_STARTED_RETRY_MS,
})

/** Who asks for what, as far as its turn to be started goes. */
interface Asked {
  readonly caller: Caller
  readonly operation: ServableOperation | undefined
  readonly given: Variables | undefined
}

/** Its turn to be started, by what it is about. */
function enter(
  stages: Stages,
  incoming: Incoming,
  asked: Asked,
  deadlineMs: DeadlineMs,
): Promise<boolean> | undefined {
  const { runQueue } = stages
  const standing = standingOf(asked.operation, asked.caller)
  // OPERATE is rare and starts before all of them: nobody is to wait for it.
  if (standing === 'PAY' || standing === 'REDEEM' || standing === 'CLAIM') runQueue.urge()
  return runQueue.enter(() => rankOf(stages, incoming, asked, standing), deadlineMs, incoming.isGone)
}

function rankOf(
  stages: Stages,
  incoming: Incoming,
  { caller, operation, given }: Asked,
  standing: Standing,
): Rank {
  if (standing === 'OPERATE' || standing === 'PAY' || standing === 'REDEEM') return standing
  if (operation !== undefined && hasDuePlace(stages, incoming, caller, operation, given)) return 'PROMISED'
  // A claim may have a place without a token to show, and is then as much work as any.
  if (standing === 'CLAIM') return standing
  if (rulingOf(stages.level.current, standing).verdict !== 'PASS') return 'BRIEF'
  return standing === 'UNKNOWN_TEXT' ? 'ADHOC' : standing
}

/** Whether it shows a place whose turn has come. What is wrong with its variables is told when it is run. */
function hasDuePlace(
  stages: Stages,
  { headers, remoteAddress }: Incoming,
  caller: Caller,
  operation: ServableOperation,
  given: Variables | undefined,
): boolean {
  if (!hasPlaces(stages, caller, operation)) return false
  const variables = coerce(operation, given)
  if (variables instanceof Refused) return false
  const address = stages.addressOf(remoteAddress, headers['x-forwarded-for'])
  const placeToken = headers[PLACE_HEADER]?.toString()
  return stages.spending!.hasDuePlace({ caller, address, operation, variables, placeToken })
}

/** An MCP tool is named later, and what names nothing is refused for it. */
const isNamed = ({ hash, text }: Incoming): boolean => hash !== undefined || text !== undefined

/** What the level makes of a request. */
function judge(stages: Stages, caller: Caller, operation: ServableOperation | undefined): Ruling | Fault {
  const ruling = rulingOf(stages.level.current, standingOf(operation, caller))
  if (ruling.verdict !== 'REFUSE') return ruling
  // A place that is due passes in whatever text.
  const hasPlace = operation !== undefined && hasPlaces(stages, caller, operation)
  return hasPlace ? { ...ruling, verdict: 'KEPT' } : shed(stages, caller, operation)
}

function shed(
  { level: { current }, returns }: Stages,
  caller: Caller,
  operation: ServableOperation | undefined,
): Fault {
  const standing = standingOf(operation, caller)
  return shedFault(current, standing, returns.next(standing, termsOf(current).retryAfterMs))
}

/** Whether lines decide over the operation. */
const hasPlaces = ({ spending }: Stages, caller: Caller, operation: ServableOperation): boolean =>
  spending?.hasPlaces(operation, caller) ?? false

/** The answer to who goes no further for now: a place is data where the operation has room for it. */
function toldOf(
  stages: Stages,
  operation: ServableOperation,
  variables: Variables,
  { fault, place }: Reservation,
): Outcome {
  if (place === undefined) return refusalOf(stages, fault)
  const data = keptPlaceOf(operation)(variables, place)
  const extensions = { place: placeExtension(place) }
  return data === undefined ? { ...refusalOf(stages, fault), extensions } : { data, extensions }
}

function coerce(operation: ServableOperation, given: Variables | undefined): Variables | Refused {
  try {
    return operation.compiled.coerceVariables(given)
  } catch (reason) {
    return new Refused(reason)
  }
}

/** An answer that is kept: the request ends here, for one point of its caller's. */
async function recall(
  stages: Stages,
  state: RequestState,
  operation: ServableOperation,
  variables: Variables,
  slot: ResponseSlot,
): Promise<Outcome | undefined> {
  const { responses } = state.graph.caching!
  const finding = responses.find(slot)
  const kept = finding instanceof Promise ? await finding : finding
  if (kept === undefined) return undefined
  const { spending } = stages
  try {
    const reserving = spending?.reservePoint(state.caller, state.address)
    const reserved = reserving instanceof Promise ? await reserving : reserving
    if (reserved?.fault !== undefined) {
      const extensions = costOf(stages, state, operation, variables, reserved, undefined)
      return { ...refusalOf(stages, reserved.fault), ...extensions }
    }
    if (reserved !== undefined) spending!.settle(reserved, KEPT_POINTS)
  } catch (reason) {
    return refusalOf(stages, reason)
  }
  responses.served(slot, kept)
  if (kept.isStale) refresh(stages, state, operation, variables, slot)
  if (state.wantsCache) return { json: kept.json, extensions: { cache: keptExtension(kept) } }
  return isForAnybody(state, operation) ? { json: kept.json, validity: kept.validity } : { json: kept.json }
}

function reserve(
  stages: Stages,
  state: RequestState,
  operation: ServableOperation,
  variables: Variables,
): Reservation | Refused | Promise<Reservation | Refused> | undefined {
  const { caller, address, headers } = state
  const variant = variantOf(operation, state)
  const planned = async () => {
    const plan = await plannedBy(variant.plan(variables, caller), state.deadlineMs)
    return operation.cost.planned(plan, variables)
  }
  try {
    const reserving = stages.spending?.reserve({
      caller,
      address,
      operation,
      variables,
      planned,
      costFactor: state.ruling.costFactor,
      shed: state.ruling.verdict === 'KEPT' ? () => shed(stages, caller, operation) : undefined,
      placeToken: headers[PLACE_HEADER]?.toString(),
    })
    if (!(reserving instanceof Promise)) return reserving
    return reserving.catch((reason: unknown) => new Refused(reason))
  } catch (reason) {
    return new Refused(reason)
  }
}

/** What the client is told of the price, and the caller's points settled. Nothing where answers are everybody's. */
function costOf(
  { spending }: Stages,
  state: RequestState,
  operation: ServableOperation,
  variables: Variables,
  reserved: Reservation,
  actual: number | undefined,
  wasInVain = false,
): Pick<Outcome, 'extensions'> | undefined {
  const cost = spending!.settle(reserved, actual, wasInVain)
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
