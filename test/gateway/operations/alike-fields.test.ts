import { getIntrospectionQuery } from 'graphql'
import { describe, expect, test } from 'vitest'
import { tooManyAlike } from '../../../gateway/operations/alike-fields.ts'
import { type TinyGraph, tinyGraph } from '../../harness/tiny-graph.ts'

const alike = (text: string): string | undefined => tooManyAlike(text, 2_000)?.message
/** Names of one letter and digits, so that short texts do not count. */
const times = (count: number, text: (i: number) => string): string =>
  Array.from({ length: count }, (_, i) => text(i)).join(' ')

describe('what is compared', () => {
  // 141 of one: 141 × 140 / 2 = 9,870 pairs. 142: 10,011. Leaves: 1,414 × 1,413 / 2 = 998,and a hundredth of that.
  test.each([
    ['fields with selections', (n: number) => `{ ${times(n, () => 'a { b }')} }`, 141],
    ['fields with arguments', (n: number) => `{ ${times(n, () => 'a(b: 1)')} }`, 141],
    ['leaves', (n: number) => `{ ${times(n, () => 'abc')} }`, 1_414],
    ['aliases', (n: number) => `{ ${times(n, i => `x: a${i} { b }`)} }`, 141],
    [
      'in fragments',
      (n: number) =>
        `{ ...F ${times(n - 40, () => 'a { b }')} } fragment F on Q { ${times(40, () => 'a { b }')} }`,
      141,
    ],
    ['at every level', (n: number) => `{ ${times(n / 3, () => 'a { a { a { b } } }')} }`, 141],
    ['fragments', (n: number) => times(n, i => `fragment F${i} on Q { x${i} }`), 141],
  ])('%s', (_, text, most) => {
    expect(alike(text(most))).toBeUndefined()
    expect(alike(text(most + 3))).toMatch(
      /^expected at most 10000 pairs of fields of one name to compare, got 10[0-9]{3}$/,
    )
  })

  test('not fields of different keys, nor what does not parse, nor what tools send', () => {
    expect(alike(`{ ${times(300, i => `a${i}: a { b${i} }`)} }`)).toBeUndefined()
    expect(alike(`{ ${times(300, () => 'a { b }')}`)).toBeUndefined()
    expect(alike(getIntrospectionQuery())).toBeUndefined()
  })
})

test('it is refused before it is validated', async () => {
  const graph: TinyGraph = await tinyGraph()
  try {
    const query = `{ ${times(300, () => 'deep { nothing }')} }`
    const { statusCode, body } = await graph.gateway.app.inject({
      method: 'POST',
      url: '/graphql',
      payload: { query },
    })
    expect([statusCode, JSON.parse(body).errors]).toEqual([
      400,
      [
        {
          message: 'expected at most 10000 pairs of fields of one name to compare, got 45298',
          extensions: { code: 'OPERATION_TOO_LARGE' },
        },
      ],
    ])
  } finally {
    await graph.gateway.close()
  }
})
