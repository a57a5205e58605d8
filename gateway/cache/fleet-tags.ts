import type { Logger } from 'pino'
import { type DeadlineMs, nowMs } from '../../protocol/deadline.ts'
import type { RedisClient } from '../redis/redis-connection.ts'
import { RedisSubscription } from '../redis/redis-subscription.ts'
import { within } from '../redis/within.ts'
import type { Entry, Moment } from './entry.ts'
import { FleetClock } from './fleet-clock.ts'
import { InvalidatedTags, marksOf } from './invalidated-tags.ts'
import { TAGS_MAX } from './local-tags.ts'
import { CHANNEL, RedisTags, readInvalidation, type Standing } from './redis-tags.ts'
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

export interface FleetTagsCounts {
  /** Times that this process began to hear all gateways. */
  readonly listens: number
  /** Times that it may have missed something, and what was in memory was void. */
  readonly breaks: number
  /** Invalidations of others that were heard. */
  readonly heard: number
  /** Calls of Redis that failed or had no answer in time. */
  readonly errors: number
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
const AGAIN_MS = 100
const MARKS_A_CALL_MAX = 1_000

/**
 * Resolves once what other gateways invalidate is heard, or a second later without.
 *
 *     deaf ── subscribed, and asked how the order stands ──> listening
 *     listening ── the subscription broke, or something told was not heard within a beat ──> deaf
 *
 * Each of these changes voids what is in memory. A gateway that is deaf keeps answers all the same: they are served by
 * their ages alone, or until Redis, asked each second, says that anything was invalidated. So what is invalidated anywhere
 * is void everywhere within three seconds of a silent connection, as long as Redis can be asked.
 *
 * What is invalidated while Redis is gone waits, and is the first that it is told.
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
  readonly #listened = Promise.withResolvers<void>()
  readonly #counts = { listens: 0, breaks: 0, heard: 0, errors: 0 }
  #subscription: RedisSubscription | undefined
  #beats: NodeJS.Timeout | undefined
  #again: NodeJS.Timeout | undefined
  #isClosed = false
  #isReachable = false
  /** The newest that is known. */
  #version = 0
  /** All that is newer has been heard; undefined: deaf. */
  #sinceVersion: number | undefined
  /** Counts subscriptions. */
  #subscribed = 0
  /** The newest of which this process has been told, or would have been, had it listened. */
  #heardVersion = 0
  /** The newest that had been told anybody a beat ago. */
  #toldVersion = 0

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
    return this.#sinceVersion !== undefined
  }

  get counts(): FleetTagsCounts {
    return { ...this.#counts }
  }

  async open(): Promise<void> {
    this.#redis.on('ready', this.#onReady)
    if (this.#redis.status === 'wait') this.#redis.connect().catch(() => {})
    this.#beats = setInterval(() => void this.#beat(), this.#beatMs).unref()
    this.#subscription = new RedisSubscription({
      redis: this.#redis,
      channel: CHANNEL,
      logger: this.#logger,
      onListening: () => this.#catchUp(++this.#subscribed),
      onMessage: text => this.#hear(text),
      onBroken: error => this.#miss(error),
    })
    await within(CONNECT_MS_MAX, 'listening for invalidations', this.#listened.promise).catch(
      (err: unknown) => this.#logger.warn({ err }, 'invalidations of other gateways are not heard yet'),
    )
  }

  async close(): Promise<void> {
    clearInterval(this.#beats)
    clearTimeout(this.#again)
    this.#redis.off('ready', this.#onReady)
    this.#subscription?.close()
    this.#isClosed = true
    this.#sinceVersion = undefined
    if (this.#outbox.size > 0 && this.#isReachable) void this.#outbox.send().catch(() => {})
    await this.#outbox.settled()
    this.#isReachable = false
  }

  now(): Moment {
    return { atMs: this.#clock(), tick: this.#invalidated.tick, version: this.#version }
  }

  holds(entry: Pick<Entry, 'born' | 'tags'>): boolean {
    return this.#invalidated.holdsHere(entry)
  }

  holdsAnywhere(entry: Pick<Entry, 'born' | 'tags'>): boolean | Promise<boolean> {
    if (!this.#invalidated.mayHold(entry)) return false
    if (this.#sinceVersion !== undefined && entry.born.version >= this.#sinceVersion) return true
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

  // What others say

  /** A subscription is not enough: what was told before it is known by asking after it began. */
  #catchUp(subscribed: number): void {
    if (this.#isClosed || subscribed !== this.#subscribed || this.#sinceVersion !== undefined) return
    this.#outbox.send().catch(() => {
      if (!this.#isClosed) this.#again = setTimeout(() => this.#catchUp(subscribed), AGAIN_MS).unref()
    })
  }

  #listen({ version, told }: Standing): void {
    this.#sinceVersion = version
    this.#heardVersion = Math.max(this.#heardVersion, told)
    this.#invalidated.voidMemory()
    this.#counts.listens++
    this.#logger.info('invalidations of all gateways are heard')
    this.#listened.resolve()
  }

  #hear(text: string): void {
    const invalidation = readInvalidation(text)
    if (invalidation === undefined) {
      this.#miss(new Error(`expected a version, a sender and tags, got ${text.slice(0, 100)}`))
      return
    }
    const { version, sender, marks } = invalidation
    this.#version = Math.max(this.#version, version)
    this.#heardVersion = Math.max(this.#heardVersion, version)
    if (sender === this.#order.sender) return
    this.#counts.heard++
    this.#invalidated.add(marks, version)
  }

  #miss(error: unknown): void {
    this.#invalidated.voidMemory()
    if (this.#sinceVersion === undefined || this.#isClosed) return
    this.#sinceVersion = undefined
    this.#counts.breaks++
    this.#logger.warn({ err: error }, 'invalidations may have been missed: what was in memory is void')
  }

  // What is said to others

  async #tell(marks: readonly string[]): Promise<Standing> {
    const tick = this.#invalidated.tick
    try {
      let standing = await this.#ask(marks.slice(0, MARKS_A_CALL_MAX))
      for (let at = MARKS_A_CALL_MAX; at < marks.length; at += MARKS_A_CALL_MAX)
        standing = await this.#ask(marks.slice(at, at + MARKS_A_CALL_MAX))
      this.#invalidated.sent(marks, tick, standing.version)
      return standing
    } catch (error) {
      this.#lose(error)
      throw error
    }
  }

  async #ask(marks: readonly string[]): Promise<Standing> {
    const subscribed = this.#subscription?.isListening ? this.#subscribed : undefined
    const sentMs = this.#clock()
    const asked = this.#order.invalidate(marks, this.#version)
    const standing = await within(this.#waitMsMax, 'the order of invalidations', asked)
    this.#fleetClock.read(sentMs, this.#clock(), standing.timeMs)
    this.#version = Math.max(this.#version, standing.version)
    if (!this.#isReachable) {
      this.#isReachable = true
      this.#logger.info('invalidations reach all gateways')
    }
    const isSubscribed = subscribed === this.#subscribed && this.#subscription?.isListening
    if (isSubscribed && this.#sinceVersion === undefined) this.#listen(standing)
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
    const toldBefore = this.#toldVersion
    try {
      this.#toldVersion = (await this.#outbox.send()).told
    } catch {
      return
    }
    // What was told just now may be on its way to who listens.
    const told = this.isListening ? toldBefore : this.#toldVersion
    if (told <= this.#heardVersion) return
    this.#heardVersion = told
    this.#miss(new Error('an invalidation was told and not heard'))
  }

  #lose(error: unknown): void {
    this.#counts.errors++
    if (!this.#isReachable || this.#isClosed) return
    this.#isReachable = false
    this.#logger.warn({ err: error }, 'invalidations wait for Redis')
  }

  readonly #onReady = (): void => {
    this.#outbox.send().catch(() => {})
  }
}
