import { describe, expect, test } from 'vitest'
import type { FetchRecord } from '../../../../gateway/cache/fetches/fetch-record.ts'
import {
  type ResponseKind,
  type ResponseSlot,
  responseKind,
  responseSlot,
} from '../../../../gateway/cache/responses/response-slot.ts'
import {
  createResponses,
  type KeptResponse,
  type Responses,
} from '../../../../gateway/cache/responses/responses.ts'
import { type AnswerStore, createAnswers } from '../../../../gateway/cache/stores/answers.ts'
import { createLocalTags } from '../../../../gateway/cache/tags/local-tags.ts'
import type { Tags } from '../../../../gateway/cache/tags/tags.ts'
import type { CacheWatch } from '../../../../gateway/cache/watch.ts'
import { DEFAULT_CACHE } from '../../../../gateway/cache-settings.ts'
import { JsonText } from '../../../../gateway/request.ts'

interface Stand {
  readonly responses: Responses
  readonly answers: AnswerStore
  readonly tags: Tags
  readonly events: string[]
  /** Whether a crowd stretches what is stale. */
  readonly crowd: { isThere: boolean }
  pass(ms: number): void
  /** Of what was asked for now, fresh for 100 ms and stale for 200 more, in a crowd for 2,000. */
  record(more?: Partial<FetchRecord>): FetchRecord
}

function stand(answersGiven?: Partial<AnswerStore>): Stand {
  let now = 1_000
  const clock = (): number => now
  const tags = createLocalTags({ clock })
  const crowd = { isThere: false }
  const isStretched = (): boolean => crowd.isThere
  const bounds = { ...DEFAULT_CACHE, entryBytesMax: 10_000 }
  const answers = createAnswers({ bounds, tags, clock, isStretched })
  const events: string[] = []
  const tell = (what: string) => (event: object) => void events.push(`${what} ${JSON.stringify(event)}`)
  const watch: CacheWatch = {
    onHit: tell('hit'),
    onStale: tell('stale'),
    onMiss: tell('miss'),
    onDedupe: tell('dedupe'),
    onSkip: tell('skip'),
    onError: () => {},
  }
  return {
    responses: createResponses({ answers: { ...answers, ...answersGiven }, tags, watch, clock, isStretched }),
    crowd,
    answers,
    tags,
    events,
    pass: ms => void (now += ms),
    record: more => ({
      born: tags.now(),
      freshUntilMs: now + 100,
      staleUntilMs: now + 300,
      stretchedUntilMs: now + 2_100,
      tags: new Set(['Product']),
      isKeepable: true,
      trace: undefined,
      ...more,
    }),
  }
}

const slot = (): ResponseSlot => responseSlot(responseKind('Product', ['id']), { id: '1' }, undefined)!
const found = async (responses: Responses, of: ResponseSlot): Promise<KeptResponse | undefined> =>
  await responses.find(of)

describe('what is kept', () => {
  test('is found with its age and times, the same text for all, until it is gone', async () => {
    const { responses, record, pass } = stand()
    const of = slot()
    const json = new JsonText('{"a":1}')
    expect(responses.keep(of, json, record())?.validity).toEqual({ ageMs: 0, freshMs: 100, staleMs: 200 })
    pass(99)
    const first = responses.find(of) as KeptResponse
    expect(first).toMatchObject({ isStale: false, tier: 'memory' })
    expect(first.validity).toEqual({ ageMs: 99, freshMs: 100, staleMs: 200 })
    expect(first.json).toBe(json)
    pass(1)
    expect(responses.find(of)).toMatchObject({ isStale: true, validity: { ageMs: 100 } })
    pass(199)
    expect(responses.find(of)).toMatchObject({ isStale: true })
    pass(1)
    expect(await found(responses, of)).toBeUndefined()
  })

  test('is found in a crowd until its stretched time ends, as stale as it is, and HTTP caches are told its own times', async () => {
    const { responses, record, pass, crowd } = stand()
    const of = slot()
    responses.keep(of, new JsonText('{"a":1}'), record())
    pass(300)
    expect(await found(responses, of)).toBeUndefined()
    crowd.isThere = true
    const kept = responses.find(of) as KeptResponse
    expect(kept).toMatchObject({ isStale: true, json: { text: '{"a":1}' } })
    expect(kept.validity).toEqual({ ageMs: 300, freshMs: 100, staleMs: 200 })
    pass(1_799)
    expect(responses.find(of)).toMatchObject({ isStale: true, validity: { ageMs: 2_099 } })
    pass(1)
    expect(await found(responses, of)).toBeUndefined()
  })

  test('may have come when it is not fresh any more: it is stale, and in a crowd while it is stretched', async () => {
    for (const [tookMs, isThere] of [
      [150, false],
      [1_500, true],
    ] as const) {
      const { responses, record, pass, crowd, events } = stand()
      crowd.isThere = isThere
      const of = slot()
      const made = record()
      pass(tookMs)
      expect(responses.keep(of, new JsonText('{"a":1}'), made)).toMatchObject({ isStale: true })
      expect(responses.find(of)).toMatchObject({ isStale: true, validity: { ageMs: tookMs, freshMs: 100 } })
      expect(events).toEqual([])
    }
  })

  test('is told to others only while it is fresh: they may have something newer', () => {
    const shared: boolean[] = []
    const { responses, record, pass } = stand({
      set: (_key, _entry, isShared) => {
        shared.push(isShared)
        return true
      },
    })
    const made = record()
    responses.keep(slot(), new JsonText('{}'), made)
    pass(150)
    responses.keep(slot(), new JsonText('{}'), made)
    expect(shared).toEqual([true, false])
  })

  test('is not replaced by what is stale, unless that is newer', () => {
    const { responses, record, pass, events } = stand()
    const of = slot()
    const first = record()
    responses.keep(of, new JsonText('{"a":1}'), first)
    pass(50)
    const later = record()
    pass(200)
    expect(responses.keep(of, new JsonText('{"a":0}'), first)).toBeUndefined()
    expect(events.map(event => JSON.parse(event.slice(5)).reason)).toEqual(['not-fresh'])
    expect(responses.find(of)).toMatchObject({ json: { text: '{"a":1}' } })
    expect(responses.keep(of, new JsonText('{"a":2}'), later)).toMatchObject({ isStale: true })
    expect(responses.find(of)).toMatchObject({ json: { text: '{"a":2}' } })
  })

  test('counts from before its oldest part was asked for', () => {
    const { responses, record, pass, tags } = stand()
    const born = tags.now()
    pass(40)
    const kept = responses.keep(slot(), new JsonText('{}'), record({ born }))
    expect(kept?.validity).toEqual({ ageMs: 40, freshMs: 140, staleMs: 200 })
  })

  test('is void with any of its tags', async () => {
    const { responses, record, tags } = stand()
    const of = slot()
    responses.keep(of, new JsonText('{}'), record({ tags: new Set(['Product', 'Product:1', 'Shop']) }))
    await tags.invalidate(['Product:2'])
    expect(responses.find(of)).toBeDefined()
    await tags.invalidate(['Shop'])
    expect(await found(responses, of)).toBeUndefined()
  })

  test('carries at most 64 keys: of more of a type, all of it', async () => {
    const { responses, record, tags, answers } = stand()
    const of = slot()
    const many = Array.from({ length: 500 }, (_, i) => `Product:${i}`)
    responses.keep(of, new JsonText('{}'), record({ tags: new Set(['Product', 'Shop:1', ...many]) }))
    expect([...answers.peek(of.key)!.tags].sort()).toEqual(['Product', 'Product:*', 'Shop', 'Shop:1'])
    await tags.invalidate(['Product:499'])
    expect(await found(responses, of)).toBeUndefined()
  })

  test('takes about what its text and its bytes take', () => {
    const { responses, record, answers } = stand()
    const of = slot()
    const bytesOf = (text: string): number => {
      responses.keep(of, new JsonText(text), record())
      return answers.peek(of.key)!.bytes
    }
    // 256 of what holds them. ASCII: a byte a unit, and as many bytes in UTF-8.
    expect(bytesOf('"x"')).toBe(256 + 3 + 3)
    // 奶茶: two bytes a unit, three in UTF-8.
    expect(bytesOf('"奶茶"')).toBe(256 + 2 * 4 + 8)
    // From 1,024 bytes on it may be compressed as well.
    expect(bytesOf(`"${'x'.repeat(1_022)}"`)).toBe(256 + 3 * 1_024)
  })
})

describe('let in, while nobody else is,', () => {
  const slotOf = (kind: ResponseKind, id: number): ResponseSlot => responseSlot(kind, { id }, undefined)!
  const kindOf = (name: string): ResponseKind => responseKind(name, [name])

  test('is what was asked for before, one of an operation at once', () => {
    const { responses } = stand()
    const kind = kindOf('Product')
    for (const id of [1, 2]) expect(responses.letIn(slotOf(kind, id))).toBeUndefined()
    const leave = responses.letIn(slotOf(kind, 1))!
    for (const id of [1, 2]) expect(responses.letIn(slotOf(kind, id))).toBeUndefined()
    leave()
    expect(responses.letIn(slotOf(kind, 2))).toBeTypeOf('function')
  })

  test('are eight operations at most', () => {
    const { responses } = stand()
    const slots = Array.from({ length: 9 }, (_, i) => slotOf(kindOf(`Operation${i}`), 1))
    for (const one of slots) responses.letIn(one)
    const leaves = slots.map(one => responses.letIn(one))
    expect(leaves.map(leave => leave !== undefined)).toEqual(slots.map((_, i) => i < 8))
    leaves[3]!()
    expect(responses.letIn(slots[8]!)).toBeTypeOf('function')
  })
})

/** Of a part that is past its time. */
const LATE = { freshUntilMs: 700, staleUntilMs: 900, stretchedUntilMs: 1_000 }

describe('not kept', () => {
  test.each<[string, (stand: Stand) => Partial<FetchRecord>, string, string | undefined]>([
    ['what a part of cannot be', () => ({ isKeepable: false }), '{}', undefined],
    ['nothing at all', () => ({}), 'null', undefined],
    ['what is past its time', () => LATE, '{}', 'not-fresh'],
    ['what is too large', () => ({}), `"${'x'.repeat(10_000)}"`, 'too-large'],
  ])('%s', async (_, more, text, reason) => {
    const here = stand()
    const { responses, record, events } = here
    const of = slot()
    expect(responses.keep(of, new JsonText(text), record(more(here)))).toBeUndefined()
    expect(await found(responses, of)).toBeUndefined()
    expect(events.map(event => JSON.parse(event.slice(5)).reason)).toEqual(
      reason === undefined ? [] : [reason],
    )
  })

  test('what was invalidated while it was asked for', async () => {
    const { responses, record, tags, events } = stand()
    const of = slot()
    const made = record()
    await tags.invalidate(['Product'])
    expect(responses.keep(of, new JsonText('{}'), made)).toBeUndefined()
    expect(await found(responses, of)).toBeUndefined()
    expect(events).toEqual(['skip {"level":"response","field":"Product","count":1,"reason":"invalidated"}'])
  })
})

describe('other tiers', () => {
  test('are asked where memory has nothing; what they have is shared by all who find it', async () => {
    const { responses, record, answers, events } = stand()
    const of = slot()
    const { born, freshUntilMs, staleUntilMs, stretchedUntilMs } = record()
    const entry = { value: '{"a":1}', born, freshUntilMs, staleUntilMs, stretchedUntilMs, tags: [], bytes: 7 }
    const other = stand({
      get: async () => ({ entry, tier: 'redis' }),
      peek: () => undefined,
      asksFurther: () => true,
    })
    const [first, second] = [await found(other.responses, of), await found(other.responses, of)]
    expect(first).toMatchObject({ tier: 'redis', isStale: false })
    expect(first!.json.text).toBe('{"a":1}')
    expect(second!.json).toBe(first!.json)
    answers.set(of.key, entry, false)
    expect(responses.find(of)).toMatchObject({ tier: 'memory', json: { text: '{"a":1}' } })
    expect(events).toEqual([])
  })

  test('are not asked for answers of a kind that cannot be kept, until one can', async () => {
    let asked = 0
    const { responses, record } = stand({
      asksFurther: () => true,
      get: async () => {
        asked++
        return undefined
      },
    })
    const of = slot()
    await found(responses, of)
    responses.keep(of, new JsonText('{}'), record({ isKeepable: false }))
    expect(responses.find(of)).toBeUndefined()
    expect(asked).toBe(1)
    responses.keep(of, new JsonText('{}'), record(LATE))
    await found(responses, of)
    expect(asked).toBe(2)
  })

  test('what is no text there is nothing', async () => {
    const { record } = stand()
    const { born, freshUntilMs, staleUntilMs, stretchedUntilMs } = record()
    const entry = { value: { a: 1 }, born, freshUntilMs, staleUntilMs, stretchedUntilMs, tags: [], bytes: 7 }
    const { responses } = stand({ peek: () => entry, get: async () => ({ entry, tier: 'redis' }) })
    expect(await found(responses, slot())).toBeUndefined()
  })
})

test('whoever is answered is counted as what it was answered with', () => {
  const { responses, record, events, pass } = stand()
  const of = slot()
  responses.missed(of, false)
  responses.missed(of, true)
  responses.keep(of, new JsonText('{}'), record())
  pass(50)
  responses.served(of, responses.find(of) as KeptResponse)
  pass(50)
  responses.served(of, responses.find(of) as KeptResponse)
  expect(events).toEqual([
    'miss {"level":"response","field":"Product","count":1}',
    'dedupe {"level":"response","field":"Product","count":1}',
    'hit {"level":"response","field":"Product","count":1,"ageMs":50,"tier":"memory"}',
    'stale {"level":"response","field":"Product","count":1,"ageMs":100,"tier":"memory"}',
  ])
})
