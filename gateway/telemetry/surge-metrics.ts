import type { Metrics } from './metrics.ts'

/** The level, looked at when `/metrics` is. */
export interface LevelState<Level extends string> {
  readonly current: Level
  readonly measured: Level
  readonly readings: readonly { readonly name: string; readonly value: number; readonly target: number }[]
  /** Times that the measured level became this one. */
  changesTo(level: Level): number
}

/** Adds how busy the gateway is, and what presses on it. @param levels all there are, the calmest first. */
export function addSurgeMetrics<Level extends string>(
  metrics: Metrics,
  levels: readonly Level[],
  state: LevelState<Level>,
): void {
  const numberOf = (level: Level): number => levels.indexOf(level)
  metrics.exposeLevelBy(
    'spillway_surge_level',
    `How busy the gateway is, from 0 (${levels[0]}) to ${levels.length - 1} (${levels.at(-1)}): as measured, and as it holds, pinned or not.`,
    ['kind'],
    () => [
      { labels: { kind: 'measured' }, value: numberOf(state.measured) },
      { labels: { kind: 'current' }, value: numberOf(state.current) },
    ],
  )
  metrics.exposeLevelBy(
    'spillway_surge_pressure',
    'What presses on the gateway, over its target; from 1 on it is busy.',
    ['reading'],
    () =>
      state.readings.map(({ name, value, target }) => ({ labels: { reading: name }, value: value / target })),
  )
  metrics.exposeBy(
    'spillway_surge_level_changes_total',
    'Times that the measured level became this one.',
    ['level'],
    () => levels.map(level => ({ labels: { level }, value: state.changesTo(level) })),
  )
}
