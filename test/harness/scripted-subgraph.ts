import type { Caller } from '../../protocol/caller.ts'
import { deadlineIn } from '../../protocol/deadline.ts'
import type { ServedSubgraph } from '../../protocol/execute-by-deadline.ts'
import { noAnswer } from '../../protocol/no-answer.ts'
import type { SubgraphAnswer, SubgraphRequest } from '../../protocol/subgraph-client.ts'

export const ALICE: Caller = {
  kind: 'shopper',
  shopperId: 'alice',
  client: 'qwen',
  scopes: ['coupon:claim', 'order:pay'],
  tier: 'chatbot',
  amountMaxFen: 20_000,
}

/**
 * A subgraph whose answer is written in the request's variables, for tests of what carries it:
 * `{do: 'echo' | 'errors' | 'overloaded' | 'throw' | 'unwritable' | 'wait'}`; `wait` answers when `release` is called.
 */
export class ScriptedSubgraph implements ServedSubgraph {
  readonly name = 'scripted'
  readonly requests: SubgraphRequest[] = []
  unready: string | undefined
  #waiting: (() => void)[] = []

  async execute(request: SubgraphRequest): Promise<SubgraphAnswer> {
    this.requests.push(request)
    switch (request.variables.do) {
      case 'errors':
        return {
          data: { field: null },
          errors: [{ message: 'no', path: ['field', 0], extensions: { code: 'BAD_ID', retryAfterMs: 5 } }],
          extensions: { trace: 1 },
        }
      case 'overloaded':
        throw noAnswer('SUBGRAPH_OVERLOADED', this.name, 'full', { retryAfterMs: 1_234 })
      case 'throw':
        throw new Error('a bug')
      case 'unwritable':
        return { data: { big: 10n } }
      case 'wait':
        await new Promise<void>(resolve => this.#waiting.push(resolve))
        break
    }
    const { kind, operation, operationName, variables, caller, priority, traceparent } = request
    return {
      data: {
        echo: {
          kind,
          operation,
          operationName: operationName ?? null,
          variables,
          caller,
          priority,
          traceparent: traceparent ?? null,
        },
      },
    }
  }

  async ready(): Promise<void> {
    if (this.unready !== undefined) throw new Error(this.unready)
  }

  /** Lets everything go on that waits, and returns how many did. */
  release(): number {
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
    return waiting.length
  }

  get waiting(): number {
    return this.#waiting.length
  }
}

export function requestOf(
  kind: 'query' | 'mutation',
  variables: Readonly<Record<string, unknown>>,
  own: Partial<SubgraphRequest> = {},
): SubgraphRequest {
  return {
    kind,
    operation: `${kind} Do($do: String) { do(do: $do) }`,
    variables,
    caller: ALICE,
    deadlineMs: deadlineIn(10_000),
    priority: 'CLAIM',
    ...own,
  }
}
