import { describe, expect, test } from 'vitest'
import type { CachedFetch } from '../../../../gateway/cache/fetches/fetch-request.ts'
import { EVERYTHING } from '../../../../gateway/cache/tags/tags.ts'
import { deadlineIn, nowMs } from '../../../../protocol/deadline.ts'
import { noAnswer } from '../../../../protocol/no-answer.ts'
import { FRESH_MS, keptFetches, policiesOf, policyOf, STALE_MS, STALE_STRETCH } from './kept-fetches.ts'
import { answering, askRoot, fetchOf, ScriptedSend, settled, shopper } from './scripted-fetch.ts'

const TOP = fetchOf('query ($id: ID) { top(id: $id) { name } }')
const named = (name: string) => ({ data: { top: { name } } })
const kept = () => keptFetches({ policies: policiesOf() })

/** Runs out when it should: a client keeps to the deadline that it is given. */
const timeout = () => noAnswer('SUBGRAPH_TIMEOUT', 'shop', 'expected an answer by the deadline, got none')

describe('fresh, stale, gone', () => {
  test('what was asked for is asked for once as long as it is fresh', async () => {
    const { caching, watch } = kept()
    const { send, sent } = answering(() => named('a'))
    for (let i = 0; i < 3; i++) expect(await askRoot(caching, TOP, send)).toEqual(named('a'))
    expect(sent).toHaveLength(1)
    expect(watch.told).toEqual(['miss Query.some 1', 'hit Query.some 1', 'hit Query.some 1'])
  })

  test('freshness counts from before the fetch was sent', async () => {
    const { caching, clock } = kept()
    const script = new ScriptedSend()
    const first = askRoot(caching, TOP, script.send)
    await settled()
    clock.forward(FRESH_MS - 1)
    script.answer(named('a'))
    await first
    const run = caching.begin()
    await askRoot(caching, TOP, script.send, { run })
    expect(run.record.freshUntilMs - clock.read()).toBeCloseTo(1)
    expect(run.record.staleUntilMs - clock.read()).toBeCloseTo(1 + STALE_MS)
    clock.forward(1)
    await askRoot(caching, TOP, script.send)
    expect(script.sent, 'it is stale now, and refreshed').toHaveLength(2)
  })

  test('what is stale is served at once, and refreshed beside it, once', async () => {
    const { caching, clock, watch } = kept()
    const script = new ScriptedSend()
    const first = askRoot(caching, TOP, script.send)
    await settled()
    script.answer(named('a'))
    await first
    clock.forward(FRESH_MS)
    for (let i = 0; i < 3; i++) expect(await askRoot(caching, TOP, script.send)).toEqual(named('a'))
    expect(script.sent).toHaveLength(2)
    expect(script.sent[1]!.deadlineMs - nowMs(), 'time of its own').toBeLessThanOrEqual(5_000)
    script.answer(named('b'))
    await settled()
    expect(await askRoot(caching, TOP, script.send)).toEqual(named('b'))
    expect(script.sent).toHaveLength(2)
    expect(watch.told.slice(1)).toEqual([...Array(3).fill('stale Query.some 1'), 'hit Query.some 1'])
  })

  test('a refresh that fails is tried again no sooner than a second later', async () => {
    const { caching, clock } = kept()
    const script = new ScriptedSend()
    const first = askRoot(caching, TOP, script.send)
    await settled()
    script.answer(named('a'))
    await first
    clock.forward(FRESH_MS)
    await askRoot(caching, TOP, script.send)
    script.fail(timeout())
    await settled()
    clock.forward(999)
    expect(await askRoot(caching, TOP, script.send)).toEqual(named('a'))
    expect(script.sent).toHaveLength(2)
    clock.forward(1)
    await askRoot(caching, TOP, script.send)
    expect(script.sent).toHaveLength(3)
    script.answer({ data: null, errors: [{ message: 'no' }] })
    await settled()
    await askRoot(caching, TOP, script.send)
    expect(script.sent, 'an answer with errors is a failure too').toHaveLength(3)
  })

  test('what is past its stale time is missing, and its failure is the answer', async () => {
    const { caching, clock } = kept()
    const script = new ScriptedSend()
    const first = askRoot(caching, TOP, script.send)
    await settled()
    script.answer(named('a'))
    await first
    clock.forward(FRESH_MS + STALE_MS)
    const second = askRoot(caching, TOP, script.send)
    await settled()
    script.fail(timeout())
    await expect(second).rejects.toMatchObject({ code: 'SUBGRAPH_TIMEOUT' })
  })

  test('what is past its stale time when a refreshing execution fails is no answer', async () => {
    const { caching, clock } = kept()
    await askRoot(caching, TOP, answering(() => named('a')).send)
    clock.forward(FRESH_MS)
    const script = new ScriptedSend()
    const refreshing = askRoot(caching, TOP, script.send, { run: caching.begin({ isRefresh: true }) })
    await settled()
    clock.forward(STALE_MS)
    script.fail(new Error('gone'))
    await expect(refreshing).rejects.toThrow('gone')
  })

  test('a refreshing execution asks for what is stale, and takes it if nothing better can be had', async () => {
    const { caching, clock } = kept()
    const script = new ScriptedSend()
    const first = askRoot(caching, TOP, script.send)
    await settled()
    script.answer(named('a'))
    await first
    clock.forward(FRESH_MS)
    const run = caching.begin({ isRefresh: true, isTraced: true })
    const failing = askRoot(caching, TOP, script.send, { run })
    await settled()
    script.fail(timeout())
    expect(await failing).toEqual(named('a'))
    expect(run.record.trace).toMatchObject([{ result: 'MISS' }, { result: 'STALE', ageMs: FRESH_MS }])
    expect(run.record.freshUntilMs).toBe(clock.read())
    const succeeding = askRoot(caching, TOP, script.send, { run: caching.begin({ isRefresh: true }) })
    await settled()
    script.answer(named('b'))
    expect(await succeeding).toEqual(named('b'))
  })
})

describe('stretched, in a crowd', () => {
  const STRETCHED_MS = FRESH_MS + STALE_MS * STALE_STRETCH

  test('what is stale is served until its stretched time ends, and refreshed beside it, once', async () => {
    const { caching, clock, crowd, watch } = kept()
    await askRoot(caching, TOP, answering(() => named('a')).send)
    crowd.isThere = true
    clock.forward(STRETCHED_MS - 1)
    const script = new ScriptedSend()
    for (let i = 0; i < 3; i++) expect(await askRoot(caching, TOP, script.send)).toEqual(named('a'))
    expect(script.sent).toHaveLength(1)
    script.answer(named('b'))
    await settled()
    expect(await askRoot(caching, TOP, script.send)).toEqual(named('b'))
    expect(watch.told.slice(1)).toEqual([...Array(3).fill('stale Query.some 1'), 'hit Query.some 1'])
    clock.forward(STRETCHED_MS)
    const late = askRoot(caching, TOP, script.send)
    await settled()
    script.answer(named('c'))
    expect(await late).toEqual(named('c'))
  })

  test('a refresh that fails is nothing that a client hears of', async () => {
    const { caching, clock, crowd } = kept()
    await askRoot(caching, TOP, answering(() => named('a')).send)
    crowd.isThere = true
    clock.forward(FRESH_MS + STALE_MS)
    const script = new ScriptedSend()
    expect(await askRoot(caching, TOP, script.send)).toEqual(named('a'))
    script.fail(timeout())
    await settled()
    expect(await askRoot(caching, TOP, script.send)).toEqual(named('a'))
    expect(script.sent).toHaveLength(1)
  })

  test('a refreshing execution that fails takes it, as long as the crowd is there', async () => {
    const { caching, clock, crowd } = kept()
    await askRoot(caching, TOP, answering(() => named('a')).send)
    clock.forward(FRESH_MS + STALE_MS)
    for (const isThereYet of [true, false]) {
      crowd.isThere = true
      const script = new ScriptedSend()
      const refreshing = askRoot(caching, TOP, script.send, { run: caching.begin({ isRefresh: true }) })
      await settled()
      crowd.isThere = isThereYet
      script.fail(timeout())
      if (isThereYet) expect(await refreshing).toEqual(named('a'))
      else await expect(refreshing).rejects.toMatchObject({ code: 'SUBGRAPH_TIMEOUT' })
    }
  })

  test.each<[string, ReturnType<typeof policiesOf>, Partial<CachedFetch>]>([
    ['is one caller’s', policiesOf(), { scope: 'PRIVATE' }],
    ['may never be stale', policiesOf({ ofRoot: () => ({ ...policyOf(['Query.some']), staleMs: 0 }) }), {}],
  ])('what %s holds no longer than ever', async (_, policies, changes) => {
    const { caching, clock, crowd } = keptFetches({ policies })
    const fetch = { ...TOP, ...changes }
    const run = caching.begin()
    await askRoot(caching, fetch, answering(() => named('a')).send, { run })
    crowd.isThere = true
    clock.forward(FRESH_MS + (changes.scope === 'PRIVATE' ? STALE_MS : 0))
    expect(await askRoot(caching, fetch, answering(() => named('b')).send)).toEqual(named('b'))
  })

  test('what is invalidated is void', async () => {
    const { caching, clock, crowd, tags } = kept()
    await askRoot(caching, TOP, answering(() => named('a')).send)
    crowd.isThere = true
    clock.forward(FRESH_MS + STALE_MS)
    await tags.invalidate(['Query.some'])
    expect(await askRoot(caching, TOP, answering(() => named('b')).send)).toEqual(named('b'))
  })
})

describe('what is kept apart', () => {
  const apart: [string, Parameters<typeof askRoot>[3], Partial<CachedFetch>?][] = [
    ['other variables', { variables: { id: '2' } }],
    ['another text', {}, fetchOf('query ($id: ID) { top(id: $id) { name price } }')],
    ['another subgraph', {}, { service: 'other' }],
    ['other headers that the subgraph is shown', { by: { headersFor: () => ({ 'x-tenant': 'b' }) } }],
  ]
  test.each(apart)('%s', async (_what, asked, changes) => {
    const { caching } = kept()
    const { send, sent } = answering(() => ({ data: { top: { name: 'a', price: 1 } } }))
    const variables = { id: '1' }
    await askRoot(caching, TOP, send, { variables })
    await askRoot(caching, { ...TOP, ...changes }, send, { variables, ...asked })
    expect(sent).toHaveLength(2)
  })

  test("a caller's own is nobody else's, and everybody's is", async () => {
    const { caching } = kept()
    const { send, sent } = answering(() => named('a'))
    const own = fetchOf('{ me: top { name } }', { scope: 'PRIVATE' })
    const me = { data: { me: { name: 'a' } } }
    const asMe = answering(() => me)
    for (const caller of [shopper('alice'), shopper('bob'), shopper('alice'), shopper('alice', 'other')]) {
      await askRoot(caching, TOP, send, { by: { caller } })
      await askRoot(caching, own, asMe.send, { by: { caller } })
    }
    expect(sent).toHaveLength(1)
    expect(asMe.sent).toHaveLength(3)
  })

  test('the order of members in variables and headers makes no difference', async () => {
    const { caching } = kept()
    const { send, sent } = answering(() => named('a'))
    for (const [variables, headers] of [
      [{ id: { a: 1, b: [{ c: 2, d: 3 }] } }, { x: '1', y: '2' }],
      [{ id: { b: [{ d: 3, c: 2 }], a: 1 } }, { y: '2', x: '1' }],
    ] as const)
      await askRoot(caching, TOP, send, { variables, by: { headersFor: () => headers } })
    expect(sent).toHaveLength(1)
  })
})

describe('what is not kept', () => {
  const not: [string, object, string][] = [
    ['errors', { data: { top: null }, errors: [{ message: 'no' }] }, 'skip errors'],
    ['no data', { data: null, errors: [{ message: 'no' }] }, 'skip errors'],
    ['a missing key', { data: {} }, 'skip partial'],
    ['a missing key further down', { data: { top: {} } }, 'skip partial'],
    ['what is larger than may be', named('x'.repeat(2_000)), 'skip too-large'],
  ]
  test.each(not)('%s', async (_what, answer, told) => {
    const { caching, watch, answers } = keptFetches({ policies: policiesOf(), entryBytesMax: 1_000 })
    const { send, sent } = answering(() => answer)
    const run = caching.begin()
    expect(await askRoot(caching, TOP, send, { run })).toEqual(answer)
    await askRoot(caching, TOP, send)
    expect(sent).toHaveLength(2)
    expect(answers.entries).toBe(0)
    expect(watch.told).toContain(`${told} Query.some 1`)
    expect(run.record.isKeepable).toBe(told === 'skip too-large')
  })

  test('variables of more than 16 KiB, and such as JSON cannot say, go by the cache', async () => {
    const { caching, watch } = kept()
    const { send, sent } = answering(() => named('a'))
    let nested: unknown = 1
    for (let i = 0; i < 100; i++) nested = [nested]
    for (const id of ['x'.repeat(16 * 1024), 10n, nested]) {
      await askRoot(caching, TOP, send, { variables: { id } })
      await askRoot(caching, TOP, send, { variables: { id } })
    }
    expect(sent).toHaveLength(6)
    expect(watch.told).toEqual(Array(6).fill('skip too-large Query.some 1'))
  })

  test('what the policies do not name goes by the cache', async () => {
    const { caching, watch } = keptFetches({ policies: policiesOf({ ofRoot: () => undefined }) })
    const { send, sent } = answering(() => named('a'))
    const run = caching.begin({ isTraced: true })
    await askRoot(caching, TOP, send, { run })
    await askRoot(caching, TOP, send)
    expect(sent).toHaveLength(2)
    expect(watch.told).toEqual([])
    expect(run.record.isKeepable).toBe(false)
    expect(run.record.trace).toEqual([{ subgraph: 'shop', fields: [], result: 'SKIP' }])
  })

  test('a policy that throws keeps nothing, and is told of', async () => {
    const broken = () => {
      throw new Error('broken')
    }
    for (const policies of [
      policiesOf({ ofRoot: broken }),
      policiesOf({ ofRoot: () => ({ ...policiesOf().ofRoot(TOP)!, tagsOf: broken }) }),
    ]) {
      const { caching, watch, answers } = keptFetches({ policies })
      const { send } = answering(() => named('a'))
      expect(await askRoot(caching, TOP, send)).toEqual(named('a'))
      expect(answers.entries).toBe(0)
      expect(watch.errors).toHaveLength(1)
    }
  })

  test('a fresh fetch takes nothing that is kept or under way, and what it brings is kept', async () => {
    const { caching } = kept()
    const script = new ScriptedSend()
    const slow = askRoot(caching, TOP, script.send)
    await settled()
    const fresh = askRoot(caching, { ...TOP, isFresh: true }, script.send)
    await settled()
    expect(script.sent).toHaveLength(2)
    script.answer(named('old'))
    script.answer(named('new'))
    expect([await slow, await fresh]).toEqual([named('old'), named('new')])
  })
})

describe('one flight a key', () => {
  test('5,000 at once for one cold key: one fetch; the next one is a hit', async () => {
    const { caching, watch } = kept()
    const script = new ScriptedSend()
    const all = Array.from({ length: 5_000 }, () => askRoot(caching, TOP, script.send))
    await settled()
    expect(script.sent).toHaveLength(1)
    expect(script.sent[0]!.isFresh, 'no other layer may give it an older answer').toBe(true)
    script.answer(named('a'))
    for (const answer of await Promise.all(all)) expect(answer).toEqual(named('a'))
    await askRoot(caching, TOP, script.send)
    expect(watch.told.filter(told => told.startsWith('dedupe'))).toHaveLength(4_999)
    expect(watch.told.at(-1)).toBe('hit Query.some 1')
    expect(caching.underWay).toBe(0)
  })

  test('what comes while another tier is asked is not asked for again', async () => {
    const isAsked = Promise.withResolvers<undefined>()
    const { caching } = keptFetches({
      policies: policiesOf(),
      through: answers => ({ ...answers, asksFurther: () => true, get: () => isAsked.promise }),
    })
    const { send, sent } = answering(() => named('a'))
    const waiting = askRoot(caching, TOP, send)
    await askRoot(caching, { ...TOP, isFresh: true }, send)
    isAsked.resolve(undefined)
    expect(await waiting).toEqual(named('a'))
    expect(sent).toHaveLength(1)
  })

  test('its failure is the failure of all who have joined', async () => {
    const { caching } = kept()
    const script = new ScriptedSend()
    const all = Array.from({ length: 100 }, () => askRoot(caching, TOP, script.send))
    await settled()
    script.fail(noAnswer('SUBGRAPH_UNREACHABLE', 'shop', 'gone'))
    const ends = await Promise.allSettled(all)
    expect(ends.map(end => end.status === 'rejected' && end.reason.code)).toEqual(
      Array(100).fill('SUBGRAPH_UNREACHABLE'),
    )
    expect(script.sent).toHaveLength(1)
    expect(caching.underWay).toBe(0)
  })

  test('whoever has less time is answered by its own deadline', async () => {
    const { caching } = kept()
    const script = new ScriptedSend()
    const patient = askRoot(caching, TOP, script.send)
    await settled()
    const hasty = askRoot(caching, TOP, script.send, { by: { deadlineMs: deadlineIn(20) } })
    await expect(hasty).rejects.toMatchObject({ code: 'SUBGRAPH_TIMEOUT' })
    script.answer(named('a'))
    expect(await patient).toEqual(named('a'))
  })

  test('when it runs out of the time of who began it, the others ask once more, together', async () => {
    const { caching } = kept()
    const script = new ScriptedSend()
    const hasty = askRoot(caching, TOP, script.send, { by: { deadlineMs: deadlineIn(1) } })
    await settled()
    const patient = Array.from({ length: 10 }, () => askRoot(caching, TOP, script.send))
    await settled()
    script.fail(timeout())
    await expect(hasty).rejects.toMatchObject({ code: 'SUBGRAPH_TIMEOUT' })
    await settled()
    expect(script.sent).toHaveLength(2)
    script.answer(named('a'))
    expect(await Promise.all(patient)).toEqual(Array(10).fill(named('a')))
  })

  test('who has much time left is not held to the little that who asks again has', async () => {
    const { caching } = kept()
    const script = new ScriptedSend()
    const by = (deadlineMs: number) => ({ by: { deadlineMs } })
    const first = askRoot(caching, TOP, script.send, by(deadlineIn(1)))
    const second = askRoot(caching, TOP, script.send, by(deadlineIn(60)))
    const third = askRoot(caching, TOP, script.send)
    await settled()
    script.fail(timeout())
    await expect(first).rejects.toMatchObject({ code: 'SUBGRAPH_TIMEOUT' })
    await settled()
    expect(script.sent).toHaveLength(2)
    expect(script.sent[1]!.deadlineMs).toBeGreaterThan(nowMs() + 1_000)
    await expect(second).rejects.toMatchObject({ code: 'SUBGRAPH_TIMEOUT' })
    script.answer(named('a'))
    expect(await third).toEqual(named('a'))
  })

  test('one that fails takes no other of its key with it', async () => {
    const { caching } = kept()
    const script = new ScriptedSend()
    const browsing = askRoot(caching, TOP, script.send)
    await settled()
    const paying = askRoot(caching, TOP, script.send, { by: { priority: 'PAY' } })
    await settled()
    script.fail(new Error('gone'))
    await expect(browsing).rejects.toThrow('gone')
    const joining = askRoot(caching, TOP, script.send)
    await settled()
    expect(script.sent).toHaveLength(2)
    script.answer(named('a'))
    expect([await paying, await joining]).toEqual([named('a'), named('a')])
  })

  test('nobody waits for a fetch that is less urgent', async () => {
    const { caching } = kept()
    const script = new ScriptedSend()
    const browsing = askRoot(caching, TOP, script.send)
    await settled()
    const paying = askRoot(caching, TOP, script.send, { by: { priority: 'PAY' } })
    const adhoc = askRoot(caching, TOP, script.send, { by: { priority: 'ADHOC' } })
    await settled()
    expect(script.sent).toHaveLength(2)
    script.answer(named('a'))
    script.answer(named('b'))
    expect([await browsing, await paying, await adhoc]).toEqual([named('a'), named('b'), named('b')])
  })

  test('what was asked for earlier and comes later replaces nothing', async () => {
    const { caching, clock } = kept()
    const script = new ScriptedSend()
    const slow = askRoot(caching, TOP, script.send)
    await settled()
    clock.forward(1)
    const { send } = answering(() => named('newer'))
    await askRoot(caching, { ...TOP, isFresh: true }, send)
    script.answer(named('older'))
    expect(await slow).toEqual(named('older'))
    expect(await askRoot(caching, TOP, send)).toEqual(named('newer'))
  })

  test('of more keys than may be joined each is asked for by itself', async () => {
    const { caching } = keptFetches({ policies: policiesOf(), flightsMax: 1 })
    const script = new ScriptedSend()
    const ask = (id: string) => askRoot(caching, TOP, script.send, { variables: { id } })
    const all = [ask('1'), ask('1'), ask('2'), ask('2')]
    await settled()
    expect(script.sent.map(({ variables }) => variables.id)).toEqual(['1', '2', '2'])
    for (let i = 0; i < 3; i++) script.answer(named('a'))
    await Promise.all(all)
  })
})

describe('invalidation', () => {
  const OWN = fetchOf('{ me { name } }', { scope: 'PRIVATE' })
  const CHANGE = fetchOf('mutation { change }', { kind: 'mutation' })
  const me = (name: string) => ({ data: { me: { name } } })

  test('what is invalidated is asked for again', async () => {
    const { caching, tags } = kept()
    const { send, sent } = answering(() => named('a'))
    await askRoot(caching, TOP, send)
    await tags.invalidate(['Query.some'])
    await askRoot(caching, TOP, send)
    await tags.invalidate(['Other'])
    await askRoot(caching, TOP, send)
    expect(sent).toHaveLength(2)
  })

  test('what was asked for before is not kept; who came after asks again, who came before does not', async () => {
    const { caching, tags, watch } = kept()
    const script = new ScriptedSend()
    const before = [askRoot(caching, TOP, script.send), askRoot(caching, TOP, script.send)]
    await settled()
    await tags.invalidate([EVERYTHING])
    const after = [askRoot(caching, TOP, script.send), askRoot(caching, TOP, script.send)]
    await settled()
    expect(script.sent).toHaveLength(1)
    script.answer(named('old'))
    await settled()
    expect(watch.told).toContain('skip invalidated Query.some 1')
    expect(script.sent).toHaveLength(2)
    script.answer(named('new'))
    expect(await Promise.all(before)).toEqual([named('old'), named('old')])
    expect(await Promise.all(after)).toEqual([named('new'), named('new')])
    expect(await askRoot(caching, TOP, script.send)).toEqual(named('new'))
    expect(script.sent).toHaveLength(2)
  })

  test('of what is never kept nobody knows whether it is void: who came after asks again', async () => {
    const { caching, tags } = kept()
    const script = new ScriptedSend()
    const before = askRoot(caching, TOP, script.send)
    await settled()
    await tags.invalidate(['Other'])
    const after = askRoot(caching, TOP, script.send)
    await settled()
    const failed = { data: { top: null }, errors: [{ message: 'no' }] }
    script.answer(failed)
    expect(await before).toEqual(failed)
    await settled()
    expect(script.sent).toHaveLength(2)
    script.answer(named('a'))
    expect(await after).toEqual(named('a'))
  })

  test('an invalidation of something else changes nothing for who waits', async () => {
    const { caching, tags } = kept()
    const script = new ScriptedSend()
    const first = askRoot(caching, TOP, script.send)
    await settled()
    await tags.invalidate(['Other'])
    const second = askRoot(caching, TOP, script.send)
    await settled()
    script.answer(named('a'))
    expect(await Promise.all([first, second])).toEqual([named('a'), named('a')])
    expect(script.sent).toHaveLength(1)
  })

  test("a shopper's mutation voids what is kept of the shopper, through any client, and of nobody else", async () => {
    const { caching } = kept()
    const { send, sent } = answering(() => me('a'))
    const callers = [shopper('alice'), shopper('alice', 'other'), shopper('bob')]
    const ask = async () => {
      for (const caller of callers) await askRoot(caching, OWN, send, { by: { caller } })
    }
    await ask()
    const mutate = {
      caller: shopper('alice'),
      deadlineMs: 0,
      priority: 'PAY',
      headersFor: undefined,
    } as const
    await caching.begin().mutated(CHANGE, mutate, {}, { data: { change: true } })
    await ask()
    expect(sent).toHaveLength(5)
  })

  test('a mutation voids what the policies say of its answer; of one that nobody knows, what they say of its arguments', async () => {
    const told: unknown[] = []
    const policies = policiesOf({
      keepsPrivate: false,
      ofMutation: () => (variables, data) => {
        told.push([variables, data])
        return data === undefined ? ['Unknown'] : []
      },
    })
    const { caching, tags } = keptFetches({ policies })
    const by = { caller: shopper('alice'), deadlineMs: 0, priority: 'PAY', headersFor: undefined } as const
    const run = caching.begin()
    await run.mutated(CHANGE, by, { id: 1 }, { data: { change: 1 } })
    expect(tags.now().tick).toBe(0)
    await run.mutated(CHANGE, by, { id: 2 }, undefined)
    await run.mutated(CHANGE, by, { id: 3 }, { data: null, errors: [{ message: 'no' }] })
    expect(told).toEqual([
      [{ id: 1 }, { change: 1 }],
      [{ id: 2 }, undefined],
      [{ id: 3 }, undefined],
    ])
    expect(tags.holds({ born: { atMs: 0, tick: 0, version: 0 }, tags: ['Unknown'] })).toBe(false)
  })

  test('of a mutation whose answer tells of an error nobody knows all, so both', async () => {
    const policies = policiesOf({
      keepsPrivate: false,
      ofMutation: () => (_, data) => (data === undefined ? ['Named'] : ['Answered']),
    })
    const { caching, tags } = keptFetches({ policies })
    const by = { caller: shopper('alice'), deadlineMs: 0, priority: 'PAY', headersFor: undefined } as const
    const holds = (tag: string) => tags.holds({ born: { atMs: 0, tick: 0, version: 0 }, tags: [tag] })
    const errors = [{ message: 'what came after it was changed', path: ['change', 'name'] }]
    await caching.begin().mutated(CHANGE, by, {}, { data: { change: null }, errors: [] })
    expect([holds('Answered'), holds('Named')]).toEqual([false, true])
    await caching.begin().mutated(CHANGE, by, {}, { data: { change: null }, errors })
    expect([holds('Answered'), holds('Named')]).toEqual([false, false])
  })

  test('a policy that fails over an answer voids everything', async () => {
    const policies = policiesOf({
      ofMutation: () => () => {
        throw new Error('broken')
      },
    })
    const { caching, watch } = keptFetches({ policies })
    const { send, sent } = answering(() => named('a'))
    await askRoot(caching, TOP, send)
    const by = { caller: shopper('bob'), deadlineMs: 0, priority: 'PAY', headersFor: undefined } as const
    await caching.begin().mutated(CHANGE, by, {}, { data: {} })
    await askRoot(caching, TOP, send)
    expect(sent).toHaveLength(2)
    expect(watch.errors).toHaveLength(1)
  })
})
