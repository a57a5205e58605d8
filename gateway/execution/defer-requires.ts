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
  print,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql'
import type { TypeFacts } from '../supergraph/type-facts.ts'
import type { FlattenNodePathSegment, RequiresSelection } from './plan.ts'
import { inputsOf, requiredOf } from './required-inputs.ts'

/** A place in the response: its path, and the type of what stands there. */
export interface Place {
  readonly path: readonly FlattenNodePathSegment[]
  readonly type: GraphQLCompositeType
}

/** Fields that were taken out of an operation, and what their subgraph must be told of the objects that have them. */
export interface Deferred {
  readonly typename: string
  /** Of the objects that have the fields. */
  readonly path: readonly FlattenNodePathSegment[]
  readonly service: string
  readonly requires: readonly RequiresSelection[]
}

/** Leaves that one fetch can answer. */
export interface DeferredLeaves extends Deferred {
  readonly leaves: readonly FieldNode[]
}

export interface DeferredObject extends Deferred {
  readonly field: FieldNode
  /** What the field leads to. */
  readonly type: GraphQLCompositeType
}

export interface DeferredRequires {
  /** The selections with what the deferred fields require in their stead. */
  readonly selections: readonly SelectionNode[]
  readonly fields: readonly (DeferredLeaves | DeferredObject)[]
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
  const objects: DeferredObject[] = []
  const groups = new Map<string, Group[]>()

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
      const inputs = requires && key && inputsOf(key, requires)
      if (!inputs) continue
      const group = groupFor(inputs, { typename, path, service })
      const missing = inputs.filter(({ name }) => !group.inputs.has(name.value))
      for (const input of missing) group.inputs.set(input.name.value, input)
      if (type) objects.push({ ...group.at, field, type, requires: requiredFrom(inputs, group) })
      else group.leaves.push(field)
      return [TYPENAME, ...missing.map(input => withAlias(input, group.prefix + input.name.value))]
    }
    return undefined
  }

  /** Fields of the same objects share what is fetched for them, where they require the same or something else. */
  function groupFor(inputs: readonly FieldNode[], at: Group['at']): Group {
    const place = JSON.stringify([at.path, at.typename, at.service])
    const known = groups.get(place) ?? []
    const fitting = known.find(group =>
      inputs.every(input => {
        const present = group.inputs.get(input.name.value)
        return present === undefined || print(present) === print(input)
      }),
    )
    if (fitting) return fitting
    const group: Group = { at, prefix: nextPrefix(), inputs: new Map(), leaves: [] }
    groups.set(place, [...known, group])
    return group
  }

  const kept = rewritten(selections, at)
  if (groups.size === 0) return undefined
  const leaves = [...groups.values()].flat().flatMap((group): DeferredLeaves[] => {
    const requires = requiredFrom([...group.inputs.values()], group)
    return group.leaves.length > 0 ? [{ ...group.at, leaves: group.leaves, requires }] : []
  })
  return { selections: kept, fields: [...leaves, ...objects] }
}

interface Group {
  readonly at: Omit<Deferred, 'requires'>
  /** Of the aliases under which its inputs are fetched. */
  readonly prefix: string
  /** By name. */
  readonly inputs: Map<string, FieldNode>
  readonly leaves: FieldNode[]
}

function requiredFrom(inputs: readonly FieldNode[], { at, prefix }: Group): RequiresSelection[] {
  const selections: RequiresSelection[] = [
    { kind: 'Field', name: '__typename' },
    ...inputs.map(input => requiredOf(input, prefix + input.name.value)),
  ]
  return [{ kind: 'InlineFragment', typeCondition: at.typename, selections }]
}

function withAlias(field: FieldNode, value: string): FieldNode {
  return { ...field, alias: { kind: Kind.NAME, value } }
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
