import type { Logger } from 'pino'
import { createLevelPin, type LevelPin } from './control/level-pin.ts'
import type { SettingsRedis } from './control/redis-settings.ts'
import { planHost } from './execution/plan-host.ts'
import { type Pressure, type PressureOptions, watchPressure } from './surge/pressure.ts'
import { createSurgeLevel, type SampledSurgeLevel } from './surge/surge-level.ts'

/** How busy the gateway is, and who says so. */
export interface LevelControl {
  readonly level: SampledSurgeLevel
  readonly pin: LevelPin
  /** Measures from now on; what was before, as the work of loading, counts for nothing. */
  watch(watched: Pick<PressureOptions, 'clients' | 'runQueue'>): void
  close(): void
}

export interface LevelControlOptions {
  /** `false`: it is CALM unless an operator pins another level. */
  readonly measures: boolean
  /** Where gateways share what is pinned. Default: it is this process's. */
  readonly redis?: SettingsRedis | undefined
  readonly logger: Logger
}

/** There before the graph is, and CALM until it is told to watch: what is kept of answers looks at it. */
export function createLevelControl({ measures, redis, logger }: LevelControlOptions): LevelControl {
  let pressure: Pressure | undefined
  const pin = createLevelPin({ redis, logger })
  const level = createSurgeLevel({
    readings: () => pressure?.take() ?? [],
    pinned: () => pin.pinned,
    logger,
  })
  return {
    level,
    pin,
    watch({ clients, runQueue }) {
      if (!measures || pressure !== undefined) return
      pressure = watchPressure({ clients, runQueue, plansPending: () => planHost.pending })
      // What the clients have counted so far is where counting begins.
      pressure.take()
    },
    close() {
      level.close()
      pin.close()
      pressure?.close()
    },
  }
}
