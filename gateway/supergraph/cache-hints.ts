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
  type UnionTypeDefinitionNode,
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
 * A supergraph does not tell which subgraphs a type's directives come from, and keeps equal ones once. None may speak for
 * another's field. So they hold for a field that leads to the type, or is a leaf of it, only if those that have the field
 * are all that have the type, but for references (`@key(resolvable: false)`, and no field of its own), or if there are as
 * many directives as subgraphs that have it.
 */
export function cacheHints(
  supergraph: DocumentNode,
  authorization: Authorization | undefined,
  overrides: HintOverrides = {},
): CacheHints {
  const types = new Map<string, ReadonlyMap<string, FieldHint>>()
  const members = new Map<string, string[]>()
  const places = new Map<string, Place>()
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
    places.set(name, placeOf(definition))
    const parents: readonly NamedTypeNode[] = 'interfaces' in definition ? (definition.interfaces ?? []) : []
    for (const parent of parents) memberOf(parent.name.value, name)
    if ('types' in definition) for (const member of definition.types ?? []) memberOf(name, member.name.value)
  }
  for (const definition of supergraph.definitions) {
    if (definition.kind !== Kind.OBJECT_TYPE_DEFINITION && definition.kind !== Kind.INTERFACE_TYPE_DEFINITION)
      continue
    const name = definition.name.value
    const { graphs } = places.get(name)!
    const hints = new Map<string, FieldHint>()
    for (const field of definition.fields ?? []) {
      const type = namedType(field.type)
      const own = sayOf(`${name}.${field.name.value}`)
      const ownSaid = saidBy(field.directives ?? [])
      const leadsTo = places.get(type)
      const place = sayOf(leadsTo === undefined ? name : type)
      const placeSaid = (leadsTo ?? places.get(name))?.saidOf(graphsOf(field, graphs), leadsTo !== undefined)
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

/** A composite type, as what stands on it is said of fields. */
interface Place {
  /** The subgraphs that have it. */
  readonly graphs: ReadonlySet<string>
  /**
   * What it says of a field of some subgraphs; undefined: nothing that could not be another's word.
   * @param owners of the field; none: an `@interfaceObject` adds it.
   * @param isLeading whether the field leads to the type; else it is a leaf of it.
   */
  saidOf(owners: ReadonlySet<string>, isLeading: boolean): Said | undefined
}

function placeOf(
  definition: ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode | UnionTypeDefinitionNode,
): Place {
  const { directives = [] } = definition
  const fields = 'fields' in definition ? (definition.fields ?? []) : []
  const joined = directives.filter(isNamed('join__type'))
  const graphs = graphsIn(joined)
  const keys = new Set(joined.flatMap(graph => topFieldsOf(argument(graph, 'key'))))
  const ownFields = fields.filter(({ name }) => !keys.has(name.value))
  const adding = ownFields.flatMap(field => [...graphsOf(field, graphs)])
  const resolving = graphsIn(joined.filter(graph => argument(graph, 'resolvable') !== 'false'))
  const more = new Set([...adding, ...resolving])
  const speakers = [...(more.size > 0 ? more : graphs)]
  const said = saidBy(directives)
  const isSaidByAll = directives.filter(isNamed('cacheControl')).length >= graphs.size
  return {
    graphs,
    saidOf(owners, isLeading) {
      // Who leads to a type has it.
      if (isSaidByAll && (isLeading || owners.size > 0)) return said
      return speakers.every(graph => owners.has(graph)) ? said : undefined
    },
  }
}

/** The subgraphs that resolve a field; none: an `@interfaceObject` adds it. */
function graphsOf(
  { directives = [] }: FieldDefinitionNode,
  ofType: ReadonlySet<string>,
): ReadonlySet<string> {
  const joined = directives.filter(isNamed('join__field'))
  if (joined.length === 0) return ofType
  const resolving = joined.filter(
    graph => argument(graph, 'external') !== 'true' && argument(graph, 'usedOverridden') !== 'true',
  )
  return graphsIn(resolving)
}

const graphsIn = (joined: readonly ConstDirectiveNode[]): ReadonlySet<string> =>
  new Set(joined.flatMap(graph => argument(graph, 'graph') ?? []))

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
