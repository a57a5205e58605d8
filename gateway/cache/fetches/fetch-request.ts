import type { Caller } from '../../../protocol/caller.ts'
import type { DeadlineMs } from '../../../protocol/deadline.ts'
import type { Priority } from '../../../protocol/priority.ts'
import type { SubgraphAnswer } from '../../../protocol/subgraph-client.ts'
import type { FetchDescription } from '../policy/fetch-policy.ts'

/*
 * A fetch as execution describes it (execution/fetch-cache.ts says what each member promises). The cache may not import
 * execution; that the two fit is checked where they are wired.
 */

export interface CachedFetch extends FetchDescription {
  /** Nothing that was kept, or asked for by others, will do. */
  readonly isFresh: boolean
}

export interface Asker {
  readonly caller: Caller
  readonly deadlineMs: DeadlineMs
  readonly priority: Priority
  readonly headersFor: ((subgraph: string) => Readonly<Record<string, string>> | undefined) | undefined
}

export type Values = Readonly<Record<string, unknown>>

export type SendFetch = (
  variables: Values,
  deadlineMs: DeadlineMs,
  isFresh: boolean,
) => Promise<SubgraphAnswer>

export interface EntityList {
  readonly key: string
  readonly variable: string
  readonly representations: readonly object[]
}

export interface MissingEntities {
  readonly reason: unknown
  readonly indexes: ReadonlyMap<string, ReadonlySet<number>>
}

export interface EntitiesAnswer {
  readonly answer: SubgraphAnswer
  readonly missing?: readonly MissingEntities[] | undefined
}
