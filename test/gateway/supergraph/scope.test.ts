import { type OperationDefinitionNode, parse } from 'graphql'
import { expect, test } from 'vitest'
import { fragmentsOf } from '../../../gateway/execution/fragments.ts'
import { scopesOf } from '../../../gateway/supergraph/scope.ts'

const { scopeOf } = scopesOf(
  parse(`
    type Query {
      product: Product @cacheControl(maxAge: 60, scope: PUBLIC)
      unsaid: String
      pick: Pick @cacheControl(maxAge: 60, scope: PUBLIC)
      node: Node @cacheControl(maxAge: 60, scope: PUBLIC)
      me: Shopper
      guarded: Int @cacheControl(scope: PUBLIC) @authenticated
      disputed: Int @cacheControl(scope: PUBLIC) @cacheControl(scope: PRIVATE)
    }
    interface Node @cacheControl(scope: PUBLIC) @join__type(graph: A) { id: ID!  mark: Int }
    type Product implements Node @cacheControl(maxAge: 60, scope: PUBLIC) @join__type(graph: A) {
      id: ID!  name: String  mark: Int
      ours: Int @cacheControl(scope: PRIVATE)
      owner: Shopper
      variant: Variant
    }
    type Variant @cacheControl(scope: PUBLIC) @join__type(graph: A) @join__type(graph: B) { sku: ID! }
    type Both @cacheControl(scope: PUBLIC) @cacheControl(scope: PUBLIC) @join__type(graph: A) @join__type(graph: B) { a: Int }
    type Secret implements Node @join__type(graph: A) { id: ID!  mark: Int }
    type Shopper { name: String }
    union Pick @cacheControl(scope: PUBLIC) = Product | Secret
    union _Entity = Product | Both | Shopper
  `),
)

test.each([
  ['a field that says so, with leaves of a type that does', '{ product { id name __typename } }', 'PUBLIC'],
  ['a field that says nothing', '{ unsaid }', 'PRIVATE'],
  ['one PRIVATE leaf among others', '{ product { id ours } }', 'PRIVATE'],
  ['a type that says nothing', '{ product { owner { name } } }', 'PRIVATE'],
  ['a type of which only one subgraph says it', '{ product { variant { sku } } }', 'PRIVATE'],
  ['a field under a guard', '{ guarded }', 'PRIVATE'],
  ['a field that two subgraphs disagree on', '{ disputed }', 'PRIVATE'],
  ['through a fragment', '{ product { ...F } } fragment F on Product { ... on Product { name } }', 'PUBLIC'],
  ['through a fragment that is PRIVATE', '{ product { ...F } } fragment F on Product { ours }', 'PRIVATE'],
  ['of a union, the members that are selected', '{ pick { ... on Product { name } } }', 'PUBLIC'],
  ['of a union, a member that says nothing', '{ pick { ... on Secret { id } } }', 'PRIVATE'],
  ['through an interface, whatever the object may be', '{ node { id } }', 'PRIVATE'],
  ['entities that are all public', '{ _entities { ... on Product { name } ... on Both { a } } }', 'PUBLIC'],
  [
    'entities of which one is not',
    '{ _entities { ... on Product { name } ... on Shopper { name } } }',
    'PRIVATE',
  ],
  ['introspection', '{ __typename __schema { types { name } } }', 'PUBLIC'],
])('%s', (_, text, scope) => {
  const document = parse(text)
  const operation = document.definitions[0] as OperationDefinitionNode
  expect(scopeOf('Query', operation.selectionSet, fragmentsOf(document))).toBe(scope)
})
