import {
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLSchema,
  isAbstractType,
  isInterfaceType,
  isObjectType,
  Kind,
  type SelectionSetNode,
} from 'graphql'
import { conditionOf } from './conditions.ts'
import { both, type Condition, either } from './terms.ts'
import type { FieldWeights, Weights } from './weight-model.ts'

/** A selection set, the type that it is of, and when it is part of a request. */
export interface Selected {
  readonly set: SelectionSetNode
  readonly on: string
  readonly condition: Condition
}

/** All selections of one response key. */
export interface AnswerField {
  readonly node: FieldNode
  readonly weighed: FieldWeights
  readonly condition: Condition
  readonly sets: readonly Selected[]
}

/** What is selected of objects of a type: by response key, as an answer has it, so that what is selected twice is one. */
export type SelectAnswerFields = (
  typename: string,
  sets: readonly Selected[],
) => ReadonlyMap<string, AnswerField>

export function compileAnswerFields(
  schema: GraphQLSchema,
  weights: Weights,
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
): SelectAnswerFields {
  return (typename, sets) => {
    const fields = new Map<string, AnswerField>()
    for (const { set, on, condition } of sets) collect(fields, typename, set, on, condition, new Set())
    return fields
  }

  function collect(
    into: Map<string, AnswerField>,
    typename: string,
    set: SelectionSetNode,
    on: string,
    condition: Condition,
    spread: Set<string>,
  ): void {
    for (const selection of set.selections) {
      const own = both(condition, conditionOf(selection.directives))
      if (own === false) continue
      if (selection.kind === Kind.FIELD) {
        addField(into, selection, weights.field(on, selection.name.value), own)
        continue
      }
      const isSpread = selection.kind === Kind.FRAGMENT_SPREAD
      if (isSpread && spread.has(selection.name.value)) continue
      if (isSpread && own === true) spread.add(selection.name.value)
      const fragment = isSpread ? fragments.get(selection.name.value) : selection
      const inner = fragment?.typeCondition?.name.value ?? on
      if (fragment !== undefined && satisfies(schema, typename, inner))
        collect(into, typename, fragment.selectionSet, inner, own, spread)
    }
  }
}

/** Does an object of type `typename` pass a fragment on `condition`? */
export function satisfies(schema: GraphQLSchema, typename: string, condition: string): boolean {
  if (typename === condition) return true
  const abstract = schema.getType(condition)
  const type = schema.getType(typename)
  if (!isAbstractType(abstract) || !(isObjectType(type) || isInterfaceType(type))) return false
  return schema.isSubType(abstract, type)
}

function addField(
  into: Map<string, AnswerField>,
  node: FieldNode,
  weighed: FieldWeights | undefined,
  condition: Condition,
): void {
  if (weighed === undefined) return
  const responseKey = node.alias?.value ?? node.name.value
  const before = into.get(responseKey)
  const set = node.selectionSet
  const added = set === undefined ? [] : [{ set, on: weighed.typename, condition }]
  if (before === undefined) {
    into.set(responseKey, { node, weighed, condition, sets: added })
    return
  }
  // It is one field, selected of its own type and of an interface: the dearer account of it counts.
  const dearer = weighed.weight > before.weighed.weight ? { node, weighed } : before
  into.set(responseKey, {
    node: dearer.node,
    weighed: dearer.weighed,
    condition: either(before.condition, condition),
    sets: [...before.sets, ...added],
  })
}
