import { createHmac, createSecretKey, hkdfSync, type KeyObject, timingSafeEqual } from 'node:crypto'
import { assertIdentityKey } from '../../protocol/identity.ts'
import type { Place } from './lines.ts'

/** What a shown token is found to be. `FOREIGN`: another caller's or line's, or another key's. */
export type PlaceTokenProblem = 'MALFORMED' | 'FOREIGN'

/** Signs places, so that a caller can show one to a gateway, or a line, that knows nothing of it. */
export interface PlaceTokens {
  /**
   * The promised instant is rounded up to a whole millisecond.
   * @param lineKey of the bucket that is the line.
   * @param caller as the line knows it.
   * @throws RangeError for an epoch that is none, and for instants that are not finite: both are ours.
   */
  sign(place: Place, lineKey: string, caller: string): string
  /** Whether it is expired, or was honoured before, only the line can tell. Never throws. */
  read(token: string, lineKey: string, caller: string): Place | PlaceTokenProblem
}

const VERSION = 'p1'
/** Keys are made for one purpose each: what is signed with the same secret elsewhere means nothing here. */
const KEY_LABEL = 'spillway place token p1'
/** 128 bits and some: as much as 22 characters of base64url hold. */
const MAC_CHARS = 22
/** Two instants of at most 12 characters, an epoch of 16, the MAC, and what stands around them. */
const TOKEN_CHARS_MAX = 68
const EPOCH = /^[A-Za-z0-9_-]{1,16}$/
const TOKEN = /^p1\.([A-Za-z0-9_-]{1,16})\.(-?[0-9a-z]{1,11})\.(-?[0-9a-z]{1,11})\.([A-Za-z0-9_-]{22})$/

/**
 * A token is as short as it can be, for language models copy it by hand:
 *
 *     p1.<epoch>.<instantMs in base 36>.<shiftMs in base 36>.<HMAC-SHA-256 of that, the line and the caller, cut to 132 bits>
 *
 * Signing or reading one takes 5 to 6 µs, of which the HMAC with a key object is 4.5; with the key's bytes that is 31, and out of
 * two one-shot hashes, which HMAC is made of, 3.9.
 *
 * @param keys the first signs, all verify, so that keys can be changed while tokens are out.
 * @throws RangeError without keys, and for one of less than 32 characters.
 */
export function createPlaceTokens(keys: readonly string[]): PlaceTokens {
  const derived = keys.map(derivedKey)
  const [signing] = derived
  if (signing === undefined) throw new RangeError('expected at least one key for place tokens, got none')
  return {
    sign({ epoch, instantMs, shiftMs }, lineKey, caller) {
      const shift = Math.round(shiftMs)
      const instant = Math.ceil(instantMs + shiftMs) - shift
      if (!EPOCH.test(epoch) || !Number.isSafeInteger(instant) || !Number.isSafeInteger(shift))
        throw new RangeError(
          `expected an epoch and two finite instants, got ${epoch}, ${instantMs} and ${shiftMs}`,
        )
      const signed = `${VERSION}.${epoch}.${instant.toString(36)}.${shift.toString(36)}`
      return `${signed}.${mac(signing, signed, lineKey, caller)}`
    },
    read(token, lineKey, caller) {
      const parts = token.length <= TOKEN_CHARS_MAX ? TOKEN.exec(token) : null
      if (parts === null) return 'MALFORMED'
      const [, epoch, instant, shift, given] = parts
      const instantMs = integerOf(instant!)
      const shiftMs = integerOf(shift!)
      if (instantMs === undefined || shiftMs === undefined) return 'MALFORMED'
      const signed = token.slice(0, -MAC_CHARS - 1)
      const isOurs = isSignedByAny(derived, Buffer.from(given!), signed, lineKey, caller)
      return isOurs ? { epoch: epoch!, instantMs, shiftMs } : 'FOREIGN'
    },
  }
}

function derivedKey(key: string): KeyObject {
  assertIdentityKey(key)
  return createSecretKey(Buffer.from(hkdfSync('sha256', key, '', KEY_LABEL, 32)))
}

/** Compared as text: a signature has one spelling, where base64url has several for the same bytes. */
function isSignedByAny(
  keys: readonly KeyObject[],
  given: Buffer,
  signed: string,
  lineKey: string,
  caller: string,
): boolean {
  let isSigned = false
  // No early exit: the time taken must not say which key is in use.
  for (const key of keys)
    if (timingSafeEqual(Buffer.from(mac(key, signed, lineKey, caller)), given)) isSigned = true
  return isSigned
}

/** The line's length stands before it: no other line and caller give the same text. */
const mac = (key: KeyObject, signed: string, lineKey: string, caller: string): string =>
  createHmac('sha256', key)
    .update(`${signed}.${lineKey.length}.${lineKey}.${caller.length}.${caller}`)
    .digest('base64url')
    .slice(0, MAC_CHARS)

/** `undefined` for what this is not the one spelling of, and for what doubles cannot count. */
function integerOf(text: string): number | undefined {
  const value = Number.parseInt(text, 36)
  return Number.isSafeInteger(value) && value.toString(36) === text ? value : undefined
}
