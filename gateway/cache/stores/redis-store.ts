import { hash } from 'node:crypto'
import type { KeyvValue } from 'keyv'
import type { GateRedis, RedisGate } from './redis-gate.ts'

/** One server, as far as keys are looked for on it. */
export interface StoreNode {
  ping(): Promise<unknown>
  scan(
    cursor: string,
    match: 'MATCH',
    pattern: string,
    count: 'COUNT',
    keys: number,
  ): Promise<[cursor: string, keys: string[]]>
  unlink(key: string): Promise<unknown>
}

/** What is asked of Redis: a client of ioredis, of one server or of a cluster, is one. */
export interface StoreRedis extends GateRedis {
  getBuffer(key: string): Promise<Buffer | null>
  set(key: string, value: Buffer, unit: 'PX', ttlMs: number): Promise<unknown>
  exists(key: string): Promise<number>
  unlink(key: string): Promise<unknown>
}

export interface RedisStoreOptions {
  /** Belongs to whoever made it: nothing here closes it. */
  readonly redis: StoreRedis
  readonly gate: RedisGate
  /** Begins every key. */
  readonly prefix: string
  /** Told of a key that holds no string; it is deleted. */
  readonly onForeign?: () => void
}

/** Longer keys lie under their hash: what is kept says itself whose it is. */
const KEY_CHARS_MAX = 200
/** A scan of so many keys stands in the server's way for some 100 µs. */
const SCANNED_AT_ONCE = 512

/**
 * Keyv's store over a Redis that may stop answering at any moment: bytes with an expiry, nothing without. Nothing
 * rejects but `clear`; a read that fails is a miss. Many keys are as many commands in one pipeline, and not one: on a
 * cluster they are on several servers.
 */
export class RedisStore {
  /** Says to Keyv that it need not be bridged: expiries come as instants. */
  readonly capabilities: { readonly expires: true } = { expires: true }
  readonly #options: RedisStoreOptions

  constructor(options: RedisStoreOptions) {
    this.#options = options
  }

  async get(key: string): Promise<KeyvValue<Buffer> | undefined> {
    const [value] = await this.getMany([key])
    return value
  }

  async getMany(keys: readonly string[]): Promise<(KeyvValue<Buffer> | undefined)[]> {
    const values = await this.#options.gate.ask(keys.length, i => this.#read(keys[i]!))
    return values.map(value => (value ? { value } : undefined))
  }

  /** @param expires by the wall clock; Redis is told how long that is. */
  async set(
    key: string,
    { value }: { readonly value: Buffer },
    expires: number | undefined,
  ): Promise<boolean> {
    const ttlMs = Math.ceil((expires ?? 0) - Date.now())
    if (!(ttlMs >= 1)) return false
    const { gate, redis } = this.#options
    const [done] = await gate.ask(1, () => redis.set(this.#keyOf(key), value, 'PX', ttlMs))
    return done !== undefined
  }

  async delete(key: string): Promise<boolean> {
    const { gate, redis } = this.#options
    const [count] = await gate.ask(1, () => redis.unlink(this.#keyOf(key)))
    return count === 1
  }

  async has(key: string): Promise<boolean> {
    const { gate, redis } = this.#options
    const [count] = await gate.ask(1, () => redis.exists(this.#keyOf(key)))
    return count === 1
  }

  /** What other gateways write meanwhile may stay. Rejects when a server does not answer. */
  async clear(): Promise<void> {
    const { redis, prefix } = this.#options
    const nodes = (redis.nodes?.('master') ?? [redis]) as unknown as readonly StoreNode[]
    const pattern = `${prefix.replace(/[*?[\]\\]/g, '\\$&')}*`
    await Promise.all(nodes.map(node => clearNode(node, pattern)))
  }

  async #read(key: string): Promise<Buffer | null> {
    const { redis, onForeign } = this.#options
    try {
      return await redis.getBuffer(this.#keyOf(key))
    } catch (reason) {
      if (!/^WRONGTYPE/.test((reason as Error).message)) throw reason
      onForeign?.()
      void this.delete(key)
      return null
    }
  }

  #keyOf(key: string): string {
    return this.#options.prefix + (key.length <= KEY_CHARS_MAX ? key : hash('sha256', key, 'base64url'))
  }
}

async function clearNode(node: StoreNode, pattern: string): Promise<void> {
  let cursor = '0'
  do {
    const [next, keys] = await node.scan(cursor, 'MATCH', pattern, 'COUNT', SCANNED_AT_ONCE)
    // One by one: the keys of one server of a cluster are of many slots.
    await Promise.all(keys.map(key => node.unlink(key)))
    cursor = next
  } while (cursor !== '0')
}
