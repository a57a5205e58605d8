import {
  type FieldNode,
  type GraphQLCompositeType,
  type GraphQLOutputType,
  getNamedType,
  getNullableType,
  isAbstractType,
  isLeafType,
  isListType,
  Kind,
  type SelectionSetNode,
} from 'graphql'
import { costOn, fieldOf, type Reference } from './reference-estimate.ts'

type Data = Readonly<Record<string, unknown>>

/** A selection of a field, and the type that it is selected of. */
export type SelectionOf = readonly [node: FieldNode, on: GraphQLCompositeType]

/** What an answer has cost, said slowly: field by field as the specification collects them. */
export function referenceActual(reference: Reference, data: Data): number {
  const root = reference.schema.getRootType(reference.operation.operation)!
  return objectFields(reference, data, fieldsOf(reference, root, [[reference.operation.selectionSet, root]]))
}

/** The specification's CollectFields, for an object of type `type`. */
export function fieldsOf(
  reference: Reference,
  type: GraphQLCompositeType,
  sets: readonly (readonly [SelectionSetNode, GraphQLCompositeType])[],
): Map<string, SelectionOf[]> {
  const fields = new Map<string, SelectionOf[]>()
  const collect = (set: SelectionSetNode, on: GraphQLCompositeType): void => {
    for (const selection of set.selections) {
      if (!reference.isIncluded(selection)) continue
      if (selection.kind === Kind.FIELD) {
        const key = selection.alias?.value ?? selection.name.value
        fields.set(key, [...(fields.get(key) ?? []), [selection, on]])
        continue
      }
      const fragment =
        selection.kind === Kind.FRAGMENT_SPREAD ? reference.fragments.get(selection.name.value)! : selection
      const condition = fragment.typeCondition?.name.value
      const inner =
        condition === undefined ? on : (reference.schema.getType(condition) as GraphQLCompositeType)
      const passes =
        inner === type || (isAbstractType(inner) && reference.schema.isSubType(inner, type as never))
      if (passes) collect(fragment.selectionSet, inner)
    }
  }
  for (const [set, on] of sets) collect(set, on)
  return fields
}

function objectFields(
  reference: Reference,
  data: Data,
  fields: ReadonlyMap<string, readonly SelectionOf[]>,
): number {
  let sum = 0
  for (const [key, selections] of fields) {
    if (data[key] === undefined || selections[0]![0].name.value.startsWith('__')) continue
    // The same field may be selected of an object's own type and of an interface: the dearer account of it counts.
    const [node, on] = selections.reduce((a, b) => (staticWeight(b) > staticWeight(a) ? b : a))
    const definition = fieldOf(on, node.name.value)
    sum += reference.arguments(node, definition) + value(data[key], definition.type)

    function value(found: unknown, of: GraphQLOutputType): number {
      const at = getNullableType(of)
      // A null list has no items.
      if (isListType(at))
        return ((found ?? []) as unknown[]).reduce<number>((total, item) => total + value(item, at.ofType), 0)
      const type = getNamedType(definition.type)
      const own = costOn(definition.astNode)
      if (isLeafType(type) || found === null) return own ?? costOn(type.astNode) ?? 0
      const object = found as Data
      const runtime = (
        isAbstractType(type) ? reference.schema.getType(object.__typename as string) : type
      ) as GraphQLCompositeType
      const sets = selections.map(
        ([selected, of]) =>
          [
            selected.selectionSet!,
            getNamedType(fieldOf(of, selected.name.value).type) as GraphQLCompositeType,
          ] as const,
      )
      return (
        (own ?? costOn(runtime.astNode) ?? 1) +
        objectFields(reference, object, fieldsOf(reference, runtime, sets))
      )
    }
  }
  return sum
}

function staticWeight([node, on]: SelectionOf): number {
  const definition = fieldOf(on, node.name.value)
  const type = getNamedType(definition.type)
  return costOn(definition.astNode) ?? costOn(type.astNode) ?? (isLeafType(type) ? 0 : 1)
}
