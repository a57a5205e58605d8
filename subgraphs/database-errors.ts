import pg from 'pg'
import { Fault } from '../protocol/fault.ts'

/** Asking again sooner would find the database still restarting. */
const retryAfterMs = 1_000

/**
 * The connection broke after a write, or a COMMIT, had been sent: it may be durable or not. Only reading back, or
 * repeating it with the same ids, tells. A `Fault`, so that a resolver may let it pass.
 */
export class OutcomeUnknown extends Fault {
  constructor(what: string, cause: unknown) {
    super(
      'OUTCOME_UNKNOWN',
      `the database connection was lost during ${what}: it may or may not have taken effect; ask again`,
      {
        retryAfterMs,
        cause,
      },
    )
    this.name = 'OutcomeUnknown'
  }
}

/** The database could not do it, and certainly has not: unreachable, overloaded, or it gave up waiting and rolled back. */
export function databaseUnavailable(why: string, cause?: unknown): Fault {
  return new Fault('DATABASE_UNAVAILABLE', `the database is not available now (${why})`, {
    retryAfterMs,
    cause,
  })
}

/** The five characters of SQLSTATE, looked for behind our own faults too; undefined when PostgreSQL did not say it. */
export function sqlState(error: unknown): string | undefined {
  for (let seen = error; seen instanceof Error; seen = behind(seen)) {
    if (seen instanceof pg.DatabaseError) return seen.code
  }
  return undefined
}

/** SQLSTATE class 22 (data exception) or 23 (constraint): this row is bad, others of its batch may be good. */
export function isDataError(error: unknown): boolean {
  return /^2[23]/.test(sqlState(error) ?? '')
}

/**
 * Whether the session is gone. What it was doing has no known outcome, unless it had not been told to commit.
 * `query` and `transaction` have sorted that out: ask this only of errors that reach you inside a transaction's work.
 */
export function isConnectionLost(error: unknown): boolean {
  for (let seen = error; seen instanceof Error; seen = behind(seen)) {
    if (seen instanceof pg.DatabaseError) {
      // Class 08, and whatever ends the session: administrator, crash, idle timeouts.
      if (seen.severity === 'FATAL' || seen.severity === 'PANIC' || seen.code?.startsWith('08')) return true
    } else if (
      socketCodes.has((seen as NodeJS.ErrnoException).code ?? '') ||
      lostMessage.test(seen.message)
    ) {
      return true
    }
  }
  return false
}

/** The server gave up and rolled back, and the same may pass later: lock and statement timeout, deadlock, no room. */
export function isBusy(error: unknown): boolean {
  return /^(55P03|57014|40001|40P01|53...)$/.test(sqlState(error) ?? '')
}

/** pg's own refusal to send anything on a connection that it knows is broken: certainly not run. */
export function isNotSent(error: unknown): boolean {
  return error instanceof Error && error.message.endsWith('is not queryable')
}

/** PostgreSQL's words for a connection that it will go on refusing: no such database, wrong password, no right to it. */
export function connectionRefusal(error: unknown): string | undefined {
  return /^(3D000|28P01|28000)$/.test(sqlState(error) ?? '') ? rootCause(error) : undefined
}

/** What went wrong at first, in one line. */
export function rootCause(error: unknown): string {
  let root = error
  for (let next = error; next instanceof Error; next = behind(next)) root = next
  if (!(root instanceof Error)) return String(root)
  // A name with several addresses fails with all their errors together and no words of its own.
  return root.message || (root as NodeJS.ErrnoException).code || root.name
}

const behind = (error: Error): unknown =>
  (error as { originalError?: unknown }).originalError ?? (error.cause !== error ? error.cause : undefined)

const socketCodes = new Set([
  'ECONNRESET',
  'ECONNREFUSED',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOENT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ERR_STREAM_DESTROYED',
  'ERR_STREAM_WRITE_AFTER_END',
])

/** pg gives these no code. A read timeout counts: an answer may still come, and its connection is thrown away. */
const lostMessage = /^(Connection terminated|Query read timeout|timeout expired)|is not queryable$/
