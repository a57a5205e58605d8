import {
  type DocumentNode,
  executeSync,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLSchema,
  Kind,
  type OperationDefinitionNode,
} from 'graphql'
import type { Data } from './tree.ts'

/** Answers root `__schema` and `__type` fields from the API schema; undefined when there are none. */
export type Introspect = ((variables: Readonly<Record<string, unknown>>) => Data) | undefined

export function compileIntrospection(
  schema: GraphQLSchema,
  operation: OperationDefinitionNode,
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
  fields: readonly FieldNode[],
): Introspect {
  if (fields.length === 0) return undefined
  const document: DocumentNode = {
    kind: Kind.DOCUMENT,
    definitions: [
      { ...operation, selectionSet: { kind: Kind.SELECTION_SET, selections: fields } },
      ...fragments.values(),
    ],
  }
  // Not kept: an answer is a thousand times the size of its question, and of questions there is no end.
  return variables => (executeSync({ schema, document, variableValues: variables }).data ?? {}) as Data
}
