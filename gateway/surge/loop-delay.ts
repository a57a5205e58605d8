import { nowMs } from '../../protocol/deadline.ts'

/** How late the event loop comes to what is due. */
export interface LoopDelay {
  /** The longest delay since the last call, in milliseconds. */
  take(): number
  close(): void
}

/** Delays of less than this may be missed, and a longer one may be told shorter by as much. */
const TICK_MS = 20

/**
 * A timer that measures how late it is, 50 times a second, by a process that it does not keep alive.
 *
 * Not `perf_hooks.monitorEventLoopDelay`: its `reset`, without which there is no period, also forgets when the last tick
 * was, so that what holds the loop from there to the next tick is in no histogram. Measured on Node 24, 100 ms of work
 * just after a reset: a maximum of 10 ms, which is its own resolution, against 100 ms here. A timer that reads it is just
 * when a busy process begins on what came in meanwhile.
 *
 * A period of 200 ms has ten ticks at most: the longest delay is their 99th percentile.
 */
export function watchLoopDelay(tickMs: number = TICK_MS): LoopDelay {
  let dueMs = nowMs() + tickMs
  let longestMs = 0
  const look = (): void => {
    const atMs = nowMs()
    longestMs = Math.max(longestMs, atMs - dueMs)
    dueMs = atMs + tickMs
  }
  const timer = setInterval(look, tickMs).unref()
  return {
    take() {
      // Whoever takes may be a timer that came before this one, as late.
      look()
      const takenMs = longestMs
      longestMs = 0
      return takenMs
    },
    close: () => clearInterval(timer),
  }
}
