import { ANONYMOUS, type Caller } from '../../protocol/caller.ts'
import { meets, requirementsIn } from './authorize.ts'
import type { PlanElsewhere } from './operation-plan.ts'
import type { ShapeSource } from './shape-plan.ts'
import { createShapes, type Shapes } from './shapes.ts'

/** Sets of unmet requirements kept per operation; the one used longest ago goes first. */
const VARIANTS_MAX = 16

/** An operation as those may have it who may not have all of it: one variant for each set of unmet requirements. */
export interface Variants {
  /** `undefined`: the caller may have all of it. Nothing is allocated then. */
  for(caller: Caller): Shapes | undefined
  /** Makes the anonymous caller's, who comes most often; one that cannot be planned is left for when he comes. */
  compileAhead(): void
  /** {@link compileAhead} with plans made elsewhere. */
  compileAheadAsync(plan: PlanElsewhere | undefined): Promise<void>
  readonly selectionCount: number
}

/** `undefined`: nothing in the operation is guarded. */
export function variantsOf(source: ShapeSource): Variants | undefined {
  const { supergraph, operation, fragments } = source
  const requirements = requirementsIn(supergraph, operation, fragments)
  if (requirements.length === 0) return undefined
  const variants = new Map<string, Shapes>()

  function unmetBy(caller: Caller): string {
    let unmet = ''
    for (let i = 0; i < requirements.length; i++) if (!meets(caller, requirements[i]!)) unmet += `${i} `
    return unmet
  }

  function variantFor(caller: Caller): Shapes | undefined {
    const key = unmetBy(caller)
    if (key === '') return undefined
    let shapes = variants.get(key)
    if (shapes === undefined) {
      const unmet = new Set(requirements.filter(requirement => !meets(caller, requirement)))
      shapes = createShapes({ ...source, unmet })
      if (variants.size >= VARIANTS_MAX) variants.delete(variants.keys().next().value as string)
    } else variants.delete(key)
    variants.set(key, shapes)
    return shapes
  }

  return {
    for: variantFor,
    compileAhead() {
      try {
        variantFor(ANONYMOUS)?.compileAhead()
      } catch {
        // He is told.
      }
    },
    async compileAheadAsync(plan) {
      await variantFor(ANONYMOUS)
        ?.compileAheadAsync(plan)
        .catch(() => {})
    },
    get selectionCount() {
      let count = 0
      for (const shapes of variants.values()) count += shapes.selectionCount
      return count
    },
  }
}
