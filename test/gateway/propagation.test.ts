import { describe, expect, test } from 'vitest'
import type { PropagationRules } from '../../gateway/config-file.ts'
import { compilePropagation } from '../../gateway/propagation.ts'

const GIVEN = {
  authorization: 'Bearer t',
  cookie: 'a=b',
  host: 'shop.example',
  connection: 'keep-alive',
  'content-length': '3',
  'spillway-identity': 'forged',
  'x-tenant': 'red',
  'x-forwarded-for': '10.0.0.1',
  'x-forwarded-proto': 'https',
  'accept-language': 'zh',
}

const sent = (rules: PropagationRules, subgraph = 'products', given: object = GIVEN): unknown =>
  compilePropagation(rules)?.(given as typeof GIVEN)(subgraph)

describe('what a subgraph is sent', () => {
  test.each<[string, PropagationRules, object | undefined]>([
    ['by name', { all: { propagate: [{ name: 'authorization' }] } }, { authorization: 'Bearer t' }],
    [
      'under another name',
      { all: { propagate: [{ name: 'x-tenant', rename: 'tenant' }] } },
      { tenant: 'red' },
    ],
    [
      'when absent, a default',
      { all: { propagate: [{ name: 'x-shop', default: 'none' }] } },
      { 'x-shop': 'none' },
    ],
    ['when absent, nothing', { all: { propagate: [{ name: 'x-shop' }] } }, undefined],
    ['what every object has is no header', { all: { propagate: [{ name: 'constructor' }] } }, undefined],
    [
      'by pattern',
      { all: { propagate: [{ matching: /^x-forwarded-/ }] } },
      { 'x-forwarded-for': '10.0.0.1', 'x-forwarded-proto': 'https' },
    ],
    [
      'by a pattern that fits all, no credentials and nothing of the connection or of ours',
      { all: { propagate: [{ matching: /.*/ }] } },
      {
        'x-tenant': 'red',
        'x-forwarded-for': '10.0.0.1',
        'x-forwarded-proto': 'https',
        'accept-language': 'zh',
      },
    ],
    [
      'inserted, in place of what the client sent',
      { all: { propagate: [{ name: 'x-tenant' }], insert: { 'x-tenant': 'blue' } } },
      { 'x-tenant': 'blue' },
    ],
    [
      "its own rules' after everybody's",
      {
        all: { propagate: [{ name: 'x-tenant' }], insert: { 'x-gateway': 'all' } },
        subgraphs: { products: { insert: { 'x-gateway': 'own' } }, other: { insert: { other: '1' } } },
      },
      { 'x-tenant': 'red', 'x-gateway': 'own' },
    ],
  ])('%s', (_, rules, expected) => expect(sent(rules)).toEqual(expected))
})

test('without rules nothing is compiled, and a subgraph without any gets nothing', () => {
  expect(compilePropagation(undefined)).toBeUndefined()
  expect(compilePropagation({ all: { propagate: [], insert: {} }, subgraphs: { a: {} } })).toBeUndefined()
  expect(sent({ subgraphs: { other: { insert: { a: '1' } } } })).toBeUndefined()
})

test('is made once a request for all subgraphs that share their rules', () => {
  const headersFor = compilePropagation({
    all: { propagate: [{ name: 'x-tenant' }] },
    subgraphs: { own: { insert: { a: '1' } } },
  })!(GIVEN)
  expect(headersFor('products')).toBe(headersFor('reviews'))
  expect(headersFor('own')).toBe(headersFor('own'))
  expect(headersFor('own')).not.toBe(headersFor('products'))
})
