import fc from 'fast-check'
import {
  type GraphQLArgument,
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
  isObjectType,
  parse,
  validate,
} from 'graphql'

/** A description of an operation on any schema; numbers choose among what is possible where they are read. */
export interface OperationShape {
  readonly mutation: boolean
  readonly selections: readonly SelectionShape[]
}

export interface SelectionShape {
  /** Up to 5 a field, then fragments, then `__typename` or introspection. */
  readonly form: number
  readonly pick: number
  readonly alias: number
  readonly condition: number
  readonly args: readonly number[]
  readonly selections: readonly SelectionShape[]
}

export interface RandomOperation {
  readonly text: string
  readonly variables: Record<string, unknown>
}

const DEPTH = 4

function selection(depth: number): fc.Arbitrary<SelectionShape> {
  return fc.record({
    form: fc.nat(9),
    pick: fc.nat(59),
    alias: fc.nat(15),
    condition: fc.nat(31),
    args: fc.array(fc.nat(59), { maxLength: 6, size: 'max' }),
    selections: depth === 0 ? fc.constant([]) : fc.array(selection(depth - 1), { maxLength: 3, size: 'max' }),
  })
}

export const operationShape: fc.Arbitrary<OperationShape> = fc.record({
  mutation: fc.integer({ min: 0, max: 3 }).map(n => n === 3),
  selections: fc.array(selection(DEPTH), { minLength: 1, maxLength: 4, size: 'max' }),
})

/**
 * The operation on a schema: valid, since aliases that make it invalid are left out. Its variables may carry names that
 * planners use themselves; some are left to their defaults or given as null.
 */
export function operationOf(schema: GraphQLSchema, shape: OperationShape): RandomOperation {
  const bold = render(schema, shape, true)
  return validate(schema, parse(bold.text)).length === 0 ? bold : render(schema, shape, false)
}

const VARIABLE_NAMES = ['representations', '__batch_reps_0', 'toString'] as const

function render(schema: GraphQLSchema, shape: OperationShape, bold: boolean): RandomOperation {
  const variables: Record<string, unknown> = {}
  const definitions = new Map<string, string>()
  const fragments: string[] = []
  const conditions = new Map<boolean, string>()

  function variable(type: string, value: unknown, choice: number): string {
    const planners = VARIABLE_NAMES[choice % 12]
    const name = planners === undefined || definitions.has(planners) ? `v${definitions.size}` : planners
    const nullable = !type.endsWith('!')
    if (value === undefined && !nullable) throw new Error(`Expected a value for ${type}`)
    const byDefault = value !== undefined && value !== null && choice % 5 === 4
    definitions.set(name, `$${name}: ${type}${byDefault ? ` = ${literal(value)}` : ''}`)
    if (!byDefault && value !== undefined) variables[name] = JSON.parse(JSON.stringify(value))
    return `$${name}`
  }

  function conditionOf(choice: number): string {
    if (choice < 24) return ''
    const directive = choice % 2 === 0 ? 'include' : 'skip'
    const value = choice < 30 ? directive === 'include' : directive === 'skip'
    return ` @${directive}(if: ${choice % 4 < 2 ? value : conditionVariable(value)})`
  }

  /** One variable for true, one for false: an operation has a plan for every combination of such values. */
  function conditionVariable(value: boolean): string {
    const known = conditions.get(value)
    if (known !== undefined) return known
    const name = variable('Boolean!', value, conditions.size)
    conditions.set(value, name)
    return name
  }

  function argumentValue(type: GraphQLInputType, choice: number, depth: number): unknown {
    if (isNonNullType(type)) return argumentValue(type.ofType, choice % 6 === 5 ? 0 : choice, depth)
    if (choice % 6 === 5) return null
    if (isListType(type))
      return Array.from({ length: choice % 3 }, (_, i) => argumentValue(type.ofType, choice + i, depth))
    if (isInputObjectType(type)) {
      const entries = Object.values(type.getFields())
        .filter((_, i) => depth < 3 && (choice >> i) % 2 === 1)
        .map((field, i): [string, unknown] => [
          field.name,
          argumentValue(field.type, choice >> (i + 1), depth + 1),
        ])
      return Object.fromEntries(entries)
    }
    if (isEnumType(type)) return new EnumValue(type.getValues()[choice % type.getValues().length]!.name)
    if (type.name === 'Int') return choice % 4
    if (type.name === 'Boolean') return choice % 2 === 1
    return ['CNY', 'EUR', 'x"\\ü'][choice % 3]
  }

  function argumentsOf(field: GraphQLField<unknown, unknown>, choices: readonly number[]): string[] {
    return field.args.flatMap((argument: GraphQLArgument, i) => {
      const choice = choices[i]
      if (choice === undefined && !isNonNullType(argument.type)) return []
      const how = (choice ?? 0) % 4
      const value = argumentValue(argument.type, (choice ?? 0) >> 2, 0)
      const asVariable = (): string => variable(String(argument.type), value, choice ?? 0)
      if (how === 1) return [`${argument.name}: ${asVariable()}`]
      if (how === 2 && !isNonNullType(argument.type))
        return [`${argument.name}: ${variable(String(argument.type), undefined, choice ?? 0)}`]
      if (how === 3 && isInputObjectType(argument.type) && value !== null)
        return [`${argument.name}: { a: ${variable('Int', (choice ?? 0) % 7, choice ?? 0)}, c: { b: [X] } }`]
      return [`${argument.name}: ${literal(value)}`]
    })
  }

  function fieldOf(
    field: GraphQLField<unknown, unknown>,
    siblings: readonly string[],
    given: SelectionShape,
  ): string {
    const args = argumentsOf(field, given.args)
    // A key of its own per combination of arguments keeps most operations valid.
    const own = args.length > 0 ? `${field.name}${args.join('').replace(/\W/g, '_')}` : undefined
    const clashing =
      given.alias === 15
        ? siblings[given.pick % siblings.length]
        : given.alias === 14
          ? ['id', '__typename', 'valueOf', '_a_name', '_r0_id', 'name'][given.pick % 6]
          : given.alias >= 12
            ? `x${given.pick % 3}`
            : undefined
    const alias = bold ? (clashing ?? own) : own
    const type = getNamedType(field.type)
    const inner = isCompositeType(type) ? ` ${setOf(type, given.selections)}` : ''
    return `${alias === undefined || alias === field.name ? '' : `${alias}: `}${field.name}${args.length > 0 ? `(${args.join(', ')})` : ''}${conditionOf(given.condition)}${inner}`
  }

  function setOf(type: GraphQLCompositeType, given: readonly SelectionShape[]): string {
    const parts = given.map(one => selectionOf(type, one))
    return `{ ${parts.length > 0 ? parts.join(' ') : leafOf(type)} }`
  }

  function leafOf(type: GraphQLCompositeType): string {
    const [leaf] = fieldsOf(type).filter(
      ({ type: of, args }) => !isCompositeType(getNamedType(of)) && args.length === 0,
    )
    return leaf?.name ?? '__typename'
  }

  function selectionOf(type: GraphQLCompositeType, given: SelectionShape): string {
    const fields = fieldsOf(type)
    if (given.form === 9) return extraOf(type, given)
    if (given.form > 6 || (given.form > 3 && isAbstractType(type))) return fragmentOf(type, given)
    const wanted = given.selections.length > 0
    const fitting = fields.filter(field => isCompositeType(getNamedType(field.type)) === wanted)
    const from = fitting.length > 0 ? fitting : fields
    if (from.length === 0) return fragmentOf(type, given)
    return fieldOf(
      from[given.pick % from.length]!,
      fields.map(({ name }) => name),
      given,
    )
  }

  function extraOf(type: GraphQLCompositeType, given: SelectionShape): string {
    const root = type === schema.getQueryType()
    if (root && given.pick % 3 === 1) return `__schema${conditionOf(given.condition)} { queryType { name } }`
    if (root && given.pick % 3 === 2)
      return `type${definitions.size}: __type(name: ${variable('String!', given.alias > 8 ? 'T0' : 'Nope', given.pick)}) { kind name }`
    return `${given.alias > 7 && bold ? `${['kind', 'id', 'name'][given.pick % 3]}: ` : ''}__typename${conditionOf(given.condition)}`
  }

  function fragmentOf(parent: GraphQLCompositeType, given: SelectionShape): string {
    const narrower = isAbstractType(parent) ? schema.getPossibleTypes(parent) : [parent]
    const wider = Object.values(schema.getTypeMap()).filter(
      other => isAbstractType(other) && narrower.some(object => schema.isSubType(other, object)),
    ) as GraphQLCompositeType[]
    const types = [...new Set([...narrower, ...wider])]
    const type = types[given.pick % types.length]!
    const condition = conditionOf(given.condition)
    if (given.alias % 3 === 1 && type === parent) return `...${condition} ${setOf(type, given.selections)}`
    if (given.alias % 3 !== 2) return `... on ${type.name}${condition} ${setOf(type, given.selections)}`
    const name = `F${fragments.length}`
    fragments.push('')
    fragments[Number(name.slice(1))] = `fragment ${name} on ${type.name} ${setOf(type, given.selections)}`
    // Spread twice now and then.
    return given.alias === 2 ? `...${name}${condition} ...${name}` : `...${name}${condition}`
  }

  const mutation = shape.mutation ? schema.getMutationType() : undefined
  const body = setOf(mutation ?? schema.getQueryType()!, shape.selections)
  const head = definitions.size > 0 ? ` (${[...definitions.values()].join(', ')})` : ''
  return {
    text: [`${mutation ? 'mutation' : 'query'}${head} ${body}`, ...fragments].join('\n'),
    variables,
  }
}

class EnumValue {
  readonly name: string
  constructor(name: string) {
    this.name = name
  }
  toJSON(): string {
    return this.name
  }
}

/** A value in GraphQL's own words. */
function literal(value: unknown): string {
  if (value instanceof EnumValue) return value.name
  if (Array.isArray(value)) return `[${value.map(literal).join(', ')}]`
  if (value !== null && typeof value === 'object')
    return `{${Object.entries(value)
      .map(([name, inner]) => `${name}: ${literal(inner)}`)
      .join(', ')}}`
  return JSON.stringify(value)
}

function fieldsOf(type: GraphQLCompositeType): GraphQLField<unknown, unknown>[] {
  return isObjectType(type) || 'getFields' in type ? Object.values(type.getFields()) : []
}
