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
  return new MeasuredLevel(options)
}

/** A class for `current`, read several times a request: 3 ns pin included, an object with getters 40 ns. */
class MeasuredLevel implements SampledSurgeLevel {
  readonly #options: SurgeLevelOptions
  readonly #pinned: () => PinnedLevel | undefined
  readonly #meter: LevelMeter
  readonly #clock: () => number
  readonly #changes = new Map<Level, number>()
  readonly #timer: NodeJS.Timeout
  #measured: Level = 'CALM'
  #readings: readonly Reading[] = []
  #hasFailed = false

  constructor(options: SurgeLevelOptions) {
    this.#options = options
    this.#pinned = options.pinned ?? (() => undefined)
    this.#clock = options.clock ?? nowMs
    this.#meter = new LevelMeter(options.settings)
    this.#timer = setInterval(() => this.sample(), options.sampleEveryMs ?? SAMPLE_EVERY_MS).unref()
  }

  get current(): Level {
    return this.#pinned()?.level ?? this.#measured
  }

  get measured(): Level {
    return this.#measured
  }

  get pinned(): PinnedLevel | undefined {
    return this.#pinned()
  }

  get readings(): readonly Reading[] {
    return this.#readings
  }

  changesTo(level: Level): number {
    return this.#changes.get(level) ?? 0
  }

  sample(): void {
    this.#readings = this.#read()
    const from = this.#measured
    const to = this.#meter.take(this.#readings, this.#clock())
    if (to === from) return
    this.#measured = to
    this.#changes.set(to, this.changesTo(to) + 1)
    // BUSY refuses nobody, and neither does any way down.
    const isAlarming = to !== 'BUSY' && LEVELS.indexOf(to) > LEVELS.indexOf(from)
    this.#options.logger[isAlarming ? 'warn' : 'info'](
      { from, to, worst: this.#readings[0] },
      'level changed',
    )
  }

  close(): void {
    clearInterval(this.#timer)
  }

  #read(): readonly Reading[] {
    try {
      return this.#options.readings().toSorted((one, other) => pressureOf(other) - pressureOf(one))
    } catch (error) {
      // A timer's exception would end the process, and a level without readings goes down.
      if (!this.#hasFailed) this.#options.logger.error({ err: error }, 'the level has no readings')
      this.#hasFailed = true
      return []
    }
  }
}
