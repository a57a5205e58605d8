import { type EventLoopUtilization, performance } from 'node:perf_hooks'
import { nowMs } from '../../protocol/deadline.ts'
import type { SubgraphClient } from '../../protocol/subgraph-client.ts'
import type { Reading } from './level.ts'
import { watchLoopDelay } from './loop-delay.ts'

export interface PressureOptions {
  /** Those in use now. */
  readonly clients: () => Iterable<SubgraphClient>
  /** Texts that wait for a plan. */
  readonly plansPending: () => number
  /** Milliseconds that never go back. Default: this process's. */
  readonly clock?: () => number
}

/** What presses on a gateway: what {@link Reading}s are made of. */
export interface Pressure {
  /** Of the time since the last call: one caller only. */
  take(): readonly Reading[]
  close(): void
}

/** Within it whoever waits notices nothing: a fifth of what an admitted request may take. */
const WAIT_TARGET_MS = 50
/** Near 1 a process does what it can, and nobody need wait for it: no reason to refuse anything. */
const UTILIZATION_TARGET = 0.9
/** About 50 ms of planning, at 0.2 to 2 ms a text. What fills that queue is refused at SURGE; SHED would change nothing. */
const PLANS_TARGET = 50

/**
 * A subgraph that has answered nothing for so long, though somebody waits, is gone and not just busy: who asks others would
 * be refused and it not relieved. Measured with one that took every request and answered none: for the 13 s until its
 * breaker opened all that browsed was shed, whatever it asked for.
 */
const SILENT_MS = 1_000

/** What a client had counted when it was last asked. */
interface Waited {
  readonly items: number
  readonly waitedMs: number
  readonly answered: number | undefined
  /** When that was last another number, or nobody waited. */
  readonly heardMs: number
}

/**
 * The readings of this process: the wait for each subgraph, the event loop's delay and utilisation, and the planner's
 * queue. A wait is the longer of two: what the operations that left since the last call have waited on the average, which
 * misses none that is over by now, and the age of the oldest that waits still, which misses none that starves. An average,
 * and not the longest: one batch behind one slow answer is no pressure. A client without lanes has no reading. That of a
 * subgraph that answers nothing any more raises BUSY at most: its breaker is what helps.
 */
export function watchPressure({ clients, plansPending, clock = nowMs }: PressureOptions): Pressure {
  const delay = watchLoopDelay()
  const before = new WeakMap<SubgraphClient, Waited>()
  let utilization: EventLoopUtilization = performance.eventLoopUtilization()

  function readingOf(client: SubgraphClient): Reading | undefined {
    const { waitMs, items = 0, waitedMs = 0, answered } = client.stats ?? {}
    if (waitMs === undefined) return undefined
    const last = before.get(client)
    const atMs = clock()
    const isHeard = last === undefined || answered === undefined || answered !== last.answered || waitMs === 0
    const heardMs = isHeard ? atMs : last.heardMs
    before.set(client, { items, waitedMs, answered, heardMs })
    const left = items - (last?.items ?? 0)
    const value = left === 0 ? waitMs : Math.max(waitMs, (waitedMs - (last?.waitedMs ?? 0)) / left)
    const raises = atMs - heardMs < SILENT_MS ? 'SHED' : 'BUSY'
    return { name: `convoy:${client.name}`, value, target: WAIT_TARGET_MS, raises }
  }

  return {
    take() {
      const readings: Reading[] = []
      for (const client of clients()) {
        const reading = readingOf(client)
        if (reading !== undefined) readings.push(reading)
      }
      const lastUtilization = utilization
      utilization = performance.eventLoopUtilization()
      const { utilization: share } = performance.eventLoopUtilization(utilization, lastUtilization)
      readings.push(
        { name: 'eventLoopDelay', value: delay.take(), target: WAIT_TARGET_MS, raises: 'SHED' },
        { name: 'eventLoopUtilization', value: share, target: UTILIZATION_TARGET, raises: 'BUSY' },
        { name: 'plannerQueue', value: plansPending(), target: PLANS_TARGET, raises: 'SURGE' },
      )
      return readings
    },
    close: () => delay.close(),
  }
}
