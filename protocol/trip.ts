import type { Fault } from './fault.ts'
import { ExchangeTimeout } from './http-exchange.ts'
import { answerLost, noAnswer } from './no-answer.ts'
import type { SubgraphRequest } from './subgraph-client.ts'

/** An operation on its way over HTTP. */
export interface Trip {
  readonly request: SubgraphRequest
  /** Its place in its batch. */
  index: number
  /** Something of it may have been read by the other side. */
  isSent: boolean
  isAnswered: boolean
}

export const tripOf = (request: SubgraphRequest): Trip => ({
  request,
  index: 0,
  isSent: false,
  isAnswered: false,
})

/** Why the trip has no answer, when its exchange failed with `cause`. */
export function faultOfFailure(subgraph: string, trip: Trip, cause: unknown, hasHead: boolean): Fault {
  if (cause instanceof ExchangeTimeout) return timedOut(subgraph, trip)
  const got = (cause as Error).message || (cause as Error).name
  if (!trip.isSent) {
    // By its code only: the message has the address, which clients need not know.
    const why = isConnectionError(cause) ? `expected a connection, got ${codeOf(cause)}` : got
    return noAnswer('SUBGRAPH_UNREACHABLE', subgraph, `not sent: ${why}`, { cause })
  }
  const why = `expected an answer, got ${got}`
  const code = hasHead || !isConnectionError(cause) ? 'SUBGRAPH_BAD_ANSWER' : 'SUBGRAPH_UNREACHABLE'
  return answerLost(trip.request, code, subgraph, why, { cause })
}

export function timedOut(subgraph: string, trip: Trip): Fault {
  return trip.isSent
    ? answerLost(trip.request, 'SUBGRAPH_TIMEOUT', subgraph, 'expected an answer by the deadline, got none')
    : noAnswer('SUBGRAPH_TIMEOUT', subgraph, 'the deadline passed before the request was sent')
}

/** The breaker is open: nothing of it was sent, which is what a mutation wants to know. */
export function notTried(subgraph: string, refusesForMs: number): Fault {
  const retryAfterMs = Math.max(RETRY_AFTER_MS_MIN, Math.ceil(refusesForMs))
  const why = `not sent: it failed too often of late and is asked again in ${retryAfterMs} ms`
  return noAnswer('SUBGRAPH_UNREACHABLE', subgraph, why, { retryAfterMs })
}

export function unwritable(subgraph: string, cause: unknown): Fault {
  return noAnswer('SUBGRAPH_BAD_ANSWER', subgraph, 'expected variables that JSON can write', { cause })
}

const RETRY_AFTER_MS_MIN = 50

const CONNECTION_ERRORS: ReadonlySet<unknown> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EPIPE',
  'ETIMEDOUT',
  'UND_ERR_SOCKET',
  'UND_ERR_CONNECT_TIMEOUT',
])

export const isConnectionError = (error: unknown): boolean =>
  error instanceof Error && CONNECTION_ERRORS.has(codeOf(error))

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code
