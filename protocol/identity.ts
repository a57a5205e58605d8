import { createHmac, hash, timingSafeEqual } from 'node:crypto'
import type { Caller } from './caller.ts'
import { callerText } from './caller-text.ts'
import { Fault } from './fault.ts'
import { parseCaller } from './parse-caller.ts'

/**
 * Who a request to a subgraph acts for, signed by whoever sends it:
 *
 *     spillway-identity: v1.<base64url JSON {caller, exp, bodySha256}>.<base64url HMAC-SHA256 of all before the last dot>
 *
 * `exp` is in whole seconds since 1970, `bodySha256` is base64url. A signature is good for one body only. The version is
 * inside what is signed and names the one algorithm: there is no algorithm to choose.
 */
export const IDENTITY_HEADER = 'spillway-identity'

/** How long a signature is good. With {@link EXPIRES_IN_SECONDS_MAX} it bears clocks 10 s behind and 20 s ahead. */
export const EXPIRES_IN_SECONDS = 20

/** The furthest expiry that is believed. */
const EXPIRES_IN_SECONDS_MAX = 30

const VERSION = 'v1'
const HEADER_CHARS_MAX = 16 * 1024
/** One bound for the one key that gateway and subgraphs share. */
export const IDENTITY_KEY_CHARS_MIN: number = 32
const BASE64URL = /^[A-Za-z0-9_-]+$/

/** Milliseconds since 1970; `Date.now` outside tests. */
export type WallClock = () => number

/** The header's value for this body. @throws RangeError for a key under 32 characters. */
export function signIdentity(
  body: string | Uint8Array,
  caller: Caller,
  key: string,
  clock: WallClock = Date.now,
): string {
  assertIdentityKey(key)
  const exp = Math.ceil(clock() / 1_000) + EXPIRES_IN_SECONDS
  const payload = `{"caller":${callerText(caller)},"exp":${exp},"bodySha256":"${sha256(body)}"}`
  const signed = `${VERSION}.${Buffer.from(payload).toString('base64url')}`
  return `${signed}.${mac(signed, key).toString('base64url')}`
}

/**
 * The caller that the header proves for this body.
 * @param keys the current key, and the previous one while keys are being changed; any may have signed.
 * @throws Fault UNAUTHENTICATED, whose `details.reason` is missing | malformed | version | signature | expired | expiry | body | caller.
 */
export function verifyIdentity(
  header: string | undefined,
  body: string | Uint8Array,
  keys: readonly string[],
  clock: WallClock = Date.now,
): Caller {
  if (header === undefined || header === '')
    throw refused('missing', `expected the header ${IDENTITY_HEADER}, got none`)
  const parts = header.length <= HEADER_CHARS_MAX ? header.split('.') : []
  const [version, payload, signature] = parts
  if (parts.length !== 3 || payload === undefined || signature === undefined || !BASE64URL.test(payload)) {
    throw refused('malformed', `expected ${VERSION}.<payload>.<signature>`)
  }
  if (version !== VERSION) throw refused('version', `expected version ${VERSION}`)
  const given = Buffer.from(signature, 'base64url')
  // One signature has one spelling: base64url would also read padded and otherwise sloppy text.
  if (given.toString('base64url') !== signature)
    throw refused('malformed', 'expected the signature in base64url')
  if (!isSignedByAny(`${version}.${payload}`, given, keys))
    throw refused('signature', 'no key of ours signed it')

  // Ours from here on: what fails now was signed by a sender that is wrong, late or replayed.
  const claims = parsePayload(payload)
  const nowSeconds = clock() / 1_000
  if (typeof claims.exp !== 'number' || claims.exp > nowSeconds + EXPIRES_IN_SECONDS_MAX) {
    throw refused('expiry', `expected exp within ${EXPIRES_IN_SECONDS_MAX} s from now`)
  }
  if (claims.exp <= nowSeconds) {
    throw refused('expired', `it expired ${Math.ceil(nowSeconds - claims.exp)} s ago`)
  }
  if (claims.bodySha256 !== sha256(body)) throw refused('body', 'it was signed for another body')
  try {
    return parseCaller(claims.caller)
  } catch (cause) {
    throw refused('caller', (cause as Error).message)
  }
}

/** @throws RangeError for a key too short to be a secret. The key itself is never shown. */
export function assertIdentityKey(key: string): void {
  if (key.length < IDENTITY_KEY_CHARS_MIN) {
    throw new RangeError(
      `expected an identity key of at least ${IDENTITY_KEY_CHARS_MIN} characters, got ${key.length}`,
    )
  }
}

function isSignedByAny(signed: string, given: Buffer, keys: readonly string[]): boolean {
  let isSigned = false
  // No early exit: the time taken must not say which key is in use.
  for (const key of keys) {
    const wanted = mac(signed, key)
    if (wanted.length === given.length && timingSafeEqual(wanted, given)) isSigned = true
  }
  return isSigned
}

function parsePayload(payload: string): { caller?: unknown; exp?: unknown; bodySha256?: unknown } {
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString())
    if (typeof claims === 'object' && claims !== null) return claims
  } catch {
    // Falls through: one refusal for all that is not an object.
  }
  throw refused('malformed', 'expected the payload to be a JSON object')
}

const mac = (signed: string, key: string): Buffer => createHmac('sha256', key).update(signed).digest()

const sha256 = (body: string | Uint8Array): string => hash('sha256', body, 'base64url')

function refused(reason: string, message: string): Fault {
  return new Fault('UNAUTHENTICATED', `identity refused (${reason}): ${message}`, { details: { reason } })
}
