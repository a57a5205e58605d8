import type { InputSchema, JsonSchema } from './input-schema.ts'

/**
 * What is wrong with a tool's arguments at first sight, in the tool's own terms: unknown ones, missing ones, one of
 * another type. `undefined`: nothing; what is nested, and each scalar's own rules, the operation's variables are held to.
 */
export function wrongArguments(
  { properties, required }: InputSchema,
  args: Readonly<Record<string, unknown>>,
): string | undefined {
  const unknown = Object.keys(args).filter(name => !Object.hasOwn(properties, name))
  if (unknown.length > 0) {
    const known = Object.keys(properties).join(', ') || 'none'
    return `expected the arguments ${known}, got ${unknown.join(', ').slice(0, 200)}`
  }
  const missing = required.filter(name => args[name] === undefined || args[name] === null)
  if (missing.length > 0)
    return `expected the argument${missing.length === 1 ? '' : 's'} ${missing.join(', ')}`
  for (const [name, value] of Object.entries(args)) {
    const wanted = value === null ? undefined : mismatchOf(properties[name]!, value)
    if (wanted !== undefined) return `expected the argument ${name} to be ${wanted}, got ${shown(value)}`
  }
  return undefined
}

/** The input that takes the token of a kept place. */
const PLACE_TOKEN = 'placeToken'

/** Where a tool takes the token of a place, such as `placeToken` or `input.placeToken`; `undefined`: nowhere. */
export function tokenArgumentOf({ properties }: InputSchema): string | undefined {
  let level = Object.entries(properties)
  while (level.length > 0) {
    const found = level.find(
      ([path, { type }]) => type === 'string' && path.split('.').at(-1) === PLACE_TOKEN,
    )
    if (found !== undefined) return found[0]
    level = level.flatMap(([path, { properties: inner }]) =>
      Object.entries(inner ?? {}).map(([name, schema]): [string, JsonSchema] => [`${path}.${name}`, schema]),
    )
  }
  return undefined
}

/** What nests deeper than can be written is named by its kind. */
function shown(value: unknown): string {
  try {
    return JSON.stringify(value).slice(0, 64)
  } catch {
    return Array.isArray(value) ? 'an array' : 'an object'
  }
}

/** What was wanted in place of `value`; `undefined` when it may be right. */
function mismatchOf({ type, enum: values }: JsonSchema, value: unknown): string | undefined {
  if (values !== undefined)
    return values.includes(value as string) ? undefined : `one of ${values.join(', ')}`
  switch (type) {
    case 'string':
      // An ID may be written as a whole number.
      return typeof value === 'string' || Number.isInteger(value) ? undefined : 'a string'
    case 'integer':
      return Number.isInteger(value) ? undefined : 'a whole number'
    case 'number':
      return typeof value === 'number' ? undefined : 'a number'
    case 'boolean':
      return typeof value === 'boolean' ? undefined : 'true or false'
    case 'object':
      return typeof value === 'object' && !Array.isArray(value) ? undefined : 'an object'
    default:
      // One value stands for a list of one.
      return undefined
  }
}
