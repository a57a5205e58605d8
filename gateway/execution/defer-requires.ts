import {
  type FieldNode,
  type GraphQLAbstractType,
  type GraphQLCompositeType,
  type GraphQLSchema,
  getNamedType,
  type InlineFragmentNode,
  isAbstractType,
  isCompositeType,
  isObjectType,
  Kind,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql'
import type { FieldTree, TypeFacts } from '../supergraph/type-facts.ts'
import type { FlattenNodePathSegment, RequiresSelection } from './plan.ts'

/** A place in the response: its path, and the type of what stands there. */
export interface Place {
  readonly path: readonly FlattenNodePathSegment[]
  readonly type: GraphQLCompositeType
}

/** A field that was taken out of an operation, and what its subgraph must be told of the object that has it. */
export interface DeferredField {
  readonly field: FieldNode
  readonly typename: string
  /** Of the objects that have the field. */
  readonly path: readonly FlattenNodePathSegment[]
  readonly service: string
  /** What the field leads to; undefined for a leaf. */
  readonly type: GraphQLCompositeType | undefined
  readonly requires: readonly RequiresSelection[]
}

export interface DeferredRequires {
  /** The selections with what the deferred fields require in their stead. */
  readonly selections: readonly SelectionNode[]
  readonly fields: readonly DeferredField[]
}

/**
 * The planner cannot plan some `@requires` fields: those of a type within an object of the same type that came by an
 * entity fetch ("Path … cannot be found in selection set of type …"). Here every field with a `@requires` is taken out
 * of what is selected at a place, and what it requires is selected instead, under aliases that `nextPrefix` begins.
 *
 * Undefined when there is no such field.
 */
export function deferRequires(
  { schema, types, subgraphs }: Sources,
  selections: readonly SelectionNode[],
  at: Place,
  nextPrefix: () => string,
): DeferredRequires | undefined {
  const fields: DeferredField[] = []

  function rewritten(level: readonly SelectionNode[], { path, type: parent }: Place): SelectionNode[] {
    return level.flatMap((selection): SelectionNode[] => {
      if (selection.kind === Kind.INLINE_FRAGMENT) {
        const type = schema.getType(selection.typeCondition?.name.value ?? parent.name)
        if (!isCompositeType(type)) return [selection]
        return [below(selection, { type, path: [...path, { TypeCondition: [type.name] }] })]
      }
      if (selection.kind !== Kind.FIELD) return [selection]
      const definition = 'getFields' in parent ? parent.getFields()[selection.name.value] : undefined
      const named = definition && getNamedType(definition.type)
      const type = selection.selectionSet && isCompositeType(named) ? named : undefined
      const required =
        isObjectType(parent) && path.length > 0 ? deferred(selection, type, parent.name, path) : undefined
      if (required) return required
      if (isAbstractType(parent) && isRequiringBelow(parent, selection.name.value))
        return rewritten(byMember(selection, parent), { path, type: parent })
      if (!type) return [selection]
      return [below(selection, { type, path: [...path, { Field: keyOf(selection) }] })]
    })
  }

  function isRequiringBelow(parent: GraphQLAbstractType, field: string): boolean {
    return schema
      .getPossibleTypes(parent)
      .some(({ name }) => subgraphs.some(subgraph => types.requiresOf(name, field, subgraph.name)))
  }

  function byMember(field: FieldNode, parent: GraphQLAbstractType): SelectionNode[] {
    const members = schema.getPossibleTypes(parent).map(
      ({ name: value }): InlineFragmentNode => ({
        kind: Kind.INLINE_FRAGMENT,
        typeCondition: { kind: Kind.NAMED_TYPE, name: { kind: Kind.NAME, value } },
        selectionSet: { kind: Kind.SELECTION_SET, selections: [field] },
      }),
    )
    return [TYPENAME, ...members]
  }

  function below<N extends { readonly selectionSet?: SelectionSetNode | undefined }>(
    node: N,
    place: Place,
  ): N {
    return {
      ...node,
      selectionSet: {
        kind: Kind.SELECTION_SET,
        selections: rewritten(node.selectionSet?.selections ?? [], place),
      },
    }
  }

  /** What stands in for a field, which is noted; undefined when it requires nothing. */
  function deferred(
    field: FieldNode,
    type: GraphQLCompositeType | undefined,
    typename: string,
    path: readonly FlattenNodePathSegment[],
  ): SelectionNode[] | undefined {
    for (const { name: service } of subgraphs) {
      const requires = types.requiresOf(typename, field.name.value, service)
      const [key] = types.keysOf(typename, service)
      if (!requires || !key) continue
      const inputs: FieldNode[] = [
        ...keySelections(key),
        ...requires.selections.filter(node => node.kind === Kind.FIELD),
      ]
      if (inputs.length !== Object.keys(key).length + requires.selections.length) continue
      const distinct = [...new Map(inputs.map(input => [input.name.value, input])).values()]
      const prefix = nextPrefix()
      const selections: RequiresSelection[] = [
        { kind: 'Field', name: '__typename' },
        ...distinct.map(input => requiredOf(input, prefix + input.name.value)),
      ]
      fields.push({
        field,
        type,
        typename,
        path,
        service,
        requires: [{ kind: 'InlineFragment', typeCondition: typename, selections }],
      })
      return [
        TYPENAME,
        ...distinct.map(
          input => ({ ...input, alias: { kind: Kind.NAME, value: prefix + input.name.value } }) as const,
        ),
      ]
    }
    return undefined
  }

  const kept = rewritten(selections, at)
  return fields.length === 0 ? undefined : { selections: kept, fields }
}

interface Sources {
  readonly schema: GraphQLSchema
  readonly types: TypeFacts
  readonly subgraphs: readonly { readonly name: string }[]
}

/** The key of a field in the response. */
export function keyOf(field: FieldNode): string {
  return field.alias?.value ?? field.name.value
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
