import {
  type FieldNode,
  type GraphQLCompositeType,
  type GraphQLSchema,
  getNamedType,
  isAbstractType,
  isCompositeType,
  Kind,
  type SelectionNode,
} from 'graphql'
import { onType } from './selections.ts'

/**
 * The same selections with every object field that is selected of an interface selected of each of its members instead.
 * Of an interface the planner looks for such a field's own fields in one subgraph only, and finds no plan when they are
 * shared out between several. Undefined when there is no such field.
 */
export function selectedByMember(
  schema: GraphQLSchema,
  selections: readonly SelectionNode[],
  parent: GraphQLCompositeType,
): readonly SelectionNode[] | undefined {
  let isChanged = false
  const changed = rewritten(selections, parent)
  return isChanged ? changed : undefined

  function rewritten(level: readonly SelectionNode[], type: GraphQLCompositeType): SelectionNode[] {
    return level.flatMap((selection): SelectionNode[] => {
      if (selection.kind === Kind.INLINE_FRAGMENT) {
        const narrowed = schema.getType(selection.typeCondition?.name.value ?? type.name)
        if (!isCompositeType(narrowed)) return [selection]
        const inner = rewritten(selection.selectionSet.selections, narrowed)
        return [{ ...selection, selectionSet: { ...selection.selectionSet, selections: inner } }]
      }
      if (selection.kind !== Kind.FIELD || !selection.selectionSet) return [selection]
      const definition = 'getFields' in type ? type.getFields()[selection.name.value] : undefined
      const inner = definition && getNamedType(definition.type)
      if (!isCompositeType(inner)) return [selection]
      const field: FieldNode = {
        ...selection,
        selectionSet: {
          ...selection.selectionSet,
          selections: rewritten(selection.selectionSet.selections, inner),
        },
      }
      if (!isAbstractType(type)) return [field]
      isChanged = true
      return [TYPENAME, ...schema.getPossibleTypes(type).map(({ name }) => onType(name, [field]))]
    })
  }
}

const TYPENAME: FieldNode = { kind: Kind.FIELD, name: { kind: Kind.NAME, value: '__typename' } }
