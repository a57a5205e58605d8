import type { Logger } from 'pino'
import { nowMs } from '../../protocol/deadline.ts'
import type { RedisClient } from '../redis/redis-connection.ts'
import { within } from '../redis/within.ts'
import type { Bucket, BudgetCounts, BudgetStore, Budgets, NotNow, Taken } from './budgets.ts'
import { FleetLines } from './fleet-lines.ts'
import { Heartbeat } from './heartbeat.ts'
import type { Lines, LineTerms } from './lines.ts'
import { createMemoryBudgets, LocalTaken, type MemoryBudgetStore } from './memory-budgets.ts'
import { type BucketKind, createRedisBudgets, type RedisBudgetStore } from './redis-budgets.ts'

export interface FleetBudgetsOptions {
  /** Of `connectRedis`, not connected yet. Closed with the store. */
  readonly redis: RedisClient
  /** Told once a change between Redis and the share. */
  readonly logger: Logger
  /** Begins every key. Default: `spillway:`. */
  readonly prefix?: string
  /** Gateways there are for as long as Redis has never been heard. Default: 1. */
  readonly gatewaysAtStart?: number
  /** How long a call may take before Redis counts as gone. Default: 50. */
  readonly waitMsMax?: number
  /** Between two heartbeats. Default: 1,000. */
  readonly beatMs?: number
  /** Buckets of either kind that are remembered while Redis is gone. Default: 100,000. */
  readonly keysMax?: number
  /** Default: those of `lines.ts`. */
  readonly lineTerms?: LineTerms
  /** Milliseconds, of lines since 1970, for tests. Default: each store's own. */
  readonly clock?: () => number
}

export interface FleetBudgetStore extends BudgetStore {
  readonly source: 'redis' | 'share'
  readonly counts: BudgetCounts
}

const CONNECT_MS_MAX = 1_000
/** The end of a call's time, in which a process that was busy reads what has come in. */
const SECOND_LOOK_MS = 10
/** A Redis that is lost again so soon after it came back must answer twice as many heartbeats the next time. */
const STEADY_MS = 10_000
const GOOD_BEATS_MAX = 16

/**
 * The budgets of a fleet: Redis's or, when Redis does not answer, this gateway's share of them, which is the rate and the
 * burst divided by the gateways that were heard last. Resolves once Redis has answered, or a second later without it.
 *
 *     share ── heartbeats answered in time (one; more when it was lost just after it came back) ──> redis
 *     redis ── a call or a heartbeat failed, or had no answer within `waitMsMax` ──> share
 *
 * What was under way when Redis is lost is answered by the share at once, and so is everything after it, without waiting.
 * A change may admit the burst once more, for neither knows what the other has given. Lines change sides alike.
 */
export async function openFleetBudgets(options: FleetBudgetsOptions): Promise<FleetBudgetStore> {
  const fleet = new FleetBudgets(options)
  await fleet.open()
  return fleet
}

class FleetBudgets implements FleetBudgetStore {
  readonly callers: Budgets
  readonly fields: Budgets
  readonly lines: Lines
  readonly #redis: RedisClient
  readonly #logger: Logger
  readonly #heartbeat: Heartbeat
  readonly #remote: RedisBudgetStore
  readonly #local: MemoryBudgetStore
  readonly #lines: FleetLines
  readonly #waitMsMax: number
  readonly #beatMs: number
  #source: 'redis' | 'share' = 'share'
  #lastError: unknown
  #watch: NodeJS.Timeout | undefined
  #beats: NodeJS.Timeout | undefined
  #beating: Promise<void> | undefined
  #isClosed = false
  /** Heartbeats in a row that were answered in time, and how many bring Redis back. */
  #goodBeats = 0
  #goodBeatsNeeded = 1
  #backSinceMs = Number.NEGATIVE_INFINITY
  #redisErrors = 0
  #fallbacks = 0
  #shareAnswers = 0

  constructor(options: FleetBudgetsOptions) {
    const { redis, logger, prefix = 'spillway:', gatewaysAtStart = 1, clock, keysMax, lineTerms } = options
    this.#redis = redis
    this.#logger = logger
    this.#waitMsMax = options.waitMsMax ?? 50
    this.#beatMs = options.beatMs ?? 1_000
    this.#heartbeat = new Heartbeat({ redis, prefix, gatewaysAtStart })
    const timed = clock === undefined ? {} : { clock }
    const termed = lineTerms === undefined ? {} : { terms: lineTerms }
    this.#local = createMemoryBudgets({ ...timed, ...(keysMax === undefined ? {} : { keysMax }) })
    this.#remote = createRedisBudgets({
      redis,
      prefix,
      ...timed,
      ...termed,
      instead: (kind, bucket, points) => this.#takeLocally(kind, bucket, points),
      insteadInLine: arrival => this.#lines.arriveLocally(arrival),
      failed: error => this.#lose(error),
    })
    this.#lines = new FleetLines({
      remote: this.#remote.lines,
      local: { ...timed, ...termed },
      isShare: () => this.#source === 'share',
      gateways: () => this.gateways,
      onRemote: () => this.#watchCalls(),
      onShare: () => void this.#shareAnswers++,
    })
    this.lines = this.#lines
    this.callers = this.#budgetsOf('caller')
    this.fields = this.#budgetsOf('field')
  }

  get source(): 'redis' | 'share' {
    return this.#source
  }

  get gateways(): number {
    return this.#heartbeat.gateways
  }

  get counts(): BudgetCounts {
    return {
      redisCalls: this.#remote.calls,
      redisErrors: this.#redisErrors,
      fallbacks: this.#fallbacks,
      shareAnswers: this.#shareAnswers,
    }
  }

  async open(): Promise<void> {
    this.#redis.on('error', this.#onError)
    const connected = this.#redis.status === 'wait' ? this.#redis.connect() : Promise.resolve()
    // The first beat is not judged by its time: a new connection has much to say.
    const beaten = connected.then(() => this.#beat(CONNECT_MS_MAX))
    await within(CONNECT_MS_MAX, 'connecting to Redis', beaten).catch((error: unknown) => {
      this.#lastError ??= error
    })
    this.#redis.on('ready', this.#onReady)
    this.#beats = setInterval(() => void this.#beat(), this.#beatMs).unref()
    if (this.#source === 'redis') return
    this.#logger.warn(
      { err: this.#lastError, gateways: this.gateways },
      'Redis is not there: budgets are a share',
    )
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearInterval(this.#beats)
    clearTimeout(this.#watch)
    this.#redis.off('error', this.#onError)
    this.#redis.off('ready', this.#onReady)
    if (this.#source === 'redis') {
      await within(this.#waitMsMax, 'withdrawing', this.#heartbeat.withdraw()).catch(() => {})
    }
    this.#source = 'share'
    await this.#remote.close()
  }

  #budgetsOf(kind: BucketKind): Budgets {
    const [local, remote] =
      kind === 'caller'
        ? [this.#local.callers, this.#remote.callers]
        : [this.#local.fields, this.#remote.fields]
    return {
      take: (bucket, points) => {
        if (this.#source === 'share') return this.#takeLocally(kind, bucket, points)
        this.#watchCalls()
        return remote.take(bucket, points)
      },
      giveBack: (taken, points) => {
        if (taken instanceof LocalTaken) local.giveBack(taken, points)
        else if (this.#source === 'redis') remote.giveBack(taken, points)
      },
    }
  }

  #takeLocally(kind: BucketKind, bucket: Bucket, points: number): Taken | NotNow {
    this.#shareAnswers++
    const local = kind === 'caller' ? this.#local.callers : this.#local.fields
    return local.take(bucket, points, this.gateways)
  }

  #watchCalls(): void {
    this.#watch ??= setTimeout(() => this.#look(), this.#waitMsMax - SECOND_LOOK_MS).unref()
  }

  /** One timer for all calls: it goes while there are any. */
  #look(): void {
    this.#watch = undefined
    const oldestSentMs = this.#remote.oldestSentMs
    if (oldestSentMs === undefined) return
    const restMs = oldestSentMs + this.#waitMsMax - nowMs()
    if (restMs > SECOND_LOOK_MS) {
      this.#watch = setTimeout(() => this.#look(), restMs - SECOND_LOOK_MS).unref()
      return
    }
    this.#watch = setTimeout(() => {
      setImmediate(() => {
        this.#watch = undefined
        if (this.#remote.oldestSentMs !== oldestSentMs) this.#look()
        else this.#lose(new Error(`no answer from Redis within ${this.#waitMsMax} ms`))
      })
    }, SECOND_LOOK_MS).unref()
  }

  /** One heartbeat at a time. Never rejects. */
  #beat(answerMsMax = this.#waitMsMax): Promise<void> {
    this.#beating ??= this.#beatOnce(answerMsMax).finally(() => {
      this.#beating = undefined
    })
    return this.#beating
  }

  async #beatOnce(answerMsMax: number): Promise<void> {
    if (this.#isClosed) return
    try {
      await within(answerMsMax, 'heartbeat', this.#heartbeat.beat())
      if (++this.#goodBeats >= this.#goodBeatsNeeded) this.#regain()
    } catch (error) {
      this.#goodBeats = 0
      this.#lose(error)
    }
  }

  #lose(error: unknown): void {
    this.#redisErrors++
    this.#lastError = error
    if (this.#source === 'share' || this.#isClosed) return
    this.#source = 'share'
    this.#fallbacks++
    this.#goodBeats = 0
    const wasSteady = nowMs() - this.#backSinceMs >= STEADY_MS
    this.#goodBeatsNeeded = wasSteady ? 1 : Math.min(this.#goodBeatsNeeded * 2, GOOD_BEATS_MAX)
    this.#logger.warn({ err: error, gateways: this.gateways }, 'Redis is gone: budgets are a share')
    this.#remote.abandon(error instanceof Error ? error : new Error(String(error)))
  }

  #regain(): void {
    if (this.#source === 'redis' || this.#isClosed) return
    this.#source = 'redis'
    this.#lines.forgetShare()
    this.#backSinceMs = nowMs()
    this.#logger.info({ gateways: this.gateways }, 'budgets are in Redis')
  }

  readonly #onError = (error: unknown): void => {
    this.#lastError = error
  }

  readonly #onReady = (): void => void this.#beat()
}
