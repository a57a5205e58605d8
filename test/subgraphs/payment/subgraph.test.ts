import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Caller } from '../../../protocol/caller.ts'
import { deadlineIn } from '../../../protocol/deadline.ts'
import { newId } from '../../../protocol/ids.ts'
import type { SubgraphAnswer } from '../../../protocol/subgraph-client.ts'
import type { Subgraph } from '../../../subgraphs/subgraph.ts'
import { until } from '../../harness/postgres.ts'
import { MILK_TEA, OPERATOR, paid, placed, quoted, shopper, World } from './world.ts'

const ALICE = shopper('alice')
const BOB = shopper('bob')
const ANONYMOUS: Caller = { kind: 'anonymous', client: 'x', scopes: [], tier: 'shopper' }
let world: World
let subgraph: Subgraph

beforeAll(async () => {
  world = await World.open()
  subgraph = world.subgraph()
  await subgraph.start()
})
afterAll(async () => {
  await subgraph.close()
  await world[Symbol.asyncDispose]()
})

const send = (caller: Caller, operation: string, variables: object = {}): Promise<SubgraphAnswer> =>
  subgraph.execute({
    kind: operation.startsWith('mutation') ? 'mutation' : 'query',
    operation,
    variables: { ...variables },
    caller,
    deadlineMs: deadlineIn(8_000),
    priority: 'PAY',
  })

const data = async (
  caller: Caller,
  operation: string,
  variables: object = {},
): Promise<Record<string, unknown>> => {
  const answer = await send(caller, operation, variables)
  expect(answer.errors).toBeUndefined()
  return answer.data as Record<string, unknown>
}

const code = async (caller: Caller, operation: string, variables: object = {}): Promise<unknown> =>
  (await send(caller, operation, variables)).errors?.[0]?.extensions?.code

const MESSAGE =
  '__typename ... on ShopperMessage { code severity messageZh messageEn retryable retryAfterMs }'
const ORDER = `id state lines { sku nameZh nameEn quantity unitPriceFen totalFen variant { sku } } subtotalFen discountFen
  payableFen coupon { id } payment { id state amountFen provider createdAt paidAt } refund { id state amountFen createdAt }
  createdAt expiresAt paidAt cancelReason`

test('a trip through the schema, every field asked for', async () => {
  const couponId = world.peers.issue('alice', 500)
  const { quoteOrder } = await data(
    ALICE,
    `mutation($input: QuoteOrderInput!) { quoteOrder(input: $input) { ${MESSAGE}
      ... on OrderQuoted { quote { id lines { sku totalFen variant { sku } } subtotalFen discountFen payableFen coupon { id } expiresAt sha256 } } } }`,
    { input: { lines: [{ sku: MILK_TEA, quantity: 1 }], couponId } },
  )
  expect(quoteOrder).toMatchObject({
    __typename: 'OrderQuoted',
    code: 'ORDER_QUOTED',
    severity: 'SUCCESS',
    messageZh: '合计13.00元，价格为您保留十分钟。',
    messageEn: 'The total is 13.00 yuan; the price is kept for ten minutes.',
    retryable: false,
    retryAfterMs: null,
    quote: { subtotalFen: 1_800, discountFen: 500, payableFen: 1_300, coupon: { id: couponId } },
  })
  const { quote } = quoteOrder as unknown as { quote: { id: string; sha256: string } }
  expect(quote.sha256).toMatch(/^[0-9a-f]{64}$/)

  const { placeOrder } = await data(
    ALICE,
    `mutation($input: PlaceOrderInput!) { placeOrder(input: $input) { ${MESSAGE} ... on OrderPlaced { replayed order { ${ORDER} } } } }`,
    { input: { quoteId: quote.id } },
  )
  expect(placeOrder).toMatchObject({
    __typename: 'OrderPlaced',
    order: { state: 'AWAITING_PAYMENT', payment: null },
  })
  const { order } = placeOrder as unknown as { order: { id: string } }

  const { payOrder } = await data(
    ALICE,
    `mutation($input: PayOrderInput!) { payOrder(input: $input) { ${MESSAGE} ... on OrderPaid { replayed order { ${ORDER} } } } }`,
    { input: { orderId: order.id } },
  )
  expect(payOrder).toMatchObject({
    order: {
      state: 'PAID',
      lines: [
        { sku: MILK_TEA, quantity: 1, unitPriceFen: 1_800, totalFen: 1_800, variant: { sku: MILK_TEA } },
      ],
      payment: { state: 'TRADE_SUCCESS', amountFen: 1_300, provider: 'sandbox' },
      refund: null,
    },
  })

  const { refundOrder } = await data(
    OPERATOR,
    `mutation($input: RefundOrderInput!) { refundOrder(input: $input) { ${MESSAGE} ... on OrderRefunded { replayed order { ${ORDER} } } } }`,
    { input: { orderId: order.id, reason: 'spilt' } },
  )
  expect(refundOrder).toMatchObject({
    order: {
      state: 'REFUNDED',
      payment: { state: 'TRADE_CLOSED' },
      refund: { state: 'SUCCEEDED', amountFen: 1_300 },
    },
  })
  const [row] = await world.ask('SELECT requested_by, reason FROM payment.refunds WHERE order_id = $1', [
    order.id,
  ])
  expect(row).toEqual({ requested_by: '#operator', reason: 'spilt' })
})

test('an operation of several mutations shows each the payment as it then is', async () => {
  const { id } = await placed(world.instance(), ALICE)
  const answer = await data(
    ALICE,
    `mutation($pay: PayOrderInput!, $refund: RefundOrderInput!) {
      payOrder(input: $pay) { ... on OrderPaid { order { payment { state } refund { state } } } }
      refundOrder(input: $refund) { ... on OrderRefunded { order { payment { state } refund { state } } } }
    }`,
    { pay: { orderId: id }, refund: { orderId: id } },
  )
  expect(answer).toEqual({
    payOrder: { order: { payment: { state: 'TRADE_SUCCESS' }, refund: null } },
    refundOrder: { order: { payment: { state: 'TRADE_CLOSED' }, refund: { state: 'SUCCEEDED' } } },
  })
})

describe('who sees what', () => {
  const ONE = 'query($id: ID!) { order(id: $id) { id state } }'
  const ENTITIES = `query($representations: [_Any!]!) { _entities(representations: $representations) {
    __typename ... on Order { id } ... on Quote { id } ... on Payment { id amountFen } ... on Refund { id }
    ... on Shopper { id orders(first: 1) { edges { node { id } } } } } }`

  test('an order is its shopper’s and operators’, and absent to everyone else', async () => {
    const { id } = await placed(world.instance(), ALICE)
    const seen = { order: { id, state: 'AWAITING_PAYMENT' } }
    expect(await data(ALICE, ONE, { id })).toEqual(seen)
    expect(await data(OPERATOR, ONE, { id })).toEqual(seen)
    for (const caller of [BOB, ANONYMOUS]) expect(await data(caller, ONE, { id })).toEqual({ order: null })
    expect(await data(ALICE, ONE, { id: newId('order', 'alice') })).toEqual({ order: null })
  })

  test.each(['', 'order_1', 'order_00_\0', '\ud800', 'quote_00_019a0000000070008000000000000000'])(
    'the order id %j is BAD_ID',
    async id => {
      expect(await code(ALICE, ONE, { id })).toBe('BAD_ID')
    },
  )

  test('entities follow the same rule, each for itself', async () => {
    const payment = world.instance()
    const quote = await quoted(payment, ALICE)
    const made = await paid(payment, ALICE)
    await payment.orders.refund(ALICE, { orderId: made.id }, { deadlineMs: deadlineIn(8_000) })
    const [refund] = await world.ask<{ id: string }>('SELECT id FROM payment.refunds WHERE order_id = $1', [
      made.id,
    ])
    const representations = [
      { __typename: 'Order', id: made.id },
      { __typename: 'Quote', id: quote.id },
      { __typename: 'Payment', id: made.paymentId },
      { __typename: 'Refund', id: refund!.id },
      { __typename: 'Shopper', id: 'alice' },
    ]
    const all = [
      { __typename: 'Order', id: made.id },
      { __typename: 'Quote', id: quote.id },
      { __typename: 'Payment', id: made.paymentId, amountFen: 1_800 },
      { __typename: 'Refund', id: refund!.id },
      { __typename: 'Shopper', id: 'alice', orders: { edges: [{ node: { id: made.id } }] } },
    ]
    expect((await data(ALICE, ENTITIES, { representations }))._entities).toEqual(all)
    expect((await data(OPERATOR, ENTITIES, { representations }))._entities).toEqual(all)
    const nothing = representations.map(() => null)
    for (const caller of [BOB, ANONYMOUS]) {
      expect((await data(caller, ENTITIES, { representations }))._entities).toEqual(nothing)
    }
  })

  test('me is the caller, and nobody without a shopper', async () => {
    expect(await data(BOB, '{ me { id } }')).toEqual({ me: { id: 'bob' } })
    for (const caller of [ANONYMOUS, OPERATOR])
      expect(await data(caller, '{ me { id } }')).toEqual({ me: null })
  })

  test.each([
    ['quoteOrder', 'QuoteOrderInput', { lines: [{ sku: MILK_TEA, quantity: 1 }] }],
    ['placeOrder', 'PlaceOrderInput', { quoteId: newId('quote', 'alice') }],
    ['payOrder', 'PayOrderInput', { orderId: newId('order', 'alice') }],
    ['cancelOrder', 'CancelOrderInput', { orderId: newId('order', 'alice') }],
    ['refundOrder', 'RefundOrderInput', { orderId: newId('order', 'alice') }],
  ])('%s needs a token, with its scope', async (field, type, input) => {
    const operation = `mutation($input: ${type}!) { ${field}(input: $input) { __typename } }`
    expect(await code(ANONYMOUS, operation, { input })).toBe('UNAUTHENTICATED')
    expect(await code(shopper('alice', { scopes: [] }), operation, { input })).toBe('FORBIDDEN')
  })
})

describe('Shopper.orders', () => {
  const PAGE = `query($first: Int, $after: String) { me { orders(first: $first, after: $after) {
    edges { cursor node { id } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } } }`
  interface Orders {
    readonly edges: { cursor: string; node: { id: string } }[]
    readonly pageInfo: { hasNextPage: boolean; endCursor: string | null }
  }
  const page = async (caller: Caller, variables: object): Promise<Orders> =>
    ((await data(caller, PAGE, variables)).me as { orders: Orders }).orders

  test('are newest first, each once, page by page', async () => {
    const carol = shopper('carol')
    const ids: string[] = []
    for (let i = 0; i < 5; i++) ids.unshift((await placed(world.instance(), carol)).id)
    // Two of the same millisecond are told apart by id.
    await world.ask(
      "UPDATE payment.orders SET created_at = date_trunc('second', created_at) WHERE shopper_id = 'carol'",
    )
    const seen: string[] = []
    let after: string | null = null
    for (let pages = 0; pages < 3; pages++) {
      const { edges, pageInfo } = await page(carol, { first: 2, after })
      seen.push(...edges.map(edge => edge.node.id))
      expect(pageInfo.hasNextPage).toBe(pages < 2)
      after = pageInfo.endCursor
    }
    expect(new Set(seen).size).toBe(5)
    expect([...seen].sort()).toEqual([...ids].sort())
    expect(await page(shopper('nobody'), {})).toMatchObject({ edges: [], pageInfo: { hasNextPage: false } })
  })

  test.each([
    [{ first: 0 }],
    [{ first: -1 }],
    [{ first: 51 }],
    [{ after: 'x' }],
    [{ after: btoa('[9e15,"a"]') }],
    [{ after: btoa('[-8e15,"a"]') }],
  ])('refuse %j as BAD_INPUT', async variables => {
    expect(await code(ALICE, PAGE, variables)).toBe('BAD_INPUT')
  })
})

test('the sweep runs by itself: an order that has expired is cancelled', async () => {
  const { id } = await placed(world.instance(), ALICE)
  await world.pass(15 * 60_000)
  const order = await until('the order to be cancelled', async () => {
    const answer = await data(ALICE, 'query($id: ID!) { order(id: $id) { state cancelReason } }', { id })
    const seen = answer.order as { state: string }
    return seen.state === 'CANCELLED' ? seen : undefined
  })
  expect(order).toEqual({ state: 'CANCELLED', cancelReason: 'EXPIRED' })
})

test('quotes that ended a day ago are deleted, orders keep their lines', async () => {
  const { pruneQuotes } = await import('../../../subgraphs/payment/store.ts')
  const kept = await placed(world.instance(), ALICE)
  const day = 24 * 3_600_000
  expect(await pruneQuotes(world.database, 365 * day, 1_000)).toBe(0)
  await world.pass(2 * day)
  expect(await pruneQuotes(world.database, day, 1)).toBe(1)
  await pruneQuotes(world.database, day, 1_000)
  expect(await world.ask('SELECT 1 FROM payment.quotes')).toEqual([])
  const { order } = await data(ALICE, 'query($id: ID!) { order(id: $id) { lines { sku } } }', { id: kept.id })
  expect(order).toEqual({ lines: [{ sku: MILK_TEA }] })
})
