import { z } from 'zod'
import type { LimitOverride, OverrideStore } from './limit-overrides.ts'

/** What overrides need of a Redis client, a cluster's too. */
export interface OverrideRedis {
  hgetall(key: string): Promise<Record<string, string>>
  hset(key: string, field: string, value: string): Promise<number>
  hsetnx(key: string, field: string, value: string): Promise<number>
}

/** One hash, one field a limit. */
const KEY = 'spillway:limit-overrides'
/** In the place of one that was taken back, so that nobody who has not heard of it puts it there again. */
const TAKEN_BACK = 'null'
/** Others may write there too. */
const OVERRIDES_MAX = 1_000

const overrideSchema = z.object({
  perSecond: z.number().positive(),
  burst: z.number().positive(),
  setBy: z.string().max(200),
  setAt: z.string().max(40),
})

/** Overrides in a Redis that all gateways share; what is there and is none is passed over. */
export function redisOverrides(redis: OverrideRedis): OverrideStore {
  return {
    async read() {
      const overrides = new Map<string, LimitOverride | undefined>()
      for (const [id, text] of Object.entries(await redis.hgetall(KEY)).slice(0, OVERRIDES_MAX))
        overrides.set(id, parse(text))
      return overrides
    },
    async write(id, override) {
      await redis.hset(KEY, id, override === undefined ? TAKEN_BACK : JSON.stringify(override))
    },
    async restore(id, override) {
      await redis.hsetnx(KEY, id, JSON.stringify(override))
    },
  }
}

function parse(text: string): LimitOverride | undefined {
  try {
    return overrideSchema.safeParse(JSON.parse(text)).data
  } catch {
    return undefined
  }
}
