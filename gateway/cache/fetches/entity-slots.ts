import type { Found } from '../stores/answers.ts'
import type { CacheWatch } from '../watch.ts'
import { askedOf } from './fetch-keys.ts'
import type { KeepPlan } from './fetch-plans.ts'
import type { FetchRecording } from './fetch-record.ts'
import type { Asker, CachedFetch, EntityList, SendFetch, Values } from './fetch-request.ts'
import { skip } from './keeping.ts'

/** One fetch of entities, of which some may be kept. */
export interface EntityFetch {
  readonly fetch: CachedFetch
  /** By root key. */
  readonly plans: ReadonlyMap<string, KeepPlan>
  readonly asker: Asker
  readonly variables: Values
  readonly lists: readonly EntityList[]
  readonly send: SendFetch
  /** What is stale counts as missing. */
  readonly isRefresh: boolean
  readonly recording: FetchRecording
}

/** One representation of one root field, and where it is kept. */
export interface Slot {
  /** Which list, and which of it. */
  readonly l: number
  readonly index: number
  /** Of what is never kept, one that this fetch alone knows. */
  readonly key: string
  /** What its metrics go by. */
  readonly field: string
  /** Undefined: it is never kept. */
  readonly plan: KeepPlan | undefined
  /** Answers if nothing better can be had. */
  stale: Found | undefined
}

/** Every representation of every list. */
export function slotsOf({ fetch, plans, asker, variables, lists }: EntityFetch, watch: CacheWatch): Slot[] {
  const slots: Slot[] = []
  for (let l = 0; l < lists.length; l++) {
    const { key: rootKey, representations } = lists[l]!
    const plan = plans.get(rootKey)
    const asked = plan && askedOf(fetch, asker, variables, plan.policy.scope)
    if (plan !== undefined && asked === undefined)
      skip(watch, plan, undefined, 'too-large', representations.length)
    for (let index = 0; index < representations.length; index++) {
      const representation = representations[index]!
      const field = plan === undefined ? '' : fieldOf(representation, plan)
      const key =
        plan === undefined || asked === undefined
          ? undefined
          : plan.entityKeyOf(field, plan.base, asked, representation)
      slots.push(
        key === undefined
          ? { l, index, key: `${l} ${index}`, field, plan: undefined, stale: undefined }
          : { l, index, key, field, plan, stale: undefined },
      )
    }
  }
  return slots
}

/** Its type, if it is one that the policy knows: nobody's metrics grow by what a subgraph calls its objects. */
function fieldOf(representation: object, { policy, label }: KeepPlan): string {
  const { __typename: typename } = representation as { readonly __typename?: unknown }
  return typeof typename === 'string' && policy.fields.includes(typename) ? typename : label
}

/** What is sent for some of the slots. */
export interface Departing {
  readonly variables: Values
  /** By list, the slots in the order in which they are asked for; undefined: another list has to ask for it. */
  readonly asked: readonly (readonly (Slot | undefined)[])[]
}

/** Lists that share a variable ask for the same, so each asks for what any of them lacks. */
export function departing({ lists, variables }: EntityFetch, slots: readonly Slot[]): Departing {
  const byVariable = new Map<string, Set<number>>(lists.map(({ variable }) => [variable, new Set()]))
  const byList = lists.map(() => new Map<number, Slot>())
  for (const slot of slots) {
    byVariable.get(lists[slot.l]!.variable)!.add(slot.index)
    byList[slot.l]!.set(slot.index, slot)
  }
  const values: Record<string, unknown> = {}
  const asked = lists.map(({ variable, representations }, l) => {
    const indexes = [...byVariable.get(variable)!].sort((a, b) => a - b)
    values[variable] =
      indexes.length === representations.length
        ? representations
        : indexes.map(index => representations[index])
    return indexes.map(index => byList[l]!.get(index))
  })
  return { variables: Object.assign(values, variables), asked }
}
