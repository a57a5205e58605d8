import type { FragmentDefinitionNode, OperationDefinitionNode } from 'graphql'
import type { Caller } from '../../protocol/caller.ts'
import { type ActualCost, compileActual } from '../cost/actual.ts'
import { type CompiledEstimate, compileEstimate } from '../cost/estimate.ts'
import type { FieldLimits } from '../cost/field-limits.ts'
import { type CompiledLimit, compileLimits } from '../cost/field-limits-compile.ts'
import { compilePlanCost, type PlanCost } from '../cost/plan-cost.ts'
import { meets } from '../execution/authorize.ts'
import { clientVariables } from '../execution/normalize.ts'
import type { OperationPlan } from '../execution/operation-plan.ts'
import { internalKey } from '../execution/response-key.ts'
import type { Variables } from '../execution/variables.ts'
import type { Requirement } from '../supergraph/authorization.ts'
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
  /** The least that its caller pays for it: 1, or nothing for what no subgraph is asked for. */
  readonly pointsMin: 0 | 1
  /** Of the root fields that have some and that this caller may have; the others are not asked for. */
  limitsFor(caller: Caller): readonly CompiledLimit[] | undefined
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
  const estimate = compileEstimate(supergraph, operation, fragments, { listSizeDefault: listSize })
  const plans = new WeakMap<OperationPlan, PlanCost>()
  let actual: ActualCost | undefined
  return {
    estimate,
    pointsMin: estimate.roots.every(({ name }) => name.startsWith('__')) ? 0 : 1,
    limitsFor: limitsFor(supergraph, estimate.roots, limits && compileLimits(limits, estimate.roots)),
    // Compiled when it is first asked for: where costs are off nothing asks.
    actual(data, variables) {
      actual ??= compileActual(supergraph, operation, fragments, {
        keyOf: (responseKey, field) => internalKey(responseKey, field, supergraph.types),
      })
      return actual(data, variables)
    },
    planned(plan, variables) {
      let planCost = plans.get(plan)
      if (planCost === undefined) {
        const clientVariable = clientVariables(operation)
        planCost = compilePlanCost(supergraph, plan, { listSizeDefault: listSize, listSizes, clientVariable })
        plans.set(plan, planCost)
      }
      return planCost(variables)
    },
    explain: variables =>
      estimate.explain(variables).map(({ path, weight, count, times, total }) => ({
        path,
        definedCost: weight,
        requestedTotalCost: times * total,
        requestedChildrenCost: times * (total - count * weight),
      })),
  }
}

/** Whoever may not have a field must not use up its points: that would cost them next to nothing. */
function limitsFor(
  { authorization }: Supergraph,
  roots: CompiledEstimate['roots'],
  limits: readonly CompiledLimit[] | undefined,
): OperationCost['limitsFor'] {
  const guarded = limits?.map(limited => {
    const { typename, name } = roots[limited.index]!
    return { limited, requirements: authorization?.requirementsOf(typename, name) ?? [] }
  })
  if (!guarded?.some(({ requirements }) => requirements.length > 0)) return () => limits
  const isFor = (caller: Caller, requirements: readonly Requirement[]): boolean =>
    requirements.every(requirement => meets(caller, requirement))
  return caller =>
    guarded.every(({ requirements }) => isFor(caller, requirements))
      ? limits
      : guarded.flatMap(({ limited, requirements }) => (isFor(caller, requirements) ? [limited] : []))
}
