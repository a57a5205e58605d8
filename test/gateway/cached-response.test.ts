import { parse } from 'graphql'
import { describe, expect, test } from 'vitest'
import { type Asking, isForAnybody, slotOf } from '../../gateway/cached-response.ts'
import { compileOperation } from '../../gateway/execution/operation.ts'
import { NO_ROLLOUT, type Rollout } from '../../gateway/execution/plan.ts'
import type { ServableOperation } from '../../gateway/operations/registry.ts'
import { loadSupergraph } from '../../gateway/supergraph/supergraph.ts'
import { ANONYMOUS } from '../../protocol/caller.ts'
import { supergraphOf } from '../harness/foreign-graph.ts'

const LINKS = `
  extend schema
    @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@composeDirective"])
    @link(url: "https://spillway.dev/cacheControl/v1.0", import: ["@cacheControl"])
    @composeDirective(name: "@cacheControl")
  directive @cacheControl(maxAge: Int, scope: cacheControl__Scope) repeatable on FIELD_DEFINITION | OBJECT | INTERFACE | UNION
  enum cacheControl__Scope { PUBLIC PRIVATE }
`
const sdlOf = (more: string): string =>
  supergraphOf({
    shop: {
      sdl: `${LINKS} type Query { a(n: Int): Int @cacheControl(maxAge: 1, scope: PUBLIC) mine: Int ${more} } type Mutation { b: Int }`,
      url: 'http://shop.invalid/graphql',
    },
  })

function operationOf(text: string, more: Partial<ServableOperation> = {}, added = ''): ServableOperation {
  const compiled = compileOperation(loadSupergraph(sdlOf(added)), parse(text))
  const { kind } = compiled
  return {
    id: 'id',
    name: 'A',
    kind,
    compiled,
    clientName: undefined,
    variants: undefined,
    ...more,
  } as ServableOperation
}

const A = 'query A($n: Int) { a(n: $n) }'
const asking = (
  more: Partial<Asking> = {},
  buckets: readonly Rollout[] = [NO_ROLLOUT],
  tableHash = '',
): Asking => ({
  caller: ANONYMOUS,
  bucket: 0,
  graph: { rollouts: { buckets }, caching: { tableHash } },
  headersFor: undefined,
  wantsPlan: false,
  wantsCost: false,
  ...more,
})
const keyOf = (operation: ServableOperation, of = asking()): string | undefined =>
  slotOf(of, operation, { n: 1 })?.key

describe('the key of an answer', () => {
  test('differs with all that answers differ with, and with nothing else', () => {
    const operation = operationOf(A)
    const variants = [operation.compiled, operationOf(A).compiled]
    const buckets = [0, 50].map(percentage => ({ labels: new Set<string>(), percentage }))
    const keys = [
      keyOf(operation),
      keyOf(operationOf(A, { id: 'other' })),
      keyOf(operationOf(A, {}, 'c: Int')),
      keyOf(operationOf(A), asking({}, undefined, 'another table')),
      keyOf(operationOf(A), asking({}, [{ labels: new Set(['b', 'a']), percentage: 0 }])),
      keyOf({ ...operation, variants }, asking({ bucket: 1 }, buckets)),
      keyOf(operation, asking({ headersFor: () => undefined })),
      keyOf(operation, asking({ headersFor: () => ({ 'x-tenant': 'a' }) })),
      slotOf(asking(), operation, { n: 2 })?.key,
    ]
    expect(keys).not.toContain(undefined)
    expect(new Set(keys).size).toBe(keys.length)
    expect(keyOf(operationOf(A))).toBe(keys[0])
    expect(keyOf(operationOf(A), asking({}, [{ labels: new Set(['a', 'b']), percentage: 0 }]))).toBe(keys[4])
    expect(keyOf({ ...operationOf(A), variants }, asking({ bucket: 0 }, buckets))).toBe(keys[0])
  })
})

describe('no answer is kept', () => {
  test.each<[string, ServableOperation, Partial<Asking>]>([
    ['of a client’s own text', operationOf(A, { id: undefined }), {}],
    ['of a mutation', operationOf('mutation A { b }'), {}],
    ['that is partly a caller’s own', operationOf('query A { a mine }'), {}],
    ['to who wants the plan', operationOf(A), { wantsPlan: true }],
    ['to who wants the price', operationOf(A), { wantsCost: true }],
  ])('%s', (_, operation, more) => expect(keyOf(operation, asking(more))).toBeUndefined())
})

test('anybody may be given an answer on which nothing of the request has a say', () => {
  const operation = operationOf(A)
  expect(isForAnybody(asking(), operation)).toBe(true)
  expect(isForAnybody(asking({ headersFor: () => undefined }), operation)).toBe(false)
  expect(isForAnybody(asking(), { ...operation, clientName: 'app' })).toBe(false)
  expect(isForAnybody(asking(), { ...operation, variants: [operation.compiled] })).toBe(false)
})
