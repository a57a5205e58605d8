import {
  type FieldNode,
  type GraphQLCompositeType,
  type GraphQLSchema,
  getNamedType,
  isCompositeType,
  isObjectType,
  Kind,
  print,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql'
import type { FieldTree, TypeFacts } from '../supergraph/type-facts.ts'
import type { NormalizedOperation } from './normalize.ts'
import type { FlattenNode, FlattenNodePathSegment, RequiresSelection } from './plan.ts'

export interface DeferredRequires {
  /** The operation's selections with what the deferred fields require in their stead. */
  readonly selections: readonly SelectionNode[]
  /** Entity fetches of the deferred fields, to run after the plan of {@link selections}. */
  readonly fetches: readonly FlattenNode[]
}

/**
 * The planner cannot plan some `@requires` fields: those of a type within an object of the same type that came by an
 * entity fetch ("Path … cannot be found in selection set of type …"). Here such fields are taken out of an operation:
 * the planner is asked for what they require, under aliases of ours, and their own fetches follow. Leaf fields only;
 * undefined when the operation has none.
 */
export function deferRequires(
  schema: GraphQLSchema,
  types: TypeFacts,
  subgraphs: readonly { readonly name: string }[],
  operation: NormalizedOperation,
  selections: readonly SelectionNode[],
): DeferredRequires | undefined {
  const fetches: FlattenNode[] = []

  function rewritten(
    level: readonly SelectionNode[],
    parent: GraphQLCompositeType,
    path: readonly FlattenNodePathSegment[],
  ): SelectionNode[] {
    return level.flatMap((selection): SelectionNode[] => {
      if (selection.kind === Kind.INLINE_FRAGMENT) {
        const type = schema.getType(selection.typeCondition?.name.value ?? parent.name)
        if (!isCompositeType(type)) return [selection]
        const inner = rewritten(selection.selectionSet.selections, type, [
          ...path,
          { TypeCondition: [type.name] },
        ])
        return [{ ...selection, selectionSet: { ...selection.selectionSet, selections: inner } }]
      }
      if (selection.kind !== Kind.FIELD) return [selection]
      const definition = 'getFields' in parent ? parent.getFields()[selection.name.value] : undefined
      const type = definition && getNamedType(definition.type)
      if (selection.selectionSet && isCompositeType(type)) {
        const key = selection.alias?.value ?? selection.name.value
        const inner = rewritten(selection.selectionSet.selections, type, [...path, { Field: key }])
        return [{ ...selection, selectionSet: { ...selection.selectionSet, selections: inner } }]
      }
      return isObjectType(parent) && path.length > 0
        ? (deferred(selection, parent.name, path) ?? [selection])
        : [selection]
    })
  }

  /** What stands in for a leaf field, its own fetch noted; undefined when it requires nothing. */
  function deferred(
    field: FieldNode,
    typename: string,
    path: readonly FlattenNodePathSegment[],
  ): SelectionNode[] | undefined {
    for (const { name: service } of subgraphs) {
      const requires = types.requiresOf(typename, field.name.value, service)
      const [key] = types.keysOf(typename, service)
      if (!requires || !key) continue
      const prefix = `_r${fetches.length}_`
      const inputs: FieldNode[] = [
        ...keySelections(key),
        ...requires.selections.filter(node => node.kind === Kind.FIELD),
      ]
      if (inputs.length !== Object.keys(key).length + requires.selections.length) continue
      const distinct = [...new Map(inputs.map(input => [input.name.value, input])).values()]
      fetches.push(fetchOf(field, typename, path, service, prefix, distinct))
      return [
        TYPENAME,
        ...distinct.map(
          input => ({ ...input, alias: { kind: Kind.NAME, value: prefix + input.name.value } }) as const,
        ),
      ]
    }
    return undefined
  }

  function fetchOf(
    field: FieldNode,
    typename: string,
    path: readonly FlattenNodePathSegment[],
    service: string,
    prefix: string,
    inputs: readonly FieldNode[],
  ): FlattenNode {
    const definitions = operation.variableDefinitionsOf([field])
    const head = ['$representations:[_Any!]!', ...definitions.map(definition => print(definition))].join(', ')
    return {
      kind: 'Flatten',
      path: [...path],
      node: {
        kind: 'Fetch',
        serviceName: service,
        operationKind: 'query',
        operation: `query(${head}){_entities(representations: $representations){...on ${typename}{${print(field)}}}}`,
        variableUsages: definitions.map(definition => definition.variable.name.value),
        requires: [
          {
            kind: 'InlineFragment',
            typeCondition: typename,
            selections: [
              { kind: 'Field', name: '__typename' },
              ...inputs.map(input => requiredOf(input, prefix + input.name.value)),
            ],
          },
        ],
      },
    }
  }

  const root = operation.kind === 'query' ? schema.getQueryType() : schema.getMutationType()
  const kept = root ? rewritten(selections, root, []) : []
  return fetches.length === 0 ? undefined : { selections: kept, fetches }
}

const TYPENAME: FieldNode = { kind: Kind.FIELD, name: { kind: Kind.NAME, value: '__typename' } }

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
function requiredOf(field: FieldNode, from: string): RequiresSelection {
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
