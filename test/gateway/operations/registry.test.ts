import { describe, expect, test } from 'vitest'
import type { ManifestOperation } from '../../../gateway/operations/manifest.ts'
import { createRegistry } from '../../../gateway/operations/registry.ts'
import { loadSupergraph } from '../../../gateway/supergraph/supergraph.ts'
import { hashOf, MANIFEST, TINY_SUPERGRAPH } from '../../harness/tiny-graph.ts'

const supergraph = loadSupergraph(TINY_SUPERGRAPH)
const LIMITS = { tokensMax: 200, depthMax: 3, rootFieldsMax: 2 }
const entry = (body: string, more: Partial<ManifestOperation> = {}): ManifestOperation => ({
  id: hashOf(body),
  body,
  priority: 'BROWSE',
  ...more,
})

test('every operation is found by its hash, compiled', () => {
  const registry = createRegistry(supergraph, MANIFEST, { ...LIMITS, depthMax: 12 })
  expect(registry.operations).toHaveLength(MANIFEST.length)
  const found = registry.find(hashOf(MANIFEST[0]!.body), undefined)
  expect(found).toMatchObject({ name: 'Product', kind: 'query', tool: 'product_detail' })
  expect(found!.compiled.rootFieldNames).toEqual(['product'])
  expect(registry.find('0'.repeat(64), undefined)).toBeUndefined()
})

test("a client's own operation is found first, by that client alone", () => {
  const text = 'query Who { who }'
  const registry = createRegistry(
    supergraph,
    [
      entry(text, { clientName: 'ios', priority: 'PAY' }),
      entry(text, { priority: 'CLAIM' }),
      entry('{ who }', { clientName: 'ios' }),
    ],
    LIMITS,
  )
  expect(registry.find(hashOf(text), 'ios')?.priority).toBe('PAY')
  expect(registry.find(hashOf(text), 'web')?.priority).toBe('CLAIM')
  expect(registry.find(hashOf(text), undefined)?.priority).toBe('CLAIM')
  expect(registry.find(hashOf('{ who }'), 'web')).toBeUndefined()
  expect(registry.find(hashOf('{ who }'), 'ios')?.name).toBe(hashOf('{ who }').slice(0, 12))
})

describe('a gateway does not start with an operation that', () => {
  test.each([
    ['does not parse', 'query Bad { who', /^persisted operation Bad \([0-9a-f]{64}\): Syntax Error/],
    ['does not fit the schema', 'query Bad { nothing }', /Cannot query field "nothing"/],
    ['uses what is inaccessible', 'query Bad { hidden }', /Cannot query field "hidden"/],
    ['is two', 'query A { who } query B { who }', /expected one operation, got 2/],
    ['is none', 'fragment F on Query { who }', /expected one operation, got 0/],
    ['nests too deep', '{ deep { deep { deep { leaf } } } }', /expected at most 3 levels of fields, got 4/],
    [
      'has too many root fields',
      '{ a: who b: who ...F } fragment F on Query { c: who }',
      /at most 2 root fields, got 3/,
    ],
    ['is a subscription', 'subscription S { who }', /^persisted operation without a name/],
  ])('%s', (_, body, message) => {
    expect(() => createRegistry(supergraph, [entry(body)], LIMITS)).toThrow(message)
  })
})
