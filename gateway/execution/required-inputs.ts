import { type FieldNode, Kind, type SelectionSetNode } from 'graphql'
import type { FieldTree } from '../supergraph/type-facts.ts'
import type { RequiresSelection } from './plan.ts'

/** What a representation needs, each field once; undefined when the field set does not begin with fields. */
export function inputsOf(key: FieldTree, requires: SelectionSetNode): readonly FieldNode[] | undefined {
  const inputs = new Map<string, FieldNode>()
  for (const selection of [...keySelections(key), ...requires.selections]) {
    if (selection.kind !== Kind.FIELD) return undefined
    const { name, selectionSet } = selection
    const known = inputs.get(name.value)?.selectionSet
    const selections = [...(known?.selections ?? []), ...(selectionSet?.selections ?? [])]
    inputs.set(name.value, {
      ...selection,
      ...(selections.length > 0 ? { selectionSet: { kind: Kind.SELECTION_SET, selections } } : {}),
    })
  }
  return [...inputs.values()]
}

function keySelections(key: FieldTree): FieldNode[] {
  return Object.entries(key).map(([name, nested]) => {
    const selections = keySelections(nested)
    return {
      kind: Kind.FIELD,
      name: { kind: Kind.NAME, value: name },
      ...(selections.length > 0 ? { selectionSet: { kind: Kind.SELECTION_SET, selections } } : {}),
    }
  })
}

/** A field of a field set as the representation builder reads it: from `from`, under its own name. */
export function requiredOf(field: FieldNode, from: string): RequiresSelection {
  return {
    kind: 'Field',
    name: from,
    ...(from === field.name.value ? {} : { alias: field.name.value }),
    ...(field.selectionSet ? { selections: requiredIn(field.selectionSet) } : {}),
  }
}

function requiredIn(set: SelectionSetNode): RequiresSelection[] {
  return set.selections.flatMap((selection): RequiresSelection[] => {
    if (selection.kind === Kind.FIELD) return [requiredOf(selection, selection.name.value)]
    if (selection.kind !== Kind.INLINE_FRAGMENT) return []
    const selections = requiredIn(selection.selectionSet)
    const condition = selection.typeCondition?.name.value
    return condition === undefined
      ? selections
      : [{ kind: 'InlineFragment', typeCondition: condition, selections }]
  })
}
