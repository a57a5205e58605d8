import { describe, expect, it } from 'vitest'
import { readClaim } from './claim-answer.ts'

const read = (status: number, answer: object) => readClaim(status, JSON.stringify(answer))

describe('readClaim', () => {
  it('finds a coupon, new or had before', () => {
    for (const __typename of ['CouponIssued', 'CouponAlreadyIssued'])
      expect(read(200, { data: { claimCoupon: { __typename } } }).kind).toBe('coupon')
  })

  it('finds a place that is data', () =>
    expect(
      read(200, { data: { claimCoupon: { __typename: 'KeptPlace', retryAfterMs: 1_500, token: 'abc' } } }),
    ).toEqual({ kind: 'place', outcome: 'KeptPlace', retryAfterMs: 1_500, placeToken: 'abc' }))

  it('finds a place beside an error', () =>
    expect(
      read(429, {
        errors: [{ extensions: { code: 'THROTTLED', retryAfterMs: 9 } }],
        extensions: { place: { token: 'abc', retryAfterMs: 1_500 } },
      }),
    ).toEqual({ kind: 'place', outcome: 'THROTTLED', retryAfterMs: 1_500, placeToken: 'abc' }))

  it('tells an error by its code, and when to ask again where that is said', () =>
    expect(read(429, { errors: [{ extensions: { code: 'THROTTLED', retryAfterMs: 9 } }] })).toEqual({
      kind: 'none',
      outcome: 'THROTTLED',
      retryAfterMs: 9,
      placeToken: undefined,
    }))

  it('takes any other result for no coupon, with its own word on when to ask again', () =>
    expect(
      read(200, { data: { claimCoupon: { __typename: 'IssuancePaused', retryAfterMs: 60_000 } } }),
    ).toMatchObject({ kind: 'none', outcome: 'IssuancePaused', retryAfterMs: 60_000 }))

  it('tells what broke on the way', () => {
    expect(readClaim(0, 'ECONNRESET')).toMatchObject({ kind: 'none', outcome: 'ECONNRESET' })
    expect(readClaim(502, '<html>')).toMatchObject({ kind: 'none', outcome: 'HTTP 502' })
  })
})
