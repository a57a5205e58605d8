import {
  type FieldNode,
  type FragmentDefinitionNode,
  type InlineFragmentNode,
  Kind,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql'
import type { FlattenNodePathSegment } from './plan.ts'

/** A field and the type that it is selected of. */
export type FieldOf = readonly [type: string, field: FieldNode]

/** The fields of one level, those in fragments under the type of their fragment. */
export function typedFields(selections: readonly SelectionNode[], type: string): FieldOf[] {
  return selections.flatMap((selection): FieldOf[] => {
    if (selection.kind === Kind.FIELD) return [[type, selection]]
    if (selection.kind !== Kind.INLINE_FRAGMENT) return []
    return typedFields(selection.selectionSet.selections, selection.typeCondition?.name.value ?? type)
  })
}

/** What is selected at a plan's path, whatever the types on the way. */
export function selectedAt(
  selections: readonly SelectionNode[],
  path: readonly FlattenNodePathSegment[],
): readonly SelectionNode[] {
  let level = selections
  for (const segment of path) {
    if (segment === '@' || !('Field' in segment)) continue
    level = typedFields(level, '')
      .filter(([, field]) => keyOf(field) === segment.Field)
      .flatMap(([, field]) => field.selectionSet?.selections ?? [])
  }
  return level
}

export const keyOf = (field: FieldNode): string => field.alias?.value ?? field.name.value

/** A fragment on a type. */
export function onType(type: string, selections: readonly SelectionNode[]): InlineFragmentNode {
  return {
    kind: Kind.INLINE_FRAGMENT,
    typeCondition: { kind: Kind.NAMED_TYPE, name: { kind: Kind.NAME, value: type } },
    selectionSet: { kind: Kind.SELECTION_SET, selections },
  }
}

/** A selection set of which every spread, at every level, is the fragment itself. */
export function withoutSpreads(
  set: SelectionSetNode,
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
): SelectionSetNode {
  if (fragments.size === 0) return set
  const selections = set.selections.map((selection): SelectionNode => {
    const fragment = selection.kind === Kind.FRAGMENT_SPREAD ? fragments.get(selection.name.value) : selection
    if (!fragment?.selectionSet) return selection
    const selectionSet = withoutSpreads(fragment.selectionSet, fragments)
    return fragment.kind === Kind.FRAGMENT_DEFINITION
      ? { kind: Kind.INLINE_FRAGMENT, typeCondition: fragment.typeCondition, selectionSet }
      : ({ ...selection, selectionSet } as SelectionNode)
  })
  return { ...set, selections }
}
