import type { Question } from './requests.ts'

/** What an answer says, of all that it says, to whoever asked. */
export interface Told {
  /** The type of the result (`CouponIssued`), the code of the error (`THROTTLED`), or what was wrong with the answer. */
  readonly outcome: string
  /** `result`: the service's own answer, whatever it is. `refusal`: nothing came of it. */
  readonly kind: 'result' | 'place' | 'refusal'
  /** Whether asking again, unchanged, may bring something else. */
  readonly isRetryable: boolean
  /** When that is worth while. */
  readonly retryAfterMs?: number | undefined
  readonly place?: ToldPlace | undefined
  /** Of the coupon, the quote or the order that the result is about. */
  readonly id?: string | undefined
  readonly orderState?: string | undefined
  /** The limit knows that all is handed out. */
  readonly isNothingLeft: boolean
}

export interface ToldPlace {
  readonly token: string
  /** Milliseconds since 1970. */
  readonly admitAtMs: number
}

/** Root fields, and the member of their results that has an id; browsers' answers are only looked over. */
const FIELDS: Readonly<Record<Question, readonly [field: string, member: string] | undefined>> = {
  home: undefined,
  search: undefined,
  detail: undefined,
  claim: ['claimCoupon', 'coupon'],
  quote: ['quoteOrder', 'quote'],
  place: ['placeOrder', 'order'],
  pay: ['payOrder', 'order'],
  status: ['order', ''],
}

/** What somebody is told who browses. */
const SHOWN: Told = Object.freeze({
  outcome: 'Shown',
  kind: 'result',
  isRetryable: false,
  isNothingLeft: false,
})
const ERRORS = Buffer.from('"errors"')
const DATA = Buffer.from('{"data":{')

/** What HTTP said beside the body. */
export interface Said {
  readonly status: number
  readonly retryAfterMs: number | undefined
  readonly body: Buffer
}

export function readTold(question: Question, said: Said): Told {
  const field = FIELDS[question]
  if (field === undefined && said.status === 200 && startsWith(said.body, DATA)) {
    if (!said.body.includes(ERRORS)) return SHOWN
  }
  // biome-ignore lint/suspicious/noExplicitAny: read as it comes; what is missing shows as an outcome
  let answer: any
  try {
    answer = JSON.parse(said.body.toString('utf8'))
  } catch {
    return refusalOf(said, said.status === 200 ? 'UNREADABLE' : `HTTP ${said.status}`, undefined, undefined)
  }
  const result = field === undefined ? undefined : answer?.data?.[field[0]]
  if (typeof result === 'object' && result !== null) return resultOf(question, result, field![1])
  const error = answer?.errors?.[0]
  if (field === undefined && error === undefined && answer?.data != null) return SHOWN
  const code = error?.extensions?.code
  const outcome = typeof code === 'string' ? code : said.status === 200 ? 'UNREADABLE' : `HTTP ${said.status}`
  return refusalOf(said, outcome, error?.extensions, answer?.extensions?.place)
}

// biome-ignore lint/suspicious/noExplicitAny: as above
function resultOf(question: Question, result: any, member: string): Told {
  const about = member === '' ? result : result[member]
  const place = result.__typename === 'KeptPlace' ? placeOf(result) : undefined
  return {
    outcome: question === 'status' ? `Order ${about.state}` : String(result.__typename),
    kind: place === undefined ? 'result' : 'place',
    isRetryable: result.retryable === true,
    retryAfterMs: durationOf(result.retryAfterMs),
    place,
    id: typeof about?.id === 'string' ? about.id : undefined,
    orderState: member === 'order' || question === 'status' ? (about?.state ?? result.state) : undefined,
    isNothingLeft: false,
  }
}

// biome-ignore lint/suspicious/noExplicitAny: as above
function refusalOf({ status, retryAfterMs }: Said, outcome: string, extensions: any, beside: any): Told {
  const place = placeOf(extensions?.place ?? beside)
  return {
    outcome,
    kind: place === undefined ? 'refusal' : 'place',
    // A fault that came with status 200, beside data, says by this that asking again may help.
    isRetryable: status >= 500 || RETRYABLE_STATUSES.has(status) || extensions?.retryAfterMs !== undefined,
    retryAfterMs: durationOf(extensions?.retryAfterMs) ?? durationOf(beside?.retryAfterMs) ?? retryAfterMs,
    place,
    isNothingLeft: extensions?.remaining === 0 && extensions?.paused !== true,
  }
}

const RETRYABLE_STATUSES: ReadonlySet<number> = new Set([408, 409, 425, 429])

// biome-ignore lint/suspicious/noExplicitAny: as above
function placeOf(place: any): ToldPlace | undefined {
  const admitAtMs = typeof place?.admitAt === 'string' ? Date.parse(place.admitAt) : Number(place?.admitAt)
  if (typeof place?.token !== 'string' || !Number.isFinite(admitAtMs)) return undefined
  return { token: place.token, admitAtMs }
}

const durationOf = (value: unknown): number | undefined =>
  typeof value === 'number' && value >= 0 ? value : undefined

const startsWith = (body: Buffer, start: Buffer): boolean =>
  body.length >= start.length && body.compare(start, 0, start.length, 0, start.length) === 0
