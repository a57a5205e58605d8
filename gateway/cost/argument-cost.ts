import { type ArgumentNode, Kind, type OperationDefinitionNode, type ValueNode } from 'graphql'
import type { Source } from './expected-size.ts'
import { readVariable, sumOf, type Term } from './terms.ts'
import type { FieldWeights, InputWeights, Weights } from './weight-model.ts'

/**
 * What a field's arguments cost: an input object 1 or its `@cost`, and its fields; a list its `@cost`, and its items; a
 * scalar or enum its `@cost`. Null, and what is not given, costs nothing.
 *
 * @param required names of variables that are never null.
 */
export function argumentsCost(
  given: readonly ArgumentNode[] | undefined,
  field: FieldWeights,
  required: ReadonlySet<string>,
  source: Source,
): Term {
  if (given === undefined || given.length === 0) return 0
  return sumOf(
    given.map(({ name, value }) => {
      const input = field.arguments.get(name.value)
      return input === undefined ? 0 : writtenCost(value, input, input.listDepth, required, source)
    }),
  )
}

/** Names of the variables that an operation never takes null for. */
export function requiredVariables(operation: OperationDefinitionNode): ReadonlySet<string> {
  return new Set(
    (operation.variableDefinitions ?? [])
      .filter(({ type }) => type.kind === Kind.NON_NULL_TYPE)
      .map(({ variable }) => variable.name.value),
  )
}

function writtenCost(
  value: ValueNode,
  input: InputWeights,
  listDepth: number,
  required: ReadonlySet<string>,
  source: Source,
): Term {
  if (value.kind === Kind.NULL) return 0
  if (value.kind === Kind.VARIABLE) {
    const cost = costsOf(source.weights).of(input, listDepth)
    if (cost === 0 || (typeof cost === 'number' && required.has(value.name.value))) return cost
    const read = readVariable(source.variable(value.name.value))
    return variables => costOfValue(cost, read(variables))
  }
  if (listDepth > 0) {
    // A single value stands for a list of one.
    const items = value.kind === Kind.LIST ? value.values : [value]
    return sumOf([
      input.cost ?? 0,
      ...items.map(item => writtenCost(item, input, listDepth - 1, required, source)),
    ])
  }
  const type = source.weights.types.get(input.typename)
  if (type?.kind !== 'input') return input.cost ?? 0
  return sumOf([
    input.cost ?? 1,
    ...(value.kind === Kind.OBJECT ? value.fields : []).map(({ name, value: inner }) => {
      const field = type.inputs.get(name.value)
      return field === undefined ? 0 : writtenCost(inner, field, field.listDepth, required, source)
    }),
  ])
}

/** Of a value that is there: always the same, or by what it is. */
type ValueCost = number | ((value: unknown) => number)

const costOfValue = (cost: ValueCost, value: unknown): number =>
  value === undefined || value === null ? 0 : typeof cost === 'number' ? cost : cost(value)

/** Costs of coerced values. Input types may contain themselves, so each is compiled once and found by its name. */
class ValueCosts {
  readonly #weights: Weights
  readonly #fields = new Map<string, FieldsCost>()

  constructor(weights: Weights) {
    this.#weights = weights
  }

  of(input: InputWeights, listDepth: number): ValueCost {
    if (listDepth > 0) return listCost(input.cost ?? 0, this.of(input, listDepth - 1))
    if (this.#weights.types.get(input.typename)?.kind !== 'input') return input.cost ?? 0
    const own = input.cost ?? 1
    const fields = this.#fieldsOf(input.typename)
    if (fields.isCompiled && fields.rest.length === 0) return own + fields.constant
    return value => own + fieldsCost(fields, value)
  }

  #fieldsOf(typename: string): FieldsCost {
    const before = this.#fields.get(typename)
    if (before !== undefined) return before
    const fields: FieldsCost = { constant: 0, rest: [], isCompiled: false }
    this.#fields.set(typename, fields)
    for (const [name, input] of this.#weights.types.get(typename)!.inputs) {
      const cost = this.of(input, input.listDepth)
      if (cost === 0) continue
      if (typeof cost === 'number' && input.isRequired) fields.constant += cost
      else fields.rest.push({ name, cost })
    }
    fields.isCompiled = true
    return fields
  }
}

/** What an input object's fields add. */
interface FieldsCost {
  /** Of those that are always there. */
  constant: number
  readonly rest: { readonly name: string; readonly cost: ValueCost }[]
  isCompiled: boolean
}

function fieldsCost({ constant, rest }: FieldsCost, value: unknown): number {
  if (value === null || typeof value !== 'object') return 0
  let sum = constant
  for (let i = 0; i < rest.length; i++) {
    const { name, cost } = rest[i]!
    sum += costOfValue(cost, (value as Readonly<Record<string, unknown>>)[name])
  }
  return sum
}

function listCost(own: number, item: ValueCost): ValueCost {
  if (item === 0) return own
  return value => {
    if (!Array.isArray(value)) return own + costOfValue(item, value)
    let sum = own
    for (let i = 0; i < value.length; i++) sum += costOfValue(item, value[i])
    return sum
  }
}

const known = new WeakMap<Weights, ValueCosts>()

function costsOf(weights: Weights): ValueCosts {
  let costs = known.get(weights)
  if (costs === undefined) known.set(weights, (costs = new ValueCosts(weights)))
  return costs
}
