import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createApiKeys, mintApiKey, type PartnerKey, sha256Of } from '../../../gateway/identity/api-keys.ts'
import { mintToken } from '../../../gateway/identity/mint.ts'
import { createLogger } from '../../../gateway/telemetry/log.ts'
import { ANONYMOUS, type Caller } from '../../../protocol/caller.ts'
import { Fault } from '../../../protocol/fault.ts'
import { hashOf, OPERATIONS, type TinyGraph, tinyGraph } from '../../harness/tiny-graph.ts'

const KEY = mintApiKey()
const ACME: PartnerKey = {
  client: 'acme',
  keySha256: sha256Of(KEY),
  tier: 'partner',
  scopes: ['policy:prices'],
}
const ALICE: Caller = {
  kind: 'shopper',
  shopperId: 'alice',
  client: 'qwen',
  scopes: ['coupon:claim'],
  tier: 'shopper',
}
const BY_KEY: Caller = { kind: 'anonymous', client: 'acme', scopes: ['policy:prices'], tier: 'partner' }

test('a key is 32 random bytes, and known by its SHA-256', () => {
  expect(KEY).toMatch(/^spk_[\w-]{43}$/)
  expect(mintApiKey()).not.toBe(KEY)
  // printf '%s' spk_ | sha256sum
  expect(sha256Of('spk_')).toBe('f40fad7e72f534e8ccad25358465ff983f9a0592e0e88769b440c7209cf67873')
})

describe('who calls by a key', () => {
  const keys = createApiKeys([ACME])

  test('the partner, who is no shopper, with its own scopes', () => {
    expect(keys.callerBy(KEY, ANONYMOUS)).toEqual(BY_KEY)
  })

  test('beside a token: whom the token names, by the client and in the tier of the key', () => {
    expect(keys.callerBy(KEY, ALICE)).toEqual({ ...ALICE, client: 'acme', tier: 'partner' })
  })

  test('always the same object', () => {
    expect(keys.callerBy(KEY, ANONYMOUS)).toBe(keys.callerBy(KEY, ANONYMOUS))
    expect(keys.callerBy(KEY, ALICE)).toBe(keys.callerBy(KEY, ALICE))
  })

  test('a partner may have several keys, each with a tier of its own', () => {
    const another = mintApiKey()
    const keys = createApiKeys([ACME, { client: 'acme', keySha256: sha256Of(another), tier: 'developer' }])
    expect(keys.callerBy(another, ALICE)).toMatchObject({ client: 'acme', tier: 'developer' })
    expect(keys.callerBy(KEY, ALICE)).toMatchObject({ client: 'acme', tier: 'partner' })
    expect(keys.callerBy(another, ANONYMOUS)).toMatchObject({ scopes: [], tier: 'developer' })
  })

  const MALFORMED =
    'the API key is refused: it is malformed: expected one, "spk_" and at least 43 letters, digits, "-" or "_"'
  test.each<[string, string | string[], string]>([
    ['unknown', mintApiKey(), 'the API key is refused: nobody has it'],
    ['of another case', KEY.toUpperCase(), MALFORMED],
    ['its hash', ACME.keySha256, MALFORMED],
    ['too short', `spk_${'a'.repeat(42)}`, MALFORMED],
    ['too long', `spk_${'a'.repeat(173)}`, MALFORMED],
    ['with more behind it', `${KEY}\n`, MALFORMED],
    ['two', `${KEY}, ${KEY}`, MALFORMED],
    ['two headers', [KEY, KEY], MALFORMED],
    ['empty', '', MALFORMED],
  ])('a key that is %s is refused, token or not', (_, key, message) => {
    for (const byToken of [ANONYMOUS, ALICE])
      expect(keys.callerBy(key, byToken)).toMatchObject({
        code: 'UNAUTHENTICATED',
        message,
        extensions: { reason: 'invalid_api_key' },
      })
  })

  test('a key is refused from its end on', () => {
    let now = Date.parse('2027-02-28T15:59:59.999Z')
    const keys = createApiKeys([{ ...ACME, expiresAt: '2027-03-01T00:00:00+08:00' }], () => now)
    expect(keys.callerBy(KEY, ANONYMOUS)).toEqual(BY_KEY)
    now += 1
    const refused = keys.callerBy(KEY, ANONYMOUS)
    expect(refused).toBeInstanceOf(Fault)
    expect((refused as Fault).message).toBe('the API key is refused: it has expired')
  })
})

test.each<[Partial<PartnerKey>, string]>([
  [{ expiresAt: 'tomorrow' }, 'partners: expected expiresAt of acme to be an instant, got tomorrow'],
  [{ client: 'x'.repeat(129) }, 'expected caller.client to be at most 128 characters'],
  [{ tier: 'king' as never }, 'expected caller.tier to be shopper | partner | chatbot | developer'],
])('an entry with %o is refused', (member, message) => {
  expect(() => createApiKeys([{ ...ACME, ...member }])).toThrow(message)
})

test('a key that is there twice is refused', () => {
  expect(() => createApiKeys([ACME, ACME])).toThrow('partners: the key of acme is there twice')
})

describe('at the doors', () => {
  const SECRET = 'a secret for tests, of more than 32 characters'
  const written: string[] = []
  const logger = createLogger({ level: 'trace', destination: { write: line => void written.push(line) } })
  let graph: TinyGraph
  let token: string
  beforeAll(async () => {
    graph = await tinyGraph({ logger, partners: [ACME], tokens: { kind: 'secret', secret: SECRET } })
    token = await mintToken({
      secret: SECRET,
      subject: 'alice',
      kind: 'shopper',
      client: 'qwen',
      scopes: [],
      ttlSeconds: 60,
    })
  })
  afterAll(() => graph.gateway.close())

  const persisted = { documentId: `sha256:${hashOf(OPERATIONS.Who!)}` }
  const text = { query: OPERATIONS.Who, extensions: { somebodys: 1 } }
  const post = (payload: object, headers: Record<string, string>) =>
    graph.gateway.app.inject({ method: 'POST', url: '/graphql', headers, payload })

  test.each([
    ['persisted', persisted],
    ['text', text],
  ])('%s: the subgraph sees the partner, and the shopper behind it', async (_, payload) => {
    const seen = async (headers: Record<string, string>): Promise<unknown> => {
      const answer = await post(payload, headers)
      expect(answer.statusCode).toBe(200)
      return JSON.parse(answer.json().data.who)
    }
    expect(await seen({ 'x-api-key': KEY })).toEqual(BY_KEY)
    expect(await seen({ 'x-api-key': KEY, authorization: `Bearer ${token}` })).toMatchObject({
      kind: 'shopper',
      shopperId: 'alice',
      client: 'acme',
      tier: 'partner',
      scopes: [],
    })
    expect(await seen({})).toEqual(ANONYMOUS)
  })

  test.each([
    ['persisted', persisted],
    ['text', text],
  ])('%s: a key that is refused is refused beside a good token too', async (_, payload) => {
    const before = graph.executed.length
    for (const key of [mintApiKey(), 'spk_none']) {
      const answer = await post(payload, { 'x-api-key': key, authorization: `Bearer ${token}` })
      expect([answer.statusCode, answer.headers['www-authenticate']]).toEqual([
        401,
        'Bearer realm="spillway"',
      ])
      expect(answer.json().errors[0].extensions).toEqual({
        code: 'UNAUTHENTICATED',
        reason: 'invalid_api_key',
      })
    }
    expect(graph.executed.length).toBe(before)
  })

  test('at the socket', async () => {
    const port = await graph.gateway.listen({ port: 0 })
    const ask = async (key: string): Promise<[number, string]> => {
      const answer = await fetch(`http://127.0.0.1:${port}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-api-key': key },
        body: JSON.stringify(persisted),
      })
      return [answer.status, await answer.text()]
    }
    expect(await ask(KEY)).toEqual([200, expect.stringContaining('acme')])
    expect(await ask(mintApiKey())).toEqual([401, expect.stringContaining('nobody has it')])
  })

  test('by MCP', async () => {
    const call = async (key: string) =>
      await graph.gateway.app.inject({
        method: 'POST',
        url: '/mcp',
        headers: { accept: 'application/json, text/event-stream', 'x-api-key': key },
        payload: {
          jsonrpc: '2.0',
          id: 1,
          method: 'tools/call',
          params: { name: 'maybe', arguments: { code: 'BAD_ID' } },
        },
      })
    expect((await call(KEY)).json().result.content[0].text).toContain('acme')
    const refused = await call(mintApiKey())
    expect([refused.statusCode, refused.json().errors[0].extensions.code]).toEqual([401, 'UNAUTHENTICATED'])
  })

  test('neither keys nor their hashes are ever written', () => {
    expect(written.length).toBeGreaterThan(0)
    expect(written.join('')).not.toContain('spk_')
    expect(written.join('')).not.toContain(ACME.keySha256)
  })

  test('without partners the header is somebody else’s', async () => {
    const other = await tinyGraph()
    const answer = await other.gateway.app.inject({
      method: 'POST',
      url: '/graphql',
      headers: { 'x-api-key': 'theirs' },
      payload: persisted,
    })
    await other.gateway.close()
    expect(JSON.parse(answer.json().data.who)).toEqual(ANONYMOUS)
  })
})
