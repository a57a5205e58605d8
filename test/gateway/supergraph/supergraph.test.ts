import { createHash } from 'node:crypto'
import { parse } from 'graphql'
import { expect, test } from 'vitest'
import { compileOperation, compileOperationAsync } from '../../../gateway/execution/operation.ts'
import {
  loadSupergraph,
  loadSupergraphAsync,
  type Supergraph,
} from '../../../gateway/supergraph/supergraph.ts'
import { compose } from '../execution/world.ts'

const sdl = compose({
  'order-book': {
    sdl: 'type Query { book: Book }  type Book @key(fields: "id shop { code }") { id: ID!  shop: Shop }  type Shop { code: Int }',
  },
})

test('subgraphs carry the names and addresses of join__Graph', () => {
  const supergraph = loadSupergraph(sdl)
  expect(supergraph.subgraphs).toEqual([{ name: 'order-book', url: 'http://order-book' }])
  expect(supergraph.hash).toBe(createHash('sha256').update(sdl).digest('hex'))
  expect(supergraph.types.keysOf('Book', 'order-book')).toEqual([{ id: {}, shop: { code: {} } }])
})

test('@fromContext and @context are refused, and the field is named', () => {
  const context = (field: string, type: string): string =>
    sdl
      .replace('book: Book', `book: Book ${field}`)
      .replace(/type Shop\b/, `type Shop ${type}`)
      .replace('{\n  query: Query', '@link(url: "https://specs.apollo.dev/context/v0.1") {\n  query: Query')
  const argument = `@join__field(graph: ORDER_BOOK, contextArguments: [{context: "c", name: "n", type: "Int", selection: "{ code }"}])`
  expect(() => loadSupergraph(context(argument, '@context(name: "c")'))).toThrow(
    'Query.book uses @fromContext',
  )
  expect(() => loadSupergraph(context('', '@context(name: "c")'))).toThrow('Shop uses @context')
})

test('SDL that is no supergraph is refused', () => {
  expect(() => loadSupergraph('type Query { a: Int }')).toThrow('an enum "join__Graph"')
  expect(() => loadSupergraph('type Query {')).toThrow(
    /^supergraph: Syntax Error: Expected Name, found <EOF>\. \(line 1\)$/,
  )
})

test.each([
  ['subscription { book { id } }', 'Subscriptions are not supported'],
  ['{ ... @defer { book { id } } }', '@defer is not supported'],
  ['{ ...F @defer } fragment F on Query { book { id } }', '@defer is not supported'],
])('%s is refused', async (text, message) => {
  const supergraph = loadSupergraph(sdl)
  const refusal = expect.objectContaining({ code: 'OPERATION_NOT_SUPPORTED', message })
  expect(() => compileOperation(supergraph, parse(text))).toThrow(refusal)
  await expect(compileOperationAsync(supergraph, parse(text))).rejects.toEqual(refusal)
})

test('PUBLIC written on a guarded field is refused, by a swap as by the start', async () => {
  const guarded = sdl.replace('book: Book', 'book: Book @cacheControl(scope: PUBLIC) @authenticated')
  const message = 'got it on Query.book (under @authenticated)'
  expect(() => loadSupergraph(guarded)).toThrow(message)
  await expect(loadSupergraphAsync(guarded)).rejects.toThrow(message)
  expect(loadSupergraph(guarded.replace(' @authenticated', '')).subgraphs).toHaveLength(1)
})

test('what an operator says of scopes decides who shares an answer', async () => {
  const scopeOf = (supergraph: Supergraph): string =>
    compileOperation(supergraph, parse('{ book { id } }')).scope
  const table = { 'Query.book': { scope: 'PUBLIC' }, Book: { scope: 'PUBLIC' } } as const
  expect(scopeOf(loadSupergraph(sdl))).toBe('PRIVATE')
  expect(scopeOf(loadSupergraph(sdl, table))).toBe('PUBLIC')
  expect(scopeOf(await loadSupergraphAsync(sdl, table))).toBe('PUBLIC')
})
