import { describe, expect, test } from 'vitest'
import { ANONYMOUS, type Caller } from '../../protocol/caller.ts'
import { maySee, requireScope, requireService, shopperWith } from '../../subgraphs/authorize.ts'

const alice: Caller = {
  kind: 'shopper',
  shopperId: 'alice',
  client: 'qwen',
  scopes: ['coupon:claim'],
  tier: 'shopper',
}
const operator: Caller = { kind: 'operator', client: 'ops', scopes: ['campaign:operate'], tier: 'developer' }
const payment: Caller = { kind: 'service', client: 'payment', scopes: [], tier: 'developer' }

const refused = (code: string, message: string): object => expect.objectContaining({ code, message })

describe('shopperWith', () => {
  test('is the shopper', () => {
    expect(shopperWith(alice, 'coupon:claim')).toBe('alice')
  })

  test.each([
    [ANONYMOUS, 'the request had none'],
    [operator, 'the caller is an operator'],
    [payment, 'the caller is a service'],
  ])('refuses %o', (caller, got) => {
    expect(() => shopperWith(caller, 'coupon:claim')).toThrow(
      refused('UNAUTHENTICATED', `a shopper's token is needed, ${got}`),
    )
  })

  test('refuses a shopper without the scope', () => {
    expect(() => shopperWith(alice, 'order:pay')).toThrow(
      refused('FORBIDDEN', 'the scope order:pay is needed, the token has coupon:claim'),
    )
  })
})

describe('requireScope', () => {
  test('passes whoever has it', () => {
    expect(requireScope(operator, 'campaign:operate')).toBeUndefined()
  })

  test('asks the anonymous for a token, and tells others what theirs lacks', () => {
    expect(() => requireScope(ANONYMOUS, 'catalog:write')).toThrow(
      refused('UNAUTHENTICATED', 'a token with the scope catalog:write is needed, the request had none'),
    )
    expect(() => requireScope(payment, 'catalog:write')).toThrow(
      refused('FORBIDDEN', 'the scope catalog:write is needed, the token has none'),
    )
  })
})

describe('requireService', () => {
  test('passes the named service alone', () => {
    expect(requireService(payment, 'payment')).toBeUndefined()
    for (const [caller, kind] of [
      [{ ...payment, client: 'campaign' }, 'a service'],
      [{ ...operator, client: 'payment' }, 'an operator'],
      [{ ...alice, client: 'payment' }, 'a shopper'],
      [{ ...ANONYMOUS, client: 'payment' }, 'anonymous'],
    ] as const) {
      expect(() => requireService(caller, 'payment')).toThrow(
        refused('FORBIDDEN', `this field is for the payment service, the caller is ${kind}`),
      )
    }
  })
})

test('maySee: the shopper, operators and services, nobody else', () => {
  expect([alice, operator, payment].map(caller => maySee(caller, 'alice'))).toEqual([true, true, true])
  expect([alice, ANONYMOUS].map(caller => maySee(caller, 'bob'))).toEqual([false, false])
})
