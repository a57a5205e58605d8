import {
  type GraphQLCompositeType,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLSchema,
  getNamedType,
  isAbstractType,
  isCompositeType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isUnionType,
} from 'graphql'
import type { Choices } from './choices.ts'

export interface RandomRequest {
  readonly text: string
  /** Raw: some are left to their defaults. */
  readonly variables: Readonly<Record<string, unknown>>
}

const DEPTH = 3

/** A valid operation with aliases, conditions, fragments spread more than once, and variables wherever values may stand. */
export function randomRequest(schema: GraphQLSchema, choices: Choices): RandomRequest {
  const variables: Record<string, unknown> = {}
  const definitions: string[] = []
  const fragments: string[] = []
  let aliases = 0

  function variable(type: string, value: unknown, fallback?: string): string {
    const name = choices.chance(1, 20) && definitions.length === 0 ? 'toString' : `v${definitions.length}`
    definitions.push(`$${name}: ${type}${fallback === undefined ? '' : ` = ${fallback}`}`)
    if (value !== undefined) variables[name] = value
    return `$${name}`
  }

  function conditions(): string {
    if (!choices.chance(1, 6)) return ''
    const value = choices.chance(1, 2)
    const name = choices.oneOf(['skip', 'include'])
    const form = choices.below(3)
    const given =
      form === 0
        ? String(value)
        : form === 1
          ? variable('Boolean!', value)
          : variable('Boolean', undefined, String(value))
    return ` @${name}(if: ${given})`
  }

  function set(type: GraphQLCompositeType, depth: number): string {
    const selections = ['__typename']
    const all = isUnionType(type) ? [] : Object.values(type.getFields())
    const fields = all.filter(definition => depth > 0 || !isCompositeType(getNamedType(definition.type)))
    for (let i = choices.below(3); i < 3; i++) {
      const form = choices.below(8)
      if (form < 5 && fields.length > 0) {
        const text = field(choices.oneOf(fields), depth)
        selections.push(text)
        // The same once more merges in the answer and counts twice in the estimate.
        if (choices.chance(1, 10)) selections.push(text)
      } else if (depth > 0) selections.push(fragment(type, depth))
    }
    return `{ ${selections.join(' ')} }`
  }

  function fragment(type: GraphQLCompositeType, depth: number): string {
    const on = isAbstractType(type) ? choices.oneOf([type, ...schema.getPossibleTypes(type)]) : type
    const body = set(on, depth - 1)
    if (choices.chance(1, 2))
      return `...${choices.chance(1, 3) && on === type ? '' : ` on ${on.name}`}${conditions()} ${body}`
    const name = `F${fragments.length}`
    fragments.push(`fragment ${name} on ${on.name} ${body}`)
    const spread = `...${name}${conditions()}`
    return choices.chance(1, 3) ? `${spread} ...${name}${conditions()}` : spread
  }

  function field(definition: GraphQLField<unknown, unknown>, depth: number): string {
    const type = getNamedType(definition.type)
    const args = definition.args.flatMap(argument => {
      const isNeeded = isNonNullType(argument.type) && argument.defaultValue === undefined
      if (!isNeeded && choices.chance(1, 2)) return []
      return [`${argument.name}: ${written(argument.type, isNeeded, 2)}`]
    })
    const given = args.length === 0 ? '' : `(${args.join(' ')})`
    return `k${aliases++}: ${definition.name}${given}${conditions()}${isCompositeType(type) ? ` ${set(type, depth - 1)}` : ''}`
  }

  /** A value where variables may stand, within lists and input objects too. */
  function written(type: GraphQLInputType, isNeeded: boolean, depth: number): string {
    const nullable = isNonNullType(type) ? type.ofType : type
    if (choices.chance(1, 3)) {
      const form = choices.below(isNonNullType(type) ? 3 : 5)
      if (form === 0) return variable(String(type), raw(type, depth))
      if (form === 1) return variable(`${nullable}!`, raw(nullable, depth))
      if (form === 2)
        return variable(
          String(nullable),
          undefined,
          literal(nullable, depth, () => undefined),
        )
      return variable(String(type), form === 3 ? null : undefined)
    }
    if (!isNeeded && !isNonNullType(type) && choices.chance(1, 8)) return 'null'
    return literal(type, depth, inner => written(inner, isNonNullType(inner), depth - 1))
  }

  /** @param member writes what is within; `undefined`: a literal, as defaults must be. */
  function literal(
    type: GraphQLInputType,
    depth: number,
    member: (type: GraphQLInputType) => string | undefined,
  ): string {
    if (isNonNullType(type)) return literal(type.ofType, depth, member)
    const within = (inner: GraphQLInputType): string => member(inner) ?? literal(inner, depth - 1, member)
    if (isListType(type)) {
      const { ofType } = type
      // A single value stands for a list of one; within it variables would be of the list's type.
      if (choices.chance(1, 6)) return literal(ofType, depth - 1, () => undefined)
      return `[${choices.list(depth > 0 ? 3 : 0, () => within(ofType)).join(' ')}]`
    }
    if (isInputObjectType(type)) {
      const fields = Object.values(type.getFields()).filter(() => depth > 0 && choices.chance(1, 2))
      return `{${fields.map(field => `${field.name}: ${within(field.type)}`).join(' ')}}`
    }
    if (isEnumType(type)) return choices.oneOf(['A', 'B'])
    return String(choices.below(9) - 2)
  }

  function raw(type: GraphQLInputType, depth: number): unknown {
    if (isNonNullType(type)) return raw(type.ofType, depth)
    const within = (inner: GraphQLInputType): unknown =>
      !isNonNullType(inner) && choices.chance(1, 8) ? null : raw(inner, depth - 1)
    if (isListType(type)) return choices.list(depth > 0 ? 3 : 0, () => within(type.ofType))
    if (isInputObjectType(type)) {
      const fields = Object.values(type.getFields()).filter(() => depth > 0 && choices.chance(1, 2))
      return Object.fromEntries(fields.map(field => [field.name, within(field.type)]))
    }
    if (isEnumType(type)) return choices.oneOf(['A', 'B'])
    const number = choices.below(9) - 2
    return type.name === 'ID' ? String(number) : number
  }

  const kind = choices.chance(1, 4) ? 'mutation' : 'query'
  const root = kind === 'query' ? schema.getQueryType()! : schema.getMutationType()!
  const body = set(root, DEPTH)
  const head = definitions.length === 0 ? kind : `${kind} Q(${definitions.join(' ')})`
  return { text: [`${head} ${body}`, ...fragments].join('\n'), variables }
}
