import type { Logger } from 'pino'
import type { IdentityRefusal } from '../../protocol/http-answer.ts'

/** Told whenever a subgraph refuses who the gateway says that it is. */
export type IdentityAlarm = (subgraph: string, refusal: IdentityRefusal) => void

/** A wrong key refuses every request: one line a subgraph in this time says it all. */
const QUIET_MS = 60_000

/** What each reason of `verifyIdentity` means to whoever has set the keys. */
const MEANINGS: Readonly<Record<string, string>> = {
  __proto__: null as never,
  signature: 'its IDENTITY_KEY differs from ours',
  missing: 'it has an IDENTITY_KEY and we have none',
  expired: 'its clock and ours differ',
  expiry: 'its clock and ours differ',
}

/**
 * Logs an error for it, at most one a minute a subgraph. Only the log says why: a client is told that there was no answer.
 * @param clock milliseconds since 1970; `Date.now` outside tests.
 */
export function createIdentityAlarm(logger: Logger, clock: () => number = Date.now): IdentityAlarm {
  const quietUntilMs = new Map<string, number>()
  return (subgraph, { status, reason, message }) => {
    const nowMs = clock()
    if (nowMs < (quietUntilMs.get(subgraph) ?? 0)) return
    quietUntilMs.set(subgraph, nowMs + QUIET_MS)
    const meaning = MEANINGS[reason ?? ''] ?? message ?? 'it gave no reason'
    logger.error({ subgraph, status }, `${subgraph} refused our identity: ${meaning}`)
  }
}
