import type { z } from 'zod'
import type { SettingStore } from './fleet-settings.ts'

/** What settings need of a Redis client, a cluster's too. */
export interface SettingsRedis {
  hgetall(key: string): Promise<Record<string, string>>
  hset(key: string, field: string, value: string): Promise<number>
  hsetnx(key: string, field: string, value: string): Promise<number>
}

export interface RedisSettingsOptions<Setting> {
  readonly redis: SettingsRedis
  /** Of one hash, with one field a setting. */
  readonly key: string
  readonly schema: z.ZodType<Setting>
}

/** In the place of one that was taken back, so that nobody who has not heard of it puts it there again. */
const TAKEN_BACK = 'null'
/** Others may write there too. */
const SETTINGS_MAX = 1_000

/** Settings of one kind in a Redis that all gateways share; what is there and is none is passed over. */
export function redisSettings<Setting>(options: RedisSettingsOptions<Setting>): SettingStore<Setting> {
  const { redis, key, schema } = options
  return {
    async read() {
      const settings = new Map<string, Setting | undefined>()
      for (const [id, text] of Object.entries(await redis.hgetall(key)).slice(0, SETTINGS_MAX))
        settings.set(id, parse(schema, text))
      return settings
    },
    async write(id, setting) {
      await redis.hset(key, id, setting === undefined ? TAKEN_BACK : JSON.stringify(setting))
    },
    async restore(id, setting) {
      await redis.hsetnx(key, id, JSON.stringify(setting))
    },
  }
}

function parse<Setting>(schema: z.ZodType<Setting>, text: string): Setting | undefined {
  try {
    return schema.safeParse(JSON.parse(text)).data
  } catch {
    return undefined
  }
}
