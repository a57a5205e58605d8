import type { GraphQLResolverMap } from '@apollo/subgraph'
import { SHOPPER_ID } from '../../protocol/caller.ts'
import { Fault } from '../../protocol/fault.ts'
import { sliceOf } from '../../protocol/slice.ts'
import { maySee, requireScope, requireService, shopperWith } from '../authorize.ts'
import { type Connection, connectionOf, pageOf } from '../connection.ts'
import type { Database } from '../database.ts'
import { outcome, type ShopperMessage } from '../message.ts'
import type { RequestContext } from '../subgraph.ts'
import type { ClaimAnswer, Claims } from './claims.ts'
import { assertCampaignId, idOf, refusalOf } from './coupon.ts'
import type { Holds } from './holds.ts'
import { type Issuances, present } from './issuance.ts'
import type { CouponLoaders } from './loaders.ts'
import * as messages from './messages.ts'
import type {
  Coupon,
  CouponHold,
  CouponTerms,
  Issuance,
  IssuanceAcknowledgement,
  MutationClaimCouponArgs,
  MutationCloseIssuanceArgs,
  MutationOpenIssuanceArgs,
  MutationRedeemCouponArgs,
  MutationReleaseCouponArgs,
  MutationReserveCouponArgs,
  MutationReturnCouponArgs,
  MutationRevokeCouponArgs,
  MutationSetIssuanceArgs,
  QueryCheckCouponArgs,
  ShopperCouponsArgs,
} from './schema.generated.ts'
import { type CouponRow, readWallet } from './store.ts'

export interface CouponContext {
  readonly database: Database
  readonly loaders: CouponLoaders
  readonly claims: Claims
  readonly holds: Holds
  readonly issuances: Issuances
}

type Context = RequestContext & CouponContext
interface Reference {
  readonly id: string
}

const WALLET_PAGE = 20
const WALLET_PAGE_MAX = 100

export const resolvers: GraphQLResolverMap<Context> = {
  Query: {
    me: (_: unknown, __: unknown, { caller }: Context): Reference | null =>
      caller.shopperId === undefined ? null : { id: caller.shopperId },

    async checkCoupon(_: unknown, args: QueryCheckCouponArgs, context: Context): Promise<CouponTerms | null> {
      requireService(context.caller, 'payment')
      assertShopperId(args.shopperId)
      const row = await context.loaders.coupon.load(args.couponId)
      if (row === null || row.shopperId !== args.shopperId) return null
      return {
        couponId: args.couponId,
        state: row.state,
        refusal: refusalOf(row.state),
        faceFen: row.faceFen,
        minSpendFen: row.minSpendFen,
        validUntil: row.validUntil,
      }
    },
  },

  Mutation: {
    async claimCoupon(
      _: unknown,
      { input }: MutationClaimCouponArgs,
      context: Context,
    ): Promise<ShopperMessage> {
      const shopperId = shopperWith(context.caller, 'coupon:claim')
      const { campaignId } = input
      const answer = await context.claims.claim({
        shopperId,
        campaignId,
        deadlineMs: context.deadlineMs,
        priority: context.priority,
      })
      return claimOutcome(campaignId, answer)
    },

    async revokeCoupon(
      _: unknown,
      { input }: MutationRevokeCouponArgs,
      context: Context,
    ): Promise<ShopperMessage> {
      requireScope(context.caller, 'campaign:operate')
      const done = await context.holds.revoke(input.couponId, input.reason, context.caller.client)
      if (done === null) return outcome('CouponNotFound', messages.NOT_FOUND, {})
      if (!done.revoked) {
        return outcome('CouponStateConflict', messages.notRevocable(done.state), { state: done.state })
      }
      const row = await context.loaders.coupon.load(input.couponId)
      if (row === null) throw new Error('expected the revoked coupon, got none')
      return outcome('CouponRevoked', messages.REVOKED, { coupon: couponOf(row) })
    },

    reserveCoupon(_: unknown, { input }: MutationReserveCouponArgs, context: Context): Promise<CouponHold> {
      requireService(context.caller, 'payment')
      return context.holds.reserve(input)
    },
    releaseCoupon(_: unknown, { input }: MutationReleaseCouponArgs, context: Context): Promise<CouponHold> {
      requireService(context.caller, 'payment')
      return context.holds.release(input)
    },
    redeemCoupon(_: unknown, { input }: MutationRedeemCouponArgs, context: Context): Promise<CouponHold> {
      requireService(context.caller, 'payment')
      return context.holds.redeem(input)
    },
    returnCoupon(_: unknown, { input }: MutationReturnCouponArgs, context: Context): Promise<CouponHold> {
      requireService(context.caller, 'payment')
      return context.holds.giveBack(input)
    },

    openIssuance(
      _: unknown,
      { input }: MutationOpenIssuanceArgs,
      context: Context,
    ): Promise<IssuanceAcknowledgement> {
      requireService(context.caller, 'campaign')
      return context.issuances.open(input)
    },
    setIssuance(
      _: unknown,
      { input }: MutationSetIssuanceArgs,
      context: Context,
    ): Promise<IssuanceAcknowledgement> {
      requireService(context.caller, 'campaign')
      return context.issuances.set(input)
    },
    closeIssuance(
      _: unknown,
      { input }: MutationCloseIssuanceArgs,
      context: Context,
    ): Promise<IssuanceAcknowledgement> {
      requireService(context.caller, 'campaign')
      return context.issuances.close(input)
    },
  },

  Shopper: {
    __resolveReference({ id }: Reference, { caller }: Context): Reference | null {
      assertShopperId(id)
      return maySee(caller, id) ? { id } : null
    },
    async coupons(
      { id }: Reference,
      args: ShopperCouponsArgs,
      { database }: Context,
    ): Promise<Connection<Coupon>> {
      const page = pageOf(args, WALLET_PAGE, WALLET_PAGE_MAX, ['string'])
      assertCursor(page.after?.[0])
      const rows = await readWallet(database, sliceOf(id), id, args.state ?? null, page)
      return connectionOf(rows, page, row => [row.couponId], couponOf)
    },
  },

  Coupon: {
    async __resolveReference({ id }: Reference, { caller, loaders }: Context): Promise<Coupon | null> {
      const row = await loaders.coupon.load(id)
      return row !== null && maySee(caller, row.shopperId) ? couponOf(row) : null
    },
  },

  Campaign: {
    __resolveReference: ({ id }: Reference): Reference => ({ id }),
    async issuance({ id }: Reference, _: unknown, { loaders }: Context): Promise<Issuance | null> {
      assertCampaignId(id)
      const row = await loaders.issuance.load(id)
      return row === null ? null : present(row)
    },
  },
}

function couponOf(row: Omit<CouponRow, 'shopperId'>): Coupon {
  return {
    id: idOf('coupon', row.sliceNo, row.couponId),
    campaign: { id: row.campaignId },
    state: row.state,
    faceFen: row.faceFen,
    minSpendFen: row.minSpendFen,
    issuedAt: row.issuedAt,
    validUntil: row.validUntil,
    orderId: row.orderId === null ? null : idOf('order', row.sliceNo, row.orderId),
    redeemedAt: row.redeemedAt,
  }
}

function claimOutcome(campaignId: string, answer: ClaimAnswer | null): ShopperMessage {
  if (answer === null) return notOpen(messages.UNKNOWN_CAMPAIGN, 'UNKNOWN_CAMPAIGN', null)
  const { row, verdict, issued, sliceNo } = answer
  if (row.couponId !== null && row.state !== null && row.issuedAt !== null) {
    const { couponId, state, issuedAt, orderId, redeemedAt } = row
    if (state === 'REVOKED') {
      return outcome('NotEligible', messages.COUPON_REVOKED, { reason: 'COUPON_REVOKED' })
    }
    const { faceFen, validUntil } = verdict
    const coupon = couponOf({
      ...verdict,
      sliceNo,
      couponId,
      campaignId,
      state,
      issuedAt,
      orderId,
      redeemedAt,
    })
    return issued
      ? outcome('CouponIssued', messages.issued(faceFen, validUntil), { coupon })
      : outcome('CouponAlreadyIssued', messages.alreadyIssued(state === 'ISSUED', faceFen, validUntil), {
          coupon,
        })
  }
  switch (verdict.verdict) {
    case 'NOT_YET_OPEN':
      return notOpen(messages.notYetOpen(verdict.opensAt, verdict.judgedAt), 'NOT_YET_OPEN', verdict.opensAt)
    case 'CLOSED':
      return notOpen(messages.CLOSED, 'CLOSED', null)
    case 'PAUSED': {
      const notice = {
        zh: verdict.noticeZh ?? messages.DEFAULT_NOTICE.zh,
        en: verdict.noticeEn ?? messages.DEFAULT_NOTICE.en,
      }
      return outcome('IssuancePaused', messages.paused(notice, verdict.validUntil), {
        noticeZh: notice.zh,
        noticeEn: notice.en,
        issuedValidUntil: verdict.validUntil,
      })
    }
    case 'OPEN':
      return outcome('BudgetExhausted', messages.EXHAUSTED, {})
  }
}

const notOpen = (text: Parameters<typeof outcome>[1], reason: string, opensAt: Date | null): ShopperMessage =>
  outcome('CampaignNotOpen', text, { reason, opensAt })

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

function assertShopperId(id: string): void {
  if (!SHOPPER_ID.test(id))
    throw new Fault('BAD_ID', `expected a shopper id, got ${JSON.stringify(id.slice(0, 64))}`)
}

function assertCursor(key: string | number | undefined): void {
  if (key !== undefined && !UUID.test(String(key)))
    throw new Fault('BAD_INPUT', 'after expects a cursor of this list')
}
