import { expect, test } from 'vitest'
import { world } from './world.ts'

test("an interface's objects whose fields are shared out between subgraphs", async () => {
  const { query } = world({
    a: {
      sdl: `type Query { items: [Item!]! }
        interface Item { id: ID!  size: Size }  type Size { w: Int }
        type P implements Item @key(fields: "id") { id: ID!  size: Size @shareable }
        type Q implements Item @key(fields: "id") { id: ID!  size: Size @shareable }`,
      resolvers: {
        Query: {
          items: () => [
            { __typename: 'P', id: '1', size: { w: 1 } },
            { __typename: 'Q', id: '2', size: { w: 2 } },
          ],
        },
        Item: { __resolveType: (value: { __typename: string }) => value.__typename },
      },
    },
    b: {
      sdl: `type Size { h: Int }
        type P @key(fields: "id") { id: ID!  size: Size @shareable }
        type Q @key(fields: "id") { id: ID!  size: Size @shareable }`,
      resolvers: {
        P: { size: ({ id }: { id: string }) => ({ h: Number(id) * 10 }) },
        Q: { size: ({ id }: { id: string }) => ({ h: Number(id) * 10 }) },
      },
    },
  })
  expect(await query('{ items { id size { h } ... on Q { size { w } } } }')).toEqual({
    data: {
      items: [
        { id: '1', size: { h: 10 } },
        { id: '2', size: { h: 20, w: 2 } },
      ],
    },
    errors: [],
  })
})
