import { expect, test } from 'vitest'
import { seeded } from './seeded.ts'
import { nextOf, waitMs } from './shopper.ts'
import type { Told } from './told.ts'

const told = (outcome: string, more: Partial<Told> = {}): Told => ({
  outcome,
  kind: 'result',
  isRetryable: false,
  isNothingLeft: false,
  ...more,
})
const REFUSED = told('SUBGRAPH_TIMEOUT', { kind: 'refusal', isRetryable: true })

test('an order is claimed, quoted, placed, paid where something is due, and looked at until it is paid', () => {
  expect(nextOf('claim', 'order', told('CouponIssued'))).toBe('quote')
  expect(nextOf('claim', 'pay', told('CouponAlreadyIssued'))).toBe('quote')
  expect(nextOf('quote', 'order', told('OrderQuoted'))).toBe('place')
  expect(nextOf('place', 'order', told('OrderPlaced', { orderState: 'PAID' }))).toBe('status')
  expect(nextOf('place', 'pay', told('OrderPlaced', { orderState: 'AWAITING_PAYMENT' }))).toBe('pay')
  expect(nextOf('pay', 'pay', told('OrderPaid'))).toBe('status')
  expect(nextOf('pay', 'pay', told('PaymentDeclined'))).toBe('AGAIN')
  expect(nextOf('status', 'pay', told('Order CREATED', { orderState: 'CREATED' }))).toBe('AGAIN')
  expect(nextOf('status', 'pay', told('Order AWAITING_PAYMENT', { orderState: 'AWAITING_PAYMENT' }))).toBe(
    'pay',
  )
  expect(nextOf('status', 'order', told('Order PAID', { orderState: 'PAID' }))).toBe('DONE')
})

test('who only claims is done with a coupon, and who browses with the third page', () => {
  expect(nextOf('claim', 'claim', told('CouponIssued'))).toBe('DONE')
  expect((['home', 'search', 'detail'] as const).map(page => nextOf(page, 'browse', told('Shown')))).toEqual([
    'search',
    'detail',
    'DONE',
  ])
})

test('a quote that is over is asked for again', () => {
  for (const outcome of ['QuoteExpired', 'QuoteNotFound'])
    expect(nextOf('place', 'order', told(outcome))).toBe('quote')
})

test('a place, a pause, a fault and a pending order mean the same again', () => {
  expect(nextOf('claim', 'order', told('KeptPlace', { kind: 'place' }))).toBe('AGAIN')
  expect(nextOf('claim', 'order', told('THROTTLED', { kind: 'place' }))).toBe('AGAIN')
  expect(nextOf('claim', 'order', told('IssuancePaused', { isRetryable: true }))).toBe('AGAIN')
  expect(nextOf('place', 'order', told('OrderPending', { isRetryable: true }))).toBe('AGAIN')
  for (const question of ['home', 'claim', 'quote', 'place', 'pay', 'status'] as const)
    expect(nextOf(question, 'order', REFUSED)).toBe('AGAIN')
})

test('an honest no sends away, anything that does not help ends in giving up', () => {
  for (const outcome of ['BudgetExhausted', 'NotEligible', 'CampaignNotOpen'])
    expect(nextOf('claim', 'order', told(outcome))).toBe('TURNED_AWAY')
  const spent = told('THROTTLED', { kind: 'refusal', isRetryable: true, isNothingLeft: true })
  expect(nextOf('claim', 'order', spent)).toBe('TURNED_AWAY')
  expect(nextOf('quote', 'order', told('VariantUnavailable'))).toBe('GAVE_UP')
  expect(nextOf('claim', 'order', told('SomethingNew'))).toBe('GAVE_UP')
  expect(nextOf('place', 'order', told('BAD_INPUT', { kind: 'refusal' }))).toBe('GAVE_UP')
  expect(nextOf('status', 'order', told('Order CANCELLED', { orderState: 'CANCELLED' }))).toBe('GAVE_UP')
})

test('who obeys waits for just what was told', () => {
  expect(waitMs('obedient', 9, 41_337, seeded(1))).toBe(41_337)
})

test('who obeys and is told nothing waits twice as long each time, eight seconds and a half more at most', () => {
  for (const [tries, ms] of [
    [1, 250],
    [2, 500],
    [5, 4_000],
    [6, 8_000],
    [60, 8_000],
  ] as const) {
    const waited = Array.from({ length: 100 }, (_, seed) =>
      waitMs('obedient', tries, undefined, seeded(seed)),
    )
    expect(Math.min(...waited)).toBeGreaterThanOrEqual(ms * 0.5)
    expect(Math.max(...waited)).toBeLessThanOrEqual(ms * 1.5)
    expect(new Set(waited).size).toBeGreaterThan(90)
  }
})

test('the impatient come back after two to four seconds and the storm ten times a second, whatever is told', () => {
  for (const toldMs of [undefined, 1, 600_000]) {
    const waited = waitMs('impatient', 3, toldMs, seeded(2))
    expect(waited).toBeGreaterThanOrEqual(2_000)
    expect(waited).toBeLessThanOrEqual(4_000)
    expect(waitMs('storm', 3, toldMs, seeded(2))).toBe(100)
  }
})
