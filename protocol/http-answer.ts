import { BATCH_HEADER } from './envelope.ts'
import type { Fault } from './fault.ts'
import type { ResponseHeaders } from './http-exchange.ts'
import { answerLost, isNoAnswerCode, noAnswer } from './no-answer.ts'
import { parseAnswer } from './parse-answer.ts'
import type { SubgraphAnswer, SubgraphRequest } from './subgraph-client.ts'

/** A whole response to a POST. */
export interface HttpResponse {
  readonly status: number
  readonly headers: ResponseHeaders
  readonly body: Buffer
}

const JSON_TYPE = /^application\/(graphql-response\+json|json)\s*(;|$)/i
const RETRY_AFTER_MS_MAX = 60_000

/**
 * What a response to a plain GraphQL request says. A well-formed GraphQL body is an answer whatever its status
 * (https://graphql.github.io/graphql-over-http/draft/#sec-Status-Codes), unless the sender is one of our subgraphs, which
 * answer 200 to whatever they executed.
 * @returns a Fault when there is no answer.
 */
export function readHttpAnswer(
  request: SubgraphRequest,
  subgraph: string,
  response: HttpResponse,
): SubgraphAnswer | Fault {
  const isAnswer = isSuccess(response.status) || response.headers[BATCH_HEADER] === undefined
  if (!isAnswer) return faultOfResponse(request, subgraph, response)
  try {
    return parseAnswer(parseJson(response))
  } catch (cause) {
    if (!isSuccess(response.status)) return faultOfResponse(request, subgraph, response)
    return answerLost(request, 'SUBGRAPH_BAD_ANSWER', subgraph, (cause as Error).message, { cause })
  }
}

/** Why one of our subgraphs does not believe who sent a request, in its own words: for logs, not for clients. */
export interface IdentityRefusal {
  readonly status: number
  /** As `verifyIdentity` names it. */
  readonly reason: string | undefined
  readonly message: string | undefined
}

/** @returns `undefined` for any other response. What a caller may not do is said in answers, whose status is 200. */
export function identityRefusalOf(response: HttpResponse): IdentityRefusal | undefined {
  const { status, headers } = response
  if ((status !== 401 && status !== 403) || headers[BATCH_HEADER] === undefined) return undefined
  const { message, extensions } = errorOf(response)
  const reason = extensions?.reason
  return {
    status,
    reason: typeof reason === 'string' ? reason : undefined,
    message: typeof message === 'string' ? message : undefined,
  }
}

/** What a response without an answer means for one request that it was to answer. */
export function faultOfResponse(request: SubgraphRequest, subgraph: string, response: HttpResponse): Fault {
  const { status, headers } = response
  const why = `expected an answer, got status ${status}`
  const retryAfterMs = parseRetryAfterMs(headers['retry-after'])
  if (headers[BATCH_HEADER] !== undefined && !isSuccess(status))
    return faultOfSubgraph(subgraph, response, why)
  if (status === 429) return noAnswer('SUBGRAPH_OVERLOADED', subgraph, why, { retryAfterMs })
  // A proxy says 503 too when the connection behind it broke half-way: for a mutation that proves nothing.
  if (status === 503) return answerLost(request, 'SUBGRAPH_OVERLOADED', subgraph, why, { retryAfterMs })
  const isRefusal = status >= 300 && status < 500 && status !== 408
  if (isRefusal) return noAnswer('SUBGRAPH_BAD_ANSWER', subgraph, why)
  return answerLost(request, 'SUBGRAPH_BAD_ANSWER', subgraph, why)
}

/** Our own subgraphs name the fault, and have executed nothing unless they say so. */
function faultOfSubgraph(subgraph: string, response: HttpResponse, why: string): Fault {
  const error = errorOf(response)
  const { code, retryAfterMs } = error.extensions ?? {}
  // How we sign is nothing that a client should read about.
  const isSayable = typeof error.message === 'string' && identityRefusalOf(response) === undefined
  const said = isSayable ? `${why}: ${error.message}` : why
  return noAnswer(isNoAnswerCode(code) ? code : 'SUBGRAPH_BAD_ANSWER', subgraph, said, {
    retryAfterMs: typeof retryAfterMs === 'number' && retryAfterMs >= 0 ? retryAfterMs : undefined,
  })
}

function errorOf(response: HttpResponse): {
  message?: unknown
  extensions?: Readonly<Record<string, unknown>>
} {
  try {
    return parseAnswer(parseJson(response)).errors?.[0] ?? {}
  } catch {
    // The status alone has to do.
    return {}
  }
}

export const isSuccess = (status: number): boolean => status >= 200 && status < 300

/** A header that may have been sent twice: the first counts. */
export const firstOf = (header: string | string[] | undefined): string | undefined =>
  Array.isArray(header) ? header[0] : header

function parseJson({ headers, body }: HttpResponse): unknown {
  const type = firstOf(headers['content-type'])
  if (type === undefined || !JSON_TYPE.test(type)) {
    throw new TypeError(
      `expected content type application/graphql-response+json or application/json, got ${type}`,
    )
  }
  return JSON.parse(body.toString())
}

/** Seconds only: a date would need the other side's clock. */
function parseRetryAfterMs(header: string | string[] | undefined): number | undefined {
  const text = firstOf(header)
  return text !== undefined && /^\d{1,6}$/.test(text)
    ? Math.min(Number(text) * 1_000, RETRY_AFTER_MS_MAX)
    : undefined
}
