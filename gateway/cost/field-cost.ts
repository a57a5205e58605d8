import {
  type FieldNode,
  type FragmentDefinitionNode,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
  type ValueNode,
} from 'graphql'
import { argumentsCost, requiredVariables } from './argument-cost.ts'
import { conditionOf } from './conditions.ts'
import { refuseExpansion } from './expansion.ts'
import { expectedSize, firstOf, largestOf, NO_SIZE, type Source } from './expected-size.ts'
import { both, type Condition, numberOf, pointsOf, sumOf, type Term, when } from './terms.ts'
import type { FieldWeights, SizedFields } from './weight-model.ts'

/** One selected field, compiled. */
export interface FieldTerms {
  readonly responseKey: string
  readonly coordinate: string
  readonly field: FieldNode
  readonly condition: Condition
  readonly weight: number
  readonly count: Term
  readonly arguments: Term
  /** `count × (weight + children) + arguments`, or 0 when the condition does not hold. */
  readonly total: Term
  readonly children: readonly FieldTerms[]
}

export interface CompileFieldsOptions extends Source {
  readonly listSizeDefault: number
}

/** A size on its way down to the lists that it is of. */
interface Sizing {
  readonly size: Term
  /** May reading it refuse the request? */
  readonly refuses: boolean
  readonly fields: SizedFields | undefined
}

const NONE: readonly Sizing[] = []

/** @throws Fault OPERATION_TOO_LARGE */
export function compileFields(
  operation: OperationDefinitionNode,
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
  options: CompileFieldsOptions,
): readonly FieldTerms[] {
  refuseExpansion(operation, fragments)
  const { weights, listSizeDefault } = options
  const required = requiredVariables(operation)

  function fieldsOf(
    set: SelectionSetNode,
    typename: string,
    condition: Condition,
    parent: readonly Sizing[],
    inherited: readonly Sizing[],
    into: FieldTerms[] = [],
  ): FieldTerms[] {
    for (const selection of set.selections) {
      const own = both(condition, conditionOf(selection.directives))
      if (selection.kind === Kind.FIELD) {
        into.push(fieldOf(selection, typename, own, parent, inherited))
        continue
      }
      const fragment =
        selection.kind === Kind.FRAGMENT_SPREAD ? fragments.get(selection.name.value) : selection
      if (fragment === undefined) continue
      const inner = fragment.typeCondition?.name.value ?? typename
      fieldsOf(fragment.selectionSet, inner, own, parent, inherited, into)
    }
    return into
  }

  function fieldOf(
    field: FieldNode,
    typename: string,
    condition: Condition,
    parent: readonly Sizing[],
    inherited: readonly Sizing[],
  ): FieldTerms {
    const name = field.name.value
    const base = {
      responseKey: field.alias?.value ?? name,
      coordinate: `${typename}.${name}`,
      field,
      condition,
    }
    const weighed = weights.field(typename, name) ?? (name === '_entities' ? ENTITIES : undefined)
    if (weighed === undefined) return { ...base, weight: 0, count: 1, arguments: 0, total: 0, children: [] }
    const given = (argument: string): ValueNode | undefined =>
      field.arguments?.find(candidate => candidate.name.value === argument)?.value
    const own = weighed.listSizes.map((listSize): Sizing => {
      const size = expectedSize(listSize, weighed, given, options)
      const refuses = typeof size === 'function' && listSize.requiresOne && options.isStrict
      return { size, refuses, fields: listSize.sizedFields }
    })
    const goingOn = [...parent, ...inherited].flatMap(sizing => descended(sizing, name))
    const count = countOf(weighed, own, goingOn, handedDown(parent, inherited, name))
    const { weight } = weighed
    const children = field.selectionSet
      ? fieldsOf(field.selectionSet, weighed.typename, true, own, goingOn)
      : []
    const each = sumOf([weight, ...children.map(({ total }) => total)])
    const cost = argumentsCost(field.arguments, weighed, required, options)
    // What weighs nothing does so in any number.
    const isCounted = each !== 0 || own.some(({ refuses }) => refuses)
    const total = when(condition, pointsOf(isCounted ? count : 1, each, cost))
    return { ...base, weight, count, arguments: cost, total, children }
  }

  function countOf(
    { listDepth }: FieldWeights,
    own: readonly Sizing[],
    goingOn: readonly Sizing[],
    handed: Term,
  ): Term {
    // Sizes of its own are read whether they are used or not: whoever gives bad ones is refused.
    const checked = own.filter(({ refuses }) => refuses).map(({ size }) => size)
    if (listDepth === 0) return afterReading(checked, 1)
    const sizes = largestOf([...own, ...goingOn].map(({ size }) => size))
    const count = firstOf(handed, firstOf(sizes, listSizeDefault))
    return handed === NO_SIZE ? count : afterReading(checked, count)
  }

  return fieldsOf(operation.selectionSet, weights.rootOf(operation.operation), true, NONE, NONE)
}

/** What subgraphs are asked for entities by: a list of a union that holds every entity. */
const ENTITIES: FieldWeights = {
  coordinate: 'Query._entities',
  typename: '_Entity',
  isComposite: true,
  listDepth: 1,
  cost: undefined,
  weight: 1,
  arguments: new Map(),
  listSizes: [],
}

/** What `sizedFields` above say of a list; those of its parent before those that come from further up. */
function handedDown(parent: readonly Sizing[], inherited: readonly Sizing[], name: string): Term {
  const of = (sizings: readonly Sizing[]): Term =>
    largestOf(sizings.filter(({ fields }) => fields?.get(name) === 'list').map(({ size }) => size))
  return firstOf(of(parent), of(inherited))
}

/** A size that goes on below a field: `results` of `results { page }`. */
function descended(sizing: Sizing, name: string): Sizing[] {
  const below = sizing.fields?.get(name)
  return below === undefined || below === 'list' ? [] : [{ ...sizing, fields: below }]
}

function afterReading(terms: readonly Term[], count: Term): Term {
  if (terms.length === 0) return count
  return variables => {
    for (let i = 0; i < terms.length; i++) numberOf(terms[i]!, variables)
    return numberOf(count, variables)
  }
}
