import type { TypeFacts } from '../supergraph/type-facts.ts'
import type { FlattenNodePathSegment } from './plan.ts'

export type Data = Record<string, unknown>

/**
 * The places in the response at which later fetches will write. Answers are shared and may be frozen, so exactly the
 * objects and lists on the way to these places are copied when an answer arrives ("owned"); everything else stays a
 * reference into the answer and is only read. An owned object belongs to one place of one request.
 */
export interface Spine {
  readonly children: Map<string, Spine>
}

export const emptySpine = (): Spine => ({ children: new Map() })

/** Marks the place at which a path ends, and all on the way to it, as written to. */
export function addToSpine(root: Spine, path: readonly FlattenNodePathSegment[]): Spine {
  let at = root
  for (const segment of path) {
    if (segment === '@' || !('Field' in segment)) continue
    let next = at.children.get(segment.Field)
    if (!next) at.children.set(segment.Field, (next = emptySpine()))
    at = next
  }
  return at
}

/** Merges an answer's object into an owned one. */
export type Merge = (target: Data, source: Readonly<Data>) => void

/** A writer for one place; compile it once the spine is complete. */
export function compileMerge(spine: Spine, types: TypeFacts): Merge {
  return compilePlace(spine, types, new Map()).merge
}

interface Place {
  readonly own: (value: unknown) => unknown
  readonly merge: Merge
}

function compilePlace(spine: Spine, types: TypeFacts, memo: Map<Spine, Place>): Place {
  const known = memo.get(spine)
  if (known) return known
  const places = new Map<string, Place>()
  for (const [key, child] of spine.children) places.set(key, compilePlace(child, types, memo))
  const keys = [...places.keys()]
  const owners = [...places.values()].map(place => place.own)

  const own = (value: unknown): unknown => {
    if (value === null || typeof value !== 'object') return value
    if (Array.isArray(value)) {
      const list = new Array<unknown>(value.length)
      for (let i = 0; i < value.length; i++) list[i] = own(value[i])
      return list
    }
    const copy: Data = { ...(value as Data) }
    for (let i = 0; i < keys.length; i++) {
      const child = copy[keys[i]!]
      if (child !== null && typeof child === 'object') copy[keys[i]!] = owners[i]!(child)
    }
    return copy
  }

  const merge: Merge = (target, source) => {
    for (const key in source) {
      const value = source[key]
      const present = target[key]
      const place = places.get(key)
      if (present === undefined || present === null) {
        if (value !== undefined) target[key] = place && value !== null ? place.own(value) : value
      } else if (value !== null && typeof value === 'object' && typeof present === 'object')
        target[key] = place ? mergeOwned(place, present, value) : mergeFresh(present, value, types)
      else if (key === '__typename') target[key] = sharperTypename(present, value, types)
    }
  }
  const place = { own, merge }
  memo.set(spine, place)
  return place
}

function mergeOwned(place: Place, target: object, source: object): unknown {
  if (Array.isArray(target) && Array.isArray(source)) {
    for (let i = 0; i < target.length && i < source.length; i++) {
      const item = target[i]
      const other = source[i]
      if (item === null || item === undefined) target[i] = place.own(other)
      else if (typeof item === 'object' && other !== null && typeof other === 'object')
        mergeOwned(place, item as object, other as object)
    }
  } else if (!Array.isArray(target) && !Array.isArray(source)) place.merge(target as Data, source as Data)
  return target
}

/** Two answers' values of one place that nobody owns: a new value, neither written to. */
function mergeFresh(first: unknown, second: unknown, types: TypeFacts): unknown {
  if (first === undefined || first === null) return second
  if (second === null || typeof second !== 'object' || typeof first !== 'object') return first
  if (Array.isArray(first) && Array.isArray(second))
    return first.map((item, i) => mergeFresh(item, second[i], types))
  if (Array.isArray(first) || Array.isArray(second)) return first
  const merged: Data = { ...(first as Data) }
  for (const key in second) {
    const value = (second as Data)[key]
    merged[key] =
      key === '__typename' && merged[key] != null
        ? sharperTypename(merged[key], value, types)
        : mergeFresh(merged[key], value, types)
  }
  return merged
}

/** A subgraph with an `@interfaceObject` knows an object by its interface's name only; the object's own name wins. */
function sharperTypename(first: unknown, second: unknown, types: TypeFacts): unknown {
  return typeof second === 'string' && types.isObject(second) ? second : first
}

/** Collects the objects at a path, in order, lists of lists included. */
export type Walk = (data: Data, into: Data[]) => void

export function compileWalk(path: readonly FlattenNodePathSegment[], types: TypeFacts): Walk {
  type Visit = (value: unknown, into: Data[]) => void
  let visit: Visit = (value, into) => {
    if (value === null || typeof value !== 'object') return
    if (Array.isArray(value)) for (let i = 0; i < value.length; i++) visitEnd(value[i], into)
    else into.push(value as Data)
  }
  const visitEnd = visit
  for (const segment of path.toReversed()) {
    if (segment === '@') continue
    const next = visit
    const step: (value: Data, into: Data[]) => void =
      'Field' in segment
        ? (value, into) => next(value[segment.Field], into)
        : (value, into) => {
            if (passes(value, segment.TypeCondition, types)) next(value, into)
          }
    const self: Visit = (value, into) => {
      if (value === null || typeof value !== 'object') return
      if (Array.isArray(value)) for (let i = 0; i < value.length; i++) self(value[i], into)
      else step(value as Data, into)
    }
    visit = self
  }
  return visit
}

export type Path = (string | number)[]

/** Where each object at a path stands, for error paths; walks again, so that the walk itself keeps no paths. */
export function locate(
  data: Data,
  path: readonly FlattenNodePathSegment[],
  types: TypeFacts,
): Map<Data, Path> {
  const found = new Map<Data, Path>()
  const visit = (value: unknown, depth: number, at: Path): void => {
    if (value === null || typeof value !== 'object') return
    if (Array.isArray(value)) {
      for (let i = 0; i < value.length; i++) visit(value[i], depth, [...at, i])
      return
    }
    const segment = path[depth]
    if (segment === undefined) found.set(value as Data, at)
    else if (segment === '@') visit(value, depth + 1, at)
    else if ('Field' in segment) visit((value as Data)[segment.Field], depth + 1, [...at, segment.Field])
    else if (passes(value as Data, segment.TypeCondition, types)) visit(value, depth + 1, at)
  }
  visit(data, 0, [])
  return found
}

function passes(value: Data, conditions: readonly string[], types: TypeFacts): boolean {
  const typename = value.__typename
  return typeof typename !== 'string' || conditions.some(condition => types.satisfies(typename, condition))
}
