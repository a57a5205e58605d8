import type { DocumentNode } from 'graphql'
import type { Caller } from '../../protocol/caller.ts'
import type { DeadlineMs } from '../../protocol/deadline.ts'
import type { Priority } from '../../protocol/priority.ts'
import type { SubgraphAnswer } from '../../protocol/subgraph-client.ts'

/** What a subgraph is sent of the client's headers, by lower-case name. */
export type HeadersFor = (subgraph: string) => Readonly<Record<string, string>> | undefined

/** Who asks, until when, and how urgently: what the cache looks at of an execution. */
export interface Asker {
  readonly caller: Caller
  readonly deadlineMs: DeadlineMs
  readonly priority: Priority
  readonly headersFor: HeadersFor | undefined
}

/** A fetch as the cache knows it: by its identity, so that what is made of it is made once. */
export interface KeptFetch {
  readonly service: string
  readonly kind: 'query' | 'mutation'
  readonly operation: string
  readonly document: DocumentNode
  readonly scope: 'PUBLIC' | 'PRIVATE'
  /** Must see what is true now: nothing that was kept, or asked for by others, will do. What it finds may be kept. */
  readonly isFresh: boolean
}

/**
 * Sends the fetch, with what it is to ask for and until when. Rejects as a subgraph's client does; what it answers has
 * the shape that GraphQL promises.
 * @param isFresh it joins no fetch that is under way: one that left before an invalidation must not answer after it.
 */
export type SendFetch = (
  variables: Readonly<Record<string, unknown>>,
  deadlineMs: DeadlineMs,
  isFresh: boolean,
) => Promise<SubgraphAnswer>

/** Where the representations of one root field of an entity fetch are. */
export interface EntityList {
  /** Its key in the answer. */
  readonly key: string
  /** The variable that carries them; several root fields may share one. */
  readonly variable: string
  readonly representations: readonly object[]
}

/** Part of an entity fetch that could not be had. */
export interface MissingEntities {
  /** What the client rejected with, or what else is wrong with what it answered. */
  readonly reason: unknown
  /** By root key, which representations, by their index in the whole list. */
  readonly indexes: ReadonlyMap<string, ReadonlySet<number>>
}

export interface EntitiesAnswer {
  /** As if the subgraph had been asked for all of them: lists in the order of the representations, errors at their indexes. */
  readonly answer: SubgraphAnswer
  /** No representation is in two of them. */
  readonly missing?: readonly MissingEntities[] | undefined
}

/**
 * What execution asks before it asks a subgraph; one for each execution. Implemented by the cache. Answers are shared:
 * nobody writes into them.
 */
export interface FetchCache {
  /** @param variables that are sent, names as in the operation. */
  root(
    fetch: KeptFetch,
    asker: Asker,
    variables: Readonly<Record<string, unknown>>,
    send: SendFetch,
  ): Promise<SubgraphAnswer>
  /** @param variables without those that carry representations. `send` is given all of them. */
  entities(
    fetch: KeptFetch,
    asker: Asker,
    variables: Readonly<Record<string, unknown>>,
    lists: readonly EntityList[],
    send: SendFetch,
  ): Promise<EntitiesAnswer>
  /** Resolves when what a mutation has changed is void; `answer` undefined: nobody knows what became of it. */
  mutated(
    fetch: KeptFetch,
    asker: Asker,
    variables: Readonly<Record<string, unknown>>,
    answer: SubgraphAnswer | undefined,
  ): Promise<void>
}
