import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openStores, type TextsBounds } from '../../../gateway/cache/stores/stores.ts'
import { createPersistedTexts, type SharedTexts, type TextStores } from '../../../gateway/operations/apq.ts'
import { converse, type Door, open, post } from '../../harness/lane-pair.ts'
import { hashOf, OPERATIONS } from '../../harness/tiny-graph.ts'

/** Memory as the gateway opens it; beside it, where all gateways would keep theirs. */
const stores = (texts: Partial<TextsBounds> = {}, shared?: SharedTexts): TextStores => ({
  ...openStores({ texts, logger: pino({ level: 'silent' }) }).texts,
  shared,
})

const text = (name: string): [hash: string, text: string] => [hashOf(name), name]

describe('in memory', () => {
  test('the text used longest ago goes first, by number and by length', () => {
    const texts = createPersistedTexts(stores({ textsMax: 2, charsMax: 10 }))
    for (const name of ['a', 'b']) texts.keep(...text(name))
    expect(texts.find(hashOf('a'))).toBe('a')
    texts.keep(...text('c'))
    expect(['a', 'b', 'c'].map(name => texts.find(hashOf(name)))).toEqual(['a', undefined, 'c'])
    // 9 and 1 fit into 10 units, 9 and 1 and 1 do not.
    texts.keep(...text('x'.repeat(9)))
    expect([texts.kept, texts.keptChars]).toEqual([2, 10])
    texts.keep(...text('yy'))
    expect([texts.kept, texts.keptChars]).toEqual([1, 2])
  })

  test('a text kept twice counts once; one that is too long is not kept', () => {
    const texts = createPersistedTexts(stores(), { textCharsMax: 3 })
    for (const name of ['abc', 'abc', 'abcd']) texts.keep(...text(name))
    expect([texts.kept, texts.keptChars]).toEqual([1, 3])
    expect(texts.find(hashOf('abcd'))).toBeUndefined()
  })
})

describe('with others', () => {
  function shared(): SharedTexts & {
    readonly asked: string[]
    usable: boolean
    readonly texts: Map<string, string>
  } {
    const asked: string[] = []
    const texts = new Map<string, string>()
    const made = {
      asked,
      texts,
      usable: true,
      get isUsable() {
        return made.usable
      },
      async get(hash: string) {
        asked.push(hash)
        return texts.get(hash)
      },
      set(hash: string, value: string) {
        texts.set(hash, value)
      },
    }
    return made
  }

  test('what one keeps another fetches, once, and then knows', async () => {
    const redis = shared()
    const [one, other] = [createPersistedTexts(stores({}, redis)), createPersistedTexts(stores({}, redis))]
    one.keep(...text('a'))
    expect(one.fetch(hashOf('a'))).toBeUndefined()
    expect(other.find(hashOf('a'))).toBeUndefined()
    await Promise.all([other.fetch(hashOf('a')), other.fetch(hashOf('a'))])
    expect(redis.asked).toEqual([hashOf('a')])
    expect(other.find(hashOf('a'))).toBe('a')
    expect(other.fetch(hashOf('a'))).toBeUndefined()
  })

  test('a hash that nobody knows is asked for each time: it may be registered in between', async () => {
    const redis = shared()
    const texts = createPersistedTexts(stores({}, redis))
    await texts.fetch(hashOf('a'))
    await texts.fetch(hashOf('a'))
    expect(redis.asked).toHaveLength(2)
  })

  test('nothing is waited for while they cannot be asked', () => {
    const redis = shared()
    redis.usable = false
    expect(createPersistedTexts(stores({}, redis)).fetch(hashOf('a'))).toBeUndefined()
  })

  test('what is too long for this process is not kept, whoever gives it', async () => {
    const redis = shared()
    redis.set(...text('abcd'))
    const texts = createPersistedTexts(stores({}, redis), { textCharsMax: 3 })
    await texts.fetch(hashOf('abcd'))
    expect(texts.kept).toBe(0)
  })
})

describe('a text that a client registers', () => {
  let door: Door
  beforeAll(async () => {
    door = await open({ explorers: false }, true)
  })
  afterAll(() => door.graph.gateway.close())

  const pq = (query: string): object => ({
    extensions: { persistedQuery: { version: 1, sha256Hash: hashOf(query) } },
  })
  const ask = async (payload: object) =>
    await door.graph.gateway.app.inject({ method: 'POST', url: '/graphql', payload })
  const get = async (params: Record<string, string>) =>
    await door.graph.gateway.app.inject({
      url: `/graphql?${new URLSearchParams(params)}`,
      headers: { 'content-type': 'application/json' },
    })
  const codeOf = (answer: { json(): { errors?: { extensions: { code: string } }[] } }): string | undefined =>
    answer.json().errors?.[0]?.extensions.code
  const metric = async (name: string): Promise<number> => {
    const all = (await door.graph.gateway.app.inject('/metrics')).body
    return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(all)?.[1])
  }

  test.each([
    ['does not parse', '{ who', 'GRAPHQL_PARSE_FAILED'],
    ['does not fit the schema', '{ nothing }', 'GRAPHQL_VALIDATION_FAILED'],
    ['is too large', `{ ${'who '.repeat(2_100)} }`, 'MAX_TOKENS_LIMIT'],
    ['nests too deep', `{ ${'deep { '.repeat(15)}leaf${' }'.repeat(15)} }`, 'MAX_DEPTH_LIMIT'],
  ])('is kept once it is valid: not when it %s', async (_, query, code) => {
    const before = await metric('spillway_texts_registered')
    expect(codeOf(await ask({ query, ...pq(query) }))).toBe(code)
    expect(await metric('spillway_texts_registered')).toBe(before)
    expect(codeOf(await ask(pq(query)))).toBe('PERSISTED_QUERY_NOT_FOUND')
  })

  test('is not kept above a size', async () => {
    const query = `{ who } # ${'x'.repeat(64 * 1024)}`
    expect((await ask({ query, ...pq(query) })).statusCode).toBe(200)
    expect(codeOf(await ask(pq(query)))).toBe('PERSISTED_QUERY_NOT_FOUND')
  })

  test('is answered at the socket by its hash from then on, whichever way it is named', async () => {
    const query = 'query Registered($text: String) { echo(text: $text) }'
    expect((await ask({ query, ...pq(query) })).json()).toEqual({ data: { echo: null } })
    door.nodes.count = 0
    for (const named of [pq(query), { documentId: `sha256:${hashOf(query)}` }]) {
      const bytes = post(JSON.stringify({ ...named, variables: { text: 'a' } }))
      const [answer] = await converse(door, [bytes], 1)
      expect(answer?.body).toBe('{"data":{"echo":"a"}}')
    }
    expect(door.nodes.count).toBe(0)
    expect((await get({ documentId: `sha256:${hashOf(query)}`, variables: '{"text":"b"}' })).json()).toEqual({
      data: { echo: 'b' },
    })
  })

  test('may hold several operations, of which the name chooses', async () => {
    const query = 'query A { a: who } query B { b: who }'
    await ask({ query, operationName: 'A', ...pq(query) })
    expect((await ask({ ...pq(query), operationName: 'B' })).json()).toHaveProperty('data.b')
    expect((await ask({ ...pq(query), operationName: 'A' })).json()).toHaveProperty('data.a')
    expect(codeOf(await ask(pq(query)))).toBe('OPERATION_RESOLUTION_FAILURE')
  })

  test('is no way around POST for a mutation', async () => {
    const query = 'mutation Registered { claim(input: { campaignId: "a" }) { __typename } }'
    const hash = { extensions: JSON.stringify({ persistedQuery: { version: 1, sha256Hash: hashOf(query) } }) }
    const before = door.graph.executed.length
    expect((await get({ query, ...hash })).statusCode).toBe(405)
    expect(codeOf(await get(hash))).toBe('PERSISTED_QUERY_NOT_FOUND')
    expect((await ask({ query, ...pq(query) })).statusCode).toBe(200)
    expect(door.graph.executed.length).toBe(before + 1)
    // Compiled by now.
    for (let i = 0; i < 2; i++) {
      const refused = await get(hash)
      expect([refused.statusCode, codeOf(refused), refused.headers.allow]).toEqual([
        405,
        'METHOD_NOT_ALLOWED',
        'POST',
      ])
    }
    expect(door.graph.executed.length).toBe(before + 1)
  })

  test("stands behind the manifest's operation of the same hash", async () => {
    const query = OPERATIONS.Who!
    const before = await metric('spillway_texts_registered')
    await ask({ query, ...pq(query) })
    expect(await metric('spillway_texts_registered')).toBe(before)
  })
})

test('what a flood of texts puts where all gateways keep theirs is bounded; what is there already may be put again', () => {
  let now = 0
  const put: string[] = []
  const shared = {
    isUsable: true,
    get: async () => undefined,
    set: (hash: string) => void put.push(hash),
  }
  const texts = createPersistedTexts(stores({}, shared), { sharedCharsMax: 3 * (10 + 256) }, () => now)
  const flood = (from: number): void => {
    for (let i = from; i < from + 10; i++) texts.keep(`${i}`, '{ ten___ }')
  }
  flood(0)
  expect(put).toEqual(['0', '1', '2'])
  flood(0)
  expect(put).toEqual(['0', '1', '2', '0', '1', '2'])
  expect(texts.kept).toBe(10)
  // A third of a day gives a third back.
  now = 8 * 60 * 60 * 1_000
  flood(3)
  expect(put.slice(6)).toEqual(['3'])
  now += 1_000 * 24 * 60 * 60 * 1_000
  flood(4)
  expect(put.slice(7)).toEqual(['4', '5', '6'])
})

test('while the others cannot be reached nothing of the allowance goes', () => {
  const put: string[] = []
  const shared = { isUsable: false, get: async () => undefined, set: (hash: string) => void put.push(hash) }
  const texts = createPersistedTexts(stores({}, shared), { sharedCharsMax: 10 + 256 }, () => 0)
  texts.keep('1', '{ ten___ }')
  shared.isUsable = true
  texts.keep('2', '{ ten___ }')
  expect(put).toEqual(['2'])
})
