import { Fault } from './fault.ts'
import type { SubgraphRequest } from './subgraph-client.ts'

/** Why there is no answer: all that a SubgraphClient rejects with. */
export type NoAnswerCode =
  | 'SUBGRAPH_UNREACHABLE'
  | 'SUBGRAPH_TIMEOUT'
  | 'SUBGRAPH_BAD_ANSWER'
  | 'SUBGRAPH_OVERLOADED'
  | 'OUTCOME_UNKNOWN'

/** When to ask again if nobody knows better; `undefined`: asking again, unchanged, is not expected to help. */
const RETRY_AFTER_MS: Readonly<Record<NoAnswerCode, number | undefined>> = {
  SUBGRAPH_UNREACHABLE: 1_000,
  SUBGRAPH_TIMEOUT: 1_000,
  SUBGRAPH_BAD_ANSWER: undefined,
  SUBGRAPH_OVERLOADED: 1_000,
  OUTCOME_UNKNOWN: 1_000,
}

export const isNoAnswerCode = (code: unknown): code is NoAnswerCode =>
  typeof code === 'string' && Object.hasOwn(RETRY_AFTER_MS, code)

/** There is no answer from `subgraph`, and the operation certainly did not run, or is a query. */
export function noAnswer(
  code: NoAnswerCode,
  subgraph: string,
  why: string,
  options: { retryAfterMs?: number | undefined; cause?: unknown } = {},
): Fault {
  const retryAfterMs = options.retryAfterMs ?? RETRY_AFTER_MS[code]
  return new Fault(code, `${subgraph}: ${why}`, {
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(options.cause === undefined ? {} : { cause: options.cause }),
    details: { service: subgraph },
  })
}

/** As {@link noAnswer} for an operation that may have run: a query is none the worse, a mutation is OUTCOME_UNKNOWN. */
export function answerLost(
  request: SubgraphRequest,
  code: NoAnswerCode,
  subgraph: string,
  why: string,
  options: { retryAfterMs?: number | undefined; cause?: unknown } = {},
): Fault {
  return request.kind === 'query'
    ? noAnswer(code, subgraph, why, options)
    : noAnswer('OUTCOME_UNKNOWN', subgraph, `${why}; the mutation may have run`, { cause: options.cause })
}
