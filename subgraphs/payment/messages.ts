import { type MessageText, outcome, type ShopperMessage } from '../message.ts'
import type { OrderRow, QuoteRow, StoredOutcome } from './order.ts'
import type { CouponNotUsableReason, OrderState } from './schema.generated.ts'

/** Every outcome of the API in words. `order` and `quote` are rows: the resolvers make fields of them. */
export type Outcome = ShopperMessage

/** How long settling an order usually takes, in milliseconds; what OrderPending asks to wait. */
const PENDING_RETRY_MS = 1_000

export const orderQuoted = (quote: QuoteRow): Outcome =>
  outcome(
    'OrderQuoted',
    success(
      `合计${yuan(quote.payableFen)}元，价格为您保留十分钟。`,
      `The total is ${yuan(quote.payableFen)} yuan; the price is kept for ten minutes.`,
    ),
    { quote },
  )

export const orderPending = (orderId: string): Outcome =>
  outcome(
    'OrderPending',
    {
      severity: 'INFO',
      zh: '订单正在处理中，请稍后查询订单状态。',
      en: 'The order is being processed; ask for its status in a moment.',
      retryAfterMs: PENDING_RETRY_MS,
    },
    { orderId },
  )

export const quoteNotFound = (): Outcome =>
  outcome(
    'QuoteNotFound',
    failure('没有找到这个报价，请重新询价。', 'There is no such quote; ask for a new one.'),
    {},
  )

export const quoteExpired = (): Outcome =>
  outcome(
    'QuoteExpired',
    warning('报价已失效，请重新询价。', 'This quote can no longer be used; ask for a new one.'),
    {},
  )

export const variantUnavailable = (sku: string, available: number): Outcome =>
  outcome(
    'VariantUnavailable',
    warning(
      available > 0 ? `库存不足，仅剩${available}件。` : '该商品已售罄或不存在。',
      available > 0 ? `Only ${available} of it can be had.` : 'It is sold out, or there is no such item.',
    ),
    { sku, available },
  )

export const couponNotUsable = (reason: CouponNotUsableReason): Outcome =>
  outcome('CouponNotUsable', COUPON_WORDS[reason], { reason })

export const orderNotFound = (): Outcome =>
  outcome('OrderNotFound', failure('没有找到这个订单。', 'There is no such order.'), {})

export const orderStateConflict = (state: OrderState): Outcome =>
  outcome(
    'OrderStateConflict',
    failure(
      `${STATE_WORDS[state].zh}，无法执行此操作。`,
      `${STATE_WORDS[state].en}, so this cannot be done.`,
    ),
    { state },
  )

export const spendingLimitExceeded = (limitFen: number): Outcome =>
  outcome(
    'SpendingLimitExceeded',
    failure(
      `超过授权的单笔支付上限${yuan(limitFen)}元，请您本人确认支付。`,
      `This is more than the ${yuan(limitFen)} yuan that one payment was authorised for; the shopper has to pay in person.`,
    ),
    { limitFen },
  )

export const idempotencyConflict = (): Outcome =>
  outcome(
    'IdempotencyConflict',
    failure(
      '这个幂等键已用于另一个请求，请更换。',
      'This idempotency key was used for another request; use a new one.',
    ),
    {},
  )

/** An outcome that was stored, told again. `order` as it stands now; needed by those that show one. */
export function tell(stored: StoredOutcome, order: OrderRow, replayed: boolean): Outcome {
  switch (stored.typename) {
    case 'OrderPlaced':
      return outcome('OrderPlaced', placedWords(order, replayed), { order, replayed })
    case 'OrderPaid':
      return outcome('OrderPaid', paidWords(order), { order, replayed })
    case 'OrderCancelled':
      return outcome('OrderCancelled', success('订单已取消。', 'The order is cancelled.'), {
        order,
        replayed,
      })
    case 'OrderRefunded':
      return outcome('OrderRefunded', success('订单已全额退款。', 'The order has been refunded in full.'), {
        order,
        replayed,
      })
    case 'PaymentDeclined':
      return outcome('PaymentDeclined', declinedWords(order), { order })
    case 'VariantUnavailable':
      return variantUnavailable(stored.sku, stored.available)
    case 'CouponNotUsable':
      return couponNotUsable(stored.reason)
    case 'QuoteExpired':
      return quoteExpired()
    case 'OrderStateConflict':
      return orderStateConflict(stored.state)
  }
}

// What is told again is told of the order as it is now: nobody may be sent to pay what is paid or cancelled.

function placedWords(order: OrderRow, replayed: boolean): MessageText {
  if (order.state === 'AWAITING_PAYMENT') {
    const amount = yuan(order.payableFen)
    return replayed
      ? success(
          `订单此前已提交，请在过期前支付${amount}元。`,
          `The order was placed before; pay ${amount} yuan before it expires.`,
        )
      : success(
          `下单成功，请在十五分钟内支付${amount}元。`,
          `The order is placed; pay ${amount} yuan within fifteen minutes.`,
        )
  }
  if (order.state === 'PAID' && order.payableFen === 0) {
    return success('下单成功，无需支付。', 'The order is placed and there is nothing to pay.')
  }
  const { zh, en } = STATE_WORDS[order.state]
  return success(`订单此前已提交；现在${zh}。`, `The order was placed before. ${en} now.`)
}

function paidWords({ state }: OrderRow): MessageText {
  if (state === 'PAID') return success('支付成功。', 'The order is paid.')
  const { zh, en } = STATE_WORDS[state]
  return success(`该笔支付此前已成功；现在${zh}。`, `This payment succeeded before. ${en} now.`)
}

function declinedWords({ state }: OrderRow): MessageText {
  if (state === 'AWAITING_PAYMENT') {
    return warning(
      '支付未成功，未扣款，请更换支付方式后重试。',
      'The payment did not go through and no money was taken; try another way to pay.',
    )
  }
  const { zh, en } = STATE_WORDS[state]
  return warning(
    `该笔支付未成功，未扣款；现在${zh}。`,
    `This payment did not go through and no money was taken for it. ${en} now.`,
  )
}

const success = (zh: string, en: string): MessageText => ({ severity: 'SUCCESS', zh, en })
const warning = (zh: string, en: string): MessageText => ({ severity: 'WARNING', zh, en })
const failure = (zh: string, en: string): MessageText => ({ severity: 'ERROR', zh, en })

const COUPON_WORDS: Readonly<Record<CouponNotUsableReason, MessageText>> = {
  NOT_FOUND: failure('您没有这张优惠券。', 'You have no such coupon.'),
  EXPIRED: failure('优惠券已过期。', 'The coupon has expired.'),
  NOT_AVAILABLE: failure(
    '优惠券已使用、已收回或正被另一订单占用。',
    'The coupon was used or revoked, or is held for another order.',
  ),
  BELOW_MINIMUM: failure('未达到优惠券的最低消费金额。', "The basket does not reach the coupon's minimum."),
}

const STATE_WORDS: Readonly<Record<OrderState, { readonly zh: string; readonly en: string }>> = {
  CREATED: { zh: '订单正在处理中', en: 'The order is still being placed' },
  AWAITING_PAYMENT: { zh: '订单尚未支付', en: 'The order is not paid' },
  PAID: { zh: '订单已支付', en: 'The order is paid' },
  CANCELLED: { zh: '订单已取消', en: 'The order is cancelled' },
  REFUNDED: { zh: '订单已退款', en: 'The order has been refunded' },
}

/** 1234 → "12.34", without a binary fraction on the way. */
const yuan = (fen: number): string => `${Math.trunc(fen / 100)}.${String(fen % 100).padStart(2, '0')}`
