import { describe, expect, it } from 'vitest'
import {
  type CouponPhase,
  type Decision,
  giveBack,
  type Hold,
  redeem,
  release,
  reserve,
  revoke,
  type Situation,
  stateAt,
  sumInto,
} from '../../../subgraphs/coupon/coupon.ts'

const validUntil = new Date('2027-02-28T16:00:00.000Z')
const before = new Date(validUntil.getTime() - 1)
const terms = { faceFen: 2_500, minSpendFen: 0, validUntil }

const ISSUED: CouponPhase = { state: 'ISSUED' }
const RESERVED: CouponPhase = { state: 'RESERVED', orderId: 'o' }
const REDEEMED: CouponPhase = { state: 'REDEEMED', orderId: 'o', redeemedAt: before }
const spent: Hold = { state: 'REDEEMED', expenseFen: 2_000 }

const at = (coupon: CouponPhase, hold?: Hold['state'] | Hold, now = before): Situation => ({
  coupon,
  hold: typeof hold === 'string' ? ({ state: hold } as Hold) : hold,
  terms,
  now,
})
const brief = ({ refusal, coupon, hold, transfers }: Decision): string =>
  [refusal ?? 'ok', coupon?.state, hold?.state, ...transfers.map(t => `${t.kind} ${t.amountFen}`)]
    .filter(part => part !== undefined)
    .join(', ')

describe('a coupon’s rules', () => {
  it.each<[string, Decision, string]>([
    ['reserve, unused', reserve(at(ISSUED), 'o', 2_000), 'ok, RESERVED, HELD'],
    ['reserve, at the end', reserve(at(ISSUED, undefined, validUntil), 'o', 2_000), 'EXPIRED'],
    ['reserve, held by it', reserve(at(RESERVED, 'HELD'), 'o', 2_000), 'ok'],
    ['reserve, held by another', reserve(at(RESERVED), 'p', 2_000), 'NOT_AVAILABLE'],
    ['reserve, after its release', reserve(at(ISSUED, 'RELEASED'), 'o', 2_000), 'NOT_AVAILABLE'],
    ['release, held', release(at(RESERVED, 'HELD')), 'ok, ISSUED, RELEASED'],
    [
      'release, held, at the end',
      release(at(RESERVED, 'HELD', validUntil)),
      'ok, EXPIRED, RELEASED, EXPIRE 2500',
    ],
    ['release, never held', release(at(ISSUED)), 'ok, RELEASED'],
    ['release, spent', release(at(REDEEMED, spent)), 'NOT_AVAILABLE'],
    [
      'redeem, more than the face',
      redeem(at(RESERVED, 'HELD'), 'o', 9_000),
      'ok, REDEEMED, REDEEMED, REDEEM 2500',
    ],
    [
      'redeem, less than the face',
      redeem(at(RESERVED, 'HELD'), 'o', 2_000),
      'ok, REDEEMED, REDEEMED, REDEEM 2000, UNUSED 500',
    ],
    ['redeem, nothing', redeem(at(RESERVED, 'HELD'), 'o', 0), 'ok, REDEEMED, REDEEMED, UNUSED 2500'],
    ['redeem, again', redeem(at(REDEEMED, spent), 'o', 9_000), 'ok'],
    ['redeem, not held', redeem(at(ISSUED), 'o', 9_000), 'NOT_AVAILABLE'],
    ['return, valid', giveBack(at(REDEEMED, spent)), 'ok, ISSUED, RETURNED, RETURN 2000, RETURN_UNUSED 500'],
    ['return, at the end', giveBack(at(REDEEMED, spent, validUntil)), 'ok, RETURNED, RETURNED, RETURN 2000'],
    ['revoke, unused', revoke(at(ISSUED)), 'ok, REVOKED, REVOKE 2500'],
    ['revoke, at the end', revoke(at(ISSUED, undefined, validUntil)), 'EXPIRED'],
    ['revoke, held', revoke(at(RESERVED, 'HELD')), 'NOT_AVAILABLE'],
  ])('%s', (_, decision, expected) => expect(brief(decision)).toBe(expected))

  it('never move more or less than the face out of liability', () => {
    for (const fen of [0, 1, 2_499, 2_500, 2_501]) {
      expect(sumInto('liability', redeem(at(RESERVED, 'HELD'), 'o', fen).transfers)).toBe(-2_500)
    }
    expect(sumInto('liability', giveBack(at(REDEEMED, spent)).transfers)).toBe(2_500)
    expect(sumInto('liability', giveBack(at(REDEEMED, spent, validUntil)).transfers)).toBe(0)
  })

  it('show only an unused coupon as expired', () => {
    for (const state of ['RESERVED', 'REDEEMED', 'REVOKED', 'RETURNED'] as const) {
      expect(stateAt(state, validUntil, validUntil)).toBe(state)
    }
    expect(stateAt('ISSUED', validUntil, before)).toBe('ISSUED')
    expect(stateAt('ISSUED', validUntil, validUntil)).toBe('EXPIRED')
  })
})
