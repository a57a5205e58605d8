import { type DocumentNode, type FieldDefinitionNode, Kind, parseType, type TypeNode } from 'graphql'

/**
 * A supergraph in which a field that subgraphs have with different types has the type that holds all of them: a union or
 * an interface rather than one of its members. Some composers take whichever they see first; clients then could not even
 * ask for what another subgraph answers. Returns the same document when nothing is to be widened.
 *
 * @param satisfies whether objects of the first type are of the second.
 */
export function withWidestTypes(
  document: DocumentNode,
  satisfies: (type: string, abstract: string) => boolean,
): DocumentNode {
  let isChanged = false
  const widened = (field: FieldDefinitionNode): FieldDefinitionNode => {
    const declared = nameOf(field.type)
    const names = new Set(typesOf(field).map(nameOf))
    if (names.size < 2) return field
    const all = [...names]
    const widest = all.find(name => all.every(other => satisfies(other, name)))
    if (widest === undefined || widest === declared) return field
    isChanged = true
    return { ...field, type: renamed(field.type, widest) }
  }
  const definitions = document.definitions.map(definition =>
    definition.kind === Kind.OBJECT_TYPE_DEFINITION || definition.kind === Kind.INTERFACE_TYPE_DEFINITION
      ? { ...definition, fields: (definition.fields ?? []).map(widened) }
      : definition,
  )
  return isChanged ? { ...document, definitions } : document
}

/** The field's types in the subgraphs that have one of their own. */
function typesOf(field: FieldDefinitionNode): TypeNode[] {
  return (field.directives ?? []).flatMap(directive => {
    const given = directive.arguments?.find(({ name }) => name.value === 'type')?.value
    return directive.name.value === 'join__field' && given?.kind === Kind.STRING
      ? [parseType(given.value, { noLocation: true })]
      : []
  })
}

const nameOf = (type: TypeNode): string =>
  type.kind === Kind.NAMED_TYPE ? type.name.value : nameOf(type.type)

function renamed<Type extends TypeNode>(type: Type, name: string): Type {
  return type.kind === Kind.NAMED_TYPE
    ? { ...type, name: { ...type.name, value: name } }
    : { ...type, type: renamed(type.type, name) }
}
