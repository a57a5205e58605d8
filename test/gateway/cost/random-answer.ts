import {
  type GraphQLCompositeType,
  type GraphQLOutputType,
  getNamedType,
  getNullableType,
  isAbstractType,
  isLeafType,
  isListType,
  type SelectionSetNode,
} from 'graphql'
import type { Choices } from './choices.ts'
import { fieldsOf, type SelectionOf } from './reference-actual.ts'
import { fieldOf, type Reference, type Sizes } from './reference-estimate.ts'

type Data = Record<string, unknown>
type Sets = readonly (readonly [SelectionSetNode, GraphQLCompositeType])[]

const ITEMS_MAX = 4

/** An answer to the reference's operation in which no list has more members, lists in lists counted through, than were expected. */
export function randomAnswer(reference: Reference, choices: Choices): Data {
  const root = reference.schema.getRootType(reference.operation.operation)!
  return object(root, [[reference.operation.selectionSet, root]], { parent: [], inherited: [] })

  function object(type: GraphQLCompositeType, sets: Sets, sizes: Sizes): Data {
    const data: Data = {}
    for (const [key, selections] of fieldsOf(reference, type, sets)) {
      const [[node]] = selections as [SelectionOf]
      if (node.name.value === '__typename') data[key] = type.name
      // A field is absent when its subgraph did not answer.
      else if (!choices.chance(1, 20)) data[key] = field(selections, sizes)
    }
    return data
  }

  function field(selections: readonly SelectionOf[], sizes: Sizes): unknown {
    const [[node, on]] = selections as [SelectionOf]
    const definition = fieldOf(on, node.name.value)
    const below = reference.below(node, definition, sizes)
    const type = getNamedType(definition.type)
    let itemsLeft = Math.min(ITEMS_MAX, reference.count(node, definition, sizes))

    function value(of: GraphQLOutputType): unknown {
      const at = getNullableType(of)
      if (choices.chance(1, 12)) return null
      if (isListType(at)) {
        const innermost = !isListType(getNullableType(at.ofType))
        const count = choices.below((innermost ? itemsLeft : 2) + 1)
        if (innermost) itemsLeft -= count
        return Array.from({ length: count }, () => value(at.ofType))
      }
      if (isLeafType(type)) return 1
      const composite = type as GraphQLCompositeType
      const runtime = isAbstractType(composite)
        ? choices.oneOf(reference.schema.getPossibleTypes(composite))
        : composite
      const sets = selections.map(
        ([selected, parent]) =>
          [
            selected.selectionSet!,
            getNamedType(fieldOf(parent, selected.name.value).type) as GraphQLCompositeType,
          ] as const,
      )
      return object(runtime, sets, below)
    }
    return value(definition.type)
  }
}
