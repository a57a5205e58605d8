import { createHash } from 'node:crypto'
import type { FieldNode } from 'graphql'
import type { FieldLimit, FieldLimits } from './field-limits.ts'
import { compileArgument, type ReadArgument } from './field-limits-argument.ts'

/** Coerced. */
type Variables = Readonly<Record<string, unknown>>

/** A limit on one root field of an operation. The field asked for twice, under two names, is two of them. */
export interface CompiledLimit {
  readonly limit: FieldLimit
  /** The field's place in the operation's estimate, `Estimate.roots`. */
  readonly index: number
  /**
   * The bucket that a request draws on, at most 200 characters of ASCII: `Mutation.claimCoupon:input.campaignId=spring`
   * of the fleet, the same and `@shopper:alice` of a caller. Values that are long or have other characters are hashed.
   * @param whose how the caller is known.
   */
  keyOf(variables: Variables, whose: string): string
  /** The value that the limit is kept by; `undefined` where it is by none. */
  readValue: ReadArgument
}

/** What a limit needs to know of a root field that an operation selects. */
export interface SelectedRoot {
  readonly field: FieldNode
  readonly typename: string
  readonly name: string
}

/** With a value and a caller of 64 and 72 characters, 198 in all. */
const PREFIX_CHARACTERS_MAX = 60
const VALUE = /^[\w.:/-]{1,64}$/
const WHOSE = /^[\w.:/-]{1,72}$/

/** @param roots in the order of the operation's estimate. */
export function compileLimits(
  { all, apiSchema }: FieldLimits,
  roots: readonly SelectedRoot[],
): readonly CompiledLimit[] | undefined {
  if (all.length === 0) return undefined
  const compiled = roots.flatMap(({ field, typename, name }, index) => {
    const coordinate = `${typename}.${name}`
    return all
      .filter(limit => limit.coordinate === coordinate)
      .map(limit => {
        const type = [apiSchema.getQueryType(), apiSchema.getMutationType()].find(
          root => root?.name === typename,
        )
        const definition = type?.getFields()[name]
        const readValue =
          limit.by === undefined || definition === undefined
            ? () => undefined
            : compileArgument(definition.args, field, limit.by)
        return { limit, index, keyOf: compileKey(limit, readValue), readValue }
      })
  })
  return compiled.length === 0 ? undefined : compiled
}

function compileKey({ coordinate, by, per }: FieldLimit, readValue: ReadArgument): CompiledLimit['keyOf'] {
  const scope = by === undefined ? coordinate : `${coordinate}:${by}`
  const prefix = scope.length <= PREFIX_CHARACTERS_MAX ? scope : hashed(scope)
  const lineOf = by === undefined ? () => prefix : rememberLast(value => `${prefix}=${partOf(value, VALUE)}`)
  return per === 'FLEET'
    ? variables => lineOf(readValue(variables))
    : (variables, whose) => `${lineOf(readValue(variables))}@${partOf(whose, WHOSE)}`
}

/** A crowd asks for one value: the same string is found in a Map without its characters being looked at. */
function rememberLast(make: (value: unknown) => string): (value: unknown) => string {
  let last: unknown
  let made = make(last)
  return value => {
    if (value !== last) {
      made = make(value)
      last = value
    }
    return made
  }
}

/** No two values give the same part: what is hashed begins with a character that plain ones never have. */
function partOf(value: unknown, plain: RegExp): string {
  if (value === undefined || value === null) return '#'
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value)
  return plain.test(text) ? text : hashed(text)
}

const hashed = (text: string): string =>
  `#${createHash('sha256').update(text).digest('base64url').slice(0, 22)}`
