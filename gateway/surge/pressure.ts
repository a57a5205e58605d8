import { type EventLoopUtilization, performance } from 'node:perf_hooks'
import { nowMs } from '../../protocol/deadline.ts'
import type { QueueStats, SubgraphClient } from '../../protocol/subgraph-client.ts'
import type { Level, Reading } from './level.ts'
import { watchLoopDelay } from './loop-delay.ts'

export interface PressureOptions {
  /** Those in use now. */
  readonly clients: () => Iterable<SubgraphClient>
  /** Requests that wait to be started. */
  readonly runQueue: () => QueueStats
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
 * A queue that nobody has left for so long, though somebody waits, stands and is not just long: who asks elsewhere would be
 * refused and it not relieved. Measured with a subgraph that took every request and answered none: for the 13 s until its
 * breaker opened all that browsed was shed, whatever it asked for.
 */
const SILENT_MS = 1_000

/** What a queue had counted when it was last looked at. */
interface Looked {
  readonly left: number
  readonly waitedMs: number
  readonly moved: number | undefined
  /** When that was last another number, or nobody waited. */
  readonly movedMs: number
}

/**
 * The readings of this process: the wait for each subgraph and, where it is in this process, in its own queues (for a
 * connection to PostgreSQL, for a batch of claims); the wait to be started, the event loop's delay and utilisation, and the
 * planner's queue. A wait is the longer of two: what those that left since the last call have waited on the average, which misses none that is over
 * by now, and the age of the oldest that waits still, which misses none that starves. An average, and not the longest: one
 * batch behind one slow answer is no pressure. Nobody waits: 0. A client without lanes has no reading of its own.
 *
 * What stands still sheds nobody. That of a subgraph that answers nothing any more raises BUSY at most: its breaker is
 * what helps. A queue inside one has none: SURGE, at which what is kept serves for longer.
 */
export function watchPressure(options: PressureOptions): Pressure {
  const { clients, runQueue, plansPending, clock = nowMs } = options
  const delay = watchLoopDelay()
  const ofOwn = new Map<string, Looked>()
  const before = new WeakMap<SubgraphClient, Map<string, Looked>>()
  let utilization: EventLoopUtilization = performance.eventLoopUtilization()

  /** @param moved what goes up as long as it does not stand still; `undefined`: nobody can tell. */
  function readingOf(
    looked: Map<string, Looked>,
    name: string,
    { waitMs, left, waitedMs, targetMs: target = WAIT_TARGET_MS }: QueueStats,
    moved: number | undefined,
    standing: Level,
  ): Reading {
    const last = looked.get(name)
    const atMs = clock()
    const isMoving = last === undefined || moved === undefined || moved !== last.moved || waitMs === 0
    const movedMs = isMoving ? atMs : last.movedMs
    looked.set(name, { left, waitedMs, moved, movedMs })
    const count = left - (last?.left ?? 0)
    const value = count === 0 ? waitMs : Math.max(waitMs, (waitedMs - (last?.waitedMs ?? 0)) / count)
    return { name, value, target, raises: atMs - movedMs < SILENT_MS ? 'SHED' : standing }
  }

  function addReadings(readings: Reading[], client: SubgraphClient): void {
    const { stats } = client
    if (stats === undefined) return
    const looked = before.get(client) ?? new Map<string, Looked>()
    before.set(client, looked)
    const { waitMs, items: left = 0, waitedMs = 0, answered, queues } = stats
    if (waitMs !== undefined) {
      const lanes = { waitMs, left, waitedMs }
      readings.push(readingOf(looked, `convoy:${client.name}`, lanes, answered, 'BUSY'))
    }
    if (queues === undefined) return
    for (const [name, queue] of queues)
      readings.push(readingOf(looked, `${name}:${client.name}`, queue, queue.left, 'SURGE'))
  }

  return {
    take() {
      const readings: Reading[] = []
      for (const client of clients()) addReadings(readings, client)
      readings.push(readingOf(ofOwn, 'runQueue', runQueue(), undefined, 'SHED'))
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
