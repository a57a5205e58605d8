import { Fault } from '../protocol/fault.ts'
import type { GraphqlParams } from './http.ts'
import type { ServableOperation } from './operations/registry.ts'
import { type RequestState, refuse, run, type Stages } from './pipeline.ts'
import type { Outcome } from './request.ts'

/** What follows admission of an operation that is compiled; the same at the socket and behind Fastify. */
export async function runCompiled(
  stages: Stages,
  method: string,
  state: RequestState,
  operation: ServableOperation,
  params: GraphqlParams,
): Promise<Outcome> {
  if (method === 'GET' && operation.kind !== 'query') {
    const message = `GET requests only support query operations, not ${operation.kind} operations`
    return refuse(stages, new Fault('METHOD_NOT_ALLOWED', message), state)
  }
  if (params.operationName !== undefined && params.operationName !== operation.compiled.name) {
    const message = `Unknown operation named "${params.operationName}".`
    return refuse(stages, new Fault('OPERATION_RESOLUTION_FAILURE', message), state)
  }
  return await run(stages, state, operation, params.variables, 'json')
}
