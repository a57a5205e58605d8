import { ANONYMOUS, type Caller } from '../../protocol/caller.ts'
import { Fault } from '../../protocol/fault.ts'
import type { ApiKeys } from './api-keys.ts'
import type { TokenVerifier } from './tokens.ts'

/** Who calls, from the headers `authorization` and `x-api-key`; a `Fault` is a refusal. */
export type Identify = (
  authorization: string | undefined,
  apiKey?: string | readonly string[] | undefined,
) => Caller | Fault | Promise<Caller | Fault>

const BEARER = /^Bearer +([A-Za-z0-9_~+/.-]+=*)$/i

/**
 * A token says who calls, a partner's key which program speaks. One that is refused is never made good by the other.
 * @param verifier `undefined`: this gateway takes no tokens, and says so to whoever sends one.
 * @param apiKeys `undefined`: it has no partners, and the header is somebody else's.
 */
export function createIdentify(verifier: TokenVerifier | undefined, apiKeys?: ApiKeys): Identify {
  return (authorization, apiKey) => {
    const byToken = callerByToken(authorization, verifier)
    if (apiKeys === undefined || apiKey === undefined) return byToken
    return byToken instanceof Promise
      ? byToken.then(caller => withKey(caller, apiKey, apiKeys))
      : withKey(byToken, apiKey, apiKeys)
  }
}

function withKey(
  byToken: Caller | Fault,
  apiKey: string | readonly string[],
  apiKeys: ApiKeys,
): Caller | Fault {
  return byToken instanceof Fault ? byToken : apiKeys.callerBy(apiKey, byToken)
}

function callerByToken(
  authorization: string | undefined,
  verifier: TokenVerifier | undefined,
): Caller | Promise<Caller | Fault> | Fault {
  if (authorization === undefined || authorization === '') return ANONYMOUS
  const token = BEARER.exec(authorization)?.[1]
  if (token === undefined) {
    return refused('expected the header authorization to be "Bearer <token>"', 'invalid_request')
  }
  if (verifier === undefined) {
    return refused(
      'this gateway has no token settings and serves anonymous callers only; send no token',
      'invalid_token',
    )
  }
  return verifier.verify(token)
}

const refused = (message: string, reason: string): Fault =>
  new Fault('UNAUTHENTICATED', message, { details: { reason } })
