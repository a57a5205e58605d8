import { buildSchema, type DocumentNode, execute, GraphQLError, parse } from 'graphql'
import { pino } from 'pino'
import { beforeEach, describe, expect, test } from 'vitest'
import { ANONYMOUS } from '../../protocol/caller.ts'
import { deadlineIn } from '../../protocol/deadline.ts'
import { DateTime } from '../../subgraphs/scalars.ts'
import { createSubgraph, type Subgraph } from '../../subgraphs/subgraph.ts'

const TYPES = `
  scalar DateTime
  enum Size { SMALL LARGE }
  type Query { take(input: Outer, list: [Inner!], times: Times, at: DateTime): Int }
  input Outer { onHand: Int! = 3, note: String, size: Size! = LARGE, inner: Inner! = {}, inners: [Inner!]! = [{ onHand: 1 }] }
  input Inner { onHand: Int! = 7, sku: ID! = "a" }
  input Times { at: DateTime! = "2027-01-01T00:00:00Z", wished: DateTime = "2028-01-01T00:00:00Z" }
`

/** The arguments that the resolver was given last. */
let taken: unknown

const make = (typeDefs: string): Subgraph =>
  createSubgraph<object>({
    name: 'sample',
    typeDefs: `${typeDefs.includes('scalar Fen') ? '' : 'scalar Fen'} ${typeDefs}`,
    resolvers: { Query: { take } },
    context: () => ({}),
    start: async () => {},
    ready: async () => {},
    close: async () => {},
    logger: pino({ level: 'silent' }),
  })

function take(_: unknown, args: object): number {
  // Without the prototypes, in which graphql-js and graphql-jit differ.
  taken = structuredClone(args)
  return 1
}

/** What graphql-js gives the same resolver. */
function reference(document: DocumentNode, variables: Record<string, unknown>): unknown {
  const schema = buildSchema(TYPES)
  Object.assign(schema.getType('DateTime') as object, {
    parseValue: DateTime.parseValue.bind(DateTime),
    parseLiteral: DateTime.parseLiteral.bind(DateTime),
  })
  const fields = schema.getQueryType()?.getFields()
  const times = schema.getType('Times') as unknown as {
    getFields(): Record<string, { defaultValue: unknown }>
  }
  for (const [name, at] of [
    ['at', '2027-01-01T00:00:00Z'],
    ['wished', '2028-01-01T00:00:00Z'],
  ] as const)
    times.getFields()[name]!.defaultValue = new Date(at)
  let args: object = {}
  fields!.take!.resolve = (_, given) => {
    args = structuredClone(given)
    return 1
  }
  const answer = execute({ schema, document, variableValues: variables })
  if ('errors' in answer) throw new GraphQLError(JSON.stringify(answer.errors))
  return args
}

const run = (subgraph: Subgraph, operation: string, variables: Record<string, unknown>) =>
  subgraph.execute({
    kind: 'query',
    operation,
    variables,
    caller: ANONYMOUS,
    deadlineMs: deadlineIn(1_000),
    priority: 'BROWSE',
  })

let subgraph: Subgraph
beforeEach(() => {
  taken = undefined
  subgraph = make(TYPES)
})

describe('what is left out takes its default, as with graphql-js', () => {
  const whole = 'query($input: Outer, $list: [Inner!]) { take(input: $input, list: $list) }'
  test.each<[string, Record<string, unknown>]>([
    [whole, { input: {} }],
    [whole, { input: { onHand: 0, note: null, size: 'SMALL' } }],
    [whole, { input: { inner: {}, inners: [{}, { onHand: 2 }] } }],
    [whole, { input: { inners: [] } }],
    ['query($times: Times) { take(times: $times) }', { times: {} }],
    ['query($times: Times) { take(times: $times) }', { times: { wished: null, at: '2030-01-01T00:00:00Z' } }],
    [whole, { list: [{}, { sku: 'b' }] }],
    // One value for a list of it.
    [whole, { list: { sku: 'b' } }],
    [whole, { input: null, list: null }],
    [whole, {}],
    ['query($at: DateTime = "2027-05-01T00:00:00Z") { take(at: $at) }', {}],
    ['query($input: Outer! = { note: "x" }) { take(input: $input) }', {}],
    ['query($n: Int = 4) { take(input: { onHand: $n, inner: { onHand: $n } }) }', {}],
    ['{ take(input: { note: "x" }, list: [{}]) }', {}],
  ])('%s %j', async (operation, variables) => {
    const before = JSON.stringify(variables)
    expect(await run(subgraph, operation, variables)).toEqual({ data: { take: 1 } })
    expect(taken).toEqual(reference(parse(operation), variables))
    expect(JSON.stringify(variables)).toBe(before)
  })

  test('what is wrong is still refused: null where a value must be, a field that is not there', async () => {
    for (const input of [{ onHand: null }, { inner: { onHand: 'x' } }, { nothing: 1 }, 'x', [1]]) {
      const answer = await run(subgraph, whole, { input })
      expect(answer.errors?.[0]?.extensions).toEqual({ code: 'BAD_INPUT' })
    }
    expect(taken).toBeUndefined()
  })
})

describe('an input type that contains itself', () => {
  test.each([
    ['input Tree { children: [Tree!] }', 'Tree → Tree'],
    ['input A { b: B } input B { c: [C!]! = [] } input C { a: A }', 'A → B → C → A'],
  ])('is refused when the subgraph is built: %s', (types, way) => {
    const name = types.split(' ')[1]
    expect(() => make(`scalar DateTime type Query { take(input: ${name}): Int } ${types}`)).toThrow(
      new TypeError(`expected input types that end, got one that contains itself: ${way}`),
    )
  })

  test('is not one that two others share', () => {
    const types = 'input A { b: B, c: C } input B { c: C } input C { n: Int }'
    expect(make(`scalar DateTime type Query { take(input: A): Int } ${types}`).name).toBe('sample')
  })
})
