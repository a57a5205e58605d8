import {
  type DocumentNode,
  type FieldNode,
  Kind,
  type OperationDefinitionNode,
  parse,
  print,
  type SelectionSetNode,
} from 'graphql'
import { Fault } from '../../protocol/fault.ts'
import type { TypeFacts } from '../supergraph/type-facts.ts'
import type {
  EntityBatchAlias,
  FetchRewrite,
  FlattenNodePathSegment,
  PlanNode,
  QueryPlan,
  RequiresSelection,
} from './plan.ts'

/** How the planner names a field that it fetches a second time with other arguments. */
const PLANNERS_ALIAS = '_internal_qp_alias_'

/**
 * When two fields require one field with different arguments, the planner fetches it twice, the second time under an
 * alias, but then may let both fields read the first (seen whenever the required field comes by an entity fetch). This
 * gives each `requires` the key that was fetched with the arguments that its `@requires` names.
 *
 * @throws Fault PLAN_FAILED when one fetch needs both: wrong data is never sent.
 */
export function withRequiredKeys(plan: QueryPlan, types: TypeFacts): QueryPlan {
  if (!plan.node || !mentionsAlias(plan.node)) return plan
  const produced: Produced = new Map()
  collect(plan.node, undefined, produced)
  return { ...plan, node: repaired(plan.node, undefined, produced, types) }
}

/** An alias of a batch whose paths found a required field under different keys: one `requires` a path. */
export interface RepairedAlias extends EntityBatchAlias {
  readonly requiresByPath?: readonly RequiresSelection[][]
}

/** What was fetched at a place: under which key, as "name(arguments)", and for which type if only for one. */
interface Fetched {
  readonly key: string
  readonly call: string
  readonly type: string | undefined
}

type Produced = Map<string, Fetched[]>

function mentionsAlias(node: PlanNode): boolean {
  if (node.kind === 'Sequence' || node.kind === 'Parallel') return node.nodes.some(mentionsAlias)
  if (node.kind === 'Flatten') return mentionsAlias(node.node)
  return (node.kind === 'Fetch' || node.kind === 'BatchFetch') && node.operation.includes(PLANNERS_ALIAS)
}

function collect(node: PlanNode, place: string | undefined, produced: Produced): void {
  if (node.kind === 'Sequence' || node.kind === 'Parallel')
    for (const child of node.nodes) collect(child, place, produced)
  else if (node.kind === 'Flatten') collect(node.node, placeOf(node.path), produced)
  else if (node.kind === 'Fetch') {
    const operation = readOperation(node.operation)
    const renamed = renamedIn(node.outputRewrites)
    if (place === undefined) produce(operation.root, '', '', operation, renamed, produced)
    else
      for (const field of operation.fieldsOf(operation.root))
        produce(field.selectionSet, place, '', operation, renamed, produced)
  } else if (node.kind === 'BatchFetch') {
    const operation = readOperation(node.operation)
    for (const { alias, paths, outputRewrites } of node.entityBatch.aliases)
      for (const field of operation.fieldsOf(operation.root))
        if (keyOf(field) === alias)
          for (const path of paths)
            produce(field.selectionSet, placeOf(path), '', operation, renamedIn(outputRewrites), produced)
  }
}

/** Keys that an answer holds under another name once it is rewritten, by their place in the answer. */
function renamedIn(rewrites: readonly FetchRewrite[] | undefined): ReadonlyMap<string, string> {
  const renamed = new Map<string, string>()
  for (const rewrite of rewrites ?? []) {
    if (!('KeyRenamer' in rewrite)) continue
    const { path, renameKeyTo } = rewrite.KeyRenamer
    renamed.set(path.map(segment => ('Key' in segment ? `.${segment.Key}` : '')).join(''), renameKeyTo)
  }
  return renamed
}

/** @param within the place in the fetch's own answer, before its keys are renamed. */
function produce(
  set: SelectionSetNode | undefined,
  place: string,
  within: string,
  operation: Operation,
  renamed: ReadonlyMap<string, string>,
  produced: Produced,
): void {
  for (const [type, field] of operation.typedFieldsOf(set, undefined)) {
    const at = `${within}.${keyOf(field)}`
    const fetched: Fetched = { key: renamed.get(at) ?? keyOf(field), call: callOf(field), type }
    const known = produced.get(place)
    if (known) known.push(fetched)
    else produced.set(place, [fetched])
    produce(field.selectionSet, `${place}.${fetched.key}`, at, operation, renamed, produced)
  }
}

function repaired(node: PlanNode, place: string | undefined, produced: Produced, types: TypeFacts): PlanNode {
  if (node.kind === 'Sequence' || node.kind === 'Parallel')
    return { ...node, nodes: node.nodes.map(child => repaired(child, place, produced, types)) }
  if (node.kind === 'Flatten')
    return { ...node, node: repaired(node.node, placeOf(node.path), produced, types) }
  if (node.kind === 'Fetch' && place !== undefined && node.requires) {
    const operation = readOperation(node.operation)
    const needed = neededBy(operation, operation.fieldsOf(operation.root), node.serviceName, types)
    return { ...node, requires: matched(node.requires, needed, place, undefined, produced, types) }
  }
  if (node.kind === 'BatchFetch') {
    const operation = readOperation(node.operation)
    const aliases = node.entityBatch.aliases.map(entry => {
      const fields = operation.fieldsOf(operation.root).filter(field => keyOf(field) === entry.alias)
      const needed = neededBy(operation, fields, node.serviceName, types)
      const requiresByPath = entry.paths.map(path =>
        matched(entry.requires, needed, placeOf(path), undefined, produced, types),
      )
      return { ...entry, requiresByPath }
    })
    return { ...node, entityBatch: { ...node.entityBatch, aliases } }
  }
  return node
}

/** Fields of all the `@requires` behind what an `_entities` field selects. */
function neededBy(
  operation: Operation,
  entities: readonly FieldNode[],
  service: string,
  types: TypeFacts,
): FieldNode[] {
  const needed: FieldNode[] = []
  const visit = (set: SelectionSetNode | undefined, typename: string | undefined): void => {
    for (const [type, field] of operation.typedFieldsOf(set, typename)) {
      const requires = type === undefined ? undefined : types.requiresOf(type, field.name.value, service)
      if (requires) needed.push(...operation.fieldsOf(requires))
    }
  }
  for (const field of entities) visit(field.selectionSet, undefined)
  return needed
}

function matched(
  requires: readonly RequiresSelection[],
  needed: readonly FieldNode[],
  place: string,
  typename: string | undefined,
  produced: Produced,
  types: TypeFacts,
): RequiresSelection[] {
  return requires.map((selection): RequiresSelection => {
    if (selection.kind === 'InlineFragment') {
      const { typeCondition, selections } = selection
      return { ...selection, selections: matched(selections, needed, place, typeCondition, produced, types) }
    }
    if (selection.kind !== 'Field') return selection
    const name = selection.alias ?? selection.name
    const wanted = needed.filter(field => field.name.value === name)
    const calls = new Set(wanted.map(callOf))
    if (calls.size === 0) return selection
    if (calls.size > 1)
      throw new Fault(
        'PLAN_FAILED',
        `One fetch requires "${name}" with different arguments: ${[...calls].join(' and ')}`,
      )
    const [call] = calls
    const fitting = (produced.get(place) ?? [])
      .filter(fetched => fetched.call === call && isFor(fetched, typename, types))
      .map(fetched => fetched.key)
      // A client's key may be missing where the planner relied on its own.
      .filter(key => key === name || key.startsWith(PLANNERS_ALIAS))
    const key = fitting.includes(selection.name) ? selection.name : (fitting[0] ?? selection.name)
    const nested = wanted.flatMap(field => fieldsIn(field.selectionSet))
    const { selections } = selection
    return {
      kind: 'Field',
      name: key,
      ...(key === name ? {} : { alias: name }),
      ...(selections
        ? { selections: matched(selections, nested, `${place}.${key}`, undefined, produced, types) }
        : {}),
    }
  })
}

function isFor({ type }: Fetched, typename: string | undefined, types: TypeFacts): boolean {
  return type === undefined || typename === undefined || types.satisfies(typename, type)
}

interface Operation {
  readonly root: SelectionSetNode
  /** Fields of a selection set, those in fragments included. */
  fieldsOf(set: SelectionSetNode | undefined): FieldNode[]
  /** The same with the type condition that each stands under. */
  typedFieldsOf(
    set: SelectionSetNode | undefined,
    typename: string | undefined,
  ): [string | undefined, FieldNode][]
}

function readOperation(text: string): Operation {
  const document = parse(text, { noLocation: true })
  const operation = document.definitions.find(
    ({ kind }) => kind === Kind.OPERATION_DEFINITION,
  ) as OperationDefinitionNode
  return {
    root: operation.selectionSet,
    fieldsOf: set => typedFields(document, set, undefined).map(([, field]) => field),
    typedFieldsOf: (set, typename) => typedFields(document, set, typename),
  }
}

function typedFields(
  document: DocumentNode | undefined,
  set: SelectionSetNode | undefined,
  typename: string | undefined,
): [string | undefined, FieldNode][] {
  return (set?.selections ?? []).flatMap((selection): [string | undefined, FieldNode][] => {
    if (selection.kind === Kind.FIELD) return [[typename, selection]]
    if (selection.kind === Kind.INLINE_FRAGMENT)
      return typedFields(document, selection.selectionSet, selection.typeCondition?.name.value ?? typename)
    for (const definition of document?.definitions ?? [])
      if (definition.kind === Kind.FRAGMENT_DEFINITION && definition.name.value === selection.name.value)
        return typedFields(document, definition.selectionSet, definition.typeCondition.name.value)
    return []
  })
}

function fieldsIn(set: SelectionSetNode | undefined): FieldNode[] {
  return typedFields(undefined, set, undefined).map(([, field]) => field)
}

function callOf(field: FieldNode): string {
  const given = (field.arguments ?? []).map(({ name, value }) => `${name.value}: ${print(value)}`).sort()
  return `${field.name.value}(${given.join(', ')})`
}

function keyOf(field: FieldNode): string {
  return field.alias?.value ?? field.name.value
}

function placeOf(path: readonly FlattenNodePathSegment[]): string {
  return path.map(segment => (segment !== '@' && 'Field' in segment ? `.${segment.Field}` : '')).join('')
}
