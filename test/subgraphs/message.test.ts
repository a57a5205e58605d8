import { expect, test } from 'vitest'
import { outcome } from '../../subgraphs/message.ts'

test('an outcome is its type, its code, its words and its fields; nothing to wait for', () => {
  expect(outcome('CouponIssued', { severity: 'SUCCESS', zh: '成功', en: 'Done' }, { couponId: 'c' })).toEqual(
    {
      __typename: 'CouponIssued',
      code: 'COUPON_ISSUED',
      severity: 'SUCCESS',
      messageZh: '成功',
      messageEn: 'Done',
      retryable: false,
      retryAfterMs: null,
      couponId: 'c',
    },
  )
})

test('an outcome that may be asked for again says when, also when that is at once', () => {
  const words = { severity: 'WARNING', zh: '稍后', en: 'Later' } as const
  expect(outcome('OrderPending', { ...words, retryAfterMs: 800 }, {})).toMatchObject({
    code: 'ORDER_PENDING',
    retryable: true,
    retryAfterMs: 800,
  })
  expect(outcome('KeptPlace', { ...words, retryAfterMs: 0 }, {})).toMatchObject({
    retryable: true,
    retryAfterMs: 0,
  })
})

test.each([
  ['StockSet', 'STOCK_SET'],
  ['NotEligible', 'NOT_ELIGIBLE'],
  ['CouponAlreadyIssued', 'COUPON_ALREADY_ISSUED'],
  ['Refused', 'REFUSED'],
])('%s has the code %s', (typename, code) => {
  expect(outcome(typename, { severity: 'INFO', zh: '', en: '' }, {}).code).toBe(code)
})
