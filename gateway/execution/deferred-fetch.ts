import {
  type DocumentNode,
  Kind,
  parse,
  parseType,
  print,
  type SelectionNode,
  type VariableDefinitionNode,
} from 'graphql'
import type { Deferred, DeferredObject } from './defer-requires.ts'
import type { FetchNode, FlattenNode, FlattenNodePathSegment, PlanNode } from './plan.ts'

/** A plan from a root field as a plan from the objects that have the deferred field. */
export function moved(node: PlanNode, deferred: DeferredObject): PlanNode {
  const from = (path: readonly FlattenNodePathSegment[]): FlattenNodePathSegment[] => [
    ...deferred.path,
    ...path,
  ]
  switch (node.kind) {
    case 'Sequence':
    case 'Parallel':
      return { ...node, nodes: node.nodes.map(child => moved(child, deferred)) }
    case 'Flatten':
      return { ...node, path: from(node.path) }
    case 'BatchFetch': {
      const aliases = node.entityBatch.aliases.map(alias => ({ ...alias, paths: alias.paths.map(from) }))
      return { ...node, entityBatch: { ...node.entityBatch, aliases } }
    }
    case 'Fetch':
      return fromEntities(node, deferred)
    default:
      return node
  }
}

/** The fetch of the root field that stands for a deferred one, as a fetch of the field itself. */
function fromEntities(node: FetchNode, deferred: DeferredObject): FlattenNode {
  const { definitions } = parse(node.operation, { noLocation: true })
  const root = definitions.find(definition => definition.kind === Kind.OPERATION_DEFINITION)
  const fragments = definitions.filter(definition => definition.kind === Kind.FRAGMENT_DEFINITION)
  const { name } = deferred.field
  const selections = (root?.selectionSet.selections ?? []).map(selection => {
    if (selection.kind !== Kind.FIELD)
      throw new Error(`Expected a fetch of the root field for "${name.value}", got ${print(selection)}`)
    const { alias, ...field } = selection
    return alias && alias.value !== name.value ? { ...selection, name } : { ...field, name }
  })
  const { outputRewrites } = node
  const fetch = entityFetch(deferred, selections, root?.variableDefinitions ?? [], fragments)
  return outputRewrites ? { ...fetch, node: { ...(fetch.node as FetchNode), outputRewrites } } : fetch
}

/** A fetch of some fields of the objects that have a deferred one. */
export function entityFetch(
  { typename, path, service, requires }: Deferred,
  selections: readonly SelectionNode[],
  variables: readonly VariableDefinitionNode[],
  fragments: DocumentNode['definitions'],
): FlattenNode {
  const document = {
    kind: Kind.DOCUMENT,
    definitions: [
      {
        kind: Kind.OPERATION_DEFINITION,
        operation: 'query',
        variableDefinitions: [REPRESENTATIONS, ...variables],
        selectionSet: {
          kind: Kind.SELECTION_SET,
          selections: [
            {
              kind: Kind.FIELD,
              name: { kind: Kind.NAME, value: '_entities' },
              arguments: [
                {
                  kind: Kind.ARGUMENT,
                  name: REPRESENTATIONS.variable.name,
                  value: REPRESENTATIONS.variable,
                },
              ],
              selectionSet: {
                kind: Kind.SELECTION_SET,
                selections: [
                  {
                    kind: Kind.INLINE_FRAGMENT,
                    typeCondition: { kind: Kind.NAMED_TYPE, name: { kind: Kind.NAME, value: typename } },
                    selectionSet: { kind: Kind.SELECTION_SET, selections },
                  },
                ],
              },
            },
          ],
        },
      },
      ...fragments,
    ],
  } as DocumentNode
  return {
    kind: 'Flatten',
    path: [...path],
    node: {
      kind: 'Fetch',
      serviceName: service,
      operationKind: 'query',
      operation: print(document),
      variableUsages: variables.map(({ variable }) => variable.name.value),
      requires: [...requires],
    },
  }
}

const REPRESENTATIONS: VariableDefinitionNode = {
  kind: Kind.VARIABLE_DEFINITION,
  variable: { kind: Kind.VARIABLE, name: { kind: Kind.NAME, value: 'representations' } },
  type: parseType('[_Any!]!', { noLocation: true }),
}
