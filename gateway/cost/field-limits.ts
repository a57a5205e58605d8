import {
  type GraphQLField,
  type GraphQLSchema,
  getNamedType,
  getNullableType,
  isLeafType,
  isUnionType,
} from 'graphql'
import type { Supergraph } from '../supergraph/supergraph.ts'
import { leafAt } from './field-limits-argument.ts'
import { type DeclaredLimit, declaredLimits } from './field-limits-declared.ts'
import { leastPoints } from './field-limits-least.ts'

/** Points of a field's own cost that flow in at `perSecond`, up to `burst`. */
export interface LimitRate {
  readonly perSecond: number
  readonly burst: number
}

/** Whose points they are: those of all gateways together, or each caller's. */
export type LimitPer = 'FLEET' | 'CALLER'

/** What becomes of who asks for more: a kept place, or a refusal. */
export type LimitOver = 'PLACE' | 'REFUSE'

/** A `@costLimit` of a root field. */
export interface FieldLimit {
  /** Such as `Mutation.claimCoupon`. */
  readonly coordinate: string
  readonly per: LimitPer
  readonly over: LimitOver
  /** The path of the argument each value of which has a limit to itself, such as `input.campaignId`. */
  readonly by: string | undefined
  /** The name of the persisted operation that tells how a line of the field stands. */
  readonly status: string | undefined
  /** As declared. */
  readonly rate: LimitRate
  /** The least that the field can cost: no smaller burst would ever admit it. */
  readonly pointsMin: number
  /** Coordinate, `by` and `per` in one word: no two limits of a supergraph have the same. */
  readonly id: string
}

/** Every limit of a supergraph. */
export interface FieldLimits {
  readonly all: readonly FieldLimit[]
  /** That of their fields and arguments. */
  readonly apiSchema: GraphQLSchema
}

export interface FieldLimitOptions {
  /** Members that a list without a known size counts for. Default 100. */
  readonly listSizeDefault?: number
}

const LIST_SIZE = 100

/** Within these, all instants of a bucket's schedule are exact numbers of milliseconds. */
const PER_SECOND_MIN = 0.001
const POINTS_MAX = 1e9

/** The type that stands for a place in a union of outcomes. */
const KEPT_PLACE = 'KeptPlace'

/**
 * Reads `@costLimit` from a supergraph, under whichever name it is linked. Of several copies with the same `per` and
 * `by`, which subgraphs that share a field may give, the strictest holds. A field that no client can ask for has none.
 *
 * @throws Error naming every limit that is wrong, with what was expected and got: on a field that is no root field, of
 * rates that are not positive, with a burst that the field alone exceeds, of a value that costs nothing, with `over: PLACE` where the field's union has
 * no KeptPlace, `by` what is no argument, with a `status` of a caller's.
 */
export function readFieldLimits(
  supergraph: Pick<Supergraph, 'sdl' | 'apiSchema'>,
  { listSizeDefault = LIST_SIZE }: FieldLimitOptions = {},
): FieldLimits {
  const { sdl, apiSchema } = supergraph
  const problems: string[] = []
  const limits = new Map<string, FieldLimit>()
  // Subscriptions are not served.
  const roots = [apiSchema.getQueryType(), apiSchema.getMutationType()]
  for (const declared of declaredLimits(sdl)) {
    const { typename, field, where } = declared
    const root = roots.find(type => type?.name === typename)
    if (!root) {
      problems.push(`${where}: expected a field of Query or Mutation, got one of ${typename}`)
      continue
    }
    const definition = root.getFields()[field]
    if (definition === undefined) continue
    const limit = limitOf(declared, leastPoints(supergraph, root, definition, listSizeDefault))
    const other = limits.get(limit.id)
    const found = problemsOf(limit, definition, other)
    problems.push(...found.map(problem => `${where}: ${problem}`))
    limits.set(limit.id, other === undefined ? limit : strictest(other, limit))
  }
  if (problems.length > 0) throw new Error(problems.join('\n'))
  return { all: [...limits.values()], apiSchema }
}

/** What is wrong with a rate for a field; `undefined`: nothing. An operator's are held to the same as declared ones. */
export function problemOfRate({ perSecond, burst }: LimitRate, pointsMin: number): string | undefined {
  if (!(perSecond >= PER_SECOND_MIN && perSecond <= POINTS_MAX))
    return `expected perSecond to be a number from ${PER_SECOND_MIN} to ${POINTS_MAX}, got ${perSecond}`
  if (!(burst > 0 && burst <= POINTS_MAX))
    return `expected burst to be a positive number up to ${POINTS_MAX}, got ${burst}`
  if (burst < pointsMin)
    return `expected burst to be at least ${pointsMin}, the least points that the field costs, got ${burst}`
  return undefined
}

function limitOf(declared: DeclaredLimit, pointsMin: number): FieldLimit {
  const { typename, field, perSecond, burst, per, over, by, status } = declared
  const coordinate = `${typename}.${field}`
  return {
    coordinate,
    per: per as LimitPer,
    over: over as LimitOver,
    by,
    status,
    rate: Object.freeze({ perSecond, burst }),
    pointsMin,
    id: `${coordinate}${by === undefined ? '' : `:${by}`}${per === 'CALLER' ? '@' : ''}`,
  }
}

/** @param other a copy of the limit. */
function problemsOf(
  { rate, pointsMin, per, over, by, status }: FieldLimit,
  definition: GraphQLField<unknown, unknown>,
  other: FieldLimit | undefined,
): string[] {
  const leaf = by === undefined ? undefined : leafAt(definition.args, by)
  return [
    problemOfRate(rate, pointsMin),
    ['FLEET', 'CALLER'].includes(per) ? undefined : `expected per to be FLEET or CALLER, got ${per}`,
    ['PLACE', 'REFUSE'].includes(over) ? undefined : `expected over to be PLACE or REFUSE, got ${over}`,
    over === 'PLACE' ? problemOfPlace(definition) : undefined,
    // A list may be asked for with no members; a value that is free would be free however often it is asked for.
    pointsMin === 0 && isLeafType(getNullableType(definition.type))
      ? 'expected a field that costs points however it is asked for, such as by @cost, got one that may cost none'
      : undefined,
    typeof leaf === 'string' ? leaf : undefined,
    // A line is the whole fleet's.
    status !== undefined && per === 'CALLER' ? 'expected status beside per: FLEET, got CALLER' : undefined,
    other !== undefined && other.status !== status
      ? `expected the same status as in its other copy, ${other.status}, got ${status}`
      : undefined,
  ].filter(problem => problem !== undefined)
}

function problemOfPlace({ type }: GraphQLField<unknown, unknown>): string | undefined {
  const outcome = getNamedType(type)
  const hasPlace = isUnionType(outcome) && outcome.getTypes().some(({ name }) => name === KEPT_PLACE)
  return hasPlace
    ? undefined
    : `expected over: PLACE on a field of a union with the member ${KEPT_PLACE}, got ${outcome}`
}

function strictest(a: FieldLimit, b: FieldLimit): FieldLimit {
  return {
    ...a,
    over: a.over === 'REFUSE' ? 'REFUSE' : b.over,
    rate: Object.freeze({
      perSecond: Math.min(a.rate.perSecond, b.rate.perSecond),
      burst: Math.min(a.rate.burst, b.rate.burst),
    }),
  }
}
