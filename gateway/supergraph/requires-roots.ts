import {
  type ConstDirectiveNode,
  type FieldDefinitionNode,
  Kind,
  type ObjectTypeDefinitionNode,
  parse,
  print,
} from 'graphql'

/** The root field that {@link withRequiresRoots} adds for a field of the subgraph at this place in `join__Graph`. */
export function requiresRoot(subgraph: number, type: string, field: string): string {
  return `_requires_${subgraph}_${type}_${field}`
}

/**
 * The supergraph with a query field for each field that has a `@requires`, of the same type and arguments, as if its
 * subgraph resolved it from nothing. From there the planner can plan what an operation selects below such a field.
 */
export function withRequiresRoots(sdl: string): string {
  const document = parse(sdl, { noLocation: true })
  const graphs: string[] = []
  let query = 'Query'
  const added: FieldDefinitionNode[] = []
  for (const definition of document.definitions) {
    if (definition.kind === Kind.ENUM_TYPE_DEFINITION && definition.name.value === 'join__Graph')
      graphs.push(...(definition.values ?? []).map(value => value.name.value))
    if (definition.kind === Kind.SCHEMA_DEFINITION)
      query =
        definition.operationTypes.find(({ operation }) => operation === 'query')?.type.name.value ?? query
  }
  for (const definition of document.definitions) {
    if (definition.kind !== Kind.OBJECT_TYPE_DEFINITION) continue
    for (const field of definition.fields ?? [])
      for (const directive of field.directives ?? []) {
        if (directive.name.value !== 'join__field' || !argumentOf(directive, 'requires')) continue
        const graph = argumentOf(directive, 'graph')?.value
        if (graph?.kind !== Kind.ENUM) continue
        const name = requiresRoot(graphs.indexOf(graph.value), definition.name.value, field.name.value)
        added.push({
          ...field,
          name: { kind: Kind.NAME, value: name },
          directives: [
            {
              ...directive,
              arguments: directive.arguments?.filter(({ name: { value } }) => KEPT.has(value)) ?? [],
            },
          ],
        })
      }
  }
  const withAdded = (definition: ObjectTypeDefinitionNode): ObjectTypeDefinitionNode => ({
    ...definition,
    fields: [...(definition.fields ?? []), ...added],
  })
  return print({
    ...document,
    definitions: document.definitions.map(definition =>
      definition.kind === Kind.OBJECT_TYPE_DEFINITION && definition.name.value === query
        ? withAdded(definition)
        : definition,
    ),
  })
}

/** Of a field's application to a subgraph: what still holds for the root field. */
const KEPT: ReadonlySet<string> = new Set(['graph', 'type', 'provides'])

function argumentOf(directive: ConstDirectiveNode, name: string) {
  return directive.arguments?.find(argument => argument.name.value === name)
}
