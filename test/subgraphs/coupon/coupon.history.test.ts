import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { expireOnePage } from '../../../subgraphs/coupon/expiry.ts'
import { createTestDatabase, type TestDatabase } from '../../harness/postgres.ts'
import {
  type Accounts,
  call,
  expectBalanced,
  FACE_FEN,
  type OpenCoupon,
  openCoupon,
  operator,
  orderOf,
  VALID_UNTIL,
} from './open-coupon.ts'

let owned: TestDatabase
let coupon: OpenCoupon
beforeAll(async () => {
  owned = await createTestDatabase()
  coupon = await openCoupon(owned.connection)
})
afterAll(async () => {
  await coupon[Symbol.asyncDispose]()
  await owned.close()
})

const DURING = new Date('2027-02-01T00:00:00.000Z')
const AFTER = new Date(VALID_UNTIL.getTime() + 60_000)
const SHOPPERS = ['ann', 'ben', 'cat', 'dan'] as const
const LIMIT = 3
const ORDERS = 3

/** What is known of a coupon without looking: the model, kept apart from the rules in coupon.ts. */
interface Known {
  id: string
  state: 'ISSUED' | 'RESERVED' | 'REDEEMED' | 'EXPIRED' | 'REVOKED' | 'RETURNED'
  order: number | undefined
  /** Fen that its redemption cost. */
  spentFen: number
}
type HoldState = 'HELD' | 'RELEASED' | 'REDEEMED' | 'RETURNED'

class Model {
  readonly coupons = new Map<string, Known>()
  readonly holds = new Map<string, HoldState>()
  /** One order id a (shopper, number), so that requests come again and out of order. */
  readonly orders = new Map<string, string>()
  expenseFen = 0
  returnedFen = 0
  closedUnissued = 0
  state: 'OPEN' | 'PAUSED' | 'CLOSED' = 'OPEN'
  version = 2
  ended = false
  campaignId: string
  constructor(campaignId: string) {
    this.campaignId = campaignId
  }
  orderId(shopperId: string, order: number): string {
    const key = `${shopperId}/${order}`
    const known = this.orders.get(key) ?? orderOf(shopperId)
    this.orders.set(key, known)
    return known
  }
}

type Step =
  | { readonly do: 'claim' | 'revoke'; readonly who: number }
  | {
      readonly do: 'reserve' | 'release' | 'redeem' | 'return'
      readonly who: number
      readonly order: number
      readonly fen: number
    }
  | { readonly do: 'pause' | 'resume' | 'close' | 'end' | 'sweep' }

type OrderStep = Extract<Step, { readonly order: number }>

const who = fc.nat(SHOPPERS.length - 1)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('claim' as const), who }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('revoke' as const), who }) },
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constantFrom('reserve' as const, 'release' as const, 'redeem' as const, 'return' as const),
      who,
      order: fc.nat(ORDERS - 1),
      // Below the minimum, below the face, at it, above it.
      fen: fc.constantFrom(999, 1_000, FACE_FEN, 9_000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('pause' as const, 'resume' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom('sweep' as const, 'end' as const, 'close' as const) }),
  },
)

async function apply(model: Model, action: Step): Promise<void> {
  const { campaignId } = model
  switch (action.do) {
    case 'claim': {
      const shopperId = SHOPPERS[action.who] as string
      const answer = await coupon.claim(shopperId, campaignId)
      const known = model.coupons.get(shopperId)
      if (known?.state === 'REVOKED') return expect(answer.code).toBe('NOT_ELIGIBLE')
      if (known !== undefined) {
        return expect([answer.code, answer.coupon?.id, answer.coupon?.state]).toEqual([
          'COUPON_ALREADY_ISSUED',
          known.id,
          shown(model, known),
        ])
      }
      const expected =
        model.state === 'CLOSED' || model.ended
          ? 'CAMPAIGN_NOT_OPEN'
          : model.state === 'PAUSED'
            ? 'ISSUANCE_PAUSED'
            : model.coupons.size === LIMIT
              ? 'BUDGET_EXHAUSTED'
              : 'COUPON_ISSUED'
      expect(answer.code).toBe(expected)
      if (answer.coupon !== undefined) {
        model.coupons.set(shopperId, { id: answer.coupon.id, state: 'ISSUED', order: undefined, spentFen: 0 })
      }
      return
    }
    case 'revoke': {
      const known = model.coupons.get(SHOPPERS[action.who] as string)
      if (known === undefined) return
      const { revokeCoupon } = await coupon.data<{ revokeCoupon: { code: string } }>(
        'mutation($input: RevokeCouponInput!) { revokeCoupon(input: $input) { ... on ShopperMessage { code } } }',
        { input: { couponId: known.id, reason: 'test' } },
        operator,
      )
      const may = shown(model, known) === 'ISSUED' || known.state === 'REVOKED'
      expect(revokeCoupon.code).toBe(may ? 'COUPON_REVOKED' : 'COUPON_STATE_CONFLICT')
      if (may && known.state === 'ISSUED') {
        known.state = 'REVOKED'
        model.returnedFen += FACE_FEN
      }
      return
    }
    case 'pause':
    case 'resume': {
      const version = ++model.version
      const paused = action.do === 'pause'
      await coupon.campaign.setIssuance(
        { campaignId, version, paused, noticeZh: '停', noticeEn: 'stop' },
        call(),
      )
      if (model.state !== 'CLOSED') model.state = paused ? 'PAUSED' : 'OPEN'
      return
    }
    case 'close': {
      const { unissuedFen } = await coupon.campaign.closeIssuance(
        { campaignId, version: ++model.version },
        call(),
      )
      if (model.state !== 'CLOSED') model.closedUnissued = LIMIT - model.coupons.size
      model.state = 'CLOSED'
      expect(unissuedFen).toBe(model.closedUnissued * FACE_FEN)
      return
    }
    case 'end':
      await coupon.setClock(AFTER)
      model.ended = true
      return
    case 'sweep': {
      while (await expireOnePage(coupon.database));
      for (const known of model.coupons.values()) {
        if (shown(model, known) === 'EXPIRED' && known.state === 'ISSUED') expire(model, known)
      }
      return
    }
    default:
      return applyOrder(model, action)
  }
}

async function applyOrder(model: Model, action: OrderStep): Promise<void> {
  const shopperId = SHOPPERS[action.who] as string
  const known = model.coupons.get(shopperId)
  if (known === undefined) return
  const orderId = model.orderId(shopperId, action.order)
  const input = { shopperId, couponId: known.id, orderId }
  const hold = model.holds.get(orderId)
  let granted = true
  switch (action.do) {
    case 'reserve':
      granted = hold === 'HELD' || hold === 'REDEEMED'
      if (hold === undefined && shown(model, known) === 'ISSUED' && action.fen >= 1_000) {
        granted = true
        known.state = 'RESERVED'
        known.order = action.order
        model.holds.set(orderId, 'HELD')
      }
      break
    case 'redeem':
      granted = hold === 'REDEEMED'
      if (hold === 'HELD') {
        granted = true
        known.state = 'REDEEMED'
        known.spentFen = Math.min(FACE_FEN, action.fen)
        model.expenseFen += known.spentFen
        model.returnedFen += FACE_FEN - known.spentFen
        model.holds.set(orderId, 'REDEEMED')
      }
      break
    case 'return':
    case 'release':
      if (hold === 'REDEEMED' && action.do === 'release') granted = false
      else if (hold === 'REDEEMED') {
        model.expenseFen -= known.spentFen
        model.returnedFen -= model.ended ? -known.spentFen : FACE_FEN - known.spentFen
        known.state = model.ended ? 'RETURNED' : 'ISSUED'
        model.holds.set(orderId, 'RETURNED')
      } else if (hold !== 'RETURNED') {
        if (hold === 'HELD') {
          if (model.ended) expire(model, known)
          else known.state = 'ISSUED'
        }
        model.holds.set(orderId, 'RELEASED')
      }
  }
  const withSubtotal = { ...input, subtotalFen: action.fen }
  const answer = await {
    reserve: () => coupon.payment.reserveCoupon(withSubtotal, call()),
    redeem: () => coupon.payment.redeemCoupon(withSubtotal, call()),
    release: () => coupon.payment.releaseCoupon(input, call()),
    return: () => coupon.payment.returnCoupon(input, call()),
  }[action.do]()
  expect([answer.refusal === null, answer.state]).toEqual([granted, shown(model, known)])
}

/** The accounts as the graph tells them. */
async function readAccounts(campaignId: string): Promise<Accounts> {
  const { _entities } = await coupon.data<{ _entities: { issuance: Accounts }[] }>(
    `query($representations: [_Any!]!) { _entities(representations: $representations) { ... on Campaign { issuance {
       available: availableFen liability: liabilityFen expense: expenseFen returned: returnedFen } } } }`,
    { representations: [{ __typename: 'Campaign', id: campaignId }] },
    operator,
  )
  return _entities[0]?.issuance as Accounts
}

function expire(model: Model, known: Known): void {
  known.state = 'EXPIRED'
  model.returnedFen += FACE_FEN
}

const shown = (model: Model, known: Known): Known['state'] =>
  known.state === 'ISSUED' && model.ended ? 'EXPIRED' : known.state

describe('any history', () => {
  it('of claims, orders, pauses and time leaves every coupon and the ledger as the model says', async () => {
    let runs = 0
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async steps => {
        const model = new Model(`campaign_history-${++runs}`)
        await coupon.setClock(DURING)
        await coupon.open(model.campaignId, LIMIT, { minSpendFen: 1_000 })
        for (const action of steps) await apply(model, action)
        // The subgraph's own sweep may have come by since: what is due is swept in the model too.
        await apply(model, { do: 'sweep' })
        const accounts = await expectBalanced(coupon, model.campaignId)
        expect(await readAccounts(model.campaignId)).toEqual(accounts)
        const issued = model.coupons.size
        expect(accounts).toEqual({
          available: (LIMIT - issued - model.closedUnissued) * FACE_FEN,
          liability: issued * FACE_FEN - model.expenseFen - model.returnedFen,
          expense: model.expenseFen,
          returned: model.returnedFen + model.closedUnissued * FACE_FEN,
        })
      }),
      { numRuns: 40, endOnFailure: false },
    )
  })
})
