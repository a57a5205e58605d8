import { expect, test } from 'vitest'
import { type Resolvers, type SubgraphSource, world } from './world.ts'

/** Two subgraphs write to one log; reading an entity shows how long the log was at that moment. */
function ledger(): { sources: Record<string, SubgraphSource>; log: string[] } {
  const log: string[] = []
  const write = (_: unknown, { id, fail }: { id: string; fail?: boolean }) => {
    log.push(id)
    if (fail) throw new Error(`no ${id}`)
    return { id }
  }
  const seen: Resolvers = { Item: { seenA: () => log.join(''), seenB: () => log.join('') } }
  const sources = {
    a: {
      sdl: `type Query { a: Int }  type Mutation { addA(id: ID!, fail: Boolean): Item  mustA(id: ID!, fail: Boolean): Item! }
        type Item @key(fields: "id") { id: ID!  seenA: String! }`,
      resolvers: { Mutation: { addA: write, mustA: write }, Item: { seenA: seen.Item.seenA } },
    },
    b: {
      sdl: `type Mutation { addB(id: ID!, fail: Boolean): Item  mustB(id: ID!, fail: Boolean): Item! }
        type Item @key(fields: "id") { id: ID!  seenB: String! }`,
      resolvers: { Mutation: { addB: write, mustB: write }, Item: { seenB: seen.Item.seenB } },
    },
  }
  return { sources, log }
}

test('each mutation finishes, follow-up fetches included, before the next begins', async () => {
  const { sources } = ledger()
  const { query } = world(sources)
  const answer = await query(
    'mutation { one: addA(id: 1) { seenB } two: addB(id: 2) { seenA } three: addA(id: 3) { seenB seenA } }',
  )
  expect(answer).toEqual({
    data: { one: { seenB: '1' }, two: { seenA: '12' }, three: { seenB: '123', seenA: '123' } },
    errors: [],
  })
})

test('mutations of one subgraph that need nothing else are one request', async () => {
  const { sources, log } = ledger()
  const { query, sent } = world(sources)
  await query('mutation { x: addA(id: 2) { seenA } y: addA(id: 1) { seenA } }')
  expect([log, sent.length]).toEqual([['2', '1'], 1])
})

test('a mutation selected twice, once under a condition, runs once', async () => {
  const { sources, log } = ledger()
  const { query } = world(sources)
  const answer = await query(
    'mutation ($yes: Boolean!) { m: addA(id: 1) { id } m: addA(id: 1) @include(if: $yes) { seenB } addB(id: 2) { id } }',
    { yes: true },
  )
  expect(answer.data).toEqual({ m: { id: '1', seenB: '1' }, addB: { id: '2' } })
  expect(log).toEqual(['1', '2'])
})

test('a skipped mutation does not run', async () => {
  const { sources, log } = ledger()
  const { query } = world(sources)
  await query(
    'mutation ($no: Boolean!) { addA(id: 1) @include(if: $no) { id } addB(id: 2) @skip(if: true) { id } }',
    {
      no: false,
    },
  )
  expect(log).toEqual([])
})

test('a nullable mutation that fails is null, and later ones run', async () => {
  const { sources, log } = ledger()
  const { query } = world(sources)
  const answer = await query('mutation { addA(id: 1, fail: true) { seenB } addB(id: 2) { seenA } }')
  expect(answer.data).toEqual({ addA: null, addB: { seenA: '12' } })
  expect(answer.errors).toMatchObject([{ message: 'no 1', path: ['addA'], service: 'a' }])
  expect(log).toEqual(['1', '2'])
})

test('a non-null mutation that fails makes data null; earlier effects stand, later ones never run', async () => {
  const { sources, log } = ledger()
  const { query } = world(sources)
  const answer = await query(
    'mutation { addA(id: 1) { seenB } mustB(id: 2, fail: true) { id } addA2: addA(id: 3) { id } }',
  )
  expect(answer.data).toBeNull()
  expect(answer.errors).toMatchObject([{ message: 'no 2', path: ['mustB'], service: 'b' }])
  expect(log).toEqual(['1', '2'])
})
