import { createHash } from 'node:crypto'
import type { FieldNode } from 'graphql'
import type { FieldLimit, FieldLimits, LimitRate } from './field-limits.ts'
import { compileArgument, pathOf, type ReadArgument } from './field-limits-argument.ts'

/** Coerced. */
type Variables = Readonly<Record<string, unknown>>

/** A limit on one root field of an operation. The field asked for twice, under two names, is two of them. */
export interface CompiledLimit {
  readonly limit: FieldLimit
  /** The field's place in the operation's estimate, `Estimate.roots`. */
  readonly index: number
  /**
   * The bucket that a request draws on, at most 194 characters of ASCII: of the fleet
   * `Mutation.claimCoupon:input.campaignId~Xd81sk=spring`, of a caller the same and `@shopper:alice`. What follows the
   * tilde is the tag of the declared rate; where callers get places it is not there. Values that are long or have other
   * characters are hashed.
   * @param whose how the caller is known.
   */
  keyOf(variables: Variables, whose: string): string
  /** The value that the limit is kept by; `undefined` where it is by none. */
  readValue: ReadArgument
  /**
   * What a request shows as the token of a place: the value of the field's argument `placeToken`, or of the nearest field
   * of that name in its input objects, a String. `undefined` where there is none, and of limits whose callers get no places.
   */
  readToken: ReadArgument
}

/** What a limit needs to know of a root field that an operation selects. */
export interface SelectedRoot {
  readonly field: FieldNode
  readonly typename: string
  readonly name: string
}

/** Agents cannot send headers: what they are to give back is part of the input. */
const PLACE_TOKEN = 'placeToken'

/** With a tag of 7, a value of 64 and a caller of 72 characters, 190 in all. */
const PREFIX_CHARACTERS_MAX = 45
const VALUE = /^[\w.:/-]{1,64}$/
const WHOSE = /^[\w.:/-]{1,72}$/

/**
 * A caller's own limits first, then lines, then budgets, of the latter two those of single values before those of all: what
 * is taken of a budget before a refusal may not come back (surge/budgets.ts), what is taken of a line does. Whoever is
 * refused for what is theirs, or is told of a place, must not use up what is everybody's.
 *
 * @param roots in the order of the operation's estimate.
 */
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
        const read = (path: string | undefined): ReadArgument =>
          path === undefined || definition === undefined
            ? () => undefined
            : compileArgument(definition.args, field, path)
        const readValue = read(limit.by)
        const readToken = read(
          limit.over === 'PLACE' && definition ? pathOf(definition.args, PLACE_TOKEN) : undefined,
        )
        return { limit, index, keyOf: compileKey(limit, readValue), readValue, readToken }
      })
  })
  return compiled.length === 0 ? undefined : compiled.sort((a, b) => reachOf(a.limit) - reachOf(b.limit))
}

const reachOf = ({ per, over, by }: FieldLimit): number =>
  (per === 'CALLER' ? 0 : over === 'PLACE' ? 2 : 4) + (by === undefined ? 1 : 0)

/**
 * What a bucket's key has of its rate. A bucket is kept as the instant until which it is reserved: the points of a slow one
 * are hours of a fast one, so a new rate is a new bucket. A line's key has none: who waits in it keeps the place, whatever
 * rate the line has by then, and its schedule of places and its points taken bear the change (surge/lines.ts).
 */
export const rateTag = ({ perSecond, burst }: LimitRate): string =>
  `~${digestOf(`${perSecond}/${burst}`).slice(0, 6)}`

function compileKey(
  { coordinate, by, per, over, rate }: FieldLimit,
  readValue: ReadArgument,
): CompiledLimit['keyOf'] {
  const scope = by === undefined ? coordinate : `${coordinate}:${by}`
  const tag = over === 'PLACE' ? '' : rateTag(rate)
  const prefix = (scope.length <= PREFIX_CHARACTERS_MAX ? scope : hashed(scope)) + tag
  const lineOf = by === undefined ? () => prefix : rememberLast(value => `${prefix}=${partOf(value, VALUE)}`)
  return per === 'FLEET'
    ? variables => lineOf(readValue(variables))
    : (variables, whose) => `${lineOf(readValue(variables))}@${partOf(whose, WHOSE)}`
}

/**
 * A crowd asks for one value: the same string is found in a Map without its characters being looked at. What would take
 * room is not remembered: it would stay for as long as the operation is kept.
 */
function rememberLast(make: (value: unknown) => string): (value: unknown) => string {
  let last: unknown
  let made = make(last)
  return value => {
    if (value === last) return made
    const key = make(value)
    if (typeof value === 'object' || (typeof value === 'string' && !VALUE.test(value))) return key
    last = value
    made = key
    return key
  }
}

/** No two values give the same part: what is hashed begins with a character that plain ones never have. */
function partOf(value: unknown, plain: RegExp): string {
  if (value === undefined || value === null) return '#'
  const text = typeof value === 'object' ? JSON.stringify(value, sorted) : String(value)
  return plain.test(text) ? text : hashed(text)
}

/** Members in one order: who writes them in another asks for the same. */
function sorted(_: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  const members = Object.entries(value)
  return Object.fromEntries(members.sort(([a], [b]) => (a < b ? -1 : 1)))
}

const hashed = (text: string): string => `#${digestOf(text).slice(0, 22)}`

const digestOf = (text: string): string => createHash('sha256').update(text).digest('base64url')
