import type { Logger } from 'pino'
import { sha256 } from './text-form.ts'

/** What is asked of Redis: a client of ioredis, of one server or of a cluster, is one. */
export interface TextRedis {
  readonly status: string
  get(key: string): Promise<string | null>
  set(key: string, value: string, unit: 'PX', ttlMs: number): Promise<unknown>
  del(key: string): Promise<unknown>
  ping(): Promise<unknown>
}

/** Texts that all gateways know. Nothing here rejects. */
export interface SharedTexts {
  /** Whether it is worth asking. */
  readonly isUsable: boolean
  /** Resolves with the text, within {@link SharedTextOptions.waitMsMax}; `undefined`: it is not there, or Redis is not. */
  get(hash: string): Promise<string | undefined>
  /** Nobody waits for it. */
  set(hash: string, text: string): void
}

export interface SharedTextOptions {
  /** Belongs to whoever made it: nothing here closes it. */
  readonly redis: TextRedis
  /** Of a text that nobody registers again; Redis may drop it sooner. Default: a day. */
  readonly ttlMs?: number
  /** Default 50. */
  readonly waitMsMax?: number
  readonly logger: Logger
}

const PREFIX = 'spillway:apq:'
const TTL_MS = 24 * 60 * 60 * 1_000
const WAIT_MS_MAX = 50
/** What `within` gives in place of an answer. */
const LATE = Symbol('late')

/**
 *     usable → (no answer in time) → stalled → (a PING is answered, or its connection is gone) → usable
 *
 * Without a connection it is not usable either. So a Redis that is stalled costs those who ask in its first moment
 * `waitMsMax`, and nobody after them.
 */
export function createSharedTexts(options: SharedTextOptions): SharedTexts {
  const { redis, ttlMs = TTL_MS, waitMsMax = WAIT_MS_MAX, logger } = options
  let isStalled = false
  let isTold = false

  function failed(reason: unknown): void {
    if (!isTold)
      logger.warn({ reason: String(reason) }, 'registered texts: Redis fails; memory goes on alone')
    isTold = true
  }

  function stalled(): void {
    if (isStalled) return
    isStalled = true
    failed(`no answer within ${waitMsMax} ms`)
    const goOn = (): void => {
      isStalled = false
    }
    redis.ping().then(goOn, goOn)
  }

  function answered(): void {
    if (isTold) logger.info('registered texts: Redis answers again')
    isTold = false
  }

  // A client that connects when it is first used: that is now, so that no request waits for it.
  if (redis.status === 'wait') redis.ping().catch(() => {})

  const isUsable = (): boolean => !isStalled && redis.status === 'ready'

  return {
    get isUsable() {
      return isUsable()
    },
    async get(hash) {
      if (!isUsable()) return undefined
      const key = PREFIX + hash
      let text: string | null | typeof LATE
      try {
        text = await within(redis.get(key), waitMsMax)
      } catch (reason) {
        failed(reason)
        return undefined
      }
      if (text === LATE) {
        stalled()
        return undefined
      }
      answered()
      if (text === null) return undefined
      if (sha256(text) === hash) return text
      // Whoever wrote it, it is nothing that a client may be answered with.
      redis.del(key).catch(failed)
      return undefined
    },
    set(hash, text) {
      if (!isUsable()) return
      within(redis.set(PREFIX + hash, text, 'PX', ttlMs), waitMsMax).then(
        done => (done === LATE ? stalled() : answered()),
        failed,
      )
    },
  }
}

/** The value, or `LATE` after `waitMsMax`; what comes later is dropped. */
function within<Value>(promise: Promise<Value>, waitMsMax: number): Promise<Value | typeof LATE> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(LATE), waitMsMax)
    promise.then(
      value => {
        clearTimeout(timer)
        resolve(value)
      },
      reason => {
        clearTimeout(timer)
        reject(reason)
      },
    )
  })
}
