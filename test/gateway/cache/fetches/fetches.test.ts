import { describe, expect, test } from 'vitest'
import { callerTag } from '../../../../gateway/cache/fetches/caller-digest.ts'
import { createFetchCaching, type FetchRun } from '../../../../gateway/cache/fetches/fetches.ts'
import type { FetchCache } from '../../../../gateway/execution/fetch-cache.ts'
import { FRESH_MS, keptFetches, policiesOf, policyOf, STALE_MS } from './kept-fetches.ts'
import {
  answering,
  asker,
  askRoot,
  fetchOf,
  listOf,
  ScriptedSend,
  settled,
  shopper,
} from './scripted-fetch.ts'

/** Execution and the cache may not import each other: that they fit is said here. */
const fits = (run: FetchRun): FetchCache => run

const A = fetchOf('{ a }')
const B = fetchOf('{ b }')
const ENTITIES = fetchOf(
  'query ($representations: [_Any!]!) { _entities(representations: $representations) { ... on Product { name } } }',
)
const policies = policiesOf({
  ofRoot: ({ operation, scope }) =>
    operation === '{ b }'
      ? { ...policyOf(['Query.b'], scope), freshMs: 10, staleMs: 5 }
      : policyOf(['Query.a'], scope),
})
const { send } = answering(variables => ({
  data: { a: 1, b: 1, _entities: ((variables.representations ?? []) as []).map(() => ({ name: 'n' })) },
}))

describe('the record of an execution', () => {
  test('is of its earliest part, holds as long as its shortest, and tells of everything', async () => {
    const { caching, clock, tags } = keptFetches({ policies })
    await askRoot(caching, A, send)
    const bornMs = clock.read()
    clock.forward(100)
    await tags.invalidate(['Other'])
    const run = caching.begin()
    await askRoot(caching, A, send, { run })
    await askRoot(caching, B, send, { run })
    await run.entities(ENTITIES, asker(), {}, [listOf(['1', '2'])], send)
    const { record } = run
    expect(record.isKeepable).toBe(true)
    expect(record.born).toEqual({ atMs: bornMs, tick: 0, version: 0 })
    expect(record.freshUntilMs).toBe(bornMs + 110)
    expect(record.staleUntilMs).toBe(bornMs + 115)
    expect([...record.tags].sort()).toEqual(['Product', 'Product:1', 'Product:2', 'Query.a', 'Query.b'])
    expect(record.trace).toBeUndefined()
  })

  test('is stretched as far as the part that may be stretched least', async () => {
    const timed = policiesOf({
      ofRoot: ({ operation }) =>
        // Until 100 and never stale; until 10 and stale until 1,010, in a crowd 10,010.
        ({
          ...policyOf(['Query.some']),
          ...(operation === '{ a }' ? { freshMs: 100, staleMs: 0 } : { freshMs: 10, staleMs: 1_000 }),
        }),
    })
    const { caching, clock } = keptFetches({ policies: timed })
    const run = caching.begin()
    await askRoot(caching, B, send, { run })
    expect(run.record.stretchedUntilMs).toBe(clock.read() + 10_010)
    await askRoot(caching, A, send, { run })
    expect(run.record.stretchedUntilMs).toBe(clock.read() + 100)
  })

  test('is the same for who has joined', async () => {
    const { caching, clock } = keptFetches({ policies })
    const script = new ScriptedSend()
    const runs = [caching.begin(), caching.begin({ isTraced: true })]
    const both = runs.map(run => askRoot(caching, A, script.send, { run }))
    await settled()
    script.answer({ data: { a: 1 } })
    await Promise.all(both)
    for (const { record } of runs) {
      expect(record.freshUntilMs).toBe(clock.read() + FRESH_MS)
      expect(record.staleUntilMs).toBe(clock.read() + FRESH_MS + STALE_MS)
      expect(record.isKeepable).toBe(true)
    }
    expect(runs[1]!.record.trace).toEqual([{ subgraph: 'shop', fields: ['Query.a'], result: 'DEDUPE' }])
  })

  test.each<[string, (run: FetchRun) => Promise<unknown>]>([
    ['no fetch at all', async () => {}],
    [
      "a caller's own",
      run => askRoot(keptFetches({ policies }).caching, { ...A, scope: 'PRIVATE' }, send, { run }),
    ],
    [
      'an answer with errors',
      run => run.root(A, asker(), {}, async () => ({ data: { a: null }, errors: [{ message: 'no' }] })),
    ],
    [
      'no answer',
      run =>
        run
          .root(A, asker(), {}, async () => {
            throw new Error('gone')
          })
          .catch(() => {}),
    ],
    ['part of an answer', run => run.root(A, asker(), {}, async () => ({ data: {} }))],
  ])('is of nothing that may be kept whole: %s', async (_what, ask) => {
    const run = keptFetches({ policies }).caching.begin()
    await ask(run)
    expect(run.record.isKeepable).toBe(false)
  })

  test('tells what became of each fetch to who wants to know', async () => {
    const { caching, clock } = keptFetches({ policies })
    await askRoot(caching, A, send)
    await caching.begin().entities(ENTITIES, asker(), {}, [listOf(['1'])], send)
    clock.forward(FRESH_MS + 0.25)
    const run = fits(caching.begin({ isTraced: true })) as FetchRun
    await askRoot(caching, A, send, { run })
    await askRoot(caching, B, send, { run })
    await run.entities(ENTITIES, asker(), {}, [listOf(['1', '2', '3'])], send)
    expect(run.record.trace).toEqual([
      { subgraph: 'shop', fields: ['Query.a'], result: 'STALE', ageMs: FRESH_MS },
      { subgraph: 'shop', fields: ['Query.b'], result: 'MISS' },
      { subgraph: 'shop', fields: ['Product'], result: 'STALE', ageMs: FRESH_MS, count: 1 },
      { subgraph: 'shop', fields: ['Product'], result: 'MISS', count: 2 },
    ])
  })
})

test("a shopper's tag is the same through every client, and nobody else's", () => {
  expect(callerTag(shopper('alice'))).toBe(callerTag(shopper('alice', 'partner')))
  expect(callerTag(shopper('alice'))).not.toBe(callerTag(shopper('bob')))
  expect(callerTag({ ...shopper('alice'), scopes: ['order:pay'] })).toBe(callerTag(shopper('alice')))
  expect(callerTag(shopper('alice'))).toMatch(/^caller:[\w-]{22}$/)
})

test.each([
  ['refreshMsMax', 0],
  ['refreshMsMax', Number.NaN],
  ['flightsMax', 1.5],
])('refuses a bound that is none: %s %d', (name, value) => {
  const { answers, tags, watch } = keptFetches({ policies })
  const options = { policies, answers, tags, watch, refreshMsMax: 1, [name]: value }
  expect(() => createFetchCaching(options)).toThrow(
    new RangeError(`expected ${name} to be a positive integer, got ${value}`),
  )
})
