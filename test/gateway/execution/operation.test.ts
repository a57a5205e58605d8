import { parse } from 'graphql'
import { expect, test } from 'vitest'
import {
  type CompiledOperation,
  compileOperation,
  compileOperationAsync,
} from '../../../gateway/execution/operation.ts'
import type { Caller } from '../../../protocol/caller.ts'
import { deadlineIn, nowMs } from '../../../protocol/deadline.ts'
import type { SubgraphClient, SubgraphRequest } from '../../../protocol/subgraph-client.ts'
import { plain, world } from './world.ts'

const letters = ['a', 'b', 'c', 'd', 'e', 'f', 'g'] as const
const w = world({
  one: {
    sdl: `type Query { thing(of: String): Thing }  type Thing @key(fields: "id") { id: ID!  ${letters.map(letter => `${letter}: String`).join('  ')} }`,
    resolvers: {
      Query: { thing: () => ({ id: '1', ...Object.fromEntries(letters.map(letter => [letter, letter])) }) },
    },
  },
  two: {
    sdl: 'type Thing @key(fields: "id") { id: ID!  far: String }  type Mutation { go: Boolean }',
    resolvers: { Thing: { far: () => 'away' } },
  },
})

const caller: Caller = { kind: 'shopper', shopperId: 'alice', client: 'test', scopes: [], tier: 'shopper' }
const run = async (
  operation: CompiledOperation,
  raw: Record<string, unknown> = {},
  deadlineMs = deadlineIn(5_000),
) =>
  operation.execute({
    variables: operation.coerceVariables(raw),
    caller,
    deadlineMs,
    priority: 'PAY',
    clients: w.clients,
  })

test('kind, name and root fields', () => {
  const document = parse(`
    query Q { x: thing { id } ...F __typename }
    mutation M { go }
    fragment F on Query { __schema { queryType { name } } thing { id } }`)
  const q = compileOperation(w.supergraph, document, { operationName: 'Q' })
  expect([q.kind, q.name, q.rootFieldNames]).toEqual(['query', 'Q', ['thing', '__schema', '__typename']])
  const m = compileOperation(w.supergraph, document, { operationName: 'M' })
  expect([m.kind, m.name, m.rootFieldNames]).toEqual(['mutation', 'M', ['go']])
})

test.each([
  ['two operations and no name', null],
  ['a name that no operation has', 'Z'],
])('%s is refused', (_, operationName) => {
  const document = parse('query A { thing { id } } query B { thing { id } }')
  expect(() => compileOperation(w.supergraph, document, { operationName })).toThrow(
    expect.objectContaining({ code: 'OPERATION_RESOLUTION_FAILURE' }) as Error,
  )
})

test('compiled ahead or on the way, every combination of conditions answers alike', async () => {
  const names = letters.slice(0, 6)
  const text = `query (${names.map(name => `$${name}: Boolean!`).join(', ')}) { thing { ${names.map(name => `${name} @include(if: $${name})`).join(' ')} far @skip(if: $a) } }`
  const ahead = compileOperation(w.supergraph, parse(text))
  const onTheWay = await compileOperationAsync(w.supergraph, parse(text))
  for (let bits = 0; bits < 64; bits++) {
    const given = Object.fromEntries(names.map((name, i) => [name, (bits & (1 << i)) !== 0]))
    const data = {
      thing: {
        ...Object.fromEntries(names.filter(name => given[name]).map(name => [name, name])),
        ...(given.a ? {} : { far: 'away' }),
      },
    }
    expect(plain(await run(ahead, given))).toEqual({ data, errors: [] })
    expect(plain(await run(onTheWay, given))).toEqual({ data, errors: [] })
  }
})

test('more condition variables than an operation may have are refused', () => {
  const names = Array.from({ length: 31 }, (_, i) => `v${i}`)
  const text = `query (${names.map(name => `$${name}: Boolean!`).join(', ')}) { thing { ${names.map(name => `id @skip(if: $${name})`).join(' ')} } }`
  expect(() => compileOperation(w.supergraph, parse(text))).toThrow(
    expect.objectContaining({ code: 'OPERATION_TOO_LARGE' }) as Error,
  )
})

test('fragments that expand to more than an operation may select are refused', () => {
  const doubling = Array.from(
    { length: 30 },
    (_, i) => `fragment F${i} on Thing { a: self { ...F${i + 1} } b: self { ...F${i + 1} } }`,
  )
  const { supergraph } = world({
    one: { sdl: 'type Query { thing: Thing }  type Thing { self: Thing  id: ID! }' },
  })
  const document = parse(`{ thing { ...F0 } } ${doubling.join(' ')} fragment F30 on Thing { id }`)
  expect(() => compileOperation(supergraph, document)).toThrow(
    expect.objectContaining({ code: 'OPERATION_TOO_LARGE' }) as Error,
  )
})

test('an alias that would set a prototype is refused', () => {
  expect(() => compileOperation(w.supergraph, parse('{ thing { __proto__: id } }'))).toThrow(
    expect.objectContaining({ code: 'BAD_INPUT' }) as Error,
  )
})

test('subgraphs get the caller, the deadline, the priority and the trace of the request', async () => {
  const seen: SubgraphRequest[] = []
  const record: SubgraphClient = {
    name: 'one',
    execute: async request => {
      seen.push(request)
      return { data: { _a_thing: { __typename: 'Thing', id: '1' } } }
    },
    ready: async () => {},
    close: async () => {},
  }
  const operation = compileOperation(
    w.supergraph,
    parse('query ($s: String, $u: String) { thing(of: $s) { id } }'),
  )
  const deadlineMs = deadlineIn(5_000)
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  await operation.execute({
    variables: operation.coerceVariables({ s: 'x', u: 'unused' }),
    caller,
    deadlineMs,
    priority: 'PAY',
    traceparent,
    clients: new Map([['one', record]]),
  })
  expect(seen).toEqual([
    {
      kind: 'query',
      scope: 'PRIVATE',
      operation: expect.stringContaining('thing(of: $s)'),
      variables: { s: 'x' },
      caller,
      deadlineMs,
      priority: 'PAY',
      traceparent,
    },
  ])
})

test('past its deadline an operation asks nobody', async () => {
  w.sent.length = 0
  const outcome = await run(compileOperation(w.supergraph, parse('{ thing { far } }')), {}, nowMs() - 1)
  expect(outcome.data).toEqual({ thing: null })
  expect(outcome.errors.map(error => error.extensions.code)).toEqual(['SUBGRAPH_TIMEOUT'])
  expect(w.sent).toEqual([])
})

test('an operation runs concurrently with itself', async () => {
  const operation = compileOperation(w.supergraph, parse('query ($s: String) { thing(of: $s) { a far } }'))
  const outcomes = await Promise.all(Array.from({ length: 50 }, (_, i) => run(operation, { s: `${i}` })))
  for (const outcome of outcomes)
    expect(plain(outcome)).toEqual({ data: { thing: { a: 'a', far: 'away' } }, errors: [] })
})
