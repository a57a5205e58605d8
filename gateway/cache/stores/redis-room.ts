import { nowMs } from '../../../protocol/deadline.ts'
import type { RedisGate } from './redis-gate.ts'
import type { StoreRedis } from './redis-store.ts'

/** One server, as far as its memory goes. */
interface RoomNode {
  info(section: 'memory'): Promise<string>
}

export interface RedisRoomOptions {
  readonly redis: StoreRedis
  readonly gate: RedisGate
  /** Default: `nowMs`. */
  readonly clock?: () => number
}

/** Of a server's `maxmemory`, everything in it counted. */
const FULL_AT = 1 / 2
/** Gateways that may find the same room at the same moment. */
const GATEWAYS = 16
const LOOKED_EVERY_MS = 1_000
/** Where what was found is used up. */
const LOOKED_AGAIN_MS = 50
/** Between two looks that did not say how much there is. */
const UNKNOWN_BYTES = 1024 * 1024

/**
 * Room in Redis for what requests can do without. What they may spend lies there too, and nothing makes place for it: so
 * a server that is half full is given nothing more. What each gateway knows of itself does not say that: there may be
 * any number of them, and what one has written before it was started again is there still.
 *
 * A server is looked at once a second, and sooner where there is no room; between two looks each gateway takes a
 * sixteenth of what was free. One without `maxmemory` has room without end; one that does not say is given a megabyte.
 */
export class RedisRoom {
  readonly #options: RedisRoomOptions
  readonly #clock: () => number
  #left = UNKNOWN_BYTES
  #lookedMs = Number.NEGATIVE_INFINITY
  #isLooking = false

  constructor(options: RedisRoomOptions) {
    this.#options = options
    this.#clock = options.clock ?? nowMs
  }

  /** @returns false: there is none for so many bytes, as far as is known. */
  take(bytes: number): boolean {
    const isEnough = bytes <= this.#left
    const sinceMs = this.#clock() - this.#lookedMs
    if (!this.#isLooking && sinceMs >= (isEnough ? LOOKED_EVERY_MS : LOOKED_AGAIN_MS)) void this.#look()
    if (isEnough) this.#left -= bytes
    return isEnough
  }

  async #look(): Promise<void> {
    const { redis, gate } = this.#options
    const nodes = (redis.nodes?.('master') ?? [redis]) as unknown as readonly RoomNode[]
    this.#isLooking = true
    const infos = await gate.ask(nodes.length, i => nodes[i]!.info('memory'))
    this.#isLooking = false
    this.#lookedMs = this.#clock()
    this.#left = Math.min(...infos.map(roomIn))
  }
}

function roomIn(info: string | undefined): number {
  const bytesOf = (name: string): number =>
    Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info ?? '')?.[1] ?? Number.NaN)
  const bytesMax = bytesOf('maxmemory')
  const usedBytes = bytesOf('used_memory')
  if (Number.isNaN(bytesMax + usedBytes)) return UNKNOWN_BYTES
  return bytesMax === 0 ? Number.POSITIVE_INFINITY : Math.max(0, bytesMax * FULL_AT - usedBytes) / GATEWAYS
}
