import { composeServices } from '@theguild/federation-composition'
import { buildSchema, parse, printSchema } from 'graphql'
import { expect, test } from 'vitest'
import { apiSchema, printApiSchema } from '../../../gateway/supergraph/api-schema.ts'

const LINK = `extend schema
  @link(url: "https://specs.apollo.dev/federation/v2.9", import: [
    "@key", "@shareable", "@inaccessible", "@tag", "@cost", "@listSize", "@composeDirective", "@authenticated", "@requiresScopes"])
  @link(url: "https://spillway.dev/cacheControl/v1.0", import: ["@cacheControl"])
  @composeDirective(name: "@cacheControl")
  directive @cacheControl(maxAge: Int, scope: cacheControl__Scope) on FIELD_DEFINITION | OBJECT
  enum cacheControl__Scope { PUBLIC PRIVATE }
`

function supergraph(sdl: string): string {
  const composed = composeServices([{ name: 'a', url: 'http://a', typeDefs: parse(LINK + sdl) }])
  if (composed.errors) throw new Error(composed.errors.map(error => error.message).join('\n'))
  return composed.supergraphSdl as string
}

const cases: { what: string; sdl: string; api: string }[] = [
  {
    what: 'specs, their applications and their types',
    sdl: `type Query { me: User @authenticated @cost(weight: 3) @cacheControl(maxAge: 1, scope: PUBLIC)
            all(first: Int): [User!]! @listSize(slicingArguments: ["first"]) @requiresScopes(scopes: [["a"]]) }
          type User @key(fields: "id") @tag(name: "x") { id: ID! @tag(name: "y") }`,
    api: 'type Query { me: User  all(first: Int): [User!]! }  type User { id: ID! }',
  },
  {
    what: 'inaccessible fields, arguments, input fields and enum values',
    sdl: `type Query { a(x: Int, hidden: Int @inaccessible): Color  b: Int @inaccessible  c(in: In): Int }
          enum Color { RED  GREEN @inaccessible }
          input In { x: Int  hidden: Int @inaccessible }`,
    api: 'type Query { a(x: Int): Color  c(in: In): Int }  enum Color { RED }  input In { x: Int }',
  },
  {
    what: 'inaccessible types, union members and implements',
    sdl: `type Query { u: U  n: N }
          union U = Seen | Hidden
          type Seen implements N & Secret { id: ID!  x: Int }
          type Hidden @inaccessible { y: Int }
          interface N { id: ID! }
          interface Secret @inaccessible { x: Int }`,
    api: 'type Query { u: U  n: N }  union U = Seen  type Seen implements N { id: ID!  x: Int }  interface N { id: ID! }',
  },
  {
    what: 'what clients may know: descriptions, @deprecated, @specifiedBy, @oneOf, defaults',
    sdl: `"The root." type Query { "A field." f("An argument." a: Int = 3, b: E = X): When @deprecated(reason: "old")  g(by: By): Int }
          "An instant." scalar When @specifiedBy(url: "https://example.org/when")
          enum E { "First." X  Y @deprecated }
          input By @oneOf { id: ID  name: String }`,
    api: `"The root." type Query { "A field." f("An argument." a: Int = 3, b: E = X): When @deprecated(reason: "old")  g(by: By): Int }
          "An instant." scalar When @specifiedBy(url: "https://example.org/when")
          enum E { "First." X  Y @deprecated }
          input By @oneOf { id: ID  name: String }`,
  },
]

test.each(cases)('$what', ({ sdl, api }) => {
  const sorted = (text: string): string[] => printSchema(buildSchema(text)).split('\n\n').sort()
  expect(sorted(printApiSchema(supergraph(sdl)))).toEqual(sorted(api))
})

test('@oneOf and @specifiedBy reach introspection', () => {
  const schema = apiSchema(supergraph(cases[3]!.sdl))
  expect(schema.getType('By')).toMatchObject({ isOneOf: true })
  expect(schema.getType('When')).toMatchObject({ specifiedByURL: 'https://example.org/when' })
})

test('what refers to a removed type goes with it, and what that empties', () => {
  // No composer lets this through; a supergraph may come from elsewhere.
  const sdl = `
    schema @link(url: "https://specs.apollo.dev/link/v1.0")
      @link(url: "https://specs.apollo.dev/inaccessible/v0.2", import: [{name: "@inaccessible", as: "@hidden"}]) { query: Query  mutation: Mutation }
    type Query { a: Int  b: Gone  c(g: GoneInput): Int  d(g: GoneInput!): Int  e: Empty  f: Only }
    type Mutation { m: Gone }
    type Gone @hidden { x: Int }
    type Empty { g: Gone }
    union Only = Gone | Empty
    input GoneInput @hidden { x: Int }`
  expect(printSchema(apiSchema(sdl))).toBe('type Query {\n  a: Int\n  c: Int\n}')
})

test('renamed specs are recognised', () => {
  const sdl = `
    schema @link(url: "https://specs.apollo.dev/link/v1.0")
      @link(url: "https://specs.apollo.dev/inaccessible/v0.2", as: "private")
      @link(url: "https://example.org/rate/v1.2", as: "limit", import: ["Window"]) { query: Query }
    directive @private on FIELD_DEFINITION
    directive @limit(w: Window, u: limit__Unit) on FIELD_DEFINITION
    directive @trace(deep: Boolean) on FIELD | FIELD_DEFINITION
    scalar Window
    enum limit__Unit { S }
    type Query { a: Int @limit(w: "1m")  b: Int @private  my__field: my__Type }
    type my__Type { x: Int }`
  expect(printSchema(apiSchema(sdl))).toBe(
    'directive @trace(deep: Boolean) on FIELD\n\ntype Query {\n  a: Int\n  my__field: my__Type\n}\n\ntype my__Type {\n  x: Int\n}',
  )
})

test("a linked spec's directives for operations stay, with the types of their arguments", () => {
  const sdl = `
    schema @link(url: "https://specs.apollo.dev/link/v1.0")
      @link(url: "https://specs.apollo.dev/inaccessible/v0.2")
      @link(url: "https://example.org/access/v1.0", import: ["@access", "@audit", "Scope", "Why"]) { query: Query }
    directive @inaccessible on ENUM | SCALAR | ARGUMENT_DEFINITION
    directive @access(scope: Scope! = PUBLIC, why: Why, secret: Secret, x: Int @inaccessible) on FIELD | OBJECT
    directive @audit(secret: Secret!) on FIELD
    enum Scope { PUBLIC PRIVATE }
    input Why { of: access__Reason, and: Why }
    scalar access__Reason
    scalar access__Unused
    scalar Secret @inaccessible
    type Query @access { a: Int }`
  expect(printSchema(apiSchema(sdl)).split('\n\n')).toEqual([
    'directive @access(scope: Scope! = PUBLIC, why: Why) on FIELD',
    'enum Scope {\n  PUBLIC\n  PRIVATE\n}',
    'input Why {\n  of: access__Reason\n  and: Why\n}',
    'scalar access__Reason',
    'type Query {\n  a: Int\n}',
  ])
})

test('printing is deterministic and does not depend on the order of definitions', () => {
  const types = ['type Query { b: B  a: A }', 'type A { x: Int }', 'type B { y: Int }']
  expect(printApiSchema(types.join('\n'))).toBe(printApiSchema(types.toReversed().join('\n')))
})

test('a supergraph with nothing left for clients is refused', () => {
  expect(() => apiSchema('type Query { gone: Missing }')).toThrow("The supergraph's API schema is not valid")
})
