import { type DeadlineMs, nowMs } from '../../../protocol/deadline.ts'
import type { SubgraphAnswer } from '../../../protocol/subgraph-client.ts'
import type { CachePolicies } from '../policy/fetch-policy.ts'
import { Refreshes } from '../refreshes.ts'
import type { Answers } from '../stores/answers.ts'
import { EVERYTHING, type Tags } from '../tags/tags.ts'
import type { CacheWatch } from '../watch.ts'
import { callerTag } from './caller-digest.ts'
import { createEntityFetches } from './entity-fetches.ts'
import { createFetchPlans } from './fetch-plans.ts'
import { type FetchRecord, FetchRecording } from './fetch-record.ts'
import type { Asker, CachedFetch, EntitiesAnswer, EntityList, SendFetch, Values } from './fetch-request.ts'
import { createRootFetches } from './root-fetches.ts'

/** One execution: what it asks before it asks a subgraph (execution/fetch-cache.ts says what each member promises). */
export interface FetchRun {
  root(fetch: CachedFetch, asker: Asker, variables: Values, send: SendFetch): Promise<SubgraphAnswer>
  entities(
    fetch: CachedFetch,
    asker: Asker,
    variables: Values,
    lists: readonly EntityList[],
    send: SendFetch,
  ): Promise<EntitiesAnswer>
  mutated(
    fetch: CachedFetch,
    asker: Asker,
    variables: Values,
    answer: SubgraphAnswer | undefined,
  ): Promise<void>
  /** What the execution's answer was made of. */
  readonly record: FetchRecord
}

/**
 * Answers of subgraphs, kept and shared, for one supergraph.
 *
 *     fresh       served
 *     stale       served, and asked for again beside it: once a key, and a second after a failure
 *     missing     asked for, once a key: who comes meanwhile joins
 *     void        as missing; and what was asked for before an invalidation is not kept, nor given to who came after it
 */
export interface FetchCaching {
  begin(options?: BeginOptions): FetchRun
  /** Keys being asked for. */
  readonly underWay: number
}

export interface BeginOptions {
  /** What is stale counts as missing; it answers if nothing better can be had. */
  readonly isRefresh?: boolean
  readonly isTraced?: boolean
}

export interface FetchCachingOptions {
  readonly policies: CachePolicies
  readonly answers: Answers
  readonly tags: Tags
  readonly watch: CacheWatch
  /** What a refresh in the background may take. */
  readonly refreshMsMax: number
  /** Factor on `staleMs` of what is everybody's, while it is stretched. Default 1: for no longer. */
  readonly staleStretch?: number
  /** Whether a crowd stretches what is stale. Default: never. */
  readonly isStretched?: () => boolean
  /** Keys that may be joined while they are asked for, root fetches and entities apart; more are asked for alone. Default 10,000. */
  readonly flightsMax?: number
  /** What freshness is judged by. Default: this process's monotonic clock. */
  readonly clock?: () => DeadlineMs
}

/** @throws RangeError naming the bound that is no positive integer. */
export function createFetchCaching(options: FetchCachingOptions): FetchCaching {
  const { policies, answers, tags, watch, refreshMsMax, isStretched = () => false, clock = nowMs } = options
  const { flightsMax = 10_000, staleStretch = 1 } = options
  for (const [name, value] of Object.entries({ refreshMsMax, flightsMax, staleStretch }))
    if (!Number.isSafeInteger(value) || value < 1)
      throw new RangeError(`expected ${name} to be a positive integer, got ${value}`)
  const plans = createFetchPlans(policies, error => watch.onError(error))
  const refreshes = new Refreshes({ underWayMax: flightsMax, isStretched, clock })
  const keeping = { answers, tags, watch, refreshes, refreshMsMax, staleStretch, clock }
  const roots = createRootFetches(keeping, flightsMax)
  const entityFetches = createEntityFetches(keeping, flightsMax)

  /**
   * What a mutation makes void. Of one that has answered with errors nobody knows all: what is null may have been changed
   * before. A policy that fails over an answer of a form that it did not expect voids everything.
   */
  function voided(
    fetch: CachedFetch,
    caller: Asker['caller'],
    variables: Values,
    answer: SubgraphAnswer | undefined,
  ): string[] {
    const invalidations = plans.invalidations(fetch)
    const own = policies.keepsPrivate ? [callerTag(caller)] : []
    if (invalidations === undefined) return own
    const data = answer?.data ?? undefined
    const isInPart = data !== undefined && (answer?.errors ?? []).length > 0
    try {
      const tagged = [...invalidations(variables, data), ...own]
      return isInPart ? [...tagged, ...invalidations(variables, undefined)] : tagged
    } catch (error) {
      watch.onError(error)
      return [EVERYTHING]
    }
  }

  return {
    begin({ isRefresh = false, isTraced = false } = {}) {
      const record = new FetchRecording(isTraced)
      return {
        record,
        root(fetch, asker, variables, send) {
          const plan = fetch.kind === 'query' ? plans.root(fetch) : undefined
          if (plan === undefined) {
            record.pass(fetch.service)
            return send(variables, asker.deadlineMs, false)
          }
          return roots.answer({ fetch, plan, asker, variables, send, isRefresh, recording: record })
        },
        async entities(fetch, asker, variables, lists, send) {
          const plansOf = plans.entities(fetch)
          if (plansOf !== undefined)
            return entityFetches.answer({
              fetch,
              plans: plansOf,
              asker,
              variables,
              lists,
              send,
              isRefresh,
              recording: record,
            })
          record.pass(fetch.service)
          const values: Record<string, unknown> = {}
          for (const { variable, representations } of lists) values[variable] = representations
          return { answer: await send(Object.assign(values, variables), asker.deadlineMs, false) }
        },
        async mutated(fetch, { caller }, variables, answer) {
          const tagged = voided(fetch, caller, variables, answer)
          if (tagged.length > 0) await tags.invalidate(tagged)
        },
      }
    },
    get underWay() {
      return roots.underWay + entityFetches.underWay
    },
  }
}
