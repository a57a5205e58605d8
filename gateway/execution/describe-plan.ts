import type { TypeFacts } from '../supergraph/type-facts.ts'
import type { OperationPlan } from './operation-plan.ts'
import type { FlattenNodePathSegment, PlanNode, RequiresSelection } from './plan.ts'
import { type RepairedAlias, withRequiredKeys } from './required-keys.ts'
import { responseKeyOf } from './response-key.ts'

/** A plan for people: what is asked of which subgraph, with what, where the answer goes, and in which order. */
export interface PlanDescription {
  readonly kind: 'QueryPlan'
  /** Absent: no subgraph is asked. */
  readonly node?: PlanStep
}

export type PlanStep =
  | { readonly kind: 'Sequence' | 'Parallel'; readonly nodes: readonly PlanStep[] }
  | PlanFetch

export interface PlanFetch {
  readonly kind: 'Fetch'
  readonly service: string
  readonly operation: string
  /** Of the client's variables. */
  readonly variables?: readonly string[]
  /** Where the entities stand that it is asked about, as `products.@.shop`. Absent: it begins at the root. */
  readonly path?: string
  /** What it is told of each entity. */
  readonly requires?: string
  /** Several sets of entities in one request: each with its alias in the operation, in place of path and requires. */
  readonly entities?: readonly {
    readonly alias: string
    readonly paths: readonly string[]
    readonly requires: string
  }[]
}

/** As the plan is executed, keys included that are fetched for later steps alone. */
export function describePlan({ stages }: OperationPlan, types: TypeFacts): PlanDescription {
  const nodes = stages.flatMap(({ plan }) => {
    const { node } = withRequiredKeys(plan, types)
    return node === undefined ? [] : [stepOf(node, undefined)]
  })
  if (nodes.length === 0) return { kind: 'QueryPlan' }
  return { kind: 'QueryPlan', node: nodes.length === 1 ? nodes[0]! : { kind: 'Sequence', nodes } }
}

function stepOf(node: PlanNode, path: string | undefined): PlanStep {
  switch (node.kind) {
    case 'Sequence':
    case 'Parallel':
      return { kind: node.kind, nodes: node.nodes.map(child => stepOf(child, path)) }
    case 'Flatten':
      return stepOf(node.node, pathText(node.path))
    case 'Fetch':
      return {
        kind: 'Fetch',
        service: node.serviceName,
        ...(path === undefined ? {} : { path }),
        ...(node.requires === undefined ? {} : { requires: selectionText(node.requires) }),
        operation: node.operation,
        ...variablesOf(node.variableUsages),
      }
    case 'BatchFetch':
      return {
        kind: 'Fetch',
        service: node.serviceName,
        entities: node.entityBatch.aliases.flatMap(entitiesOf),
        operation: node.operation,
        ...variablesOf(node.variableUsages),
      }
    default:
      throw new Error(`Expected a plan of fetches, got ${node.kind}`)
  }
}

function entitiesOf(alias: RepairedAlias): NonNullable<PlanFetch['entities']> {
  const { paths, requires, requiresByPath } = alias
  if (requiresByPath === undefined)
    return [{ alias: alias.alias, paths: paths.map(pathText), requires: selectionText(requires) }]
  return paths.map((path, i) => ({
    alias: alias.alias,
    paths: [pathText(path)],
    requires: selectionText(requiresByPath[i]!),
  }))
}

function variablesOf(usages: readonly string[] | undefined): { variables?: readonly string[] } {
  return usages === undefined || usages.length === 0 ? {} : { variables: usages }
}

/** In the client's terms, `products.@.owner|[Shop,Person]`: `@` every item of a list, `|[…]` objects of these types only. */
function pathText(path: readonly FlattenNodePathSegment[]): string {
  let text = ''
  for (const segment of path) {
    if (segment === '@') text += '.@'
    else if ('Field' in segment) text += `.${responseKeyOf(segment.Field)}`
    else text += `|[${segment.TypeCondition.join(',')}]`
  }
  return text.startsWith('.') ? text.slice(1) : text
}

const keyOf = ({ name, alias }: { name: string; alias?: string }): string =>
  alias === undefined || alias === name ? name : `${alias}: ${name}`

function selectionText(selections: readonly RequiresSelection[]): string {
  const texts = selections.map(selection => {
    if (selection.kind === 'FragmentSpread') return `...${selection.value}`
    const name = selection.kind === 'Field' ? keyOf(selection) : `... on ${selection.typeCondition}`
    const inner = selection.selections ?? []
    return inner.length === 0 ? name : `${name} ${selectionText(inner)}`
  })
  return `{ ${texts.join(' ')} }`
}
