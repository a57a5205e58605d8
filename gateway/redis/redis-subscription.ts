import { Cluster, type Redis } from 'ioredis'
import type { Logger } from 'pino'
import { dropRedis, type RedisClient, retryMs } from './redis-connection.ts'
import { within } from './within.ts'

export interface RedisSubscriptionOptions {
  /** Says where to connect to; is left alone otherwise. */
  readonly redis: RedisClient
  readonly channel: string
  readonly logger?: Logger
  /** From now on everything that is published is heard, in the order of one server, until `onBroken`. */
  onListening(): void
  onMessage(text: string): void
  /** Something may have been missed. Called once for each `onListening`, but for the one that `close` ends. */
  onBroken(error: unknown): void
  /** Between two questions whether the server is there. Default: 1,000. */
  readonly pingMs?: number
  /** A server that has not answered one for this long is gone. Default: 2,000. */
  readonly silenceMsMax?: number
}

const CONNECT_MS_MAX = 1_000

/**
 * Listens to a channel, and knows when it does not: each connection is a new one and is told of, where ioredis would
 * subscribe again on its own and, on a Cluster, not say that it had to. Of a Cluster, which carries what is published from
 * node to node, any master is listened to.
 *
 *     connecting ── subscribed ──> listening ── connection gone, or silent for `silenceMsMax` ──> waiting
 *     connecting ── failed ──> waiting ── a moment, longer after each failure, at most a second ──> connecting
 */
export class RedisSubscription {
  readonly #options: RedisSubscriptionOptions
  #connection: Redis | undefined
  #waiting: NodeJS.Timeout | undefined
  #isListening = false
  #isClosed = false
  /** In a row. */
  #failures = 0

  constructor(options: RedisSubscriptionOptions) {
    this.#options = options
    void this.#connect()
  }

  get isListening(): boolean {
    return this.#isListening
  }

  /** Breaks, and listens anew; on a Cluster maybe to another node. */
  renew(reason: unknown): void {
    if (this.#isListening) this.#break(this.#connection, reason)
  }

  /** Leaves nothing open. */
  close(): void {
    this.#isClosed = true
    this.#isListening = false
    clearTimeout(this.#waiting)
    this.#drop()
  }

  /** Never rejects. */
  async #connect(): Promise<void> {
    const { channel, logger, onListening } = this.#options
    const connection = this.#newConnection()
    this.#connection = connection
    if (connection === undefined) {
      this.#break(connection, new Error('no node of the Redis Cluster is known'))
      return
    }
    connection.on('error', (err: unknown) => logger?.debug({ err, channel }, 'redis subscription'))
    connection.on('end', () => this.#break(connection, new Error('the connection is gone')))
    connection.on('message', (_, text: string) => {
      if (this.#isListening && this.#connection === connection) this.#options.onMessage(text)
    })
    try {
      const subscribed = connection.connect().then(() => connection.subscribe(channel))
      await within(CONNECT_MS_MAX, 'subscribing', subscribed)
    } catch (error) {
      this.#break(connection, error)
      return
    }
    if (this.#connection !== connection) return
    this.#isListening = true
    this.#failures = 0
    this.#ping(connection)
    onListening()
  }

  #newConnection(): Redis | undefined {
    const { redis } = this.#options
    const masters = redis instanceof Cluster ? redis.nodes('master') : [redis]
    return masters[Math.floor(Math.random() * masters.length)]?.duplicate({
      lazyConnect: true,
      retryStrategy: () => null,
      autoResubscribe: false,
      enableOfflineQueue: false,
      enableAutoPipelining: false,
      // It is asked whether it is there.
      socketTimeout: undefined,
    })
  }

  #ping(connection: Redis): void {
    const { pingMs = 1_000, silenceMsMax = 2_000 } = this.#options
    this.#waiting = setTimeout(() => {
      within(silenceMsMax, 'PING', connection.ping()).then(
        () => {
          if (this.#connection === connection) this.#ping(connection)
        },
        (error: unknown) => this.#break(connection, error),
      )
    }, pingMs).unref()
  }

  #break(connection: Redis | undefined, error: unknown): void {
    if (this.#isClosed || this.#connection !== connection) return
    const wasListening = this.#isListening
    this.#isListening = false
    this.#drop()
    clearTimeout(this.#waiting)
    this.#waiting = setTimeout(() => void this.#connect(), retryMs(this.#failures++)).unref()
    if (wasListening) this.#options.onBroken(error)
  }

  #drop(): void {
    const connection = this.#connection
    this.#connection = undefined
    if (connection !== undefined) dropRedis(connection)
  }
}
