import type { PlanNode, QueryPlan } from '@graphql-hive/router-query-planner'
import {
  type ConstDirectiveNode,
  type DocumentNode,
  type FieldNode,
  Kind,
  type OperationDefinitionNode,
  parse,
  print,
  type SelectionSetNode,
  type TypeNode,
  visit,
} from 'graphql'

/**
 * The planner takes what one field `@provides` for provided wherever another field of the same subgraph leads to the
 * type with any `@provides`, and asks the subgraph for what it does not have there. Plans are therefore looked at, and
 * one that does so is made again from the supergraph without any `@provides`, which are shortcuts only.
 */
export interface Provided {
  /** Does every fetch ask for external fields only where they are provided? */
  holds(plan: QueryPlan): boolean
  readonly sdlWithout: string
}

/** Undefined when the supergraph has no `@provides`. */
export function providedIn(supergraphSdl: string): Provided | undefined {
  if (!supergraphSdl.includes('provides:')) return undefined
  const facts = factsOf(parse(supergraphSdl, { noLocation: true }))
  if (facts.provides.size === 0) return undefined
  let sdlWithout: string | undefined
  return {
    holds: ({ node }) => !node || nodeHolds(node, facts),
    get sdlWithout() {
      sdlWithout ??= withoutProvides(supergraphSdl)
      return sdlWithout
    },
  }
}

/** Keys are "subgraph Type.field". */
interface Facts {
  readonly provides: Map<string, SelectionSetNode>
  /** Of another subgraph, and provided somewhere: those that the planner may get wrong. */
  readonly external: Set<string>
  readonly names: Set<string>
  /** "Type.field" → named type. */
  readonly fieldTypes: Map<string, string>
  readonly roots: Map<string, string>
}

function factsOf(document: DocumentNode): Facts {
  const graphs = new Map<string, string>()
  const facts: Facts = {
    provides: new Map(),
    external: new Set(),
    names: new Set(),
    fieldTypes: new Map(),
    roots: new Map([
      ['query', 'Query'],
      ['mutation', 'Mutation'],
    ]),
  }
  for (const definition of document.definitions) {
    if (definition.kind === Kind.SCHEMA_DEFINITION)
      for (const { operation, type } of definition.operationTypes) facts.roots.set(operation, type.name.value)
    if (definition.kind === Kind.ENUM_TYPE_DEFINITION && definition.name.value === 'join__Graph')
      for (const value of definition.values ?? []) {
        const graph = value.directives?.find(directive => directive.name.value === 'join__graph')
        graphs.set(value.name.value, textOf(graph, 'name') ?? value.name.value)
      }
  }
  const external: string[] = []
  for (const definition of document.definitions) {
    if (definition.kind !== Kind.OBJECT_TYPE_DEFINITION && definition.kind !== Kind.INTERFACE_TYPE_DEFINITION)
      continue
    for (const field of definition.fields ?? []) {
      const coordinate = `${definition.name.value}.${field.name.value}`
      facts.fieldTypes.set(coordinate, namedType(field.type))
      for (const directive of field.directives ?? []) {
        if (directive.name.value !== 'join__field') continue
        const graph = directive.arguments?.find(({ name }) => name.value === 'graph')?.value
        if (graph?.kind !== Kind.ENUM) continue
        const id = `${graphs.get(graph.value)} ${coordinate}`
        const provides = textOf(directive, 'provides')
        if (provides !== undefined) facts.provides.set(id, fieldSet(provides))
        const isExternal = directive.arguments?.find(({ name }) => name.value === 'external')?.value
        if (isExternal?.kind === Kind.BOOLEAN && isExternal.value) external.push(id)
      }
    }
  }
  for (const [id, set] of facts.provides) {
    const service = id.slice(0, id.indexOf(' '))
    visit(set, { Field: ({ name }) => void facts.names.add(`${service} ${name.value}`) })
  }
  for (const id of external) {
    const service = id.slice(0, id.indexOf(' '))
    if (facts.names.has(`${service} ${id.slice(id.lastIndexOf('.') + 1)}`)) facts.external.add(id)
  }
  return facts
}

function nodeHolds(node: PlanNode, facts: Facts): boolean {
  if (node.kind === 'Sequence' || node.kind === 'Parallel')
    return node.nodes.every(child => nodeHolds(child, facts))
  if (node.kind === 'Flatten') return nodeHolds(node.node, facts)
  if (node.kind !== 'Fetch' && node.kind !== 'BatchFetch') return true
  return fetchHolds(node.serviceName, node.operation, facts)
}

function fetchHolds(service: string, text: string, facts: Facts): boolean {
  if (![...facts.external].some(id => id.startsWith(`${service} `))) return true
  const document = parse(text, { noLocation: true })
  const operation = document.definitions.find(
    (definition): definition is OperationDefinitionNode => definition.kind === Kind.OPERATION_DEFINITION,
  )
  return operation === undefined || holdsIn(operation.selectionSet, facts.roots.get(operation.operation), [])

  function holdsIn(
    set: SelectionSetNode,
    type: string | undefined,
    provided: readonly SelectionSetNode[],
  ): boolean {
    return set.selections.every(selection => {
      if (selection.kind === Kind.INLINE_FRAGMENT)
        return holdsIn(selection.selectionSet, selection.typeCondition?.name.value ?? type, provided)
      if (selection.kind === Kind.FRAGMENT_SPREAD) {
        const fragment = document.definitions.find(
          definition =>
            definition.kind === Kind.FRAGMENT_DEFINITION && definition.name.value === selection.name.value,
        )
        return (
          fragment?.kind !== Kind.FRAGMENT_DEFINITION ||
          holdsIn(fragment.selectionSet, fragment.typeCondition.name.value, provided)
        )
      }
      const name = selection.name.value
      const id = `${service} ${type}.${name}`
      const given = provided
        .flatMap(fields => fieldsOf(fields, type))
        .filter(field => field.name.value === name)
      if (facts.external.has(id) && given.length === 0) return false
      if (!selection.selectionSet) return true
      const own = facts.provides.get(id)
      const below = [...given.flatMap(field => field.selectionSet ?? []), ...(own ? [own] : [])]
      return holdsIn(selection.selectionSet, facts.fieldTypes.get(`${type}.${name}`), below)
    })
  }
}

/** Fields of a field set that hold for a type: those in a fragment on another one do not. */
function fieldsOf(set: SelectionSetNode, type: string | undefined): FieldNode[] {
  return set.selections.flatMap(selection => {
    if (selection.kind === Kind.FIELD) return [selection]
    if (selection.kind !== Kind.INLINE_FRAGMENT) return []
    const condition = selection.typeCondition?.name.value
    return condition === undefined || condition === type ? fieldsOf(selection.selectionSet, type) : []
  })
}

function withoutProvides(sdl: string): string {
  return print(
    visit(parse(sdl, { noLocation: true }), {
      Directive: node =>
        node.name.value === 'join__field'
          ? { ...node, arguments: node.arguments?.filter(({ name }) => name.value !== 'provides') ?? [] }
          : undefined,
    }),
  )
}

function fieldSet(text: string): SelectionSetNode {
  const [operation] = parse(`{${text}}`, { noLocation: true }).definitions
  if (operation?.kind !== Kind.OPERATION_DEFINITION) throw new Error(`Expected a field set, got "${text}"`)
  return operation.selectionSet
}

function namedType(type: TypeNode): string {
  return type.kind === Kind.NAMED_TYPE ? type.name.value : namedType(type.type)
}

function textOf(directive: ConstDirectiveNode | undefined, name: string): string | undefined {
  const value = directive?.arguments?.find(argument => argument.name.value === name)?.value
  return value?.kind === Kind.STRING ? value.value : undefined
}
