import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { mintToken } from '../../../gateway/identity/mint.ts'
import { sentenceOf } from '../../../gateway/mcp/sentences.ts'
import type { Outcome } from '../../../gateway/request.ts'
import { ANONYMOUS } from '../../../protocol/caller.ts'
import { hashOf, OPERATIONS, type TinyGraph, tinyGraph } from '../../harness/tiny-graph.ts'

const SECRET = 'a secret for tests, of more than 32 characters'

let graph: TinyGraph
let url: string
let token: string
let client: Client
beforeAll(async () => {
  graph = await tinyGraph({ tokens: { kind: 'secret', secret: SECRET }, production: true })
  url = `http://127.0.0.1:${await graph.gateway.listen({ port: 0 })}`
  token = await mintToken({
    secret: SECRET,
    subject: 'alice',
    kind: 'shopper',
    client: 'qwen',
    scopes: [],
    ttlSeconds: 60,
  })
  client = await connected({ authorization: `Bearer ${token}` })
})
afterAll(async () => {
  await client.close()
  await graph.gateway.close()
})

async function connected(headers: Record<string, string>): Promise<Client> {
  const made = new Client({ name: 'test', version: '1' })
  const transport = new StreamableHTTPClientTransport(new URL(`${url}/mcp`), { requestInit: { headers } })
  await made.connect(transport as Parameters<Client['connect']>[0])
  return made
}

interface Called {
  readonly isError: boolean
  // biome-ignore lint/suspicious/noExplicitAny: an answer's shape is what the test asserts
  readonly answer: any
  readonly zh: string
  readonly en: string
}

async function call(name: string, args: Record<string, unknown> = {}, by: Client = client): Promise<Called> {
  const { content, isError } = await by.callTool({ name, arguments: args })
  const parts = content as { type: string; text: string }[]
  expect(parts.map(({ type }) => type)).toEqual(['text'])
  const [json, zh, en, ...more] = parts[0]!.text.split('\n')
  expect(more).toEqual([])
  return { isError: isError as boolean, answer: JSON.parse(json!), zh: zh!, en: en! }
}

describe('tools', () => {
  test('are the operations that name one, and answer pings', async () => {
    await client.ping()
    const { tools } = await client.listTools()
    expect(tools.map(({ name }) => name)).toEqual([
      'product_detail',
      'search_products',
      'my_account',
      'fail',
      'maybe',
      'claim_coupon',
      'pay_order',
    ])
    for (const { inputSchema, description } of tools) {
      expect(inputSchema).toMatchObject({ type: 'object', properties: expect.anything() })
      expect(JSON.stringify(inputSchema)).not.toMatch(/\$ref|\$defs/)
      expect(description).toMatch(/^The operation/)
    }
    const hints = Object.fromEntries(
      tools.map(({ name, annotations }) => [
        name,
        [annotations?.readOnlyHint, annotations?.destructiveHint, annotations?.idempotentHint],
      ]),
    )
    expect(hints).toMatchObject({
      search_products: [true, false, true],
      claim_coupon: [false, false, true],
      pay_order: [false, true, true],
    })
  })

  test('are the same for chat interfaces that call functions', async () => {
    const functions = (await (await fetch(`${url}/tools.json`)).json()) as {
      type: string
      function: { name: string; parameters: unknown }
    }[]
    const { tools } = await client.listTools()
    expect(functions.map(({ type, function: { name, parameters } }) => [type, name, parameters])).toEqual(
      tools.map(({ name, inputSchema }) => ['function', name, inputSchema]),
    )
  })
})

describe('an answer is one line of JSON, one sentence in Chinese and one in English', () => {
  test('in the words of the graph where it has some', async () => {
    expect(await call('claim_coupon', { campaignId: 'spring' })).toEqual({
      isError: false,
      answer: {
        data: {
          claim: {
            __typename: 'Issued',
            code: 'COUPON_ISSUED',
            messageZh: '优惠券已到账。',
            messageEn: 'The coupon is in your wallet.',
            retryAfterMs: null,
            couponId: 'coupon_of_spring',
          },
        },
      },
      zh: '优惠券已到账。',
      en: 'The coupon is in your wallet.',
    })
  })

  test('an outcome that was not hoped for is no error', async () => {
    const { isError, answer, zh } = await call('claim_coupon', { campaignId: 'paused' })
    expect([isError, answer.data.claim.__typename, zh]).toEqual([false, 'Paused', '发放暂停。'])
  })

  test('of what was found, of nothing, and of a list', async () => {
    expect(await call('product_detail', { id: 'product_0' })).toMatchObject({
      isError: false,
      en: 'The answer is above.',
    })
    expect(await call('product_detail', { id: 'x' })).toMatchObject({
      isError: false,
      en: 'Nothing was found.',
      zh: '没有找到。',
    })
    expect(await call('search_products', { first: 3 })).toMatchObject({
      isError: false,
      en: '3 on this page.',
    })
    expect(await call('search_products', { first: 0 })).toMatchObject({
      isError: false,
      en: 'The list is empty.',
    })
  })

  test('of an error, with its code and when to come back', async () => {
    const { isError, answer, zh, en } = await call('fail', {
      code: 'DATABASE_UNAVAILABLE',
      retryAfterMs: 1_500,
    })
    expect(isError).toBe(true)
    expect(answer.errors[0].extensions).toMatchObject({ code: 'DATABASE_UNAVAILABLE', retryAfterMs: 1_500 })
    expect(zh).toBe('系统繁忙。请在 2 秒后再试。（DATABASE_UNAVAILABLE）')
    expect(en).toBe('The system is busy. Try again in 2 s. (DATABASE_UNAVAILABLE)')
    expect(await call('fail', { code: 'FORBIDDEN' })).toMatchObject({
      isError: true,
      en: 'This is not permitted. (FORBIDDEN)',
    })
  })

  test('of what was turned away, in the words of whoever paused it where there are some', () => {
    const outcome = (extensions: object): Outcome => ({
      errors: [{ message: '', extensions: { code: 'THROTTLED', retryAfterMs: 1_500, ...extensions } }],
    })
    expect(sentenceOf(outcome({}), ANONYMOUS)).toEqual({
      zh: '请求过于频繁或人数过多，本次没有执行。请在 2 秒后再试。（THROTTLED）',
      en: 'Too much is asked for right now, and nothing was done. Try again in 2 s. (THROTTLED)',
    })
    expect(sentenceOf(outcome({ noticeZh: '活动太火爆', noticeEn: 'Too many at once' }), ANONYMOUS)).toEqual({
      zh: '活动太火爆。请在 2 秒后再试。（THROTTLED）',
      en: 'Too many at once. Try again in 2 s. (THROTTLED)',
    })
  })

  test('of what was turned away in whole sentences, with one stop, on one line', () => {
    const extensions = { code: 'THROTTLED', noticeZh: '排队人数\n已满。', noticeEn: 'The line\nis full.' }
    expect(sentenceOf({ errors: [{ message: '', extensions }] }, ANONYMOUS)).toEqual({
      zh: '排队人数 已满。（THROTTLED）',
      en: 'The line is full. (THROTTLED)',
    })
  })

  test('a part that failed leaves an answer', async () => {
    const { isError, answer, en } = await call('maybe', { code: 'BAD_ID' })
    expect([isError, answer.data.maybe, answer.errors.length]).toEqual([false, null, 1])
    expect(en).toBe('Part of the answer is missing for now.')
  })

  test.each([
    ['without what is needed', {}, 'expected the argument campaignId'],
    [
      'of another type',
      { campaignId: { a: 1 } },
      'expected the argument campaignId to be a string, got {"a":1}',
    ],
    ['that nobody asked for', { campaignId: 'a', force: true }, 'expected the arguments campaignId'],
    ['with NUL', { campaignId: 'a\0' }, 'Expected text without NUL'],
  ])('arguments %s are refused, and nothing runs', async (_, args, message) => {
    const executed = graph.executed.length
    const { isError, answer } = await call('claim_coupon', args)
    expect([isError, answer.errors[0].extensions.code, answer.data]).toEqual([true, 'BAD_INPUT', undefined])
    expect(answer.errors[0].message).toContain(message)
    expect(graph.executed.length).toBe(executed)
  })
})

describe('no side door', () => {
  test('a tool answers as the express lane does', async () => {
    for (const [name, tool, variables, args] of [
      ['Products', 'search_products', { first: 2 }, { first: 2 }],
      ['Claim', 'claim_coupon', { input: { campaignId: 'a' } }, { campaignId: 'a' }],
      ['Me', 'my_account', {}, {}],
      ['Fail', 'fail', { code: 'BAD_ID' }, { code: 'BAD_ID' }],
      ['Product', 'product_detail', { id: 'x' }, { id: 'x' }],
    ] as const) {
      const response = await fetch(`${url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
        body: JSON.stringify({ documentId: `sha256:${hashOf(OPERATIONS[name]!)}`, variables }),
      })
      expect((await call(tool, args)).answer).toEqual(await response.json())
    }
  })

  test('the caller is the token’s, and nobody without one', async () => {
    expect((await call('my_account')).answer).toEqual({ data: { me: { id: 'alice' } } })
    const anonymous = await connected({})
    const { answer, en } = await call('my_account', {}, anonymous)
    expect(answer).toEqual({ data: { me: null } })
    expect(en).toBe('Nothing was found; personal data is shown only to a signed-in shopper.')
    await anonymous.close()
  })

  test('a forged token opens no session', async () => {
    const response = await fetch(`${url}/mcp`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        authorization: `Bearer ${token}x`,
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' }),
    })
    expect(response.status).toBe(401)
    expect(response.headers.get('www-authenticate')).toContain('invalid_token')
  })

  test.each([
    ['a stream', { method: 'GET', headers: { accept: 'text/event-stream' } }, 405],
    ['the end of a session', { method: 'DELETE' }, 405],
    [
      'a batch',
      {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
        body: '[]',
      },
      400,
    ],
    ['malformed JSON', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{' }, 400],
    ['a form', { method: 'POST', headers: { 'content-type': 'text/plain' }, body: '{}' }, 415],
    [
      'a client that takes no JSON',
      {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'text/html' },
        body: '{"jsonrpc":"2.0","id":1,"method":"ping"}',
      },
      406,
    ],
    [
      'what is no message',
      {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
        body: '{"a":1}',
      },
      400,
    ],
  ])('%s is refused', async (_, init, status) => {
    expect((await fetch(`${url}/mcp`, init)).status).toBe(status)
  })

  test('a tool that is none is an error of the protocol', async () => {
    await expect(client.callTool({ name: 'drop_tables', arguments: {} })).rejects.toThrow(
      /expected one of the tools listed/,
    )
  })
})
