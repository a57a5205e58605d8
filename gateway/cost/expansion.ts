import {
  type FragmentDefinitionNode,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql'
import { Fault } from '../../protocol/fault.ts'

/**
 * Costs count a fragment's fields wherever it is spread, so a text of 1 kB can stand for millions of them. Plans end at
 * a tenth of this (execution/normalize.ts), but they count a field that is selected twice once.
 */
const SELECTIONS_MAX = 20_000

/** Throws Fault OPERATION_TOO_LARGE. Counts each fragment once, however often it is spread. */
export function refuseExpansion(
  operation: OperationDefinitionNode,
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
): void {
  const counted = new Map<string, number>()

  function countOf(set: SelectionSetNode): number {
    let count = 0
    for (const selection of set.selections) {
      count++
      if (selection.kind === Kind.FRAGMENT_SPREAD) count += countOfFragment(selection.name.value)
      else if (selection.selectionSet) count += countOf(selection.selectionSet)
    }
    return count
  }

  function countOfFragment(name: string): number {
    const known = counted.get(name)
    if (known !== undefined) return known
    const fragment = fragments.get(name)
    // One that spreads itself is not valid; it ends here all the same.
    counted.set(name, Number.POSITIVE_INFINITY)
    const count = fragment === undefined ? 0 : countOf(fragment.selectionSet)
    counted.set(name, count)
    return count
  }

  if (countOf(operation.selectionSet) > SELECTIONS_MAX)
    throw new Fault(
      'OPERATION_TOO_LARGE',
      `Expected at most ${SELECTIONS_MAX} selections once fragments are expanded, got more`,
    )
}
