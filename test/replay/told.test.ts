import { expect, test } from 'vitest'
import type { Question } from './requests.ts'
import { readTold, type Said, type Told } from './told.ts'

const tell = (question: Question, body: unknown, said: Partial<Said> = {}): Told =>
  readTold(question, {
    status: 200,
    retryAfterMs: undefined,
    body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
    ...said,
  })

const fault = (extensions: object): object => ({ errors: [{ message: 'no', extensions }] })

test('a coupon', () => {
  const coupon = { id: 'coupon_7d_01', state: 'ISSUED' }
  expect(tell('claim', { data: { claimCoupon: { __typename: 'CouponIssued', coupon } } })).toMatchObject({
    outcome: 'CouponIssued',
    kind: 'result',
    id: 'coupon_7d_01',
    isRetryable: false,
  })
})

const PLACE = { token: 'p.q', admitAt: '2026-02-06T00:00:01.500Z', retryAfterMs: 1_499, position: 7 }
const AT_MS = Date.parse(PLACE.admitAt)

test('a kept place as data, as a refusal, and beside one', () => {
  const place = { token: 'p.q', admitAtMs: AT_MS }
  const data = { data: { claimCoupon: { __typename: 'KeptPlace', retryable: true, ...PLACE } } }
  expect(tell('claim', data)).toMatchObject({
    outcome: 'KeptPlace',
    kind: 'place',
    place,
    retryAfterMs: 1_499,
  })
  const inside = fault({ code: 'THROTTLED', retryAfterMs: 1_499, place: PLACE })
  expect(tell('claim', inside, { status: 429 })).toMatchObject({ outcome: 'THROTTLED', kind: 'place', place })
  const beside = { ...fault({ code: 'THROTTLED' }), extensions: { place: PLACE } }
  expect(tell('claim', beside, { status: 429, retryAfterMs: 2_000 })).toMatchObject({
    kind: 'place',
    place,
    retryAfterMs: 1_499,
  })
})

test('a refusal says when to come back: itself, or else the header', () => {
  const refused = { kind: 'refusal', outcome: 'THROTTLED', isRetryable: true, isNothingLeft: false }
  const said = { status: 429, retryAfterMs: 3_000 }
  expect(tell('claim', fault({ code: 'THROTTLED', retryAfterMs: 250 }), said)).toMatchObject({
    ...refused,
    retryAfterMs: 250,
  })
  expect(tell('claim', fault({ code: 'THROTTLED' }), said)).toMatchObject({ ...refused, retryAfterMs: 3_000 })
})

test('a line with nothing left says so, a paused one does not', () => {
  const spent = fault({ code: 'THROTTLED', retryAfterMs: 1, remaining: 0, paused: false })
  const paused = fault({ code: 'THROTTLED', retryAfterMs: 1, remaining: 0, paused: true })
  expect(tell('claim', spent, { status: 429 }).isNothingLeft).toBe(true)
  expect(tell('claim', paused, { status: 429 }).isNothingLeft).toBe(false)
})

test('faults may be asked again, mistakes not', () => {
  const of = (status: number, code: string, more = {}): boolean =>
    tell('place', fault({ code, ...more }), { status }).isRetryable
  expect(of(503, 'OUTCOME_UNKNOWN')).toBe(true)
  expect(of(504, 'SUBGRAPH_TIMEOUT')).toBe(true)
  expect(of(409, 'ORDER_BUSY')).toBe(true)
  expect(of(200, 'SUBGRAPH_UNREACHABLE', { retryAfterMs: 1_000 })).toBe(true)
  expect(of(400, 'BAD_INPUT')).toBe(false)
  expect(of(401, 'UNAUTHENTICATED')).toBe(false)
  expect(of(200, 'PERSISTED_QUERY_NOT_FOUND')).toBe(false)
})

test('an order by its state, wherever it is told', () => {
  const order = { id: 'order_7d_01', state: 'AWAITING_PAYMENT' }
  expect(tell('place', { data: { placeOrder: { __typename: 'OrderPlaced', order } } })).toMatchObject({
    id: 'order_7d_01',
    orderState: 'AWAITING_PAYMENT',
  })
  expect(
    tell('pay', { data: { payOrder: { __typename: 'OrderStateConflict', state: 'PAID' } } }),
  ).toMatchObject({
    outcome: 'OrderStateConflict',
    orderState: 'PAID',
  })
  expect(tell('status', { data: { order: { id: 'order_7d_01', state: 'PAID' } } })).toMatchObject({
    outcome: 'Order PAID',
    id: 'order_7d_01',
    orderState: 'PAID',
  })
})

test('what browsers see is told by whether it is there', () => {
  expect(tell('home', { data: { campaign: {} } })).toMatchObject({ outcome: 'Shown', kind: 'result' })
  const partly = { data: { product: null }, ...fault({ code: 'SUBGRAPH_UNREACHABLE', retryAfterMs: 5 }) }
  expect(tell('detail', partly)).toMatchObject({
    outcome: 'SUBGRAPH_UNREACHABLE',
    kind: 'refusal',
    isRetryable: true,
  })
})

test('an answer that cannot be read is told as that, and as its status', () => {
  expect(tell('claim', '<html>')).toMatchObject({
    outcome: 'UNREADABLE',
    kind: 'refusal',
    isRetryable: false,
  })
  expect(tell('claim', '{"data":{"claimCoupon":null}}').outcome).toBe('UNREADABLE')
  expect(tell('home', 'null').outcome).toBe('UNREADABLE')
  expect(tell('claim', 'bad gateway', { status: 502 })).toMatchObject({
    outcome: 'HTTP 502',
    isRetryable: true,
  })
})
