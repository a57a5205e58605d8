import fc from 'fast-check'
import { buildSchema, type OperationDefinitionNode, parse, validate } from 'graphql'
import { expect, test } from 'vitest'
import { conditionsOf } from '../../../gateway/execution/conditions.ts'
import { createErrorList } from '../../../gateway/execution/errors.ts'
import { fragmentsOf } from '../../../gateway/execution/fragments.ts'
import { compileProjection } from '../../../gateway/execution/project.ts'
import { compileSelectFields } from '../../../gateway/execution/selected-fields.ts'
import { compileWrite, type Write } from '../../../gateway/execution/write.ts'
import { typeFacts } from '../../../gateway/supergraph/type-facts.ts'

const SDL = `
  scalar Anything
  enum Colour { RED GREEN }
  interface Node { id: ID! }
  type Product implements Node { id: ID!  name: String  stock: Int!  price: Float  open: Boolean  colour: Colour  any: Anything  tags: [[String!]]  next: Product }
  type Shop implements Node { id: ID!  city: String! }
  union Found = Product | Shop
  type Query { product: Product  products: [Product!]  node: Node  found: [Found] }
`
const QUERY = `{
  product { __typename id label: name stock price open colour any tags __proto__: name next { id quoted: __typename } }
  products { ...P }
  node { __typename id ... on Product { name } ... on Shop { city } }
  found { ... on Node { id } ... on Shop { city } }
  __typename
}
fragment P on Product { id stock }`

const schema = buildSchema(SDL)
const types = typeFacts(parse(SDL), new Map())

/** Both ways of one query over the same data. */
function bothWays(query: string): {
  write: Write
  project: (data: Record<string, unknown>) => [string, number]
} {
  const document = parse(query)
  expect(validate(schema, document)).toEqual([])
  const operation = document.definitions[0] as OperationDefinitionNode
  const fragments = fragmentsOf(document)
  const conditions = conditionsOf(operation, fragments)
  const selectFields = compileSelectFields(schema, fragments, conditions, 0)
  const projection = compileProjection(schema, types, operation, selectFields)
  return {
    write: compileWrite(schema, types, operation, selectFields),
    project: data => {
      const errors = createErrorList(100)
      return [JSON.stringify(projection.project(data, undefined, errors)), errors.errors.length]
    },
  }
}

const { write, project } = bothWays(QUERY)

const junk = fc.constantFrom(null, undefined, 0, 1.5, 'x', true, [], {}, Number.NaN)
/** Mostly right, at times not. */
const mostly = <Value>(right: fc.Arbitrary<Value>): fc.Arbitrary<unknown> =>
  fc.oneof({ weight: 30, arbitrary: right }, { weight: 1, arbitrary: junk })
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 80 }),
  fc.constantFrom('"', '\\', '\u0000', '\ud800', '\udc00x', '😀', '\u2028', '奶茶', `${'x'.repeat(64)}"`),
)
const product = fc.letrec(tie => ({
  product: fc.record({
    __typename: fc.constant('Product'),
    id: mostly(fc.oneof(text, fc.integer())),
    name: mostly(fc.option(text)),
    _a_label: mostly(fc.option(text)),
    _a___proto__: mostly(text),
    stock: mostly(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })),
    price: mostly(fc.option(fc.double({ noNaN: true, noDefaultInfinity: true }))),
    open: mostly(fc.option(fc.boolean())),
    colour: mostly(fc.option(fc.constantFrom('RED', 'GREEN'))),
    any: fc.option(fc.jsonValue()),
    tags: mostly(fc.option(fc.array(fc.option(fc.array(text, { maxLength: 2 })), { maxLength: 2 }))),
    next: fc.oneof({ maxDepth: 2 }, fc.constant(null), tie('product')),
  }),
})).product
const shop = fc.record({ __typename: fc.constant('Shop'), id: mostly(text), city: mostly(text) })
const either = fc.oneof(product, shop, fc.constant({ __typename: 'Unknown', id: '1' }))

test('what is written is what is projected and stringified; what has an error to tell is left to the projection', () => {
  let written = 0
  fc.assert(
    fc.property(
      fc.record({
        product: fc.option(product),
        products: mostly(fc.option(fc.array(product, { maxLength: 2 }))),
        node: fc.option(either),
        found: mostly(fc.array(fc.option(either), { maxLength: 3 })),
      }),
      data => {
        const json = write(data, undefined)
        const [projected, errors] = project(data)
        if (json !== undefined) {
          written++
          expect(json).toBe(projected)
        }
        expect(json === undefined).toBe(errors > 0)
      },
    ),
    { numRuns: 3_000, seed: 20_260_217 },
  )
  expect(written).toBeGreaterThan(500)
})

test('answers to introspection stand where the client asked for them', () => {
  const { write: withSchema } = bothWays(
    '{ a: __schema { queryType { name } } product { id } none: __type(name: "No") { name } }',
  )
  expect(withSchema({ product: null }, { a: { queryType: { name: 'Query' } } })).toBe(
    '{"a":{"queryType":{"name":"Query"}},"product":null,"none":null}',
  )
})

test('names that JavaScript has a meaning for are names', () => {
  const { write: odd } = bothWays('{ constructor: __typename product { toString: id then: stock eval: id } }')
  expect(odd({ product: { _a_toString: 'a', _a_then: 1, _a_eval: 'b' } }, undefined)).toBe(
    '{"constructor":"Query","product":{"toString":"a","then":1,"eval":"b"}}',
  )
})
