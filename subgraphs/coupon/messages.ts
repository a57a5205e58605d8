import type { MessageText } from '../message.ts'
import { momentWords, validityWords } from '../shanghai-time.ts'

/** Every sentence that coupon says to a shopper or an operator. None carries personal data. */

/** How long to wait before asking whether a pause is over. */
const PAUSED_RETRY_AFTER_MS = 60_000
const INT_MAX = 2 ** 31 - 1

/** 25, or 25.50: yuan without idle zeros. */
const yuan = (fen: number): string => (fen % 100 === 0 ? String(fen / 100) : (fen / 100).toFixed(2))

export function issued(faceFen: number, validUntil: Date): MessageText {
  const validity = validityWords(validUntil)
  return {
    severity: 'SUCCESS',
    zh: `领取成功：${yuan(faceFen)}元优惠券已放入您的卡包，${validity.zh}。`,
    en: `Your ${yuan(faceFen)}-yuan coupon is in your wallet, valid ${validity.en}.`,
  }
}

export function alreadyIssued(usable: boolean, faceFen: number, validUntil: Date): MessageText {
  const validity = validityWords(validUntil)
  return {
    severity: 'INFO',
    zh: usable
      ? `您已领取过本活动的${yuan(faceFen)}元优惠券，它就在您的卡包里，${validity.zh}。`
      : `您已领取过本活动的${yuan(faceFen)}元优惠券，每人限领一张。`,
    en: usable
      ? `You have claimed this campaign's ${yuan(faceFen)}-yuan coupon before; it is in your wallet, valid ${validity.en}.`
      : `You have claimed this campaign's ${yuan(faceFen)}-yuan coupon before; there is one for each shopper.`,
  }
}

export interface Notice {
  readonly zh: string
  readonly en: string
}

/** What shoppers are told when the operator said nothing. */
export const DEFAULT_NOTICE: Notice = { zh: '优惠券发放已暂停。', en: 'Coupons are paused for now.' }

export function paused(notice: Notice, validUntil: Date): MessageText {
  const validity = validityWords(validUntil)
  return {
    severity: 'WARNING',
    zh: `${sentence(notice.zh, '。')}已领取的优惠券不受影响，${validity.zh}。`,
    en: `${sentence(notice.en, '. ')}Your coupons stay valid ${validity.en}.`,
    retryAfterMs: PAUSED_RETRY_AFTER_MS,
  }
}

export const EXHAUSTED: MessageText = {
  severity: 'ERROR',
  zh: '本活动的优惠券已全部发完，感谢您的参与。',
  en: 'All coupons of this campaign have been claimed. Thank you for taking part.',
}

export const COUPON_REVOKED: MessageText = {
  severity: 'ERROR',
  zh: '您在本活动中的优惠券已被收回，不能再次领取。',
  en: 'Your coupon of this campaign was taken back, and it cannot be claimed again.',
}

export const UNKNOWN_CAMPAIGN: MessageText = {
  severity: 'ERROR',
  zh: '没有找到正在发放优惠券的这个活动。',
  en: 'There is no such campaign that gives out coupons.',
}

export const CLOSED: MessageText = {
  severity: 'ERROR',
  zh: '本活动已结束，不再发放优惠券；已领取的优惠券在有效期内仍可使用。',
  en: 'This campaign is over and gives out no more coupons; coupons already claimed keep their validity.',
}

export function notYetOpen(opensAt: Date, now: Date): MessageText {
  const moment = momentWords(opensAt)
  return {
    severity: 'WARNING',
    zh: `本活动尚未开始，${moment.zh}起可以领取。`,
    en: `This campaign has not started; coupons can be claimed from ${moment.en}.`,
    retryAfterMs: Math.min(Math.max(1, opensAt.getTime() - now.getTime()), INT_MAX),
  }
}

export const REVOKED: MessageText = {
  severity: 'SUCCESS',
  zh: '该优惠券已收回。',
  en: 'The coupon was taken back.',
}

export const NOT_FOUND: MessageText = {
  severity: 'ERROR',
  zh: '没有找到这张优惠券。',
  en: 'There is no such coupon.',
}

export function notRevocable(state: string): MessageText {
  return {
    severity: 'ERROR',
    zh: `只能收回未使用的优惠券，该优惠券目前的状态是 ${state}。`,
    en: `Only an unused coupon can be taken back; this one is ${state}.`,
  }
}

/** The operator's words, ended by a stop if they are not, ready for the sentence that follows. */
function sentence(words: string, stop: string): string {
  const trimmed = words.trim()
  if (trimmed === '') return ''
  if (/[。！？]$/.test(trimmed)) return trimmed
  return /[.!?]$/.test(trimmed) ? `${trimmed} ` : `${trimmed}${stop}`
}
