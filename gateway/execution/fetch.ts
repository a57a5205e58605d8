import {
  type FieldNode,
  Kind,
  type OperationDefinitionNode,
  parse,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql'
import { type DeadlineMs, nowMs } from '../../protocol/deadline.ts'
import { Fault } from '../../protocol/fault.ts'
import { noAnswer } from '../../protocol/no-answer.ts'
import type { SubgraphAnswer, SubgraphRequest } from '../../protocol/subgraph-client.ts'
import type { TypeFacts } from '../supergraph/type-facts.ts'
import type { KeptFetch } from './fetch-cache.ts'
import { fragmentsOf } from './fragments.ts'
import type { NormalizedOperation } from './normalize.ts'
import type { BatchFetchNode, FetchNode } from './plan.ts'
import type { Run, Turn } from './run.ts'

/** A subgraph's operation, ready to be sent. */
export interface Fetch extends KeptFetch {
  /** Internal keys of its root fields. */
  readonly rootKeys: readonly string[]
  /** For an entity fetch, by root key: what it selects of entities, if that is a single field. */
  readonly onlyFieldOf: (rootKey: string) => string | undefined
  /** What it sends of the client's variables, names as in the operation; behind what is there already. */
  addVariables(run: Run, values: Record<string, unknown>): Record<string, unknown>
  /**
   * Throws or rejects with the reason when there is no answer. What it answers is to be {@link checked}.
   * @param isFresh true: even if the fetch need not be.
   */
  send(
    run: Run,
    variables: Readonly<Record<string, unknown>>,
    deadlineMs: DeadlineMs,
    isFresh?: boolean,
  ): Promise<SubgraphAnswer>
}

export function compileFetch(
  node: FetchNode | BatchFetchNode,
  operation: NormalizedOperation,
  types: TypeFacts,
): Fetch {
  const service = node.serviceName
  const kind = node.operationKind ?? 'query'
  if (kind === 'subscription') throw new Fault('OPERATION_NOT_SUPPORTED', 'Subscriptions are not supported')
  const document = parse(node.operation, { noLocation: true })
  const root = document.definitions.find(
    definition => definition.kind === Kind.OPERATION_DEFINITION,
  ) as OperationDefinitionNode
  const fields = fieldsOf(root.selectionSet)
  const variables = (node.variableUsages ?? []).map(sent => ({
    sent,
    client: operation.clientVariable(sent),
  }))
  const scope = types.scopeOf(ROOTS[kind], root.selectionSet, fragmentsOf(document))
  // What a mutation's answer is made of must not have been read before it ran.
  const isFresh = operation.kind === 'mutation' && kind === 'query'
  const base = {
    kind,
    scope,
    operation: node.operation,
    ...(node.operationName === undefined ? {} : { operationName: node.operationName }),
    ...(isFresh ? { isFresh } : {}),
  }
  return {
    service,
    kind,
    operation: node.operation,
    document,
    scope,
    isFresh,
    rootKeys: fields.map(keyOf),
    onlyFieldOf: rootKey => {
      const selected = fieldsOf(fields.find(field => keyOf(field) === rootKey)?.selectionSet)
      const names = new Set(selected.map(keyOf).filter(key => key !== '__typename'))
      return names.size === 1 ? [...names][0] : undefined
    },
    addVariables(run, values) {
      for (const { sent, client } of variables)
        if (Object.hasOwn(run.variables, client)) values[sent] = run.variables[client]
      return values
    },
    send(run, values, deadlineMs, mustBeFresh) {
      const client = run.clients.get(service)
      if (!client) throw noAnswer('SUBGRAPH_UNREACHABLE', service, 'no client serves it')
      if (nowMs() >= deadlineMs)
        throw noAnswer('SUBGRAPH_TIMEOUT', service, 'the deadline passed before it was asked')
      const headers = run.headersFor?.(service)
      const request: SubgraphRequest = {
        ...base,
        variables: values,
        caller: run.caller,
        deadlineMs,
        priority: run.priority,
        ...(run.traceparent === undefined ? {} : { traceparent: run.traceparent }),
        ...(headers === undefined ? {} : { headers }),
        ...((mustBeFresh === true || run.isFresh) && !isFresh ? { isFresh: true } : {}),
      }
      const answering = client.execute(request)
      return run.turn === undefined ? answering : inTurn(answering, run.turn)
    },
  }

  function fieldsOf(set: SelectionSetNode | undefined): FieldNode[] {
    return (set?.selections ?? []).flatMap((selection: SelectionNode): FieldNode[] => {
      if (selection.kind === Kind.FIELD) return [selection]
      if (selection.kind === Kind.INLINE_FRAGMENT) return fieldsOf(selection.selectionSet)
      const fragment = document.definitions.find(
        definition =>
          definition.kind === Kind.FRAGMENT_DEFINITION && definition.name.value === selection.name.value,
      )
      return fragment?.kind === Kind.FRAGMENT_DEFINITION ? fieldsOf(fragment.selectionSet) : []
    })
  }
}

/** What comes in one batch is not worked on in one go. */
async function inTurn(answering: Promise<SubgraphAnswer>, turn: Turn): Promise<SubgraphAnswer> {
  const answer = await answering
  const waiting = turn()
  if (waiting !== undefined) await waiting
  return answer
}

/** The planner's operations are on types of these names, whatever a subgraph calls its own. */
const ROOTS = { query: 'Query', mutation: 'Mutation' } as const

function keyOf(field: FieldNode): string {
  return field.alias?.value ?? field.name.value
}

/** The answer, if it has the shape that GraphQL promises. Throws Fault SUBGRAPH_BAD_ANSWER. */
export function checked(answer: SubgraphAnswer, service: string): SubgraphAnswer {
  const bad = (what: string): Fault =>
    new Fault('SUBGRAPH_BAD_ANSWER', `Subgraph "${service}" answered with ${what}`)
  if (answer === null || typeof answer !== 'object') throw bad('something that is no object')
  const { data, errors } = answer
  if (errors !== undefined && errors !== null && !Array.isArray(errors)) throw bad('errors that are no list')
  if (data !== undefined && data !== null && (typeof data !== 'object' || Array.isArray(data)))
    throw bad('data that is no object')
  if ((data === undefined || data === null) && (errors ?? []).length === 0)
    throw bad('neither data nor errors')
  return answer
}
