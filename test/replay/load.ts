import { Arrivals, type Shape } from './arrivals.ts'
import { Crowd } from './crowd.ts'
import { Driver } from './driver.ts'
import type { Figures } from './figures.ts'
import { spreadOf } from './histogram.ts'
import { Ledger } from './ledger.ts'
import { type Counts, mixer, peopleOf, shoppersOf } from './people.ts'
import { type Line, Requests } from './requests.ts'
import { Sampler } from './sampler.ts'
import { seeded } from './seeded.ts'
import type { Behaviour } from './shopper.ts'
import { Tally } from './tally.ts'
import { Tokens } from './tokens.ts'

export interface Load {
  /** `http://host:port` of a gateway. */
  readonly url: string
  /** Signs the tokens of shoppers (HS256). */
  readonly secret: string
  readonly campaignId: string
  /** Begins every shopper's id; another one for each load against a stack. */
  readonly prefix: string
  readonly counts: Counts
  readonly behaviour: Behaviour
  readonly shape: Shape
  /** Over which everybody comes. */
  readonly durationMs: number
  /** The load ends then, whoever still waits. */
  readonly timeMsMax: number
  readonly connections: number
  readonly seed: number
  /** Orders that the coupon pays for, and orders for which more is due; there must be some where somebody orders. */
  readonly free: readonly Line[]
  readonly due: readonly Line[]
  /** A request is given up after so long. Default: half a minute. */
  readonly answerMsMax?: number
  /** Shown with the figures. */
  readonly settings?: Readonly<Record<string, unknown>>
}

/** How a load stands at a moment. */
export interface Live {
  readonly tookMs: number
  /** Shoppers and visitors in all, and those who are done with. */
  readonly people: number
  readonly over: number
  readonly requests: number
  /** In the last whole second. */
  readonly offered: number
  readonly admitted: number
  readonly goodput: number
  readonly waiting: number
  readonly inFlight: number
  readonly level: string | undefined
}

export interface RunningLoad {
  readonly live: Live
  /** Resolves when everybody is done with, the time is over, or the load was ended. */
  readonly done: Promise<Figures>
  /** Ends it now; `done` resolves with what was seen. */
  end(): void
}

const ANSWER_MS_MAX = 30_000
const BODY_BYTES_MAX = 1_048_576
/** Tokens hold a while longer than the load: clocks differ. */
const TOKEN_MS_SPARED = 3_600_000

/** Sends a crowd at a gateway from this process. */
export function startLoad(load: Load): RunningLoad {
  const { promise: over, resolve: end } = Promise.withResolvers<void>()
  const url = new URL(load.url)
  const people = peopleOf(load.counts)
  const startedAt = new Date()
  const tally = new Tally()
  const ledger = new Ledger(people)
  const crowd = new Crowd({
    people,
    prefix: load.prefix,
    behaviour: load.behaviour,
    // Streams of chance of their own: how long somebody waits changes nothing about who comes when.
    arrivals: new Arrivals(load.shape, load.durationMs, people, seeded(load.seed)),
    purposeOfNext: mixer(load.counts, seeded(load.seed + 1)),
    random: seeded(load.seed + 2),
    requests: new Requests({ url, campaignId: load.campaignId }),
    tokens: new Tokens(load.secret, startedAt.getTime(), load.timeMsMax + TOKEN_MS_SPARED),
    free: load.free,
    due: load.due,
    ledger,
    tally,
    ended: end,
  })
  const driver = new Driver({
    url,
    connections: load.connections,
    answerMsMax: load.answerMsMax ?? ANSWER_MS_MAX,
    bodyBytesMax: BODY_BYTES_MAX,
    errands: crowd,
  })
  const startedMs = driver.nowMs
  const cpu = process.cpuUsage()
  const sampler = new Sampler(driver, tally, url)
  const limit = setTimeout(end, load.timeMsMax)
  if (people === 0) end()
  else crowd.start(driver)
  const figures = async (): Promise<Figures> => {
    await over
    const tookMs = driver.nowMs - startedMs
    const { user, system } = process.cpuUsage(cpu)
    clearTimeout(limit)
    sampler.close()
    driver.close()
    const shoppers = shoppersOf(load.counts)
    const acknowledged = ledger.acknowledged(who => crowd.shopperIdOf(who))
    return {
      settings: load.settings ?? {},
      startedAt: startedAt.toISOString(),
      tookMs,
      seconds: sampler.seconds,
      shoppers,
      orders: tally.goodput,
      turnedAway: tally.turnedAway,
      unserved: shoppers - tally.turnedAway - tally.done,
      requests: driver.sent,
      requestsPerSuccess: tally.claimsSent / ledger.coupons,
      ...tally.latencies,
      lateness: spreadOf(ledger.latenesses()),
      outcomes: Object.fromEntries([...tally.outcomes].sort(([, a], [, b]) => b - a)),
      acknowledged,
      places: ledger.places(),
      driver: { busy: (user + system) / 1_000 / tookMs, held: driver.held.spread },
    }
  }
  return {
    get live() {
      const last = sampler.seconds.at(-1)
      return {
        tookMs: driver.nowMs - startedMs,
        people,
        over: tally.over,
        requests: driver.sent,
        offered: last?.offered ?? 0,
        admitted: last?.admitted ?? 0,
        goodput: last?.goodput ?? 0,
        waiting: tally.waiting,
        inFlight: driver.inFlight,
        level: sampler.level,
      }
    },
    done: figures(),
    end,
  }
}
