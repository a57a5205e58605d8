import {
  type FieldNode,
  type GraphQLArgument,
  type GraphQLInputField,
  type GraphQLInputType,
  type GraphQLLeafType,
  GraphQLString,
  getNullableType,
  isInputObjectType,
  isLeafType,
  Kind,
  type ValueNode,
  valueFromAST,
} from 'graphql'
import { readVariable, type Variables } from './terms.ts'

/** Reads an argument's value of one request; `undefined` or null where there is none. */
export type ReadArgument = (variables: Variables) => unknown

type Inputs = readonly (GraphQLArgument | GraphQLInputField)[]

/**
 * The type of the scalar or enum that a path such as `input.campaignId` leads to, through arguments and input objects.
 * A string is what is wrong with the path.
 */
export function leafAt(inputs: Inputs, path: string): GraphQLLeafType | string {
  let known = inputs
  let type: GraphQLInputType | undefined
  const walked: string[] = []
  for (const name of path.split('.')) {
    const input = known.find(candidate => candidate.name === name)
    if (input === undefined) {
      const place = walked.length === 0 ? 'an argument of the field' : `an input field of ${walked.join('.')}`
      return `expected by to lead to a scalar or enum, got ${path}, of which ${name} is not ${place}`
    }
    walked.push(name)
    type = getNullableType(input.type)
    known = isInputObjectType(type) ? Object.values(type.getFields()) : []
  }
  return isLeafType(type) ? type : `expected by to lead to a scalar or enum, got ${path} of the type ${type}`
}

/**
 * The path of the nearest input with this name and the type String, through arguments and input objects, such as
 * `input.placeToken`: the least deep one, of several so deep the first. What is in a list has no path.
 */
export function pathOf(inputs: Inputs, name: string): string | undefined {
  let level = inputs.map(input => ({ input, path: input.name }))
  const entered = new Set<GraphQLInputType>()
  while (level.length > 0) {
    const found = level.find(
      ({ input }) => input.name === name && getNullableType(input.type) === GraphQLString,
    )
    if (found !== undefined) return found.path
    level = level.flatMap(({ input, path }) => {
      const type = getNullableType(input.type)
      if (!isInputObjectType(type) || entered.has(type)) return []
      entered.add(type)
      return Object.values(type.getFields()).map(field => ({ input: field, path: `${path}.${field.name}` }))
    })
  }
  return undefined
}

/**
 * Compiles the reading of the value at a path of a field's arguments, wherever the operation has it: in a variable, in a
 * variable within an object, in the text, or left out, with the schema's defaults.
 *
 * @param path one for which {@link leafAt} finds a leaf, or of {@link pathOf}.
 */
export function compileArgument(inputs: Inputs, { arguments: given }: FieldNode, path: string): ReadArgument {
  const [name = '', ...rest] = path.split('.')
  const value = given?.find(argument => argument.name.value === name)?.value
  return compileValue(inputOf(inputs, name), value, rest)
}

function compileValue(
  input: GraphQLArgument | GraphQLInputField,
  value: ValueNode | undefined,
  path: readonly string[],
): ReadArgument {
  if (value === undefined) return constant(at(input.defaultValue, path))
  if (value.kind === Kind.NULL) return constant(null)
  if (value.kind === Kind.VARIABLE) {
    const read = readVariable(value.name.value)
    const ifMissing = at(input.defaultValue, path)
    return variables => {
      const given = read(variables)
      return given === undefined ? ifMissing : at(given, path)
    }
  }
  const type = getNullableType(input.type)
  const [next, ...rest] = path
  if (next !== undefined && isInputObjectType(type)) {
    const inside =
      value.kind === Kind.OBJECT ? value.fields.find(field => field.name.value === next)?.value : undefined
    return compileValue(inputOf(Object.values(type.getFields()), next), inside, rest)
  }
  // Within a custom scalar's literal there may be variables.
  if (value.kind === Kind.OBJECT || value.kind === Kind.LIST)
    return variables => valueFromAST(value, type, variables as Record<string, unknown>)
  return constant(valueFromAST(value, type))
}

const constant = (value: unknown): ReadArgument => {
  return () => value
}

/** @throws Error: the path has been checked when the supergraph was read. */
function inputOf(inputs: Inputs, name: string): GraphQLArgument | GraphQLInputField {
  const input = inputs.find(candidate => candidate.name === name)
  if (input === undefined) throw new Error(`expected an input ${name}, got none`)
  return input
}

function at(value: unknown, path: readonly string[]): unknown {
  let inner = value
  for (const name of path) {
    if (typeof inner !== 'object' || inner === null) return undefined
    inner = Object.hasOwn(inner, name) ? (inner as Readonly<Record<string, unknown>>)[name] : undefined
  }
  return inner
}
