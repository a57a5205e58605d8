import { Kind, type SelectionNode } from 'graphql'
import type { PlanNode } from './plan.ts'

/** Attempts to plan a part of one operation; each may cost the planner a millisecond. */
const ATTEMPTS_MAX = 64

/**
 * Plans a query that cannot be planned whole in as few parts as can be, run beside each other. The planner finds no way
 * to a root field of an abstract type when subgraphs share out the fields of one member and others are asked of too,
 * but finds one to each member.
 *
 * @param plan Throws when it cannot plan these root fields.
 * @throws `reason` when a single field cannot be planned, or parts would be too many.
 */
export function planInParts(
  roots: readonly SelectionNode[],
  plan: (roots: readonly SelectionNode[]) => PlanNode | undefined,
  reason: unknown,
): PlanNode {
  let attemptsLeft = ATTEMPTS_MAX

  function partsOf(
    level: readonly SelectionNode[],
    within: (level: readonly SelectionNode[]) => readonly SelectionNode[],
    isTried: boolean,
  ): PlanNode[] {
    if (!isTried) {
      if (attemptsLeft-- <= 0) throw reason
      try {
        const node = plan(within(level))
        return node ? [node] : []
      } catch {
        // In smaller parts, then.
      }
    }
    if (level.length > 1) {
      const half = level.length >> 1
      return [...partsOf(level.slice(0, half), within, false), ...partsOf(level.slice(half), within, false)]
    }
    const [only] = level
    if (only === undefined || only.kind === Kind.FRAGMENT_SPREAD || !only.selectionSet) throw reason
    const { selectionSet } = only
    return partsOf(
      selectionSet.selections,
      selections => within([{ ...only, selectionSet: { ...selectionSet, selections } }]),
      true,
    )
  }

  return { kind: 'Parallel', nodes: partsOf(roots, level => level, true) }
}
