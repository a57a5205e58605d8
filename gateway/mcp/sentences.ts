import type { Caller } from '../../protocol/caller.ts'
import { codeOf, statusOf } from '../errors.ts'
import type { Outcome } from '../request.ts'

/** One sentence for a person, in both languages. */
export interface Sentence {
  readonly zh: string
  readonly en: string
}

type Members = Readonly<Record<string, unknown>>

/** What stands in `extensions.place` of an outcome that is a kept place. */
export interface PlaceKept {
  readonly token: string
  readonly retryAfterMs: number
}

/** The place that was kept, in whichever form the answer is. */
export function placeIn({ extensions }: Outcome): PlaceKept | undefined {
  const { token, retryAfterMs } = (extensions?.place ?? {}) as Members
  return typeof token === 'string' && typeof retryAfterMs === 'number' ? { token, retryAfterMs } : undefined
}

/**
 * What an outcome means for the shopper: the graph's own words where it has some (an outcome with `messageZh` and
 * `messageEn`), else what can be said of any answer. Of a kept place also what the agent is to do then, and not before.
 * @param tokenArgument where the tool takes the token of a place; `undefined`: nowhere.
 */
export function sentenceOf(outcome: Outcome, caller: Caller, tokenArgument?: string): Sentence {
  const place = placeIn(outcome)
  if (place !== undefined) return ofPlace(outcome, place, tokenArgument)
  const errors = outcome.errors ?? []
  const roots = Object.values(outcome.data ?? {})
  if (errors.length > 0 && roots.every(root => root === null)) return ofError(errors[0]!)
  const spoken = roots.map(messageOf).find(message => message !== undefined)
  if (spoken !== undefined) return spoken
  if (errors.length > 0) return { zh: '部分内容暂时无法获取。', en: 'Part of the answer is missing for now.' }
  if (roots.every(root => root === null)) {
    return caller.kind === 'anonymous'
      ? {
          zh: '没有找到；个人内容需要登录后才能看到。',
          en: 'Nothing was found; personal data is shown only to a signed-in shopper.',
        }
      : { zh: '没有找到。', en: 'Nothing was found.' }
  }
  const count = countOf(roots)
  if (count === undefined) return { zh: '查询结果见上。', en: 'The answer is above.' }
  if (count === 0) return { zh: '没有找到任何结果。', en: 'The list is empty.' }
  return { zh: `本页共 ${count} 项。`, en: `${count} on this page.` }
}

function ofPlace(
  { data, errors }: Outcome,
  { token, retryAfterMs }: PlaceKept,
  tokenArgument: string | undefined,
): Sentence {
  const seconds = secondsOf(retryAfterMs)
  const { zh, en } = Object.values(data ?? {})
    .map(messageOf)
    .find(message => message !== undefined) ??
    noticeOf(errors?.[0]) ?? {
      zh: `排队位置已保留，请在${seconds}秒后再来。`,
      en: `A place in line is kept: come back in ${seconds} s.`,
    }
  const given = tokenArgument === undefined ? undefined : `${tokenArgument} "${token}"`
  return {
    zh: `${zh}（给智能体：届时再调用本工具一次，参数不变${given === undefined ? '' : `，并加上 ${given}`}；此前不要调用。）`,
    en: `${en} (For the agent: call this tool once more then, with the same arguments${given === undefined ? '' : ` and ${given}`}; do not call it before.)`,
  }
}

function messageOf(root: unknown): Sentence | undefined {
  if (typeof root !== 'object' || root === null) return undefined
  const { messageZh, messageEn } = root as Members
  return typeof messageZh === 'string' && typeof messageEn === 'string'
    ? { zh: messageZh, en: messageEn }
    : undefined
}

/** The length of the one connection that an answer holds, at its root or one object below. */
function countOf(roots: readonly unknown[]): number | undefined {
  const objects = roots.filter((root): root is Members => typeof root === 'object' && root !== null)
  const near = [...objects, ...objects.flatMap(root => Object.values(root) as unknown[])]
  const lists = near.flatMap(value =>
    typeof value === 'object' && value !== null && Array.isArray((value as Members).edges)
      ? [(value as { edges: readonly unknown[] }).edges.length]
      : [],
  )
  return lists.length === 1 ? lists[0] : undefined
}

type FormattedError = NonNullable<Outcome['errors']>[number]

function ofError(error: FormattedError): Sentence {
  const code = codeOf(error)
  const { retryAfterMs } = error.extensions ?? {}
  const seconds = typeof retryAfterMs === 'number' ? secondsOf(retryAfterMs) : undefined
  // An operator's words say more than ours.
  const { zh, en } = noticeOf(error) ?? BY_CODE[code] ?? BY_STATUS[statusOf(code)] ?? FAILED
  if (seconds === undefined) return { zh: `${zh}（${code}）`, en: `${en} (${code})` }
  return {
    zh: `${zh}请在 ${seconds} 秒后再试。（${code}）`,
    en: `${en} Try again in ${seconds} s. (${code})`,
  }
}

function noticeOf(error: FormattedError | undefined): Sentence | undefined {
  const { noticeZh, noticeEn } = error?.extensions ?? {}
  if (typeof noticeZh !== 'string' || typeof noticeEn !== 'string') return undefined
  return { zh: ended(noticeZh, '。'), en: ended(noticeEn, '.') }
}

/** On one line: each sentence is one of the answer's three. */
function ended(words: string, stop: string): string {
  const line = words.replace(/\s+/g, ' ').trim()
  return /[.!?。！？]$/.test(line) ? line : `${line}${stop}`
}

const secondsOf = (ms: number): number => Math.max(1, Math.ceil(ms / 1_000))

const FAILED: Sentence = { zh: '操作没有成功。', en: 'It did not work.' }

const BY_CODE: Readonly<Record<string, Sentence>> = {
  __proto__: null as never,
  OUTCOME_UNKNOWN: {
    zh: '结果暂时未知；原样再问一次是安全的，不会重复执行。',
    en: 'The outcome is not known yet; asking again, unchanged, is safe and does nothing twice.',
  },
  COST_ESTIMATED_TOO_EXPENSIVE: {
    zh: '一次请求的内容过多，请减少数量后再试。',
    en: 'This asks for too much at once; ask for fewer items.',
  },
  BAD_ID: { zh: '编号不正确。', en: 'The id is not right.' },
}

const BY_STATUS: Readonly<Record<number, Sentence>> = {
  400: { zh: '请求的内容不正确。', en: 'The request is not right.' },
  401: { zh: '请先登录。', en: 'Please sign in first.' },
  403: { zh: '没有权限进行此操作。', en: 'This is not permitted.' },
  409: { zh: '同一请求正在处理中。', en: 'The same request is still being worked on.' },
  429: {
    zh: '请求过于频繁或人数过多，本次没有执行。',
    en: 'Too much is asked for right now, and nothing was done.',
  },
  500: { zh: '系统出现故障。', en: 'Something broke on our side.' },
  502: { zh: '系统出现故障。', en: 'Something broke on our side.' },
  503: { zh: '系统繁忙。', en: 'The system is busy.' },
  504: { zh: '系统繁忙，未能及时答复。', en: 'The system is busy and did not answer in time.' },
}
