import { type FragmentDefinitionNode, Kind, type OperationDefinitionNode, parse } from 'graphql'
import type { Supergraph } from '../supergraph/supergraph.ts'
import { compileFields } from './field-cost.ts'
import { MUTATION_POINTS, numberOf, POINTS_MAX, sumOf, type Term, type Variables } from './terms.ts'
import { weightsOf } from './weights.ts'

/** What a plan's cost depends on of it: stages of nodes, down to the operations that subgraphs are sent. */
export interface PlanShape {
  readonly stages: readonly { readonly plan: { readonly node?: PlanNodeShape | undefined } }[]
}

export type PlanNodeShape =
  | {
      readonly kind: 'Fetch' | 'BatchFetch'
      readonly serviceName: string
      /** Text: a query may ask for `_entities`, under several aliases. */
      readonly operation: string
    }
  | { readonly kind: 'Sequence' | 'Parallel'; readonly nodes: readonly PlanNodeShape[] }
  | { readonly kind: 'Flatten'; readonly node: PlanNodeShape }
  /** Conditions are decided before planning, and what is left is refused before it is executed. */
  | { readonly kind: 'Condition' | 'Defer' | 'Subscription' }

export interface PlanCostOptions {
  /** Members that a list without a known size counts for. */
  readonly listSizeDefault: number
  /** Likewise, of some subgraphs by name. */
  readonly listSizes?: Readonly<Record<string, number>> | undefined
  /** The client's name of a variable in the plan. Default: the same. */
  readonly clientVariable?: (name: string) => string
}

/** Points by subgraph, of those that the plan asks. The variables are the client's, coerced. */
export type PlanCost = (variables: Variables) => ReadonlyMap<string, number>

/**
 * What the fetches of a plan are estimated at: the operation's formula on each operation that a subgraph is sent, where
 * `_entities` is a list of a union of unknown size. Keys, and what `@requires` asks of others, are fetched and so are
 * counted. Refuses nobody for slicing arguments, which a plan may have from the schema; the operation's estimate does.
 *
 * @throws Fault OPERATION_TOO_LARGE
 */
export function compilePlanCost(
  supergraph: Pick<Supergraph, 'sdl' | 'apiSchema'>,
  { stages }: PlanShape,
  { listSizeDefault, listSizes = {}, clientVariable = name => name }: PlanCostOptions,
): PlanCost {
  const weights = weightsOf(supergraph)
  const sizes = new Map(Object.entries(listSizes))
  const terms = new Map<string, Term[]>()

  function addNode(node: PlanNodeShape): void {
    if (node.kind === 'Sequence' || node.kind === 'Parallel') for (const child of node.nodes) addNode(child)
    else if (node.kind === 'Flatten') addNode(node.node)
    else if (node.kind === 'Fetch' || node.kind === 'BatchFetch') {
      const known = terms.get(node.serviceName)
      const term = fetchCost(node.serviceName, node.operation)
      if (known) known.push(term)
      else terms.set(node.serviceName, [term])
    }
  }

  function fetchCost(subgraph: string, text: string): Term {
    const { definitions } = parse(text, { noLocation: true })
    const fragments = new Map<string, FragmentDefinitionNode>()
    let operation: OperationDefinitionNode | undefined
    for (const definition of definitions)
      if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition)
      else if (definition.kind === Kind.OPERATION_DEFINITION) operation = definition
    if (operation === undefined) throw new Error(`Expected an operation to send to ${subgraph}, got ${text}`)
    const fields = compileFields(operation, fragments, {
      weights,
      variable: clientVariable,
      isStrict: false,
      listSizeDefault: sizes.get(subgraph) ?? listSizeDefault,
    })
    const base = operation.operation === 'mutation' ? MUTATION_POINTS : 0
    return sumOf([base, ...fields.map(({ total }) => total)])
  }

  for (const { plan } of stages) if (plan.node) addNode(plan.node)
  const sums = [...terms].map(([subgraph, costs]) => [subgraph, sumOf(costs)] as const)
  const evaluate: PlanCost = variables =>
    new Map(sums.map(([subgraph, sum]) => [subgraph, Math.min(numberOf(sum, variables), POINTS_MAX)]))
  if (sums.some(([, sum]) => typeof sum === 'function')) return evaluate
  const constant = evaluate({})
  return () => constant
}
