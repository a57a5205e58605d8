import { Fault } from '../../protocol/fault.ts'
import type { TypeFacts } from '../supergraph/type-facts.ts'
import { compileBatchFetch, compileEntityFetch, compileRootFetch } from './fetch-steps.ts'
import type { NormalizedOperation } from './normalize.ts'
import type { FlattenNodePathSegment, PlanNode, QueryPlan } from './plan.ts'
import { withRequiredKeys } from './required-keys.ts'
import type { Step } from './run.ts'
import { addToSpine, emptySpine, type Spine } from './tree.ts'

export interface CompiledPlan {
  readonly step: Step
  /** Fetches that the plan makes at most. */
  readonly fetchCount: number
}

/** Turns a plan into closures, once; `execute` only calls them. */
export function compilePlan(
  planned: QueryPlan,
  operation: NormalizedOperation,
  types: TypeFacts,
): CompiledPlan {
  const plan = withRequiredKeys(planned, types)
  const spine = emptySpine()
  if (plan.node) growSpine(plan.node, spine)
  let fetchCount = 0

  function compileNode(node: PlanNode, path: readonly FlattenNodePathSegment[] | undefined): Step {
    switch (node.kind) {
      case 'Sequence':
        return inSequence(node.nodes.map(child => compileNode(child, path)))
      case 'Parallel':
        return inParallel(node.nodes.map(child => compileNode(child, path)))
      case 'Flatten':
        return compileNode(node.node, node.path)
      case 'Fetch':
        fetchCount++
        return path === undefined
          ? compileRootFetch(node, spine, operation, types)
          : compileEntityFetch(node, path, spine, operation, types)
      case 'BatchFetch':
        fetchCount++
        return compileBatchFetch(node, spine, operation, types)
      default:
        // Conditions are decided before planning, the others belong to operations that are refused.
        throw new Fault('PLAN_FAILED', `Expected fetches in the plan, got ${node.kind}`)
    }
  }
  const step: Step = plan.node ? compileNode(plan.node, undefined) : () => undefined
  return { step, fetchCount }
}

function growSpine(node: PlanNode, spine: Spine): void {
  if (node.kind === 'Sequence' || node.kind === 'Parallel')
    for (const child of node.nodes) growSpine(child, spine)
  else if (node.kind === 'Flatten') {
    addToSpine(spine, node.path)
    growSpine(node.node, spine)
  } else if (node.kind === 'BatchFetch')
    for (const alias of node.entityBatch.aliases) for (const path of alias.paths) addToSpine(spine, path)
}

function inSequence(steps: readonly Step[]): Step {
  if (steps.length === 1) return steps[0]!
  return async run => {
    for (const step of steps) await step(run)
  }
}

function inParallel(steps: readonly Step[]): Step {
  if (steps.length === 1) return steps[0]!
  return async run => {
    await Promise.all(steps.map(step => step(run)))
  }
}
