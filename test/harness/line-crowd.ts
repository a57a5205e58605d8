import { setTimeout as delay } from 'node:timers/promises'

/** What one request to a line came to. */
export interface Heard {
  readonly shopper: string
  readonly gateway: number
  /** Sent, and answered: milliseconds of the crowd's clock. */
  readonly sentMs: number
  readonly answeredMs: number
  readonly status: number
  /** The result's type, else the error's code. */
  readonly outcome: string
  /** Of a kept place. */
  readonly token?: string
  readonly admitAtMs?: number
  readonly position?: number
  readonly retryAfterMs?: number
  /** Of an error: why there is no place. */
  readonly reason?: string
  /** Of an error: what is left to hand out. */
  readonly remaining?: number
  readonly couponId?: string
}

/** What a line lets through. */
export interface ClaimRate {
  readonly perSecond: number
  readonly atOnce: number
}

export interface Answered {
  readonly status: number
  // biome-ignore lint/suspicious/noExplicitAny: read as it comes; what is missing shows as an outcome
  readonly body: any
}

export interface LineCrowdOptions {
  readonly gateways: number
  readonly claim: (gateway: number, shopper: string, token: string | undefined) => Promise<Answered>
  /** After which nobody asks again. Default: whatever is neither a place nor THROTTLED. */
  readonly isFinal?: (heard: Heard) => boolean
  /** Milliseconds, of what is noted. Default: since 1970. */
  readonly clock?: () => number
}

/** Nobody asks oftener: whoever does is not being served. */
const ASKS_MAX = 60

/** Shoppers who ask, come back when they are told to with the token that they were told, and are heard to the end. */
export class LineCrowd {
  /** Every answer, in their order. */
  readonly heard: Heard[] = []
  readonly #options: LineCrowdOptions

  constructor(options: LineCrowdOptions) {
    this.#options = options
  }

  /**
   * As many come one after the other, and each goes from gateway to gateway. Resolves with the last answer of each.
   * @throws Error as {@link stay}.
   */
  async come(prefix: string, count: number, everyMs: number): Promise<readonly Heard[]> {
    const startedMs = Date.now()
    return await Promise.all(
      Array.from({ length: count }, async (_, i) => {
        await delay(Math.max(0, startedMs + i * everyMs - Date.now()))
        return await this.stay(`${prefix}-${i}`, i)
      }),
    )
  }

  /**
   * One who comes, or comes back.
   * @throws Error when it is still not served after {@link ASKS_MAX} requests.
   */
  async stay(shopper: string, index: number, shown?: string): Promise<Heard> {
    const { gateways, isFinal = isOver } = this.#options
    let token = shown
    for (let asks = 0; asks < ASKS_MAX; asks++) {
      const heard = await this.ask(shopper, (index + asks) % gateways, token)
      if (isFinal(heard)) return heard
      token = heard.token ?? token
      await delay(heard.retryAfterMs)
    }
    throw new Error(`${shopper}: expected to be served within ${ASKS_MAX} requests`)
  }

  async ask(shopper: string, gateway: number, token?: string): Promise<Heard> {
    const { claim, clock = Date.now } = this.#options
    const sentMs = clock()
    const answer = await claim(gateway, shopper, token)
    const heard = heardOf(answer, { shopper, gateway, sentMs, answeredMs: clock() })
    this.heard.push(heard)
    return heard
  }

  /** Who has been told of a place, and of nothing else since. */
  get waiting(): number {
    const last = new Map(this.heard.map(heard => [heard.shopper, heard.outcome]))
    return [...last.values()].filter(outcome => outcome === 'KeptPlace').length
  }

  /** The places that each was told of first. */
  get places(): ReadonlyMap<string, Heard> {
    const first = new Map<string, Heard>()
    for (const heard of this.heard)
      if (heard.outcome === 'KeptPlace' && !first.has(heard.shopper)) first.set(heard.shopper, heard)
    return first
  }
}

const isOver = ({ outcome }: Heard): boolean => outcome !== 'KeptPlace' && outcome !== 'THROTTLED'

function heardOf(
  { status, body }: Answered,
  asked: Pick<Heard, 'shopper' | 'gateway' | 'sentMs' | 'answeredMs'>,
): Heard {
  const [result] = Object.values(body.data ?? {}) as Answered['body'][]
  const extensions = body.errors?.[0]?.extensions
  const { retryAfterMs, token, admitAt, position } = result ?? extensions ?? {}
  return {
    ...asked,
    status,
    outcome: result?.__typename ?? extensions?.code ?? 'UNREADABLE',
    ...(typeof retryAfterMs === 'number' ? { retryAfterMs } : {}),
    ...(token === undefined ? {} : { token, admitAtMs: Date.parse(admitAt), position }),
    ...(extensions?.reason === undefined ? {} : { reason: extensions.reason }),
    ...(typeof extensions?.remaining === 'number' ? { remaining: extensions.remaining } : {}),
    ...(result?.coupon === undefined ? {} : { couponId: result.coupon.id }),
  }
}

/**
 * The smallest burst, in requests, with which a rate explains those who were admitted: of any two instants, what must have
 * been admitted between them (sent after the one and answered before the other), less what flows in.
 */
export function burstOf(admitted: readonly Heard[], perMs: number): number {
  const byAnswer = admitted.toSorted((a, b) => a.answeredMs - b.answeredMs)
  let burst = 0
  for (const { sentMs: fromMs } of admitted) {
    let count = 0
    for (const { sentMs, answeredMs } of byAnswer) {
      if (sentMs < fromMs) continue
      count++
      burst = Math.max(burst, count - perMs * (answeredMs - fromMs))
    }
  }
  return burst
}

/** How many pairs were served the other way round, of those whose turns were promised more than `apartMs` apart. */
export function overtakings(
  served: readonly { readonly promisedMs: number; readonly servedMs: number }[],
  apartMs: number,
): number {
  let count = 0
  for (const one of served)
    for (const other of served)
      if (one.promisedMs + apartMs < other.promisedMs && one.servedMs > other.servedMs) count++
  return count
}
