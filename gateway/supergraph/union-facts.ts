import { type ConstDirectiveNode, type DocumentNode, Kind, print } from 'graphql'

/** Unions of which not every subgraph has every member, and what those members have where. */
export interface UnionFacts {
  /** The members of such a union in `subgraph`; undefined for every other type, and where `subgraph` lacks it. */
  membersIn(union: string, subgraph: string): ReadonlySet<string> | undefined
  /**
   * The field's type in `subgraph`, as text, if it resolves the field by itself: neither external to it nor moved away,
   * without `@requires`.
   */
  typeIn(type: string, field: string, subgraph: string): string | undefined
}

/**
 * @param subgraphNames `join__Graph` value → subgraph name.
 * @returns undefined when all subgraphs agree on all unions that they share.
 */
export function unionFacts(
  supergraph: DocumentNode,
  subgraphNames: ReadonlyMap<string, string>,
): UnionFacts | undefined {
  const unions = new Map<string, Map<string, Set<string>>>()
  for (const definition of supergraph.definitions) {
    if (definition.kind !== Kind.UNION_TYPE_DEFINITION) continue
    const members = new Map<string, Set<string>>()
    for (const directive of definition.directives ?? []) {
      const subgraph = subgraphNames.get(argument(directive, 'graph') ?? '')
      if (directive.name.value !== 'join__unionMember' || subgraph === undefined) continue
      const known = members.get(subgraph) ?? new Set()
      members.set(subgraph, known.add(argument(directive, 'member') ?? ''))
    }
    const all = definition.types?.length ?? 0
    if ([...members.values()].some(known => known.size < all)) unions.set(definition.name.value, members)
  }
  if (unions.size === 0) return undefined
  const fields = fieldsBySubgraph(supergraph, subgraphNames)
  return {
    membersIn: (union, subgraph) => unions.get(union)?.get(subgraph),
    typeIn: (type, field, subgraph) => fields.get(`${subgraph} ${type}.${field}`),
  }
}

function fieldsBySubgraph(
  supergraph: DocumentNode,
  subgraphNames: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> {
  const fields = new Map<string, string>()
  for (const definition of supergraph.definitions) {
    if (definition.kind !== Kind.OBJECT_TYPE_DEFINITION && definition.kind !== Kind.INTERFACE_TYPE_DEFINITION)
      continue
    const types = applications(definition.directives, 'join__type')
    for (const field of definition.fields ?? []) {
      const own = applications(field.directives, 'join__field')
      // Without an application a field is every subgraph's that has its type.
      for (const application of own.length > 0 ? own : types) {
        const subgraph = subgraphNames.get(argument(application, 'graph') ?? '')
        if (subgraph !== undefined && (own.length === 0 || !isElsewhere(application)))
          fields.set(
            `${subgraph} ${definition.name.value}.${field.name.value}`,
            argument(application, 'type') ?? print(field.type),
          )
      }
    }
  }
  return fields
}

const ELSEWHERE: ReadonlySet<string> = new Set(['external', 'usedOverridden', 'requires', 'overrideLabel'])

const isElsewhere = (application: ConstDirectiveNode): boolean =>
  (application.arguments ?? []).some(
    ({ name, value }) => ELSEWHERE.has(name.value) && !(value.kind === Kind.BOOLEAN && !value.value),
  )

function applications(
  directives: readonly ConstDirectiveNode[] | undefined,
  name: string,
): ConstDirectiveNode[] {
  return (directives ?? []).filter(directive => directive.name.value === name)
}

function argument(directive: ConstDirectiveNode, name: string): string | undefined {
  const value = directive.arguments?.find(given => given.name.value === name)?.value
  return value?.kind === Kind.ENUM || value?.kind === Kind.STRING ? value.value : undefined
}
