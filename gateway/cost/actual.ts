import { type FragmentDefinitionNode, isAbstractType, type OperationDefinitionNode } from 'graphql'
import type { Supergraph } from '../supergraph/supergraph.ts'
import { type AnswerField, compileAnswerFields, type Selected, satisfies } from './answer-fields.ts'
import { argumentsCost, requiredVariables } from './argument-cost.ts'
import { refuseExpansion } from './expansion.ts'
import { type Condition, holds, numberOf, type Term, type Variables } from './terms.ts'
import type { FieldWeights } from './weight-model.ts'
import { weightsOf } from './weights.ts'

export interface ActualOptions {
  /** The key under which the data has a field. Default: its response key. */
  readonly keyOf?: (responseKey: string, fieldName: string) => string
}

/** Points of an answer's data. Never throws: what is not of its type counts nothing. */
export type ActualCost = (data: Data | null, variables: Variables) => number

/**
 * What an answer has cost: every object its field's `@cost`, else its own type's, else 1; every scalar and enum `@cost`
 * or nothing, and so does null; lists by their items; arguments each time a field was resolved. What a mutation costs
 * beside its fields is not part of it.
 *
 * Objects of abstract types say what they are in `__typename`. At each object only those fields are looked at that may
 * add something: of a page of a hundred products with scalars alone, a loop over a hundred objects is left.
 *
 * @throws Fault OPERATION_TOO_LARGE
 */
export function compileActual(
  supergraph: Pick<Supergraph, 'sdl' | 'apiSchema'>,
  operation: OperationDefinitionNode,
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
  { keyOf = responseKey => responseKey }: ActualOptions = {},
): ActualCost {
  refuseExpansion(operation, fragments)
  const { apiSchema } = supergraph
  const weights = weightsOf(supergraph)
  const answerFields = compileAnswerFields(apiSchema, weights, fragments)
  const required = requiredVariables(operation)
  const source = { weights, variable: (name: string) => name, isStrict: false }

  function objectWalk(typename: string, sets: readonly Selected[]): ObjectWalk {
    const fields = [...answerFields(typename, sets)]
    return {
      ownPoints: weights.types.get(typename)?.cost ?? 1,
      fields: fields.flatMap(([responseKey, field]) => fieldWalk(responseKey, field)),
    }
  }

  function fieldWalk(responseKey: string, { node, weighed, condition, sets }: AnswerField): FieldWalk[] {
    const once = argumentsCost(node.arguments, weighed, required, source)
    if (!weighed.isComposite && weighed.weight === 0 && once === 0) return []
    let walk: Walk = weighed.isComposite ? compositeWalk(weighed, sets) : () => weighed.weight
    for (let depth = 0; depth < weighed.listDepth; depth++) walk = listWalk(walk)
    return [{ key: keyOf(responseKey, node.name.value), condition, once, walk }]
  }

  function compositeWalk({ typename, cost }: FieldWeights, sets: readonly Selected[]): Walk {
    const walkOf = isAbstractType(apiSchema.getType(typename))
      ? walkByType(typename, sets)
      : always(objectWalk(typename, sets))
    const ofNull = cost ?? weights.types.get(typename)?.cost ?? 0
    return (value, variables) => {
      if (value === null) return ofNull
      if (typeof value !== 'object' || Array.isArray(value)) return 0
      const { ownPoints, fields } = walkOf(value as Data)
      return (cost ?? ownPoints) + fieldsPoints(fields, value as Data, variables)
    }
  }

  /** One walk a runtime type, compiled when the type is first seen; their number is bounded by the schema's. */
  function walkByType(abstract: string, sets: readonly Selected[]): (value: Data) => ObjectWalk {
    const walks = new Map<unknown, ObjectWalk>()
    return ({ __typename: given }) => {
      const known = walks.get(given)
      if (known !== undefined) return known
      const typename = typeof given === 'string' && satisfies(apiSchema, given, abstract) ? given : abstract
      let walk = walks.get(typename)
      if (walk === undefined) walks.set(typename, (walk = objectWalk(typename, sets)))
      return walk
    }
  }

  const root = weights.rootOf(operation.operation)
  const { fields } = objectWalk(root, [{ set: operation.selectionSet, on: root, condition: true }])
  return (data, variables) => (data === null ? 0 : fieldsPoints(fields, data, variables))
}

type Data = Readonly<Record<string, unknown>>

/** Points of a value that is there, null included. */
type Walk = (value: unknown, variables: Variables) => number

interface ObjectWalk {
  /** Its type's, unless the field that it is of has its own. */
  readonly ownPoints: number
  /** Those that may add something. */
  readonly fields: readonly FieldWalk[]
}

interface FieldWalk {
  readonly key: string
  readonly condition: Condition
  /** Its arguments'. */
  readonly once: Term
  readonly walk: Walk
}

function fieldsPoints(fields: readonly FieldWalk[], data: Data, variables: Variables): number {
  let points = 0
  for (let i = 0; i < fields.length; i++) {
    const { key, condition, once, walk } = fields[i]!
    const value = data[key]
    // Functions are what objects inherit: no answer has any.
    if (value === undefined || typeof value === 'function' || !holds(condition, variables)) continue
    points += numberOf(once, variables) + walk(value, variables)
  }
  return points
}

function listWalk(item: Walk): Walk {
  return (value, variables) => {
    if (!Array.isArray(value)) return 0
    let points = 0
    for (let i = 0; i < value.length; i++) points += item(value[i], variables)
    return points
  }
}

function always(walk: ObjectWalk): () => ObjectWalk {
  return () => walk
}
