import type { FragmentDefinitionNode, OperationDefinitionNode } from 'graphql'
import { type ActualCost, compileActual } from '../cost/actual.ts'
import { type CompiledEstimate, compileEstimate } from '../cost/estimate.ts'
import type { FieldLimits } from '../cost/field-limits.ts'
import { type CompiledLimit, compileLimits } from '../cost/field-limits-compile.ts'
import type { OperationPlan } from '../execution/operation-plan.ts'
import { internalKey } from '../execution/response-key.ts'
import type { Variables } from '../execution/variables.ts'
import type { Supergraph } from '../supergraph/supergraph.ts'

/** How operations are priced. */
export interface PricingOptions {
  /** Members that a list without a known size counts for. */
  readonly listSize: number
  /** The same for what is asked of a subgraph. */
  readonly listSizes?: Readonly<Record<string, number>> | undefined
  /** Of root fields; absent: none is limited. */
  readonly limits?: FieldLimits | undefined
}

/** What an operation costs, in points. */
export interface OperationCost {
  readonly estimate: CompiledEstimate
  /** Of the root fields that have some. */
  readonly limits: readonly CompiledLimit[] | undefined
  /** What an answer came to, of its data under the gateway's keys. Never throws. */
  actual(data: Readonly<Record<string, unknown>> | null, variables: Variables): number
  /** What the fetches of its plan are estimated at, by subgraph. */
  planned(plan: OperationPlan, variables: Variables): ReadonlyMap<string, number>
  /** What each field is estimated at, for people. @throws Fault COST_INVALID_SLICING_ARGUMENTS */
  explain(variables: Variables): readonly ExplainedField[]
}

/** In the form that users of cost-limited APIs know; lists counted. */
export interface ExplainedField {
  readonly path: readonly string[]
  readonly definedCost: number
  readonly requestedTotalCost: number
  /** Of what is below it, and of its arguments. */
  readonly requestedChildrenCost: number
}

export const DEFAULT_PRICING: PricingOptions = Object.freeze({ listSize: 100 })

/**
 * Prices an operation once, for every request to come.
 * @throws Error naming a weight or a size of the supergraph that is none.
 */
export function operationCost(
  supergraph: Supergraph,
  {
    operation,
    fragments,
  }: {
    readonly operation: OperationDefinitionNode
    readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>
  },
  { listSize, listSizes, limits }: PricingOptions = DEFAULT_PRICING,
): OperationCost {
  const options = { listSizeDefault: listSize, ...(listSizes === undefined ? {} : { listSizes }) }
  const estimate = compileEstimate(supergraph, operation, fragments, options)
  let actual: ActualCost | undefined
  return {
    estimate,
    limits: limits && compileLimits(limits, estimate.roots),
    // Compiled when it is first asked for: where costs are off nothing asks.
    actual(data, variables) {
      actual ??= compileActual(supergraph, operation, fragments, {
        keyOf: (responseKey, field) => internalKey(responseKey, field, supergraph.types),
      })
      return actual(data, variables)
    },
    planned: () => new Map(),
    explain: variables =>
      estimate.explain(variables).map(({ path, weight, count, times, total }) => ({
        path,
        definedCost: weight,
        requestedTotalCost: times * total,
        requestedChildrenCost: times * (total - count * weight),
      })),
  }
}
