import { hash } from 'node:crypto'
import { Keyv } from 'keyv'
import type { RedisGate } from './redis-gate.ts'
import type { RedisRoom } from './redis-room.ts'
import { RedisStore, type StoreRedis } from './redis-store.ts'

/** Texts of operations by their SHA-256 in hex, that all gateways know. Nothing here rejects. */
export interface SharedTextStore {
  /** Whether it is worth asking. */
  readonly isUsable: boolean
  /** Resolves with the text, within the gate's time; `undefined`: it is not there, or Redis is not. */
  get(hash: string): Promise<string | undefined>
  /** Nobody waits for it. */
  set(hash: string, text: string): void
}

/** Of a text that nobody registers again. */
const TTL_MS = 24 * 60 * 60 * 1_000
const PREFIX = 'spillway:apq:'
/** What a text takes in Redis beside itself. */
const ENTRY_BYTES = 256

/** @param redis belongs to whoever made it: nothing here closes it. */
export function createSharedTexts(redis: StoreRedis, gate: RedisGate, room: RedisRoom): SharedTextStore {
  const store = new RedisStore({ redis, gate, prefix: PREFIX })
  const keyv = new Keyv<Buffer>({ store, serialization: false, checkExpired: false, ttl: TTL_MS })
  return {
    get isUsable() {
      return gate.isUsable
    },
    async get(key) {
      const text = (await keyv.get(key))?.toString()
      if (text === undefined || hash('sha256', text) === key) return text
      // Whoever wrote it, it is nothing that a client may be answered with.
      void keyv.delete(key)
      return undefined
    },
    set(key, text) {
      const bytes = Buffer.from(text)
      if (room.take(bytes.length + ENTRY_BYTES)) void keyv.set(key, bytes)
    },
  }
}
