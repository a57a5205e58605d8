import { expect, test } from 'vitest'
import { createMetrics } from '../../../gateway/telemetry/metrics.ts'
import { addSurgeMetrics, type LevelState } from '../../../gateway/telemetry/surge-metrics.ts'

const LEVELS = ['CALM', 'BUSY', 'SURGE', 'SHED'] as const

type Changing<State> = { -readonly [Name in keyof State]: State[Name] }

test('the level as measured and as it holds, what presses, and how often it changed', async () => {
  const metrics = createMetrics(() => [])
  const state: Changing<LevelState<(typeof LEVELS)[number]>> = {
    measured: 'BUSY',
    current: 'SHED',
    // 75 / 50, 0.45 / 0.9
    readings: [
      { name: 'convoy:coupon', value: 75, target: 50 },
      { name: 'eventLoopUtilization', value: 0.45, target: 0.9 },
    ],
    changesTo: level => LEVELS.indexOf(level) * 10,
  }
  addSurgeMetrics(metrics, LEVELS, state)
  const lines = async (): Promise<string[]> =>
    (await metrics.text()).split('\n').filter(line => line.startsWith('spillway_surge_'))
  expect(await lines()).toEqual([
    'spillway_surge_level{kind="measured"} 1',
    'spillway_surge_level{kind="current"} 3',
    'spillway_surge_pressure{reading="convoy:coupon"} 1.5',
    'spillway_surge_pressure{reading="eventLoopUtilization"} 0.5',
    'spillway_surge_level_changes_total{level="CALM"} 0',
    'spillway_surge_level_changes_total{level="BUSY"} 10',
    'spillway_surge_level_changes_total{level="SURGE"} 20',
    'spillway_surge_level_changes_total{level="SHED"} 30',
  ])
  // What is gone with a subgraph is not shown on.
  state.readings = []
  state.current = 'BUSY'
  expect(await lines()).not.toContainEqual(expect.stringContaining('spillway_surge_pressure'))
  expect(await lines()).toContain('spillway_surge_level{kind="current"} 1')
})
