import { GraphQLScalarType, Kind, type ValueNode } from 'graphql'
import { Fault } from '../protocol/fault.ts'

/** `Fen`: a safe integer, JSON number. Refuses fractions, strings and anything beyond 2^53-1. */
export const Fen: GraphQLScalarType<number, number> = new GraphQLScalarType({
  name: 'Fen',
  serialize: asFen,
  parseValue: asFen,
  parseLiteral: node =>
    node.kind === Kind.INT ? asFen(Number(node.value)) : refuse('Fen', 'an integer', node),
})

/** `DateTime`: an instant; a `Date` inside, RFC 3339 in UTC with milliseconds outside. A time zone is required. */
export const DateTime: GraphQLScalarType<Date, string> = new GraphQLScalarType({
  name: 'DateTime',
  serialize: value => (value instanceof Date ? value : asInstant(value)).toISOString(),
  parseValue: asInstant,
  parseLiteral: node =>
    node.kind === Kind.STRING ? asInstant(node.value) : refuse('DateTime', RFC_3339, node),
})

const RFC_3339 = 'an RFC 3339 instant such as 2027-02-28T16:00:00.000Z'
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/

function asFen(value: unknown): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) {
    throw new Fault('BAD_INPUT', `Fen expects an integer within ±(2^53-1), got ${show(value)}`)
  }
  return value
}

function asInstant(value: unknown): Date {
  const instant = typeof value === 'string' && INSTANT.test(value) ? new Date(value) : undefined
  if (instant === undefined || Number.isNaN(instant.getTime())) {
    throw new Fault('BAD_INPUT', `DateTime expects ${RFC_3339}, got ${show(value)}`)
  }
  return instant
}

function refuse(scalar: string, expected: string, node: ValueNode): never {
  throw new Fault('BAD_INPUT', `${scalar} expects ${expected}, got a ${node.kind}`)
}

const show = (value: unknown): string => (JSON.stringify(value) ?? String(value)).slice(0, 64)
