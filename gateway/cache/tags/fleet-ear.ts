import type { Logger } from 'pino'
import type { RedisClient } from '../../redis/redis-connection.ts'
import { RedisSubscription } from '../../redis/redis-subscription.ts'
import type { InvalidatedTags } from './invalidated-tags.ts'
import { readInvalidation, type Standing } from './redis-tags.ts'

export interface FleetEarOptions {
  readonly redis: RedisClient
  readonly channel: string
  readonly logger: Logger
  /** Where what is heard is noted. */
  readonly invalidated: InvalidatedTags
  /** What this one has said itself is known already. */
  readonly sender: string
  /** Asks how the fleet's order stands, now, and tells {@link FleetEar.stands}; again if it fails. */
  ask(): void
}

export interface FleetEarCounts {
  /** Times that this process began to hear all gateways. */
  readonly listens: number
  /** Times that it may have missed something, and what was in memory was void. */
  readonly breaks: number
  /** Invalidations of others that were heard. */
  readonly heard: number
}

/**
 * Hears what gateways invalidate, and knows when it may have missed something.
 *
 *     deaf ── subscribed, and asked after that how the order stands ──> listening
 *     listening ── the subscription broke, or something told was not heard ──> deaf
 *
 * Each invalidation says which one was told before it; the last one is known by asking, each beat.
 * Each of these changes voids what is in memory; so does, while deaf, news of anything that was told.
 */
export class FleetEar {
  readonly #options: FleetEarOptions
  readonly #subscription: RedisSubscription
  readonly #listened = Promise.withResolvers<void>()
  readonly #counts = { listens: 0, breaks: 0, heard: 0 }
  /** All that is newer has been heard; undefined: deaf. */
  #sinceVersion: number | undefined
  /** Counts subscriptions, and what was missed. */
  #hearing = 0
  /** The newest that was heard, or is known to have been missed. */
  #heardVersion = 0
  /** The newest that had been told anybody a beat ago. */
  #toldVersion = 0

  constructor(options: FleetEarOptions) {
    this.#options = options
    this.#subscription = new RedisSubscription({
      redis: options.redis,
      channel: options.channel,
      logger: options.logger,
      onListening: () => {
        this.#hearing++
        options.ask()
      },
      onMessage: text => this.#hear(text),
      onBroken: error => this.#miss(error),
    })
  }

  /** Everything newer than this has been heard; undefined: something may have been missed. */
  get sinceVersion(): number | undefined {
    return this.#sinceVersion
  }

  /** The newest that was heard. */
  get heardVersion(): number {
    return this.#heardVersion
  }

  get counts(): FleetEarCounts {
    return this.#counts
  }

  /** Resolves when it has begun to listen for the first time. */
  get listened(): Promise<void> {
    return this.#listened.promise
  }

  /** What is heard from now on without a gap, to be given to {@link FleetEar.stands} with an answer to what is asked now. */
  get hearing(): number | undefined {
    return this.#subscription.isListening ? this.#hearing : undefined
  }

  /** What was told before a subscription, or missed, is known by an answer to what was asked after that. */
  stands(hearing: number | undefined, { version, told }: Standing): void {
    const isHearing = hearing !== undefined && hearing === this.hearing
    if (!isHearing || this.#sinceVersion !== undefined) return
    this.#sinceVersion = version
    this.#heardVersion = Math.max(this.#heardVersion, told)
    this.#options.invalidated.voidMemory()
    this.#counts.listens++
    this.#options.logger.info('invalidations of all gateways are heard')
    this.#listened.resolve()
  }

  /** To be told every beat what has been told by then. */
  beat(toldNow: number): void {
    // What was told just now may be on its way to who listens.
    const isDeaf = this.#sinceVersion === undefined
    const told = isDeaf ? toldNow : this.#toldVersion
    this.#toldVersion = toldNow
    if (told <= this.#heardVersion) return
    this.#heardVersion = told
    if (isDeaf) this.#options.invalidated.voidMemory()
    // Nothing else came instead: as of a node that has lost its Cluster.
    else this.#subscription.renew(unheard())
  }

  /** Leaves nothing open. */
  close(): void {
    this.#subscription.close()
    this.#sinceVersion = undefined
  }

  #hear(text: string): void {
    const invalidation = readInvalidation(text)
    if (invalidation === undefined) {
      this.#miss(new Error(`expected a version, a sender and tags, got ${text.slice(0, 100)}`))
      return
    }
    const { version, previous, sender, marks } = invalidation
    const isGap = this.#sinceVersion !== undefined && previous > this.#heardVersion
    this.#heardVersion = Math.max(this.#heardVersion, version)
    if (sender !== this.#options.sender) {
      this.#counts.heard++
      this.#options.invalidated.add(marks, version)
    }
    if (isGap) this.#miss(unheard())
  }

  #miss(error: unknown): void {
    this.#hearing++
    this.#options.invalidated.voidMemory()
    if (this.#sinceVersion !== undefined) {
      this.#sinceVersion = undefined
      this.#counts.breaks++
      this.#options.logger.warn(
        { err: error },
        'invalidations may have been missed: what was in memory is void',
      )
    }
    this.#options.ask()
  }
}

const unheard = (): Error => new Error('an invalidation was told and not heard')
