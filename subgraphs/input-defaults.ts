import {
  astFromValue,
  type GraphQLInputObjectType,
  type GraphQLInputType,
  type GraphQLSchema,
  isInputObjectType,
  isListType,
  isNonNullType,
  type OperationDefinitionNode,
  typeFromAST,
  valueFromASTUntyped,
} from 'graphql'

/**
 * graphql-jit's traps with input types (0.8.9). It asks for a non-null field that has a default (`onHand: Int! = 0`) as
 * if it had none; it hands a default of a custom scalar to the resolver as JSON (a string in place of a Date); and an
 * input type that contains itself sends its compiler into endless recursion.
 */

/** Raw variables with the defaults that were left out, raw too. What it is given stays as it is: others may hold it. */
export type FillDefaults = (variables: Readonly<Record<string, unknown>>) => Record<string, unknown>

/** `undefined` when no variable of the operation has a default anywhere, as with nearly all: nothing to do per request. */
export function compileInputDefaults(
  schema: GraphQLSchema,
  operation: OperationDefinitionNode,
): FillDefaults | undefined {
  const variables = (operation.variableDefinitions ?? []).flatMap(({ variable, type, defaultValue }) => {
    const declared = typeFromAST(schema, type as Parameters<typeof typeFromAST>[1])
    const fill = declared === undefined ? undefined : fillOf(declared as GraphQLInputType)
    const absent = defaultValue === undefined ? undefined : valueFromASTUntyped(defaultValue)
    return fill === undefined && absent === undefined ? [] : [{ name: variable.name.value, absent, fill }]
  })
  return variables.length === 0 ? undefined : given => withDefaults(given, variables)
}

/** @throws TypeError that names an input type which contains itself, by whichever way */
export function assertInputsFinite(schema: GraphQLSchema): void {
  const finite = new Set<GraphQLInputObjectType>()
  const enter = (type: GraphQLInputObjectType, way: readonly string[]): void => {
    if (way.includes(type.name)) {
      throw new TypeError(
        `expected input types that end, got one that contains itself: ${[...way, type.name].join(' → ')}`,
      )
    }
    if (finite.has(type)) return
    for (const field of Object.values(type.getFields())) {
      const inner = innermost(field.type)
      if (isInputObjectType(inner)) enter(inner, [...way, type.name])
    }
    finite.add(type)
  }
  for (const type of Object.values(schema.getTypeMap())) if (isInputObjectType(type)) enter(type, [])
}

// Private from here on.

type Fill = (value: unknown) => unknown

interface Member {
  readonly name: string
  /** What stands for it when it is left out; undefined: nothing does. */
  readonly absent: unknown
  readonly fill: Fill | undefined
}

/** How a value of this type is filled; undefined when nothing in it can be left out for a default. */
function fillOf(type: GraphQLInputType): Fill | undefined {
  if (isNonNullType(type)) return fillOf(type.ofType)
  if (isListType(type)) {
    const fill = fillOf(type.ofType)
    // One value stands for a list of it.
    return fill && (value => (Array.isArray(value) ? value.map(fill) : fill(value)))
  }
  if (!isInputObjectType(type)) return undefined
  const members = Object.values(type.getFields()).flatMap((field): Member[] => {
    const fill = fillOf(field.type)
    const { defaultValue } = field
    const node = defaultValue === undefined ? undefined : astFromValue(defaultValue, field.type)
    const absent = node == null ? undefined : valueFromASTUntyped(node)
    return fill === undefined && absent === undefined ? [] : [{ name: field.name, absent, fill }]
  })
  if (members.length === 0) return undefined
  return value =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? withDefaults(value, members)
      : value
}

function withDefaults(value: object, members: readonly Member[]): Record<string, unknown> {
  const filled: Record<string, unknown> = { ...value }
  for (const { name, absent, fill } of members) {
    const given = filled[name] === undefined ? absent : filled[name]
    if (given !== undefined) filled[name] = fill === undefined ? given : fill(given)
  }
  return filled
}

function innermost(type: GraphQLInputType): GraphQLInputType {
  return isNonNullType(type) || isListType(type) ? innermost(type.ofType) : type
}
