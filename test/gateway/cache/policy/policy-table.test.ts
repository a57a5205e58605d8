import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { readPolicyTable, tableHash } from '../../../../gateway/cache/policy/policy-table.ts'

test('a table is read as it is written', () => {
  const table = {
    'Query.product': { freshMs: 0, staleMs: 86_400_000, scope: 'PUBLIC', references: ['Product:{args.id}'] },
    'Mutation.setStock': { invalidates: [] },
  }
  expect(readPolicyTable(JSON.stringify(table), 'cache.json')).toEqual(table)
  expect(readPolicyTable('{}', 'cache.json')).toEqual({})
})

const members = 'freshMs, staleMs, scope, references, invalidates'
const milliseconds = 'expected milliseconds from 0 to 86400000, got'

test.each<[string, unknown, string]>([
  ['no object', [], 'expected an object of fields and types, got []'],
  ['a member that is none', { a: { ttl: 1 } }, `a: expected the members ${members}, got ttl`],
  ['no entry', { 'Query.a': 5 }, `Query.a: expected an object with members of ${members}, got 5`],
  ['no number', { a: { freshMs: '5' } }, `a freshMs: ${milliseconds} "5"`],
  ['a negative number', { a: { staleMs: -1 } }, `a staleMs: ${milliseconds} -1`],
  ['a fraction', { a: { freshMs: 1.5 } }, `a freshMs: ${milliseconds} 1.5`],
  ['more than a day', { a: { freshMs: 86_400_001 } }, `a freshMs: ${milliseconds} 86400001`],
  ['a scope that is none', { a: { scope: 'public' } }, 'a scope: expected PUBLIC or PRIVATE, got "public"'],
  ['no list', { a: { references: 'a' } }, 'a references: expected a list of tags, got "a"'],
  ['17 tags', { a: { invalidates: Array(17).fill('a') } }, 'a invalidates: expected at most 16 tags'],
  [
    'an empty tag',
    { a: { references: [''] } },
    'a references 0: expected a tag of 1 to 256 characters, got ""',
  ],
  [
    'a long tag',
    { a: { references: ['x'.repeat(257)] } },
    `a references 0: expected a tag of 1 to 256 characters, got "${'x'.repeat(63)}`,
  ],
  [
    'two wrong members',
    { a: { freshMs: -1, scope: 1 } },
    `a freshMs: ${milliseconds} -1; a scope: expected PUBLIC or PRIVATE, got 1`,
  ],
  [
    '1001 entries',
    Object.fromEntries(Array.from({ length: 1001 }, (_, i) => [`Query.f${i}`, {}])),
    'expected at most 1000 fields and types, got 1001',
  ],
])('a table with %s is refused', (_, table, message) => {
  expect(() => readPolicyTable(JSON.stringify(table), 'cache.json')).toThrow(
    new Error(`cache.json is not right: ${message}`),
  )
})

test('what is not JSON is refused', () => {
  expect(() => readPolicyTable('{', 'cache.json')).toThrow(/^cache\.json is not JSON: /)
})

test('ours is right', () => {
  expect(Object.keys(readPolicyTable(readFileSync('schema/cache.json', 'utf8'), 'cache.json'))).toContain(
    'Query.campaign',
  )
})

test('a table’s hash is its content’s, whatever the order', () => {
  const one = { Product: { freshMs: 1, staleMs: 2 }, Campaign: { scope: 'PUBLIC' } } as const
  expect(tableHash(one)).toBe(
    tableHash({ Campaign: { scope: 'PUBLIC' }, Product: { staleMs: 2, freshMs: 1 } }),
  )
  expect(tableHash(one)).not.toBe(tableHash({ ...one, Product: { freshMs: 1, staleMs: 3 } }))
  expect(tableHash({})).toMatch(/^[\w-]{11}$/)
})
