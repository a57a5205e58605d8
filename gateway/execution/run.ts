import type { Caller } from '../../protocol/caller.ts'
import type { DeadlineMs } from '../../protocol/deadline.ts'
import type { Priority } from '../../protocol/priority.ts'
import type { SubgraphClient } from '../../protocol/subgraph-client.ts'
import type { ErrorList } from './errors.ts'
import type { FetchCache, HeadersFor } from './fetch-cache.ts'
import type { Data } from './tree.ts'

export type { HeadersFor } from './fetch-cache.ts'

/** Resolves, whatever with, when it is one's turn; `undefined`: it is. Never rejects. */
export type Turn = () => Promise<unknown> | undefined

/** One execution of a compiled operation, as its steps see it. */
export interface Run {
  /** The response so far, under internal keys; written by steps only (tree.ts says where). */
  readonly data: Data
  /** Coerced, under the client's names. */
  readonly variables: Readonly<Record<string, unknown>>
  readonly caller: Caller
  readonly deadlineMs: DeadlineMs
  readonly priority: Priority
  readonly traceparent: string | undefined
  readonly headersFor: HeadersFor | undefined
  readonly clients: ReadonlyMap<string, SubgraphClient>
  /** Asked before a subgraph is; undefined: nothing is kept. */
  readonly cache: FetchCache | undefined
  /** Waited for before an answer is worked on; undefined: nothing. */
  readonly turn: Turn | undefined
  /** Its fetches join none that are under way. */
  readonly isFresh: boolean
  /** Representations that one fetch may carry. */
  readonly entitiesMax: number
  readonly errors: ErrorList
}

/** Part of a plan, compiled. Never rejects: what goes wrong is in the run's errors. */
export type Step = (run: Run) => Promise<void> | undefined
