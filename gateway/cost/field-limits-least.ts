import {
  type ArgumentNode,
  type ConstValueNode,
  type FieldNode,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLObjectType,
  getNamedType,
  isCompositeType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isRequiredArgument,
  isRequiredInputField,
  Kind,
  OperationTypeNode,
} from 'graphql'
import { Fault } from '../../protocol/fault.ts'
import type { Supergraph } from '../supergraph/supergraph.ts'
import { compileEstimate } from './estimate.ts'

/**
 * The least points that a root field can cost: with required arguments alone, each as small as can be, and nothing
 * selected of what it returns.
 */
export function leastPoints(
  supergraph: Pick<Supergraph, 'sdl' | 'apiSchema'>,
  root: GraphQLObjectType,
  definition: GraphQLField<unknown, unknown>,
  listSizeDefault: number,
): number {
  const isMutation = supergraph.apiSchema.getMutationType() === root
  const operation = {
    kind: Kind.OPERATION_DEFINITION,
    operation: isMutation ? OperationTypeNode.MUTATION : OperationTypeNode.QUERY,
    selectionSet: { kind: Kind.SELECTION_SET, selections: [leastField(definition)] },
  } as const
  const estimate = compileEstimate(supergraph, operation, new Map(), { listSizeDefault })
  try {
    return estimate.estimate({}).roots[0] ?? 0
  } catch (error) {
    // A list that must be given its size may be of none.
    if (error instanceof Fault) return 0
    throw error
  }
}

function leastField({ name, args, type }: GraphQLField<unknown, unknown>): FieldNode {
  const given = args.filter(isRequiredArgument).map(
    (argument): ArgumentNode => ({
      kind: Kind.ARGUMENT,
      name: { kind: Kind.NAME, value: argument.name },
      value: leastValue(argument.type),
    }),
  )
  const field: FieldNode = { kind: Kind.FIELD, name: { kind: Kind.NAME, value: name }, arguments: given }
  if (!isCompositeType(getNamedType(type))) return field
  const typename: FieldNode = { kind: Kind.FIELD, name: { kind: Kind.NAME, value: '__typename' } }
  return { ...field, selectionSet: { kind: Kind.SELECTION_SET, selections: [typename] } }
}

/** A required input object's fields end: none can require itself. */
function leastValue(type: GraphQLInputType): ConstValueNode {
  if (isNonNullType(type)) return leastValue(type.ofType)
  if (isListType(type)) return { kind: Kind.LIST, values: [] }
  if (isEnumType(type)) return { kind: Kind.ENUM, value: type.getValues()[0]!.name }
  if (!isInputObjectType(type)) return { kind: Kind.INT, value: '0' }
  return {
    kind: Kind.OBJECT,
    fields: Object.values(type.getFields())
      .filter(isRequiredInputField)
      .map(field => ({
        kind: Kind.OBJECT_FIELD,
        name: { kind: Kind.NAME, value: field.name },
        value: leastValue(field.type),
      })),
  }
}
