import { getIntrospectionQuery } from 'graphql'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ManifestOperation } from '../../../gateway/operations/manifest.ts'
import { SAFELIST_MODES, type SafelistMode } from '../../../gateway/request.ts'
import { converse, type Door, JSON_TYPE, open, post } from '../../harness/lane-pair.ts'
import { hashOf, MANIFEST, OPERATIONS } from '../../harness/tiny-graph.ts'

/** What each mode answers to each way of naming an operation, through each door. */

const KNOWN = OPERATIONS.Who!
const REFORMATTED = '# a comment\nquery  Who {,,\n  who\n}\n'
const UNKNOWN = '{ who, me { id } }'
const IOS = 'query OfIos { who }'
const IOS_TOOL = 'query ToolOfIos { who }'
const CLAIM = OPERATIONS.Claim!
const FRAGMENTS = 'query Ordered { ...A ...B } fragment A on Query { who } fragment B on Query { me { id } }'
const REORDERED = 'fragment B on Query { me { id } } fragment A on Query { who } query Ordered { ...A ...B }'
const MANIFEST_HERE: readonly ManifestOperation[] = [
  ...MANIFEST,
  { id: hashOf(IOS), body: IOS, priority: 'PAY', clientName: 'ios' },
  { id: hashOf(FRAGMENTS), body: FRAGMENTS, priority: 'BROWSE' },
  { id: hashOf(IOS_TOOL), body: IOS_TOOL, priority: 'BROWSE', clientName: 'ios', tool: 'of_ios' },
]

const id = (text: string): object => ({
  extensions: { persistedQuery: { version: 1, sha256Hash: hashOf(text) } },
})
const NOT_YET = 'private, no-cache, must-revalidate'
const NEVER = 'no-store'

type Answer = readonly [code: string | undefined, status: number, caching: string]
const OK: Answer = [undefined, 200, NEVER]
const NOT_FOUND: Answer = ['PERSISTED_QUERY_NOT_FOUND', 200, NOT_YET]
const NOT_IN_LIST: Answer = ['PERSISTED_QUERY_NOT_IN_LIST', 404, NOT_YET]
const MISMATCH: Answer = ['PERSISTED_QUERY_HASH_MISMATCH', 400, NEVER]
const BOTH: Answer = ['CANNOT_SEND_PQ_ID_AND_BODY', 400, NOT_YET]
const NOT_SAFE: Answer = ['QUERY_NOT_IN_SAFELIST', 403, NOT_YET]
const ID_REQUIRED: Answer = ['PERSISTED_QUERY_ID_REQUIRED', 400, 'public, max-age=60']
const NO_MUTATION: Answer = ['METHOD_NOT_ALLOWED', 405, NEVER]
const NOT_PARSED: Answer = ['GRAPHQL_PARSE_FAILED', 400, NEVER]
const TOO_MANY_TOKENS: Answer = ['MAX_TOKENS_LIMIT', 400, NEVER]

interface Case {
  readonly asked: object
  readonly headers?: Readonly<Record<string, string>>
  /** By GET; the same as by POST unless told. */
  readonly get?: Readonly<Record<SafelistMode, Answer>>
  readonly off: Answer
  readonly audit: Answer
  readonly enforce: Answer
  readonly 'require-id': Answer
}

const served = (answer: Answer): Pick<Case, 'off' | 'audit'> => ({ off: answer, audit: answer })
const closed = (answer: Answer): Pick<Case, 'enforce' | 'require-id'> => ({
  enforce: answer,
  'require-id': answer,
})
const all = (answer: Answer): Record<SafelistMode, Answer> => ({ ...served(answer), ...closed(answer) })
const text = (query: string): object => ({ query })
const IOS_HEADER = { 'apollographql-client-name': 'ios' }
const CLAIMED = { variables: { input: { campaignId: 'a' } } }

const CASES: Readonly<Record<string, Case>> = {
  'a known id': { asked: id(KNOWN), ...all(OK) },
  'a known document id': { asked: { documentId: `sha256:${hashOf(KNOWN)}` }, ...all(OK) },
  'an unknown id': { asked: id('{ nobody }'), ...served(NOT_FOUND), ...closed(NOT_IN_LIST) },
  'an id and its text': { asked: { ...id(KNOWN), query: KNOWN }, ...served(OK), ...closed(BOTH) },
  'an id and another text': {
    asked: { ...id(KNOWN), query: UNKNOWN },
    ...served(MISMATCH),
    ...closed(BOTH),
  },
  'an unknown id and its text': {
    asked: { ...id(UNKNOWN), query: UNKNOWN },
    ...served(OK),
    ...closed(BOTH),
  },
  'a known text': { asked: text(KNOWN), ...served(OK), enforce: OK, 'require-id': ID_REQUIRED },
  'a known text, and extensions for others': {
    asked: { query: KNOWN, extensions: { somebodys: 1 } },
    ...served(OK),
    enforce: OK,
    'require-id': ID_REQUIRED,
  },
  'a known text, formatted otherwise': {
    asked: text(REFORMATTED),
    ...served(OK),
    enforce: OK,
    'require-id': ID_REQUIRED,
  },
  'a known text, its definitions in another order': {
    asked: text(REORDERED),
    ...served(OK),
    enforce: OK,
    'require-id': ID_REQUIRED,
  },
  'a known text with one field more': {
    asked: text('query Who { who me { id } }'),
    ...served(OK),
    enforce: NOT_SAFE,
    'require-id': ID_REQUIRED,
  },
  'an unknown text': { asked: text(UNKNOWN), ...served(OK), enforce: NOT_SAFE, 'require-id': ID_REQUIRED },
  'a known operation beside another': {
    asked: { query: `${KNOWN} query Other { me { id } }`, operationName: 'Who' },
    ...served(OK),
    enforce: NOT_SAFE,
    'require-id': ID_REQUIRED,
  },
  introspection: { asked: text(getIntrospectionQuery({ descriptions: false })), ...all(OK) },
  'introspection through a fragment': {
    asked: text(
      '{ ...F __typename } fragment F on Query { __type(name: "Query") { name } ...F2 } fragment F2 on Query { __typename }',
    ),
    ...all(OK),
  },
  'introspection and a field': {
    asked: text('{ __schema { queryType { name } } who }'),
    ...served(OK),
    enforce: NOT_SAFE,
    'require-id': ID_REQUIRED,
  },
  'introspection beside an operation': {
    asked: { query: 'query A { __typename } query B { who }', operationName: 'B' },
    ...served(OK),
    enforce: NOT_SAFE,
    'require-id': ID_REQUIRED,
  },
  "a field by introspection's name": {
    asked: text('{ __schema: who }'),
    ...served(OK),
    enforce: NOT_SAFE,
    'require-id': ID_REQUIRED,
  },
  'a text that does not parse': {
    asked: text('{ who'),
    ...served(NOT_PARSED),
    enforce: NOT_SAFE,
    'require-id': ID_REQUIRED,
  },
  'a text of too many tokens': {
    asked: text(`{ ${'who '.repeat(2_100)} }`),
    ...served(TOO_MANY_TOKENS),
    enforce: NOT_SAFE,
    'require-id': ID_REQUIRED,
  },
  'the id of a mutation': { asked: { ...id(CLAIM), ...CLAIMED }, get: all(NO_MUTATION), ...all(OK) },
  'the text of a mutation': {
    asked: { query: CLAIM, ...CLAIMED },
    get: { ...all(NO_MUTATION), 'require-id': ID_REQUIRED },
    ...served(OK),
    enforce: OK,
    'require-id': ID_REQUIRED,
  },
  "another client's id": { asked: id(IOS), ...served(NOT_FOUND), ...closed(NOT_IN_LIST) },
  "the client's own id": { asked: id(IOS), headers: IOS_HEADER, ...all(OK) },
  "another client's text": { asked: text(IOS), ...served(OK), enforce: NOT_SAFE, 'require-id': ID_REQUIRED },
  "the client's own text, formatted otherwise": {
    asked: text(`${IOS} `),
    headers: IOS_HEADER,
    ...served(OK),
    enforce: OK,
    'require-id': ID_REQUIRED,
  },
}

for (const mode of SAFELIST_MODES) {
  describe(`with the safelist ${mode}`, () => {
    let door: Door
    const lines: string[] = []
    beforeAll(async () => {
      const logger = pino({ level: 'info' }, { write: line => void lines.push(line) })
      door = await open({ safelist: mode, manifest: MANIFEST_HERE, explorers: false, logger }, true)
    })
    afterAll(() => door.graph.gateway.close())

    const metric = async (name: string): Promise<number> => {
      const all = (await door.graph.gateway.app.inject('/metrics')).body
      return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(all)?.[1])
    }

    test.each(Object.entries(CASES))('%s', async (name, asked) => {
      const { headers = {}, get = asked } = asked
      const fields = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
      const bytes = post(JSON.stringify(asked.asked), [JSON_TYPE, ...fields])
      door.nodes.count = 0
      const [atSocket] = await converse(door, [bytes], 1)
      const isIntrospection = name.startsWith('introspection') && asked[mode] === OK
      // Only what Apollo Server has to read leaves the socket's lane.
      if (mode === 'enforce' || mode === 'require-id') expect(door.nodes.count).toBe(isIntrospection ? 1 : 0)
      const { app } = door.graph.gateway
      const posted = await app.inject({
        method: 'POST',
        url: '/graphql',
        headers: { 'content-type': 'application/json', ...headers },
        payload: JSON.stringify(asked.asked),
      })
      const got = await app.inject({
        url: `/graphql?${search(asked.asked)}`,
        headers: { 'content-type': 'application/json', ...headers },
      })
      expect({
        socket: answer(
          Number(atSocket!.status.split(' ')[1] ?? atSocket!.status),
          atSocket!.headers,
          atSocket!.body,
        ),
        post: answer(posted.statusCode, posted.headers, posted.body),
        get: answer(got.statusCode, got.headers, got.body),
      }).toEqual({ socket: asked[mode], post: asked[mode], get: get[mode] })
    })

    test('a tool runs', async () => {
      const { app } = door.graph.gateway
      const called = await app.inject({
        method: 'POST',
        url: '/mcp',
        headers: { accept: 'application/json, text/event-stream' },
        payload: {
          jsonrpc: '2.0',
          id: 1,
          method: 'tools/call',
          params: { name: 'product_detail', arguments: { id: 'product_1' } },
        },
      })
      expect(called.json().result.content[0].text).toContain('"nameZh":"奶茶1"')
    })

    test("a tool that is another client's is neither shown nor run", async () => {
      const { app } = door.graph.gateway
      const ask = async (method: string, params: object, client: string): Promise<string> =>
        (
          await app.inject({
            method: 'POST',
            url: '/mcp',
            headers: { accept: 'application/json, text/event-stream', 'graphql-client-name': client },
            payload: { jsonrpc: '2.0', id: 1, method, params },
          })
        ).body
      const called = { name: 'of_ios', arguments: {} }
      expect(await ask('tools/call', called, 'ios')).toContain('anonymous')
      expect(await ask('tools/list', {}, 'ios')).toContain('of_ios')
      const before = door.graph.executed.length
      expect(await ask('tools/call', called, 'web')).toContain('expected one of the tools listed')
      expect(await ask('tools/list', {}, 'web')).not.toContain('of_ios')
      expect((await app.inject({ url: '/tools.json' })).body).not.toContain('of_ios')
      expect(door.graph.executed.length).toBe(before)
    })

    if (mode === 'enforce') {
      test('a known text runs as the persisted operation, and nothing is compiled for it', async () => {
        const kept = await metric('spillway_texts_kept')
        const before = await metric('spillway_requests_total{door="express",operation="Who",code="OK"}')
        for (const query of [KNOWN, REFORMATTED])
          await door.graph.gateway.app.inject({ method: 'POST', url: '/graphql', payload: { query } })
        expect(await metric('spillway_requests_total{door="express",operation="Who",code="OK"}')).toBe(
          before + 2,
        )
        expect(await metric('spillway_texts_kept')).toBe(kept)
      })

      test('no text is registered under its hash', async () => {
        const query = '{ register: who }'
        const ask = (payload: object) =>
          door.graph.gateway.app.inject({ method: 'POST', url: '/graphql', payload })
        for (const payload of [{ ...id(query), query }, id(query)])
          expect((await ask(payload)).statusCode).toBeGreaterThanOrEqual(400)
        expect(await metric('spillway_texts_registered')).toBe(0)
      })

      test('what the manifest says counts from the swap on', async () => {
        const added = 'query Added { who }'
        const ask = async (query: string): Promise<number> =>
          (await door.graph.gateway.app.inject({ method: 'POST', url: '/graphql', payload: { query } }))
            .statusCode
        expect([await ask(added), await ask(KNOWN)]).toEqual([403, 200])
        const others = MANIFEST_HERE.filter(({ body }) => body !== KNOWN)
        await door.graph.gateway.swap({
          manifest: [...others, { id: hashOf(added), body: added, priority: 'BROWSE' }],
        })
        expect([await ask(added), await ask(KNOWN), await ask(REFORMATTED)]).toEqual([200, 403, 403])
        await door.graph.gateway.swap({ manifest: MANIFEST_HERE })
        expect([await ask(added), await ask(KNOWN), await ask(REFORMATTED)]).toEqual([403, 200, 200])
      })
    }

    if (mode === 'audit') {
      test('an unknown text is counted each time and told of once, by its hash; a known one never', async () => {
        lines.length = 0
        const before = await metric('spillway_unknown_texts_total')
        const secret = '{ echo(text: "secret of a shopper") }'
        const headers = { 'apollographql-client-name': 'web', 'apollographql-client-version': '7' }
        const ask = (payload: object) =>
          door.graph.gateway.app.inject({ method: 'POST', url: '/graphql', headers, payload })
        for (const payload of [
          { query: secret },
          { query: secret },
          { ...id(secret), query: secret },
          id(secret),
          text(KNOWN),
          text(REFORMATTED),
          text('{ __typename }'),
          id(KNOWN),
        ])
          expect((await ask(payload)).json()).not.toHaveProperty('errors')
        expect(await metric('spillway_unknown_texts_total')).toBe(before + 4)
        const told = lines.map(line => JSON.parse(line)).filter(({ msg }) => /no persisted/.test(msg))
        expect(told).toMatchObject([{ hash: hashOf(secret), chars: secret.length, clientName: 'web' }])
        expect(lines.join()).not.toContain('secret of')
      })
    }
  })
}

describe('where introspection is off', () => {
  const INVALID: Answer = ['GRAPHQL_VALIDATION_FAILED', 400, NEVER]
  test.each([
    ['off', INVALID],
    ['audit', INVALID],
    ['enforce', NOT_SAFE],
    ['require-id', ID_REQUIRED],
  ] as const)('it does not pass in %s', async (safelist, expected) => {
    const door = await open({ safelist, production: true }, true)
    try {
      const query = '{ __schema { queryType { name } } }'
      const asked = await door.graph.gateway.app.inject({
        method: 'POST',
        url: '/graphql',
        payload: { query },
      })
      expect(answer(asked.statusCode, asked.headers, asked.body)).toEqual(expected)
    } finally {
      await door.graph.gateway.close()
    }
  })
})

function answer(
  status: number,
  headers: Readonly<Record<string, string | number | string[] | undefined>>,
  body: string,
): Answer {
  return [JSON.parse(body).errors?.[0]?.extensions.code, status, String(headers['cache-control'])]
}

/** A body's members as a GET's parameters. */
function search(body: object): URLSearchParams {
  const params = new URLSearchParams()
  for (const [name, value] of Object.entries(body))
    params.append(name, typeof value === 'string' ? value : JSON.stringify(value))
  return params
}
