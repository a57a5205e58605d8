/**
 * A deadline is an instant on this process's monotonic clock (`performance.now()`, milliseconds), so that a step of
 * the wall clock moves no deadline. Between processes the time that remains travels instead.
 */
export type DeadlineMs = number

export const nowMs = (): DeadlineMs => performance.now()

export const deadlineIn = (remainingMs: number): DeadlineMs => nowMs() + remainingMs

/** Time left, never negative, in milliseconds. */
export const remainingMs = (deadlineMs: DeadlineMs): number => Math.max(0, deadlineMs - nowMs())
