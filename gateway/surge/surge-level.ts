import type { Logger } from 'pino'
import { nowMs } from '../../protocol/deadline.ts'
import { LEVELS, type Level, type PinnedLevel, type Reading, type SurgeLevel } from './level.ts'
import { LevelMeter, type LevelSettings, pressureOf } from './level-meter.ts'

export interface SurgeLevelOptions {
  /** Asked for at every sample: what the time since the last one was like. One that throws has none. */
  readonly readings: () => readonly Reading[]
  /** Asked for at every request: it must cost next to nothing. Default: nobody pins. */
  readonly pinned?: () => PinnedLevel | undefined
  /** Told of every change of the measured level. */
  readonly logger: Logger
  /** Default: {@link DEFAULT_LEVEL_SETTINGS}. */
  readonly settings?: LevelSettings | undefined
  /** Default {@link SAMPLE_EVERY_MS}. */
  readonly sampleEveryMs?: number | undefined
  /** Milliseconds that never go back. Default: this process's. */
  readonly clock?: () => number
}

export interface SampledSurgeLevel extends SurgeLevel {
  /** Takes a sample now, beside those of the timer. */
  sample(): void
}

/** Two samples, 0.4 s, are all that the first second of a rush may have before somebody notices. */
const SAMPLE_EVERY_MS = 200

/**
 * How busy this gateway is: measured, and in its place what an operator has pinned, of which measuring takes no notice.
 * Sampled by a timer that keeps no process alive.
 * @throws RangeError for settings that contradict themselves.
 */
export function createSurgeLevel(options: SurgeLevelOptions): SampledSurgeLevel {
  const { readings, pinned, logger, settings, sampleEveryMs = SAMPLE_EVERY_MS, clock = nowMs } = options
  const meter = new LevelMeter(settings)
  const changes = new Map<Level, number>(LEVELS.map(level => [level, 0]))
  let measured: Level = meter.level
  let last: readonly Reading[] = []
  let hasFailed = false

  function read(): readonly Reading[] {
    try {
      return readings().toSorted((one, other) => pressureOf(other) - pressureOf(one))
    } catch (error) {
      // A timer's exception would end the process, and a level without readings goes down.
      if (!hasFailed) logger.error({ err: error }, 'the level has no readings')
      hasFailed = true
      return []
    }
  }

  function sample(): void {
    last = read()
    const from = measured
    const to = meter.take(last, clock())
    if (to === from) return
    measured = to
    changes.set(to, changes.get(to)! + 1)
    const isUp = LEVELS.indexOf(to) > LEVELS.indexOf(from)
    logger[isUp ? 'warn' : 'info']({ from, to, worst: last[0] }, 'level changed')
  }

  const timer = setInterval(sample, sampleEveryMs).unref()

  return {
    get current() {
      return pinned?.()?.level ?? measured
    },
    get measured() {
      return measured
    },
    get pinned() {
      return pinned?.()
    },
    get readings() {
      return last
    },
    changesTo: level => changes.get(level)!,
    sample,
    close: () => clearInterval(timer),
  }
}
