import { parse } from 'graphql'
import { describe, expect, test } from 'vitest'
import type { FetchCache } from '../../../gateway/execution/fetch-cache.ts'
import { compileOperation } from '../../../gateway/execution/operation.ts'
import { ANONYMOUS } from '../../../protocol/caller.ts'
import { deadlineIn } from '../../../protocol/deadline.ts'
import { Fault } from '../../../protocol/fault.ts'
import { noAnswer } from '../../../protocol/no-answer.ts'
import type { SubgraphAnswer, SubgraphClient } from '../../../protocol/subgraph-client.ts'
import { FRESH_MS, type Kept, keptFetches, policiesOf, policyOf } from '../cache/fetches/kept-fetches.ts'
import { resolveType } from './cases.ts'
import { deepFreeze, type SubgraphSource, type World, world } from './world.ts'

const reference = ({ id }: { id: string }) => ({ id })

const SHOP: Record<string, SubgraphSource> = {
  shop: {
    sdl: `
      type Query { top: Product  all(first: Int = 9): [Product!]!  grid: [[Product]!]!  any: [Any]!  media: [Media!]!  who: String }
      type Mutation { rename: Product  sink: String }
      union Any = Product | Seller
      interface Media @key(fields: "id") { id: ID! }
      type Book implements Media @key(fields: "id") { id: ID! }
      type Film implements Media @key(fields: "id") { id: ID! }
      type Product @key(fields: "id") { id: ID!  seller: Seller  similar: [Product!]  fen: Int }
      type Seller @key(fields: "id") { id: ID!  best: Product }`,
    resolvers: {
      Query: {
        top: () => ({ id: '1', seller: { id: 's1' }, similar: [{ id: '2' }, { id: '1' }], fen: 5 }),
        all: (_: unknown, { first }: { first: number }) =>
          ['1', '2', '3', '4', '5']
            .slice(0, first)
            .map(id => ({ id, fen: Number(id), seller: { id: `s${id}` } })),
        grid: () => [[{ id: '3' }, null], [], [{ id: '1' }, { id: '3' }]],
        any: () => [
          { __typename: 'Seller', id: 's3', best: { id: '2' } },
          null,
          { __typename: 'Product', id: '5' },
        ],
        media: () => [
          { __typename: 'Book', id: 'b' },
          { __typename: 'Film', id: 'f' },
        ],
      },
      Any: { __resolveType: resolveType },
      Media: { __resolveType: resolveType },
      Mutation: { rename: () => ({ id: '1' }) },
    },
  },
  texts: {
    sdl: `
      type Media @key(fields: "id") @interfaceObject { id: ID!  stars: Int }
      type Product @key(fields: "id") { id: ID!  fen: Int @external  text(in: String): String  must: String!  price: String @requires(fields: "fen") }
      type Seller @key(fields: "id") { id: ID!  text: String  rank: Int }`,
    resolvers: {
      Media: { __resolveReference: reference, stars: ({ id }: { id: string }) => id.length },
      Product: {
        __resolveReference: (given: { id: string }) => (given.id === '4' ? null : given),
        text: ({ id }: { id: string }, args: { in?: string }) => `p${id}${args.in ?? ''}`,
        price: ({ fen }: { fen: number }) => `¥${fen}`,
        must: ({ id }: { id: string }) => {
          if (id === '2') throw new Error('no must')
          return id
        },
      },
      Seller: {
        __resolveReference: async ({ id }: { id: string }) => {
          if (id === 's2') throw new Error('away')
          return { id }
        },
        text: ({ id }: { id: string }) => id,
        rank: ({ id }: { id: string }) => Number(id.slice(1)),
      },
    },
  },
}

const everything = (): Kept =>
  keptFetches({ policies: policiesOf({ ofMutation: () => () => ['Product:1'] }) })

/** What subgraphs are asked, by name and representations; the answers of one may be replaced. */
function listening(
  made: World,
  answers: Partial<Record<string, () => Promise<SubgraphAnswer>>> = {},
): unknown[] {
  const asked: unknown[] = []
  for (const [name, client] of made.clients) {
    const execute: SubgraphClient['execute'] = async request => {
      asked.push([name, ...Object.values(request.variables).filter(value => Array.isArray(value))])
      return await (answers[name] ?? (() => client.execute(request)))()
    }
    made.clients.set(name, { ...client, execute })
  }
  return asked
}

describe('a shape, cold and warm', () => {
  const shapes: [string, string, Record<string, unknown>?][] = [
    ['root fields', '{ top { id } again: top { title: id } all { id } }'],
    ['entities', '{ top { text } }'],
    [
      'entities with arguments',
      'query ($in: String) { top { a: text(in: $in) b: text(in: "?") } }',
      { in: '!' },
    ],
    ['nested lists', '{ grid { text } all { similar { id } seller { text } } }'],
    [
      'a batch of two types at four places',
      '{ top { text seller { text } similar { text } } any { ... on Seller { rank best { text } } ... on Product { text } } }',
    ],
    ['required fields', '{ all { price } top { price } }'],
    ['interface objects', '{ media { id stars ... on Film { __typename } } }'],
    ['errors of entities, and missing ones', '{ all { text must seller { text rank } } }'],
    ['an entity at two places', '{ top { similar { text } text } grid { text } }'],
    ['no fetch at all', '{ __typename }'],
  ]
  test.each(shapes)('%s', async (_what, text, variables) => {
    const uncached = await world(SHOP).query(text, variables)
    const made = world(SHOP)
    const kept = everything()
    const asked = listening(made)
    // world.ts executes each query twice, and compares.
    const cold = await made.query(text, variables, { cache: kept.caching.begin() })
    asked.length = 0
    const warm = await made.query(text, variables, { cache: kept.caching.begin() })
    expect([cold, warm]).toEqual([uncached, uncached])
    if (uncached.errors.length === 0) expect(asked).toEqual([])
    expect(kept.watch.errors).toEqual([])
  })

  test('half warm: a longer list asks for the entities that a shorter one did not have', async () => {
    const made = world(SHOP)
    const { caching } = everything()
    const asked = listening(made)
    const text = 'query ($first: Int) { all(first: $first) { price } }'
    await made.query(text, { first: 2 }, { cache: caching.begin() })
    asked.length = 0
    const { data } = await made.query(text, { first: 3 }, { cache: caching.begin() })
    expect(data).toEqual({ all: [{ price: '¥1' }, { price: '¥2' }, { price: '¥3' }] })
    expect(asked).toEqual([['shop'], ['texts', [{ __typename: 'Product', id: '3', fen: 3 }]]])
  })

  test('5,000 executions at once of a cold operation: one fetch of its root field, one of its entities', async () => {
    const made = world(SHOP)
    const { caching } = everything()
    const asked = listening(made)
    const operation = compileOperation(made.supergraph, parse('{ all(first: 3) { text } }'))
    const answers = await Promise.all(
      Array.from({ length: 5_000 }, () =>
        operation.executeToJson({
          variables: operation.coerceVariables({}),
          caller: ANONYMOUS,
          deadlineMs: deadlineIn(60_000),
          priority: 'BROWSE',
          clients: made.clients,
          cache: caching.begin(),
        }),
      ),
    )
    expect(asked).toHaveLength(2)
    for (const { json, errors } of answers) {
      expect(json.text).toBe('{"all":[{"text":"p1"},{"text":"p2"},{"text":"p3"}]}')
      expect(errors).toEqual([])
    }
  })
})

describe('failures', () => {
  test('what could not be had is null with an error at its places; what is kept is there', async () => {
    const made = world(SHOP)
    const { caching } = everything()
    const text = 'query ($first: Int) { all(first: $first) { price } }'
    await made.query(text, { first: 2 }, { cache: caching.begin() })
    listening(made, {
      texts: async () => {
        throw noAnswer('SUBGRAPH_UNREACHABLE', 'texts', 'gone')
      },
    })
    const answer = await made.query(text, { first: 4 }, { cache: caching.begin() })
    expect(answer.data).toEqual({ all: [{ price: '¥1' }, { price: '¥2' }, { price: null }, { price: null }] })
    expect(answer.errors.map(({ path, code }) => [path, code])).toEqual([
      [['all', 2, 'price'], 'SUBGRAPH_UNREACHABLE'],
      [['all', 3, 'price'], 'SUBGRAPH_UNREACHABLE'],
    ])
  })

  test('an answer that is none is not kept, and reported as without a cache', async () => {
    for (const bad of ['text', { data: 1 }, {}, { data: null }, { data: { _entities: [1, 2] } }]) {
      const reported = async (cache: FetchCache | undefined) => {
        const made = world(SHOP)
        const answer = async () => deepFreeze(bad) as never
        listening(made, { texts: answer })
        return await made.query('{ all(first: 3) { text } }', {}, cache === undefined ? {} : { cache })
      }
      const kept = everything()
      expect(await reported(kept.caching.begin())).toEqual(await reported(undefined))
      expect(kept.answers.entries, 'the root field alone').toBe(1)
    }
  })

  test('while a subgraph fails, what is stale is served, and asked for once a second', async () => {
    const made = world(SHOP)
    const { caching, clock } = everything()
    const query = () => made.query('{ top { text } }', {}, { cache: caching.begin() })
    const fresh = await query()
    const asked = listening(made, {
      texts: async () => {
        throw noAnswer('SUBGRAPH_UNREACHABLE', 'texts', 'gone')
      },
    })
    for (let seconds = 1; seconds <= 3; seconds++) {
      clock.forward(FRESH_MS)
      for (let i = 0; i < 5; i++) expect(await query()).toEqual(fresh)
      await new Promise(resolve => setImmediate(resolve))
      expect(asked.filter(one => (one as string[])[0] === 'texts')).toHaveLength(seconds)
    }
  })
})

describe('mutations', () => {
  test('what a mutation makes void is asked for again; what follows it asks fresh, and is kept', async () => {
    const made = world(SHOP)
    const { caching } = keptFetches({
      policies: policiesOf({
        ofRoot: () => policyOf(['Query.all']),
        ofEntities: () => policyOf(['Product']),
        ofMutation: () => () => ['Product:1'],
        keepsPrivate: false,
      }),
    })
    await made.query('{ all(first: 2) { text } }', {}, { cache: caching.begin() })
    const asked = listening(made)
    await made.query('mutation { rename { text } }', {}, { cache: caching.begin() })
    const followed = ['texts', [{ __typename: 'Product', id: '1' }]]
    expect(asked).toEqual([['shop'], followed])
    asked.length = 0
    await made.query('mutation { rename { text } }', {}, { cache: caching.begin() })
    expect(asked).toEqual([['shop'], followed])
    asked.length = 0
    await made.query('{ all(first: 2) { text } }', {}, { cache: caching.begin() })
    expect(asked).toEqual([])
  })

  const failures: [string, () => Promise<SubgraphAnswer>, boolean][] = [
    ['answered with an error', async () => ({ data: null, errors: [{ message: 'no' }] }), true],
    [
      'unknown',
      async () => {
        throw noAnswer('OUTCOME_UNKNOWN', 'shop', 'lost')
      },
      true,
    ],
    [
      'too late',
      async () => {
        throw new Fault('SUBGRAPH_TIMEOUT', 'late')
      },
      true,
    ],
    ['answered with nonsense', async () => 'nonsense' as never, true],
    [
      'never sent',
      async () => {
        throw noAnswer('SUBGRAPH_UNREACHABLE', 'shop', 'gone')
      },
      false,
    ],
    [
      'refused',
      async () => {
        throw noAnswer('SUBGRAPH_OVERLOADED', 'shop', 'full')
      },
      false,
    ],
  ]
  test.each(failures)('a mutation whose outcome is: %s', async (_what, answer, voids) => {
    const made = world(SHOP)
    const { caching, tags } = everything()
    listening(made, { shop: answer })
    const { errors } = await made.query('mutation { sink }', {}, { cache: caching.begin() })
    expect(errors).toHaveLength(1)
    expect(tags.now().tick > 0).toBe(voids)
  })

  test('it is answered when what it has changed is void everywhere', async () => {
    const made = world(SHOP)
    const { caching } = everything()
    const gate = Promise.withResolvers<void>()
    const order: string[] = []
    const run = caching.begin()
    const cache: FetchCache = {
      root: (...given) => run.root(...given),
      entities: (...given) => run.entities(...given),
      async mutated() {
        await gate.promise
        order.push('void')
      },
    }
    const answered = made
      .query('mutation { rename { id } }', {}, { cache })
      .then(() => order.push('answered'))
    await new Promise(resolve => setImmediate(resolve))
    gate.resolve()
    await answered
    expect(order).toEqual(['void', 'answered'])
  })
})
