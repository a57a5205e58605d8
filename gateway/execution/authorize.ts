import {
  type FragmentDefinitionNode,
  type GraphQLCompositeType,
  getNamedType,
  isAbstractType,
  isCompositeType,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql'
import type { Caller } from '../../protocol/caller.ts'
import type { Requirement } from '../supergraph/authorization.ts'
import type { Supergraph } from '../supergraph/supergraph.ts'

/**
 * Every requirement that occurs in an operation, each once, whatever its conditions and the objects turn out to be;
 * usually none.
 */
export function requirementsIn(
  { authorization, apiSchema }: Supergraph,
  operation: OperationDefinitionNode,
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
): readonly Requirement[] {
  if (authorization === undefined) return []
  const found = new Set<Requirement>()
  /** Fields that have been looked up, by the type that they are selected of: some interfaces have hundreds of objects. */
  const seen = new Map<GraphQLCompositeType, Set<string>>()

  function note(parent: GraphQLCompositeType, name: string): void {
    let names = seen.get(parent)
    if (names === undefined) seen.set(parent, (names = new Set()))
    if (names.has(name)) return
    names.add(name)
    const types = isAbstractType(parent) ? [parent, ...apiSchema.getPossibleTypes(parent)] : [parent]
    for (const type of types)
      for (const requirement of authorization!.requirementsOf(type.name, name)) found.add(requirement)
  }

  function collect(set: SelectionSetNode, parent: GraphQLCompositeType): void {
    for (const selection of set.selections) {
      if (selection.kind === Kind.FRAGMENT_SPREAD) continue
      if (selection.kind === Kind.INLINE_FRAGMENT) {
        const type = apiSchema.getType(selection.typeCondition?.name.value ?? parent.name)
        if (isCompositeType(type)) collect(selection.selectionSet, type)
        continue
      }
      const name = selection.name.value
      note(parent, name)
      if (!selection.selectionSet) continue
      // An object's own field may lead to a narrower type than the interface's: of that, all are possible types too.
      const inner = 'getFields' in parent ? getNamedType(parent.getFields()[name]?.type) : undefined
      if (isCompositeType(inner)) collect(selection.selectionSet, inner)
    }
  }

  collect(operation.selectionSet, apiSchema.getRootType(operation.operation)!)
  // Each by its own type condition, wherever it is spread.
  for (const fragment of fragments.values()) {
    const type = apiSchema.getType(fragment.typeCondition.name.value)
    if (isCompositeType(type)) collect(fragment.selectionSet, type)
  }
  return [...found]
}

/** A policy holds for callers with the scope `policy:<name>`. */
const POLICY = 'policy:'

/** Kinds of callers have no rights of their own: only scopes count, and whether it is known who calls. */
export function meets({ kind, scopes }: Caller, requirement: Requirement): boolean {
  if (requirement.kind === 'authenticated') return kind !== 'anonymous'
  const prefix = requirement.kind === 'policy' ? POLICY : ''
  return requirement.anyOf.some(all => all.every(word => scopes.includes(prefix + word)))
}

/** What a caller is told who does not meet a requirement, in the words that subgraphs use. */
export function refusalOf(caller: Caller, requirement: Requirement): { code: string; message: string } {
  const { kind, scopes } = caller
  if (requirement.kind === 'authenticated')
    return { code: 'UNAUTHENTICATED', message: 'a token is needed, the request had none' }
  const what = `the ${requirement.kind} ${wordsOf(requirement.anyOf)}`
  if (kind === 'anonymous')
    return { code: 'UNAUTHENTICATED', message: `a token with ${what} is needed, the request had none` }
  const own =
    requirement.kind === 'scope'
      ? scopes
      : scopes.filter(scope => scope.startsWith(POLICY)).map(scope => scope.slice(POLICY.length))
  return {
    code: 'FORBIDDEN',
    message: `${what} is needed, the token has ${own.join(', ') || 'none'}`,
  }
}

const wordsOf = (anyOf: readonly (readonly string[])[]): string =>
  anyOf.map(all => all.join(' and ')).join(', or ') || 'that nobody has'
