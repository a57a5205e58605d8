import { type ConstDirectiveNode, type DocumentNode, Kind, visit } from 'graphql'
import type { PlanNode, Planner, QueryPlan } from '../execution/plan.ts'

/** Subgraph name → the name under which the planner is to know it. */
export type PlanningNames = ReadonlyMap<string, string>

/**
 * To learn which implementation an object of an interface is, the planner goes to the first subgraph by name that has the
 * interface as an entity, and gives up if that one has it as an `@interfaceObject` ("No paths found"). These are names by
 * which the subgraphs that know the implementations come first; undefined when they do so anyway.
 */
export function planningNames(
  supergraph: DocumentNode,
  subgraphNames: ReadonlyMap<string, string>,
): PlanningNames | undefined {
  /** Subgraph → those that must come before it. */
  const before = new Map<string, Set<string>>()
  let isOutOfOrder = false
  for (const definition of supergraph.definitions) {
    if (definition.kind !== Kind.INTERFACE_TYPE_DEFINITION) continue
    const types = (definition.directives ?? []).filter(({ name }) => name.value === 'join__type')
    const named = (isObject: boolean): string[] =>
      types
        .filter(type => isTrue(type, 'isInterfaceObject') === isObject)
        .flatMap(type => subgraphNames.get(textOf(type, 'graph') ?? '') ?? [])
    const knowing = named(false)
    for (const object of named(true)) {
      before.set(object, new Set([...(before.get(object) ?? []), ...knowing]))
      if (knowing.some(name => object < name)) isOutOfOrder = true
    }
  }
  if (!isOutOfOrder) return undefined
  const rankOf = (name: string, above: ReadonlySet<string>): number => {
    const earlier = [...(before.get(name) ?? [])].filter(other => !above.has(other))
    return earlier.reduce((rank, other) => Math.max(rank, 1 + rankOf(other, new Set([...above, name]))), 0)
  }
  const names = [...subgraphNames.values()]
  return new Map(
    names.map(name => [name, `${String(rankOf(name, new Set([name]))).padStart(3, '0')}_${name}`]),
  )
}

/** The supergraph with other names for its subgraphs. */
export function withNames(supergraph: DocumentNode, names: PlanningNames): DocumentNode {
  return visit(supergraph, {
    Directive(node) {
      const argument = RENAMED[node.name.value]
      if (argument === undefined) return undefined
      const given = node.arguments?.map(own =>
        own.name.value === argument && own.value.kind === Kind.STRING
          ? { ...own, value: { ...own.value, value: names.get(own.value.value) ?? own.value.value } }
          : own,
      )
      return { ...node, arguments: given ?? [] }
    },
  })
}

/** A planner over {@link withNames}, whose plans have the subgraphs' own names. */
export function withOwnNames(planner: Planner, names: PlanningNames): Planner {
  const own = new Map([...names].map(([name, planned]) => [planned, name]))
  const restored = (node: PlanNode): PlanNode => {
    if (node.kind === 'Sequence' || node.kind === 'Parallel')
      return { ...node, nodes: node.nodes.map(restored) }
    if (node.kind === 'Flatten') return { ...node, node: restored(node.node) as typeof node.node }
    return node.kind === 'Fetch' || node.kind === 'BatchFetch'
      ? { ...node, serviceName: own.get(node.serviceName) ?? node.serviceName }
      : node
  }
  const restoredPlan = (plan: QueryPlan): QueryPlan =>
    plan.node ? { ...plan, node: restored(plan.node) } : plan
  return {
    plan: (operation, rollout) => restoredPlan(planner.plan(operation, rollout)),
    planAsync: async (operation, rollout) => restoredPlan(await planner.planAsync(operation, rollout)),
  }
}

/** Directives that name a subgraph, and by which argument. */
const RENAMED: Readonly<Record<string, string>> = { join__graph: 'name', join__field: 'override' }

function textOf(directive: ConstDirectiveNode, name: string): string | undefined {
  const value = directive.arguments?.find(argument => argument.name.value === name)?.value
  return value?.kind === Kind.ENUM || value?.kind === Kind.STRING ? value.value : undefined
}

function isTrue(directive: ConstDirectiveNode, name: string): boolean {
  const value = directive.arguments?.find(argument => argument.name.value === name)?.value
  return value?.kind === Kind.BOOLEAN && value.value
}
