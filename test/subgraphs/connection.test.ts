import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { connectionOf, type Page, pageOf } from '../../subgraphs/connection.ts'

const cursorOf = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

describe('pageOf', () => {
  test('without arguments is the default from the beginning', () => {
    expect(pageOf({}, 10, 50, ['number'])).toEqual({ limit: 10, after: undefined })
    expect(pageOf({ first: null, after: null }, 10, 50, ['number'])).toEqual({ limit: 10, after: undefined })
  })

  test('reads its own cursor', () => {
    const after = cursorOf([7, '奶茶'])
    expect(pageOf({ first: 50, after }, 10, 50, ['number', 'string'])).toEqual({
      limit: 50,
      after: [7, '奶茶'],
    })
  })

  test.each([0, -1, 51, -(2 ** 31)])('refuses first: %i', first => {
    expect(() => pageOf({ first }, 10, 50, ['number'])).toThrow(`first expects 1 to 50, got ${first}`)
  })

  test.each([
    ['empty', ''],
    ['no base64url', '*'],
    ['no JSON', Buffer.from('[1').toString('base64url')],
    ['no list', cursorOf({ 0: 1, 1: 'a', length: 2 })],
    ['too short', cursorOf([1])],
    ['too long', cursorOf([1, 'a', 'b'])],
    ['of another list', cursorOf(['a', 1])],
    ['a fraction', cursorOf([1.5, 'a'])],
    ['beyond 2^53-1', cursorOf([2 ** 53, 'a'])],
    ['null', cursorOf([null, 'a'])],
    ['a NUL', cursorOf([1, 'a\0'])],
    ['half a surrogate pair', cursorOf([1, '\ud800'])],
    ['over 512 characters', cursorOf([1, 'x'.repeat(400)])],
  ])('refuses a cursor that is %s', (_, after) => {
    expect(() => pageOf({ after }, 10, 50, ['number', 'string'])).toThrow(
      expect.objectContaining({
        code: 'BAD_INPUT',
        message: `after expects a cursor of this list, got ${JSON.stringify(after.slice(0, 64))}`,
      }),
    )
  })
})

describe('connectionOf', () => {
  const page = (limit: number, after?: readonly number[]): Page => ({ limit, after })
  const of = (rows: readonly number[], at: Page) => connectionOf(rows, at, row => [row], String)

  test('of no rows has no cursors and no next page', () => {
    expect(of([], page(3))).toEqual({
      edges: [],
      pageInfo: { hasNextPage: false, hasPreviousPage: false, startCursor: null, endCursor: null },
    })
  })

  test('the row beyond the page tells that there is a next one, and is not in it', () => {
    expect(of([1, 2, 3], page(2, [0]))).toEqual({
      edges: [
        { cursor: cursorOf([1]), node: '1' },
        { cursor: cursorOf([2]), node: '2' },
      ],
      pageInfo: {
        hasNextPage: true,
        hasPreviousPage: true,
        startCursor: cursorOf([1]),
        endCursor: cursorOf([2]),
      },
    })
    expect(of([1, 2], page(2)).pageInfo).toMatchObject({ hasNextPage: false, hasPreviousPage: false })
  })

  test('pages joined are the list, for every list and page size', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer()), fc.integer({ min: 1, max: 9 }), (list, first) => {
        const sorted = list.toSorted((a, b) => a - b)
        const joined: string[] = []
        for (let after: string | null | undefined; after !== null; ) {
          const at = pageOf({ first, ...(after === undefined ? {} : { after }) }, 10, 50, ['number'])
          const behind = at.after?.[0] as number | undefined
          const rows = sorted.filter(row => behind === undefined || row > behind).slice(0, at.limit + 1)
          const { edges, pageInfo } = of(rows, at)
          joined.push(...edges.map(edge => edge.node))
          after = pageInfo.hasNextPage ? pageInfo.endCursor : null
        }
        expect(joined).toEqual(sorted.map(String))
      }),
    )
  })
})
