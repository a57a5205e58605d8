import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { readManifest } from '../../../gateway/operations/manifest.ts'

const hash = (text: string): string => createHash('sha256').update(text).digest('hex')
const A = '{ a }'
const B = '{ b }'
const manifest = (...operations: object[]): string =>
  JSON.stringify({ format: 'apollo-persisted-query-manifest', version: 1, operations })
const entry = (body: string, more: object = {}): object => ({
  id: hash(body),
  name: 'X',
  type: 'query',
  body,
  ...more,
})

test("Apollo's manifest, with and without what is ours", () => {
  const text = manifest(
    entry(A, { priority: 'CLAIM', tool: 'claim_coupon', description: 'Claims.' }),
    entry(B, { clientName: 'ios' }),
  )
  expect(readManifest(text, 'm')).toEqual([
    { id: hash(A), body: A, priority: 'CLAIM', tool: 'claim_coupon', description: 'Claims.' },
    { id: hash(B), body: B, priority: 'BROWSE', clientName: 'ios' },
  ])
})

test('a map of hashes', () => {
  expect(readManifest(JSON.stringify({ [hash(A)]: A }), 'm')).toEqual([
    { id: hash(A), body: A, priority: 'BROWSE' },
  ])
  expect(readManifest('{}', 'm')).toEqual([])
})

test('one id for everybody and one for a client are two operations', () => {
  expect(readManifest(manifest(entry(A), entry(A, { clientName: 'ios' })), 'm')).toHaveLength(2)
})

describe('refuses, naming what is wrong', () => {
  test.each([
    ['what is no JSON', '{', /^m: expected JSON/],
    ['another format', JSON.stringify({ format: 'other', version: 1, operations: [] }), /format/],
    [
      'another version',
      JSON.stringify({ format: 'apollo-persisted-query-manifest', version: 2, operations: [] }),
      /version/,
    ],
    [
      'an id that is not the hash',
      manifest(entry(A, { id: hash(B) })),
      new RegExp(`SHA-256 ${hash(A)}, got ${hash(B)}`),
    ],
    ['an id in capitals', manifest(entry(A, { id: hash(A).toUpperCase() })), /lower-case hex/],
    ['a map whose text has another hash', JSON.stringify({ [hash(A)]: B }), /SHA-256/],
    ['a map with another key', JSON.stringify({ a: A }), /SHA-256 .*, got a/],
    ['an operation twice', manifest(entry(A), entry(A)), /there twice/],
    [
      'a tool twice',
      manifest(entry(A, { tool: 't' }), entry(B, { tool: 't' })),
      /two operations are the tool t/,
    ],
    ['a tool that no model could call', manifest(entry(A, { tool: 'claim coupon' })), /expected a name/],
    ['an unknown priority', manifest(entry(A, { priority: 'FIRST' })), /priority/],
    ['no body', manifest({ id: hash(A) }), /body/],
  ])('%s', (_, text, message) => {
    expect(() => readManifest(text, 'm')).toThrow(message)
  })
})
