import { z } from 'zod'
import type { OverrideStore } from './limit-overrides.ts'
import { redisSettings, type SettingsRedis } from './redis-settings.ts'

/** What overrides need of a Redis client, a cluster's too. */
export type OverrideRedis = SettingsRedis

const overrideSchema = z.object({
  perSecond: z.number().positive(),
  burst: z.number().positive(),
  setBy: z.string().max(200),
  setAt: z.string().max(40),
})

/** Overrides in a Redis that all gateways share, by the limit's id; what is there and is none is passed over. */
export function redisOverrides(redis: OverrideRedis): OverrideStore {
  return redisSettings({ redis, key: 'spillway:limit-overrides', schema: overrideSchema })
}
