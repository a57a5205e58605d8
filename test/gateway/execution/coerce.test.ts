import fc from 'fast-check'
import { buildSchema, getVariableValues, Kind, type OperationDefinitionNode, parse } from 'graphql'
import { expect, test } from 'vitest'
import { compileCoerce, UNUSUAL } from '../../../gateway/execution/coerce.ts'
import { compileVariables } from '../../../gateway/execution/variables.ts'

const schema = buildSchema(`
  scalar Anything
  enum Colour { RED GREEN }
  input Box { name: String!  size: Int = 3  colour: Colour  boxes: [Box!]  tags: [[ID]] = [["a"]]  any: Anything  weight: Float }
  input One @oneOf { a: Int  b: String }
  type Query { a: Int }
`)

const TYPES = [
  'Int',
  'Int!',
  'Float',
  'String!',
  'Boolean',
  'ID',
  'Colour!',
  '[Int!]',
  '[[String]!]!',
  'Box',
  '[Box!]!',
  'One',
  'Anything',
]

const leaf = fc.oneof(
  fc.constantFrom(
    null,
    undefined,
    true,
    'RED',
    'GREEN',
    'x',
    '',
    0,
    -0,
    1,
    1.5,
    2 ** 31,
    -(2 ** 31),
    Number.NaN,
  ),
  fc.string(),
  fc.double(),
)
const value = fc.letrec(tie => ({
  any: fc.oneof(
    { maxDepth: 3 },
    leaf,
    fc.array(tie('any'), { maxLength: 3 }),
    fc.record(
      {
        name: leaf,
        size: leaf,
        colour: leaf,
        boxes: tie('any'),
        tags: tie('any'),
        any: tie('any'),
        a: leaf,
        stray: leaf,
      },
      { requiredKeys: [] },
    ),
  ),
})).any

test('whatever is of the plain form is coerced as graphql-js coerces it, and nothing else is', () => {
  let plain = 0
  fc.assert(
    fc.property(
      fc.constantFrom(...TYPES),
      fc.constantFrom('', ' = null', ' = 1', ' = RED', ' = "d"', ' = [1]', ' = {name: "n"}'),
      fc.option(value, { nil: undefined }),
      (type, defaultValue, given) => {
        const operation = parse(`query($v: ${type}${defaultValue}) { a }`).definitions[0]
        if (operation?.kind !== Kind.OPERATION_DEFINITION) throw new Error('Expected an operation')
        const variables = given === undefined ? {} : { v: given }
        const expected = slow(operation, variables)
        let got: unknown
        try {
          got = compileVariables(schema, operation)(variables)
        } catch {
          got = 'refused'
        }
        expect(got).toEqual(expected)
        if (got !== 'refused') plain++
      },
    ),
    { numRuns: 3_000, seed: 20_260_217 },
  )
  expect(plain).toBeGreaterThan(300)
})

function slow(operation: OperationDefinitionNode, variables: Record<string, unknown>): unknown {
  const text = JSON.stringify(variables)
  if (/\\u0000|\\ud[89a-f]/.test(text)) return 'refused'
  return getVariableValues(schema, operation.variableDefinitions ?? [], variables).coerced ?? 'refused'
}

test.each([
  ['Box', { name: 'a', boxes: [{ name: 'b' }] }],
  ['Int', 7],
  ['Colour', 'RED'],
])('a value of %s needs no other way', (name, given) => {
  expect(compileCoerce(schema.getType(name) as never)(given)).not.toBe(UNUSUAL)
})
