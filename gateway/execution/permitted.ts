import {
  type DirectiveNode,
  type FieldNode,
  type FragmentDefinitionNode,
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
import { Fault } from '../../protocol/fault.ts'
import type { Authorization, Requirement } from '../supergraph/authorization.ts'
import { type Conditions, isIncluded } from './conditions.ts'
import { SELECTIONS_MAX } from './normalize.ts'
import { isSubType, type SelectFields } from './selected-fields.ts'

/** Fields that a caller may not have. It depends on an object's own type and the field, not on how it was selected. */
export interface Refused {
  /** Why an object of this type, or one that is known by this interface alone, has no such field for the caller. */
  by(type: GraphQLCompositeType, field: string): Requirement | undefined
}

/** @param unmet the requirements that the caller does not meet. */
export function refusedFor(
  schema: GraphQLSchema,
  authorization: Authorization,
  unmet: ReadonlySet<Requirement>,
): Refused {
  const ofType = (typename: string, field: string): Requirement | undefined =>
    authorization.requirementsOf(typename, field).find(requirement => unmet.has(requirement))
  return {
    by(type, field) {
      const own = ofType(type.name, field)
      if (own !== undefined || !isAbstractType(type)) return own
      for (const { name } of schema.getPossibleTypes(type)) {
        const members = ofType(name, field)
        if (members !== undefined) return members
      }
      return undefined
    },
  }
}

/** A place of the response that is null since the caller may not have what stands there. */
export interface Refusal {
  /** Response keys from the root; which members of lists it is in turns on the data. */
  readonly path: readonly string[]
  readonly requirement: Requirement
}

/** What is left of one shape of an operation. */
export interface Permitted {
  /** Without fragments' names and conditions; its selection set may be empty. Introspection is as the client wrote it. */
  readonly operation: OperationDefinitionNode
  /** Each place once. */
  readonly refusals: readonly Refusal[]
}

/** Refusals that one answer tells of; the places of others are null all the same. */
const REFUSALS_MAX = 50

/**
 * Takes out of one shape of an operation what the caller may not have, so that it is never asked for. A field that is
 * selected of an interface is selected of each of the objects instead that may have it.
 *
 * @throws Fault OPERATION_TOO_LARGE when that makes too many selections.
 */
export function permittedOf(
  schema: GraphQLSchema,
  operation: OperationDefinitionNode,
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
  conditions: Conditions,
  shape: number,
  refused: Refused,
): Permitted {
  const refusals = new Map<string, Refusal>()
  let selectionsLeft = SELECTIONS_MAX

  /** @param objects the types that an object at this place can have. */
  function selectionsOf(
    set: SelectionSetNode,
    parent: GraphQLCompositeType,
    objects: readonly GraphQLObjectType[],
    path: readonly string[],
  ): SelectionNode[] {
    return set.selections.flatMap((selection): SelectionNode[] => {
      if (--selectionsLeft < 0)
        throw new Fault(
          'OPERATION_TOO_LARGE',
          `Expected at most ${SELECTIONS_MAX} selections once fragments are expanded, got more`,
        )
      if (!isIncluded(selection.directives, conditions, shape)) return []
      if (selection.kind === Kind.FIELD) return fieldsFor(selection, parent, objects, path)
      const fragment =
        selection.kind === Kind.FRAGMENT_SPREAD ? fragments.get(selection.name.value) : selection
      if (!fragment) throw new Fault('BAD_INPUT', 'Unknown fragment')
      const condition = fragment.typeCondition?.name.value ?? parent.name
      const type = schema.getType(condition)
      if (!isCompositeType(type)) throw new Fault('BAD_INPUT', `Unknown type "${condition}" in a fragment`)
      const narrowed = objects.filter(object => object === type || isSubType(schema, condition, object))
      if (narrowed.length === 0 && objects.length > 0) return []
      const selections = selectionsOf(fragment.selectionSet, type, narrowed, path)
      return selections.length === 0 ? [] : [inlineFragment(condition, selections, selection.directives)]
    })
  }

  function fieldsFor(
    node: FieldNode,
    parent: GraphQLCompositeType,
    objects: readonly GraphQLObjectType[],
    path: readonly string[],
  ): SelectionNode[] {
    const name = node.name.value
    if (name.startsWith('__')) return [unconditional(node)]
    const at = [...path, node.alias?.value ?? name]
    const from = objects.length === 0 ? [parent] : objects
    const allowed = from.filter(type => {
      const requirement = refused.by(type, name)
      if (requirement !== undefined) refuse(at, requirement)
      return requirement === undefined
    })
    if (allowed.length === from.length) return [fieldOf(node, parent, objects, at)]
    return allowed.map(type =>
      inlineFragment(type.name, [fieldOf(node, type, possibleTypes(schema, type), at)], undefined),
    )
  }

  function fieldOf(
    node: FieldNode,
    parent: GraphQLCompositeType,
    objects: readonly GraphQLObjectType[],
    path: readonly string[],
  ): FieldNode {
    const field = unconditional(node)
    const type = typeOfField(parent, node.name.value)
    if (!node.selectionSet || !isCompositeType(type)) return field
    const reached = new Set<GraphQLObjectType>()
    for (const object of objects.length === 0 ? [parent] : objects) {
      const own = typeOfField(object, node.name.value)
      for (const possible of possibleTypes(schema, isCompositeType(own) ? own : type)) reached.add(possible)
    }
    const selections = selectionsOf(node.selectionSet, type, [...reached], path)
    return {
      ...field,
      selectionSet: {
        kind: Kind.SELECTION_SET,
        // Whether it is there at all is not a secret.
        selections: selections.length === 0 ? [TYPENAME] : selections,
      },
    }
  }

  function refuse(path: readonly string[], requirement: Requirement): void {
    const key = path.join(' ')
    if (refusals.size < REFUSALS_MAX && !refusals.has(key)) refusals.set(key, { path, requirement })
  }

  const root = schema.getRootType(operation.operation)!
  const selections = selectionsOf(operation.selectionSet, root, [root], [])
  return {
    operation: { ...operation, selectionSet: { kind: Kind.SELECTION_SET, selections } },
    refusals: [...refusals.values()],
  }
}

/**
 * Whether the whole response is null, whatever data there is: a refused field that cannot be null, at the root or below
 * it where neither can anything between be null or empty. Nothing is to be asked for then, and nothing to be changed.
 */
export function isKnownNull(
  schema: GraphQLSchema,
  operation: OperationDefinitionNode,
  selectFields: SelectFields,
  refused: Refused,
): boolean {
  const isNull = (type: GraphQLObjectType, sets: readonly SelectionSetNode[]): boolean => {
    for (const nodes of selectFields(type, sets).values()) {
      const name = nodes[0]!.name.value
      const definition = type.getFields()[name]
      if (definition === undefined || !isNonNullType(definition.type)) continue
      if (refused.by(type, name) !== undefined) return true
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

const typeOfField = (parent: GraphQLCompositeType, name: string): unknown =>
  'getFields' in parent ? getNamedType(parent.getFields()[name]?.type) : undefined

/** The node without what its shape has decided. */
function unconditional(node: FieldNode): FieldNode {
  return { ...node, directives: withoutConditions(node.directives) }
}

function withoutConditions(directives: readonly DirectiveNode[] = []): readonly DirectiveNode[] {
  return directives.filter(({ name }) => name.value !== 'skip' && name.value !== 'include')
}

function inlineFragment(
  type: string,
  selections: readonly SelectionNode[],
  directives: readonly DirectiveNode[] | undefined,
): SelectionNode {
  return {
    kind: Kind.INLINE_FRAGMENT,
    typeCondition: { kind: Kind.NAMED_TYPE, name: { kind: Kind.NAME, value: type } },
    directives: withoutConditions(directives),
    selectionSet: { kind: Kind.SELECTION_SET, selections },
  }
}
