import {
  type GraphQLSchema,
  isLeafType,
  isNonNullType,
  Kind,
  type NonNullTypeNode,
  typeFromAST,
  visit,
} from 'graphql'
import type { FieldLimit, FieldLimits } from './cost/field-limits.ts'
import { leafAt } from './cost/field-limits-argument.ts'
import { requirementsIn } from './execution/authorize.ts'
import type { ServableOperation } from './operations/registry.ts'

/** The persisted query that tells how a line stands. */
export interface StatusOperation {
  readonly operation: ServableOperation
  /** The variable that takes the value which the limit is kept by; `undefined`: the limit is by none. */
  readonly variable: string | undefined
}

/**
 * What each limit's `status` names, by the limit's id.
 * @throws Error naming the limit whose status is no persisted query that its value alone is enough for, that says how much
 * is `remaining`, and that anybody may ask: the gateway asks for nobody, and would otherwise never brake.
 */
export function statusOperationsOf(
  { all, apiSchema }: FieldLimits,
  operations: readonly ServableOperation[],
): ReadonlyMap<string, StatusOperation> {
  const found = new Map<string, StatusOperation>()
  for (const limit of all) {
    if (limit.status === undefined) continue
    const named = operations.filter(({ name }) => name === limit.status)
    // While clients move from one text to another, both have the name.
    const fitting = named.flatMap(operation => statusOperation(limit, operation, apiSchema))
    const [first] = fitting
    if (first === undefined) throw new Error(misfit(limit, named))
    found.set(limit.id, first)
  }
  return found
}

function statusOperation(
  limit: FieldLimit,
  operation: ServableOperation,
  schema: GraphQLSchema,
): StatusOperation[] {
  if (operation.kind !== 'query' || !tellsAnybody(operation)) return []
  const required = (operation.definition.variableDefinitions ?? []).filter(
    ({ type, defaultValue }) => type.kind === Kind.NON_NULL_TYPE && defaultValue === undefined,
  )
  const [variable] = required
  if (limit.by === undefined) return variable === undefined ? [{ operation, variable: undefined }] : []
  if (variable === undefined || required.length > 1) return []
  const taken = typeFromAST(schema, variable.type as NonNullTypeNode)
  const type = isNonNullType(taken) ? taken.ofType : taken
  const isTaken = isLeafType(type) && type === leafOf(limit, schema)
  return isTaken ? [{ operation, variable: variable.variable.name.value }] : []
}

/** As far as its text says (status-answer.ts). */
function tellsAnybody({ compiled: { supergraph, operation, fragments } }: ServableOperation): boolean {
  if (requirementsIn(supergraph, operation, fragments).length > 0) return false
  let isTold = false
  for (const definition of [operation, ...fragments.values()])
    visit(definition, {
      Field({ alias, name }) {
        if ((alias ?? name).value === 'remaining') isTold = true
      },
    })
  return isTold
}

function leafOf({ coordinate, by = '' }: FieldLimit, schema: GraphQLSchema): unknown {
  const [typename, field = ''] = coordinate.split('.')
  const root = [schema.getQueryType(), schema.getMutationType()].find(type => type?.name === typename)
  return leafAt(root?.getFields()[field]?.args ?? [], by)
}

function misfit({ coordinate, by, status }: FieldLimit, named: readonly ServableOperation[]): string {
  const where = `${coordinate} @costLimit(status: "${status}")`
  if (named.length === 0) return `${where}: expected a persisted query of this name, got none`
  const only = by === undefined ? 'no required variable' : `one required variable, of the type of ${by}`
  return `${where}: expected a persisted query that tells anybody what is remaining, with ${only}, got another`
}
