import type { Caller } from './caller.ts'
import type { DeadlineMs } from './deadline.ts'
import type { Priority } from './priority.ts'

/** One GraphQL operation for one subgraph. */
export interface SubgraphRequest {
  readonly kind: 'query' | 'mutation'
  /** Operation text with exactly one operation. */
  readonly operation: string
  readonly operationName?: string
  readonly variables: Readonly<Record<string, unknown>>
  readonly caller: Caller
  readonly deadlineMs: DeadlineMs
  readonly priority: Priority
  /** W3C trace context of the request this one serves. */
  readonly traceparent?: string
  /**
   * Of the client's own headers, those that this subgraph is to have, by lower-case name. A plain request sends them as
   * its own, an item of a batch carries them inside; what HTTP and this protocol say themselves is left out.
   */
  readonly headers?: Readonly<Record<string, string>>
  /** Exactly `JSON.stringify(variables)`, from whoever has written it already; spares writing it again. */
  readonly variablesText?: string
  /** PUBLIC: the answer is the same for every caller, so that callers may share it. Default PRIVATE. */
  readonly scope?: 'PUBLIC' | 'PRIVATE'
  /** Must see what is true now: it joins no fetch that is under way already, as what follows a mutation. Default false. */
  readonly isFresh?: boolean
}

export interface SubgraphError {
  readonly message: string
  readonly path?: readonly (string | number)[]
  readonly extensions?: Readonly<Record<string, unknown>>
}

/** A subgraph's answer. Shared between requests: nobody may write into it. */
export interface SubgraphAnswer {
  readonly data?: Readonly<Record<string, unknown>> | null
  readonly errors?: readonly SubgraphError[]
  readonly extensions?: Readonly<Record<string, unknown>>
}

/**
 * A subgraph as its callers see it: the gateway, and other subgraphs through peers.ts. `in-process-client.ts` and
 * `http-client.ts` implement it, and one contract suite holds them equal.
 *
 * `execute` rejects with a `Fault` only when there is no answer: SUBGRAPH_UNREACHABLE, SUBGRAPH_TIMEOUT,
 * SUBGRAPH_BAD_ANSWER, SUBGRAPH_OVERLOADED; for a mutation that may have run, OUTCOME_UNKNOWN.
 */
export interface SubgraphClient {
  readonly name: string
  execute(request: SubgraphRequest): Promise<SubgraphAnswer>
  /** Resolves when the subgraph can serve, rejects with the reason when it cannot. */
  ready(): Promise<void>
  close(): Promise<void>
  /** For metrics and health, made when asked for. A client tells what it has. */
  readonly stats?: SubgraphClientStats
}

/** Somewhere on the way where callers wait for their turn. Totals since the start, but for `waitMs`. */
export interface QueueStats {
  /** How long the one that waits longest has waited, in milliseconds; 0 while nobody waits. */
  readonly waitMs: number
  /** Those who have had their turn, at once or after a wait. */
  readonly left: number
  /** Summed over those: how long they had waited, in milliseconds. */
  readonly waitedMs: number
  /** What a wait should be at most, in milliseconds. Default: what any wait should be. */
  readonly targetMs?: number
}

/** Levels are of this moment, the rest are totals since the start. */
export interface SubgraphClientStats {
  /** Operations waiting for a lane. */
  readonly depth?: number
  /** Operations sent and not answered. */
  readonly inFlight?: number
  /** How long the oldest waiting operation has waited. */
  readonly waitMs?: number
  /** Summed over the operations that left: how long their batch had waited for a lane, in milliseconds. */
  readonly waitedMs?: number
  /** Exchanges that may be in flight at once, as the adaptive limit has it now. */
  readonly lanesLimit?: number
  readonly breaker?: 'CLOSED' | 'HALF_OPEN' | 'OPEN'
  /** Requests that left, each with one operation or many. */
  readonly batches?: number
  /** Operations that left. */
  readonly items?: number
  /** Operations that were answered. */
  readonly answered?: number
  /** Operations refused because the queue was full. */
  readonly refused?: number
  /** Operations refused because the breaker was open. */
  readonly broken?: number
  /** Operations whose deadline passed before their answer came. */
  readonly expired?: number
  /** Operations sent once more. */
  readonly retries?: number
  /** Operations answered by the answer to another. */
  readonly shared?: number
  /** Where operations wait inside the subgraph, by name, such as `connections`: of one in this process. */
  readonly queues?: ReadonlyMap<string, QueueStats>
}
