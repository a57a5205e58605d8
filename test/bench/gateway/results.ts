import type { Sample } from './measure.ts'
import type { MemoryGrowth } from './memory.ts'
import type { Latency } from './program.ts'
import type { Timed } from './timed.ts'
import type { WorldName } from './worlds.ts'

export interface LatencySample {
  readonly variant: string
  readonly round: number
  readonly perSecond: number
  readonly latency: Latency
}

export interface PlanSample {
  readonly world: WorldName
  readonly workload: string
  readonly planner: string
  readonly round: number
  readonly timed: Timed
}

export interface Results {
  readonly at: string
  readonly node: string
  readonly processor: string
  readonly tool: string
  readonly rounds: number
  readonly samples: readonly Sample[]
  readonly latencies: readonly LatencySample[]
  readonly plans: readonly PlanSample[]
  readonly memory: readonly MemoryGrowth[]
}
