import {
  buildASTSchema,
  type ConstDirectiveNode,
  type DefinitionNode,
  type DirectiveDefinitionNode,
  type DocumentNode,
  type FieldDefinitionNode,
  type GraphQLSchema,
  type InputValueDefinitionNode,
  Kind,
  type ObjectTypeDefinitionNode,
  type OperationTypeDefinitionNode,
  parse,
  print,
  type SchemaDefinitionNode,
  type TypeDefinitionNode,
  type TypeNode,
  validateSchema,
} from 'graphql'
import { linksOf } from './links.ts'

/** Type-system directives that clients may see; every other application belongs to composition or to the gateway. */
const PUBLIC_APPLICATIONS: ReadonlySet<string> = new Set(['deprecated', 'specifiedBy', 'oneOf'])

/** Where clients may apply a directive. */
export const EXECUTABLE_LOCATIONS: ReadonlySet<string> = new Set([
  'QUERY',
  'MUTATION',
  'SUBSCRIPTION',
  'FIELD',
  'FRAGMENT_DEFINITION',
  'FRAGMENT_SPREAD',
  'INLINE_FRAGMENT',
  'VARIABLE_DEFINITION',
])

/**
 * The schema that clients see: the supergraph without what any linked spec defines or applies and without everything
 * `@inaccessible`, however deep it stands.
 *
 * @throws Error when the SDL does not parse or what is left is not a valid schema.
 */
export function apiSchema(supergraphSdl: string): GraphQLSchema {
  const steps = apiSchemaInSteps(parse(supergraphSdl, { noLocation: true }))
  for (;;) {
    const step = steps.next()
    if (step.done) return step.value
  }
}

/** {@link apiSchema} in steps of which each is a part of its time. */
export function* apiSchemaInSteps(supergraph: DocumentNode): Generator<undefined, GraphQLSchema> {
  const document = apiDocument(supergraph)
  yield
  const schema = buildASTSchema(document, { assumeValidSDL: true })
  yield
  const problems = validateSchema(schema)
  if (problems.length > 0) {
    const shown = problems.slice(0, 5).map(problem => problem.message)
    throw new Error(`The supergraph's API schema is not valid: ${shown.join(' ')}`)
  }
  return schema
}

/** The API schema as SDL: root types first, then by name; the same supergraph always gives the same text. */
export function printApiSchema(supergraphSdl: string): string {
  const { definitions } = apiDocument(parse(supergraphSdl, { noLocation: true }))
  const rank = (node: DefinitionNode): string => {
    if (node.kind === Kind.SCHEMA_DEFINITION) return '0'
    const name = (node as TypeDefinitionNode | DirectiveDefinitionNode).name.value
    if (node.kind === Kind.DIRECTIVE_DEFINITION) return `1${name}`
    const root = ['Query', 'Mutation', 'Subscription'].indexOf(name)
    return root >= 0 ? `2${root}` : `3${name}`
  }
  const sorted = [...definitions].sort((a, b) => (rank(a) < rank(b) ? -1 : 1))
  return `${print({ kind: Kind.DOCUMENT, definitions: sorted })}\n`
}

/** {@link apiSchema} as definitions. */
export function apiDocument(supergraph: DocumentNode): DocumentNode {
  const links = linksOf(supergraph)
  const hidden = (node: { readonly directives?: readonly ConstDirectiveNode[] | undefined }): boolean =>
    node.directives?.some(directive => directive.name.value === links.inaccessible) === true

  const directives = executableDirectives(supergraph, hidden)
  const ofDirectives = argumentTypesOf(directives, supergraph)
  const types = new Map<string, TypeDefinitionNode>()
  let schema: SchemaDefinitionNode | undefined
  for (const definition of supergraph.definitions) {
    if (definition.kind === Kind.SCHEMA_DEFINITION) schema = definition
    else if ('name' in definition && definition.kind.endsWith('TypeDefinition')) {
      const type = definition as TypeDefinitionNode
      const name = type.name.value
      if ((!links.ownsType(name) || ofDirectives.has(name)) && !hidden(type))
        types.set(name, withoutHidden(type, hidden))
    }
  }
  dropDangling(types)
  const operationTypes = (schema?.operationTypes ?? conventionalRoots(types)).filter(root =>
    types.has(root.type.name.value),
  )
  return {
    kind: Kind.DOCUMENT,
    definitions: [
      {
        kind: Kind.SCHEMA_DEFINITION,
        operationTypes,
        ...(schema?.description ? { description: schema.description } : {}),
      },
      ...directives.flatMap(directive => withKnownTypes(directive, types)),
      ...types.values(),
    ],
  }
}

/** Directives that operations may apply, a linked spec's too: it is composed into the supergraph for clients to use. */
function executableDirectives(supergraph: DocumentNode, hidden: Hidden): DirectiveDefinitionNode[] {
  return supergraph.definitions.flatMap(definition => {
    if (definition.kind !== Kind.DIRECTIVE_DEFINITION) return []
    const locations = definition.locations.filter(location => EXECUTABLE_LOCATIONS.has(location.value))
    const given = (definition.arguments ?? []).filter(argument => !hidden(argument)).map(publicOnly)
    return locations.length > 0 ? [{ ...definition, locations, arguments: given }] : []
  })
}

/** Names of the types of directives' arguments, and of what those are made of. */
function argumentTypesOf(
  directives: readonly DirectiveDefinitionNode[],
  supergraph: DocumentNode,
): ReadonlySet<string> {
  const names = new Set<string>()
  const add = (inputs: readonly InputValueDefinitionNode[] | undefined): void => {
    for (const input of inputs ?? []) {
      const name = namedType(input.type)
      if (names.has(name)) continue
      names.add(name)
      for (const definition of supergraph.definitions)
        if (definition.kind === Kind.INPUT_OBJECT_TYPE_DEFINITION && definition.name.value === name)
          add(definition.fields)
    }
  }
  for (const directive of directives) add(directive.arguments)
  return names
}

/** The directive without arguments of types that clients must not see; nothing when one of those is required. */
function withKnownTypes(
  directive: DirectiveDefinitionNode,
  types: ReadonlyMap<string, TypeDefinitionNode>,
): DirectiveDefinitionNode[] {
  const known = ({ type }: InputValueDefinitionNode): boolean =>
    types.has(namedType(type)) || BUILT_IN_SCALARS.has(namedType(type))
  const given = directive.arguments ?? []
  if (given.some(argument => !known(argument) && isRequired(argument))) return []
  return [{ ...directive, arguments: given.filter(known) }]
}

function conventionalRoots(types: ReadonlyMap<string, TypeDefinitionNode>): OperationTypeDefinitionNode[] {
  return (['query', 'mutation', 'subscription'] as const).flatMap(operation => {
    const name = operation[0]!.toUpperCase() + operation.slice(1)
    if (!types.has(name)) return []
    const type = { kind: Kind.NAMED_TYPE, name: { kind: Kind.NAME, value: name } } as const
    return [{ kind: Kind.OPERATION_TYPE_DEFINITION, operation, type } as OperationTypeDefinitionNode]
  })
}

type Hidden = (node: { readonly directives?: readonly ConstDirectiveNode[] | undefined }) => boolean

/** One definition without its hidden members and without applications that clients must not see. */
function withoutHidden(type: TypeDefinitionNode, hidden: Hidden): TypeDefinitionNode {
  const seen = publicOnly(type)
  switch (seen.kind) {
    case Kind.OBJECT_TYPE_DEFINITION:
    case Kind.INTERFACE_TYPE_DEFINITION:
      return {
        ...seen,
        fields: (seen.fields ?? [])
          .filter(field => !hidden(field))
          .map(field => ({
            ...publicOnly(field),
            arguments: (field.arguments ?? []).filter(argument => !hidden(argument)).map(publicOnly),
          })),
      }
    case Kind.INPUT_OBJECT_TYPE_DEFINITION:
      return { ...seen, fields: (seen.fields ?? []).filter(field => !hidden(field)).map(publicOnly) }
    case Kind.ENUM_TYPE_DEFINITION:
      return { ...seen, values: (seen.values ?? []).filter(value => !hidden(value)).map(publicOnly) }
    default:
      return seen
  }
}

function publicOnly<N extends { readonly directives?: readonly ConstDirectiveNode[] | undefined }>(
  node: N,
): N {
  return {
    ...node,
    directives: (node.directives ?? []).filter(directive => PUBLIC_APPLICATIONS.has(directive.name.value)),
  }
}

/**
 * Removes what refers to a removed type, until nothing does: members, `implements`, fields and arguments (a field
 * whose required argument is gone goes too), and types that this leaves empty.
 */
function dropDangling(types: Map<string, TypeDefinitionNode>): void {
  const known = (type: TypeNode): boolean => {
    const name = namedType(type)
    return types.has(name) || BUILT_IN_SCALARS.has(name)
  }
  for (let changed = true; changed; ) {
    changed = false
    for (const [name, type] of types) {
      const kept = withoutUnknown(type, known)
      if (kept === undefined) types.delete(name)
      else if (sizeOf(kept) !== sizeOf(type)) types.set(name, kept)
      else continue
      changed = true
    }
  }
}

const BUILT_IN_SCALARS: ReadonlySet<string> = new Set(['Int', 'Float', 'String', 'Boolean', 'ID'])

function namedType(type: TypeNode): string {
  return type.kind === Kind.NAMED_TYPE ? type.name.value : namedType(type.type)
}

/** The definition without references to unknown types; undefined when nothing is left of it. */
function withoutUnknown(
  type: TypeDefinitionNode,
  known: (type: TypeNode) => boolean,
): TypeDefinitionNode | undefined {
  switch (type.kind) {
    case Kind.OBJECT_TYPE_DEFINITION:
    case Kind.INTERFACE_TYPE_DEFINITION: {
      const fields = (type.fields ?? [])
        .filter(
          field =>
            known(field.type) &&
            (field.arguments ?? []).every(argument => known(argument.type) || !isRequired(argument)),
        )
        .map(field => withKnownArguments(field, known))
      if (fields.length === 0) return undefined
      return {
        ...type,
        fields,
        interfaces: (type.interfaces ?? []).filter(known),
      } as ObjectTypeDefinitionNode
    }
    case Kind.INPUT_OBJECT_TYPE_DEFINITION: {
      const fields = (type.fields ?? []).filter(field => known(field.type))
      return fields.length === 0 ? undefined : { ...type, fields }
    }
    case Kind.UNION_TYPE_DEFINITION: {
      const members = (type.types ?? []).filter(known)
      return members.length === 0 ? undefined : { ...type, types: members }
    }
    case Kind.ENUM_TYPE_DEFINITION:
      return (type.values ?? []).length === 0 ? undefined : type
    default:
      return type
  }
}

function withKnownArguments(
  field: FieldDefinitionNode,
  known: (type: TypeNode) => boolean,
): FieldDefinitionNode {
  return { ...field, arguments: (field.arguments ?? []).filter(argument => known(argument.type)) }
}

function isRequired(argument: InputValueDefinitionNode): boolean {
  return argument.type.kind === Kind.NON_NULL_TYPE && argument.defaultValue === undefined
}

/** How many members a definition has, counted so that dropping any one changes the number. */
function sizeOf(type: TypeDefinitionNode): number {
  switch (type.kind) {
    case Kind.OBJECT_TYPE_DEFINITION:
    case Kind.INTERFACE_TYPE_DEFINITION:
      return (
        (type.interfaces ?? []).length +
        (type.fields ?? []).reduce((sum, field) => sum + 1 + (field.arguments ?? []).length, 0)
      )
    case Kind.INPUT_OBJECT_TYPE_DEFINITION:
      return (type.fields ?? []).length
    case Kind.UNION_TYPE_DEFINITION:
      return (type.types ?? []).length
    default:
      return 0
  }
}
