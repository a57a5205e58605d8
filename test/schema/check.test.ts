import { buildSchema } from 'graphql'
import { describe, expect, it } from 'vitest'
import {
  connectionsSized,
  copiesAgree,
  described,
  foreignEdgesNullable,
  keysNonNull,
  limitsKept,
  mutationsPriced,
  outcomesSpeak,
  protectedNeverPublic,
  type Rule,
  serviceFieldsHidden,
  serviceTypesHidden,
} from '../../schema/check.ts'
import { parseGraphql } from '../../schema/sources.ts'

/** What a rule says of these subgraphs; the first is also taken for the supergraph and the API. */
function broken(rule: Rule, subgraphs: Record<string, string>): string[] {
  const sources = Object.entries(subgraphs).map(([name, sdl]) => ({
    name,
    ...parseGraphql(`${name}.graphql`, sdl),
  }))
  const first = sources[0]!
  return rule({
    subgraphs: sources,
    supergraph: first.document,
    api: buildSchema(first.text, { assumeValid: true, assumeValidSDL: true }),
  })
}

function expectHolds(rule: Rule, sdl: string, other?: string): void {
  expect(broken(rule, other === undefined ? { a: sdl } : { a: sdl, b: other })).toEqual([])
}

function expectBroken(rule: Rule, sdl: string, problems: string[], other?: string): void {
  expect(broken(rule, other === undefined ? { a: sdl } : { a: sdl, b: other })).toEqual(problems)
}

describe('described', () => {
  it('accepts a schema in which everything is', () =>
    expectHolds(
      described,
      '"q" type Query { "f" f("x" x: E): Int } "e" enum E { "v" V } "i" input I { "x" x: Int }',
    ))

  it('finds every kind of thing that is not', () =>
    expectBroken(
      described,
      'type Query { f(x: E): Int } enum E { V } input I { x: Int } union U = Query interface N { n: Int } scalar S',
      ['Query', 'Query.f', 'Query.f(x:)', 'E', 'E.V', 'I', 'I.x', 'U', 'N', 'N.n', 'S'].map(
        coordinate => `schema/api.graphql ${coordinate} has no description`,
      ),
    ))

  it('takes blanks for nothing', () =>
    expectBroken(described, '" " type Query { "f" f: Int }', ['schema/api.graphql Query has no description']))
})

describe('serviceFieldsHidden', () => {
  it('accepts a service field that is hidden and says for whom', () =>
    expectHolds(
      serviceFieldsHidden,
      'type Mutation { "For the payment service: holds." hold: Int @inaccessible }',
    ))

  it('refuses one that clients could see', () =>
    expectBroken(serviceFieldsHidden, 'type Mutation { "For the payment service: holds." hold: Int }', [
      'a.graphql:1 Mutation.hold says it is for a service: expected @inaccessible',
    ]))

  it('refuses one that does not say for whom it is', () =>
    expectBroken(serviceFieldsHidden, 'type Query { "Holds." hold: Int @inaccessible }', [
      'a.graphql:1 Query.hold is @inaccessible: expected its description to begin "For the … service:"',
    ]))
})

describe('serviceTypesHidden', () => {
  const sdl = (mark: string) =>
    `type Query { f: Int }
     type Mutation { hold(input: HoldInput): Hold @inaccessible }
     type Hold ${mark} { state: State }
     enum State ${mark} { HELD }
     input HoldInput ${mark} { id: ID }`

  it('accepts types that only a service field uses and that are hidden', () =>
    expectHolds(serviceTypesHidden, sdl('@inaccessible')))

  it('refuses them when they are not', () =>
    expectBroken(serviceTypesHidden, sdl(''), [
      'a.graphql:3 no client can reach Hold: expected @inaccessible',
      'a.graphql:4 no client can reach State: expected @inaccessible',
      'a.graphql:5 no client can reach HoldInput: expected @inaccessible',
    ]))

  it('reaches through arguments, unions, interfaces and their implementors', () =>
    expectHolds(
      serviceTypesHidden,
      'type Query { f(x: I): U n: N } input I { e: E } enum E { V } union U = A type A { a: Int } interface N { n: Int } type B implements N { n: Int c: C } type C { c: Int }',
    ))
})

describe('outcomesSpeak', () => {
  const sdl = (implementing: string) =>
    `type Query { f: Int } type Mutation { pay: PayResult! } union PayResult = Paid | Declined
     interface ShopperMessage { code: String } type Paid implements ShopperMessage { code: String } type Declined ${implementing} { code: String }`

  it('accepts a union of messages', () => expectHolds(outcomesSpeak, sdl('implements ShopperMessage')))

  it('refuses a member that is none', () =>
    expectBroken(outcomesSpeak, sdl(''), [
      'a.graphql:2 Declined is an outcome of pay: expected it to implement ShopperMessage',
    ]))
})

describe('protectedNeverPublic', () => {
  it('accepts a public field without a guard and a guarded one that is private', () =>
    expectHolds(
      protectedNeverPublic,
      'type Query { a: Int @cacheControl(scope: PUBLIC) b: Int @requiresScopes(scopes: [["x"]]) c: Int @authenticated @cacheControl(scope: PRIVATE) }',
    ))

  it.each(['@authenticated', '@requiresScopes(scopes: [["x"]])', '@policy(policies: [["x"]])'])(
    'refuses PUBLIC beside %s',
    guard =>
      expectBroken(
        protectedNeverPublic,
        `type Query { a: Int ${guard} @cacheControl(maxAge: 1, scope: PUBLIC) }`,
        [`a.graphql:1 Query.a has ${guard.split('(')[0]}: expected no @cacheControl(scope: PUBLIC)`],
      ),
  )

  it('refuses a guarded field that is public through its type, and a public field of a guarded type', () => {
    expectBroken(
      protectedNeverPublic,
      'type T @cacheControl(scope: PUBLIC) { a: Int @authenticated b: Int }',
      ['a.graphql:1 T.a has @authenticated: expected no @cacheControl(scope: PUBLIC)'],
    )
    expectBroken(
      protectedNeverPublic,
      'type T @authenticated { a: Int @cacheControl(scope: PUBLIC) b: Int }',
      ['a.graphql:1 T.a has @authenticated: expected no @cacheControl(scope: PUBLIC)'],
    )
  })
})

describe('connectionsSized', () => {
  const connection = 'type AConnection { edges: [Int!]! }'
  const size = '@listSize(slicingArguments: ["first"], sizedFields: ["edges"])'

  it('accepts a connection by first and after, with its size', () =>
    expectHolds(
      connectionsSized,
      `type Query { a(first: Int, after: String): AConnection! ${size} } ${connection}`,
    ))

  it('refuses one without its size, or with another', () => {
    expectBroken(
      connectionsSized,
      `type Query { a(first: Int, after: String): AConnection! } ${connection}`,
      [`a.graphql:1 Query.a is a connection: expected ${size}, got none`],
    )
    expectBroken(
      connectionsSized,
      `type Query { a(first: Int, after: String): AConnection! @listSize(assumedSize: 5) } ${connection}`,
      [`a.graphql:1 Query.a is a connection: expected ${size}, got @listSize(assumedSize: 5)`],
    )
  })

  it('refuses one without first or after', () =>
    expectBroken(connectionsSized, `type Query { a(last: Int): AConnection! ${size} } ${connection}`, [
      'a.graphql:1 Query.a is a connection: expected the argument first',
      'a.graphql:1 Query.a is a connection: expected the argument after',
    ]))
})

describe('mutationsPriced', () => {
  it('accepts priced mutations, and free ones that only services see', () =>
    expectHolds(
      mutationsPriced,
      'type Query { free: Int } type Mutation { a: Int @cost(weight: 5) b: Int @inaccessible }',
    ))

  it('refuses a free one', () =>
    expectBroken(mutationsPriced, 'type Mutation { a: Int }', [
      'a.graphql:1 Mutation.a is a mutation: expected @cost',
    ]))
})

describe('foreignEdgesNullable', () => {
  const owner = 'type Campaign @key(fields: "id") { id: ID! name: String } type Edge { node: Campaign! }'

  it('accepts a non-null edge to an own entity, and a nullable one to another’s', () =>
    expectHolds(
      foreignEdgesNullable,
      'type Coupon { campaign: Campaign } type Campaign @key(fields: "id") { id: ID! }',
      owner,
    ))

  it('refuses a non-null edge to what another subgraph knows more of', () =>
    expectBroken(
      foreignEdgesNullable,
      'type Coupon { campaign: Campaign! } type Campaign @key(fields: "id", resolvable: false) { id: ID! }',
      ['a.graphql:1 Coupon.campaign leads to Campaign, of which b knows more: expected it to be nullable'],
      owner,
    ))
})

describe('keysNonNull', () => {
  it('accepts keys that are always there, nested ones too', () =>
    expectHolds(keysNonNull, 'type A @key(fields: "id b { x }") { id: ID! b: B! } type B { x: ID! }'))

  it('refuses a nullable key field', () =>
    expectBroken(keysNonNull, 'type A @key(fields: "id b { x }") { id: ID b: B! } type B { x: ID }', [
      'a.graphql:1 A.id is in a @key: expected it to be non-null',
      'a.graphql:1 B.x is in a @key: expected it to be non-null',
    ]))
})

describe('copiesAgree', () => {
  const pageInfo = '"Where." type PageInfo @shareable { next: Boolean! }'

  it('accepts equal copies, and entities that each subgraph sees its own way', () =>
    expectHolds(
      copiesAgree,
      `${pageInfo} type A @key(fields: "id") { id: ID! }`,
      `type A @key(fields: "id") { id: ID! more: Int } ${pageInfo}`,
    ))

  it('refuses a copy that differs, even in its description', () =>
    expectBroken(
      copiesAgree,
      pageInfo,
      ['b.graphql:1 PageInfo differs from that of a.graphql: expected the same text'],
      pageInfo.replace('Where', 'There'),
    ))
})

describe('limitsKept', () => {
  const sdl = (burst: number) => `
    schema @link(url: "https://spillway.dev/costLimit/v1.0", import: ["@costLimit"]) { query: Query }
    type Query {
      draw(n: Int): Int
        @cost(weight: 10)
        @costLimit(perSecond: 1, burst: ${burst}, by: "n")
    }`

  it('accepts a limit that admits its field', () => expectHolds(limitsKept, sdl(11)))

  it('refuses one that the gateway would not start with', () =>
    expectBroken(limitsKept, sdl(0), [
      'a.graphql:4 Query.draw @costLimit(perSecond: 1, burst: 0, by: "n"): expected burst to be a positive number up to 1000000000, got 0',
    ]))
})
