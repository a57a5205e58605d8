import { type DocumentNode, Kind } from 'graphql'
import type { CachePolicies, FetchPolicy, Invalidations } from '../policy/fetch-policy.ts'
import { baseOf, createEntityKeyOf, type EntityKeyOf } from './fetch-keys.ts'
import type { CachedFetch } from './fetch-request.ts'
import { compileWholeness, type IsWhole } from './wholeness.ts'

/** How what one fetch brings is kept, or the entities under one of its root keys. */
export interface KeepPlan {
  readonly level: 'root' | 'entity'
  readonly policy: FetchPolicy
  readonly isShared: boolean
  /** Keys begin with it. */
  readonly base: string
  /** What of its fields keys and metrics go by. */
  readonly label: string
  readonly isWhole: IsWhole
  readonly entityKeyOf: EntityKeyOf
}

/** What is known of a fetch once and for all. */
export interface FetchPlans {
  /** Undefined: its answer is not kept. */
  root(fetch: CachedFetch): KeepPlan | undefined
  /** By root key; a key that is not there: its entities are not kept. Undefined: none are. */
  entities(fetch: CachedFetch): ReadonlyMap<string, KeepPlan> | undefined
  invalidations(fetch: CachedFetch): Invalidations | undefined
}

/**
 * Each is compiled when its fetch is first sent, and forgotten with the fetch.
 * @param onError told what a policy throws; nothing is kept by it then.
 */
export function createFetchPlans(policies: CachePolicies, onError: (error: unknown) => void): FetchPlans {
  const remembered = <Value>(compile: (fetch: CachedFetch) => Value | undefined) => {
    const known = new WeakMap<CachedFetch, { readonly value: Value | undefined }>()
    return (fetch: CachedFetch): Value | undefined => {
      let made = known.get(fetch)
      if (made === undefined) known.set(fetch, (made = { value: attempt(() => compile(fetch), onError) }))
      return made.value
    }
  }
  const planOf = (
    fetch: CachedFetch,
    policy: FetchPolicy,
    rootKey: string | undefined,
    isWhole: IsWhole,
  ): KeepPlan => ({
    level: rootKey === undefined ? 'root' : 'entity',
    policy,
    isShared: policy.scope === 'PUBLIC',
    base: baseOf(fetch, policies.schemaHashOf(fetch.service), rootKey),
    label: policy.fields[0] ?? 'other',
    isWhole,
    entityKeyOf: createEntityKeyOf(),
  })
  return {
    root: remembered(fetch => {
      const policy = policies.ofRoot(fetch)
      return policy && planOf(fetch, policy, undefined, compileWholeness(fetch.document).ofRoot)
    }),
    entities: remembered(fetch => {
      const plans = new Map<string, KeepPlan>()
      for (const rootKey of rootKeysOf(fetch.document)) {
        const policy = policies.ofEntities(fetch, rootKey)
        if (policy === undefined) continue
        const { ofKey } = compileWholeness(fetch.document)
        plans.set(rootKey, planOf(fetch, policy, rootKey, ofKey(rootKey)))
      }
      return plans.size === 0 ? undefined : plans
    }),
    invalidations: remembered(fetch => policies.ofMutation(fetch)),
  }
}

function attempt<Value>(
  compile: () => Value | undefined,
  onError: (error: unknown) => void,
): Value | undefined {
  try {
    return compile()
  } catch (error) {
    onError(error)
    return undefined
  }
}

function rootKeysOf(document: DocumentNode): string[] {
  return document.definitions.flatMap(definition =>
    definition.kind === Kind.OPERATION_DEFINITION
      ? definition.selectionSet.selections.flatMap(selection =>
          selection.kind === Kind.FIELD ? [(selection.alias ?? selection.name).value] : [],
        )
      : [],
  )
}
