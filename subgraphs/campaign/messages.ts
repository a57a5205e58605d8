import type { MessageText } from '../message.ts'
import type { Change } from './campaign.ts'

/** What campaign says to operators. */

export const CREATED: MessageText = {
  severity: 'SUCCESS',
  zh: '活动草稿已创建，预算已划入资金池；启动之前不会发放优惠券。',
  en: 'The campaign is written as a draft and its budget is in the treasury; nothing is issued before it is activated.',
}

export const CHANGED: Readonly<Record<Change, MessageText>> = {
  schedule: {
    severity: 'SUCCESS',
    zh: '活动已排期，将在开始时间自动启动。',
    en: 'The campaign is scheduled and starts by itself when it opens.',
  },
  activate: {
    severity: 'SUCCESS',
    zh: '活动已启动，可以领取优惠券。',
    en: 'The campaign is active; coupons can be claimed within its window.',
  },
  pause: {
    severity: 'SUCCESS',
    zh: '优惠券发放已暂停；已领取的优惠券不受影响。',
    en: 'Issuance is paused; coupons in wallets keep working.',
  },
  resume: {
    severity: 'SUCCESS',
    zh: '优惠券发放已恢复。',
    en: 'Issuance goes on.',
  },
  end: {
    severity: 'SUCCESS',
    zh: '活动已结束，未发放的预算已退回；已领取的优惠券不受影响。',
    en: 'The campaign has ended and what was not issued is returned; coupons in wallets keep working.',
  },
}

export const CACHE_INVALIDATED: MessageText = {
  severity: 'SUCCESS',
  zh: '各网关将丢弃这些缓存的回答。',
  en: 'Gateways forget what they keep of these.',
}

export const NOT_FOUND: MessageText = {
  severity: 'ERROR',
  zh: '没有找到这个活动。',
  en: 'There is no such campaign.',
}

const VERBS: Readonly<Record<Change, { readonly zh: string; readonly en: string }>> = {
  schedule: { zh: '排期', en: 'scheduled' },
  activate: { zh: '启动', en: 'activated' },
  pause: { zh: '暂停', en: 'paused' },
  resume: { zh: '恢复', en: 'resumed' },
  end: { zh: '结束', en: 'ended' },
}

export function conflict(change: Change, state: string): MessageText {
  const verb = VERBS[change]
  return {
    severity: 'ERROR',
    zh: `活动目前的状态是 ${state}，不能${verb.zh}。`,
    en: `The campaign is ${state} and cannot be ${verb.en}.`,
  }
}
