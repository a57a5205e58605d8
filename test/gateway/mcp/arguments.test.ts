import { expect, test } from 'vitest'
import { tokenArgumentOf, wrongArguments } from '../../../gateway/mcp/arguments.ts'
import type { InputSchema } from '../../../gateway/mcp/input-schema.ts'

const SCHEMA: InputSchema = {
  type: 'object',
  properties: {
    id: { type: 'string' },
    count: { type: 'integer' },
    share: { type: 'number' },
    now: { type: 'boolean' },
    sort: { type: 'string', enum: ['UP', 'DOWN'] },
    items: { type: 'array', items: { type: 'string' } },
    place: { type: 'object' },
    open: {},
  },
  required: ['id', 'count'],
  additionalProperties: false,
}

test.each([
  [{}, 'expected the arguments id, count'],
  [{ id: 'a' }, 'expected the argument count'],
  [{ id: null, count: 1 }, 'expected the argument id'],
  [
    { id: 'a', coutn: 1 },
    'expected the arguments id, count, share, now, sort, items, place, open, got coutn',
  ],
  [{ id: { a: 1 }, count: 1 }, 'expected the argument id to be a string, got {"a":1}'],
  [{ id: 'a', count: '1' }, 'expected the argument count to be a whole number, got "1"'],
  [{ id: 'a', count: 1.5 }, 'expected the argument count to be a whole number, got 1.5'],
  [{ id: 'a', count: 1, share: true }, 'expected the argument share to be a number, got true'],
  [{ id: 'a', count: 1, now: 0 }, 'expected the argument now to be true or false, got 0'],
  [{ id: 'a', count: 1, sort: 'LEFT' }, 'expected the argument sort to be one of UP, DOWN, got "LEFT"'],
  [{ id: 'a', count: 1, place: [] }, 'expected the argument place to be an object, got []'],
])('%j is refused in the words of the tool', (args, message) => {
  expect(wrongArguments(SCHEMA, args)).toBe(message)
})

test('what nests deeper than can be written is refused in the same words', () => {
  const id = JSON.parse('['.repeat(60_000) + ']'.repeat(60_000))
  expect(wrongArguments(SCHEMA, { id, count: 1 })).toBe(
    'expected the argument id to be a string, got an array',
  )
})

test.each([
  [{ id: 'a', count: 1, share: 1.5, now: false, sort: 'UP', items: ['a'], place: {}, open: 1 }],
  [{ id: 1, count: 1, items: 'a', sort: null }],
])('%j may be right', args => {
  expect(wrongArguments(SCHEMA, args)).toBeUndefined()
})

test('the token of a place is taken where a string has its name, the least deep one', () => {
  const taking = (properties: InputSchema['properties']): string | undefined =>
    tokenArgumentOf({ type: 'object', properties, required: [], additionalProperties: false })
  const token = { type: 'string' }
  expect(taking({ a: token, placeToken: token })).toBe('placeToken')
  expect(taking({ deep: { properties: { placeToken: token } }, placeToken: token })).toBe('placeToken')
  expect(taking({ input: { type: 'object', properties: { placeToken: token } } })).toBe('input.placeToken')
  expect(taking({ placeToken: { type: 'integer' }, list: { type: 'array', items: token } })).toBeUndefined()
  expect(tokenArgumentOf(SCHEMA)).toBeUndefined()
})
