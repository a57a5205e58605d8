import { type FieldNode, Kind, type ValueNode, valueFromASTUntyped } from 'graphql'
import type { ComposedInput, ComposedTypes } from './composed-types.ts'
import { gather } from './tag-template.ts'

export type Variables = Readonly<Record<string, unknown>>

/** Adds what a fetch's variables give at a path. */
export type ReadArguments = (variables: Variables, into: unknown[]) => void

type Inputs = ReadonlyMap<string, ComposedInput>

/** What is wrong with the path of an argument, `input.campaignId`; undefined: it leads to scalars or enums. */
export function wrongArgumentPath(
  types: ComposedTypes,
  inputs: Inputs,
  path: readonly string[],
  where: string,
): string | undefined {
  let known = inputs
  let place = `an argument of ${where}`
  let type = ''
  for (const name of path) {
    const input = known.get(name)
    if (input === undefined)
      return `expected {args.${path.join('.')}} to lead to a scalar, ${name} is not ${place}`
    type = input.type
    known = types.inputsOf(type)
    place = `a field of ${type}`
  }
  return types.kindOf(type) === 'input'
    ? `expected {args.${path.join('.')}} to lead to a scalar, got the input type ${type}`
    : undefined
}

/**
 * Compiles the reading of the values at a path of a field's arguments, wherever the fetch has them: in the text, in a
 * variable, in a variable within an object or a list, or left out, with the schema's defaults.
 */
export function compileArgumentValues(
  types: ComposedTypes,
  inputs: Inputs,
  { arguments: given = [] }: FieldNode,
  path: readonly string[],
): ReadArguments {
  const [name = '', ...rest] = path
  const value = given.find(argument => argument.name.value === name)?.value
  return compileInput(types, inputs.get(name), value, rest)
}

function compileInput(
  types: ComposedTypes,
  input: ComposedInput | undefined,
  value: ValueNode | undefined,
  path: readonly string[],
): ReadArguments {
  const ifMissing = input?.defaultValue
  if (value === undefined)
    return ifMissing === undefined
      ? () => {}
      : compileInput(types, { ...input!, defaultValue: undefined }, ifMissing, path)
  if (value.kind === Kind.VARIABLE) {
    const { value: variable } = value.name
    const missing = compileInput(types, input, undefined, path)
    const read = readerOf(types, input, path)
    return (variables, into) => {
      const sent = Object.hasOwn(variables, variable) ? variables[variable] : undefined
      if (sent === undefined) missing(variables, into)
      else read(sent, into)
    }
  }
  if (value.kind === Kind.LIST) {
    const items = value.values.map(item => compileInput(types, input, item, path))
    return (variables, into) => {
      for (const item of items) item(variables, into)
    }
  }
  const [next, ...rest] = path
  if (next === undefined) {
    // The text of a number: what an ID is may be longer than a number can be.
    const constant: unknown = 'value' in value ? value.value : valueFromASTUntyped(value)
    return (_, into) => gather(constant, into)
  }
  if (value.kind !== Kind.OBJECT) return () => {}
  const inside = value.fields.find(field => field.name.value === next)?.value
  return compileInput(types, types.inputsOf(input?.type ?? '').get(next), inside, rest)
}

/** Reads a path of a value that was sent as a whole; what it leaves out has its default. */
function readerOf(
  types: ComposedTypes,
  input: ComposedInput | undefined,
  path: readonly string[],
): (value: unknown, into: unknown[]) => void {
  const [next, ...rest] = path
  if (next === undefined) return gather
  const inner = types.inputsOf(input?.type ?? '').get(next)
  const read = readerOf(types, inner, rest)
  const ifMissing = inner?.defaultValue === undefined ? undefined : valueFromASTUntyped(inner.defaultValue)
  return function walk(value, into) {
    if (Array.isArray(value)) for (const item of value) walk(item, into)
    else if (typeof value === 'object' && value !== null) {
      const own = Object.hasOwn(value, next) ? (value as Variables)[next] : undefined
      const found = own === undefined ? ifMissing : own
      if (found !== undefined) read(found, into)
    }
  }
}
