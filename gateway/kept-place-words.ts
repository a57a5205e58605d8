import { Fault } from '../protocol/fault.ts'
import type { NoPlace } from './surge/lines.ts'

/** The same thing said in both languages. */
export interface Bilingual {
  readonly zh: string
  readonly en: string
}

/** What the holder of a place is told. */
export interface PlaceTold {
  readonly token: string
  /** Asking again is admitted from then on; milliseconds since 1970. */
  readonly admitAtMs: number
  /** From now until then, more than 0. */
  readonly retryAfterMs: number
  /** How many stand before it whose turn has not come. */
  readonly position: number
  /** Why nobody's turn comes now, in the operator's words; `undefined`: the line moves. */
  readonly notice?: Bilingual | undefined
}

/** `extensions.place`, beside an answer in whichever form. */
export interface PlaceExtension {
  readonly token: string
  /** RFC 3339 in UTC with milliseconds. */
  readonly admitAt: string
  readonly retryAfterMs: number
  readonly position: number
}

export function placeExtension({ token, admitAtMs, retryAfterMs, position }: PlaceTold): PlaceExtension {
  return {
    token,
    admitAt: rfc3339(Math.ceil(admitAtMs)),
    retryAfterMs: intOf(retryAfterMs),
    position: intOf(position),
  }
}

/** A number of milliseconds, or of callers, as GraphQL's `Int` holds it. */
const intOf = (value: number): number => Math.min(Math.ceil(value), INT_MAX)

/**
 * A place in words, for a person in front of a chatbot. They promise what holds and no more: whoever comes later may be
 * served earlier, on points that somebody else has left over; that takes nothing from the place.
 */
export function placeWords({ admitAtMs, retryAfterMs, position, notice }: PlaceTold): Bilingual {
  const wait = waitWords(retryAfterMs)
  if (notice !== undefined) {
    return {
      zh: `${ended(notice.zh, '。')}您的排队位置仍为您保留，请在${wait.zh}后再来。`,
      en: `${ended(notice.en, '. ')}Your place stays kept: ask again in ${wait.en}.`,
    }
  }
  const time = beijingTime(admitAtMs)
  const zh = position === 0 ? '下一位就是您' : `前面还有${position}位`
  const en = position === 0 ? 'You are next' : `${position} ${position === 1 ? 'is' : 'are'} before you`
  return {
    zh: `您的排队位置已保留：请在${wait.zh}后（北京时间${time}）再来，${zh}。提前再试不会更快。`,
    en: `Your place is kept: ask again in ${wait.en} (${time} Beijing time). ${en}; asking earlier changes nothing.`,
  }
}

/** THROTTLED, for an operation whose answer has no room for a place: nothing ran. `extensions.place` goes beside it. */
export function keptPlaceFault(told: PlaceTold): Fault {
  const { zh, en } = placeWords(told)
  return new Fault('THROTTLED', en, {
    retryAfterMs: intOf(told.retryAfterMs),
    details: { noticeZh: zh, noticeEn: en },
  })
}

/** THROTTLED, for whoever got no place, and why. When to ask again is in `retryAfterMs` alone. */
export function noPlaceFault({ reason, retryAfterMs }: Pick<NoPlace, 'reason' | 'retryAfterMs'>): Fault {
  const { zh, en } = NO_PLACE[reason]
  return new Fault('THROTTLED', en, {
    retryAfterMs: intOf(retryAfterMs),
    details: { reason, noticeZh: zh, noticeEn: en },
  })
}

const NO_PLACE: Readonly<Record<NoPlace['reason'], Bilingual>> = {
  HORIZON: {
    zh: '目前排队人数过多，暂时无法承诺您的时间，因此没有为您保留位置。',
    en: 'So many are waiting that your turn would come too late to be promised, so no place is kept for you yet.',
  },
  REMAINING: {
    zh: '剩余名额已全部留给排在前面的人，没有为您保留位置；如有人放弃，您仍有机会。',
    en: 'All that is left is kept for those already in line, so no place is kept for you; there is a chance where some do not come.',
  },
  FULL: {
    zh: '排队人数已满，暂时没有为您保留位置。',
    en: 'The line is full, so no place is kept for you yet.',
  },
  BRAKED: {
    zh: '目前已暂停或已全部发完，本次没有执行。',
    en: 'It is paused, or nothing is left; nothing was done.',
  },
}

const INT_MAX = 2 ** 31 - 1
/** From then on in minutes. */
const SECONDS_MAX = 120
/** Asia/Shanghai has been UTC+8 without summer time since 1991. */
const BEIJING_MS = 8 * 3_600_000

/** Whole seconds, from two minutes on with minutes; never less than what is to be waited. */
function waitWords(waitMs: number): Bilingual {
  const seconds = Math.max(1, Math.ceil(waitMs / 1_000))
  if (seconds < SECONDS_MAX) return { zh: `${seconds}秒`, en: `${seconds} s` }
  const minutes = Math.floor(seconds / 60)
  const rest = seconds % 60
  if (rest === 0) return { zh: `${minutes}分钟`, en: `${minutes} min` }
  return { zh: `${minutes}分${rest}秒`, en: `${minutes} min ${rest} s` }
}

/** To the second, `20:15:07`; never before the instant. */
function beijingTime(instantMs: number): string {
  const wholeMs = Math.ceil(instantMs / 1_000) * 1_000
  const { beijing, startMs } = minuteOf(wholeMs)
  return beijing + digits((wholeMs - startMs) / 1_000, 2)
}

/** `2027-02-06T12:15:06.400Z` of a whole millisecond. */
function rfc3339(instantMs: number): string {
  const { utc, startMs } = minuteOf(instantMs)
  const ms = instantMs - startMs
  return `${utc}${digits(Math.floor(ms / 1_000), 2)}.${digits(ms % 1_000, 3)}Z`
}

interface Minute {
  readonly startMs: number
  /** `2027-02-06T12:15:` */
  readonly utc: string
  /** `20:15:` */
  readonly beijing: string
}

const MINUTE_MS = 60_000

/** A crowd's turns come within few minutes: a date made anew for each was a third of its answer's time. */
let lastMinute: Minute = newMinute(0)

function minuteOf(instantMs: number): Minute {
  if (!(instantMs >= lastMinute.startMs && instantMs < lastMinute.startMs + MINUTE_MS))
    lastMinute = newMinute(Math.floor(instantMs / MINUTE_MS) * MINUTE_MS)
  return lastMinute
}

function newMinute(startMs: number): Minute {
  return {
    startMs,
    utc: new Date(startMs).toISOString().slice(0, -7),
    beijing: new Date(startMs + BEIJING_MS).toISOString().slice(11, 17),
  }
}

const digits = (value: number, count: number): string => String(value).padStart(count, '0')

/** An operator's words on one line, ended by a stop if they are not, ready for the sentence that follows. */
function ended(words: string, stop: string): string {
  const line = words.replace(/\s+/g, ' ').trim()
  if (line === '' || /[。！？]$/.test(line)) return line
  return /[.!?]$/.test(line) ? `${line} ` : `${line}${stop}`
}
