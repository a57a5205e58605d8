import type { PlannedCost } from '../cost/cost-command.ts'
import { compilePlanCost } from '../cost/plan-cost.ts'
import { clientVariables } from '../execution/normalize.ts'
import { compileOperationAsync } from '../execution/operation.ts'
import { loadSupergraph } from '../supergraph/supergraph.ts'

/** Plans an operation, valid against the supergraph's API schema, and estimates its fetches by subgraph. */
export const plannedCost: PlannedCost = async ({
  supergraphSdl,
  document,
  operationName,
  variables,
  listSizeDefault,
}) => {
  const supergraph = loadSupergraph(supergraphSdl)
  const compiled = await compileOperationAsync(
    supergraph,
    document,
    operationName === undefined ? {} : { operationName },
  )
  const values = compiled.coerceVariables(variables)
  const cost = compilePlanCost(supergraph, await compiled.plan(values), {
    listSizeDefault,
    clientVariable: clientVariables(compiled.operation),
  })
  return cost(values)
}
