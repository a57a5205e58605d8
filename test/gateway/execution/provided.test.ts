import { expect, test } from 'vitest'
import { world } from './world.ts'

const sources = {
  a: {
    sdl: 'type T @key(fields: "id") { id: ID!  name: String @shareable  score: Int @shareable }',
    resolvers: { T: { name: () => 'owned', score: () => 1 } },
  },
  b: {
    sdl: `type Query { scored: T @provides(fields: "score")  named: T @provides(fields: "name")  any: Any @provides(fields: "... on T { name }") }
      union Any = T
      type T @key(fields: "id") { id: ID!  name: String @external  score: Int @external }`,
    resolvers: {
      Query: {
        scored: () => ({ id: '1', score: 2 }),
        named: () => ({ id: '1', name: 'provided' }),
        any: () => ({ __typename: 'T', id: '1', name: 'provided' }),
      },
      Any: { __resolveType: () => 'T' },
    },
  },
}

test('what one field provides is asked of its owner where another field leads', async () => {
  const { query, sent } = world(sources)
  expect(await query('{ scored { name } }')).toEqual({ data: { scored: { name: 'owned' } }, errors: [] })
  expect(sent.map(({ subgraph }) => subgraph)).toEqual(['b', 'a'])
})

test('what a field provides is taken from it', async () => {
  const { query, sent } = world(sources)
  expect(await query('{ named { name } scored { score } }')).toEqual({
    data: { named: { name: 'provided' }, scored: { score: 2 } },
    errors: [],
  })
  expect(sent).toHaveLength(1)
})

test('a union of which something is provided still tells its type', async () => {
  const { query } = world(sources)
  expect(await query('{ any { __typename ... on T { score } } }')).toEqual({
    data: { any: { __typename: 'T', score: 1 } },
    errors: [],
  })
})
