import {
  type FieldNode,
  type GraphQLCompositeType,
  isAbstractType,
  Kind,
  print,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql'
import { Fault } from '../../protocol/fault.ts'
import type { Supergraph } from '../supergraph/supergraph.ts'

/** How far what is required is followed to what that requires; composition refuses circles. */
const DEPTH_MAX = 8

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

  function visit(level: readonly SelectionNode[], typename: string, path: string): void {
    for (const selection of level) {
      if (selection.kind === Kind.INLINE_FRAGMENT)
        visit(selection.selectionSet.selections, selection.typeCondition?.name.value ?? typename, path)
      else if (selection.kind === Kind.FIELD) {
        noteRequiredBy(selection, typename, path, 0)
        const inner = types.fieldType(typename, selection.name.value)
        const key = selection.alias?.value ?? selection.name.value
        if (selection.selectionSet && inner !== undefined)
          visit(selection.selectionSet.selections, inner, `${path}.${key}`)
      }
    }
  }

  function noteRequiredBy(field: FieldNode, typename: string, path: string, depth: number): void {
    for (const name of objectsOf(typename))
      for (const subgraph of subgraphs) {
        const requires = types.requiresOf(name, field.name.value, subgraph.name)
        if (requires && depth < DEPTH_MAX) note(requires, name, path, depth + 1)
      }
  }

  function note(set: SelectionSetNode, typename: string, path: string, depth: number): void {
    for (const selection of set.selections) {
      if (selection.kind === Kind.INLINE_FRAGMENT)
        note(selection.selectionSet, selection.typeCondition?.name.value ?? typename, path, depth)
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
      noteRequiredBy(selection, typename, path, depth)
      const inner = types.fieldType(typename, selection.name.value)
      if (selection.selectionSet && inner !== undefined) note(selection.selectionSet, inner, at, depth)
    }
  }

  function objectsOf(typename: string): readonly string[] {
    const type = schema.getType(typename)
    return isAbstractType(type) ? schema.getPossibleTypes(type).map(({ name }) => name) : [typename]
  }

  visit(selections, parent.name, '')
}

function callOf({ name, arguments: given = [] }: FieldNode): string {
  const values = given.map(argument => `${argument.name.value}: ${print(argument.value)}`)
  return `${name.value}(${values.sort().join(', ')})`
}
