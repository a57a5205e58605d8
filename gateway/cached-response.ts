import type { Caller } from '../protocol/caller.ts'
import {
  type ResponseKind,
  type ResponseSlot,
  responseKind,
  responseSlot,
} from './cache/responses/response-slot.ts'
import type { KeptResponse } from './cache/responses/responses.ts'
import type { CompiledOperation } from './execution/operation.ts'
import type { Rollout } from './execution/plan.ts'
import type { HeadersFor } from './execution/run.ts'
import type { Variables } from './execution/variables.ts'
import type { ServableOperation } from './operations/registry.ts'

/** What of a request decides where its answer is kept. */
export interface Asking {
  readonly caller: Caller
  readonly bucket: number
  readonly graph: {
    readonly rollouts: { readonly buckets: readonly Rollout[] }
    readonly caching?: { readonly tableHash: string } | undefined
  }
  readonly headersFor: HeadersFor | undefined
  /** What shows how the answer came about is looked at anew. */
  readonly wantsPlan: boolean
  readonly wantsCost: boolean
}

/** Operators act on what they see: it is what is true now. */
export const looksAnew = ({ kind }: Caller): boolean => kind === 'operator'

/** Whether answers to the operation are kept whole: it is persisted, a query, and everybody's. */
const isKeptWhole = ({ id, kind, compiled }: ServableOperation): boolean =>
  id !== undefined && kind === 'query' && compiled.scope === 'PUBLIC'

/** Where the answer is kept; `undefined`: nowhere. */
export function slotOf(
  asking: Asking,
  operation: ServableOperation,
  variables: Variables,
): ResponseSlot | undefined {
  const { caller, headersFor, wantsPlan, wantsCost } = asking
  if (!isKeptWhole(operation) || wantsPlan || wantsCost || looksAnew(caller)) return undefined
  const { supergraph } = operation.compiled
  const headers =
    headersFor === undefined ? undefined : supergraph.subgraphs.map(({ name }) => headersFor(name) ?? null)
  return responseSlot(kindOf(operation, asking), variables, headers)
}

/**
 * Whether the answer may be kept by whoever is between, who know nothing of callers: nothing of the request but its
 * address decides what it is.
 */
export const isForAnybody = ({ headersFor }: Asking, { clientName, variants }: ServableOperation): boolean =>
  headersFor === undefined && clientName === undefined && variants === undefined

/** By what is compiled, so for each supergraph and each bucket of its rollout. */
const kinds = new WeakMap<CompiledOperation, ResponseKind>()

function kindOf(
  { id, name, compiled, variants }: ServableOperation,
  { graph, bucket }: Asking,
): ResponseKind {
  const variant = variants?.[bucket] ?? compiled
  let kind = kinds.get(variant)
  if (kind === undefined) {
    const { labels, percentage } = graph.rollouts.buckets[variants === undefined ? 0 : bucket]!
    const made = [id, variant.supergraph.hash, graph.caching?.tableHash, [...labels].sort(), percentage]
    kind = responseKind(name, made)
    kinds.set(variant, kind)
  }
  return kind
}

/** What a client is told, if it asks, of where its answer came from. */
export interface CacheExtension {
  /** `SKIP`: answers of this kind are not kept whole, or are not looked for now. */
  readonly response: 'HIT' | 'STALE' | 'MISS' | 'SKIP'
  readonly ageMs?: number
  /** For how long it is fresh yet. */
  readonly freshMs?: number
  readonly fetches: readonly object[]
}

export function keptExtension({ isStale, validity: { ageMs, freshMs } }: KeptResponse): CacheExtension {
  return {
    response: isStale ? 'STALE' : 'HIT',
    ageMs: Math.round(ageMs),
    freshMs: Math.max(0, Math.round(freshMs - ageMs)),
    fetches: [],
  }
}
