import { AsyncLocalStorage } from 'node:async_hooks'
import type { DeadlineMs } from '../protocol/deadline.ts'
import type { Priority } from '../protocol/priority.ts'

/** For whom something is done, as far as it decides who waits for whom. */
export interface Urgency {
  readonly priority: Priority
  /** When nobody waits for it any more; infinite for what is finished once it has begun. */
  readonly deadlineMs: DeadlineMs
}

/** Of what no request asks for: sweeps, which finish orders, and whether the database can be asked at all. */
const OWN: Urgency = Object.freeze({ priority: 'PAY', deadlineMs: Number.POSITIVE_INFINITY })

/*
 * Carried beside the calls and not through them: between a resolver and the one place where callers wait for each other
 * lie loaders, stores and transactions, which have nothing to say about it. What gathers the work of several requests (a
 * convoy) says itself for whom it is done, since it runs in the name of whichever came by.
 */
const current = new AsyncLocalStorage<Urgency>()

/** Runs `work`, and whatever it begins, in the name of whoever asks for it. */
export const withUrgency = <T>(urgency: Urgency, work: () => T): T => current.run(urgency, work)

export const urgencyNow = (): Urgency => current.getStore() ?? OWN
