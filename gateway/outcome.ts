import type { GraphQLError, GraphQLFormattedError } from 'graphql'
import type { Logger } from 'pino'
import type { Caller } from '../protocol/caller.ts'
import { type DeadlineMs, nowMs } from '../protocol/deadline.ts'
import { Fault } from '../protocol/fault.ts'
import { codeOf, presentError, type RawError } from './errors.ts'
import { type JsonText, type Outcome, outcomeCode, type Validity } from './request.ts'
import type { Metrics } from './telemetry/metrics.ts'

/** What an answer is told to beside its client. */
export interface Telling {
  readonly metrics: Metrics
  readonly logger: Logger
  /** Masks what others say of their errors. */
  readonly production: boolean
}

/** As much as is known of an answered request. */
export interface Answered {
  readonly id?: string | undefined
  readonly door?: string | undefined
  readonly caller?: Caller | undefined
  /** Undefined: it came as text that was not known. */
  readonly operation?: unknown
  readonly startedMs?: DeadlineMs | undefined
  readonly clientName?: string | undefined
  readonly clientVersion?: string | undefined
}

/** What execution came to, as text or not, with what its client wants to know beside. */
export type Executed = (
  | { readonly data: Exclude<Outcome['data'], undefined> }
  | { readonly json: JsonText }
) & {
  readonly errors: readonly GraphQLError[]
  readonly extensions?: Outcome['extensions']
  readonly validity?: Validity | undefined
}

/** The answer to what was executed. */
export function outcomeOf(telling: Telling, executed: Executed): Outcome {
  const { errors, extensions, validity } = executed
  const data = 'json' in executed ? { json: executed.json } : { data: executed.data }
  if (errors.length === 0 && extensions === undefined) return validity ? { ...data, validity } : data
  const beside = extensions === undefined ? {} : { extensions }
  if (errors.length === 0) return { ...data, ...beside }
  return { errors: errors.map(error => present(telling, error)), ...data, ...beside }
}

/** An outcome for a door that looks into the data; how long it holds is nothing to such a door. */
export function asData(outcome: Outcome): Outcome {
  const { errors, json, extensions } = outcome
  if (json === undefined) return outcome
  const data = JSON.parse(json.text) as Exclude<Outcome['data'], undefined>
  return {
    ...(errors === undefined ? {} : { errors }),
    data,
    ...(extensions === undefined ? {} : { extensions }),
  }
}

/** The answer where nothing was executed; what is no Fault is a defect, and told to the log alone. */
export function refusalOf(telling: Telling, reason: unknown): Outcome {
  if (reason instanceof Fault) return { errors: [present(telling, reason)] }
  telling.logger.error({ err: reason }, 'request failed')
  return { errors: [presentError({ message: '' }, telling.production)] }
}

function present({ logger, production }: Telling, error: RawError): GraphQLFormattedError {
  const presented = presentError(error, production)
  if (codeOf(presented) === 'INTERNAL_SERVER_ERROR') {
    logger.error(
      { reason: error.message, service: error.extensions?.service, path: error.path },
      'service failed',
    )
  }
  return presented
}

/** Counts and logs an answer, and gives it back. `operation`: the one that it is of, once that is known. */
export function record(
  { metrics, logger }: Telling,
  state: Answered,
  operation: { readonly name: string } | undefined,
  outcome: Outcome,
): Outcome {
  const { id, caller, startedMs, clientName, clientVersion } = state
  const code = outcomeCode(outcome)
  const sample = {
    door: caller === undefined ? 'none' : doorOf(state),
    operation: operation?.name ?? (caller === undefined ? 'none' : 'adhoc'),
    code,
    durationMs: startedMs === undefined ? 0 : nowMs() - startedMs,
    clientName,
    clientVersion,
  }
  metrics.observe(sample)
  const level = code === 'OK' ? 'debug' : 'info'
  if (logger.isLevelEnabled(level)) {
    // `client` is proved by the token, `clientName` by nothing: they may differ.
    logger[level]({ requestId: id, ...sample, kind: caller?.kind, client: caller?.client }, 'request')
  }
  return outcome
}

const doorOf = ({ door, operation }: Answered): string =>
  door === 'mcp' ? 'mcp' : operation === undefined ? 'apollo' : 'express'
