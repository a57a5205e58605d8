import {
  type ConstDirectiveNode,
  type DocumentNode,
  type FieldDefinitionNode,
  type FragmentDefinitionNode,
  type InterfaceTypeDefinitionNode,
  Kind,
  type NamedTypeNode,
  type ObjectTypeDefinitionNode,
  parse,
  type SelectionNode,
  type SelectionSetNode,
  type TypeNode,
} from 'graphql'
import { type Authorization, authorizationOf } from './authorization.ts'

/** Whose an answer is: everybody's, or the caller's alone. */
export type Scope = 'PUBLIC' | 'PRIVATE'

/** What `@cacheControl(scope)` says of a supergraph's fields. */
export interface Scopes {
  /**
   * PUBLIC if every field of a selection set on `typename` is, whatever the objects turn out to be.
   * @param fragments those of the document that the selection set is in.
   */
  scopeOf(
    typename: string,
    set: SelectionSetNode,
    fragments: ReadonlyMap<string, FragmentDefinitionNode>,
  ): Scope
}

interface FieldScope {
  readonly type: string
  readonly isPublic: boolean
}

/**
 * A field is PUBLIC by its own `@cacheControl(scope: PUBLIC)`; without one, by that of its object or interface type, or,
 * if it is a leaf, of the type it stands on. Everything else is PRIVATE: a field under a guard, and one of which a
 * subgraph says PRIVATE.
 *
 * A supergraph does not tell which subgraphs a type's directive comes from, and keeps equal ones once. So of a type that
 * several subgraphs add fields to, keys apart, a leaf is PUBLIC only if all of them have it, or if there are as many
 * directives as subgraphs: none may turn another's field public.
 */
export function scopesOf(
  supergraph: DocumentNode,
  authorization: Authorization | undefined = authorizationOf(supergraph),
): Scopes {
  const types = new Map<string, ReadonlyMap<string, FieldScope>>()
  const members = new Map<string, string[]>()
  const typeScopes = new Map<string, boolean | undefined>()
  for (const definition of supergraph.definitions) {
    if (
      definition.kind !== Kind.OBJECT_TYPE_DEFINITION &&
      definition.kind !== Kind.INTERFACE_TYPE_DEFINITION &&
      definition.kind !== Kind.UNION_TYPE_DEFINITION
    )
      continue
    typeScopes.set(definition.name.value, declared(definition.directives ?? []))
    const parents: readonly NamedTypeNode[] = 'interfaces' in definition ? (definition.interfaces ?? []) : []
    for (const parent of parents) memberOf(parent.name.value, definition.name.value)
    if ('types' in definition)
      for (const member of definition.types ?? []) memberOf(definition.name.value, member.name.value)
  }
  for (const definition of supergraph.definitions) {
    if (definition.kind !== Kind.OBJECT_TYPE_DEFINITION && definition.kind !== Kind.INTERFACE_TYPE_DEFINITION)
      continue
    const own = typeScopes.get(definition.name.value)
    const owners = ownersOf(definition)
    const fields = new Map<string, FieldScope>()
    for (const field of definition.fields ?? []) {
      const type = namedType(field.type)
      const byItself = declared(field.directives ?? [])
      const byPlace = (): boolean | undefined => own && owners.speakFor(field)
      const isPublic = byItself ?? (typeScopes.has(type) ? typeScopes.get(type) : byPlace())
      const guards = authorization?.requirementsOf(definition.name.value, field.name.value) ?? []
      fields.set(field.name.value, { type, isPublic: isPublic === true && guards.length === 0 })
    }
    types.set(definition.name.value, fields)
  }

  function memberOf(abstract: string, name: string): void {
    const known = members.get(abstract)
    if (known) known.push(name)
    else members.set(abstract, [name])
  }

  /** One look at an operation. Each set is looked at once a type: through fragments and members there are 2^n ways to it. */
  function looking(fragments: ReadonlyMap<string, FragmentDefinitionNode>): typeof isPublic {
    const known = new Map<SelectionSetNode, Map<string, boolean>>()
    return isPublic

    function isPublic(typename: string, set: SelectionSetNode): boolean {
      let ofTypes = known.get(set)
      if (ofTypes === undefined) known.set(set, (ofTypes = new Map()))
      let found = ofTypes.get(typename)
      if (found === undefined) {
        found = set.selections.every(selection => isSelectionPublic(typename, selection))
        ofTypes.set(typename, found)
      }
      return found
    }

    function isSelectionPublic(typename: string, selection: SelectionNode): boolean {
      if (selection.kind === Kind.FRAGMENT_SPREAD) {
        const fragment = fragments.get(selection.name.value)
        return fragment !== undefined && isPublic(fragment.typeCondition.name.value, fragment.selectionSet)
      }
      if (selection.kind === Kind.INLINE_FRAGMENT)
        return isPublic(selection.typeCondition?.name.value ?? typename, selection.selectionSet)
      const name = selection.name.value
      if (name === '__typename' || name === '__schema' || name === '__type') return true
      if (name === '_entities') return isPublic('_Entity', selection.selectionSet!)
      const nested = selection.selectionSet
      return [typename, ...(members.get(typename) ?? [])].every(type => {
        const field = types.get(type)?.get(name)
        if (field === undefined) return type !== typename
        return field.isPublic && (nested === undefined || isPublic(field.type, nested))
      })
    }
  }

  return {
    scopeOf: (typename, set, fragments) => (looking(fragments)(typename, set) ? 'PUBLIC' : 'PRIVATE'),
  }
}

/** Undefined when nothing is said; true when it is PUBLIC, and nobody says PRIVATE. */
function declared(directives: readonly ConstDirectiveNode[]): boolean | undefined {
  const scopes = directives.filter(isNamed('cacheControl')).map(directive => argument(directive, 'scope'))
  return scopes.length === 0 ? undefined : scopes.every(scope => scope === 'PUBLIC')
}

/** Which subgraphs add what to a type, keys apart. */
function ownersOf(definition: ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode): {
  /** Whether the directives of the type can be taken as said of the field by one that has it. */
  speakFor(field: FieldDefinitionNode): boolean
} {
  const { directives = [], fields = [] } = definition
  const graphs = directives.filter(isNamed('join__type'))
  const everyGraph = new Set(graphs.map(graph => argument(graph, 'graph')))
  const keys = new Set(graphs.flatMap(graph => topFieldsOf(argument(graph, 'key'))))
  const graphsOf = (field: FieldDefinitionNode): ReadonlySet<string | undefined> => {
    const owned = (field.directives ?? []).filter(isNamed('join__field'))
    const inside = owned.filter(directive => argument(directive, 'external') !== 'true')
    return owned.length === 0 ? everyGraph : new Set(inside.map(directive => argument(directive, 'graph')))
  }
  const owners = new Set(
    fields.filter(field => !keys.has(field.name.value)).flatMap(field => [...graphsOf(field)]),
  )
  const said = directives.filter(isNamed('cacheControl')).length
  return {
    speakFor(field) {
      const own = graphsOf(field)
      return said >= owners.size || [...owners].every(owner => own.has(owner))
    },
  }
}

/** `"id shop { code }"` → id, shop. */
function topFieldsOf(key: string | undefined): readonly string[] {
  if (key === undefined) return []
  const [operation] = parse(`{${key}}`, { noLocation: true }).definitions
  if (operation?.kind !== Kind.OPERATION_DEFINITION) return []
  return operation.selectionSet.selections.flatMap(selection =>
    selection.kind === Kind.FIELD ? [selection.name.value] : [],
  )
}

const isNamed = (name: string) => (directive: ConstDirectiveNode) => directive.name.value === name

/** An enum, string or Boolean argument as text. */
function argument(directive: ConstDirectiveNode, name: string): string | undefined {
  const value = directive.arguments?.find(given => given.name.value === name)?.value
  if (value?.kind === Kind.ENUM || value?.kind === Kind.STRING) return value.value
  return value?.kind === Kind.BOOLEAN ? String(value.value) : undefined
}

function namedType(type: TypeNode): string {
  return type.kind === Kind.NAMED_TYPE ? type.name.value : namedType(type.type)
}
