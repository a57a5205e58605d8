import { type EventLoopUtilization, performance } from 'node:perf_hooks'
import { nowMs } from '../protocol/deadline.ts'

/** Between two looks; shorter ones would take a single turn of the event loop for the load. */
const LOOK_MS = 50

/** How busy this process is. */
export class ProcessLoad {
  #since: EventLoopUtilization = performance.eventLoopUtilization()
  #lookedMs = nowMs()
  #utilization = 0

  /** The event loop's, 0 to 1, of the time since it was asked before, or of some 50 ms: until then 0. */
  get utilization(): number {
    const atMs = nowMs()
    if (atMs - this.#lookedMs >= LOOK_MS) {
      const now = performance.eventLoopUtilization()
      this.#utilization = performance.eventLoopUtilization(now, this.#since).utilization
      this.#since = now
      this.#lookedMs = atMs
    }
    return this.#utilization
  }
}
