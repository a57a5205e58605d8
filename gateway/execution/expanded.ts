import {
  type DirectiveNode,
  type FragmentDefinitionNode,
  Kind,
  type OperationDefinitionNode,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql'
import { Fault } from '../../protocol/fault.ts'
import { type Conditions, isIncluded } from './conditions.ts'
import { SELECTIONS_MAX, tooLarge } from './normalize.ts'

/**
 * One shape of an operation with every fragment where it is spread and without conditions: each selection is an object
 * of its own, in one place only. Introspection is as the client wrote it.
 *
 * @throws Fault OPERATION_TOO_LARGE
 */
export function expandedOf(
  operation: OperationDefinitionNode,
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
  conditions: Conditions,
  shape: number,
): OperationDefinitionNode {
  let selectionsLeft = SELECTIONS_MAX

  function expanded({ selections }: SelectionSetNode): SelectionSetNode {
    return {
      kind: Kind.SELECTION_SET,
      selections: selections.flatMap((selection): SelectionNode[] => {
        if (--selectionsLeft < 0) throw tooLarge()
        if (!isIncluded(selection.directives, conditions, shape)) return []
        const directives = withoutConditions(selection.directives)
        if (selection.kind === Kind.FIELD) {
          const isOurs = !selection.name.value.startsWith('__')
          const { selectionSet } = selection
          return [
            {
              ...selection,
              directives,
              ...(selectionSet && isOurs ? { selectionSet: expanded(selectionSet) } : {}),
            },
          ]
        }
        if (selection.kind === Kind.INLINE_FRAGMENT)
          return [{ ...selection, directives, selectionSet: expanded(selection.selectionSet) }]
        const fragment = fragments.get(selection.name.value)
        if (!fragment) throw new Fault('BAD_INPUT', `Unknown fragment "${selection.name.value}"`)
        const { typeCondition } = fragment
        return [
          {
            kind: Kind.INLINE_FRAGMENT,
            typeCondition,
            directives,
            selectionSet: expanded(fragment.selectionSet),
          },
        ]
      }),
    }
  }

  return { ...operation, selectionSet: expanded(operation.selectionSet) }
}

function withoutConditions(directives: readonly DirectiveNode[] = []): readonly DirectiveNode[] {
  return directives.filter(({ name }) => name.value !== 'skip' && name.value !== 'include')
}
