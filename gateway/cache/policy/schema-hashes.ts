import { createHash } from 'node:crypto'
import {
  type ASTNode,
  type ConstDirectiveNode,
  type DocumentNode,
  type FieldDefinitionNode,
  type InputValueDefinitionNode,
  isTypeDefinitionNode,
  Kind,
  type TypeDefinitionNode,
  type TypeNode,
} from 'graphql'

/**
 * By a subgraph's name, a hash of its part of the supergraph, as text of 22 characters: what it defines of types, fields,
 * enum values and members, with everything that is said there. What another subgraph adds to the same types is not in it,
 * but for keys and interfaces: answers are tagged by them. Descriptions and the order of things are not, either.
 *
 * @param supergraph without locations.
 */
export function schemaHashes(supergraph: DocumentNode): ReadonlyMap<string, string> {
  const hashes = new Map<string, string>()
  for (const [graph, name] of graphsOf(supergraph)) {
    const parts = supergraph.definitions
      .filter(isTypeDefinitionNode)
      .flatMap(definition => partOf(definition, graph))
      .sort()
    hashes.set(name, createHash('sha256').update(parts.join('\n')).digest('base64url').slice(0, 22))
  }
  return hashes
}

/** `join__Graph`'s values with the names of the subgraphs. */
function graphsOf(supergraph: DocumentNode): Map<string, string> {
  const graphs = new Map<string, string>()
  for (const definition of supergraph.definitions)
    if (definition.kind === Kind.ENUM_TYPE_DEFINITION && definition.name.value === 'join__Graph')
      for (const { name, directives = [] } of definition.values ?? []) {
        const own = directives.find(directive => directive.name.value === 'join__graph')
        graphs.set(name.value, (own && argument(own, 'name')) ?? name.value)
      }
  return graphs
}

/** One line each, so that they can be sorted. */
function partOf(definition: TypeDefinitionNode, graph: string): string[] {
  if (!isIn(definition.directives, 'join__type', graph)) return []
  const type = `${definition.kind} ${definition.name.value}`
  const lines = [`${type} ${said(definition.directives, graph)} ${knownBy(definition)}`]
  if ('fields' in definition)
    for (const field of (definition.fields ?? []) as readonly (
      | FieldDefinitionNode
      | InputValueDefinitionNode
    )[]) {
      const isOwned = field.directives?.some(isNamed('join__field')) === true
      if (isOwned && !isIn(field.directives, 'join__field', graph)) continue
      const given =
        'arguments' in field
          ? (field.arguments ?? []).map(inputText).sort()
          : [inputText(field as InputValueDefinitionNode)]
      lines.push(
        `${type}.${field.name.value}(${given.join(', ')}): ${typeIn(field, graph)} ${said(field.directives, graph)}`,
      )
    }
  if (definition.kind === Kind.ENUM_TYPE_DEFINITION)
    for (const { name, directives } of definition.values ?? [])
      if (isIn(directives, 'join__enumValue', graph)) lines.push(`${type}.${name.value}`)
  return lines
}

/** What objects of a type are known by, whichever subgraph says so. */
function knownBy(definition: TypeDefinitionNode): string {
  const keys = (definition.directives ?? [])
    .filter(isNamed('join__type'))
    .map(one => argument(one, 'key') ?? '')
  const interfaces = 'interfaces' in definition ? (definition.interfaces ?? []) : []
  return JSON.stringify([[...new Set(keys)].sort(), interfaces.map(({ name }) => name.value).sort()])
}

const inputText = ({ name, type, defaultValue }: InputValueDefinitionNode): string =>
  `${name.value}: ${typeText(type)}${defaultValue === undefined ? '' : ` = ${written(defaultValue)}`}`

/** The field's type as the subgraph has it: composition merges it with those of others. */
function typeIn(
  { type, directives = [] }: FieldDefinitionNode | InputValueDefinitionNode,
  graph: string,
): string {
  const own = directives.find(one => isNamed('join__field')(one) && argument(one, 'graph') === graph)
  return (own && argument(own, 'type')) ?? typeText(type)
}

/**
 * The directives of one place, those of other subgraphs apart. That a field is a subgraph's at all is written only where
 * others have the type too; its type stands elsewhere.
 */
function said(directives: readonly ConstDirectiveNode[] = [], graph: string): string {
  return directives
    .filter(directive => {
      const owner = argument(directive, 'graph')
      return owner === undefined || owner === graph
    })
    .map(directive => {
      if (directive.name.value !== 'join__field') return written(directive)
      const given = (directive.arguments ?? []).filter(({ name }) => !MERGED.has(name.value))
      return given.length === 0 ? '' : written({ ...directive, arguments: given })
    })
    .filter(text => text !== '')
    .sort()
    .join(' ')
}

/** Text that is equal for equal nodes, in a fraction of what printing them takes; they have no locations. */
const written = (node: ASTNode): string => JSON.stringify(node)

/** As the argument `type` of `@join__field` has it. */
function typeText(type: TypeNode): string {
  if (type.kind === Kind.NAMED_TYPE) return type.name.value
  return type.kind === Kind.LIST_TYPE ? `[${typeText(type.type)}]` : `${typeText(type.type)}!`
}

const MERGED: ReadonlySet<string> = new Set(['graph', 'type'])

const isNamed = (name: string) => (directive: ConstDirectiveNode) => directive.name.value === name

const isIn = (directives: readonly ConstDirectiveNode[] | undefined, name: string, graph: string): boolean =>
  directives?.some(one => one.name.value === name && argument(one, 'graph') === graph) === true

function argument(directive: ConstDirectiveNode, name: string): string | undefined {
  const value = directive.arguments?.find(given => given.name.value === name)?.value
  return value?.kind === Kind.ENUM || value?.kind === Kind.STRING ? value.value : undefined
}
