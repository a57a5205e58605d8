import { deadlineIn, nowMs } from '../protocol/deadline.ts'
import type { Priority } from '../protocol/priority.ts'
import type { FetchRecord } from './cache/fetches/fetch-record.ts'
import type { ResponseSlot } from './cache/responses/response-slot.ts'
import { type CacheExtension, isForAnybody, looksAnew } from './cached-response.ts'
import { type Executed, Refused } from './executed.ts'
import { describePlan } from './execution/describe-plan.ts'
import type { ExecuteOptions } from './execution/execute.ts'
import type { CompiledOperation } from './execution/operation.ts'
import { plannedBy } from './execution/planned-by.ts'
import type { Data } from './execution/tree.ts'
import type { Variables } from './execution/variables.ts'
import type { ServableOperation } from './operations/registry.ts'
import type { RequestState, Stages } from './stages.ts'
import { priorityOf } from './standing.ts'

/** A query by itself or, where that is on, with those that ask the same meanwhile. */
export async function execute(
  stages: Stages,
  state: RequestState,
  operation: ServableOperation,
  variables: Variables,
  form: 'data' | 'json',
  slot: ResponseSlot | undefined,
  isRefresh = false,
): Promise<Executed | Refused> {
  const { inFlight } = stages
  let isAlone = false
  const alone = () => {
    isAlone = true
    return executeAlone(stages, state, operation, variables, form, slot, isRefresh)
  }
  if (operation.kind === 'mutation') {
    const executed = await alone()
    inFlight?.mutated()
    return executed
  }
  const { caller, headersFor, wantsPlan, wantsCache } = state
  if (inFlight === undefined || wantsPlan || wantsCache || looksAnew(caller)) return await alone()
  const responses = state.graph.caching?.responses
  const executing = inFlight.join(
    {
      operation: variantOf(operation, state),
      variables,
      form,
      caller,
      headersFor,
      invalidations: responses === undefined ? 0 : responses.tick,
    },
    alone,
  )
  if (slot !== undefined && !isAlone && !isRefresh) responses!.missed(slot, true)
  return await executing
}

/** Beside the request that was answered, at nobody's expense, with time of its own. */
export function refresh(
  stages: Stages,
  state: RequestState,
  operation: ServableOperation,
  variables: Variables,
  slot: ResponseSlot,
): void {
  // Subgraphs' clients of a graph that was replaced close when its last request's time is over.
  if (state.graph !== stages.graph.current) return
  state.graph.caching!.responses.refresh(slot, async () => {
    const own: RequestState = {
      ...state,
      traceparent: undefined,
      wantsCache: false,
      startedMs: nowMs(),
      deadlineMs: deadlineIn(stages.limits.requestMsMax),
    }
    const executed = await execute(stages, own, operation, variables, 'json', slot, true)
    const isNew = !(executed instanceof Refused) && executed.isKept === true
    if (!isNew) stages.logger.debug({ operation: operation.name }, 'a kept answer could not be renewed')
    return isNew
  })
}

/** Compiled for the bucket of the rollout that the caller is in. */
export const variantOf = (
  { variants, compiled }: ServableOperation,
  { bucket }: RequestState,
): CompiledOperation => variants?.[bucket] ?? compiled

/**
 * Whose answers are worked on in turn, as their requests are started in turn. A batch brings up to a hundred at once: beside
 * 200 who browse, turns of the event loop took 30 to 60 ms.
 */
const IN_TURN: ReadonlySet<Priority> = new Set(['BROWSE', 'ADHOC'])

async function executeAlone(
  { limits, runQueue, spending }: Stages,
  state: RequestState,
  operation: ServableOperation,
  variables: Variables,
  form: 'data' | 'json',
  slot: ResponseSlot | undefined,
  isRefresh: boolean,
): Promise<Executed | Refused> {
  const { caller, graph, headersFor, wantsPlan, deadlineMs, traceparent } = state
  const variant = variantOf(operation, state)
  const { caching } = graph
  if (slot !== undefined && !isRefresh) caching!.responses.missed(slot, false)
  let actualCost = 0
  const priority = priorityOf(operation, caller)
  try {
    const readsKept = operation.kind === 'mutation' || !looksAnew(caller)
    const cache = readsKept ? caching?.fetches.begin({ isRefresh, isTraced: state.wantsCache }) : undefined
    const execution: ExecuteOptions = {
      variables,
      caller,
      deadlineMs,
      priority,
      clients: graph.clients,
      fetchesMax: limits.fetchesMax,
      ...(traceparent === undefined ? {} : { traceparent }),
      ...(headersFor === undefined ? {} : { headersFor }),
      ...(cache === undefined ? {} : { cache }),
      ...(readsKept ? {} : { isFresh: true }),
      ...(IN_TURN.has(priority) ? { turn: () => runQueue.goOn(priority) } : {}),
      ...(spending === undefined
        ? {}
        : { onData: (data: Data) => (actualCost = operation.cost.actual(data, variables)) }),
    }
    const queryPlan = wantsPlan
      ? describePlan(await plannedBy(variant.plan(variables, caller), deadlineMs), graph.supergraph.types)
      : undefined
    const executed: Executed = await (form === 'json'
      ? variant.executeToJson(execution)
      : variant.execute(execution))
    if (spending !== undefined) executed.actualCost = actualCost
    if (queryPlan !== undefined) executed.extensions = { queryPlan }
    if (state.wantsCache) tell(executed, slot, cache?.record)
    if (cache !== undefined && slot !== undefined) keep(state, operation, executed, cache.record, slot)
    return executed
  } catch (reason) {
    return new Refused(reason)
  }
}

/** What came out of what is kept. */
function tell(executed: Executed, slot: ResponseSlot | undefined, made: FetchRecord | undefined): void {
  const cache: CacheExtension = {
    response: slot === undefined ? 'SKIP' : 'MISS',
    fetches: made?.trace ?? [],
  }
  executed.extensions = { ...executed.extensions, cache }
}

/** Keeps an answer that nothing is wrong with. */
function keep(
  state: RequestState,
  operation: ServableOperation,
  executed: Executed,
  made: FetchRecord,
  slot: ResponseSlot,
): void {
  const { responses } = state.graph.caching!
  if (!('json' in executed)) return
  const reason = state.wantsCache ? 'debug' : executed.errors.length > 0 ? 'errors' : undefined
  if (reason !== undefined) responses.skipped(slot, reason)
  const kept = reason === undefined ? responses.keep(slot, executed.json, made) : undefined
  if (kept === undefined) return
  executed.isKept = true
  if (isForAnybody(state, operation)) executed.validity = kept.validity
}
