import {
  type ConstDirectiveNode,
  type DocumentNode,
  type FieldDefinitionNode,
  isTypeDefinitionNode,
  Kind,
  parse,
  type SelectionSetNode,
  type TypeNode,
  valueFromASTUntyped,
} from 'graphql'
import { linksOf } from './links.ts'

/** What a caller must be or have. Of scopes and policies: all of at least one list. Equal requirements are one object. */
export type Requirement =
  | { readonly kind: 'authenticated' }
  | { readonly kind: 'scope' | 'policy'; readonly anyOf: readonly (readonly string[])[] }

/** What `@authenticated`, `@requiresScopes` and `@policy` say of a supergraph's fields. */
export interface Authorization {
  /** Each of them is needed for the field of an object of the type, or of an interface; empty: it is everybody's. */
  requirementsOf(typename: string, field: string): readonly Requirement[]
}

const SPECS = 'https://specs.apollo.dev'

/** The guards of Federation: the directive, and the argument that says more. */
const GUARDS = [
  { name: 'authenticated', kind: 'authenticated', argument: undefined },
  { name: 'requiresScopes', kind: 'scope', argument: 'scopes' },
  { name: 'policy', kind: 'policy', argument: 'policies' },
] as const

type Guard = (typeof GUARDS)[number]

const NONE: readonly Requirement[] = Object.freeze([])

/**
 * Reads the guards of a supergraph, under whatever names it links them. A field needs what stands
 * - on it, on its type and on the type that it returns;
 * - on the same field of its type's interface, where an `@interfaceObject` adds it to the objects: it is one field;
 * - on what it `@requires`: its value is made of that.
 *
 * Keys are not among these: what leads from one subgraph to another is fetched, and shown to nobody who may not see it.
 * @returns `undefined`: nothing is guarded.
 * @throws Error naming the place of a guard whose scopes or policies are not lists of lists of strings.
 */
export function authorizationOf(supergraph: DocumentNode): Authorization | undefined {
  const guards = guardsOf(supergraph)
  const known = new Map<string, Requirement>()
  const onTypes = new Map<string, readonly Requirement[]>()
  const types = new Map<string, ComposedType>()
  const members = new Map<string, string[]>()
  let isGuarded = false

  function read(place: string, directives: readonly ConstDirectiveNode[] = []): readonly Requirement[] {
    const requirements = directives.flatMap(directive => {
      const guard = guards.get(directive.name.value)
      return guard === undefined ? [] : [oneOf(requirementOf(guard, directive, place))]
    })
    isGuarded ||= requirements.length > 0
    return requirements
  }
  function oneOf(requirement: Requirement): Requirement {
    const key = JSON.stringify(requirement)
    const same = known.get(key)
    if (same === undefined) known.set(key, requirement)
    return same ?? requirement
  }

  for (const definition of supergraph.definitions) {
    if (!isTypeDefinitionNode(definition)) continue
    const name = definition.name.value
    onTypes.set(name, read(name, definition.directives))
    if (
      definition.kind !== Kind.OBJECT_TYPE_DEFINITION &&
      definition.kind !== Kind.INTERFACE_TYPE_DEFINITION
    ) {
      if (definition.kind === Kind.UNION_TYPE_DEFINITION)
        members.set(
          name,
          (definition.types ?? []).map(type => type.name.value),
        )
      continue
    }
    const interfaces = (definition.interfaces ?? []).map(parent => parent.name.value)
    for (const parent of interfaces) members.set(parent, [...(members.get(parent) ?? []), name])
    const fields = (definition.fields ?? []).map(field => [field.name.value, fieldOf(name, field)] as const)
    types.set(name, { interfaces, fields: new Map(fields) })
  }
  if (!isGuarded) return undefined

  function fieldOf(type: string, field: FieldDefinitionNode): ComposedField {
    return {
      type: namedType(field.type),
      own: read(`${type}.${field.name.value}`, field.directives),
      isAdded: isAdded(field),
      requires: (field.directives ?? []).flatMap(requiredBy),
    }
  }

  const found = new Map<string, readonly Requirement[]>()

  function requirementsOf(typename: string, name: string): readonly Requirement[] {
    const place = `${typename}.${name}`
    const before = found.get(place)
    if (before !== undefined) return before
    // Nothing requires itself: this only ends a supergraph's mistake.
    found.set(place, NONE)
    const type = types.get(typename)
    const field = type?.fields.get(name)
    if (type === undefined || field === undefined) return NONE
    const all = new Set([...field.own, ...onTypes.get(typename)!, ...(onTypes.get(field.type) ?? [])])
    if (field.isAdded) for (const parent of type.interfaces) add(requirementsOf(parent, name), all)
    for (const required of field.requires) addRequired(required, typename, all)
    const requirements = all.size === 0 ? NONE : [...all]
    found.set(place, requirements)
    return requirements
  }

  function addRequired(set: SelectionSetNode, typename: string, into: Set<Requirement>): void {
    for (const selection of set.selections) {
      if (selection.kind === Kind.FRAGMENT_SPREAD) continue
      if (selection.kind === Kind.INLINE_FRAGMENT) {
        addRequired(selection.selectionSet, selection.typeCondition?.name.value ?? typename, into)
        continue
      }
      const name = selection.name.value
      for (const type of [typename, ...(members.get(typename) ?? [])]) {
        add(requirementsOf(type, name), into)
        const inner = types.get(type)?.fields.get(name)?.type
        if (selection.selectionSet && inner !== undefined) addRequired(selection.selectionSet, inner, into)
      }
    }
  }

  return { requirementsOf }
}

interface ComposedType {
  readonly interfaces: readonly string[]
  readonly fields: ReadonlyMap<string, ComposedField>
}

interface ComposedField {
  readonly type: string
  readonly own: readonly Requirement[]
  /** By an `@interfaceObject`, to every object of an interface. */
  readonly isAdded: boolean
  /** Of each subgraph that computes it out of others' fields. */
  readonly requires: readonly SelectionSetNode[]
}

function add(requirements: readonly Requirement[], into: Set<Requirement>): void {
  for (const requirement of requirements) into.add(requirement)
}

/** By the name under which each is applied: its own spec's, Federation's, or bare where no spec owns the name. */
function guardsOf(supergraph: DocumentNode): ReadonlyMap<string, Guard> {
  const links = linksOf(supergraph)
  const guards = new Map<string, Guard>()
  for (const guard of GUARDS) {
    const { name } = guard
    const own = links.directiveOf(`${SPECS}/${name}`, name)
    const federations = links.directiveOf(`${SPECS}/federation`, name)
    if (own !== undefined) guards.set(own, guard)
    if (federations !== undefined) guards.set(federations, guard)
    if (own === undefined && !links.ownsDirective(name)) guards.set(name, guard)
  }
  return guards
}

function requirementOf(
  { name, kind, argument }: Guard,
  directive: ConstDirectiveNode,
  place: string,
): Requirement {
  if (kind === 'authenticated') return { kind }
  const given = directive.arguments?.find(one => one.name.value === argument)?.value
  const value: unknown = given === undefined ? undefined : valueFromASTUntyped(given)
  // As lists are read everywhere: what is no list is a list of one.
  const lists = (Array.isArray(value) ? value : [value]).map(list => (Array.isArray(list) ? list : [list]))
  if (!lists.every(list => list.every(word => typeof word === 'string')))
    throw new Error(
      `${place}: expected ${argument} of @${name} to be lists of lists of strings, got ${String(JSON.stringify(value)).slice(0, 64)}`,
    )
  return { kind, anyOf: lists as string[][] }
}

/** Composition gives such a field of an object no subgraph; its interface's has one. */
function isAdded({ directives = [] }: FieldDefinitionNode): boolean {
  const joined = directives.filter(directive => directive.name.value === 'join__field')
  return (
    joined.length > 0 &&
    !joined.some(({ arguments: given = [] }) => given.some(argument => argument.name.value === 'graph'))
  )
}

/** What one subgraph requires of others for a field, as `@join__field(requires:)` has it. */
function requiredBy(directive: ConstDirectiveNode): SelectionSetNode[] {
  if (directive.name.value !== 'join__field') return []
  const given = directive.arguments?.find(argument => argument.name.value === 'requires')?.value
  if (given?.kind !== Kind.STRING) return []
  const [operation] = parse(`{${given.value}}`, { noLocation: true }).definitions
  return operation?.kind === Kind.OPERATION_DEFINITION ? [operation.selectionSet] : []
}

function namedType(type: TypeNode): string {
  return type.kind === Kind.NAMED_TYPE ? type.name.value : namedType(type.type)
}
