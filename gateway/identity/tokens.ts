import type { webcrypto } from 'node:crypto'
import { createRemoteJWKSet, errors, type JWTPayload, jwtVerify } from 'jose'
import type { Caller } from '../../protocol/caller.ts'
import { Fault } from '../../protocol/fault.ts'
import { callerOf } from './claims.ts'
import { Hs256 } from './hs256.ts'

/** How bearer tokens are verified: by one shared secret, or by the keys that an issuer publishes. Never by both. */
export type TokenSettings =
  | { readonly kind: 'secret'; readonly secret: string; readonly issuer?: string; readonly audience?: string }
  | { readonly kind: 'jwks'; readonly url: string; readonly issuer?: string; readonly audience?: string }

export interface TokenVerifierOptions {
  readonly settings: TokenSettings
  /** Verified tokens remembered until they expire. Default 10,000. */
  readonly rememberedMax?: number
  /** Milliseconds since 1970; `Date.now` outside tests. */
  readonly clock?: () => number
}

/** The caller that a token proves. A remembered token, and one that is plainly good, answers at once. Never rejects. */
export interface TokenVerifier {
  verify(token: string): Caller | Fault | Promise<Caller | Fault>
  /** Tokens remembered now. */
  readonly remembered: number
}

export const SECRET_CHARS_MIN = 32
const TOKEN_CHARS_MAX = 8 * 1024
const REMEMBERED_MAX = 10_000
const CLOCK_TOLERANCE_SECONDS = 5
const JWKS_MS_MAX = 3_000

/** One kind of key, its algorithms: a token that names another never meets the key (RFC 8725, section 3.1). */
const ALGORITHMS = { secret: ['HS256'], jwks: ['EdDSA', 'Ed25519', 'RS256'] }

interface Remembered {
  readonly caller: Caller
  readonly expiresAtMs: number
}

/** @throws RangeError for a secret under 32 characters, TypeError for a malformed JWKS URL. */
export function createTokenVerifier(options: TokenVerifierOptions): TokenVerifier {
  const { settings, rememberedMax = REMEMBERED_MAX, clock = Date.now } = options
  const key = keyOf(settings)
  const hs256 = settings.kind === 'secret' ? new Hs256(settings.secret, settings) : undefined
  /** Least recently verified first. Only verified tokens enter, so that a flood of forgeries evicts nobody. */
  const remembered = new Map<string, Remembered>()

  function verifyNew(token: string): Caller | Fault | Promise<Caller | Fault> {
    if (token.length > TOKEN_CHARS_MAX) return refuse(`it is longer than ${TOKEN_CHARS_MAX} characters`)
    const claims = hs256?.verify(token, clock())
    return claims === undefined ? verifyNow(token) : callerIn(token, claims)
  }

  async function verifyNow(token: string): Promise<Caller | Fault> {
    let payload: JWTPayload
    try {
      const verified = await jwtVerify(token, (await key) as never, {
        algorithms: ALGORITHMS[settings.kind],
        requiredClaims: ['exp', 'sub'],
        clockTolerance: CLOCK_TOLERANCE_SECONDS,
        currentDate: new Date(clock()),
        ...(settings.issuer === undefined ? {} : { issuer: settings.issuer }),
        ...(settings.audience === undefined ? {} : { audience: settings.audience }),
      })
      payload = verified.payload
    } catch (error) {
      return faultOf(error)
    }
    hs256?.learn(token)
    return callerIn(token, payload)
  }

  function callerIn(token: string, claims: JWTPayload): Caller | Fault {
    try {
      const caller = callerOf(claims)
      remember(token, { caller, expiresAtMs: (claims.exp as number) * 1_000 })
      return caller
    } catch (error) {
      return refuse((error as Error).message)
    }
  }

  function remember(token: string, entry: Remembered): void {
    remembered.set(token, entry)
    if (remembered.size > rememberedMax) remembered.delete(remembered.keys().next().value as string)
  }

  return {
    verify(token) {
      const known = remembered.get(token)
      if (known === undefined) return verifyNew(token)
      remembered.delete(token)
      // An expired one is verified again, so that the refusal has one origin and the tolerance one rule.
      if (known.expiresAtMs <= clock()) return verifyNow(token)
      remembered.set(token, known)
      return known.caller
    },
    get remembered() {
      return remembered.size
    },
  }
}

/** A secret is imported once: jose would import its bytes anew for every token. */
function keyOf(
  settings: TokenSettings,
): Promise<webcrypto.CryptoKey> | ReturnType<typeof createRemoteJWKSet> {
  if (settings.kind === 'jwks') {
    return createRemoteJWKSet(new URL(settings.url), { timeoutDuration: JWKS_MS_MAX })
  }
  if (settings.secret.length < SECRET_CHARS_MIN) {
    throw new RangeError(
      `expected a token secret of at least ${SECRET_CHARS_MIN} characters, got ${settings.secret.length}`,
    )
  }
  const secret = new TextEncoder().encode(settings.secret)
  return crypto.subtle.importKey('raw', secret, { name: 'HMAC', hash: 'SHA-256' }, false, ['verify'])
}

function faultOf(error: unknown): Fault {
  if (error instanceof errors.JWTExpired) return refuse('it has expired')
  if (error instanceof errors.JWTClaimValidationFailed) return refuse(error.message)
  if (error instanceof errors.JOSEAlgNotAllowed) return refuse('its algorithm is not accepted')
  if (error instanceof errors.JWSSignatureVerificationFailed) return refuse('its signature does not verify')
  if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys) {
    return refuse('no key of its issuer matches')
  }
  if (error instanceof errors.JOSEError && !isAboutKeys(error)) return refuse('it is malformed')
  // The way to the issuer's keys failed: the token may be good, we cannot tell.
  return new Fault('TOKEN_KEYS_UNREACHABLE', "the token issuer's keys cannot be read now", {
    retryAfterMs: 1_000,
    cause: error,
  })
}

/** A JWKS that is late or not one; jose gives other statuses than 200 its generic code. */
const isAboutKeys = (error: errors.JOSEError): boolean =>
  error instanceof errors.JWKSTimeout ||
  error instanceof errors.JWKSInvalid ||
  error.code === 'ERR_JOSE_GENERIC'

/** What is said of a token never shows it. */
function refuse(reason: string): Fault {
  return new Fault('UNAUTHENTICATED', `the bearer token is refused: ${reason}`, {
    details: { reason: 'invalid_token' },
  })
}
