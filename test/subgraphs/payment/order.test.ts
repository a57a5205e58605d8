import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  backoffMs,
  basketOf,
  canonical,
  checkLines,
  couponRefusal,
  hashOf,
  priceLines,
  stockLines,
} from '../../../subgraphs/payment/order.ts'
import type { CouponTerms } from '../../../subgraphs/peers.ts'

const price = (sku: string, priceFen: number, available = 10) => ({
  sku,
  nameZh: '奶茶',
  nameEn: 'Milk tea',
  priceFen,
  available,
})

const terms = (faceFen: number, more: Partial<CouponTerms> = {}): CouponTerms => ({
  couponId: 'coupon_1',
  state: 'ISSUED',
  refusal: null,
  faceFen,
  minSpendFen: 0,
  validUntil: '2027-02-28T16:00:00.000Z',
  ...more,
})

const line = (sku: string, quantity: number) => ({ sku, quantity })

describe('a basket', () => {
  test('has 1 to 20 lines', () => {
    const lines = Array.from({ length: 21 }, (_, index) => line(`SKU-${index}`, 1))
    expect(() => checkLines(lines.slice(0, 20))).not.toThrow()
    expect(() => checkLines(lines)).toThrow('a basket has 1 to 20 lines, got 21')
    expect(() => checkLines([])).toThrow('a basket has 1 to 20 lines, got 0')
  })

  test('has each sku once, 1 to 99 of it', () => {
    expect(() => checkLines([line('A', 1), line('A', 2)])).toThrow('a basket has each sku once, got A twice')
    expect(() => checkLines([line('A', 99)])).not.toThrow()
    expect(() => checkLines([line('A', 0)])).toThrow('a quantity is 1 to 99, got 0 of A')
    expect(() => checkLines([line('A', 100)])).toThrow('a quantity is 1 to 99, got 100 of A')
  })

  test.each(['', 'a\0b', 'a\ud800b', 'x'.repeat(65)])('refuses the sku %j', sku => {
    expect(() => checkLines([line(sku, 1)])).toThrow(/^sku expects/)
  })

  test('costs the sum of its lines, in the order asked for', () => {
    // 2 × 18.00 + 1 × 25.00 = 61.00
    const result = priceLines([line('TEA', 2), line('CAKE', 1)], [price('CAKE', 2_500), price('TEA', 1_800)])
    expect(result).toMatchObject({
      priced: [
        { sku: 'TEA', quantity: 2, unitPriceFen: 1_800, totalFen: 3_600 },
        { sku: 'CAKE', quantity: 1, unitPriceFen: 2_500, totalFen: 2_500 },
      ],
    })
  })

  test('names the first line that cannot be had', () => {
    const prices = [price('TEA', 1_800, 10), price('CAKE', 2_500, 3)]
    expect(priceLines([line('TEA', 11), line('CAKE', 4)], prices)).toEqual({
      short: { sku: 'TEA', available: 10 },
    })
    expect(priceLines([line('GONE', 1)], prices)).toEqual({ short: { sku: 'GONE', available: 0 } })
  })

  test('may not cost more than Fen can carry', () => {
    expect(() => priceLines([line('A', 2)], [price('A', Number.MAX_SAFE_INTEGER)])).toThrow('2^53-1')
  })
})

describe('a coupon', () => {
  test('never gives change: discount = min(face, subtotal), payable = subtotal - discount', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e9 }), fc.integer({ min: 1, max: 1e9 }), (faceFen, priceFen) => {
        const priced = priceLines([line('A', 3)], [price('A', priceFen)])
        if (!('priced' in priced)) throw new Error('expected a price')
        const basket = basketOf(priced.priced, terms(faceFen))
        expect(basket.discountFen).toBe(Math.min(faceFen, priceFen * 3))
        expect(basket.payableFen).toBe(priceFen * 3 - basket.discountFen)
      }),
    )
  })

  test.each([
    [null, 5_000, 'NOT_FOUND'],
    [terms(2_500, { refusal: 'EXPIRED' }), 5_000, 'EXPIRED'],
    [terms(2_500, { refusal: 'NOT_AVAILABLE' }), 5_000, 'NOT_AVAILABLE'],
    [terms(2_500, { minSpendFen: 5_000 }), 4_999, 'BELOW_MINIMUM'],
    [terms(2_500, { minSpendFen: 5_000 }), 5_000, undefined],
  ])('is refused for a reason', (coupon, subtotalFen, reason) => {
    expect(couponRefusal(coupon, subtotalFen)).toBe(reason)
  })
})

test('canonical JSON has sorted keys and no white space (RFC 8785)', () => {
  expect(canonical({ b: [1, 'é', null], a: { d: true, c: undefined }, 奶: 2 })).toBe(
    '{"a":{"d":true},"b":[1,"é",null],"奶":2}',
  )
})

test('the hash of a quote is fixed', () => {
  const priced = priceLines([line('TEA', 2)], [price('TEA', 1_800)])
  if (!('priced' in priced)) throw new Error('expected a price')
  expect(hashOf(basketOf(priced.priced, terms(2_500)))).toBe(
    'a12ec6d46abeb1e3eff6247ce634e3f8feab652b054097c4e0f9c8240d07a2fe',
  )
})

test('stock is asked for by sku, whatever the order of lines', () => {
  const priced = priceLines([line('B', 1), line('A', 2)], [price('A', 1), price('B', 1)])
  if (!('priced' in priced)) throw new Error('expected a price')
  expect(stockLines(basketOf(priced.priced, null))).toEqual([line('A', 2), line('B', 1)])
})

test('a failing step is tried after 1, 2, 4 … seconds, at most a minute apart', () => {
  expect([0, 1, 2, 5, 6, 1_000].map(backoffMs)).toEqual([1_000, 2_000, 4_000, 32_000, 60_000, 60_000])
})
