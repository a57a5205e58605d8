import { Fault } from '../../../protocol/fault.ts'
import type { SubgraphAnswer, SubgraphError } from '../../../protocol/subgraph-client.ts'
import type { Entry } from '../entry.ts'

/** One entity as a fetch has brought it. */
export interface Part {
  /** An object, or null. */
  readonly value: unknown
  /** Its own, with what is left of their paths below it; undefined: none. */
  readonly errors: readonly SubgraphError[] | undefined
  /** Why there is neither, if there is a reason. */
  readonly fault: Fault | undefined
  /** Undefined: it is not such as is kept. */
  entry: Entry | undefined
}

/** What a fetch of entities has brought. */
export interface LandedEntities {
  /** As it came. */
  readonly answer: SubgraphAnswer
  /** By key of the cache. */
  readonly parts: ReadonlyMap<string, Part>
  /** What went wrong and is not said to be of one entity. */
  readonly common: readonly SubgraphError[]
}

/** A root field, and the keys of the cache of what it was asked for, in that order. */
export interface AskedList {
  readonly rootKey: string
  readonly keys: readonly (string | undefined)[]
}

/**
 * Takes an answer apart.
 * @param lists of every root field, in the order and length in which they were asked for.
 */
export function landedOf(
  answer: SubgraphAnswer,
  lists: readonly AskedList[],
  service: string,
): LandedEntities {
  const parts = new Map<string, Part>()
  const errors = answer.errors ?? []
  const { own, common } = sorted(errors, lists)
  for (const { rootKey, keys } of lists) {
    const entities: unknown = answer.data?.[rootKey]
    // The whole list is null when the subgraph failed over it, and has said why.
    const isNull = (entities === null || entities === undefined) && errors.length > 0
    const fault = isNull ? undefined : faultOf(entities, keys.length, service)
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i]
      if (key === undefined) continue
      const value = isNull || fault !== undefined ? null : (entities as readonly unknown[])[i]
      parts.set(key, { value, errors: own.get(`${rootKey} ${i}`), fault, entry: undefined })
    }
  }
  return { answer, parts, common }
}

/** `_entities.3.name` is the fourth's own; what leads to none of them is common. */
function sorted(
  errors: readonly SubgraphError[],
  lists: readonly AskedList[],
): { own: ReadonlyMap<string, SubgraphError[]>; common: SubgraphError[] } {
  const own = new Map<string, SubgraphError[]>()
  const common: SubgraphError[] = []
  for (const error of errors) {
    const path = (error as SubgraphError | null)?.path
    const [rootKey, index, ...rest] = Array.isArray(path) ? (path as readonly (string | number)[]) : []
    const list = lists.find(asked => asked.rootKey === rootKey)
    if (list === undefined || typeof index !== 'number' || !(index in list.keys)) {
      common.push(withPath(error, []))
      continue
    }
    const place = `${rootKey} ${index}`
    const known = own.get(place)
    if (known === undefined) own.set(place, [withPath(error, rest)])
    else known.push(withPath(error, rest))
  }
  return { own, common }
}

/** The same error, whatever a subgraph may have put in its place, somewhere else. */
export const withPath = (error: SubgraphError, path: readonly (string | number)[]): SubgraphError => ({
  ...error,
  path,
})

/** As execution checks what it scatters. */
function faultOf(entities: unknown, expected: number, service: string): Fault | undefined {
  const bad = (what: string): Fault =>
    new Fault(
      'SUBGRAPH_BAD_ANSWER',
      `Subgraph "${service}" was asked for ${expected} entities and answered ${what}`,
    )
  if (!Array.isArray(entities)) return bad('no list')
  if (entities.length !== expected) return bad(`${entities.length}`)
  return entities.every(entity => typeof entity === 'object' && !Array.isArray(entity))
    ? undefined
    : bad('something else among them')
}
