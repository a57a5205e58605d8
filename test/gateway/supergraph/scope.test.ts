import { type OperationDefinitionNode, parse } from 'graphql'
import { describe, expect, test } from 'vitest'
import { fragmentsOf } from '../../../gateway/execution/fragments.ts'
import { authorizationOf } from '../../../gateway/supergraph/authorization.ts'
import { cacheHints, type HintOverrides } from '../../../gateway/supergraph/cache-hints.ts'
import { refuseGuardedPublic, scopesOf, strictest } from '../../../gateway/supergraph/scope.ts'

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
      lead: Lead @cacheControl(scope: PUBLIC)
    }
    interface Node @cacheControl(scope: PUBLIC) @join__type(graph: A) { id: ID!  mark: Int }
    type Product implements Node @cacheControl(maxAge: 60, scope: PUBLIC) @join__type(graph: A) {
      id: ID!  name: String  mark: Int
      ours: Int @cacheControl(scope: PRIVATE)
      owner: Shopper
      variant: Variant @cacheControl(scope: PUBLIC)
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
    type Third @cacheControl(scope: PUBLIC) @cacheControl(maxAge: 1, scope: PUBLIC) @join__type(graph: A, key: "id") @join__type(graph: B, key: "id") @join__type(graph: C, key: "id", resolvable: false) {
      id: ID!
      a: Int @join__field(graph: A)
      b: Int @join__field(graph: B)
    }
    type Adds @cacheControl(scope: PUBLIC) @join__type(graph: A, key: "id") @join__type(graph: B, key: "id", resolvable: false) {
      id: ID!
      a: Int @join__field(graph: A)
      b: Int @join__field(graph: B)
    }
    type Link @cacheControl(scope: PUBLIC) @join__type(graph: A, key: "id", resolvable: false) @join__type(graph: B, key: "id", resolvable: false) { id: ID! }
    type Plain @cacheControl(scope: PUBLIC) @join__type(graph: A) @join__type(graph: B) { a: Int }
    union OneOf @cacheControl(scope: PUBLIC) @join__type(graph: A) @join__type(graph: B) = Both
    interface Media @cacheControl(scope: PUBLIC) @join__type(graph: A, key: "id") @join__type(graph: B, key: "id", isInterfaceObject: true) {
      id: ID!
      stars: Int @join__field(graph: B)
    }
    type Book implements Media @cacheControl(scope: PUBLIC) @join__type(graph: A, key: "id") { id: ID!  title: Int  stars: Int @join__field }
    type Lead @join__type(graph: A) @join__type(graph: B) {
      variant: Variant @join__field(graph: B)
      third: Third @cacheControl(scope: PUBLIC) @join__field(graph: B)
      adds: Adds @cacheControl(scope: PUBLIC) @join__field(graph: A)
      stub: Stub @join__field(graph: A)
      reference: Stub @join__field(graph: B)
      link: Link @join__field(graph: B)
      plain: Plain @join__field(graph: B)
      all: Plain
      both: Both @join__field(graph: B)
      oneOf: OneOf @join__field(graph: B)
      media: Media @join__field(graph: B)
      book: Book @join__field(graph: A)
      taken: Plain @join__field(graph: A, usedOverridden: true) @join__field(graph: B)
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
  [
    'what one of three adds to a type that two call public, one of them a reference',
    '{ lead { third { b } } }',
    'PRIVATE',
  ],
  ['a type to which a reference adds something', '{ lead { adds { a } } }', 'PRIVATE'],
  ['what the supergraph does not know', '{ product { nope } }', 'PRIVATE'],
  ['a fragment that is not there', '{ product { ...Nope } }', 'PRIVATE'],
  ['a field that leads to what another may have called public', '{ lead { variant { sku } } }', 'PRIVATE'],
  [
    'a field that leads to a value that another may have called public',
    '{ lead { plain { a } } }',
    'PRIVATE',
  ],
  ['one of two that was taken over from the other', '{ lead { taken { a } } }', 'PRIVATE'],
  ['a union that another may have called public', '{ lead { oneOf { __typename } } }', 'PRIVATE'],
  ['a field that refers to what its owner calls public', '{ lead { reference { sku } } }', 'PRIVATE'],
  ['a field that leads to what nobody owns', '{ lead { link { id } } }', 'PRIVATE'],
  ['a field that leads to what another has objects of', '{ lead { media { id } } }', 'PRIVATE'],
  ["what another adds to an interface's objects", '{ lead { book { stars } } }', 'PRIVATE'],
  ['what has such fields beside it', '{ lead { book { id title } } }', 'PUBLIC'],
  ["a field that leads to its own subgraph's type", '{ lead { stub { title } } }', 'PUBLIC'],
  ['a field that leads to what both call public', '{ lead { both { a } } }', 'PUBLIC'],
  ['a field of both that leads to what one calls public', '{ lead { all { a } } }', 'PUBLIC'],
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

describe('PUBLIC written on a field', () => {
  const refuse = (sdl: string): void => {
    const document = parse(sdl)
    refuseGuardedPublic(document, authorizationOf(document))
  }

  test.each([
    [
      'under its own guard',
      'type Query { a: Int @cacheControl(scope: PUBLIC) @authenticated }',
      'Query.a (under @authenticated)',
    ],
    [
      'of a guarded type',
      'type Query { b: Box } type Box @requiresScopes(scopes: [["x"]]) { a: Int @cacheControl(scope: PUBLIC) }',
      'Box.a (under @requiresScopes)',
    ],
    [
      'that returns a guarded type',
      'type Query { b: Box @cacheControl(scope: PUBLIC) } type Box @policy(policies: [["x"]]) { a: Int }',
      'Query.b (under @policy)',
    ],
    [
      'by one subgraph of two',
      'type Query { a: Int @cacheControl(scope: PRIVATE) @cacheControl(maxAge: 1, scope: PUBLIC) @authenticated }',
      'Query.a (under @authenticated)',
    ],
  ])('%s is refused by name', (_, sdl, place) => {
    expect(() => refuse(sdl)).toThrow(
      `Expected no @cacheControl(scope: PUBLIC) on what only some callers may see, got it on ${place}`,
    )
  })

  test('is no mistake where it is inherited, or where nothing is guarded', () => {
    refuse(
      'type Query { b: Box @authenticated } type Box @cacheControl(scope: PUBLIC) { a: Int @authenticated }',
    )
    refuse('type Query { a: Int @cacheControl(scope: PUBLIC) }')
  })
})

describe("an operator's table", () => {
  const document = parse(`
    type Query { open: Int @cacheControl(scope: PUBLIC)  unsaid: Int  guarded: Int @authenticated  box: Box }
    type Box @join__type(graph: A) { a: Int  b: Int @cacheControl(scope: PUBLIC) }
  `)
  const scopeUnder = (text: string, table: HintOverrides): string => {
    const operation = parse(text).definitions[0] as OperationDefinitionNode
    return scopesOf(document, undefined, table).scopeOf('Query', operation.selectionSet, new Map())
  }

  test.each([
    ['narrows a field', '{ open }', { 'Query.open': { scope: 'PRIVATE' } }, 'PRIVATE'],
    ['speaks where the schema is silent', '{ unsaid }', { 'Query.unsaid': { scope: 'PUBLIC' } }, 'PUBLIC'],
    ['never opens what is guarded', '{ guarded }', { 'Query.guarded': { scope: 'PUBLIC' } }, 'PRIVATE'],
    ['speaks for a type', '{ box { a b } }', { Box: { scope: 'PUBLIC' } }, 'PUBLIC'],
    [
      'leaves what a field says of itself',
      '{ box { b } }',
      { 'Query.box': { scope: 'PUBLIC' }, Box: { scope: 'PRIVATE' } },
      'PUBLIC',
    ],
    [
      'narrows what inherits from a type',
      '{ box { a } }',
      { 'Query.box': { scope: 'PUBLIC' }, Box: { scope: 'PRIVATE' } },
      'PRIVATE',
    ],
  ] as const)('%s', (_, text, table, scope) => {
    expect(scopeUnder(text, table)).toBe(scope)
  })
})

describe('the strictest hint', () => {
  const document = parse(`
    type Query { slow: Product @cacheControl(maxAge: 60)  any: Node @cacheControl(maxAge: 9)  never: Int @cacheControl(maxAge: 0)  unsaid: Int }
    interface Node @cacheControl(maxAge: 20, scope: PUBLIC) @join__type(graph: A) { id: ID!  mark: Int }
    type Product implements Node @cacheControl(maxAge: 30, scope: PUBLIC) @join__type(graph: A) {
      id: ID!  mark: Int @cacheControl(maxAge: 3, scope: PUBLIC)  stock: Int @cacheControl(scope: PUBLIC)
    }
    type Both @cacheControl(maxAge: 7, scope: PUBLIC) @cacheControl(maxAge: 2, scope: PUBLIC) @join__type(graph: A) { a: Int }
    union _Entity = Product | Both
  `)
  const hintOf = (text: string, table: HintOverrides = {}) => {
    const parsed = parse(text)
    const operation = parsed.definitions[0] as OperationDefinitionNode
    const hint = strictest(
      cacheHints(document, undefined, table),
      'Query',
      operation.selectionSet,
      fragmentsOf(parsed),
    )
    return [hint.freshMs, hint.staleMs]
  }

  test.each([
    ['is the smallest maxAge', '{ slow { id } }', [30_000, 60_000]],
    ['goes through fragments', '{ slow { ...F } } fragment F on Product { id mark }', [3_000, 30_000]],
    ['counts every object that an interface may be', '{ any { mark } }', [3_000, 30_000]],
    ['is that of the type where a directive gives no maxAge', '{ slow { stock } }', [30_000, 60_000]],
    ['is the smallest of several subgraphs', '{ _entities { ... on Both { a } } }', [2_000, 20_000]],
    ['keeps nothing of maxAge 0', '{ slow { id } never }', [0, 0]],
    ['keeps nothing that is unannotated', '{ slow { id } unsaid }', [0, 0]],
    ['is none where nothing is selected', '{ __typename }', [Infinity, Infinity]],
  ])('%s', (_, text, expected) => {
    expect(hintOf(text)).toEqual(expected)
  })

  test('is what the table says of a field, of a type, and of how stale', () => {
    const table = {
      'Product.mark': { freshMs: 50 },
      Product: { freshMs: 400, staleMs: 5 },
      'Query.slow': { staleMs: 7 },
    }
    expect(hintOf('{ slow { id mark } }', table)).toEqual([50, 5])
    expect(hintOf('{ slow { id } }', table)).toEqual([400, 5])
    expect(hintOf('{ slow { __typename } }', table)).toEqual([60_000, 7])
  })
})
