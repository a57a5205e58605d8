import type { FieldNode, FragmentDefinitionNode, OperationDefinitionNode } from 'graphql'
import type { Supergraph } from '../supergraph/supergraph.ts'
import { compileFields, type FieldTerms } from './field-cost.ts'
import { holds, MUTATION_POINTS, numberOf, POINTS_MAX, sumOf, type Variables } from './terms.ts'
import { weightsOf } from './weights.ts'

/** What an operation will cost at most, in points, as long as answers keep to the sizes that they were asked for. */
export interface Estimate {
  /** All root fields, and what a mutation costs beside them. */
  readonly total: number
  /** Of each of {@link CompiledEstimate.roots}, without what a mutation costs. */
  readonly roots: readonly number[]
}

export interface CompiledEstimate {
  /** Every selection of a root field, fragments expanded, in order: one that is selected twice stands here twice. */
  readonly roots: readonly RootField[]
  /**
   * The same object every time where nothing depends on variables.
   * @param variables coerced.
   * @throws Fault COST_INVALID_SLICING_ARGUMENTS
   */
  estimate(variables: Variables): Estimate
  /**
   * Every selected field, fragments expanded, each before those below it; without what `@skip` and `@include` remove.
   * For people, and slower: compiled again when it is first asked for, so that others keep only sums.
   * @throws Fault COST_INVALID_SLICING_ARGUMENTS
   */
  explain(variables: Variables): readonly FieldCost[]
}

export interface RootField {
  readonly responseKey: string
  readonly field: FieldNode
  /** The root type. */
  readonly typename: string
  readonly name: string
}

/** One selected field: `total = count × (weight + those below) + arguments`. */
export interface FieldCost {
  /** Response keys, from the root. */
  readonly path: readonly string[]
  /** `Type.field` */
  readonly coordinate: string
  readonly weight: number
  /** Members of its list; 1 for what is none. */
  readonly count: number
  readonly arguments: number
  /** How often it is asked for: the product of the counts of the fields above it. `total` is of one time. */
  readonly times: number
  readonly total: number
}

/**
 * The published demand-control formula, compiled once for an operation:
 *
 * ```
 * operation = (mutation ? 10 : 0) + set(root)
 * set       = Σ field, over fragments too, wherever they are spread
 * field     = count × (weight + set(children)) + arguments; 0 for introspection and for what is skipped
 * count     = 1, or of a list: what a field above hands down, else its own `@listSize`, else `listSizeDefault`
 * ```
 *
 * @param operation valid against the schema; only its SDL is read.
 * @throws Fault OPERATION_TOO_LARGE
 */
export function compileEstimate(
  supergraph: Pick<Supergraph, 'sdl' | 'apiSchema'>,
  operation: OperationDefinitionNode,
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
  { listSizeDefault }: { readonly listSizeDefault: number },
): CompiledEstimate {
  const weights = weightsOf(supergraph)
  const base = operation.operation === 'mutation' ? MUTATION_POINTS : 0
  const compile = (): readonly FieldTerms[] =>
    compileFields(operation, fragments, {
      weights,
      variable: name => name,
      isStrict: true,
      listSizeDefault,
    })
  const compiled = compile()
  let explained: readonly FieldTerms[] | undefined
  const terms = compiled.map(({ total }) => total)
  const typename = weights.rootOf(operation.operation)
  return {
    roots: compiled.map(({ field, responseKey }) => ({
      responseKey,
      field,
      typename,
      name: field.name.value,
    })),
    estimate: estimator(base, terms),
    explain(variables) {
      const costs: FieldCost[] = []
      explained ??= compile()
      explainInto(costs, explained, variables, [], 1)
      return costs
    },
  }
}

function estimator(base: number, terms: readonly FieldTerms['total'][]): CompiledEstimate['estimate'] {
  const sum = sumOf(terms)
  if (typeof sum === 'number') {
    const roots = Object.freeze(terms.map(term => numberOf(term, {})))
    const constant = Object.freeze({ total: Math.min(base + sum, POINTS_MAX), roots })
    return () => constant
  }
  const [only] = terms
  if (terms.length === 1 && typeof only === 'function')
    return variables => {
      const points = only(variables)
      return { total: Math.min(base + points, POINTS_MAX), roots: [points] }
    }
  return variables => {
    const roots = new Array<number>(terms.length)
    let total = base
    for (let i = 0; i < terms.length; i++) total += roots[i] = numberOf(terms[i]!, variables)
    return { total: Math.min(total, POINTS_MAX), roots }
  }
}

function explainInto(
  costs: FieldCost[],
  fields: readonly FieldTerms[],
  variables: Variables,
  above: readonly string[],
  times: number,
): void {
  for (const field of fields) {
    if (!holds(field.condition, variables)) continue
    const path = [...above, field.responseKey]
    const count = numberOf(field.count, variables)
    costs.push({
      path,
      coordinate: field.coordinate,
      weight: field.weight,
      count,
      arguments: numberOf(field.arguments, variables),
      times,
      total: numberOf(field.total, variables),
    })
    explainInto(costs, field.children, variables, path, Math.min(times * count, POINTS_MAX))
  }
}
