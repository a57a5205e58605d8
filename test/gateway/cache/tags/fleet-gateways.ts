import type { Moment } from '../../../../gateway/cache/entry.ts'
import {
  type FleetTags,
  type FleetTagsOptions,
  openFleetTags,
} from '../../../../gateway/cache/tags/fleet-tags.ts'
import { connectRedis, disconnectRedis } from '../../../../gateway/redis/redis-connection.ts'
import { silent, until } from '../../../harness/postgres.ts'

export interface FleetGateway extends AsyncDisposable {
  readonly tags: FleetTags
}

/** The tags of a gateway; it waits for as long as a busy machine needs, where a test does not say how long. */
export async function fleetGateway(
  url: string,
  options: Partial<Omit<FleetTagsOptions, 'redis'>> = {},
): Promise<FleetGateway> {
  const redis = connectRedis(url)
  const tags = await openFleetTags({ redis, logger: silent, waitMsMax: 5_000, beatMs: 50, ...options })
  return {
    tags,
    async [Symbol.asyncDispose]() {
      await tags.close()
      await disconnectRedis(redis)
    },
  }
}

export const carrying = (born: Moment, ...tags: string[]): { born: Moment; tags: readonly string[] } => ({
  born,
  tags,
})

export const listening = (...gateways: FleetTags[]): Promise<unknown> =>
  until('gateways that listen', () => gateways.every(({ isListening }) => isListening))

/** Resolves when `there` knows of all that `here` has invalidated by now: what is told later is heard later. */
export async function heard(here: FleetTags, there: FleetTags): Promise<void> {
  const probe = carrying(there.now(), 'Probe')
  await until('that Redis is told', async () => (await here.invalidate(['Probe'])) === 'fleet')
  await until('what one gateway invalidates at the other', () => there.isListening && !there.holds(probe))
}
