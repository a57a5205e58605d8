import type { IncomingHttpHeaders } from 'node:http'
import type { Caller } from '../protocol/caller.ts'
import type { DeadlineMs } from '../protocol/deadline.ts'
import type { SubgraphClient } from '../protocol/subgraph-client.ts'
import type { AddressOf } from './address.ts'
import type { FetchCaching } from './cache/fetches/fetches.ts'
import type { Responses } from './cache/responses/responses.ts'
import type { FieldLimits } from './cost/field-limits.ts'
import type { Executed, Refused } from './executed.ts'
import type { InFlight } from './execution/in-flight.ts'
import type { HeadersFor } from './execution/run.ts'
import type { Identify } from './identity/identify.ts'
import type { AdhocOperations } from './operations/adhoc.ts'
import type { OperationLookup } from './operations/lookup.ts'
import type { OperationRegistry, ServableOperation } from './operations/registry.ts'
import type { Rollouts } from './operations/rollout.ts'
import type { Telling } from './outcome.ts'
import type { OperationNamed } from './request.ts'
import type { RunQueue } from './run-queue.ts'
import type { Spending } from './spending.ts'
import type { StatusOperation } from './status-operation.ts'
import type { Supergraph } from './supergraph/supergraph.ts'
import type { SurgeLevel } from './surge/level.ts'
import type { Ruling } from './surge/policy.ts'
import type { Returns } from './surge/returns.ts'

/**
 * Everything that depends on the supergraph: immutable, replaced whole when a new one is swapped in. A request keeps to
 * the one that it was admitted on, until it is answered.
 */
export interface Graph {
  readonly supergraph: Supergraph
  readonly registry: OperationRegistry
  readonly adhoc: AdhocOperations
  readonly rollouts: Rollouts
  readonly fieldLimits: FieldLimits
  /** How lines stand, by the id of their limit. */
  readonly statusOperations: ReadonlyMap<string, StatusOperation>
  readonly clients: ReadonlyMap<string, SubgraphClient>
  /** Absent: nothing is kept. */
  readonly caching?: GraphCaching | undefined
}

/** What is kept of answers, and how. */
export interface GraphCaching {
  readonly fetches: Pick<FetchCaching, 'begin'>
  readonly responses: Responses
  /** Of the policies: what is kept by others is never found. */
  readonly tableHash: string
}

/** What the steps work with; one a gateway. */
export interface Stages extends Telling {
  readonly identify: Identify
  readonly addressOf: AddressOf
  /** Read once a request, by {@link admit}. */
  readonly graph: { readonly current: Graph }
  readonly lookup: OperationLookup
  /** What each subgraph gets of a client's headers; `undefined`: none gets any. */
  readonly propagate: ((headers: IncomingHttpHeaders) => HeadersFor) | undefined
  /** Whether a client that asks for the plan gets it. */
  readonly showsPlans: boolean
  /** Sharing of identical queries under way; `undefined`: each is executed. */
  readonly inFlight: InFlight<Executed | Refused> | undefined
  /** What requests may spend; `undefined`: nothing is counted. */
  readonly spending: Spending | undefined
  /** How busy it is. */
  readonly level: Pick<SurgeLevel, 'current'>
  /** When those whom it does not let in may ask again. */
  readonly returns: Pick<Returns, 'next'>
  /** Who is started next. */
  readonly runQueue: Pick<RunQueue, 'enter' | 'goOn' | 'hurry' | 'urge'>
  readonly limits: { readonly requestMsMax: number; readonly fetchesMax: number }
}

/** Through which a request comes in. Over HTTP a persisted operation takes the express lane, other text Apollo's door. */
export type Door = 'http' | 'mcp'

/** A request as its door found it: nothing in it is believed yet. */
export interface Incoming extends OperationNamed {
  /** For logs; given back in the header `x-request-id`. */
  readonly id: string
  readonly door: Door
  /** All of them, by lower-case name. */
  readonly headers: IncomingHttpHeaders
  readonly authorization: string | undefined
  /** Of its connection. */
  readonly remoteAddress: string | undefined
  /** The program that speaks, by its own account. */
  readonly clientName: string | undefined
  readonly clientVersion: string | undefined
  /** W3C trace context, well-formed. */
  readonly traceparent: string | undefined
  /** Whether its client has hung up: then nothing need be started for it. Absent: nobody can tell. */
  readonly isGone?: (() => boolean) | undefined
}

/** An admitted request on its way. */
export interface RequestState extends Incoming {
  readonly caller: Caller
  /** Where from, proxies apart. */
  readonly address: string
  readonly graph: Graph
  /** Persisted, or compiled before of the same text; `undefined`: none that is known. */
  readonly operation: ServableOperation | undefined
  /** The caller's, of the graph's rollout. */
  readonly bucket: number
  readonly headersFor: HeadersFor | undefined
  readonly wantsPlan: boolean
  readonly wantsCost: boolean
  readonly wantsCache: boolean
  /** What the level makes of it. */
  readonly ruling: Ruling
  readonly startedMs: number
  readonly deadlineMs: DeadlineMs
}
