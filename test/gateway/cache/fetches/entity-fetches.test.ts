import { describe, expect, test } from 'vitest'
import type {
  EntitiesAnswer,
  EntityList,
  SendFetch,
  Values,
} from '../../../../gateway/cache/fetches/fetch-request.ts'
import type { FetchCaching, FetchRun } from '../../../../gateway/cache/fetches/fetches.ts'
import { deadlineIn } from '../../../../protocol/deadline.ts'
import { noAnswer } from '../../../../protocol/no-answer.ts'
import type { SubgraphAnswer } from '../../../../protocol/subgraph-client.ts'
import {
  FRESH_MS,
  type Kept,
  keptFetches,
  policiesOf,
  policyOf,
  STALE_MS,
  STALE_STRETCH,
} from './kept-fetches.ts'
import {
  answering,
  asker,
  fetchOf,
  listOf,
  product,
  ScriptedSend,
  settled,
  shopper,
} from './scripted-fetch.ts'

const NAMES = fetchOf(
  'query ($representations: [_Any!]!) { _entities(representations: $representations) { ... on Product { name } } }',
)
const BATCH = fetchOf(`query ($r: [_Any!]!, $own: [_Any!]!) {
  a: _entities(representations: $r) { ... on Product { name } }
  b: _entities(representations: $r) { ... on Product { stock } }
  c: _entities(representations: $own) { ... on Product { name } }
}`)

const kept = () => keptFetches({ policies: policiesOf() })

interface Asked {
  readonly by?: Parameters<typeof asker>[0]
  readonly run?: FetchRun
  readonly fetch?: typeof NAMES
  readonly variables?: Values
}

const ask = (
  caching: FetchCaching,
  lists: readonly EntityList[],
  send: SendFetch,
  { by = {}, run = caching.begin(), fetch = NAMES, variables = {} }: Asked = {},
): Promise<EntitiesAnswer> => run.entities(fetch, asker(by), variables, lists, send)

const idsOf = (representations: unknown): string[] =>
  (representations as readonly { id: string }[]).map(({ id }) => id)

/** Names of all; `null` of `gone`, an error at `bad`. */
const names = (ids: readonly string[], version = ''): SubgraphAnswer => {
  const errors = ids.flatMap((id, i) =>
    id === 'bad' ? [{ message: 'bad', path: ['_entities', i, 'name'] }] : [],
  )
  const entities = ids.map(id => (id === 'gone' ? null : { name: id === 'bad' ? null : `n${id}${version}` }))
  return { data: { _entities: entities }, ...(errors.length > 0 ? { errors } : {}) }
}

const shop = () => answering(({ representations }) => names(idsOf(representations)))

/** Keeps these, so that a test begins half warm. */
async function warm({ caching }: Kept, ...ids: string[]): Promise<void> {
  await ask(caching, [listOf(ids)], shop().send)
}

describe('only what is missing is asked for', () => {
  test('the list comes back whole, in its order', async () => {
    const all = kept()
    await warm(all, '2', '4')
    const { send, sent } = shop()
    const { answer, missing } = await ask(all.caching, [listOf(['4', '1', '2', '3'])], send)
    expect(answer).toEqual(names(['4', '1', '2', '3']))
    expect(missing).toBeUndefined()
    expect(sent).toEqual([{ representations: [product('1'), product('3')] }])
    expect(all.watch.told.slice(-2)).toEqual(['hit Product 2', 'miss Product 2'])
  })

  test('with nothing missing nothing is sent; null is an answer too', async () => {
    const all = kept()
    await warm(all, '1', 'gone')
    const { send, sent } = shop()
    const run = all.caching.begin({ isTraced: true })
    const { answer } = await ask(all.caching, [listOf(['gone', '1'])], send, { run })
    expect(answer).toEqual(names(['gone', '1']))
    expect(sent).toEqual([])
    expect(run.record.trace).toEqual([
      { subgraph: 'shop', fields: ['Product'], result: 'HIT', ageMs: 0, count: 2 },
    ])
    expect([...run.record.tags].sort()).toEqual(['Product', 'Product:1', 'Product:gone'])
    expect(run.record.isKeepable).toBe(true)
  })

  test('an entity with an error is not kept, the others are; errors stand at the right index', async () => {
    const all = kept()
    await warm(all, '1', 'bad', '3')
    const { send, sent } = shop()
    const run = all.caching.begin()
    const { answer } = await ask(all.caching, [listOf(['1', '2', '3', 'bad'])], send, { run })
    expect(answer).toEqual(names(['1', '2', '3', 'bad']))
    expect(sent).toEqual([{ representations: [product('2'), product('bad')] }])
    expect(run.record.isKeepable).toBe(false)
  })

  test('of an answer with an error that is of no entity none is kept', async () => {
    const all = kept()
    await warm(all, '1')
    for (const path of [undefined, [], ['_entities'], ['_entities', 7], ['other', 0], 'nonsense' as never]) {
      const error = { message: 'no', ...(path === undefined ? {} : { path }) }
      const { send } = answering(() => ({ data: { _entities: [{ name: 'n2' }] }, errors: [error] }))
      const { answer } = await ask(all.caching, [listOf(['1', '2'])], send)
      expect(answer.data).toEqual({ _entities: [{ name: 'n1' }, { name: 'n2' }] })
      expect(answer.errors).toEqual([{ message: 'no', path: [] }])
    }
    expect(all.answers.entries).toBe(1)
  })

  test('an answer without data leaves null what was asked for, and says so at each of them', async () => {
    const all = kept()
    await warm(all, '1', '3')
    const { send } = answering(() => ({ data: null, errors: [{ message: 'down' }] }))
    const { answer } = await ask(all.caching, [listOf(['1', '2', '3', '4'])], send)
    expect(answer).toEqual({
      data: { _entities: [{ name: 'n1' }, null, { name: 'n3' }, null] },
      errors: [
        { message: 'down', path: ['_entities', 1] },
        { message: 'down', path: ['_entities', 3] },
      ],
    })
  })

  test('of an answer without data nothing is kept, whatever its errors are of', async () => {
    const { caching } = kept()
    const error = { message: 'down', path: ['_entities', 0] }
    await ask(caching, [listOf(['1', '2'])], answering(() => ({ data: null, errors: [error] })).send)
    const { send, sent } = shop()
    await ask(caching, [listOf(['2'])], send)
    expect(sent).toHaveLength(1)
  })

  test('what a subgraph calls its objects is no name of a metric', async () => {
    const { caching, watch } = kept()
    const representations = [{ __typename: 'Invented', id: '1' }]
    await ask(caching, [{ key: '_entities', variable: 'representations', representations }], shop().send)
    expect(watch.told).toEqual(['miss Product 1'])
  })

  test('what could not be had is missing, and the rest is there', async () => {
    const all = kept()
    await warm(all, '1')
    const fault = noAnswer('SUBGRAPH_UNREACHABLE', 'shop', 'gone')
    const script = new ScriptedSend()
    const asked = ask(all.caching, [listOf(['0', '1', '2'])], script.send)
    await settled()
    script.fail(fault)
    expect(await asked).toEqual({
      answer: { data: { _entities: [null, { name: 'n1' }, null] } },
      missing: [{ reason: fault, indexes: new Map([['_entities', new Set([0, 2])]]) }],
    })
  })

  test.each<[string, unknown]>([
    ['3', [null, null, null]],
    ['no list', { name: 'x' }],
    ['something else among them', [{ name: 'x' }, 'y']],
  ])('an answer that is none: %s', async (got, _entities) => {
    const all = kept()
    await warm(all, '1')
    const { send } = answering(() => ({ data: { _entities } }))
    const { answer, missing } = await ask(all.caching, [listOf(['0', '1', '2'])], send)
    expect(answer.data).toEqual({ _entities: [null, { name: 'n1' }, null] })
    expect(missing).toHaveLength(1)
    expect(String((missing![0]!.reason as Error).message)).toBe(
      `Subgraph "shop" was asked for 2 entities and answered ${got}`,
    )
    expect(all.answers.entries).toBe(1)
  })

  test('a cold answer is told as it came, extensions included', async () => {
    const { caching } = kept()
    const came = { ...names(['1', 'bad']), extensions: { trace: 1 } }
    const { send } = answering(() => came)
    expect((await ask(caching, [listOf(['1', 'bad'])], send)).answer).toEqual(came)
  })

  test('other variables, and another order of members in a representation', async () => {
    const all = kept()
    const { send, sent } = shop()
    const representations = [{ id: '1', price: { fen: 1, unit: 'a' }, __typename: 'Product' }]
    const turned = [{ __typename: 'Product', price: { unit: 'a', fen: 1 }, id: '1' }]
    const list = { key: '_entities', variable: 'representations' }
    await ask(all.caching, [{ ...list, representations }], send)
    await ask(all.caching, [{ ...list, representations: turned }], send)
    expect(sent).toHaveLength(1)
    await ask(all.caching, [{ ...list, representations }], send, { variables: { in: 'zh' } })
    expect(sent).toHaveLength(2)
    const long = [
      { ...product('1'), text: 'x'.repeat(100_000) },
      { ...product('1'), text: 'x'.repeat(100_001) },
    ]
    await ask(all.caching, [{ ...list, representations: long }], send)
    await ask(all.caching, [{ ...list, representations: long }], send)
    expect(sent).toHaveLength(3)
  })

  test('what JSON cannot say is asked for each time, beside what is kept', async () => {
    const all = kept()
    const { send, sent } = shop()
    const representations = [product('1'), { ...product('2'), at: 1n }]
    const list = { key: '_entities', variable: 'representations', representations }
    await ask(all.caching, [list], send)
    const { answer } = await ask(all.caching, [list], send)
    expect(answer).toEqual(names(['1', '2']))
    expect(sent[1]).toEqual({ representations: [representations[1]] })
  })
})

describe('batches', () => {
  const lists = (shared: string[], own: string[]): EntityList[] => [
    listOf(shared, { key: 'a', variable: 'r' }),
    listOf(shared, { key: 'b', variable: 'r' }),
    listOf(own, { key: 'c', variable: 'own' }),
  ]
  const answers = ({ r, own }: Values): SubgraphAnswer => ({
    data: {
      a: idsOf(r).map(id => ({ name: `a${id}` })),
      b: idsOf(r).map(id => (id === 'bad' ? null : { stock: Number(id) })),
      c: idsOf(own).map(id => ({ name: `c${id}` })),
    },
    ...(idsOf(r).includes('bad')
      ? { errors: [{ message: 'bad', path: ['b', idsOf(r).indexOf('bad'), 'stock'] }] }
      : {}),
  })

  test('root fields that share a variable ask together for what any of them lacks', async () => {
    const { caching } = kept()
    const { send, sent } = answering(answers)
    const given = { fetch: BATCH }
    await ask(caching, lists(['1', 'bad'], []), send, given)
    const { answer } = await ask(caching, lists(['2', 'bad', '1'], ['9']), send, given)
    expect(answer).toEqual({
      data: {
        a: [{ name: 'a2' }, { name: 'abad' }, { name: 'a1' }],
        b: [{ stock: 2 }, null, { stock: 1 }],
        c: [{ name: 'c9' }],
      },
      errors: [{ message: 'bad', path: ['b', 1, 'stock'] }],
    })
    expect(sent[1]).toEqual({ r: [product('2'), product('bad')], own: [product('9')] })
    const third = await ask(caching, lists(['1', '2'], ['9', '8']), send, given)
    expect(third.answer.data).toEqual({
      a: [{ name: 'a1' }, { name: 'a2' }],
      b: [{ stock: 1 }, { stock: 2 }],
      c: [{ name: 'c9' }, { name: 'c8' }],
    })
    expect(sent[2]).toEqual({ r: [], own: [product('8')] })
  })

  test('an answer without data says so where a field is kept that its error is of', async () => {
    const { caching } = kept()
    const given = { fetch: BATCH }
    await ask(caching, lists(['bad'], []), answering(answers).send, given)
    const error = { message: 'down', path: ['a', 0, 'name'] }
    const { send } = answering(() => ({ data: null, errors: [error] }))
    const { answer } = await ask(caching, lists(['bad'], []), send, given)
    expect(answer).toEqual({
      data: { a: [{ name: 'abad' }], b: [null], c: [] },
      errors: [{ message: 'down', path: ['b', 0] }],
    })
  })

  test('each takes what it lacks, where all are asked for again but none by both', async () => {
    const { caching } = kept()
    const given = { fetch: BATCH }
    const failing = answering(values => ({
      ...answers(values),
      errors: [
        { message: 'no', path: ['a', 1, 'name'] },
        { message: 'no', path: ['b', 0, 'stock'] },
      ],
    }))
    await ask(caching, lists(['1', '2'], []), failing.send, given)
    const { send, sent } = answering(answers)
    const { answer } = await ask(caching, lists(['1', '2'], []), send, given)
    expect(sent).toEqual([{ r: [product('1'), product('2')], own: [] }])
    const both = { a: [{ name: 'a1' }, { name: 'a2' }], b: [{ stock: 1 }, { stock: 2 }], c: [] }
    expect(answer).toEqual({ data: both })
    const again = await ask(caching, lists(['1', '2'], []), send, given)
    expect(again.answer).toEqual({ data: both })
    expect(sent).toHaveLength(1)
  })

  test('a root field that is not kept is asked for whole each time', async () => {
    const policies = policiesOf({
      ofEntities: (_fetch, rootKey) => (rootKey === 'b' ? undefined : policyOf(['Product'])),
    })
    const { caching } = keptFetches({ policies })
    const { send, sent } = answering(answers)
    const given = { fetch: BATCH }
    await ask(caching, lists(['1', '2'], ['3']), send, given)
    const run = caching.begin()
    const { answer } = await ask(caching, lists(['2', '1'], ['3']), send, { ...given, run })
    expect(sent[1]).toEqual({ r: [product('2'), product('1')], own: [] })
    expect(answer.data).toEqual({
      a: [{ name: 'a2' }, { name: 'a1' }],
      b: [{ stock: 2 }, { stock: 1 }],
      c: [{ name: 'c3' }],
    })
    expect(run.record.isKeepable).toBe(false)
  })
})

describe('one flight a key', () => {
  test('5,000 executions with the same 20 entities: one fetch', async () => {
    const { caching, watch } = kept()
    const script = new ScriptedSend()
    const ids = Array.from({ length: 20 }, (_, i) => String(i))
    const all = Array.from({ length: 5_000 }, () => ask(caching, [listOf(ids)], script.send))
    await settled()
    expect(script.sent).toHaveLength(1)
    script.answer(names(ids))
    for (const { answer } of await Promise.all(all)) expect(answer).toEqual(names(ids))
    expect(watch.told).toContain('miss Product 20')
    expect(caching.underWay).toBe(0)
  })

  test('lists that overlap ask for each entity once', async () => {
    const { caching } = kept()
    const script = new ScriptedSend()
    const lists = [
      ['1', '2', '3'],
      ['3', '4', 'bad'],
      ['bad', '2', '5', '1'],
    ]
    const all = lists.map(ids => ask(caching, [listOf(ids)], script.send))
    await settled()
    expect(script.sent.map(({ variables }) => idsOf(variables.representations))).toEqual([
      ['1', '2', '3'],
      ['4', 'bad'],
      ['5'],
    ])
    for (const { variables } of script.sent) script.answer(names(idsOf(variables.representations)))
    expect((await Promise.all(all)).map(({ answer }) => answer)).toEqual(lists.map(ids => names(ids)))
  })

  test('what comes while another tier is asked for the rest is not asked for again', async () => {
    const isAsked = Promise.withResolvers<void>()
    const { caching } = keptFetches({
      policies: policiesOf(),
      through: answers => ({
        ...answers,
        peek: answers.peek,
        asksFurther: isShared => isShared,
        async getMany(keys) {
          if (!keys.some(key => key.includes('"2"'))) return keys.map(() => undefined)
          await isAsked.promise
          return keys.map(() => undefined)
        },
      }),
    })
    const script = new ScriptedSend()
    const first = ask(caching, [listOf(['1'])], script.send)
    await settled()
    const second = ask(caching, [listOf(['1', '2'])], script.send)
    script.answer(names(['1']))
    await first
    isAsked.resolve()
    await settled()
    expect(script.sent.map(({ variables }) => idsOf(variables.representations))).toEqual([['1'], ['2']])
    script.answer(names(['2']))
    expect((await second).answer).toEqual(names(['1', '2']))
  })

  test('who joins gets the errors too, at its own indexes', async () => {
    const { caching } = kept()
    const script = new ScriptedSend()
    const first = ask(caching, [listOf(['1', '2'])], script.send)
    const second = ask(caching, [listOf(['2', '3'])], script.send)
    await settled()
    script.answer({ data: null, errors: [{ message: 'first', path: ['_entities', 0] }] })
    script.answer(names(['3']))
    expect((await first).answer.data).toBeNull()
    expect((await second).answer).toEqual({
      data: { _entities: [null, { name: 'n3' }] },
      errors: [{ message: 'first', path: ['_entities', 0] }],
    })
  })

  test('whoever has less time misses what has not come by then; what it asked for itself is there', async () => {
    const { caching } = kept()
    const script = new ScriptedSend()
    const patient = ask(caching, [listOf(['1'])], script.send)
    await settled()
    const hasty = ask(caching, [listOf(['1', '2'])], shop().send, { by: { deadlineMs: deadlineIn(20) } })
    const { answer, missing } = await hasty
    expect(answer.data).toEqual({ _entities: [null, { name: 'n2' }] })
    expect(missing).toMatchObject([
      { reason: { code: 'SUBGRAPH_TIMEOUT' }, indexes: new Map([['_entities', new Set([0])]]) },
    ])
    script.answer(names(['1']))
    await patient
  })

  test('when a flight runs out of the time of who began it, the others ask once more', async () => {
    const { caching } = kept()
    const script = new ScriptedSend()
    const hasty = ask(caching, [listOf(['1', '2'])], script.send, { by: { deadlineMs: deadlineIn(1) } })
    await settled()
    const patient = ['1', '2'].map(id => ask(caching, [listOf([id])], script.send))
    await settled()
    script.fail(noAnswer('SUBGRAPH_TIMEOUT', 'shop', 'expected an answer by the deadline, got none'))
    expect((await hasty).missing).toHaveLength(1)
    await settled()
    expect(script.sent.slice(1).map(({ variables }) => idsOf(variables.representations))).toEqual([
      ['1'],
      ['2'],
    ])
    script.answer(names(['1']))
    script.answer(names(['2']))
    expect((await Promise.all(patient)).map(({ answer }) => answer)).toEqual([names(['1']), names(['2'])])
  })

  test('who has much time left is not held to the little that who asks again has', async () => {
    const { caching } = kept()
    const script = new ScriptedSend()
    const until = (deadlineMs: number) => ({ by: { deadlineMs } })
    const first = ask(caching, [listOf(['1'])], script.send, until(deadlineIn(1)))
    await settled()
    const second = ask(caching, [listOf(['1'])], script.send, until(deadlineIn(60)))
    const third = ask(caching, [listOf(['1'])], script.send)
    await settled()
    script.fail(noAnswer('SUBGRAPH_TIMEOUT', 'shop', 'expected an answer by the deadline, got none'))
    expect((await first).missing).toHaveLength(1)
    expect((await second).missing).toMatchObject([{ reason: { code: 'SUBGRAPH_TIMEOUT' } }])
    expect(script.sent).toHaveLength(2)
    script.answer(names(['1']))
    expect((await third).answer).toEqual(names(['1']))
  })

  test('a fresh fetch joins none, here or in the client of its subgraph', async () => {
    const { caching } = kept()
    const script = new ScriptedSend()
    const first = ask(caching, [listOf(['1'])], script.send)
    await settled()
    const fresh = ask(caching, [listOf(['1'])], script.send, { fetch: { ...NAMES, isFresh: true } })
    await settled()
    expect(script.sent.map(({ isFresh }) => isFresh)).toEqual([true, true])
    script.answer(names(['1'], ' before'))
    script.answer(names(['1'], ' after'))
    expect([(await first).answer, (await fresh).answer]).toEqual([
      names(['1'], ' before'),
      names(['1'], ' after'),
    ])
  })
})

describe('stale', () => {
  test('all that is stale of one fetch is served, and refreshed by one fetch', async () => {
    const all = kept()
    await warm(all, '1', '2', '3')
    all.clock.forward(FRESH_MS)
    await ask(all.caching, [listOf(['0'])], shop().send)
    const script = new ScriptedSend()
    const ids = ['3', '0', '1', '2']
    expect((await ask(all.caching, [listOf(ids)], script.send)).answer).toEqual(names(ids))
    expect((await ask(all.caching, [listOf(ids)], script.send)).answer).toEqual(names(ids))
    expect(script.sent.map(({ variables }) => idsOf(variables.representations))).toEqual([['3', '1', '2']])
    script.answer(names(['3', '1', '2'], '!'))
    await settled()
    const { answer } = await ask(all.caching, [listOf(['1', '2', '3'])], script.send)
    expect(answer).toEqual(names(['1', '2', '3'], '!'))
    expect(all.watch.told.slice(-1)).toEqual(['hit Product 3'])
  })

  test('an entity whose refresh fails waits a second, the others do not', async () => {
    const all = kept()
    await warm(all, '1', '2')
    all.clock.forward(FRESH_MS)
    const script = new ScriptedSend()
    await ask(all.caching, [listOf(['1', '2'])], script.send)
    script.answer({
      data: { _entities: [{ name: null }, { name: 'n2' }] },
      errors: [{ message: 'no', path: ['_entities', 0, 'name'] }],
    })
    await settled()
    all.clock.forward(FRESH_MS - 1)
    await ask(all.caching, [listOf(['1', '2'])], script.send)
    expect(script.sent).toHaveLength(1)
    all.clock.forward(1)
    await ask(all.caching, [listOf(['1', '2'])], script.send)
    expect(idsOf(script.sent[1]!.variables.representations)).toEqual(['1', '2'])
  })

  test('in a crowd an entity is served until its stretched time ends, refreshed beside it, and the rest asked for', async () => {
    const all = kept()
    await warm(all, '1')
    all.crowd.isThere = true
    all.clock.forward(FRESH_MS + STALE_MS * STALE_STRETCH - 1)
    await warm(all, '2')
    const script = new ScriptedSend()
    expect((await ask(all.caching, [listOf(['1', '2'])], script.send)).answer).toEqual(names(['1', '2']))
    expect(script.sent.map(({ variables }) => idsOf(variables.representations))).toEqual([['1']])
    script.fail(noAnswer('SUBGRAPH_UNREACHABLE', 'shop', 'gone'))
    await settled()
    expect((await ask(all.caching, [listOf(['1'])], script.send)).answer).toEqual(names(['1']))
    all.clock.forward(1)
    const { send, sent } = shop()
    await ask(all.caching, [listOf(['1', '2'])], send)
    expect(sent.map(({ representations }) => idsOf(representations))).toEqual([['1']])
  })

  test('in a crowd a refreshing execution that fails takes what is past its stale time', async () => {
    const all = kept()
    await warm(all, '1')
    all.crowd.isThere = true
    all.clock.forward(FRESH_MS + STALE_MS)
    const script = new ScriptedSend()
    const run = all.caching.begin({ isRefresh: true })
    const refreshing = ask(all.caching, [listOf(['1'])], script.send, { run })
    await settled()
    script.fail(new Error('gone'))
    expect((await refreshing).answer).toEqual(names(['1']))
  })

  test('what is past its stale time when a refreshing execution fails is missing', async () => {
    const all = kept()
    await warm(all, '1')
    all.clock.forward(FRESH_MS)
    const script = new ScriptedSend()
    const run = all.caching.begin({ isRefresh: true })
    const refreshing = ask(all.caching, [listOf(['1'])], script.send, { run })
    await settled()
    all.clock.forward(STALE_MS)
    script.fail(new Error('gone'))
    expect((await refreshing).missing).toMatchObject([{ reason: { message: 'gone' } }])
  })

  test('a refreshing execution takes what is stale where nothing better can be had', async () => {
    const all = kept()
    await warm(all, '1', '2')
    all.clock.forward(FRESH_MS)
    await ask(all.caching, [listOf(['2'])], shop().send, { run: all.caching.begin({ isRefresh: true }) })
    const script = new ScriptedSend()
    const run = all.caching.begin({ isRefresh: true })
    const asked = ask(all.caching, [listOf(['1', '2', '3'])], script.send, { run })
    await settled()
    expect(idsOf(script.sent[0]!.variables.representations)).toEqual(['1', '3'])
    script.fail(noAnswer('SUBGRAPH_UNREACHABLE', 'shop', 'gone'))
    const { answer, missing } = await asked
    expect(answer.data).toEqual({ _entities: [{ name: 'n1' }, { name: 'n2' }, null] })
    expect(missing?.map(({ indexes }) => indexes)).toEqual([new Map([['_entities', new Set([2])]])])
    expect(run.record.isKeepable).toBe(false)
  })
})

describe('invalidation, callers, freshness', () => {
  test('an entity that was invalidated while it was under way is not kept, the others are', async () => {
    const { caching, tags } = kept()
    const script = new ScriptedSend()
    const before = ask(caching, [listOf(['1', '2'])], script.send)
    await settled()
    await tags.invalidate(['Product:1'])
    const after = ask(caching, [listOf(['1', '2'])], script.send)
    await settled()
    expect(script.sent).toHaveLength(1)
    script.answer(names(['1', '2'], ' old'))
    await settled()
    expect(script.sent.slice(1).map(({ variables }) => idsOf(variables.representations))).toEqual([['1']])
    script.answer(names(['1'], ' new'))
    expect((await before).answer).toEqual(names(['1', '2'], ' old'))
    expect((await after).answer.data).toEqual({ _entities: [{ name: 'n1 new' }, { name: 'n2 old' }] })
  })

  test('of what is never kept nobody knows whether it is void: who came after asks again', async () => {
    const { caching, tags } = kept()
    const script = new ScriptedSend()
    const before = ask(caching, [listOf(['bad', '1'])], script.send)
    await settled()
    await tags.invalidate(['Other'])
    const after = ask(caching, [listOf(['1', 'bad'])], script.send)
    await settled()
    script.answer(names(['bad', '1']))
    await before
    await settled()
    expect(script.sent.map(({ variables }) => idsOf(variables.representations))).toEqual([
      ['bad', '1'],
      ['bad'],
    ])
    script.answer({ data: { _entities: [{ name: 'well again' }] } })
    expect((await after).answer).toEqual({ data: { _entities: [{ name: 'n1' }, { name: 'well again' }] } })
  })

  test("keys of a caller's entities are shown to no tier that others see", async () => {
    const shown: string[] = []
    const { caching } = keptFetches({
      policies: policiesOf(),
      through: answers => ({
        ...answers,
        asksFurther: isShared => isShared,
        async getMany(keys) {
          shown.push(...keys)
          return keys.map(() => undefined)
        },
      }),
    })
    await ask(caching, [listOf(['1'])], shop().send, { fetch: { ...NAMES, scope: 'PRIVATE' } })
    expect(shown).toEqual([])
    await ask(caching, [listOf(['1'])], shop().send)
    expect(shown).toHaveLength(1)
  })

  test("a caller's entities are its own", async () => {
    const { caching } = kept()
    const { send, sent } = shop()
    const fetch = { ...NAMES, scope: 'PRIVATE' } as const
    for (const caller of [shopper('alice'), shopper('bob'), shopper('alice')])
      await ask(caching, [listOf(['1'])], send, { fetch, by: { caller } })
    expect(sent).toHaveLength(2)
  })

  test('a fresh fetch asks for all of them; what it brings is kept', async () => {
    const all = kept()
    await warm(all, '1', '2')
    const { send, sent } = answering(({ representations }) => names(idsOf(representations), '!'))
    await ask(all.caching, [listOf(['1', '3'])], send, { fetch: { ...NAMES, isFresh: true } })
    expect(sent).toHaveLength(1)
    const { answer } = await ask(all.caching, [listOf(['1', '3'])], send)
    expect(answer).toEqual(names(['1', '3'], '!'))
    expect(sent).toHaveLength(1)
  })

  test('entities that the policies do not name go by the cache', async () => {
    const { caching, watch } = keptFetches({ policies: policiesOf({ ofEntities: () => undefined }) })
    const { send, sent } = shop()
    const run = caching.begin()
    for (let i = 0; i < 2; i++)
      expect((await ask(caching, [listOf(['1'])], send, { run, variables: { in: 1 } })).answer).toEqual(
        names(['1']),
      )
    expect(sent).toEqual(Array(2).fill({ representations: [product('1')], in: 1 }))
    expect(watch.told).toEqual([])
    expect(run.record.isKeepable).toBe(false)
  })
})
