import {
  buildASTSchema,
  type DefinitionNode,
  type GraphQLSchema,
  Kind,
  parse,
  type TypeDefinitionNode,
  type TypeExtensionNode,
  validateSchema,
} from 'graphql'
import { EXECUTABLE_LOCATIONS } from '../supergraph/api-schema.ts'

/**
 * The schema of SDL that is no supergraph: as servers serve it, or a subgraph's, which extends types that it does not
 * define and applies directives that `@link` brings.
 *
 * @throws Error when it does not parse or is no schema.
 */
export function plainSchema(sdl: string): GraphQLSchema {
  const types = new Map<string, TypeDefinitionNode>()
  const others: DefinitionNode[] = []
  const { definitions } = parse(sdl, { noLocation: true })
  for (const definition of definitions) {
    if (definition.kind === Kind.DIRECTIVE_DEFINITION) {
      if (definition.locations.some(({ value }) => EXECUTABLE_LOCATIONS.has(value))) others.push(definition)
    } else if (isType(definition)) types.set(definition.name.value, definition)
    else if (!isExtension(definition) && definition.kind !== Kind.SCHEMA_EXTENSION) others.push(definition)
  }
  for (const definition of definitions) {
    if (!isExtension(definition)) continue
    const name = definition.name.value
    types.set(name, extended(types.get(name), definition))
  }
  const schema = buildASTSchema(
    { kind: Kind.DOCUMENT, definitions: [...others, ...types.values()] },
    { assumeValidSDL: true },
  )
  const [problem] = validateSchema(schema)
  if (problem !== undefined) throw new Error(problem.message)
  return schema
}

const isType = (node: DefinitionNode): node is TypeDefinitionNode => node.kind.endsWith('TypeDefinition')

const isExtension = (node: DefinitionNode): node is TypeExtensionNode => node.kind.endsWith('TypeExtension')

/** A type with what an extension adds; without a definition the extension is the type. */
function extended(type: TypeDefinitionNode | undefined, extension: TypeExtensionNode): TypeDefinitionNode {
  if (type === undefined)
    return { ...extension, kind: extension.kind.replace('Extension', 'Definition') } as TypeDefinitionNode
  const merged: Record<string, unknown> = { ...type }
  for (const member of ['directives', 'interfaces', 'fields', 'types', 'values'] as const) {
    const added = (extension as unknown as Record<string, readonly unknown[] | undefined>)[member]
    if (added !== undefined) merged[member] = [...((merged[member] ?? []) as readonly unknown[]), ...added]
  }
  return merged as unknown as TypeDefinitionNode
}
