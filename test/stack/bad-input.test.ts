import { request } from 'undici'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type GraphAnswer, operation } from '../harness/graph.ts'
import { ask, createTestDatabase, type TestDatabase } from '../harness/postgres.ts'
import { type Stack, startServices } from '../harness/stack.ts'
import { tokenFor } from '../harness/tokens.ts'
import { CAMPAIGN, SKU } from '../harness/trip.ts'

/** Every refusal has its code and its status, and leaves the database as it was. */

let database: TestDatabase
let stack: Stack
/** What another shopper owns. */
let theirs: { couponId: string; quoteId: string; orderId: string }

beforeAll(async () => {
  database = await createTestDatabase()
  stack = await startServices(database)
  const bob = stack.shopper('bob')
  const claimed = await bob.persisted('ClaimCoupon', { input: { campaignId: CAMPAIGN } })
  const couponId = claimed.body.data.claimCoupon.coupon.id
  const lines = [{ sku: SKU, quantity: 2 }]
  const quote = async (): Promise<string> =>
    (await bob.persisted('QuoteOrder', { input: { lines, couponId } })).body.data.quoteOrder.quote.id
  const placed = await bob.persisted('PlaceOrder', { input: { quoteId: await quote() } })
  const orderId = placed.body.data.placeOrder.order.id
  const unused = await bob.persisted('QuoteOrder', { input: { lines } })
  theirs = { couponId, orderId, quoteId: unused.body.data.quoteOrder.quote.id }
})
afterAll(async () => {
  await stack?.[Symbol.asyncDispose]()
  await database?.close()
})

const claimId = `sha256:${operation('ClaimCoupon').id}`
const claimBody = { documentId: claimId, variables: { input: { campaignId: CAMPAIGN } } }
const alice = () => stack.shopper('alice')
const raw = async (body: string, headers: Record<string, string>): Promise<GraphAnswer> => {
  const answer = await request(`${stack.url}/graphql`, { method: 'POST', headers, body })
  const text = await answer.body.text()
  return {
    status: answer.statusCode,
    headers: answer.headers,
    body: text.startsWith('{') ? JSON.parse(text) : text,
  }
}
const withToken = (token: string): Promise<GraphAnswer> =>
  raw(JSON.stringify(claimBody), { 'content-type': 'application/json', authorization: `Bearer ${token}` })

/** [what is wrong, the request, HTTP status, code] */
const REFUSED: readonly [string, () => Promise<GraphAnswer>, number, string][] = [
  [
    'an unknown operation id',
    () => alice().post({ documentId: `sha256:${'0'.repeat(64)}`, variables: {} }),
    200,
    'PERSISTED_QUERY_NOT_FOUND',
  ],
  ['an operation id that is none', () => alice().post({ documentId: 'claim' }), 400, 'BAD_REQUEST'],
  ['malformed JSON', () => alice().post('{"query": '), 400, 'BAD_REQUEST'],
  ['a body that is not an object', () => alice().post('7'), 400, 'BAD_REQUEST'],
  ['a batch', () => alice().post([claimBody, claimBody]), 400, 'BAD_REQUEST'],
  [
    'the wrong content type',
    () => raw(JSON.stringify(claimBody), { 'content-type': 'text/plain' }),
    415,
    'UNSUPPORTED_MEDIA_TYPE',
  ],
  [
    'an oversized body',
    () => alice().post({ ...claimBody, variables: { input: { campaignId: 'x'.repeat(300 * 1024) } } }),
    413,
    'PAYLOAD_TOO_LARGE',
  ],
  ['missing variables', () => alice().post({ documentId: claimId }), 400, 'BAD_INPUT'],
  [
    'a variable of the wrong type',
    () => alice().post({ documentId: claimId, variables: { input: 7 } }),
    400,
    'BAD_INPUT',
  ],
  [
    'an unknown input field',
    () => alice().persisted('ClaimCoupon', { input: { campaignId: CAMPAIGN, count: 9 } }),
    400,
    'BAD_INPUT',
  ],
  ['a negative first', () => alice().persisted('MyCoupons', { first: -1 }), 200, 'BAD_INPUT'],
  ['a first beyond the most', () => alice().persisted('MyCoupons', { first: 101 }), 200, 'BAD_INPUT'],
  [
    'a malformed campaign id',
    () => alice().persisted('ClaimCoupon', { input: { campaignId: 'Spring Festival' } }),
    400,
    'BAD_ID',
  ],
  [
    'a malformed order id',
    () => alice().persisted('PayOrder', { input: { orderId: 'order_1' } }),
    400,
    'BAD_ID',
  ],
  [
    'an id of another type',
    () => alice().persisted('PayOrder', { input: { orderId: theirs.quoteId } }),
    400,
    'BAD_ID',
  ],
  ['NUL in a string', () => alice().persisted('SearchProducts', { query: 'tea\0' }), 400, 'BAD_INPUT'],
  [
    'a lone surrogate in a string',
    () => alice().post(`{"documentId":"${claimId}","variables":{"input":{"campaignId":"\\ud800"}}}`),
    400,
    'BAD_INPUT',
  ],
  [
    'NUL in the text of an operation',
    () => alice().text('{ searchProducts(query: "tea\\u0000") { edges { cursor } } }'),
    400,
    'BAD_INPUT',
  ],
  ['an empty search', () => alice().persisted('SearchProducts', { query: '' }), 400, 'BAD_INPUT'],
  [
    'a fraction of a fen',
    () =>
      stack
        .operator()
        .text(
          'mutation { createCampaign(input: {nameZh: "a", nameEn: "a", budgetFen: 1.5, faceFen: 1, opensAt: "2030-01-01T00:00:00Z", closesAt: "2030-01-02T00:00:00Z", validUntil: "2030-01-02T00:00:00Z"}) { __typename } }',
        ),
    400,
    'BAD_INPUT',
  ],
  [
    'an expired token',
    () => withToken(tokenFor(stack.secret, { sub: 'alice', exp: 1_000_000_000 })),
    401,
    'UNAUTHENTICATED',
  ],
  [
    'a forged token',
    () => withToken(tokenFor('another-secret-0123456789-0123456789', { sub: 'alice' })),
    401,
    'UNAUTHENTICATED',
  ],
  ['a token that is none', () => withToken('let-me-in'), 401, 'UNAUTHENTICATED'],
  ['a claim without a token', () => stack.anonymous().post(claimBody), 401, 'UNAUTHENTICATED'],
  [
    'a claim without the scope',
    () => stack.shopper('alice', { scope: 'order:place' }).post(claimBody),
    403,
    'FORBIDDEN',
  ],
  [
    'a pause by a shopper',
    () =>
      alice().persisted('PauseIssuance', {
        input: { campaignId: CAMPAIGN, reason: 'x', noticeZh: 'x', noticeEn: 'x' },
      }),
    403,
    'FORBIDDEN',
  ],
  [
    'a service field',
    () =>
      alice().text(`mutation { closeIssuance(input: {campaignId: "${CAMPAIGN}", version: 99}) { state } }`),
    400,
    'GRAPHQL_VALIDATION_FAILED',
  ],
  ['a field that does not exist', () => alice().text('{ coupons { id } }'), 400, 'GRAPHQL_VALIDATION_FAILED'],
  ['text that is no GraphQL', () => alice().text('{ me '), 400, 'GRAPHQL_PARSE_FAILED'],
]

/** Expected outcomes, not errors: [what is wrong, the request, the result's type] */
const ANSWERED: readonly [string, () => Promise<GraphAnswer>, string][] = [
  [
    "an order for another shopper's quote",
    () => alice().persisted('PlaceOrder', { input: { quoteId: theirs.quoteId } }),
    'QuoteNotFound',
  ],
  [
    "a payment of another shopper's order",
    () => alice().persisted('PayOrder', { input: { orderId: theirs.orderId } }),
    'OrderNotFound',
  ],
  [
    "a cancellation of another shopper's order",
    () => alice().persisted('CancelOrder', { input: { orderId: theirs.orderId } }),
    'OrderNotFound',
  ],
  [
    "a quote with another shopper's coupon",
    () =>
      alice().persisted('QuoteOrder', {
        input: { lines: [{ sku: SKU, quantity: 1 }], couponId: theirs.couponId },
      }),
    'CouponNotUsable',
  ],
]

/** Rows of every table, and of those that change in place also their content. */
async function everything(): Promise<unknown> {
  const tables = await ask<{ name: string }>(
    database.connection,
    `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables
      WHERE schemaname IN ('coupon', 'catalog', 'campaign', 'payment') ORDER BY 1`,
  )
  const sums: Record<string, unknown> = {}
  for (const { name } of tables) {
    const [row] = await ask(
      database.connection,
      `SELECT count(*), md5(string_agg(t::text, '|' ORDER BY t::text)) FROM ${name} t`,
    )
    sums[name] = row
  }
  return sums
}

describe('nothing changes', () => {
  test.each(REFUSED)('%s', async (_what, send, status, code) => {
    const before = await everything()
    const answer = await send()
    expect({ status: answer.status, code: answer.body.errors?.[0]?.extensions?.code }).toEqual({
      status,
      code,
    })
    expect(answer.body.errors[0].message.length).toBeLessThan(600)
    expect(await everything()).toEqual(before)
  })

  test.each(ANSWERED)('%s', async (_what, send, typename) => {
    const before = await everything()
    const answer = await send()
    expect(answer.status).toBe(200)
    expect(Object.values(answer.body.data as object)[0]).toMatchObject({ __typename: typename })
    expect(await everything()).toEqual(before)
  })

  test("another shopper's order and coupons are not seen", async () => {
    const order = await alice().persisted('OrderStatus', { id: theirs.orderId })
    expect(order.body).toMatchObject({ data: { order: null } })
    const wallet = await alice().persisted('MyCoupons')
    expect(wallet.body.data.me.coupons.edges).toEqual([])
  })

  test('a service field sent straight to a subgraph, unsigned', async () => {
    const before = await everything()
    const coupon = stack.programs.find(program => /"subgraph":"coupon"/.test(program.output))
    const url = coupon?.output.match(/"url":"(http:[^"]+)"/)?.[1] as string
    const query = `mutation { closeIssuance(input: {campaignId: "${CAMPAIGN}", version: 99}) { state } }`
    const answer = await request(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query }),
    })
    expect(answer.statusCode).toBe(401)
    expect(
      ((await answer.body.json()) as { errors: { extensions: { code: string } }[] }).errors[0]?.extensions
        .code,
    ).toBe('UNAUTHENTICATED')
    expect(await everything()).toEqual(before)
  })
})
