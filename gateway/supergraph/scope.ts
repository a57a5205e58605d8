import {
  type ConstDirectiveNode,
  type DocumentNode,
  type FragmentDefinitionNode,
  Kind,
  type NamedTypeNode,
  type SelectionSetNode,
  type TypeNode,
} from 'graphql'

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

const GUARDS = new Set(['authenticated', 'requiresScopes', 'policy'])

/**
 * A field is PUBLIC by its own `@cacheControl(scope: PUBLIC)`; without one, by that of its object or interface type, or,
 * if it is a leaf, of the type it stands on. Everything else is PRIVATE: a field under a guard, a field of which one
 * subgraph says PRIVATE, and, since the supergraph does not tell whose a type's directive is, a type that not every
 * one of its subgraphs calls PUBLIC.
 */
export function scopesOf(supergraph: DocumentNode): Scopes {
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
    const { directives = [] } = definition
    const copies = new Set(directives.filter(isNamed('join__type')).map(graphOf)).size
    typeScopes.set(definition.name.value, declared(directives, Math.max(copies, 1)))
    const parents: readonly NamedTypeNode[] = 'interfaces' in definition ? (definition.interfaces ?? []) : []
    for (const parent of parents) memberOf(parent.name.value, definition.name.value)
    if ('types' in definition)
      for (const member of definition.types ?? []) memberOf(definition.name.value, member.name.value)
  }
  for (const definition of supergraph.definitions) {
    if (definition.kind !== Kind.OBJECT_TYPE_DEFINITION && definition.kind !== Kind.INTERFACE_TYPE_DEFINITION)
      continue
    const own = typeScopes.get(definition.name.value)
    const fields = new Map<string, FieldScope>()
    for (const field of definition.fields ?? []) {
      const type = namedType(field.type)
      const byItself = declared(field.directives ?? [], 1)
      const isPublic = byItself ?? (typeScopes.has(type) ? typeScopes.get(type) : own)
      fields.set(field.name.value, { type, isPublic: isPublic === true })
    }
    types.set(definition.name.value, fields)
  }

  function memberOf(abstract: string, name: string): void {
    const known = members.get(abstract)
    if (known) known.push(name)
    else members.set(abstract, [name])
  }

  function isPublic(
    typename: string,
    set: SelectionSetNode,
    fragments: ReadonlyMap<string, FragmentDefinitionNode>,
  ): boolean {
    return set.selections.every(selection => {
      if (selection.kind === Kind.FRAGMENT_SPREAD) {
        const fragment = fragments.get(selection.name.value)
        return (
          fragment !== undefined &&
          isPublic(fragment.typeCondition.name.value, fragment.selectionSet, fragments)
        )
      }
      if (selection.kind === Kind.INLINE_FRAGMENT)
        return isPublic(selection.typeCondition?.name.value ?? typename, selection.selectionSet, fragments)
      const name = selection.name.value
      if (name === '__typename' || name === '__schema' || name === '__type') return true
      if (name === '_entities') return isPublic('_Entity', selection.selectionSet!, fragments)
      const nested = selection.selectionSet
      return [typename, ...(members.get(typename) ?? [])].every(type => {
        const field = types.get(type)?.get(name)
        if (field === undefined) return type !== typename
        return field.isPublic && (nested === undefined || isPublic(field.type, nested, fragments))
      })
    })
  }

  return {
    scopeOf: (typename, set, fragments) => (isPublic(typename, set, fragments) ? 'PUBLIC' : 'PRIVATE'),
  }
}

/** Undefined when nothing is said; true when `copies` say PUBLIC and none PRIVATE. */
function declared(directives: readonly ConstDirectiveNode[], copies: number): boolean | undefined {
  if (directives.some(directive => GUARDS.has(directive.name.value))) return false
  const scopes = directives.filter(isNamed('cacheControl')).map(scopeArgument)
  if (scopes.length === 0) return undefined
  return scopes.length >= copies && scopes.every(scope => scope === 'PUBLIC')
}

const isNamed = (name: string) => (directive: ConstDirectiveNode) => directive.name.value === name

function scopeArgument(directive: ConstDirectiveNode): string | undefined {
  const value = directive.arguments?.find(argument => argument.name.value === 'scope')?.value
  return value?.kind === Kind.ENUM ? value.value : undefined
}

function graphOf(directive: ConstDirectiveNode): string | undefined {
  const value = directive.arguments?.find(argument => argument.name.value === 'graph')?.value
  return value?.kind === Kind.ENUM ? value.value : undefined
}

function namedType(type: TypeNode): string {
  return type.kind === Kind.NAMED_TYPE ? type.name.value : namedType(type.type)
}
