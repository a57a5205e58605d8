import type { LightMyRequestResponse } from 'fastify'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { mintToken } from '../../gateway/identity/mint.ts'
import { hashOf, OPERATIONS, type TinyGraph, tinyGraph } from '../harness/tiny-graph.ts'

const SECRET = 'a secret for tests, of more than 32 characters'
const HEADERS = ['content-type', 'cache-control', 'retry-after', 'www-authenticate', 'allow', 'vary'] as const

interface Case {
  readonly name: keyof typeof OPERATIONS
  readonly variables?: object
  readonly operationName?: string
  readonly headers?: Readonly<Record<string, string>>
  /** What both doors must answer. */
  readonly status: number
  readonly code?: string
}

const ACCEPTS = [
  '*/*',
  'application/json',
  'application/graphql-response+json',
  'application/graphql-response+json, application/json;q=0.9',
  'application/json;q=0.5, application/graphql-response+json;q=0.4',
  'application/graphql-response+json;q=0, */*',
  'text/html, */*;q=0.1',
  'application/*',
]

const CASES: readonly Case[] = [
  { name: 'Product', variables: { id: 'product_1' }, status: 200 },
  { name: 'Product', variables: { id: 'nothing' }, status: 200 },
  { name: 'Products', status: 200 },
  { name: 'Products', variables: { first: 1, unknown: 2 }, status: 200 },
  { name: 'Products', operationName: 'Products', status: 200 },
  { name: 'Products', operationName: 'Other', status: 400, code: 'OPERATION_RESOLUTION_FAILURE' },
  { name: 'Product', status: 400, code: 'BAD_INPUT' },
  { name: 'Product', variables: { id: null }, status: 400, code: 'BAD_INPUT' },
  { name: 'Products', variables: { first: 'two' }, status: 400, code: 'BAD_INPUT' },
  { name: 'Echo', variables: { text: 'a\0b' }, status: 400, code: 'BAD_INPUT' },
  { name: 'Echo', variables: { tags: ['fine', '\ud800'] }, status: 400, code: 'BAD_INPUT' },
  { name: 'Echo', variables: { text: '奶茶 👨‍👩‍👧' }, status: 200 },
  { name: 'Claim', variables: { input: { campaignId: 'a' } }, status: 200 },
  { name: 'Claim', variables: { input: { campaignId: 'a', more: 1 } }, status: 400, code: 'BAD_INPUT' },
  { name: 'Maybe', variables: { code: 'BAD_ID' }, status: 200, code: 'BAD_ID' },
  { name: 'Fail', variables: { code: 'BAD_ID' }, status: 400, code: 'BAD_ID' },
  { name: 'Fail', variables: { code: 'UNAUTHENTICATED' }, status: 401, code: 'UNAUTHENTICATED' },
  { name: 'Fail', variables: { code: 'FORBIDDEN' }, status: 403, code: 'FORBIDDEN' },
  {
    name: 'Fail',
    variables: { code: 'DATABASE_UNAVAILABLE', retryAfterMs: 1_200 },
    status: 503,
    code: 'DATABASE_UNAVAILABLE',
  },
  { name: 'FailToClaim', variables: { code: 'OUTCOME_UNKNOWN' }, status: 503, code: 'OUTCOME_UNKNOWN' },
  { name: 'Fail', variables: { code: 'FOREIGN_CODE' }, status: 200, code: 'FOREIGN_CODE' },
  { name: 'Broken', status: 500, code: 'INTERNAL_SERVER_ERROR' },
  { name: 'Who', headers: { authorization: 'Bearer ey.broken' }, status: 401, code: 'UNAUTHENTICATED' },
  { name: 'Who', headers: { authorization: 'Basic YTpi' }, status: 401, code: 'UNAUTHENTICATED' },
  { name: 'Who', headers: { accept: 'text/html' }, status: 406, code: 'NOT_ACCEPTABLE' },
  ...ACCEPTS.flatMap((accept): Case[] => [
    { name: 'Products', headers: { accept }, status: 200 },
    { name: 'Product', headers: { accept }, status: 400, code: 'BAD_INPUT' },
  ]),
]

/** Extensions that mean nothing to the gateway keep a request in Apollo Server's hands. */
const APOLLOS = { somebodys: 1 }

for (const [world, options] of [
  ['outside production', { production: false }],
  ['in production', { production: true }],
  ['with a cache', { production: false, cache: {} }],
] as const) {
  describe(`the express lane and the Apollo door answer alike, ${world}`, () => {
    let graph: TinyGraph
    beforeAll(async () => {
      graph = await tinyGraph({ ...options, explorers: false, tokens: { kind: 'secret', secret: SECRET } })
    })
    afterAll(() => graph.gateway.close())

    const post = (
      body: object,
      headers: Readonly<Record<string, string>> = {},
    ): Promise<LightMyRequestResponse> =>
      graph.gateway.app.inject({
        method: 'POST',
        url: '/graphql',
        headers: { 'content-type': 'application/json', ...headers },
        payload: JSON.stringify(body),
      })
    const get = (
      params: Record<string, string>,
      headers: Readonly<Record<string, string>> = {},
    ): Promise<LightMyRequestResponse> =>
      graph.gateway.app.inject({
        url: `/graphql?${new URLSearchParams(params)}`,
        headers: { 'apollo-require-preflight': '1', ...headers },
      })

    test.each(CASES.map(item => [title(item), item] as const))('POST %s', async (_, item) => {
      const { name, variables, operationName, headers } = item
      const text = OPERATIONS[name]!
      const answers = [
        await post({ documentId: `sha256:${hashOf(text)}`, operationName, variables }, headers),
        await post(
          {
            extensions: { persistedQuery: { version: 1, sha256Hash: hashOf(text) } },
            operationName,
            variables,
          },
          headers,
        ),
        await post({ query: text, operationName, variables, extensions: APOLLOS }, headers),
        // Its text has been compiled by now, where it could be.
        await post({ query: text, operationName, variables }, headers),
      ]
      expectAlike(answers, item)
    })

    test.each(
      CASES.filter(({ name }) => !/^mutation/.test(OPERATIONS[name]!)).map(
        item => [title(item), item] as const,
      ),
    )('GET %s', async (_, item) => {
      const { name, variables, operationName, headers } = item
      const text = OPERATIONS[name]!
      const common = {
        ...(variables === undefined ? {} : { variables: JSON.stringify(variables) }),
        ...(operationName === undefined ? {} : { operationName }),
      }
      const extensions = JSON.stringify({ persistedQuery: { version: 1, sha256Hash: hashOf(text) } })
      const answers = [
        await get({ documentId: `sha256:${hashOf(text)}`, ...common }, headers),
        await get({ extensions, ...common }, headers),
        await get({ query: text, ...common, extensions: JSON.stringify(APOLLOS) }, headers),
        await get({ query: text, ...common }, headers),
      ]
      expectAlike(answers, item)
    })

    test('a mutation by GET is refused by both, and not executed', async () => {
      const text = OPERATIONS.Claim!
      const variables = JSON.stringify({ input: { campaignId: 'a' } })
      const before = graph.executed.length
      const answers = [
        await get({ documentId: `sha256:${hashOf(text)}`, variables }),
        await get({ query: text, variables }),
      ]
      expectAlike(answers, { name: 'Claim', status: 405, code: 'METHOD_NOT_ALLOWED' })
      expect(answers[0]!.headers.allow).toBe('POST')
      expect(graph.executed.length).toBe(before)
    })

    test('a verified shopper is the same shopper through both', async () => {
      const token = await mintToken({
        secret: SECRET,
        subject: 'alice',
        kind: 'shopper',
        client: 'qwen',
        scopes: ['coupon:claim'],
        ttlSeconds: 60,
        amountMaxFen: 5,
      })
      const headers = { authorization: `Bearer ${token}` }
      const answers = [
        await post({ documentId: `sha256:${hashOf(OPERATIONS.Who!)}` }, headers),
        await post({ query: OPERATIONS.Who }, headers),
      ]
      expectAlike(answers, { name: 'Who', status: 200 })
      expect(JSON.parse(answers[0]!.json().data.who)).toEqual({
        kind: 'shopper',
        shopperId: 'alice',
        client: 'qwen',
        scopes: ['coupon:claim'],
        tier: 'shopper',
        amountMaxFen: 5,
      })
    })
  })
}

function expectAlike(answers: readonly LightMyRequestResponse[], { status, code }: Case): void {
  const seen = answers.map(answer => ({
    status: answer.statusCode,
    body: answer.body,
    headers: Object.fromEntries(HEADERS.map(name => [name, answer.headers[name]])),
  }))
  for (const answer of seen.slice(1)) expect(answer).toEqual(seen[0])
  expect(seen[0]!.status).toBe(status)
  expect(JSON.parse(seen[0]!.body).errors?.[0]?.extensions.code).toBe(code)
}

function title({ name, variables, operationName, headers, status }: Case): string {
  return [name, JSON.stringify(variables), operationName, JSON.stringify(headers), '→', status]
    .filter(Boolean)
    .join(' ')
}
