import {
  type FieldNode,
  type GraphQLCompositeType,
  getNamedType,
  isAbstractType,
  isCompositeType,
  Kind,
  print,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql'
import { Fault } from '../../protocol/fault.ts'
import type { Supergraph } from '../supergraph/supergraph.ts'

/**
 * Refuses fields that require one field with different arguments. Where that field stands within an object, as `width`
 * in `box { width(unit: "mm") }`, the planner aborts the process over it ("merge_path.rs").
 *
 * @throws Fault PLAN_FAILED; without these fields (plan-deferred.ts) there is a plan.
 */
export function refuseConflictingRequires(
  { apiSchema: schema, types, subgraphs }: Pick<Supergraph, 'apiSchema' | 'types' | 'subgraphs'>,
  selections: readonly SelectionNode[],
  parent: GraphQLCompositeType,
): void {
  if (!types.requireArguments) return
  /** What is required at each path in the response, as "name(arguments)". */
  const required = new Map<string, string>()

  function visit(level: readonly SelectionNode[], type: GraphQLCompositeType, path: string): void {
    for (const selection of level) {
      if (selection.kind === Kind.INLINE_FRAGMENT) {
        const narrowed = schema.getType(selection.typeCondition?.name.value ?? type.name)
        if (isCompositeType(narrowed)) visit(selection.selectionSet.selections, narrowed, path)
      } else if (selection.kind === Kind.FIELD) {
        for (const typename of objectsOf(type))
          for (const { name } of subgraphs) {
            const requires = types.requiresOf(typename, selection.name.value, name)
            if (requires) note(requires, path)
          }
        const definition = 'getFields' in type ? type.getFields()[selection.name.value] : undefined
        const inner = definition && getNamedType(definition.type)
        if (selection.selectionSet && isCompositeType(inner))
          visit(
            selection.selectionSet.selections,
            inner,
            `${path}.${selection.alias?.value ?? selection.name.value}`,
          )
      }
    }
  }

  function note(set: SelectionSetNode, path: string): void {
    for (const selection of set.selections) {
      if (selection.kind === Kind.INLINE_FRAGMENT) note(selection.selectionSet, path)
      if (selection.kind !== Kind.FIELD) continue
      const at = `${path}.${selection.name.value}`
      const call = callOf(selection)
      const known = required.get(at)
      if (known !== undefined && known !== call)
        throw new Fault(
          'PLAN_FAILED',
          `The operation cannot be planned over the subgraphs: its fields require ${known} and ${call} of one object`,
        )
      required.set(at, call)
      if (selection.selectionSet) note(selection.selectionSet, at)
    }
  }

  function objectsOf(type: GraphQLCompositeType): readonly string[] {
    return isAbstractType(type) ? schema.getPossibleTypes(type).map(({ name }) => name) : [type.name]
  }

  visit(selections, parent, '')
}

function callOf({ name, arguments: given = [] }: FieldNode): string {
  const values = given.map(argument => `${argument.name.value}: ${print(argument.value)}`)
  return `${name.value}(${values.sort().join(', ')})`
}
