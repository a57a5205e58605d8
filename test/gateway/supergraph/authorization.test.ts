import { parse } from 'graphql'
import { describe, expect, test } from 'vitest'
import { authorizationOf, type Requirement } from '../../../gateway/supergraph/authorization.ts'

const AUTHENTICATED: Requirement = { kind: 'authenticated' }
const scope = (...anyOf: string[][]): Requirement => ({ kind: 'scope', anyOf })
const policy = (...anyOf: string[][]): Requirement => ({ kind: 'policy', anyOf })

const read = (sdl: string) => authorizationOf(parse(sdl))
const needs = (sdl: string, coordinate: string): readonly Requirement[] => {
  const [type, field] = coordinate.split('.') as [string, string]
  return read(sdl)?.requirementsOf(type, field) ?? []
}

const link = (spec: string, more = ''): string => `@link(url: "https://specs.apollo.dev/${spec}"${more})`
const SCHEMA = `schema ${link('link/v1.0')}`

describe('under the names that the supergraph links', () => {
  test.each([
    ['their own', `${link('authenticated/v0.1', ', for: SECURITY')}`, '@authenticated'],
    ['another, by as', `${link('authenticated/v0.1', ', as: "auth"')}`, '@auth'],
    [
      'another, by import',
      `${link('authenticated/v0.1', ', import: [{name: "@authenticated", as: "@in"}]')}`,
      '@in',
    ],
    ["Federation's", link('federation/v2.9'), '@federation__authenticated'],
    ["Federation's, by as", link('federation/v2.9', ', as: "fed"'), '@fed__authenticated'],
    ["Federation's, imported", link('federation/v2.9', ', import: ["@authenticated"]'), '@authenticated'],
    [
      "Federation's, imported as another",
      link('federation/v2.9', ', import: [{name: "@authenticated", as: "@in"}]'),
      '@in',
    ],
    ['no link at all', '', '@authenticated'],
  ])('%s', (_, links, applied) => {
    expect(needs(`${SCHEMA} ${links} { query: Query } type Query { a: Int ${applied} }`, 'Query.a')).toEqual([
      AUTHENTICATED,
    ])
  })

  test("somebody else's directive of the same name is none", () => {
    const links = '@link(url: "https://rules.example/rules/v1.0", import: ["@policy"])'
    expect(read(`${SCHEMA} ${links} { query: Query } type Query { a: Int @policy(n: 1) }`)).toBeUndefined()
  })

  test('a directive that was renamed leaves its old name to others', () => {
    const links = link('authenticated/v0.1', ', as: "auth"')
    expect(read(`${SCHEMA} ${links} { query: Query } type Query { a: Int @authenticated }`)).toBeUndefined()
  })
})

test('nothing is guarded', () => {
  expect(read('type Query { a: Int }')).toBeUndefined()
})

test('a field needs what stands on it, on its type and on what it returns', () => {
  const sdl = `
    type Query { open: Int  node: [Node!]!  secret: Secret  when: When  kind: Kind  all: Secret @authenticated @policy(policies: [["p"]]) }
    type Secret @requiresScopes(scopes: [["s"]]) { id: ID!  more: Int @requiresScopes(scopes: [["m", "n"], ["o"]]) }
    type Node { id: ID! }
    scalar When @authenticated
    enum Kind @policy(policies: [["k"]]) { A }`
  expect(needs(sdl, 'Query.open')).toEqual([])
  expect(needs(sdl, 'Query.node')).toEqual([])
  expect(needs(sdl, 'Query.secret')).toEqual([scope(['s'])])
  expect(needs(sdl, 'Query.when')).toEqual([AUTHENTICATED])
  expect(needs(sdl, 'Query.kind')).toEqual([policy(['k'])])
  expect(needs(sdl, 'Query.all')).toEqual([AUTHENTICATED, policy(['p']), scope(['s'])])
  expect(needs(sdl, 'Secret.id')).toEqual([scope(['s'])])
  expect(needs(sdl, 'Secret.more')).toEqual([scope(['m', 'n'], ['o']), scope(['s'])])
  expect(needs(sdl, 'Secret.unknown')).toEqual([])
})

test('equal requirements are one object', () => {
  const sdl = `type Query { a: Int @requiresScopes(scopes: [["s"]])  b: Int @requiresScopes(scopes: [["s"]]) }`
  const authorization = read(sdl)!
  expect(authorization.requirementsOf('Query', 'a')[0]).toBe(authorization.requirementsOf('Query', 'b')[0])
})

test('an interface guards what is selected of it; of its objects, only what is added to all of them', () => {
  const sdl = `
    type Query { node: Node  user: User }
    interface Node @authenticated {
      id: ID!
      name: String @requiresScopes(scopes: [["s"]])
      added: Int @join__field(graph: B) @policy(policies: [["p"]])
    }
    type User implements Node { id: ID!  name: String  added: Int @join__field }`
  expect(needs(sdl, 'Query.node')).toEqual([AUTHENTICATED])
  expect(needs(sdl, 'Query.user')).toEqual([])
  expect(needs(sdl, 'Node.name')).toEqual([scope(['s']), AUTHENTICATED])
  expect(needs(sdl, 'User.id')).toEqual([])
  expect(needs(sdl, 'User.name')).toEqual([])
  expect(needs(sdl, 'User.added')).toEqual([policy(['p']), AUTHENTICATED])
})

test('a field needs what the fields need that it requires, and what those require', () => {
  const sdl = `
    type Query { product: Product }
    type Product @join__type(graph: A, key: "id") @join__type(graph: B, key: "id") {
      id: ID!
      weight: Int @join__field(graph: A) @authenticated
      box: Box @join__field(graph: A)
      sizes: [Size] @join__field(graph: A)
      fee: Int @join__field(graph: B, requires: "weight")
      total: Int @join__field(graph: A, requires: "fee")
      volume: Int @join__field(graph: B, requires: "box { depth }")
      widest: Int @join__field(graph: B, requires: "sizes { width ... on Cut { cut } }")
    }
    type Box { depth: Int @policy(policies: [["boxes"]])  height: Int }
    interface Size { width: Int }
    type Whole implements Size { width: Int @requiresScopes(scopes: [["wholes"]]) }
    type Cut implements Size { width: Int  cut: Int @requiresScopes(scopes: [["cuts"]]) }`
  expect(needs(sdl, 'Product.fee')).toEqual([AUTHENTICATED])
  expect(needs(sdl, 'Product.total')).toEqual([AUTHENTICATED])
  expect(needs(sdl, 'Product.volume')).toEqual([policy(['boxes'])])
  expect(needs(sdl, 'Product.widest')).toEqual([scope(['wholes']), scope(['cuts'])])
  expect(needs(sdl, 'Product.box')).toEqual([])
})

test('what is no list is a list of one', () => {
  const sdl =
    'type Query { a: Int @requiresScopes(scopes: "s")  b: Int @policy(policies: ["p", ["q", "r"]]) }'
  expect(needs(sdl, 'Query.a')).toEqual([scope(['s'])])
  expect(needs(sdl, 'Query.b')).toEqual([policy(['p'], ['q', 'r'])])
})

test.each([
  [
    'type Query { a: Int @requiresScopes }',
    'Query.a: expected scopes of @requiresScopes to be lists of lists of strings, got undefined',
  ],
  [
    'type Query @policy(policies: [[1]]) { a: Int }',
    'Query: expected policies of @policy to be lists of lists of strings, got [[1]]',
  ],
  [
    'scalar S @policy(policies: [[["p"]]]) type Query { a: S }',
    'S: expected policies of @policy to be lists of lists of strings, got [[["p"]]]',
  ],
])('%s is refused', (sdl, message) => {
  expect(() => read(sdl)).toThrow(message)
})
