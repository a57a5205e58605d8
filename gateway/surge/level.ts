/** How busy this gateway is, the calmest first. */
export const LEVELS = ['CALM', 'BUSY', 'SURGE', 'SHED'] as const
export type Level = (typeof LEVELS)[number]

/** A wait beside what it should be. */
export interface Reading {
  /** Such as `convoy:coupon`, `connections:payment` or `eventLoopDelay`. */
  readonly name: string
  /** Of the last period: a wait in milliseconds, a share from 0 to 1, or how many wait. */
  readonly value: number
  /** At which the reading alone makes it BUSY. */
  readonly target: number
  /** The highest level that it may raise. */
  readonly raises: Level
}

/** The level that an operator has pinned, in place of the measured one. */
export interface PinnedLevel {
  readonly level: Level
  /** The operator's client. */
  readonly setBy: string
  /** An instant as RFC 3339. */
  readonly setAt: string
}

/** Read once a request and more: {@link current} costs next to nothing. */
export interface SurgeLevel {
  /** The pinned one, else the measured one. */
  readonly current: Level
  readonly measured: Level
  readonly pinned: PinnedLevel | undefined
  /** The last ones, the one that presses most first. */
  readonly readings: readonly Reading[]
  /** Times that the measured level became this one. */
  changesTo(level: Level): number
  close(): void
}
