import {
  type FieldNode,
  type GraphQLCompositeType,
  type GraphQLSchema,
  getNamedType,
  isCompositeType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  type OperationTypeNode,
  parse,
  print,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql'
import type { Supergraph } from '../supergraph/supergraph.ts'
import type { UnionFacts } from '../supergraph/union-facts.ts'
import { fragmentsOf } from './fragments.ts'
import type { NormalizedOperation } from './normalize.ts'
import type { OperationPlan } from './operation-plan.ts'
import type { BatchFetchNode, FetchNode, FlattenNodePathSegment, PlanNode } from './plan.ts'
import { type FieldOf, keyOf, selectedAt, typedFields, withoutSpreads } from './selections.ts'

/**
 * Where several subgraphs could answer a field of a union type, the planner asks the one that it chooses only for members
 * that all of them have, as if no other could come. Subgraphs need not keep to that; then a member comes of which
 * nothing was asked, and each of its fields would be null. This asks for those members too: for what their subgraph
 * resolves by itself, and only if all that the client wants of a member is of that kind.
 */
export function withUnionMembers(
  supergraph: Pick<Supergraph, 'apiSchema' | 'unions'>,
  operation: NormalizedOperation,
  plan: OperationPlan,
): OperationPlan {
  const { unions, apiSchema } = supergraph
  if (unions === undefined) return plan
  const root = apiSchema.getRootType(operation.kind as OperationTypeNode)
  if (!root) return plan
  const completed = <Node extends FetchNode | BatchFetchNode>(
    node: Node,
    type: GraphQLCompositeType | undefined,
    wantedOf: (rootKey: string) => readonly SelectionNode[],
  ): Node => completeOperation(node, operation, apiSchema, unions, type, wantedOf)
  const at = (path: readonly FlattenNodePathSegment[]) => selectedAt(operation.selections, path)
  const complete = (node: PlanNode, path: readonly FlattenNodePathSegment[] | undefined): PlanNode => {
    switch (node.kind) {
      case 'Sequence':
      case 'Parallel':
        return { ...node, nodes: node.nodes.map(child => complete(child, path)) }
      case 'Flatten':
        return { ...node, node: complete(node.node, node.path) as typeof node.node }
      case 'Fetch':
        return path === undefined
          ? completed(node, root, () => operation.selections)
          : completed(node, undefined, () => at(path))
      case 'BatchFetch': {
        const { aliases } = node.entityBatch
        return completed(node, undefined, key =>
          aliases.filter(({ alias }) => alias === key).flatMap(({ paths }) => paths.flatMap(at)),
        )
      }
      default:
        return node
    }
  }
  const stages = plan.stages.map(stage =>
    stage.plan.node
      ? { ...stage, plan: { ...stage.plan, node: complete(stage.plan.node, undefined) } }
      : stage,
  )
  return { ...plan, stages }
}

/**
 * @param root the type of its root fields, of an entity fetch undefined.
 * @param wantedOf what the client selects of the entities under a root key; of a root fetch, at the root.
 */
function completeOperation<Node extends FetchNode | BatchFetchNode>(
  node: Node,
  operation: NormalizedOperation,
  schema: GraphQLSchema,
  unions: UnionFacts,
  root: GraphQLCompositeType | undefined,
  wantedOf: (rootKey: string) => readonly SelectionNode[],
): Node {
  const document = parse(node.operation, { noLocation: true })
  const definition = document.definitions.find(
    (found): found is OperationDefinitionNode => found.kind === Kind.OPERATION_DEFINITION,
  )!
  const added: SelectionNode[] = []
  const whole = withoutSpreads(definition.selectionSet, fragmentsOf(document))
  const selectionSet = root ? completeSet(whole, root, wantedOf('')) : inEntities(whole)
  if (added.length === 0) return node
  const known = new Set((definition.variableDefinitions ?? []).map(({ variable }) => variable.name.value))
  const variables = operation
    .variableDefinitionsOf(added)
    .filter(({ variable }) => !known.has(variable.name.value))
  const completed: OperationDefinitionNode = {
    ...definition,
    selectionSet,
    variableDefinitions: [...(definition.variableDefinitions ?? []), ...variables],
  }
  return {
    ...node,
    operation: print(completed),
    variableUsages: [...(node.variableUsages ?? []), ...variables.map(({ variable }) => variable.name.value)],
  }

  function inEntities(set: SelectionSetNode): SelectionSetNode {
    return {
      ...set,
      selections: set.selections.map(selection => {
        if (selection.kind !== Kind.FIELD || !selection.selectionSet) return selection
        const wanted = wantedOf(keyOf(selection))
        const selections = selection.selectionSet.selections.map(entity => completeEntity(entity, wanted))
        return { ...selection, selectionSet: { ...selection.selectionSet, selections } }
      }),
    }
  }

  function completeEntity(selection: SelectionNode, wanted: readonly SelectionNode[]): SelectionNode {
    if (selection.kind !== Kind.INLINE_FRAGMENT) return selection
    const of = schema.getType(selection.typeCondition?.name.value ?? '')
    return isCompositeType(of)
      ? { ...selection, selectionSet: completeSet(selection.selectionSet, of, wanted) }
      : selection
  }

  function completeSet(
    set: SelectionSetNode,
    parent: GraphQLCompositeType,
    client: readonly SelectionNode[],
  ): SelectionSetNode {
    const selections = set.selections.map((selection): SelectionNode => {
      if (selection.kind === Kind.INLINE_FRAGMENT) {
        const narrowed = schema.getType(selection.typeCondition?.name.value ?? parent.name)
        if (!isCompositeType(narrowed)) return selection
        return { ...selection, selectionSet: completeSet(selection.selectionSet, narrowed, client) }
      }
      if (selection.kind !== Kind.FIELD || !selection.selectionSet) return selection
      const inner = compositeOf(parent, selection)
      if (!inner) return selection
      const below = fieldsFor(client, parent.name).filter(field => keyOf(field) === keyOf(selection))
      const childClient = below.flatMap(field => field.selectionSet?.selections ?? [])
      return { ...selection, selectionSet: completeSet(selection.selectionSet, inner, childClient) }
    })
    return { ...set, selections: [...selections, ...missingMembers(set, parent, client)] }
  }

  function missingMembers(
    set: SelectionSetNode,
    union: GraphQLCompositeType,
    client: readonly SelectionNode[],
  ): SelectionNode[] {
    const members = unions.membersIn(union.name, node.serviceName) ?? []
    const beside: FieldOf[] = typedFields(set.selections, union.name)
    return [...members].flatMap((member): SelectionNode[] => {
      const type = schema.getType(member)
      if (!isObjectType(type) || set.selections.some(selection => isAbout(selection, member))) return []
      const fields = fieldsFor(client, member, true)
      if (fields.length === 0 || !fields.every(field => isLocal(field, type))) return []
      const own = fields.map((field): FieldOf => [member, field])
      if (own.some(field => beside.some(other => isAtOdds(field, other)))) return []
      beside.push(...own)
      const fragment: SelectionNode = {
        kind: Kind.INLINE_FRAGMENT,
        typeCondition: { kind: Kind.NAMED_TYPE, name: { kind: Kind.NAME, value: member } },
        selectionSet: { kind: Kind.SELECTION_SET, selections: fields },
      }
      added.push(fragment)
      return [fragment]
    })
  }

  /** One key of two types, which the subgraph would refuse. What the client wrote fits the API's types, not always its. */
  function isAtOdds([type, field]: FieldOf, [otherType, other]: FieldOf): boolean {
    if (keyOf(field) !== keyOf(other) || field.name.value === '__typename') return false
    const own = unions.typeIn(type, field.name.value, node.serviceName)
    return own === undefined || own !== unions.typeIn(otherType, other.name.value, node.serviceName)
  }

  function isAbout(selection: SelectionNode, member: string): boolean {
    return (
      selection.kind === Kind.INLINE_FRAGMENT && applies(selection.typeCondition?.name.value, member, schema)
    )
  }

  /** Can the fetch's subgraph answer the field, and all below it, by itself? */
  function isLocal(selection: SelectionNode, parent: GraphQLCompositeType): boolean {
    if (selection.kind === Kind.INLINE_FRAGMENT) {
      const type = schema.getType(selection.typeCondition?.name.value ?? parent.name)
      return isObjectType(type) && selection.selectionSet.selections.every(inner => isLocal(inner, type))
    }
    if (selection.kind !== Kind.FIELD) return false
    const name = selection.name.value
    if (name === '__typename') return true
    if (unions.typeIn(parent.name, name, node.serviceName) === undefined) return false
    if (!selection.selectionSet) return true
    const type = compositeOf(parent, selection)
    return type !== undefined && selection.selectionSet.selections.every(inner => isLocal(inner, type))
  }

  /** Fields that the client selects of a type, or of what the type is of. */
  function fieldsFor(client: readonly SelectionNode[], type: string, isNarrow = false): FieldNode[] {
    return client.flatMap((selection): FieldNode[] => {
      if (selection.kind === Kind.FIELD)
        return isNarrow && selection.name.value === '__typename' ? [] : [selection]
      if (selection.kind !== Kind.INLINE_FRAGMENT) return []
      const condition = selection.typeCondition?.name.value
      return applies(condition, type, schema) || (!isNarrow && applies(type, condition ?? type, schema))
        ? fieldsFor(selection.selectionSet.selections, type, isNarrow)
        : []
    })
  }

  function compositeOf(parent: GraphQLCompositeType, field: FieldNode): GraphQLCompositeType | undefined {
    const found = 'getFields' in parent ? parent.getFields()[field.name.value] : undefined
    const type = found && getNamedType(found.type)
    return isCompositeType(type) ? type : undefined
  }
}

/** Does a fragment on `condition` apply to every object of type `type`? */
function applies(condition: string | undefined, type: string, schema: GraphQLSchema): boolean {
  if (condition === undefined || condition === type) return true
  const abstract = schema.getType(condition)
  const object = schema.getType(type)
  return (
    isCompositeType(abstract) &&
    isObjectType(object) &&
    !isObjectType(abstract) &&
    schema.isSubType(abstract, object)
  )
}
