import { type DeadlineMs, remainingMs } from '../../protocol/deadline.ts'
import { Fault } from '../../protocol/fault.ts'

const RETRY_AFTER_MS = 1_000

/** Node's timers end there, and turn anything longer into 1 ms. */
const TIMER_MS_MAX = 2 ** 31 - 1

/** There is no plan yet; what it is refused for says nothing of the operation. */
export const cannotPlanNow = (why: string): Fault =>
  new Fault('OVERLOADED', `The operation cannot be planned now: ${why}`, { retryAfterMs: RETRY_AFTER_MS })

/**
 * What is being planned, or compiled of a plan, for one of those who wait for it. It goes on without whoever has run out
 * of time: others may wait for it, and who asks again finds it made.
 * Rejects with Fault OVERLOADED at the deadline, else as `planning` does.
 */
export function plannedBy<Planned>(planning: Promise<Planned>, deadlineMs: DeadlineMs): Promise<Planned> {
  if (deadlineMs === Number.POSITIVE_INFINITY) return planning
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(cannotPlanNow('expected a plan by the deadline, got none')),
      Math.min(Math.ceil(remainingMs(deadlineMs)), TIMER_MS_MAX),
    )
    planning.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
