import { jwtVerify } from 'jose'
import { expect, test } from 'vitest'
import { callerOf } from '../../gateway/identity/claims.ts'
import { Tokens } from './tokens.ts'

const SECRET = 'a secret of a replay, long enough for HS256'
const FROM_MS = Date.parse('2026-02-06T00:00:00.500Z')

test('a token is a shopper’s, of the client replay, may do what shoppers do, and holds for the time of the replay', async () => {
  for (const shopperId of ['r-1', 'replay-mk2-1000000', 'x'.repeat(64)]) {
    const token = new Tokens(SECRET, FROM_MS, 60_000).of(shopperId)
    const { payload } = await jwtVerify(token, new TextEncoder().encode(SECRET), {
      algorithms: ['HS256'],
      currentDate: new Date(FROM_MS + 59_000),
    })
    expect(callerOf(payload)).toMatchObject({
      kind: 'shopper',
      shopperId,
      client: 'replay',
      scopes: ['coupon:claim', 'order:place', 'order:pay'],
    })
    expect(payload.exp! * 1_000).toBeGreaterThanOrEqual(FROM_MS + 60_000)
    expect(payload.iat! * 1_000).toBeLessThanOrEqual(FROM_MS)
  }
})

test('secrets of any length sign', async () => {
  for (const length of [32, 63, 64, 65, 200]) {
    const secret = 'a秘密'.repeat(100).slice(0, length)
    const tokens = new Tokens(secret, FROM_MS, 60_000)
    for (const shopperId of ['b', 'a-longer-one', 'c']) {
      await jwtVerify(tokens.of(shopperId), new TextEncoder().encode(secret), {
        currentDate: new Date(FROM_MS),
      })
    }
  }
})

test('a shopper’s token is the same whenever it is made, and nobody else’s', () => {
  const tokens = new Tokens(SECRET, FROM_MS, 60_000)
  expect(tokens.of('a')).toBe(tokens.of('a'))
  expect(tokens.of('a')).not.toBe(tokens.of('b'))
})
