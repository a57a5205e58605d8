import {
  type DocumentNode,
  type FragmentDefinitionNode,
  Kind,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql'
import { type Authorization, authorizationOf, type Requirement } from './authorization.ts'
import { type CacheHints, cacheHints, type HintOverrides, type Scope, saysPublic } from './cache-hints.ts'

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

/** What holds of a selection set as a whole: the strictest of everything in it. */
export interface SelectionHint {
  readonly scope: Scope
  /** How long it may be reused; 0: not at all, Infinity: it selects no field but `__typename`. */
  readonly freshMs: number
  /** How long beyond that; Infinity with `freshMs`. */
  readonly staleMs: number
}

/** @param overrides what an operator's table says in the place of the schema. */
export function scopesOf(
  supergraph: DocumentNode,
  authorization: Authorization | undefined = authorizationOf(supergraph),
  overrides?: HintOverrides,
): Scopes {
  const hints = cacheHints(supergraph, authorization, overrides)
  return {
    scopeOf: (typename, set, fragments) => strictest(hints, typename, set, fragments).scope,
  }
}

/**
 * The strictest hint of everything that a selection set on `typename` may come to, whatever the objects turn out to be.
 * Each set is looked at once a type: through fragments and members there are 2^n ways to it.
 */
export function strictest(
  hints: CacheHints,
  typename: string,
  set: SelectionSetNode,
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
): SelectionHint {
  const known = new Map<SelectionSetNode, Map<string, SelectionHint>>()
  return ofSet(typename, set)

  function ofSet(typename: string, set: SelectionSetNode): SelectionHint {
    let ofTypes = known.get(set)
    if (ofTypes === undefined) known.set(set, (ofTypes = new Map()))
    let found = ofTypes.get(typename)
    if (found === undefined) {
      found = FREE
      for (const selection of set.selections) {
        found = stricter(found, ofSelection(typename, selection))
        if (found === CLOSED) break
      }
      ofTypes.set(typename, found)
    }
    return found
  }

  function ofSelection(typename: string, selection: SelectionNode): SelectionHint {
    if (selection.kind === Kind.FRAGMENT_SPREAD) {
      const fragment = fragments.get(selection.name.value)
      return fragment === undefined ? CLOSED : ofSet(fragment.typeCondition.name.value, fragment.selectionSet)
    }
    if (selection.kind === Kind.INLINE_FRAGMENT)
      return ofSet(selection.typeCondition?.name.value ?? typename, selection.selectionSet)
    const name = selection.name.value
    const nested = selection.selectionSet
    if (name === '__typename' || name === '__schema' || name === '__type') return FREE
    if (name === '_entities') return nested === undefined ? CLOSED : ofSet('_Entity', nested)
    let found = FREE
    for (const type of [typename, ...hints.membersOf(typename)]) {
      const hint = hints.hintOf(type, name)
      if (hint !== undefined) {
        found = stricter(found, hint)
        if (nested !== undefined) found = stricter(found, ofSet(hint.type, nested))
      } else if (type === typename) return CLOSED
      if (found === CLOSED) break
    }
    return found
  }
}

/**
 * @throws Error naming the fields on which a subgraph has written PUBLIC, and which are guarded. What a field inherits is
 * about others too; what stands on it is a mistake about what it shows.
 */
export function refuseGuardedPublic(
  supergraph: DocumentNode,
  authorization: Authorization | undefined,
): void {
  if (authorization === undefined) return
  const wrong: string[] = []
  for (const definition of supergraph.definitions) {
    if (definition.kind !== Kind.OBJECT_TYPE_DEFINITION && definition.kind !== Kind.INTERFACE_TYPE_DEFINITION)
      continue
    for (const { name, directives = [] } of definition.fields ?? []) {
      const [guard] = authorization.requirementsOf(definition.name.value, name.value)
      if (guard !== undefined && saysPublic(directives))
        wrong.push(`${definition.name.value}.${name.value} (${GUARDS[guard.kind]})`)
    }
  }
  if (wrong.length > 0)
    throw new Error(
      `Expected no @cacheControl(scope: PUBLIC) on what only some callers may see, got it on ${wrong.slice(0, 5).join(', ')}`,
    )
}

const GUARDS: Readonly<Record<Requirement['kind'], string>> = {
  authenticated: 'under @authenticated',
  scope: 'under @requiresScopes',
  policy: 'under @policy',
}

/** Of nothing. */
const FREE: SelectionHint = { scope: 'PUBLIC', freshMs: Infinity, staleMs: Infinity }

/** Nothing is stricter. */
const CLOSED: SelectionHint = { scope: 'PRIVATE', freshMs: 0, staleMs: 0 }

function stricter(a: SelectionHint, b: SelectionHint): SelectionHint {
  const scope = a.scope === 'PUBLIC' ? b.scope : a.scope
  const freshMs = Math.min(a.freshMs, b.freshMs)
  if (scope === 'PRIVATE' && freshMs === 0) return CLOSED
  if (a === FREE || a === b) return b
  return { scope, freshMs, staleMs: Math.min(a.staleMs, b.staleMs) }
}
