import {
  type ConstDirectiveNode,
  type DocumentNode,
  type FieldDefinitionNode,
  type InterfaceTypeDefinitionNode,
  Kind,
  type NamedTypeNode,
  parse,
  type TypeNode,
} from 'graphql'

/**
 * A supergraph in which fields of an `@interfaceObject` are external to its subgraph where they must be: what its
 * `@requires` and `@provides` name is another subgraph's. Some composers drop that mark; the planner would then ask the
 * subgraph for what it waits to be told. Returns the same document when nothing is missing.
 */
export function withExternalFields(document: DocumentNode): DocumentNode {
  const external = externalFieldsOf(document)
  if (external.size === 0) return document
  let isChanged = false
  const definitions = document.definitions.map(definition => {
    const names = definition.kind === Kind.INTERFACE_TYPE_DEFINITION && external.get(definition.name.value)
    if (!names) return definition
    const fields = (definition.fields ?? []).map(field => {
      const graphs = names.get(field.name.value) ?? []
      const marked = graphs.reduce((current, graph) => withExternal(current, definition, graph), field)
      if (marked !== field) isChanged = true
      return marked
    })
    return { ...definition, fields }
  })
  return isChanged ? { ...document, definitions } : document
}

/** Interface → field → values of `join__Graph` to which it is external. */
type ExternalFields = Map<string, Map<string, string[]>>

function externalFieldsOf(document: DocumentNode): ExternalFields {
  const objectsOf = new Map<string, Set<string>>()
  for (const definition of document.definitions)
    if (definition.kind === Kind.INTERFACE_TYPE_DEFINITION) {
      const graphs = applicationsOf(definition, 'join__type')
        .filter(type => isTrue(type, 'isInterfaceObject'))
        .flatMap(graphOf)
      if (graphs.length > 0) objectsOf.set(definition.name.value, new Set(graphs))
    }
  const external: ExternalFields = new Map()
  if (objectsOf.size === 0) return external

  const note = (type: string, graph: string, fieldSet: string): void => {
    if (!objectsOf.get(type)?.has(graph)) return
    const fields = external.get(type) ?? new Map<string, string[]>()
    external.set(type, fields)
    for (const name of fieldsIn(fieldSet)) {
      const graphs = fields.get(name) ?? []
      if (!graphs.includes(graph)) fields.set(name, [...graphs, graph])
    }
  }
  for (const definition of document.definitions) {
    if (definition.kind !== Kind.OBJECT_TYPE_DEFINITION && definition.kind !== Kind.INTERFACE_TYPE_DEFINITION)
      continue
    for (const field of definition.fields ?? [])
      for (const application of applicationsOf(field, 'join__field'))
        for (const graph of graphOf(application)) {
          const required = stringOf(application, 'requires')
          const provided = stringOf(application, 'provides')
          if (required !== undefined) note(definition.name.value, graph, required)
          if (provided !== undefined) note(namedType(field.type), graph, provided)
        }
  }
  return external
}

/** A field without applications is every subgraph's that has its type; then each of them is written out. */
function withExternal(
  field: FieldDefinitionNode,
  type: InterfaceTypeDefinitionNode,
  graph: string,
): FieldDefinitionNode {
  if (keyFieldsOf(type, graph).has(field.name.value)) return field
  const known = applicationsOf(field, 'join__field')
  const own = known.find(application => graphOf(application)[0] === graph)
  if (own && isTrue(own, 'external')) return field
  if (!own && known.length > 0) return field
  const everyone = new Set(applicationsOf(type, 'join__type').flatMap(graphOf))
  const given = own
    ? (field.directives ?? [])
    : [...(field.directives ?? []), ...[...everyone].map(value => applied(value))]
  return {
    ...field,
    directives: given.map(application =>
      application.name.value === 'join__field' && graphOf(application)[0] === graph
        ? { ...application, arguments: [...(application.arguments ?? []), EXTERNAL] }
        : application,
    ),
  }
}

const EXTERNAL = {
  kind: Kind.ARGUMENT,
  name: { kind: Kind.NAME, value: 'external' },
  value: { kind: Kind.BOOLEAN, value: true },
} as const

const applied = (graph: string): ConstDirectiveNode => ({
  kind: Kind.DIRECTIVE,
  name: { kind: Kind.NAME, value: 'join__field' },
  arguments: [
    {
      kind: Kind.ARGUMENT,
      name: { kind: Kind.NAME, value: 'graph' },
      value: { kind: Kind.ENUM, value: graph },
    },
  ],
})

function keyFieldsOf(type: InterfaceTypeDefinitionNode, graph: string): Set<string> {
  const keys = applicationsOf(type, 'join__type').filter(application => graphOf(application)[0] === graph)
  return new Set(keys.flatMap(key => fieldsIn(stringOf(key, 'key') ?? '__typename')))
}

/** Names of the outermost fields of a field set. */
function fieldsIn(fieldSet: string): string[] {
  const [operation] = parse(`{${fieldSet}}`, { noLocation: true }).definitions
  if (operation?.kind !== Kind.OPERATION_DEFINITION) return []
  return operation.selectionSet.selections.flatMap(selection =>
    selection.kind === Kind.FIELD ? [selection.name.value] : [],
  )
}

function applicationsOf(
  node: { readonly directives?: readonly ConstDirectiveNode[] | undefined },
  name: string,
): ConstDirectiveNode[] {
  return (node.directives ?? []).filter(directive => directive.name.value === name)
}

const argumentOf = (directive: ConstDirectiveNode, name: string) =>
  directive.arguments?.find(argument => argument.name.value === name)?.value

function graphOf(directive: ConstDirectiveNode): string[] {
  const value = argumentOf(directive, 'graph')
  return value?.kind === Kind.ENUM ? [value.value] : []
}

function stringOf(directive: ConstDirectiveNode, name: string): string | undefined {
  const value = argumentOf(directive, name)
  return value?.kind === Kind.STRING ? value.value : undefined
}

function isTrue(directive: ConstDirectiveNode, name: string): boolean {
  const value = argumentOf(directive, name)
  return value?.kind === Kind.BOOLEAN && value.value
}

const namedType = (type: TypeNode): string =>
  type.kind === Kind.NAMED_TYPE ? (type as NamedTypeNode).name.value : namedType(type.type)
