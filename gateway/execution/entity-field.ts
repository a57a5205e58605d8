import { Fault } from '../../protocol/fault.ts'
import type { TypeFacts } from '../supergraph/type-facts.ts'
import type { FetchRewrite, FlattenNodePathSegment, RequiresSelection } from './plan.ts'
import { compileRepresentations } from './representations.ts'
import { compileRewrites } from './rewrites.ts'
import type { Run } from './run.ts'
import { addToSpine, compileMerge, compileWalk, type Data, type Spine } from './tree.ts'

/** One `_entities` field of a fetch: how its representations are made and where its answers go. */
export interface EntityField {
  /** Its key in the answer, and the variable that carries its representations. */
  readonly key: string
  readonly variable: string
  readonly gather: (run: Run) => Gathered
  readonly scatter: (answer: unknown, gathered: Gathered, service: string) => void
}

export interface Gathered {
  /** Objects to be written to, and the index of the representation that stands for each. */
  readonly targets: readonly (readonly Data[])[]
  readonly slots: readonly (readonly number[])[]
  readonly representations: readonly Data[]
}

export function compileEntityField(
  field: { key: string; variable: string; paths: readonly (readonly FlattenNodePathSegment[])[] },
  requiresByPath: readonly (readonly RequiresSelection[])[],
  rewrites: { input: readonly FetchRewrite[] | undefined; output: readonly FetchRewrite[] | undefined },
  service: string,
  spine: Spine,
  types: TypeFacts,
): EntityField {
  const walks = field.paths.map(path => compileWalk(path, types))
  const merges = field.paths.map(path => compileMerge(addToSpine(spine, path), types))
  const compiled = requiresByPath.map(requires =>
    compileRepresentations(requires, rewrites.input, service, types),
  )
  // Their paths begin at each entity, and pass through lists.
  const rewrite = compileRewrites(rewrites.output, types)
  return {
    key: field.key,
    variable: field.variable,
    gather(run) {
      const representations: Data[] = []
      const indexes = new Map<unknown, number>()
      const targets: Data[][] = []
      const slots: number[][] = []
      for (let p = 0; p < walks.length; p++) {
        const found: Data[] = []
        walks[p]!(run.data, found)
        const { represent, identify } = compiled[p]!
        const kept: Data[] = []
        const keptSlots: number[] = []
        for (let i = 0; i < found.length; i++) {
          const representation = represent(found[i]!)
          if (representation === undefined) continue
          const identity = identify(representation)
          let index = indexes.get(identity)
          if (index === undefined) {
            index = representations.push(representation) - 1
            indexes.set(identity, index)
          }
          kept.push(found[i]!)
          keptSlots.push(index)
        }
        targets.push(kept)
        slots.push(keptSlots)
      }
      return { targets, slots, representations }
    },
    scatter(answer, { targets, slots, representations }, service) {
      const rewritten = rewrite ? rewrite(answer) : answer
      const bad = (what: string): Fault =>
        new Fault(
          'SUBGRAPH_BAD_ANSWER',
          `Subgraph "${service}" was asked for ${representations.length} entities and answered ${what}`,
        )
      if (!Array.isArray(rewritten)) throw bad('no list')
      if (rewritten.length !== representations.length) throw bad(`${rewritten.length}`)
      // Before anything is written: nobody could tell which of them to believe.
      for (const entity of rewritten) if (!isEntity(entity)) throw bad('something else among them')
      for (let p = 0; p < targets.length; p++) {
        const merge = merges[p]!
        const kept = targets[p]!
        const keptSlots = slots[p]!
        for (let i = 0; i < kept.length; i++) {
          const entity = rewritten[keptSlots[i]!] as Data | null
          if (entity !== null) merge(kept[i]!, entity)
        }
      }
    },
  }
}

/** Null is how a subgraph says that it does not know one. */
const isEntity = (value: unknown): boolean => typeof value === 'object' && !Array.isArray(value)
