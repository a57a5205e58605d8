import { randomUUID } from 'node:crypto'
import { Cluster, type Redis } from 'ioredis'
import type { RedisClient } from '../redis/redis-connection.ts'
import { loadScript } from '../redis/redis-script.ts'

/** Gateways are counted that were heard within this long. */
const SILENT_MS_MAX = 5_000
/** The largest of so many last counts counts: a server that has just come back empty has not heard everybody yet. */
const COUNTS_KEPT = 3

const BEAT = loadScript(new URL('./beat-gateways.lua', import.meta.url))

export interface HeartbeatOptions {
  readonly redis: RedisClient
  readonly prefix: string
  /** How many gateways there are until Redis has said. */
  readonly gatewaysAtStart: number
}

/** Tells Redis that this gateway is alive, and hears how many are. */
export class Heartbeat {
  readonly #options: HeartbeatOptions
  readonly #key: string
  readonly #id = randomUUID()
  #counts: number[] = []

  constructor(options: HeartbeatOptions) {
    this.#options = options
    this.#key = `${options.prefix}{gateways}`
  }

  /** Live gateways when Redis was last heard, this one among them. */
  get gateways(): number {
    return this.#counts.length === 0 ? this.#options.gatewaysAtStart : Math.max(...this.#counts)
  }

  /** One beat, which every master of a cluster has to answer. Rejects when one does not. */
  async beat(): Promise<void> {
    const { redis } = this.#options
    // Each on its own, so that none rejects unheard.
    const others = redis instanceof Cluster ? redis.nodes('master').map(async node => await node.ping()) : []
    const [count] = await Promise.all([this.#count(redis), ...others])
    this.#counts = [...this.#counts.slice(1 - COUNTS_KEPT), count]
  }

  /** This gateway takes no part any more. */
  async withdraw(): Promise<void> {
    await (this.#options.redis as Redis).zrem(this.#key, this.#id)
  }

  async #count(redis: RedisClient): Promise<number> {
    const count = await BEAT.runAlone(redis, [this.#key], [this.#id, SILENT_MS_MAX])
    if (typeof count !== 'number' || count < 1) throw new Error(`expected a count of gateways, got ${count}`)
    return count
  }
}
