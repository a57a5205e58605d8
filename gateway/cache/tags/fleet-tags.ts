import type { Logger } from 'pino'
import { type DeadlineMs, nowMs } from '../../../protocol/deadline.ts'
import type { RedisClient } from '../../redis/redis-connection.ts'
import { within } from '../../redis/within.ts'
import type { Entry, Moment } from '../entry.ts'
import { FleetClock } from './fleet-clock.ts'
import { FleetEar, type FleetEarCounts } from './fleet-ear.ts'
import { InvalidatedTags, marksOf } from './invalidated-tags.ts'
import { TAGS_MAX } from './local-tags.ts'
import { RedisTags, type Standing } from './redis-tags.ts'
import { TagOutbox } from './tag-outbox.ts'
import type { InvalidationScope, Tags } from './tags.ts'

export interface FleetTagsOptions {
  /** Left open by `close`; connections to listen on are made like it. */
  readonly redis: RedisClient
  /** Told once a change. */
  readonly logger: Logger
  /** How long a call may take before Redis counts as gone. Default: 50. */
  readonly waitMsMax?: number
  /** Between two looks at how the fleet's order stands. Default: 1,000. */
  readonly beatMs?: number
  /** Invalidated tags that are remembered here. Default: {@link TAGS_MAX}. */
  readonly tagsMax?: number
  /** For tests. Default: `nowMs`. */
  readonly clock?: () => DeadlineMs
}

export interface FleetTagsCounts extends FleetEarCounts {
  /** Calls of Redis that failed or had no answer in time. */
  readonly errors: number
  /** Tags that the fleet has not been told of. */
  readonly waiting: number
}

/** The order of a fleet's invalidations. */
export interface FleetTags extends Tags {
  /** How far an invalidation would come now. */
  readonly scope: InvalidationScope
  /** Whether everything that others invalidate is heard. */
  readonly isListening: boolean
  readonly counts: FleetTagsCounts
  /** Milliseconds since 1970 on the clock that all gateways share, Redis's. */
  toFleetMs(atMs: DeadlineMs): number
  fromFleetMs(fleetMs: number): DeadlineMs
  /** Leaves nothing running. What waits for a Redis that is gone is lost. */
  close(): Promise<void>
}

const CONNECT_MS_MAX = 1_000
/** After a call that failed. */
const AGAIN_MS = 100
const MARKS_A_CALL_MAX = 1_000

/**
 * Resolves once what other gateways invalidate is heard, or a second later without. A gateway that is deaf (fleet-ear.ts)
 * keeps answers all the same: they are served by their ages alone, or until Redis, asked each second, says that anything
 * was invalidated. What is invalidated while Redis is gone waits, and is the first that it is told.
 */
export async function openFleetTags(options: FleetTagsOptions): Promise<FleetTags> {
  const tags = new OpenFleetTags(options)
  await tags.open()
  return tags
}

class OpenFleetTags implements FleetTags {
  readonly #redis: RedisClient
  readonly #logger: Logger
  readonly #clock: () => DeadlineMs
  readonly #waitMsMax: number
  readonly #beatMs: number
  readonly #order: RedisTags
  readonly #fleetClock: FleetClock
  readonly #invalidated: InvalidatedTags
  readonly #outbox = new TagOutbox<Standing>({ tell: marks => this.#tell(marks) })
  #ear: FleetEar | undefined
  #beats: NodeJS.Timeout | undefined
  #again: NodeJS.Timeout | undefined
  #isClosed = false
  #isReachable = false
  #errors = 0
  /** The newest that Redis has told. */
  #version = 0

  constructor({ redis, logger, waitMsMax = 50, beatMs = 1_000, tagsMax, clock = nowMs }: FleetTagsOptions) {
    this.#redis = redis
    this.#logger = logger
    this.#clock = clock
    this.#waitMsMax = waitMsMax
    this.#beatMs = beatMs
    this.#order = new RedisTags(redis)
    this.#fleetClock = new FleetClock(clock())
    this.#invalidated = new InvalidatedTags(tagsMax ?? TAGS_MAX)
  }

  get scope(): InvalidationScope {
    return this.#isReachable ? 'fleet' : 'process'
  }

  get isListening(): boolean {
    return this.#ear?.sinceVersion !== undefined
  }

  get counts(): FleetTagsCounts {
    const heard = this.#ear?.counts ?? { listens: 0, breaks: 0, heard: 0 }
    return { ...heard, errors: this.#errors, waiting: this.#outbox.size }
  }

  async open(): Promise<void> {
    this.#redis.on('ready', this.#ask)
    if (this.#redis.status === 'wait') this.#redis.connect().catch(() => {})
    this.#beats = setInterval(() => void this.#beat(), this.#beatMs).unref()
    this.#ear = new FleetEar({
      redis: this.#redis,
      logger: this.#logger,
      invalidated: this.#invalidated,
      channel: this.#order.channel,
      sender: this.#order.sender,
      ask: this.#ask,
    })
    await within(CONNECT_MS_MAX, 'listening for invalidations', this.#ear.listened).catch((err: unknown) =>
      this.#logger.warn({ err }, 'invalidations of other gateways are not heard yet'),
    )
  }

  async close(): Promise<void> {
    clearInterval(this.#beats)
    this.#redis.off('ready', this.#ask)
    this.#ear?.close()
    this.#isClosed = true
    if (this.#outbox.size > 0 && this.#isReachable) this.#ask()
    await this.#outbox.settled()
    clearTimeout(this.#again)
    this.#isReachable = false
  }

  now(): Moment {
    const version = Math.max(this.#version, this.#ear?.heardVersion ?? 0)
    return { atMs: this.#clock(), tick: this.#invalidated.tick, version }
  }

  holds(entry: Pick<Entry, 'born' | 'tags'>): boolean {
    return this.#invalidated.holdsHere(entry)
  }

  holdsAnywhere(entry: Pick<Entry, 'born' | 'tags'>): boolean | Promise<boolean> {
    if (!this.#invalidated.mayHold(entry)) return false
    const sinceVersion = this.#ear?.sinceVersion
    if (sinceVersion !== undefined && entry.born.version >= sinceVersion) return true
    return this.#isReachable && this.#holdsInRedis(entry)
  }

  async invalidate(tags: readonly string[]): Promise<InvalidationScope> {
    const marks = marksOf(tags)
    if (marks.size === 0) return this.scope
    this.#invalidated.add(marks, undefined)
    this.#outbox.add(marks)
    if (!this.#isReachable || this.#isClosed) return 'process'
    try {
      await within(this.#waitMsMax, 'invalidating', this.#outbox.send())
      return 'fleet'
    } catch {
      return 'process'
    }
  }

  toFleetMs(atMs: DeadlineMs): number {
    return this.#fleetClock.toFleetMs(atMs)
  }

  fromFleetMs(fleetMs: number): DeadlineMs {
    return this.#fleetClock.fromFleetMs(fleetMs)
  }

  readonly #ask = (): void => {
    this.#outbox.send().catch(() => {})
  }

  async #tell(marks: readonly string[]): Promise<Standing> {
    const tick = this.#invalidated.tick
    try {
      let standing = await this.#call(marks.slice(0, MARKS_A_CALL_MAX))
      for (let at = MARKS_A_CALL_MAX; at < marks.length; at += MARKS_A_CALL_MAX)
        standing = await this.#call(marks.slice(at, at + MARKS_A_CALL_MAX))
      this.#invalidated.sent(marks, tick, standing.version)
      return standing
    } catch (error) {
      this.#lose(error)
      throw error
    }
  }

  async #call(marks: readonly string[]): Promise<Standing> {
    const hearing = this.#ear?.hearing
    const sentMs = this.#clock()
    const called = this.#order.invalidate(marks, this.now().version)
    const standing = await within(this.#waitMsMax, 'the order of invalidations', called)
    this.#fleetClock.read(sentMs, this.#clock(), standing.timeMs)
    this.#version = Math.max(this.#version, standing.version)
    if (!this.#isReachable) {
      this.#isReachable = true
      this.#logger.info('invalidations reach all gateways')
    }
    this.#ear?.stands(hearing, standing)
    return standing
  }

  async #holdsInRedis(entry: Pick<Entry, 'born' | 'tags'>): Promise<boolean> {
    try {
      return await within(this.#waitMsMax, 'the versions of tags', this.#order.holds(entry))
    } catch (error) {
      this.#lose(error)
      return false
    }
  }

  async #beat(): Promise<void> {
    const standing = await this.#outbox.send().catch(() => undefined)
    if (standing !== undefined && !this.#isClosed) this.#ear?.beat(standing.told)
  }

  #lose(error: unknown): void {
    this.#errors++
    if (this.#isClosed) return
    this.#again ??= setTimeout(() => {
      this.#again = undefined
      this.#ask()
    }, AGAIN_MS).unref()
    if (!this.#isReachable) return
    this.#isReachable = false
    this.#logger.warn({ err: error }, 'invalidations wait for Redis')
  }
}
