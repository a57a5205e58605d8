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
      sealed: Sealed @cacheControl(scope: PUBLIC)
      disputed: Int @cacheControl(scope: PUBLIC) @cacheControl(scope: PRIVATE)
    }
    interface Node @cacheControl(scope: PUBLIC) @join__type(graph: A) { id: ID!  mark: Int }
    type Product implements Node @cacheControl(maxAge: 60, scope: PUBLIC) @join__type(graph: A) {
      id: ID!  name: String  mark: Int
      ours: Int @cacheControl(scope: PRIVATE)
      owner: Shopper
      variant: Variant
      stub: Stub
      both: Both
    }
    type Variant @cacheControl(scope: PUBLIC) @join__type(graph: A, key: "sku") @join__type(graph: B, key: "sku") {
      sku: ID!
      title: String @join__field(graph: A)
      mine: Int @join__field(graph: B)
      same: Int
    }
    type Stub @cacheControl(scope: PUBLIC) @join__type(graph: A, key: "sku") @join__type(graph: B, key: "sku", resolvable: false) {
      sku: ID!
      title: String @join__field(graph: A) @join__field(graph: B, external: true)
    }
    type Both @cacheControl(scope: PUBLIC) @cacheControl(maxAge: 1, scope: PUBLIC) @join__type(graph: A) @join__type(graph: B) {
      a: Int @join__field(graph: A)
      b: Int @join__field(graph: B)
    }
    type Secret implements Node @join__type(graph: A) { id: ID!  mark: Int }
    type Sealed @cacheControl(scope: PUBLIC) @policy(policies: [["opens"]]) @join__type(graph: A) { id: ID! }
    type Shopper { name: String }
    union Pick @cacheControl(scope: PUBLIC) = Product | Secret
    union _Entity = Product | Both | Shopper | Sealed
  `),
)

test.each([
  ['a field that says so, with leaves of a type that does', '{ product { id name __typename } }', 'PUBLIC'],
  ['a field that says nothing', '{ unsaid }', 'PRIVATE'],
  ['one PRIVATE leaf among others', '{ product { id ours } }', 'PRIVATE'],
  ['a type that says nothing', '{ product { owner { name } } }', 'PRIVATE'],
  [
    'what one of two owners adds to a type that one calls public',
    '{ product { variant { mine } } }',
    'PRIVATE',
  ],
  ['what the other adds, since nobody knows which one', '{ product { variant { title } } }', 'PRIVATE'],
  ['what both have, and the key', '{ product { variant { sku same } } }', 'PUBLIC'],
  ['the only owner of a type that others merely refer to', '{ product { stub { sku title } } }', 'PUBLIC'],
  ['a type that both owners call public', '{ product { both { a b } } }', 'PUBLIC'],
  ['a field under a guard', '{ guarded }', 'PRIVATE'],
  ['a field that returns a guarded type', '{ sealed { __typename } }', 'PRIVATE'],
  ['a field of a guarded type', '{ _entities { ... on Sealed { id } } }', 'PRIVATE'],
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

test('fragments that spread one another twice are looked at once, not 2^60 times', () => {
  const chain = Array.from(
    { length: 60 },
    (_, i) => `fragment F${i} on Product { name ...F${i + 1} ... on Product { ...F${i + 1} } }`,
  )
  const document = parse(`{ product { ...F0 } } ${chain.join(' ')} fragment F60 on Product { name }`)
  const operation = document.definitions[0] as OperationDefinitionNode
  expect(scopeOf('Query', operation.selectionSet, fragmentsOf(document))).toBe('PUBLIC')
})
