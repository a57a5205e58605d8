import { Kind, type ValueNode } from 'graphql'
import { Fault } from '../../protocol/fault.ts'
import { readVariable, type Term, type Variables } from './terms.ts'
import type { FieldWeights, InputWeights, ListSize, SlicingPath, Weights } from './weight-model.ts'

/** Where nothing tells a size. */
export const NO_SIZE = -1

/** How an operation names its variables. */
export interface Source {
  readonly weights: Weights
  /** The name under which a variable of the text is found among a request's. */
  readonly variable: (name: string) => string
  /** Whether who gives not exactly one slicing argument, where one is required, is refused. */
  readonly isStrict: boolean
}

/**
 * The size that a field's `@listSize` leads to expect; {@link NO_SIZE} when it says nothing.
 * @param given the argument's value as written; `undefined`: it is not.
 * @returns a term that throws Fault COST_INVALID_SLICING_ARGUMENTS.
 */
export function expectedSize(
  listSize: ListSize,
  field: FieldWeights,
  given: (name: string) => ValueNode | undefined,
  source: Source,
): Term {
  const assumed = listSize.assumedSize ?? NO_SIZE
  if (listSize.slicing.length === 0) return assumed
  const requiresOne = listSize.requiresOne && source.isStrict
  const sizes = listSize.slicing.map(path => {
    const [name, ...rest] = path.segments
    return sizeAt(given(name!), field.arguments.get(name!)!, rest, path, source)
  })
  const refuse = (count: number): never => refuseSlicing(field, listSize, count)
  const [only] = sizes
  if (sizes.length === 1 && typeof only === 'function')
    return variables => {
      const size = only(variables)
      return size >= 0 ? size : requiresOne ? refuse(0) : assumed
    }
  const largest = (variables: Variables): number => {
    let count = 0
    let size = NO_SIZE
    for (let i = 0; i < sizes.length; i++) {
      const term = sizes[i]!
      const found = typeof term === 'number' ? term : term(variables)
      if (found < 0) continue
      count++
      if (found > size) size = found
    }
    if (requiresOne && count !== 1) refuse(count)
    return size >= 0 ? size : assumed
  }
  if (sizes.some(size => typeof size === 'function')) return largest
  // Refusals are for requests: an operation may be right where its field is left out.
  const isWrong = requiresOne && sizes.filter(size => (size as number) >= 0).length !== 1
  return isWrong ? largest : largest({})
}

function refuseSlicing({ coordinate }: FieldWeights, { slicing }: ListSize, count: number): never {
  const names = slicing.map(({ text }) => text).join(', ')
  throw new Fault(
    'COST_INVALID_SLICING_ARGUMENTS',
    `Expected exactly one slicing argument of ${coordinate} (${names}), got ${count}`,
  )
}

/** The largest of the sizes. */
export function largestOf(sizes: readonly Term[]): Term {
  const dynamic = sizes.filter(size => typeof size === 'function')
  const constant = Math.max(NO_SIZE, ...sizes.filter(size => typeof size === 'number'))
  if (dynamic.length === 0) return constant
  const [only] = dynamic
  if (dynamic.length === 1 && constant === NO_SIZE) return only!
  return variables => {
    let largest = constant
    for (let i = 0; i < dynamic.length; i++) largest = Math.max(largest, dynamic[i]!(variables))
    return largest
  }
}

/** The first that tells a size. */
export function firstOf(first: Term, second: Term): Term {
  if (typeof first === 'number') return first >= 0 ? first : second
  return variables => {
    const size = first(variables)
    return size >= 0 ? size : typeof second === 'number' ? second : second(variables)
  }
}

/** The size found at the end of a path, whose `rest` leads on from `input`. */
function sizeAt(
  value: ValueNode | undefined,
  input: InputWeights,
  rest: readonly string[],
  path: SlicingPath,
  source: Source,
): Term {
  if (value === undefined)
    return input.defaultValue === undefined ? NO_SIZE : sizeAt(input.defaultValue, input, rest, path, source)
  if (value.kind === Kind.VARIABLE) {
    const fallback = sizeAt(undefined, input, rest, path, source)
    return sizeOfVariable(source.variable(value.name.value), fallback, rest, path)
  }
  if (value.kind === Kind.NULL) return NO_SIZE
  const [name, ...beyond] = rest
  if (name !== undefined) {
    const field = source.weights.types.get(input.typename)?.inputs.get(name)
    if (value.kind !== Kind.OBJECT || field === undefined) return NO_SIZE
    const given = value.fields.find(candidate => candidate.name.value === name)?.value
    return sizeAt(given, field, beyond, path, source)
  }
  // A single value stands for a list of one.
  if (path.takes === 'length') return value.kind === Kind.LIST ? value.values.length : 1
  return value.kind === Kind.INT ? Math.max(0, Number(value.value)) : NO_SIZE
}

function sizeOfVariable(
  name: string,
  fallback: Term,
  rest: readonly string[],
  { takes }: SlicingPath,
): (variables: Variables) => number {
  const read = readVariable(name)
  const sizeOf =
    takes === 'length'
      ? (value: unknown): number => (Array.isArray(value) ? value.length : NO_SIZE)
      : // Less than nothing is nothing: a negative size must never pay for something else.
        (value: unknown): number => (typeof value === 'number' ? (value > 0 ? value : 0) : NO_SIZE)
  if (rest.length === 0)
    return variables => {
      const value = read(variables)
      if (value === undefined) return typeof fallback === 'number' ? fallback : fallback(variables)
      return sizeOf(value)
    }
  return variables => {
    let value = read(variables)
    if (value === undefined) return typeof fallback === 'number' ? fallback : fallback(variables)
    for (let i = 0; i < rest.length; i++) {
      if (value === null || typeof value !== 'object') return NO_SIZE
      value = (value as Variables)[rest[i]!]
    }
    return sizeOf(value)
  }
}
