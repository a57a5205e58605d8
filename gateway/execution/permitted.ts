import {
  type FieldNode,
  type GraphQLCompositeType,
  type GraphQLObjectType,
  type GraphQLSchema,
  getNamedType,
  isAbstractType,
  isCompositeType,
  isNonNullType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql'
import type { Authorization, Requirement } from '../supergraph/authorization.ts'
import { SELECTIONS_MAX, tooLarge } from './normalize.ts'
import type { SelectFields } from './selected-fields.ts'
import { onType } from './selections.ts'

/** Whether those for whom a shape is made may not have a field of an object, or of one known by its interface alone. */
export type IsRefused = (type: GraphQLCompositeType, nodes: readonly FieldNode[]) => boolean

/** A place of the response that is null since the caller may not have what stands there. */
export interface Refusal {
  /** Response keys from the root; which members of lists it is in turns on the data. */
  readonly path: readonly string[]
  readonly requirement: Requirement
}

/** What is left of an operation. */
export interface Permitted {
  /** What is to be asked for; its selection set may be empty. */
  readonly operation: OperationDefinitionNode
  /** Each place once. */
  readonly refusals: readonly Refusal[]
  readonly isRefused: IsRefused
}

/** What is to be known of a field of some objects: looked up once, since some interfaces have hundreds of them. */
interface OfObjects {
  /** Those whose field the caller may have. */
  readonly allowed: readonly GraphQLObjectType[]
  /** What the first of the others needs. */
  readonly unmet: Requirement | undefined
  /** The types that an object in the field can have. */
  readonly reached: readonly GraphQLObjectType[]
}

/** Refusals that one answer tells of; the places of others are null all the same. */
const REFUSALS_MAX = 50

/**
 * Takes out of an operation what a caller may not have, so that it is never asked for.
 *
 * A field is refused for all objects where the type that it is selected of guards it, and for the objects whose own type
 * guards it: a field that is selected of an interface is then selected of each of the other objects instead.
 *
 * @param operation with every selection in one place only: no fragments with names.
 * @param unmet the requirements that the caller does not meet.
 * @throws Fault OPERATION_TOO_LARGE: selected of each object instead, of several interfaces below one another, it grows
 * exponentially.
 */
export function permittedOf(
  schema: GraphQLSchema,
  authorization: Authorization,
  operation: OperationDefinitionNode,
  unmet: ReadonlySet<Requirement>,
): Permitted {
  const refusals = new Map<string, Refusal>()
  /** Refused for every object, with all that stands below them. */
  const taken = new Set<FieldNode>()
  const known = new Map<readonly GraphQLObjectType[], Map<string, OfObjects>>()
  const possible = new Map<GraphQLCompositeType, ReadonlySet<GraphQLObjectType>>()
  let selectionsLeft = SELECTIONS_MAX
  const unmetOf = (type: GraphQLCompositeType, field: string): Requirement | undefined =>
    authorization.requirementsOf(type.name, field).find(requirement => unmet.has(requirement))

  function ofObjects(objects: readonly GraphQLObjectType[], name: string): OfObjects {
    let fields = known.get(objects)
    if (fields === undefined) known.set(objects, (fields = new Map()))
    let found = fields.get(name)
    if (found === undefined) {
      const requirements = objects.map(object => unmetOf(object, name))
      found = {
        allowed: objects.filter((_, i) => requirements[i] === undefined),
        unmet: requirements.find(requirement => requirement !== undefined),
        reached: reachedBy(objects, name),
      }
      fields.set(name, found)
    }
    return found
  }

  /** An object's own field may lead to fewer types than its interface's. */
  function reachedBy(objects: readonly GraphQLObjectType[], name: string): readonly GraphQLObjectType[] {
    const types = new Set(objects.map(object => typeOfField(object, name)))
    const reached = [...types].map(type => (type ? possibleTypes(schema, type) : []))
    return reached.length === 1 ? reached[0]! : [...new Set(reached.flat())]
  }

  function possibleOf(type: GraphQLCompositeType): ReadonlySet<GraphQLObjectType> {
    let types = possible.get(type)
    if (types === undefined) possible.set(type, (types = new Set(possibleTypes(schema, type))))
    return types
  }

  function count(selections = 1): void {
    selectionsLeft -= selections
    if (selectionsLeft < 0) throw tooLarge()
  }

  /** @param objects the types that an object at this place can have; none: no object is known to be. */
  function selectionsOf(
    set: SelectionSetNode,
    parent: GraphQLCompositeType,
    objects: readonly GraphQLObjectType[],
    path: readonly string[],
  ): SelectionNode[] {
    return set.selections.flatMap((selection): SelectionNode[] => {
      count()
      if (selection.kind === Kind.FIELD) return fieldsFor(selection, parent, objects, path)
      if (selection.kind === Kind.FRAGMENT_SPREAD) throw new Error('Expected fragments without names')
      const condition = selection.typeCondition?.name.value ?? parent.name
      const type = schema.getType(condition) as GraphQLCompositeType
      const own = objects.filter(object => possibleOf(type).has(object))
      const narrowed = own.length === objects.length ? objects : own
      if (narrowed.length === 0 && objects.length > 0) return []
      const selections = selectionsOf(selection.selectionSet, type, narrowed, path)
      return selections.length === 0 ? [] : [onType(condition, selections)]
    })
  }

  function fieldsFor(
    node: FieldNode,
    parent: GraphQLCompositeType,
    objects: readonly GraphQLObjectType[],
    path: readonly string[],
  ): SelectionNode[] {
    const name = node.name.value
    if (name.startsWith('__')) return [node]
    const at = [...path, node.alias?.value ?? name]
    const requirement = unmetOf(parent, name)
    if (requirement !== undefined) {
      refuse(at, requirement)
      take(node)
      return []
    }
    const { allowed, unmet: own } = ofObjects(objects, name)
    if (own !== undefined) refuse(at, own)
    if (allowed.length === objects.length) return [fieldOf(node, parent, objects, at)]
    count(allowed.length)
    return allowed.map(object => onType(object.name, [fieldOf(node, object, [object], at)]))
  }

  function fieldOf(
    node: FieldNode,
    parent: GraphQLCompositeType,
    objects: readonly GraphQLObjectType[],
    path: readonly string[],
  ): FieldNode {
    const name = node.name.value
    const type = typeOfField(parent, name)
    if (!node.selectionSet || !type) return node
    const reached = objects.length === 0 ? possibleTypes(schema, type) : ofObjects(objects, name).reached
    const selections = selectionsOf(node.selectionSet, type, reached, path)
    // Whether there is an object at all is not a secret.
    const selectionSet: SelectionSetNode = {
      kind: Kind.SELECTION_SET,
      selections: selections.length === 0 ? [TYPENAME] : selections,
    }
    return { ...node, selectionSet }
  }

  function refuse(path: readonly string[], requirement: Requirement): void {
    const key = path.join(' ')
    if (refusals.size < REFUSALS_MAX && !refusals.has(key)) refusals.set(key, { path, requirement })
  }

  function take(selection: SelectionNode): void {
    if (selection.kind === Kind.FIELD) taken.add(selection)
    if (selection.kind !== Kind.FRAGMENT_SPREAD) selection.selectionSet?.selections.forEach(take)
  }

  const root = schema.getRootType(operation.operation)!
  const selections = selectionsOf(operation.selectionSet, root, [root], [])
  return {
    operation: { ...operation, selectionSet: { kind: Kind.SELECTION_SET, selections } },
    refusals: [...refusals.values()],
    isRefused(type, nodes) {
      if (nodes.every(node => taken.has(node))) return true
      const name = nodes[0]!.name.value
      return [type, ...(isAbstractType(type) ? schema.getPossibleTypes(type) : [])].some(
        known => unmetOf(known, name) !== undefined,
      )
    },
  }
}

/**
 * Whether the whole response is null, whatever data there is: a refused field that cannot be null, at the root or below
 * it where nothing between can be null or empty. Nothing is to be asked for then, and nothing to be changed.
 */
export function isKnownNull(
  schema: GraphQLSchema,
  operation: OperationDefinitionNode,
  selectFields: SelectFields,
  isRefused: IsRefused,
): boolean {
  const isNull = (type: GraphQLObjectType, sets: readonly SelectionSetNode[]): boolean => {
    for (const nodes of selectFields(type, sets).values()) {
      const definition = type.getFields()[nodes[0]!.name.value]
      if (definition === undefined || !isNonNullType(definition.type)) continue
      if (isRefused(type, nodes)) return true
      const inner = definition.type.ofType
      const below = nodes.flatMap(node => node.selectionSet ?? [])
      if (isObjectType(inner) && isNull(inner, below)) return true
    }
    return false
  }
  return isNull(schema.getRootType(operation.operation)!, [operation.selectionSet])
}

const TYPENAME: FieldNode = { kind: Kind.FIELD, name: { kind: Kind.NAME, value: '__typename' } }

function possibleTypes(schema: GraphQLSchema, type: GraphQLCompositeType): readonly GraphQLObjectType[] {
  return isAbstractType(type) ? schema.getPossibleTypes(type) : [type]
}

function typeOfField(parent: GraphQLCompositeType, name: string): GraphQLCompositeType | undefined {
  const type = 'getFields' in parent ? getNamedType(parent.getFields()[name]?.type) : undefined
  return isCompositeType(type) ? type : undefined
}
