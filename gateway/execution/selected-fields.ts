import {
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLCompositeType,
  type GraphQLObjectType,
  type GraphQLSchema,
  isAbstractType,
  Kind,
  type SelectionSetNode,
} from 'graphql'
import { type Conditions, isIncluded } from './conditions.ts'

/** The fields that selection sets standing at one place select of one type, by response key, in the client's order. */
export type SelectFields = (
  type: GraphQLCompositeType,
  sets: readonly SelectionSetNode[],
) => ReadonlyMap<string, readonly FieldNode[]>

/** CollectFields of the GraphQL specification (section 6.3.2), for one shape of an operation. */
export function compileSelectFields(
  schema: GraphQLSchema,
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
  conditions: Conditions,
  shape: number,
): SelectFields {
  function collect(
    type: GraphQLCompositeType,
    set: SelectionSetNode,
    into: Map<string, FieldNode[]>,
    spread: Set<string>,
  ): void {
    for (const selection of set.selections) {
      if (!isIncluded(selection.directives, conditions, shape)) continue
      if (selection.kind === Kind.FIELD) {
        const key = selection.alias?.value ?? selection.name.value
        const known = into.get(key)
        if (known) known.push(selection)
        else into.set(key, [selection])
        continue
      }
      if (selection.kind === Kind.FRAGMENT_SPREAD) {
        if (spread.has(selection.name.value)) continue
        spread.add(selection.name.value)
      }
      const fragment =
        selection.kind === Kind.FRAGMENT_SPREAD ? fragments.get(selection.name.value) : selection
      if (!fragment) continue
      const condition = fragment.typeCondition?.name.value
      const applies = condition === undefined || condition === type.name || isSubType(schema, condition, type)
      if (applies) collect(type, fragment.selectionSet, into, spread)
    }
  }

  return (type, sets) => {
    const collected = new Map<string, FieldNode[]>()
    const spread = new Set<string>()
    for (const set of sets) collect(type, set, collected, spread)
    return collected
  }
}

/** Whether `type` is the abstract type of that name or belongs to it. */
export function isSubType(schema: GraphQLSchema, abstractName: string, type: GraphQLCompositeType): boolean {
  const abstract = schema.getType(abstractName)
  return (
    isAbstractType(abstract) &&
    (type.name === abstract.name || schema.isSubType(abstract, type as GraphQLObjectType))
  )
}
