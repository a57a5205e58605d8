import { ANONYMOUS, type Caller } from '../../protocol/caller.ts'
import { Fault } from '../../protocol/fault.ts'
import type { TokenVerifier } from './tokens.ts'

/** Who calls, from the `authorization` header; a `Fault` is a refusal. */
export type Identify = (authorization: string | undefined) => Caller | Fault | Promise<Caller | Fault>

const BEARER = /^Bearer +([A-Za-z0-9_~+/.-]+=*)$/i

/** @param verifier `undefined`: this gateway takes no tokens, and says so to whoever sends one. */
export function createIdentify(verifier: TokenVerifier | undefined): Identify {
  return authorization => {
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
}

const refused = (message: string, reason: string): Fault =>
  new Fault('UNAUTHENTICATED', message, { details: { reason } })
