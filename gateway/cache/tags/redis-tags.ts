import { randomUUID } from 'node:crypto'
import { Cluster, type Redis } from 'ioredis'
import { z } from 'zod'
import type { RedisClient } from '../../redis/redis-connection.ts'
import { loadScript } from '../../redis/redis-script.ts'
import type { Entry } from '../entry.ts'
import { EVERYTHING } from './tags.ts'

const CHANNEL = 'spillway:cache:invalidated'

/** All that a script touches is under one hash tag. */
const KEY = '{spillway:cache}:invalidated'
/** Up to its version the order may lack invalidations. */
const FLOOR = ''
/** 10 MB of Redis's memory. */
const TAGS_MAX = 100_000
const KEPT_MS = 86_400_000

const INVALIDATE = loadScript(new URL('./invalidate-tags.lua', import.meta.url))

/** How the fleet's order stands. */
export interface Standing {
  /** The newest version that there is. */
  readonly version: number
  /** The newest that those who listen have been told; 0: none. */
  readonly told: number
  /** On the server's clock, milliseconds since 1970. */
  readonly timeMs: number
}

/** What one gateway tells the others. */
export interface Invalidation {
  readonly version: number
  /** The version of the one that was told before it; 0: none. */
  readonly previous: number
  /** The gateway's, of {@link RedisTags.sender}; `-`: nobody's, of an order that was lost in part. */
  readonly sender: string
  readonly marks: readonly string[]
}

/** The order of a fleet's invalidations, which Redis keeps. Everything rejects with the server's or the connection's error. */
export class RedisTags {
  readonly sender: string = randomUUID()
  /** Where invalidations are told to those who listen. All databases of a server have their channels in common. */
  readonly channel: string
  readonly #redis: RedisClient
  readonly #tagsMax: number

  constructor(redis: RedisClient, tagsMax: number = TAGS_MAX) {
    this.channel = `${CHANNEL}:${redis instanceof Cluster ? 0 : (redis.options.db ?? 0)}`
    this.#redis = redis
    this.#tagsMax = tagsMax
  }

  /**
   * Invalidates, as the newest of all; without marks it only asks.
   * @param known the newest version that is known here: the order never goes back behind it, and is void as a whole where
   * it has.
   */
  async invalidate(marks: readonly string[], known: number): Promise<Standing> {
    const settings = [this.channel, this.sender, known, this.#tagsMax, KEPT_MS, JSON.stringify(marks)]
    const answer = await INVALIDATE.run(this.#redis, [KEY], [...settings, ...marks])
    const [seconds, micros, version, told] = Array.isArray(answer) ? answer.map(Number) : []
    const timeMs = seconds! * 1_000 + micros! / 1_000
    if (Number.isFinite(timeMs) && version! > 0 && told! >= 0)
      return { version: version!, told: told!, timeMs }
    throw new Error(`expected four numbers from Redis, got ${JSON.stringify(answer)}`)
  }

  /** Whether nothing of the entry was invalidated since its version. */
  async holds({ born, tags }: Pick<Entry, 'born' | 'tags'>): Promise<boolean> {
    const versions = await (this.#redis as Redis).zmscore(KEY, FLOOR, EVERYTHING, ...tags)
    // An order without a floor is one that nobody has begun: it was lost a moment ago.
    return versions[0] !== null && versions.every(version => Number(version) <= born.version)
  }
}

const marksSchema = z.array(z.string())

/** Undefined for what no gateway of this release has sent. */
export function readInvalidation(text: string): Invalidation | undefined {
  const parts = /^(\d{1,16}) (\d{1,16}) (\S+) (.*)$/s.exec(text)
  if (parts === null) return undefined
  const [, version, previous, sender, json] = parts
  try {
    const { data } = marksSchema.safeParse(JSON.parse(json!))
    if (data === undefined) return undefined
    return { version: Number(version), previous: Number(previous), sender: sender!, marks: data }
  } catch {
    return undefined
  }
}
