import { setTimeout as pause } from 'node:timers/promises'
import type { Logger } from 'pino'
import { nowMs } from '../../../protocol/deadline.ts'

interface Pinged {
  ping(): Promise<unknown>
}

/** What the gate asks of a client of ioredis, of one server or of a cluster. */
export interface GateRedis extends Pinged {
  readonly status: string
  /** Of a cluster. */
  nodes?(role: 'master'): readonly Pinged[]
}

export interface RedisGateOptions {
  readonly redis: GateRedis
  /** For one answer or several that are asked for together. Default 50. */
  readonly waitMsMax?: number
  readonly logger: Logger
  /** Told of the first failure of each outage, and of a refused command once a minute. Must not throw. */
  readonly onError?: (error: unknown) => void
}

/** Commands to a Redis that may stop answering at any moment. Nothing here rejects. */
export interface RedisGate {
  /** Whether it is worth asking. */
  readonly isUsable: boolean
  /** How long whoever asks waits at most. */
  readonly waitMsMax: number
  /** Commands that were rejected or late, since the start. */
  readonly failures: number
  /** What each of `count` commands comes to, within `waitMsMax`; `undefined`: it failed, is late, or was not sent. */
  ask<Answer>(count: number, send: (index: number) => Promise<Answer>): Promise<(Answer | undefined)[]>
}

const WAIT_MS_MAX = 50
/** A server that is out of memory refuses most of what is written, for as long as it is. */
const REFUSAL_TOLD_EVERY_MS = 60_000

/**
 *     usable → (no answer in time) → stalled → (PINGs are answered in time, or their connection is gone) → usable
 *
 * Without a connection it is not usable either. So a Redis that is stalled costs those who ask in its first moment
 * `waitMsMax`, and nobody after them. A cluster is usable as a whole or not at all.
 */
export function createRedisGate({ redis, logger, ...options }: RedisGateOptions): RedisGate {
  const { waitMsMax = WAIT_MS_MAX, onError = () => {} } = options
  let isStalled = false
  let isTold = false
  let refusalToldMs = Number.NEGATIVE_INFINITY
  let failures = 0

  /** Nothing is heard of it. */
  function silent(reason: unknown): void {
    if (isTold) return
    isTold = true
    logger.warn({ reason: String(reason) }, 'cache: Redis fails; memory goes on alone')
    onError(reason)
  }

  function refused(reason: Error): void {
    if (nowMs() - refusalToldMs < REFUSAL_TOLD_EVERY_MS) return
    refusalToldMs = nowMs()
    logger.warn({ reason: reason.message }, 'cache: Redis refuses a command')
    onError(reason)
  }

  function failed(reason: unknown): void {
    failures++
    if (reason instanceof Error && reason.name === 'ReplyError') refused(reason)
    else silent(reason)
  }

  function answered(): void {
    if (isTold) logger.info('cache: Redis answers again')
    isTold = false
  }

  function stalled(): void {
    failures++
    if (isStalled) return
    isStalled = true
    silent(new Error(`expected an answer of Redis within ${waitMsMax} ms, got none`))
    void recovered().then(() => {
      isStalled = false
    })
  }

  /** One that answers late, and not never, would else be taken for well after each PING, and waited for again. */
  async function recovered(): Promise<void> {
    const all = (): readonly Pinged[] => redis.nodes?.('master') ?? [redis]
    while (!(await Promise.all(all().map(isPrompt))).every(Boolean))
      await pause(waitMsMax, undefined, { ref: false })
  }

  async function isPrompt(node: Pinged): Promise<boolean> {
    const sentMs = nowMs()
    try {
      await node.ping()
    } catch {
      return true
    }
    return nowMs() - sentMs <= waitMsMax
  }

  // A client that connects when it is first used: that is now, so that no request waits for it.
  if (redis.status === 'wait') redis.ping().catch(() => {})

  const isUsable = (): boolean => !isStalled && redis.status === 'ready'

  return {
    get isUsable() {
      return isUsable()
    },
    waitMsMax,
    get failures() {
      return failures
    },
    ask<Answer>(count: number, send: (index: number) => Promise<Answer>) {
      const answers = new Array<Answer | undefined>(count).fill(undefined)
      if (count === 0 || !isUsable()) return Promise.resolve(answers)
      return new Promise<(Answer | undefined)[]>(resolve => {
        let waiting = count
        const timer = setTimeout(() => {
          // Who was busy for longer has not looked at what came in meanwhile: that is done before it is called late.
          setImmediate(() => {
            if (waiting === 0) return
            stalled()
            waiting = 0
            resolve(answers)
          })
        }, waitMsMax)
        const settled = (): void => {
          if (--waiting > 0) return
          clearTimeout(timer)
          resolve(answers)
        }
        for (let i = 0; i < count; i++) {
          send(i).then(
            answer => {
              if (waiting === 0) return
              answered()
              answers[i] = answer
              settled()
            },
            reason => {
              if (waiting === 0) return
              failed(reason)
              settled()
            },
          )
        }
      })
    },
  }
}
