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

  function visit(level: readonly SelectionNode[], type: GraphQLCompositeType, path: string): void {
    for (const selection of level) {
      if (selection.kind === Kind.INLINE_FRAGMENT) {
        const narrowed = schema.getType(selection.typeCondition?.name.value ?? type.name)
        if (isCompositeType(narrowed)) visit(selection.selectionSet.selections, narrowed, path)
      } else if (selection.kind === Kind.FIELD) {
        noteRequiredBy(selection.name.value, type, path, 0)
        const inner = typeOf(selection, type)
        if (selection.selectionSet && inner)
          visit(
            selection.selectionSet.selections,
            inner,
            `${path}.${selection.alias?.value ?? selection.name.value}`,
          )
      }
    }
  }

  function noteRequiredBy(field: string, type: GraphQLCompositeType, path: string, depth: number): void {
    for (const typename of objectsOf(type))
      for (const { name } of subgraphs) {
        const requires = types.requiresOf(typename, field, name)
        if (requires && depth < DEPTH_MAX) note(requires, schema.getType(typename), path, depth + 1)
      }
  }

  function note(set: SelectionSetNode, type: unknown, path: string, depth: number): void {
    for (const selection of set.selections) {
      if (selection.kind === Kind.INLINE_FRAGMENT) {
        const condition = selection.typeCondition?.name.value
        note(selection.selectionSet, condition === undefined ? type : schema.getType(condition), path, depth)
      }
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
      const composite = isCompositeType(type) ? type : undefined
      if (composite) noteRequiredBy(selection.name.value, composite, path, depth)
      if (selection.selectionSet)
        note(selection.selectionSet, composite && typeOf(selection, composite), at, depth)
    }
  }

  /** The type that a field leads to, where clients may see it. */
  function typeOf(field: FieldNode, parent: GraphQLCompositeType): GraphQLCompositeType | undefined {
    const definition = 'getFields' in parent ? parent.getFields()[field.name.value] : undefined
    const type = definition && getNamedType(definition.type)
    return isCompositeType(type) ? type : undefined
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
