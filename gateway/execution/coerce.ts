import {
  type GraphQLInputObjectType,
  type GraphQLInputType,
  type GraphQLLeafType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
} from 'graphql'

/** Says that a value is not of the plain form: a slower way decides what it is, and what is wrong with it. */
export const UNUSUAL: unique symbol = Symbol('not of the plain form')

/** A raw value → the coerced one, or UNUSUAL. Writes into nothing. */
export type Coerce = (value: unknown) => unknown

/**
 * Compiles the coercion of well-formed values of an input type, the same as graphql-js's `coerceInputValue` makes of
 * them (variables.test.ts holds them equal). Whatever is wrong, or rare, is UNUSUAL.
 */
export function compileCoerce(
  type: GraphQLInputType,
  memo: Map<GraphQLInputType, Coerce> = new Map(),
): Coerce {
  const known = memo.get(type)
  if (known) return known
  // Input types may contain themselves: the entry must be there before its members are compiled.
  let compiled: Coerce = () => UNUSUAL
  memo.set(type, value => compiled(value))
  if (isNonNullType(type)) {
    const coerce = compileCoerce(type.ofType, memo)
    compiled = value => (value === null || value === undefined ? UNUSUAL : coerce(value))
  } else if (isListType(type)) compiled = compileList(compileCoerce(type.ofType, memo))
  else if (isInputObjectType(type)) compiled = compileInputObject(type, memo)
  else compiled = compileLeaf(type)
  memo.set(type, compiled)
  return compiled
}

function compileList(coerceItem: Coerce): Coerce {
  return value => {
    if (value === null) return null
    if (!Array.isArray(value)) return UNUSUAL
    const list = new Array<unknown>(value.length)
    for (let i = 0; i < value.length; i++) {
      const item = coerceItem(value[i])
      if (item === UNUSUAL) return UNUSUAL
      list[i] = item
    }
    return list
  }
}

function compileInputObject(type: GraphQLInputObjectType, memo: Map<GraphQLInputType, Coerce>): Coerce {
  if (type.isOneOf) return () => UNUSUAL
  const fields = Object.values(type.getFields()).map(field => ({
    name: field.name,
    coerce: compileCoerce(field.type, memo),
    isRequired: isNonNullType(field.type),
    defaultValue: field.defaultValue,
  }))
  return value => {
    if (value === null) return null
    if (typeof value !== 'object' || Array.isArray(value)) return UNUSUAL
    const source = value as Readonly<Record<string, unknown>>
    const coerced: Record<string, unknown> = {}
    let taken = 0
    for (const { name, coerce, isRequired, defaultValue } of fields) {
      const given = Object.hasOwn(source, name) ? source[name] : undefined
      if (given === undefined) {
        if (defaultValue !== undefined) coerced[name] = defaultValue
        else if (isRequired) return UNUSUAL
        if (Object.hasOwn(source, name)) taken++
        continue
      }
      taken++
      const item = coerce(given)
      if (item === UNUSUAL) return UNUSUAL
      coerced[name] = item
    }
    return taken === Object.keys(source).length ? coerced : UNUSUAL
  }
}

const INT_MAX = 2_147_483_647
const INT_MIN = -2_147_483_648

function compileLeaf(type: GraphQLLeafType): Coerce {
  if (isEnumType(type)) {
    const values = new Set<unknown>(type.getValues().map(({ name }) => name))
    return value => (value === null || values.has(value) ? value : UNUSUAL)
  }
  return SCALARS[type.name] ?? (value => custom(type, value))
}

const SCALARS: Readonly<Record<string, Coerce>> = {
  Int: value =>
    value === null ||
    (Number.isInteger(value) && (value as number) <= INT_MAX && (value as number) >= INT_MIN)
      ? value
      : UNUSUAL,
  Float: value => (value === null || Number.isFinite(value) ? value : UNUSUAL),
  String: value => (value === null || typeof value === 'string' ? value : UNUSUAL),
  Boolean: value => (value === null || typeof value === 'boolean' ? value : UNUSUAL),
  ID: value => (value === null || typeof value === 'string' ? value : UNUSUAL),
}

function custom(type: GraphQLLeafType, value: unknown): unknown {
  if (value === null) return null
  try {
    const parsed = type.parseValue(value)
    return parsed === undefined ? UNUSUAL : parsed
  } catch {
    return UNUSUAL
  }
}
