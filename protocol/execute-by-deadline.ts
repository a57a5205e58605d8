import { remainingMs } from './deadline.ts'
import { Fault } from './fault.ts'
import { answerLost, isNoAnswerCode, noAnswer } from './no-answer.ts'
import type { QueueStats, SubgraphAnswer, SubgraphRequest } from './subgraph-client.ts'

/** A subgraph where it runs, as the in-process client and the HTTP server call it. */
export interface ServedSubgraph {
  readonly name: string
  execute(request: SubgraphRequest): Promise<SubgraphAnswer>
  ready(): Promise<void>
  /** Where its operations wait, by name, to be read at any time. */
  readonly queues?: ReadonlyMap<string, QueueStats>
}

/** Node's timers end at 2³¹ − 1 ms and turn anything longer into 1 ms. */
const TIMER_MS_MAX = 2 ** 31 - 1

/**
 * Calls the subgraph and answers by the request's deadline, with the same faults on either side of a wire. The call goes
 * on after its deadline: what it has begun, it finishes.
 * @throws Fault SUBGRAPH_TIMEOUT | SUBGRAPH_BAD_ANSWER (the call threw), OUTCOME_UNKNOWN in their place for a mutation
 * that began; a Fault that the subgraph threw passes if it says that there is no answer.
 */
export function executeByDeadline(
  subgraph: ServedSubgraph,
  request: SubgraphRequest,
): Promise<SubgraphAnswer> {
  const leftMs = remainingMs(request.deadlineMs)
  if (leftMs === 0) {
    return Promise.reject(
      noAnswer('SUBGRAPH_TIMEOUT', subgraph.name, 'the deadline passed before the request was sent'),
    )
  }
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => {
        reject(
          answerLost(
            request,
            'SUBGRAPH_TIMEOUT',
            subgraph.name,
            'expected an answer by the deadline, got none',
          ),
        )
      },
      Math.min(leftMs, TIMER_MS_MAX),
    )
    callSubgraph(subgraph, request).then(
      answer => {
        clearTimeout(timer)
        resolve(answer)
      },
      error => {
        clearTimeout(timer)
        reject(faultOf(error, subgraph, request))
      },
    )
  })
}

/** `async` only to turn a throw into a rejection. */
async function callSubgraph(subgraph: ServedSubgraph, request: SubgraphRequest): Promise<SubgraphAnswer> {
  return subgraph.execute(request)
}

function faultOf(error: unknown, subgraph: ServedSubgraph, request: SubgraphRequest): Fault {
  if (error instanceof Fault && isNoAnswerCode(error.code)) return error
  return answerLost(request, 'SUBGRAPH_BAD_ANSWER', subgraph.name, 'expected an answer, got an exception', {
    cause: error,
  })
}
