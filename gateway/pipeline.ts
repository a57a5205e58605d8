import type { GraphQLFormattedError } from 'graphql'
import type { Logger } from 'pino'
import type { Caller } from '../protocol/caller.ts'
import { type DeadlineMs, deadlineIn, nowMs } from '../protocol/deadline.ts'
import { Fault } from '../protocol/fault.ts'
import type { SubgraphClient } from '../protocol/subgraph-client.ts'
import { codeOf, presentError, type RawError } from './errors.ts'
import type { ExecutionOutcome } from './execution/execute.ts'
import type { Variables } from './execution/variables.ts'
import type { Identify } from './identity/identify.ts'
import type { AdhocOperations } from './operations/adhoc.ts'
import type { OperationRegistry, ServableOperation } from './operations/registry.ts'
import { type Outcome, outcomeCode } from './request.ts'
import type { Supergraph } from './supergraph/supergraph.ts'
import type { Metrics } from './telemetry/metrics.ts'

/**
 * Everything that depends on the supergraph: immutable, replaced whole when a new one is swapped in. A request keeps to
 * the one that it was admitted on, until it is answered.
 */
export interface Graph {
  readonly supergraph: Supergraph
  readonly registry: OperationRegistry
  readonly adhoc: AdhocOperations
  readonly clients: ReadonlyMap<string, SubgraphClient>
}

/** What the steps work with; one a gateway. */
export interface Stages {
  readonly identify: Identify
  /** Read once a request, by {@link admit}. */
  readonly graph: { readonly current: Graph }
  readonly metrics: Metrics
  readonly logger: Logger
  readonly production: boolean
  readonly limits: { readonly requestMsMax: number; readonly fetchesMax: number }
}

/** Through which a request comes in. Over HTTP a persisted operation takes the express lane, other text Apollo's door. */
export type Door = 'http' | 'mcp'

/** A request as its door found it: nothing in it is believed yet. */
export interface Incoming {
  /** For logs; given back in the header `x-request-id`. */
  readonly id: string
  readonly door: Door
  readonly authorization: string | undefined
  /** The program that speaks, by its own account. */
  readonly clientName: string | undefined
  /** W3C trace context, well-formed. */
  readonly traceparent: string | undefined
  /** The SHA-256 by which it names a persisted operation. */
  readonly hash: string | undefined
}

/** An admitted request on its way. */
export interface RequestState extends Incoming {
  readonly caller: Caller
  readonly graph: Graph
  /** The persisted operation that it names; `undefined`: none that is known. */
  readonly operation: ServableOperation | undefined
  readonly startedMs: number
  readonly deadlineMs: DeadlineMs
}

/**
 * The first half of a request's life, before anything of it is parsed. The order of the steps is the behaviour: who
 * calls, then what.
 */
export async function admit(stages: Stages, incoming: Incoming): Promise<RequestState | Fault> {
  const caller = await stages.identify(incoming.authorization)
  if (caller instanceof Fault) return caller
  // In the same moment as the deadline: a graph that was replaced serves nobody once a request's time has passed.
  const graph = stages.graph.current
  return {
    ...incoming,
    caller,
    graph,
    operation: findOperation(graph.registry, incoming),
    startedMs: nowMs(),
    deadlineMs: deadlineIn(stages.limits.requestMsMax),
  }
}

/** The second half, for a persisted operation or one compiled of a client's text. Never rejects. */
export async function run(
  stages: Stages,
  state: RequestState,
  operation: ServableOperation,
  given: Variables | undefined,
): Promise<Outcome> {
  const variables = coerce(operation, given)
  if (variables instanceof Refused) return settle(stages, state, operation, refusal(stages, variables.reason))
  const executed = await execute(stages, state, operation, variables)
  if (executed instanceof Refused) return settle(stages, state, operation, refusal(stages, executed.reason))
  return settle(stages, state, operation, outcomeOf(stages, executed))
}

/** The answer to a request that a step, or its door, has refused; `state` is what is known of it by then. */
export function refuse(stages: Stages, reason: unknown, state: Partial<RequestState>): Outcome {
  return settle(stages, state, state.operation, refusal(stages, reason))
}

// The steps

/** Why a step came to nothing: a Fault, or a defect of ours. */
class Refused {
  readonly reason: unknown
  constructor(reason: unknown) {
    this.reason = reason
  }
}

function findOperation(
  registry: OperationRegistry,
  { hash, clientName }: Incoming,
): ServableOperation | undefined {
  return hash === undefined ? undefined : registry.find(hash, clientName)
}

function coerce(operation: ServableOperation, given: Variables | undefined): Variables | Refused {
  try {
    return operation.compiled.coerceVariables(given)
  } catch (reason) {
    return new Refused(reason)
  }
}

async function execute(
  { limits }: Stages,
  { caller, graph, deadlineMs, traceparent }: RequestState,
  { compiled, priority }: ServableOperation,
  variables: Variables,
): Promise<ExecutionOutcome | Refused> {
  try {
    return await compiled.execute({
      variables,
      caller,
      deadlineMs,
      priority,
      clients: graph.clients,
      fetchesMax: limits.fetchesMax,
      ...(traceparent === undefined ? {} : { traceparent }),
    })
  } catch (reason) {
    return new Refused(reason)
  }
}

function outcomeOf(stages: Stages, { data, errors }: ExecutionOutcome): Outcome {
  if (errors.length === 0) return { data }
  return { errors: errors.map(error => present(stages, error)), data }
}

function refusal(stages: Stages, reason: unknown): Outcome {
  if (reason instanceof Fault) return { errors: [present(stages, reason)] }
  stages.logger.error({ err: reason }, 'request failed')
  return { errors: [presentError({ message: '' }, stages.production)] }
}

function present({ logger, production }: Stages, error: RawError): GraphQLFormattedError {
  const presented = presentError(error, production)
  if (codeOf(presented) === 'INTERNAL_SERVER_ERROR') {
    logger.error(
      { reason: error.message, service: error.extensions?.service, path: error.path },
      'service failed',
    )
  }
  return presented
}

function settle(
  { metrics, logger }: Stages,
  state: Partial<RequestState>,
  operation: ServableOperation | undefined,
  outcome: Outcome,
): Outcome {
  const { id, caller, startedMs } = state
  const code = outcomeCode(outcome)
  const sample = {
    door: caller === undefined ? 'none' : doorOf(state),
    operation: operation?.name ?? (caller === undefined ? 'none' : 'adhoc'),
    code,
    durationMs: startedMs === undefined ? 0 : nowMs() - startedMs,
  }
  metrics.observe(sample)
  const level = code === 'OK' ? 'debug' : 'info'
  if (logger.isLevelEnabled(level)) {
    logger[level]({ requestId: id, ...sample, kind: caller?.kind, client: caller?.client }, 'request')
  }
  return outcome
}

const doorOf = ({ door, operation }: Partial<RequestState>): string =>
  door === 'mcp' ? 'mcp' : operation === undefined ? 'apollo' : 'express'
