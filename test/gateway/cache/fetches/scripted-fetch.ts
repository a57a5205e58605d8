import { parse } from 'graphql'
import type {
  Asker,
  CachedFetch,
  EntityList,
  SendFetch,
  Values,
} from '../../../../gateway/cache/fetches/fetch-request.ts'
import type { FetchCaching, FetchRun } from '../../../../gateway/cache/fetches/fetches.ts'
import type { Caller } from '../../../../protocol/caller.ts'
import { deadlineIn } from '../../../../protocol/deadline.ts'
import type { SubgraphAnswer } from '../../../../protocol/subgraph-client.ts'
import { deepFreeze } from '../../execution/world.ts'

export const shopper = (shopperId: string, client = 'qwen'): Caller => ({
  kind: 'shopper',
  shopperId,
  client,
  scopes: [],
  tier: 'shopper',
})

export const asker = (changes: Partial<Asker> = {}): Asker => ({
  caller: shopper('alice'),
  deadlineMs: deadlineIn(10_000),
  priority: 'BROWSE',
  headersFor: undefined,
  ...changes,
})

export const fetchOf = (operation: string, changes: Partial<CachedFetch> = {}): CachedFetch => ({
  service: 'shop',
  kind: 'query',
  operation,
  document: parse(operation, { noLocation: true }),
  scope: 'PUBLIC',
  isFresh: false,
  ...changes,
})

/** A subgraph whose answers a test gives one by one; they are deep-frozen. */
export class ScriptedSend {
  readonly sent: { readonly variables: Values; readonly deadlineMs: number; readonly isFresh: boolean }[] = []
  readonly #waiting: PromiseWithResolvers<SubgraphAnswer>[] = []

  readonly send: SendFetch = (variables, deadlineMs, isFresh) => {
    this.sent.push({ variables, deadlineMs, isFresh })
    const waiting = Promise.withResolvers<SubgraphAnswer>()
    this.#waiting.push(waiting)
    return waiting.promise
  }

  /** Answers what was sent first and is not answered. */
  answer(answer: SubgraphAnswer): void {
    this.#next().resolve(deepFreeze(answer))
  }

  fail(reason: unknown): void {
    this.#next().reject(reason)
  }

  #next(): PromiseWithResolvers<SubgraphAnswer> {
    const next = this.#waiting.shift()
    if (next === undefined) throw new Error('Expected a fetch that waits for its answer, got none')
    return next
  }
}

/** A subgraph that answers at once. */
export function answering(answerOf: (variables: Values) => SubgraphAnswer): {
  readonly send: SendFetch
  readonly sent: Values[]
} {
  const sent: Values[] = []
  const send: SendFetch = async variables => {
    sent.push(variables)
    return deepFreeze(answerOf(variables))
  }
  return { send, sent }
}

/** Runs what is ready to run, to the end; timers and sockets wait. */
export const settled = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

export interface RootAsked {
  readonly by?: Partial<Asker>
  readonly variables?: Values
  readonly run?: FetchRun
}

/** Asks as an execution of its own. */
export const askRoot = (
  caching: Pick<FetchCaching, 'begin'>,
  fetch: CachedFetch,
  send: SendFetch,
  { by = {}, variables = {}, run = caching.begin() }: RootAsked = {},
): Promise<SubgraphAnswer> => run.root(fetch, asker(by), variables, send)

export const product = (id: string): { readonly __typename: string; readonly id: string } => ({
  __typename: 'Product',
  id,
})

export const listOf = (
  ids: readonly string[],
  { key = '_entities', variable = 'representations' }: { key?: string; variable?: string } = {},
): EntityList => ({ key, variable, representations: ids.map(product) })
