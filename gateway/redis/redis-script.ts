import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Redis } from 'ioredis'
import type { RedisClient } from './redis-connection.ts'

/** A Lua file. Both ways of running it reject with the server's or the connection's error. */
export interface RedisScript {
  /**
   * By its hash, together with what else leaves in this turn of the event loop. By its text where the server does not
   * know it (a new one, a restarted one, another master of the cluster), and where a slot has moved: ioredis follows it
   * there for a command alone, not for one among others.
   */
  run(redis: RedisClient, keys: readonly string[], args: readonly Argument[]): Promise<unknown>
  /** By its text and alone, so that it waits for nothing that is under way. */
  runAlone(redis: RedisClient, keys: readonly string[], args: readonly Argument[]): Promise<unknown>
}

type Argument = string | number

/** @throws Error when there is no such file. */
export function loadScript(file: URL): RedisScript {
  const text = readFileSync(file, 'utf8')
  const hash = createHash('sha1').update(text).digest('hex')
  // Both clients have these commands; their union is not callable.
  const runAlone = async (redis: RedisClient, keys: readonly string[], args: readonly Argument[]) =>
    await (redis as Redis).eval(text, keys.length, ...keys, ...args)
  return {
    async run(redis, keys, args) {
      try {
        return await (redis as Redis).evalsha(hash, keys.length, ...keys, ...args)
      } catch (error) {
        // Nothing has been carried out.
        if (error instanceof Error && /^(NOSCRIPT|MOVED|ASK|TRYAGAIN) /.test(error.message)) {
          return await runAlone(redis, keys, args)
        }
        throw error
      }
    },
    runAlone,
  }
}
