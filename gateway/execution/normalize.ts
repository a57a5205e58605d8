import {
  type ArgumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLCompositeType,
  type GraphQLSchema,
  getNamedType,
  type InlineFragmentNode,
  isAbstractType,
  isCompositeType,
  Kind,
  type OperationDefinitionNode,
  print,
  type SelectionNode,
  type SelectionSetNode,
  type ValueNode,
  type VariableDefinitionNode,
} from 'graphql'
import { Fault } from '../../protocol/fault.ts'
import type { TypeFacts } from '../supergraph/type-facts.ts'
import { type Conditions, isIncluded } from './conditions.ts'
import { INHERITED, internalKey } from './response-key.ts'
import { onType } from './selections.ts'

/**
 * Fragments are expanded where they are spread; a document of fragments spread twice each grows exponentially. Without
 * fragments no text within its limit of tokens comes near this; 10,000 selections, a text of 1 kB, took the planner 5 s
 * and held the process of a subgraph that compiled them for as long.
 */
export const SELECTIONS_MAX = 2_000

/** Variables the planner defines itself; a client's variable of such a name, or of an inherited one, gets another. */
const PLANNERS_VARIABLE = /^(representations$|__batch_reps_)/

/** What the planner is given for one shape of an operation, and what it is spared. */
export interface NormalizedOperation {
  readonly kind: 'query' | 'mutation'
  /** Data fields under internal keys, fragments expanded, without conditions and introspection; may be empty. */
  readonly selections: readonly SelectionNode[]
  /** Operation text for selections out of {@link selections}, with the variables that they use. */
  textOf(selections: readonly SelectionNode[]): string
  /** Definitions of the variables that selections use, under their names in a plan. */
  variableDefinitionsOf(selections: readonly SelectionNode[]): readonly VariableDefinitionNode[]
  /** The client's name of a variable in a plan. */
  clientVariable(name: string): string
  /** Selections once fragments are expanded: what its plan and its closures grow with. */
  readonly selectionCount: number
  /** Root `__schema` and `__type` fields as the client wrote them. */
  readonly introspection: readonly FieldNode[]
}

export function normalize(
  schema: GraphQLSchema,
  types: TypeFacts,
  operation: OperationDefinitionNode,
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
  conditions: Conditions,
  shape: number,
): NormalizedOperation {
  const kind = operation.operation
  if (kind === 'subscription') throw new Fault('OPERATION_NOT_SUPPORTED', 'Subscriptions are not supported')
  const root = schema.getRootType(kind)
  if (!root) throw new Fault('BAD_INPUT', `The schema has no ${kind} type`)
  const introspection: FieldNode[] = []
  const renamed = renamedVariables(operation.variableDefinitions ?? [])
  let selectionsLeft = SELECTIONS_MAX

  /** One selection set, or several that merge: the same field twice becomes one with both selections. */
  function selectionsOf(sets: readonly SelectionSetNode[], parent: GraphQLCompositeType): SelectionNode[] {
    const fields = new Map<string, { node: FieldNode; sets: SelectionSetNode[] }>()
    const fragmentsOf = new Map<string, SelectionSetNode[]>()
    let typename = false

    const spread = new Set<string>()
    const collect = (set: SelectionSetNode): void => {
      for (const selection of set.selections) {
        if (--selectionsLeft < 0) throw tooLarge()
        refuseDefer(selection)
        if (!isIncluded(selection.directives, conditions, shape)) continue
        if (selection.kind === Kind.FIELD) {
          const name = selection.name.value
          refusePrototype(selection.alias?.value, 'an alias')
          if (name === '__typename') typename = true
          else if (name === '__schema' || name === '__type') introspection.push(selection)
          else addField(selection)
          continue
        }
        let fragment: FragmentDefinitionNode | InlineFragmentNode | undefined =
          selection as InlineFragmentNode
        if (selection.kind === Kind.FRAGMENT_SPREAD) {
          const name = selection.name.value
          fragment = fragments.get(name)
          if (!fragment) throw new Fault('BAD_INPUT', `Unknown fragment "${name}"`)
          if (spread.has(name)) continue
          spread.add(name)
        }
        const condition = fragment.typeCondition?.name.value
        const type = condition === undefined ? parent : schema.getType(condition)
        if (!isCompositeType(type)) throw new Fault('BAD_INPUT', `Unknown type "${condition}" in a fragment`)
        if (type === parent || (isAbstractType(type) && schema.isSubType(type, parent as never)))
          collect(fragment.selectionSet)
        else if (isAbstractType(parent)) {
          const known = fragmentsOf.get(type.name)
          if (known) known.push(fragment.selectionSet)
          else fragmentsOf.set(type.name, [fragment.selectionSet])
        }
      }
    }
    const addField = (node: FieldNode): void => {
      const responseKey = node.alias?.value ?? node.name.value
      const known = fields.get(responseKey)
      if (known) {
        if (node.selectionSet) known.sets.push(node.selectionSet)
      } else fields.set(responseKey, { node, sets: node.selectionSet ? [node.selectionSet] : [] })
    }

    for (const set of sets) collect(set)
    const out: SelectionNode[] = []
    for (const [responseKey, field] of fields) out.push(fieldOf(responseKey, field.node, field.sets, parent))
    for (const [name, inner] of fragmentsOf) {
      const selections = selectionsOf(inner, schema.getType(name) as GraphQLCompositeType)
      out.push(onType(name, selections))
    }
    const needed = (typename || fragmentsOf.size > 0) && isAbstractType(parent)
    if (needed || (out.length === 0 && parent !== root)) out.unshift(TYPENAME)
    return out
  }

  function fieldOf(
    responseKey: string,
    node: FieldNode,
    sets: readonly SelectionSetNode[],
    parent: GraphQLCompositeType,
  ): FieldNode {
    const name = node.name.value
    const definition = 'getFields' in parent ? parent.getFields()[name] : undefined
    if (!definition) throw new Fault('BAD_INPUT', `Cannot query field "${name}" on type "${parent.name}"`)
    const key = internalKey(responseKey, name, types)
    const type = getNamedType(definition.type)
    return {
      kind: Kind.FIELD,
      name: node.name,
      ...(key === name ? {} : { alias: { kind: Kind.NAME, value: key } }),
      arguments: (node.arguments ?? []).map(
        argument => ({ ...argument, value: withRenamed(argument.value, renamed) }) as ArgumentNode,
      ),
      ...(isCompositeType(type)
        ? { selectionSet: { kind: Kind.SELECTION_SET, selections: selectionsOf(sets, type) } }
        : {}),
    }
  }

  function variableDefinitionsOf(chosen: readonly SelectionNode[]): VariableDefinitionNode[] {
    const used = new Set<string>()
    for (const selection of chosen) collectVariables(selection, used)
    return (operation.variableDefinitions ?? []).flatMap(definition => {
      const client = definition.variable.name.value
      const name = renamed.get(client) ?? client
      if (!used.has(name)) return []
      const variable = { ...definition.variable, name: { kind: Kind.NAME, value: name } } as const
      return [{ ...definition, directives: [], variable }]
    })
  }

  const selections = selectionsOf([operation.selectionSet], root)
  return {
    kind,
    selections,
    selectionCount: SELECTIONS_MAX - selectionsLeft,
    introspection,
    clientVariable: clientVariables(operation),
    variableDefinitionsOf,
    textOf: chosen =>
      print({
        kind: Kind.OPERATION_DEFINITION,
        operation: kind,
        variableDefinitions: variableDefinitionsOf(chosen),
        selectionSet: { kind: Kind.SELECTION_SET, selections: [...chosen] },
      } as OperationDefinitionNode),
  }
}

/** The client's names of the variables in any plan of the operation. */
export function clientVariables(operation: OperationDefinitionNode): (name: string) => string {
  const renamed = renamedVariables(operation.variableDefinitions ?? [])
  const clientNames = new Map([...renamed].map(([client, ours]) => [ours, client]))
  return name => clientNames.get(name) ?? name
}

/** More than {@link SELECTIONS_MAX}. */
export function tooLarge(): Fault {
  return new Fault(
    'OPERATION_TOO_LARGE',
    `Expected at most ${SELECTIONS_MAX} selections once fragments are expanded, got more`,
  )
}

const TYPENAME: FieldNode = { kind: Kind.FIELD, name: { kind: Kind.NAME, value: '__typename' } }

/** Written as a key of a plain object it would set that object's prototype. Throws Fault BAD_INPUT. */
function refusePrototype(name: string | undefined, what: string): void {
  if (name === '__proto__') throw new Fault('BAD_INPUT', `Expected ${what} other than "__proto__"`)
}

function refuseDefer(selection: SelectionNode): void {
  const directive = selection.directives?.find(
    ({ name }) => name.value === 'defer' || name.value === 'stream',
  )
  if (directive) throw new Fault('OPERATION_NOT_SUPPORTED', `@${directive.name.value} is not supported`)
}

function renamedVariables(definitions: readonly VariableDefinitionNode[]): Map<string, string> {
  const taken = new Set(definitions.map(definition => definition.variable.name.value))
  const renamed = new Map<string, string>()
  for (const name of [...taken]) {
    refusePrototype(name, 'a variable')
    if (!PLANNERS_VARIABLE.test(name) && !INHERITED.has(name)) continue
    let ours = `client_${name}`
    while (taken.has(ours)) ours = `client_${ours}`
    taken.add(ours)
    renamed.set(name, ours)
  }
  return renamed
}

function withRenamed(value: ValueNode, renamed: ReadonlyMap<string, string>): ValueNode {
  if (renamed.size === 0) return value
  if (value.kind === Kind.VARIABLE) {
    const ours = renamed.get(value.name.value)
    return ours === undefined ? value : { ...value, name: { kind: Kind.NAME, value: ours } }
  }
  if (value.kind === Kind.LIST)
    return { ...value, values: value.values.map(item => withRenamed(item, renamed)) }
  if (value.kind === Kind.OBJECT)
    return {
      ...value,
      fields: value.fields.map(field => ({ ...field, value: withRenamed(field.value, renamed) })),
    }
  return value
}

function collectVariables(node: SelectionNode, into: Set<string>): void {
  if (node.kind === Kind.FIELD)
    for (const argument of node.arguments ?? []) collectFromValue(argument.value, into)
  if (node.kind !== Kind.FRAGMENT_SPREAD)
    for (const selection of node.selectionSet?.selections ?? []) collectVariables(selection, into)
}

function collectFromValue(value: ValueNode, into: Set<string>): void {
  if (value.kind === Kind.VARIABLE) into.add(value.name.value)
  else if (value.kind === Kind.LIST) for (const item of value.values) collectFromValue(item, into)
  else if (value.kind === Kind.OBJECT) for (const field of value.fields) collectFromValue(field.value, into)
}
