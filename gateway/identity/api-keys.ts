import { hash, randomBytes } from 'node:crypto'
import { ANONYMOUS, type Caller, type Tier } from '../../protocol/caller.ts'
import { Fault } from '../../protocol/fault.ts'
import { parseCaller } from '../../protocol/parse-caller.ts'

/** A partner's key as the gateway keeps it: never the key itself. A partner may have several, to change them. */
export interface PartnerKey {
  /** The partner's name. */
  readonly client: string
  /** SHA-256 of the key, lower-case hex. */
  readonly keySha256: string
  readonly tier: Tier
  /** What it may do by itself, without a shopper's token. Default: nothing. */
  readonly scopes?: readonly string[] | undefined
  /** ISO 8601; from then on it is refused. Default: never. */
  readonly expiresAt?: string | undefined
}

export interface ApiKeys {
  /**
   * The caller that a request has by its key: by the key alone, or the token's with the partner's name and tier. A
   * Fault (UNAUTHENTICATED) for a key that is malformed, unknown or expired. The same caller is the same object.
   * @param byToken `ANONYMOUS`: there is no token.
   */
  callerBy(key: string | readonly string[], byToken: Caller): Caller | Fault
}

/** 32 random bytes or more. */
const KEY = /^spk_[\w-]{43,172}$/
const KEY_BYTES = 32

interface Known {
  readonly caller: Caller
  readonly expiresAtMs: number
}

interface Combined {
  readonly known: Known
  readonly caller: Caller
}

/**
 * A key is looked up by its hash, which takes as long whatever the key is.
 * @param clock milliseconds since 1970; `Date.now` outside tests.
 * @throws TypeError naming the partner whose entry is wrong; Error for a key that is there twice.
 */
export function createApiKeys(partners: readonly PartnerKey[], clock: () => number = Date.now): ApiKeys {
  const bySha256 = new Map<string, Known>()
  for (const partner of partners) {
    const { client, keySha256 } = partner
    if (bySha256.has(keySha256)) throw new Error(`partners: the key of ${client} is there twice`)
    bySha256.set(keySha256, knownOf(partner))
  }
  /** By the token's caller: with the key that it came with last. */
  const combined = new WeakMap<Caller, Combined>()

  return {
    callerBy(key, byToken) {
      if (typeof key !== 'string' || !KEY.test(key))
        return refuse('it is malformed: expected one, "spk_" and at least 43 letters, digits, "-" or "_"')
      const known = bySha256.get(sha256Of(key))
      if (known === undefined) return refuse('nobody has it')
      if (known.expiresAtMs <= clock()) return refuse('it has expired')
      if (byToken === ANONYMOUS) return known.caller
      const last = combined.get(byToken)
      if (last?.known === known) return last.caller
      const { client, tier } = known.caller
      const caller = Object.freeze({ ...byToken, client, tier })
      combined.set(byToken, { known, caller })
      return caller
    },
  }
}

/** A new key, to be given to the partner and kept nowhere. */
export function mintApiKey(): string {
  return `spk_${randomBytes(KEY_BYTES).toString('base64url')}`
}

/** What is kept of a key. */
export function sha256Of(key: string): string {
  return hash('sha256', key, 'hex')
}

function knownOf({ client, tier, scopes = [], expiresAt }: PartnerKey): Known {
  const caller = Object.freeze(parseCaller({ kind: 'anonymous', client, scopes: [...scopes], tier }))
  const expiresAtMs = expiresAt === undefined ? Infinity : Date.parse(expiresAt)
  if (!Number.isNaN(expiresAtMs)) return { caller, expiresAtMs }
  throw new TypeError(`partners: expected expiresAt of ${client} to be an instant, got ${expiresAt}`)
}

/** What is said of a key never shows it. */
function refuse(reason: string): Fault {
  return new Fault('UNAUTHENTICATED', `the API key is refused: ${reason}`, {
    details: { reason: 'invalid_api_key' },
  })
}
