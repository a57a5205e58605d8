import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ERRORS } from '../../gateway/errors.ts'
import { Fault } from '../../protocol/fault.ts'
import type { SubgraphClient } from '../../protocol/subgraph-client.ts'
import { ask, bodyFor, get, idOf, JSON_TYPE, Pair, post } from '../harness/lane-pair.ts'
import { hashOf, OPERATIONS } from '../harness/tiny-graph.ts'
import { tokenFor } from '../harness/tokens.ts'

/** Nobody can tell the lane from Node and Fastify: the same bytes go to a gateway with it and to one without. */

const SECRET = 'a secret for tests, of more than 32 characters'
const ORIGIN = 'https://shop.example'

const withFields = (...fields: readonly string[]): Buffer => post(bodyFor('Who'), [JSON_TYPE, ...fields])

const TOKENS = { kind: 'secret', secret: SECRET } as const
const bearer = (token: string): string => `authorization: Bearer ${token}`
const EXPIRED = tokenFor(SECRET, { sub: 'shopper_1', exp: 1_000 })
const GOOD = tokenFor(SECRET, { sub: 'shopper_1' })
const WHO = bodyFor('Who')
const HASH = hashOf(OPERATIONS.Who!)
const persisted = (sha256Hash: string): object => ({
  extensions: { persistedQuery: { version: 1, sha256Hash } },
})

/** What is sent, who answers it at the gateway with the lane, and the status of both answers. */
type Case = readonly [why: string, stream: Buffer, by: 'lane' | 'Fastify' | 'Node', status: number]

const CASES: readonly Case[] = [
  ['data', ask('Product', { id: 'product_1' }), 'lane', 200],
  ['data beyond ASCII, and back', ask('Echo', { text: '奶茶 👨‍👩‍👧 \u2028 "\\' }), 'lane', 200],
  ['no data for what is not there', ask('Product', { id: 'nothing' }), 'lane', 200],
  ['a mutation', ask('Claim', { input: { campaignId: 'a' } }), 'lane', 200],
  ['defaults', ask('Products'), 'lane', 200],
  [
    'null for every optional member',
    ask('Products', undefined, { operationName: null, extensions: null }),
    'lane',
    200,
  ],
  ['a variable that is not declared', ask('Products', { first: 1, unknown: 2 }), 'lane', 200],
  ['the operation named', ask('Products', {}, { operationName: 'Products' }), 'lane', 200],
  ['another operation named', ask('Products', {}, { operationName: 'Other' }), 'lane', 400],
  ['a variable missing', ask('Product'), 'lane', 400],
  ['a variable of another type', ask('Products', { first: 'two' }), 'lane', 400],
  ['a lone surrogate', ask('Echo', { text: '\ud800' }), 'lane', 400],
  ['data with errors', ask('Maybe', { code: 'BAD_ID' }), 'lane', 200],
  ['a defect', ask('Broken'), 'lane', 500],
  ['a code of others', ask('Fail', { code: 'FOREIGN' }), 'lane', 200],
  ['a code that objects inherit', ask('Fail', { code: 'toString' }), 'lane', 200],
  ['when to come back', ask('Fail', { code: 'OVERLOADED', retryAfterMs: 1_200 }), 'lane', 503],
  ['a wish to come back at once', ask('Fail', { code: 'OVERLOADED', retryAfterMs: -5 }), 'lane', 503],
  ["the hash as Apollo's clients send it", post(JSON.stringify(persisted(HASH))), 'lane', 200],
  [
    'the hash with its text',
    post(JSON.stringify({ ...persisted(HASH), query: OPERATIONS.Who })),
    'lane',
    200,
  ],
  ['the hash with another text', post(JSON.stringify({ ...persisted(HASH), query: '{ who }' })), 'lane', 400],
  ['a hash that nobody knows', post(JSON.stringify(persisted('a'.repeat(64)))), 'lane', 200],
  ['text', post(JSON.stringify({ query: '{ who }' })), 'Fastify', 200],
  ['a caller', withFields(bearer(GOOD)), 'lane', 200],
  ['an expired token', withFields(bearer(EXPIRED)), 'lane', 401],
  ['a forged token', withFields(bearer(`${GOOD}x`)), 'lane', 401],
  ['what is no token', withFields('authorization: Basic YTpi'), 'lane', 401],
  ['an empty token', withFields('authorization:'), 'lane', 200],
  ['a request id', withFields('x-request-id: abc-1'), 'lane', 200],
  ['a request id that is none', withFields('x-request-id: a b'), 'lane', 200],
  ['a request id that is too long', withFields(`x-request-id: ${'x'.repeat(65)}`), 'lane', 200],
  ['a request id on a refusal', withFields('x-request-id: abc-1', bearer(EXPIRED)), 'lane', 401],
  ['any answer', withFields('accept: */*'), 'lane', 200],
  ['the other media type', withFields('accept: application/graphql-response+json'), 'lane', 200],
  [
    'the other media type on a refusal',
    withFields('accept: application/graphql-response+json', bearer(EXPIRED)),
    'lane',
    401,
  ],
  ['a media type that is not served', withFields('accept: text/html'), 'Fastify', 406],
  ...['gzip', 'br', 'gzip, deflate, br', 'br;q=0', 'gzip;q=0.5, identity', '*', '', 'zip', 'GZIP'].flatMap(
    (accepted): Case[] => {
      const fields = [JSON_TYPE, `accept-encoding: ${accepted}`]
      const long = bodyFor('Echo', { text: '奶茶 '.repeat(2_000) })
      return [
        [`a long answer to who accepts "${accepted}"`, post(long, fields), 'lane', 200],
        [`a short answer to who accepts "${accepted}"`, post(WHO, fields), 'lane', 200],
      ]
    },
  ),
  [
    'a long refusal to who accepts gzip',
    post(bodyFor('Products', { first: 'two'.repeat(500) }), [JSON_TYPE, 'accept-encoding: gzip']),
    'lane',
    400,
  ],
  ['a body that is compressed', withFields('content-encoding: gzip'), 'Fastify', 415],
  ['a body that says it is not', withFields('content-encoding: identity'), 'Fastify', 200],
  ['the plan', withFields('spillway-query-plan: 1'), 'lane', 200],
  ['a client with a name', withFields('apollographql-client-name: a b'), 'lane', 200],
  ['a connection that stays', withFields('connection: keep-alive'), 'lane', 200],
  ['a connection that ends', withFields('connection: close'), 'Fastify', 200],
  ['no content type', post(WHO, []), 'Fastify', 415],
  [
    'a content type with a charset',
    post(WHO, ['content-type: application/json; charset=utf-8']),
    'lane',
    200,
  ],
  [
    'a content type written otherwise',
    post(WHO, ['content-type: Application/JSON;charset=utf-8']),
    'Fastify',
    200,
  ],
  ['another content type', post(WHO, ['content-type: text/plain']), 'Fastify', 415],
  ['a listed origin', withFields(`origin: ${ORIGIN}`), 'Fastify', 200],
  ['another origin', withFields('origin: https://evil.example'), 'Fastify', 200],
  ['no body', post(''), 'Fastify', 400],
  ['a body of blanks', post('  '), 'Fastify', 400],
  ['a body in blanks', post(`\n ${WHO}\t\r\n`), 'lane', 200],
  ['a body cut short', post(WHO.slice(0, -1)), 'Fastify', 400],
  ['a body and more', post(`${WHO}x`), 'Fastify', 400],
  ['a body after a byte order mark', post(`\ufeff${WHO}`), 'Fastify', 200],
  [
    'a body with a byte that is no UTF-8',
    post(
      Buffer.concat([
        Buffer.from(bodyFor('Echo', { text: 'a' }).slice(0, -3)),
        Buffer.from([0xff, 0xc3]),
        Buffer.from('"}}'),
      ]),
    ),
    'lane',
    200,
  ],
  ['a body in UTF-16', post(Buffer.from(WHO, 'utf16le')), 'Fastify', 400],
  ['a body of escapes', post(`{"docu\\u006dentId":"${idOf('Who')}"}`), 'Fastify', 200],
  ['escapes that hide nothing', ask('Echo', { text: '\u0001\u4e2d' }), 'lane', 200],
  ['a member twice', post(`{"documentId":7,"documentId":"${idOf('Who')}"}`), 'lane', 200],
  ['a prototype', post(`{"documentId":"${idOf('Who')}","__proto__":{"x":1}}`), 'Fastify', 400],
  [
    'a prototype in escapes',
    post(`{"documentId":"${idOf('Who')}","_\\u005fproto__":{"x":1}}`),
    'Fastify',
    400,
  ],
  [
    'a prototype deep inside',
    post(`{"documentId":"${idOf('Echo')}","variables":{"tags":[{"__proto__" :1}]}}`),
    'Fastify',
    400,
  ],
  [
    'a constructor',
    post(`{"documentId":"${idOf('Who')}","variables":{"constructor":{"prototype":1}}}`),
    'Fastify',
    400,
  ],
  [
    'a constructor in escapes',
    post(`{"documentId":"${idOf('Who')}","variables":{"c\\u006Fnstructor":{"prototype":1}}}`),
    'Fastify',
    400,
  ],
  ['a text of such names', ask('Echo', { text: '__proto__ constructor' }), 'Fastify', 200],
  ['a text of nothing', post('{"query":""}'), 'Fastify', 400],
  ['a text of nothing, and a name', post(`{"query":"","documentId":"${idOf('Who')}"}`), 'lane', 200],
  ['a name of nothing', post('{"documentId":""}'), 'Fastify', 400],
  ['an operation of no name', ask('Who', {}, { operationName: '' }), 'lane', 200],
  ['a list', post(`[${WHO}]`), 'Fastify', 400],
  ['null', post('null'), 'Fastify', 400],
  ['nothing that is asked', post('{}'), 'Fastify', 400],
  ['variables that are a list', post(`{"documentId":"${idOf('Who')}","variables":[]}`), 'Fastify', 400],
  ['a document id of another kind', post('{"documentId":"md5:00"}'), 'Fastify', 400],
  ['a body deeper than any stack', post('['.repeat(200_000)), 'Fastify', 400],
  ['a body of exactly the limit', post(WHO.padEnd(262_144)), 'lane', 200],
  ['a body beyond the limit', post(WHO.padEnd(262_145)), 'Fastify', 413],
  ['headers beyond the limit', withFields(`x: ${'x'.repeat(17_000)}`), 'Node', 431],
  ['an expectation that nobody meets', withFields('expect: tea'), 'Node', 417],
  ['trailers', withFields('te: trailers'), 'Fastify', 200],
  ['an upgrade', withFields('connection: upgrade', 'upgrade: h2c'), 'Fastify', 200],
  ['a name twice', withFields('x: a', 'x: b'), 'Fastify', 200],
  [
    'a body in pieces',
    Buffer.from(
      `POST /graphql HTTP/1.1\r\nhost: a\r\n${JSON_TYPE}\r\ntransfer-encoding: chunked\r\n\r\n${WHO.length.toString(16)}\r\n${WHO}\r\n0\r\n\r\n`,
    ),
    'Fastify',
    200,
  ],
  ['a length and pieces', withFields('transfer-encoding: chunked'), 'Node', 400],
  ['two lengths', withFields('content-length: 3'), 'Node', 400],
  [
    'a length with a sign',
    Buffer.from(withFields().toString().replace('length: ', 'length: +')),
    'Node',
    400,
  ],
  ['no host', Buffer.from(withFields().toString().replace('host: spillway\r\n', '')), 'Node', 400],
  [
    'a query in the path',
    Buffer.from(withFields().toString().replace('/graphql', '/graphql?a=b')),
    'Fastify',
    200,
  ],
  [
    'an absolute target',
    Buffer.from(withFields().toString().replace('/graphql', 'http://spillway/graphql')),
    'Fastify',
    200,
  ],
  ['HTTP/1.0', Buffer.from(withFields().toString().replace('HTTP/1.1', 'HTTP/1.0')), 'Fastify', 200],
  ['another path', get('/nothing'), 'Fastify', 404],
  ['health', get('/health/live'), 'Fastify', 200],
  ['a GET of a persisted operation', get(`/graphql?documentId=${idOf('Who')}`, JSON_TYPE), 'Fastify', 200],
  ['a GET of a mutation', get(`/graphql?documentId=${idOf('Claim')}`, JSON_TYPE), 'Fastify', 405],
  ['what is not HTTP', Buffer.from('hello\r\n\r\n'), 'Node', 400],
  ['HTTP/2', Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), 'Node', 400],
]

for (const [world, options] of [
  ['outside production', { production: false, tokens: TOKENS }],
  [
    'in production, with pages of another origin',
    { production: true, tokens: TOKENS, corsOrigins: [ORIGIN] },
  ],
] as const) {
  describe(`one request ${world}`, () => {
    let pair: Pair
    beforeAll(async () => {
      pair = await Pair.open(options)
    })
    afterAll(() => pair.close())

    test.each(CASES)('%s', async (_, stream, by, status) => {
      // What Node itself refuses never becomes a request.
      const [answer] = await pair.alike([stream], by === 'Fastify' ? 1 : 0)
      expect(answer?.status.split(' ')[1]).toBe(`${status}`)
    })

    test.each(Object.keys(ERRORS))('a field that fails with %s', async code => {
      const [answer] = await pair.alike([ask('Fail', { code })], 0)
      expect(answer?.status.split(' ')[1]).toBe(`${ERRORS[code]!.status}`)
      await pair.alike([ask('Maybe', { code })], 0)
      await pair.alike([ask('FailToClaim', { code })], 0)
    })
  })
}

describe('one request on a bad day', () => {
  const FAILURES: readonly (readonly [why: string, execute: SubgraphClient['execute'], status: number])[] = [
    ['a subgraph is away', () => Promise.reject(new Fault('SUBGRAPH_UNREACHABLE', 'away')), 503],
    [
      'a subgraph is behind',
      () => Promise.reject(new Fault('OVERLOADED', 'x', { retryAfterMs: 2_500 })),
      503,
    ],
    ['a client of ours is broken', () => Promise.reject(new TypeError('secret of the inside')), 500],
    ['a client of ours answers nothing at all', () => undefined as never, 500],
    ['a subgraph answers nothing', async () => ({}), 502],
    ['a subgraph answers with another type', async () => ({ data: { who: { a: 1 } } }), 502],
    [
      'an error carries what JSON cannot say',
      async () => ({ errors: [{ message: 'x', extensions: { code: 'FOREIGN', big: 1n } }] }) as never,
      200,
    ],
  ]
  test.each(FAILURES)('%s', async (_, execute, status) => {
    const clients = (subgraph: { readonly name: string }): SubgraphClient => ({
      name: subgraph.name,
      execute,
      ready: async () => {},
      close: async () => {},
    })
    const pair = await Pair.open({ clients })
    const [answer] = await pair.alike([ask('Who')], 0)
    expect(answer?.status.split(' ')[1]).toBe(`${status}`)
    await pair.alike([ask('Product', { id: 'product_1' })], 0)
    await pair.alike([ask('Claim', { input: { campaignId: 'a' } })], 0)
    await pair.close()
  })

  test('a subgraph is not done in time', async () => {
    const pair = await Pair.open({ limits: { requestMsMax: 300 } })
    const [answer] = await pair.alike([ask('Slow')], 0)
    expect(answer?.body).toContain('SUBGRAPH_TIMEOUT')
    await pair.close()
  })
})
