import { Fault } from '../../protocol/fault.ts'
import type { MessageText } from '../message.ts'
import type { CampaignState, CreateCampaignInput } from './schema.generated.ts'

/**
 * The life of a campaign. Pure.
 *
 *     DRAFT ── schedule ──▶ SCHEDULED ── activate (by itself at opensAt) ──▶ ACTIVE ⇄ pause, resume ⇄ PAUSED
 *       └───────────────────── activate ──│─────────────────────────────────▶ │                        │
 *                                         └─── end ───▶ ENDED ◀───── end ─────┴────────────────────────┘
 *
 * Every change counts `version` up. From activation on, a change has happened only when coupon has acknowledged its
 * version. Asking again for the state that holds changes nothing; pausing with other words changes the words.
 */
export type Change = 'schedule' | 'activate' | 'pause' | 'resume' | 'end'

export interface Notice {
  readonly zh: string
  readonly en: string
}

const CHANGES: Readonly<
  Record<Change, { readonly from: readonly CampaignState[]; readonly to: CampaignState }>
> = {
  schedule: { from: ['DRAFT'], to: 'SCHEDULED' },
  activate: { from: ['DRAFT', 'SCHEDULED'], to: 'ACTIVE' },
  pause: { from: ['ACTIVE'], to: 'PAUSED' },
  resume: { from: ['PAUSED'], to: 'ACTIVE' },
  end: { from: ['SCHEDULED', 'ACTIVE', 'PAUSED'], to: 'ENDED' },
}

/** The state that a change leads to. */
export const stateAfter = (change: Change): CampaignState => CHANGES[change].to

/** `apply`: write it; `unchanged`: it holds already; `conflict`: not from this state. */
export function decide(
  state: CampaignState,
  held: Notice | null,
  change: Change,
  notice: Notice | null,
): 'apply' | 'unchanged' | 'conflict' {
  const { from, to } = CHANGES[change]
  if (from.includes(state)) return 'apply'
  if (state !== to) return 'conflict'
  return change === 'pause' && (held?.zh !== notice?.zh || held?.en !== notice?.en) ? 'apply' : 'unchanged'
}

/** How many whole coupons a budget pays for. */
export const limitOf = (budgetFen: number, faceFen: number): number => Math.floor(budgetFen / faceFen)

const NAME_CHARACTERS_MAX = 100
const INT_MAX = 2 ** 31 - 1

/** The first thing that makes no sense about a new campaign, in words; null when all is well. */
export function refusalOf(input: CreateCampaignInput, now: Date): MessageText | null {
  const { nameZh, nameEn, budgetFen, faceFen, minSpendFen = 0, opensAt, closesAt, validUntil } = input
  if (!isText(nameZh, NAME_CHARACTERS_MAX) || !isText(nameEn, NAME_CHARACTERS_MAX)) {
    return refused(
      `活动名称须为1至${NAME_CHARACTERS_MAX}个字符，中英文都要填写。`,
      `nameZh and nameEn expect 1 to ${NAME_CHARACTERS_MAX} characters each.`,
    )
  }
  if (faceFen < 1) {
    return refused(
      `优惠券面额须至少为1分，收到的是${faceFen}分。`,
      `faceFen expects at least 1 fen, got ${faceFen}.`,
    )
  }
  if (budgetFen < faceFen) {
    return refused(
      `预算须至少够发一张优惠券：预算${budgetFen}分，面额${faceFen}分。`,
      `budgetFen expects at least one faceFen, got ${budgetFen} fen for coupons of ${faceFen} fen.`,
    )
  }
  if (limitOf(budgetFen, faceFen) > INT_MAX) {
    return refused(
      `优惠券数量不能超过${INT_MAX}张，该预算可发${limitOf(budgetFen, faceFen)}张。`,
      `A campaign has at most ${INT_MAX} coupons; this budget pays for ${limitOf(budgetFen, faceFen)}.`,
    )
  }
  if (minSpendFen < 0) {
    return refused(
      `最低消费不能为负数，收到的是${minSpendFen}分。`,
      `minSpendFen expects 0 or more, got ${minSpendFen}.`,
    )
  }
  if (opensAt >= closesAt) {
    return refused('开始领取的时间须早于停止领取的时间。', 'opensAt must be before closesAt.')
  }
  if (closesAt > validUntil) {
    return refused(
      '优惠券有效期不能早于停止领取的时间。',
      'validUntil must be at or after closesAt: a coupon must not be issued after its end.',
    )
  }
  if (closesAt <= now) {
    return refused('停止领取的时间已经过去。', 'closesAt must be in the future.')
  }
  return null
}

const WORDS_CHARACTERS_MAX = 500

/** @throws Fault BAD_INPUT unless `words` is text of 1 to 500 characters */
export function assertWords(name: string, words: string): void {
  if (isText(words, WORDS_CHARACTERS_MAX)) return
  throw new Fault(
    'BAD_INPUT',
    `${name} expects text of 1 to ${WORDS_CHARACTERS_MAX} characters, got ${[...words].length}`,
  )
}

const TAGS_MAX = 100
const TAG_CHARACTERS_MAX = 256
/** Blanks and control characters can neither be seen nor typed. */
const TAG = /^[^\p{C}\p{Z}]+$/u

/** @throws Fault BAD_INPUT unless `tags` are at most 100, each of 1 to 256 visible characters */
export function assertTags(name: string, tags: readonly string[]): void {
  if (tags.length > TAGS_MAX)
    throw new Fault('BAD_INPUT', `${name} expects at most ${TAGS_MAX}, got ${tags.length}`)
  const wrong = tags.find(tag => tag.length > TAG_CHARACTERS_MAX || !TAG.test(tag))
  if (wrong === undefined) return
  throw new Fault(
    'BAD_INPUT',
    `${name} expects 1 to ${TAG_CHARACTERS_MAX} characters without blanks each, got ${JSON.stringify(wrong.slice(0, 64))}`,
  )
}

const CAMPAIGN_ID = /^campaign_[a-z0-9-]{1,48}$/

/** @throws Fault BAD_ID */
export function assertCampaignId(id: string): void {
  if (CAMPAIGN_ID.test(id)) return
  throw new Fault(
    'BAD_ID',
    `expected campaign_ and 1 to 48 lower-case letters, digits and dashes, got ${JSON.stringify(id.slice(0, 64))}`,
  )
}

/** Not blank, no longer than it may be, and something that Postgres can keep. */
function isText(text: string, charactersMax: number): boolean {
  return (
    text.trim() !== '' && [...text].length <= charactersMax && !text.includes('\0') && text.isWellFormed()
  )
}

const refused = (zh: string, en: string): MessageText => ({ severity: 'ERROR', zh, en })
