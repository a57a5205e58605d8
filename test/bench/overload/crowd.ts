import { operation } from '../../harness/graph.ts'
import { tokenFor } from '../../harness/tokens.ts'
import { Driver, type Errands } from '../../replay/driver.ts'
import type { Spread } from '../../replay/figures.ts'
import { Histogram } from '../../replay/histogram.ts'
import { answerParent } from '../gateway/program.ts'
import { posted } from '../posted.ts'
import { readClaim } from './claim-answer.ts'

/**
 * Shoppers who come at an even rate, each for one coupon, in a process of its own: `node test/bench/overload/crowd.ts
 * '<CrowdSettings as JSON>'` tells its parent what they saw when it is over.
 *
 *     comes ─ asks ─┬─ coupon ──> goes
 *                   ├─ place ───> comes back when it was told, with the place
 *                   └─ else ────> comes back when it was told, or after a second
 */
export interface CrowdSettings {
  readonly port: number
  readonly secret: string
  readonly campaignId: string
  readonly prefix: string
  /** Shoppers who come a second, and for how many seconds they do. */
  readonly perSecond: number
  readonly seconds: number
  /** How long after the last has come it may go on until all have a coupon; 0: it ends when the last has come. */
  readonly drainSecondsMax: number
  /**
   * Of those who come for the first time, and once more of those who come back: a phone keeps the connection on which it was
   * told when to, and does not queue for one behind those who come later.
   */
  readonly connections: number
  /** How long a shopper waits for an answer. */
  readonly answerMsMax: number
}

export interface CrowdSeen {
  readonly came: number
  readonly requests: number
  readonly coupons: number
  /** Of those who came and have no coupon at the end: who holds a place, who was told no more than errors, who has no answer yet or found no connection to ask on. */
  readonly withPlace: number
  readonly withNothing: number
  readonly unanswered: number
  /** Requests of those who have a coupon, for each of them. */
  readonly asksOfServed: number
  /** How many of them asked so often. */
  readonly servedByAsks: Readonly<Record<number, number>>
  /** From the first who came to the last coupon. */
  readonly secondsToLast: number
  readonly seconds: number
  /** Of the requests that brought a coupon, from when the shopper wanted to ask. */
  readonly admitted: Spread | undefined
  /** From coming to having the coupon. */
  readonly served: Spread | undefined
  /** How long requests waited for a connection, or for this process. */
  readonly held: { readonly newcomers: Spread | undefined; readonly returners: Spread | undefined }
  /** By outcome. */
  readonly outcomes: Readonly<Record<string, number>>
  /** Of each second: requests sent, coupons, shoppers who have none yet. */
  readonly each: readonly { readonly requests: number; readonly coupons: number; readonly waiting: number }[]
  /** Processor seconds of this process for each second: near 1, it is the load that is measured. */
  readonly busy: number
}

const RETRY_MS = 1_000
const BODY_BYTES_MAX = 65_536
const LOOK_MS = 50

/** How a shopper stands. */
const NEW = 0
const PLACED = 1
const REFUSED = 2
const SERVED = 3

if (process.argv[1]?.endsWith('crowd.ts')) {
  answerParent({ seen: await run(JSON.parse(process.argv[2] as string) as CrowdSettings) })
}

async function run(settings: CrowdSettings): Promise<CrowdSeen> {
  const { port, campaignId, secret, prefix, perSecond, seconds, drainSecondsMax } = settings
  const documentId = `sha256:${operation('ClaimCoupon').id}`
  const body = (placeToken?: string): string =>
    JSON.stringify({ documentId, variables: { input: { campaignId, placeToken } } })
  const withoutPlace = body()

  const total = Math.floor(perSecond * seconds)
  const standing = new Uint8Array(total)
  const wantedMs = new Float64Array(total)
  const asks = new Uint16Array(total)
  const places = new Map<number, string>()
  const admitted = new Histogram()
  const served = new Histogram()
  const outcomes = new Map<string, number>()
  const each: { requests: number; coupons: number; waiting: number }[] = []
  const counted = { requests: 0, coupons: 0 }
  /** Who asks first next. */
  let next = 0
  let asksOfServed = 0
  const servedByAsks = new Map<number, number>()
  let lastMs = 0

  const cameBy = (nowMs: number): number =>
    Math.min(total, Math.ceil(((nowMs - startMs) / 1_000) * perSecond))
  const comesMs = (who: number): number => startMs + (who * 1_000) / perSecond
  const count = (outcome: string): void => void outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
  const comeBack = (who: number, atMs: number): void => {
    wantedMs[who] = atMs
    const driver = asks[who] === 0 ? newcomers : returners
    driver.at(who, atMs)
  }

  const errands: Errands = {
    requestOf(who) {
      // Each sends for the next: a queue of millions who have not come would cost.
      if (who === next) {
        next++
        if (next < total) comeBack(next, comesMs(next))
      }
      asks[who]!++
      const place = places.get(who)
      const token = tokenFor(secret, { sub: `${prefix}-${who}` })
      return posted(token, place === undefined ? withoutPlace : body(place))
    },
    answered(who, answer, _, nowMs) {
      const { kind, outcome, retryAfterMs, placeToken } = readClaim(
        answer.status,
        answer.body.toString('latin1'),
      )
      count(outcome)
      if (kind === 'coupon') {
        standing[who] = SERVED
        asksOfServed += asks[who]!
        servedByAsks.set(asks[who]!, (servedByAsks.get(asks[who]!) ?? 0) + 1)
        places.delete(who)
        admitted.add(nowMs - wantedMs[who]!)
        served.add(nowMs - comesMs(who))
        lastMs = nowMs
        return
      }
      standing[who] = kind === 'place' ? PLACED : REFUSED
      if (placeToken !== undefined) places.set(who, placeToken)
      comeBack(who, nowMs + (retryAfterMs ?? RETRY_MS))
    },
    lost(who, code, _, nowMs) {
      count(code)
      if (standing[who] === NEW) standing[who] = REFUSED
      comeBack(who, nowMs + RETRY_MS)
    },
  }
  const driverOf = (): Driver =>
    new Driver({
      url: new URL(`http://127.0.0.1:${port}`),
      connections: settings.connections,
      answerMsMax: settings.answerMsMax,
      bodyBytesMax: BODY_BYTES_MAX,
      errands,
    })
  const newcomers = driverOf()
  const returners = driverOf()

  const cpu = process.cpuUsage()
  const startMs = newcomers.nowMs
  const endMs = startMs + seconds * 1_000
  comeBack(0, startMs)
  await new Promise<void>(resolve => {
    const timer = setInterval(() => {
      const { nowMs } = newcomers
      if (nowMs >= startMs + (each.length + 1) * 1_000) {
        const requests = newcomers.sent + returners.sent
        const { count: coupons } = admitted
        each.push({
          requests: requests - counted.requests,
          coupons: coupons - counted.coupons,
          waiting: cameBy(nowMs) - coupons,
        })
        Object.assign(counted, { requests, coupons })
      }
      const isOver = nowMs >= endMs && admitted.count === total
      if (!isOver && nowMs < endMs + drainSecondsMax * 1_000) return
      clearInterval(timer)
      resolve()
    }, LOOK_MS)
  })
  const tookMs = newcomers.nowMs - startMs
  const { user, system } = process.cpuUsage(cpu)
  const requests = newcomers.sent + returners.sent
  newcomers.close()
  returners.close()
  const came = cameBy(startMs + tookMs)
  const howMany = (kind: number): number => standing.subarray(0, came).filter(one => one === kind).length
  return {
    came,
    requests,
    coupons: admitted.count,
    withPlace: howMany(PLACED),
    withNothing: howMany(REFUSED),
    unanswered: howMany(NEW),
    asksOfServed: asksOfServed / admitted.count,
    servedByAsks: Object.fromEntries(servedByAsks),
    secondsToLast: (lastMs - startMs) / 1_000,
    seconds: tookMs / 1_000,
    admitted: admitted.spread,
    served: served.spread,
    held: { newcomers: newcomers.held.spread, returners: returners.held.spread },
    outcomes: Object.fromEntries(outcomes),
    each,
    busy: (user + system) / 1_000 / tookMs,
  }
}
