import { Fault } from '../../protocol/fault.ts'
import { sqlState } from '../database.ts'
import { checkText, type StoredOutcome, sha256 } from './order.ts'
import type { KnownKey } from './store.ts'

/**
 * The Agentic Commerce Protocol's rules: same key and body → the same outcome; other body → a conflict; in flight → 409
 * with Retry-After. A key's row is written by the statement that starts its effect and completed by the statement that
 * ends it, and the effect is an order that the sweep finishes: a key in flight is never stuck.
 */
export interface Key {
  readonly key: string
  /** Of the canonical input without the key. */
  readonly bodySha256: string
}

const KEY_CHARACTERS_MAX = 128
/** What a caller waits while its own earlier request is at work. */
const IN_FLIGHT_RETRY_MS = 1_000

/** @throws Fault BAD_INPUT for a key that is empty, over 128 characters, or holds NUL or lone surrogates */
export function keyOf(given: string | null | undefined, derived: string, body: object): Key {
  if (given != null) checkText('idempotencyKey', given, KEY_CHARACTERS_MAX)
  return { key: given ?? derived, bodySha256: sha256(body) }
}

/**
 * The outcome to tell again; `conflict` when the key stood for something else.
 * @throws Fault IDEMPOTENCY_IN_FLIGHT while there is no outcome yet
 */
export function replay(known: KnownKey, key: Key): StoredOutcome | 'conflict' {
  if (known.bodySha256 !== key.bodySha256) return 'conflict'
  if (known.outcome === null) {
    throw new Fault(
      'IDEMPOTENCY_IN_FLIGHT',
      'an earlier request with this idempotency key is still at work',
      {
        retryAfterMs: IN_FLIGHT_RETRY_MS,
      },
    )
  }
  return known.outcome
}

/** What `act` answers; undefined when it failed because the key, or what it would have made, exists already. */
export async function unlessTaken<T>(act: () => Promise<T>): Promise<T | undefined> {
  try {
    return await act()
  } catch (error) {
    if (sqlState(error) === UNIQUE_VIOLATION) return undefined
    throw error
  }
}

const UNIQUE_VIOLATION = '23505'
