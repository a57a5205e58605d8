import {
  type ConstDirectiveNode,
  type DocumentNode,
  type FieldDefinitionNode,
  type InterfaceTypeDefinitionNode,
  Kind,
  type NamedTypeNode,
  type ObjectTypeDefinitionNode,
  parse,
  type TypeNode,
} from 'graphql'
import type { Authorization } from './authorization.ts'

/** Whose an answer is: everybody's, or the caller's alone. */
export type Scope = 'PUBLIC' | 'PRIVATE'

/** What an operator says of a field, `Query.campaign`, or of a type, `Product`, in the place of the schema. */
export interface HintOverride {
  readonly freshMs?: number | undefined
  readonly staleMs?: number | undefined
  readonly scope?: Scope | undefined
}

export type HintOverrides = Readonly<Record<string, HintOverride>>

/** What holds of one field of a type. */
export interface FieldHint {
  /** The name of the type that it leads to. */
  readonly type: string
  readonly scope: Scope
  /** How long its value may be reused; 0: not at all. */
  readonly freshMs: number
  /** How long beyond that, while it is asked for again. */
  readonly staleMs: number
}

export interface CacheHints {
  /** Undefined: there is no such field. */
  hintOf(typename: string, field: string): FieldHint | undefined
  /** The types that implement an interface or belong to a union. */
  membersOf(typename: string): readonly string[]
}

/**
 * What `@cacheControl` and, where it is given, an operator's table say of every field. Each of scope, maxAge and staleMs
 * is that of the first that says something: the field; the object, interface or union that it leads to; or, if it is a
 * leaf, the type that it stands on. Of each the table comes before the schema. Where nobody does, a field is PRIVATE and
 * not kept. Of several directives in one place PRIVATE and the smallest maxAge hold. A field under a guard is PRIVATE.
 *
 * A supergraph does not tell which subgraphs a type's directive comes from, and keeps equal ones once. So of a type that
 * several subgraphs add fields to, keys apart, what it says holds for a leaf only if all of them have it, or if there are
 * as many directives as subgraphs: none may speak for another's field.
 */
export function cacheHints(
  supergraph: DocumentNode,
  authorization: Authorization | undefined,
  overrides: HintOverrides = {},
): CacheHints {
  const types = new Map<string, ReadonlyMap<string, FieldHint>>()
  const members = new Map<string, string[]>()
  const said = new Map<string, Said>()
  const sayOf = (key: string): HintOverride | undefined =>
    Object.hasOwn(overrides, key) ? overrides[key] : undefined
  const memberOf = (abstract: string, name: string): void => {
    const known = members.get(abstract)
    if (known) known.push(name)
    else members.set(abstract, [name])
  }
  for (const definition of supergraph.definitions) {
    if (
      definition.kind !== Kind.OBJECT_TYPE_DEFINITION &&
      definition.kind !== Kind.INTERFACE_TYPE_DEFINITION &&
      definition.kind !== Kind.UNION_TYPE_DEFINITION
    )
      continue
    const name = definition.name.value
    said.set(name, saidBy(definition.directives ?? []))
    const parents: readonly NamedTypeNode[] = 'interfaces' in definition ? (definition.interfaces ?? []) : []
    for (const parent of parents) memberOf(parent.name.value, name)
    if ('types' in definition) for (const member of definition.types ?? []) memberOf(name, member.name.value)
  }
  for (const definition of supergraph.definitions) {
    if (definition.kind !== Kind.OBJECT_TYPE_DEFINITION && definition.kind !== Kind.INTERFACE_TYPE_DEFINITION)
      continue
    const name = definition.name.value
    const owners = ownersOf(definition)
    const hints = new Map<string, FieldHint>()
    for (const field of definition.fields ?? []) {
      const type = namedType(field.type)
      const own = sayOf(`${name}.${field.name.value}`)
      const ownSaid = saidBy(field.directives ?? [])
      const isComposite = said.has(type)
      const place = sayOf(isComposite ? type : name)
      const placeSaid = isComposite ? said.get(type) : owners.speakFor(field) ? said.get(name) : undefined
      const isGuarded = (authorization?.requirementsOf(name, field.name.value) ?? []).length > 0
      const freshMs = own?.freshMs ?? ownSaid.freshMs ?? place?.freshMs ?? placeSaid?.freshMs ?? 0
      hints.set(field.name.value, {
        type,
        scope: isGuarded
          ? 'PRIVATE'
          : (own?.scope ?? ownSaid.scope ?? place?.scope ?? placeSaid?.scope ?? 'PRIVATE'),
        freshMs,
        staleMs: own?.staleMs ?? place?.staleMs ?? defaultStaleMs(freshMs),
      })
    }
    types.set(name, hints)
  }
  return {
    hintOf: (typename, field) => types.get(typename)?.get(field),
    membersOf: typename => members.get(typename) ?? [],
  }
}

/** What the directives of one place say of the scope, of all subgraphs; undefined: nothing. */
export const scopeSaidBy = (directives: readonly ConstDirectiveNode[]): Scope | undefined =>
  saidBy(directives).scope

/** Whether one of the directives of a place says PUBLIC, whatever others say. */
export const saysPublic = (directives: readonly ConstDirectiveNode[]): boolean =>
  directives.some(
    directive => directive.name.value === 'cacheControl' && argument(directive, 'scope') === 'PUBLIC',
  )

interface Said {
  readonly scope: Scope | undefined
  readonly freshMs: number | undefined
}

const STALE_TIMES = 10
const STALE_MS_MAX = 60_000

const defaultStaleMs = (freshMs: number): number => Math.min(STALE_TIMES * freshMs, STALE_MS_MAX)

/** A directive without a scope says PRIVATE; one without maxAge says nothing of it. */
function saidBy(directives: readonly ConstDirectiveNode[]): Said {
  const own = directives.filter(isNamed('cacheControl'))
  if (own.length === 0) return { scope: undefined, freshMs: undefined }
  const isPublic = own.every(directive => argument(directive, 'scope') === 'PUBLIC')
  const seconds = own.flatMap(directive => {
    const text = argument(directive, 'maxAge')
    return text === undefined ? [] : [Number(text)]
  })
  return {
    scope: isPublic ? 'PUBLIC' : 'PRIVATE',
    freshMs: seconds.length === 0 ? undefined : Math.max(0, Math.min(...seconds) * 1000),
  }
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

/** An enum, string, number or Boolean argument as text. */
function argument(directive: ConstDirectiveNode, name: string): string | undefined {
  const value = directive.arguments?.find(given => given.name.value === name)?.value
  if (value?.kind === Kind.ENUM || value?.kind === Kind.STRING || value?.kind === Kind.INT) return value.value
  return value?.kind === Kind.BOOLEAN ? String(value.value) : undefined
}

function namedType(type: TypeNode): string {
  return type.kind === Kind.NAMED_TYPE ? type.name.value : namedType(type.type)
}
