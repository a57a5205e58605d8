import { buildSchema, type OperationDefinitionNode, parse } from 'graphql'
import { describe, expect, test } from 'vitest'
import { toolInput } from '../../../gateway/mcp/input-schema.ts'

const SCHEMA = buildSchema(`
  "Money in fen."
  scalar Fen
  scalar DateTime
  scalar Mystery
  type Query {
    none: Int
    list(
      "How many."
      first: Int = 10
      after: String
      sizes: [Float!]
      flag: Boolean
      at: DateTime
      price: Fen
      any: Mystery
    ): Int
  }
  type Mutation { act(input: ActInput!, force: Boolean): Int, tree(input: TreeInput): Int }
  input ActInput {
    "What to act on."
    id: ID!
    lines: [LineInput!]!
    color: Color = RED
    note: String
  }
  "One line."
  input LineInput { sku: ID!, quantity: Int! = 1, child: LineInput }
  input TreeInput { left: TreeInput, right: TreeInput }
  "A colour."
  enum Color { "Like blood." RED BLUE }
`)
const input = (text: string) => toolInput(SCHEMA, parse(text).definitions[0] as OperationDefinitionNode)

describe("an operation's variables as a tool's arguments", () => {
  test('properties are there even when there is nothing to say', () => {
    expect(input('{ none }').schema).toEqual({
      type: 'object',
      properties: {},
      required: [],
      additionalProperties: false,
    })
  })

  test('scalars, lists, defaults, and what the schema says of the arguments', () => {
    const { schema, variablesOf } = input(
      'query ($first: Int! = 5, $after: String!, $sizes: [Float!], $flag: Boolean, $at: DateTime, $price: Fen, $any: Mystery) { list(first: $first, after: $after, sizes: $sizes, flag: $flag, at: $at, price: $price, any: $any) }',
    )
    expect(schema).toEqual({
      type: 'object',
      properties: {
        first: { type: 'integer', description: 'How many.', default: 5 },
        after: { type: 'string' },
        sizes: { type: 'array', items: { type: 'number' } },
        flag: { type: 'boolean' },
        at: { type: 'string', format: 'date-time', description: 'DateTime' },
        price: { type: 'integer', description: 'Money in fen.' },
        any: { description: 'Mystery' },
      },
      required: ['after'],
      additionalProperties: false,
    })
    expect(variablesOf({ first: 1 })).toEqual({ first: 1 })
  })

  test('a lone $input gives its fields, whole and without references', () => {
    const { schema, variablesOf } = input('mutation ($input: ActInput!) { act(input: $input) }')
    expect(schema).toMatchObject({
      properties: {
        id: { type: 'string', description: 'What to act on.' },
        lines: { type: 'array', items: { type: 'object', description: 'One line.', required: ['sku'] } },
        color: {
          type: 'string',
          enum: ['RED', 'BLUE'],
          default: 'RED',
          description: 'A colour. RED: Like blood.',
        },
      },
      required: ['id', 'lines'],
    })
    expect(schema.properties.lines!.items!.properties!.quantity).toEqual({ type: 'integer', default: 1 })
    expect(variablesOf({ id: 'a' })).toEqual({ input: { id: 'a' } })
  })

  test('beside another variable it stays an object', () => {
    const { schema, variablesOf } = input(
      'mutation ($input: ActInput!, $force: Boolean) { act(input: $input, force: $force) }',
    )
    expect(Object.keys(schema.properties)).toEqual(['input', 'force'])
    expect(variablesOf({ input: {}, force: true })).toEqual({ input: {}, force: true })
  })

  test('an input within itself ends', () => {
    const { schema } = input('mutation ($input: TreeInput) { tree(input: $input) }')
    expect(JSON.stringify(schema).length).toBeLessThan(20_000)
  })
})
