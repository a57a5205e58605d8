import type { TypeFacts } from '../supergraph/type-facts.ts'
import type { FetchRewrite } from './plan.ts'
import type { Data } from './tree.ts'

type Rewrite = (value: unknown) => unknown

/** The planner's rewrites as one function that copies what it changes and nothing else; undefined when there are none. */
export function compileRewrites(
  rewrites: readonly FetchRewrite[] | undefined,
  types: TypeFacts,
): Rewrite | undefined {
  if (!rewrites || rewrites.length === 0) return undefined
  const compiled = rewrites.map(rewrite => compileRewrite(rewrite, types))
  return value => compiled.reduce((current, apply) => apply(current), value)
}

/** What an error's path must be read as: keys that the planner chose → the names they stand for. */
export function renamedKeys(rewrites: readonly FetchRewrite[] | undefined): ReadonlyMap<string, string> {
  const renamed = new Map<string, string>()
  for (const rewrite of rewrites ?? []) {
    if (!('KeyRenamer' in rewrite)) continue
    const last = rewrite.KeyRenamer.path.at(-1)
    if (last && 'Key' in last) renamed.set(last.Key, rewrite.KeyRenamer.renameKeyTo)
  }
  return renamed
}

function compileRewrite(rewrite: FetchRewrite, types: TypeFacts): Rewrite {
  if ('KeyRenamer' in rewrite) {
    const { path, renameKeyTo } = rewrite.KeyRenamer
    const last = path.at(-1)
    if (!last || !('Key' in last)) throw new Error('Expected the path of a KeyRenamer to end in a key')
    const rename: Rewrite = value => {
      if (!isObject(value) || !(last.Key in value)) return value
      const { [last.Key]: moved, ...rest } = value
      return { ...rest, [renameKeyTo]: moved }
    }
    return along(path.slice(0, -1), rename, types)
  }
  const setter = 'ValueSetter' in rewrite ? rewrite.ValueSetter : rewrite
  return along(setter.path, () => setter.setValueTo, types)
}

type PathSegment = { TypenameEquals: string[] } | { Key: string }

/** Applies a change at the end of a path, to every item of lists on the way; answers the same value if nothing changed. */
function along(path: readonly PathSegment[], change: Rewrite, types: TypeFacts): Rewrite {
  let apply = eachItem(change)
  for (const segment of path.toReversed()) {
    const next = apply
    if ('TypenameEquals' in segment)
      apply = eachItem(value => {
        const typename = isObject(value) ? value.__typename : undefined
        return typeof typename === 'string' &&
          !segment.TypenameEquals.some(name => types.satisfies(typename, name))
          ? value
          : next(value)
      })
    else
      apply = eachItem(value => {
        if (!isObject(value) || value[segment.Key] === undefined) return value
        const changed = next(value[segment.Key])
        return changed === value[segment.Key] ? value : { ...value, [segment.Key]: changed }
      })
  }
  return apply
}

function eachItem(change: Rewrite): Rewrite {
  const apply: Rewrite = value => {
    if (!Array.isArray(value)) return value === null || value === undefined ? value : change(value)
    const changed = value.map(apply)
    return changed.every((item, i) => item === value[i]) ? value : changed
  }
  return apply
}

function isObject(value: unknown): value is Data {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}
