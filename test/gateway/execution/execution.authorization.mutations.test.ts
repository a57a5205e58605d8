import { expect, test } from 'vitest'
import { ANONYMOUS, type Caller } from '../../../protocol/caller.ts'
import { resolveType } from './cases.ts'
import { type SubgraphSource, world } from './world.ts'

/** Two subgraphs that write to one log; a mutation is guarded where its name says so. */
function ledger(): { sources: Record<string, SubgraphSource>; log: string[] } {
  const log: string[] = []
  const write =
    (name: string) =>
    (_: unknown, { n }: { n: number }) => {
      log.push(`${name}${n}`)
      return { __typename: 'Item', id: n, secret: 's' }
    }
  const sources: Record<string, SubgraphSource> = {
    a: {
      sdl: `
        type Query { a: Int }
        type Mutation {
          addA(n: Int!): Item
          mustA(n: Int!): Item!
          itemsA(n: Int!): [Item!]!
          resultA(n: Int!): Result!
          guardedA(n: Int!): Item @requiresScopes(scopes: [["write"]])
          mustGuardedA(n: Int!): Item! @authenticated
        }
        union Result = Item | Refused
        type Refused { why: String }
        type Item @key(fields: "id") { id: ID!  secret: String @requiresScopes(scopes: [["read"]])  mustSecret: String! @requiresScopes(scopes: [["read"]]) }`,
      resolvers: {
        Mutation: {
          addA: write('a'),
          mustA: write('a'),
          itemsA: (_: unknown, args: { n: number }) =>
            Array.from({ length: args.n }, () => write('a')(_, args)),
          resultA: write('a'),
          guardedA: write('a'),
          mustGuardedA: write('a'),
        },
        Result: { __resolveType: resolveType },
      },
    },
    b: {
      sdl: `
        type Mutation { addB(n: Int!): Item  guardedB(n: Int!): Item @policy(policies: [["write"]]) }
        type Item @key(fields: "id") { id: ID!  seen: String  hidden: String @authenticated }`,
      resolvers: {
        Mutation: { addB: write('b'), guardedB: write('b') },
        Item: { seen: () => log.join(' ') },
      },
    },
  }
  return { sources, log }
}

const shopper = (...scopes: string[]): Caller => ({
  kind: 'shopper',
  shopperId: 'alice',
  client: 'test',
  scopes,
  tier: 'shopper',
})

interface Row {
  readonly what: string
  readonly text: string
  readonly caller?: Caller
  readonly data: unknown
  readonly errors: readonly (readonly [code: string, path: string])[]
  readonly log: readonly string[]
  /** Requests to subgraphs. */
  readonly requests: number
}

test.each<Row>([
  {
    what: 'one that is refused is never sent; those around it run in their order',
    text: 'mutation { x: addA(n: 1) { id } guardedA(n: 2) { id } y: addB(n: 3) { seen } }',
    data: { x: { id: '1' }, guardedA: null, y: { seen: 'a1 b3' } },
    errors: [['UNAUTHENTICATED', 'guardedA']],
    log: ['a1', 'b3'],
    requests: 2,
  },
  {
    what: 'whoever may runs all of them',
    text: 'mutation { x: addA(n: 1) { id } guardedA(n: 2) { id } y: guardedB(n: 3) { seen } }',
    caller: shopper('write', 'policy:write'),
    data: { x: { id: '1' }, guardedA: { id: '2' }, y: { seen: 'a1 a2 b3' } },
    errors: [],
    log: ['a1', 'a2', 'b3'],
    requests: 3,
  },
  {
    what: 'the same field twice, guarded alike',
    text: 'mutation { x: guardedB(n: 1) { id } y: guardedB(n: 2) { id } }',
    caller: shopper('write'),
    data: { x: null, y: null },
    errors: [
      ['FORBIDDEN', 'x'],
      ['FORBIDDEN', 'y'],
    ],
    log: [],
    requests: 0,
  },
  {
    what: 'one that cannot be null: nothing runs, not even what comes before it',
    text: 'mutation { x: addA(n: 1) { id } mustGuardedA(n: 2) { id } y: addB(n: 3) { id } }',
    data: null,
    errors: [['UNAUTHENTICATED', 'mustGuardedA']],
    log: [],
    requests: 0,
  },
  {
    what: 'a field below one that cannot be null: nothing runs, since nothing could be told of it',
    text: 'mutation { x: addA(n: 1) { id } mustA(n: 2) { mustSecret } }',
    data: null,
    errors: [['UNAUTHENTICATED', 'mustA.mustSecret']],
    log: [],
    requests: 0,
  },
  {
    what: 'a field of what it returns: it runs, and the field is null',
    text: 'mutation { addA(n: 1) { id secret seen hidden } addB(n: 2) { id } }',
    caller: shopper('write'),
    data: { addA: { id: '1', secret: null, seen: 'a1', hidden: null }, addB: { id: '2' } },
    errors: [['FORBIDDEN', 'addA.secret']],
    log: ['a1', 'b2'],
    requests: 3,
  },
  {
    what: 'a field that cannot be null, of what it returns: it runs, and is null',
    text: 'mutation { addA(n: 1) { id mustSecret } addB(n: 2) { id } }',
    data: { addA: null, addB: { id: '2' } },
    errors: [['UNAUTHENTICATED', 'addA.mustSecret']],
    log: ['a1', 'b2'],
    requests: 2,
  },
  {
    what: 'a field of one of its outcomes',
    text: 'mutation { resultA(n: 1) { ... on Item { id secret } ... on Refused { why } } }',
    data: { resultA: { id: '1', secret: null } },
    errors: [['UNAUTHENTICATED', 'resultA.secret']],
    log: ['a1'],
    requests: 1,
  },
  {
    what: 'a list that turns out to have members makes the data null, and what follows does not run',
    text: 'mutation { itemsA(n: 1) { mustSecret } addB(n: 2) { id } }',
    data: null,
    errors: [['UNAUTHENTICATED', 'itemsA.mustSecret']],
    log: ['a1'],
    requests: 1,
  },
  {
    what: 'so does one of the same subgraph, which does not know of the null',
    text: 'mutation { itemsA(n: 1) { mustSecret } addA(n: 2) { id } ... on Mutation { addA(n: 2) { id } } }',
    data: null,
    errors: [['UNAUTHENTICATED', 'itemsA.mustSecret']],
    log: ['a1'],
    requests: 1,
  },
  {
    what: 'a list that turns out to be empty',
    text: 'mutation { itemsA(n: 0) { mustSecret } addB(n: 2) { id } }',
    data: { itemsA: [], addB: { id: '2' } },
    errors: [['UNAUTHENTICATED', 'itemsA.mustSecret']],
    log: ['b2'],
    requests: 2,
  },
])('$what', async ({ text, caller = ANONYMOUS, data, errors, log: wrote, requests }) => {
  const { sources, log } = ledger()
  const { query, sent } = world(sources)
  const answer = await query(text, {}, { caller })
  expect(answer.data).toEqual(data)
  expect(answer.errors.map(({ code, path }) => [code, path?.join('.')])).toEqual(errors)
  expect(log).toEqual(wrote)
  expect(sent).toHaveLength(requests)
  for (const { operation } of sent) if (caller === ANONYMOUS) expect(operation).not.toMatch(/guarded|secret/i)
})
