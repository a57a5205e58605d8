import type { Logger } from 'pino'
import { z } from 'zod'
import { LEVELS, type PinnedLevel } from '../surge/level.ts'
import { createFleetSettings, type FleetSettings, type SettingScope } from './fleet-settings.ts'
import { redisSettings, type SettingsRedis } from './redis-settings.ts'

/** The level that an operator has pinned. */
export interface LevelPin {
  /** The one that holds; costs next to nothing. */
  readonly pinned: PinnedLevel | undefined
  /**
   * Holds in this process at once.
   * @param pinned undefined: what is measured holds again.
   * @returns whom it holds for by now; a fleet out of reach learns of it when it can.
   */
  set(pinned: PinnedLevel | undefined): Promise<SettingScope>
  /** For whom the next one would hold. */
  readonly scope: SettingScope
  close(): void
}

export interface LevelPinOptions {
  /** Where gateways share it. Default: it is this process's. */
  readonly redis?: SettingsRedis | undefined
  readonly logger: Logger
  /** Milliseconds; default: that of all settings. */
  readonly readEveryMs?: number
}

const KEY = 'spillway:level-pins'
const LEVEL = 'level'

const pinnedSchema = z.object({
  level: z.enum(LEVELS),
  setBy: z.string().max(200),
  setAt: z.string().max(40),
})

/** A level that operators pin: with Redis for the fleet, within a second, and until it is taken back. */
export function createLevelPin({ redis, logger, readEveryMs }: LevelPinOptions): LevelPin {
  const store = redis && redisSettings({ redis, key: KEY, schema: pinnedSchema })
  return new StoredPin(createFleetSettings({ store, what: 'pins of the level', logger, readEveryMs }))
}

class StoredPin implements LevelPin {
  readonly #settings: FleetSettings<PinnedLevel>
  #seen: FleetSettings<PinnedLevel>['known']
  #pinned: PinnedLevel | undefined

  constructor(settings: FleetSettings<PinnedLevel>) {
    this.#settings = settings
    this.#seen = settings.known
  }

  get pinned(): PinnedLevel | undefined {
    // Asked for by every request: what is known is looked into once.
    if (this.#settings.known !== this.#seen) {
      this.#seen = this.#settings.known
      this.#pinned = this.#seen.get(LEVEL)
    }
    return this.#pinned
  }

  set(pinned: PinnedLevel | undefined): Promise<SettingScope> {
    return this.#settings.set(LEVEL, pinned)
  }

  get scope(): SettingScope {
    return this.#settings.scope
  }

  close(): void {
    this.#settings.close()
  }
}
