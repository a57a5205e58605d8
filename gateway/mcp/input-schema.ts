import {
  type GraphQLInputField,
  type GraphQLInputObjectType,
  type GraphQLInputType,
  type GraphQLSchema,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  Kind,
  type OperationDefinitionNode,
  TypeInfo,
  type TypeNode,
  typeFromAST,
  type VariableDefinitionNode,
  valueFromASTUntyped,
  visit,
  visitWithTypeInfo,
} from 'graphql'

/** The part of JSON Schema that models and their clients read; everything inlined, no `$ref`. */
export interface JsonSchema {
  type?: string
  description?: string
  format?: string
  enum?: readonly string[]
  items?: JsonSchema
  properties?: Record<string, JsonSchema>
  required?: readonly string[]
  additionalProperties?: boolean
  default?: unknown
}

/** What a tool takes; `properties` and `required` are always there. */
export interface InputSchema extends JsonSchema {
  type: 'object'
  properties: Record<string, JsonSchema>
  required: readonly string[]
  additionalProperties: false
}

/** How the arguments of a tool become the variables of its operation. */
export interface ToolInput {
  readonly schema: InputSchema
  variablesOf(args: Readonly<Record<string, unknown>>): Record<string, unknown>
}

/** Input types that contain themselves are cut off here. */
const NESTING_MAX = 6

/** Scalars that are not strings in JSON, and those with a format; any other scalar is described in words alone. */
const SCALARS: Readonly<Record<string, JsonSchema>> = {
  Int: { type: 'integer' },
  Float: { type: 'number' },
  Boolean: { type: 'boolean' },
  String: { type: 'string' },
  ID: { type: 'string' },
  Fen: { type: 'integer' },
  DateTime: { type: 'string', format: 'date-time' },
}

/**
 * An operation's variables as a tool's arguments. An operation whose only variable is `$input`, an input object, takes
 * that object's fields themselves: a model fills one flat form more reliably than a form within a form.
 */
export function toolInput(schema: GraphQLSchema, operation: OperationDefinitionNode): ToolInput {
  const definitions = operation.variableDefinitions ?? []
  const only = definitions.length === 1 ? definitions[0]! : undefined
  const onlyType = only === undefined ? undefined : inputType(schema, only.type)
  const inner = isNonNullType(onlyType) ? onlyType.ofType : onlyType
  if (only?.variable.name.value === 'input' && isInputObjectType(inner)) {
    return { schema: objectSchema(inner, 0) as InputSchema, variablesOf: args => ({ input: { ...args } }) }
  }
  const described = argumentDescriptions(schema, operation)
  const properties: Record<string, JsonSchema> = {}
  for (const definition of definitions) {
    const name = definition.variable.name.value
    properties[name] = variableSchema(schema, definition, described.get(name))
  }
  const required = definitions
    .filter(
      definition => definition.type.kind === Kind.NON_NULL_TYPE && definition.defaultValue === undefined,
    )
    .map(definition => definition.variable.name.value)
  return {
    schema: { type: 'object', properties, required, additionalProperties: false },
    variablesOf: args => ({ ...args }),
  }
}

function variableSchema(
  schema: GraphQLSchema,
  definition: VariableDefinitionNode,
  description: string | undefined,
): JsonSchema {
  const value =
    definition.defaultValue === undefined ? undefined : valueFromASTUntyped(definition.defaultValue)
  return {
    ...withDescription(typeSchema(inputType(schema, definition.type), 0), description),
    ...(value === undefined ? {} : { default: value }),
  }
}

/** What the schema says of the argument that each variable is passed to. */
function argumentDescriptions(
  schema: GraphQLSchema,
  operation: OperationDefinitionNode,
): ReadonlyMap<string, string> {
  const described = new Map<string, string>()
  const typeInfo = new TypeInfo(schema)
  visit(
    operation,
    visitWithTypeInfo(typeInfo, {
      Argument(node) {
        const description = typeInfo.getArgument()?.description
        if (node.value.kind === Kind.VARIABLE && description)
          described.set(node.value.name.value, description)
      },
    }),
  )
  return described
}

function inputType(schema: GraphQLSchema, type: TypeNode): GraphQLInputType {
  return typeFromAST(schema, type as never) as GraphQLInputType
}

function typeSchema(type: GraphQLInputType, nesting: number): JsonSchema {
  if (isNonNullType(type)) return typeSchema(type.ofType, nesting)
  if (isListType(type)) return { type: 'array', items: typeSchema(type.ofType, nesting) }
  if (isInputObjectType(type)) return objectSchema(type, nesting)
  if (isEnumType(type)) {
    const values = type.getValues()
    const meanings = values
      .filter(value => value.description)
      .map(value => `${value.name}: ${value.description}`)
    const description = [type.description, ...meanings].filter(Boolean).join(' ')
    return { type: 'string', enum: values.map(value => value.name), ...(description ? { description } : {}) }
  }
  const known = SCALARS[type.name]
  const isBuiltIn = known !== undefined && !['Fen', 'DateTime'].includes(type.name)
  return withDescription({ ...known }, isBuiltIn ? undefined : (type.description ?? type.name))
}

function objectSchema(type: GraphQLInputObjectType, nesting: number): JsonSchema {
  if (nesting >= NESTING_MAX) return { type: 'object', description: type.description ?? type.name }
  const properties: Record<string, JsonSchema> = {}
  const required: string[] = []
  for (const field of Object.values(type.getFields())) {
    properties[field.name] = fieldSchema(field, nesting)
    if (isNonNullType(field.type) && field.defaultValue === undefined) required.push(field.name)
  }
  const schema: JsonSchema = { type: 'object', properties, required, additionalProperties: false }
  return nesting === 0 ? schema : withDescription(schema, type.description)
}

function fieldSchema(field: GraphQLInputField, nesting: number): JsonSchema {
  return {
    ...withDescription(typeSchema(field.type, nesting + 1), field.description),
    ...(field.defaultValue === undefined ? {} : { default: field.defaultValue }),
  }
}

/** What is said of the place, then what is said of the type. */
function withDescription(schema: JsonSchema, description: string | null | undefined): JsonSchema {
  const words = [description, schema.description].filter(Boolean).join(' ')
  return words === '' ? schema : { ...schema, description: words }
}
