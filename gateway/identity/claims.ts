import type { JWTPayload } from 'jose'
import type { Caller } from '../../protocol/caller.ts'
import { parseCaller } from '../../protocol/parse-caller.ts'

/**
 * A verified token's claims as a caller: `sub` (the shopper's id, or the operator), `kind` (shopper unless it says
 * operator), `client` (the program that speaks), `scope` (separated by spaces), `tier`, `amountMaxFen`.
 * @throws TypeError naming the claim that is wrong.
 */
export function callerOf(claims: JWTPayload): Caller {
  const { sub, kind = 'shopper', client, scope = '', tier = 'shopper', amountMaxFen } = claims
  // Anonymous callers bring no token, and services speak to subgraphs only: a token can make neither.
  if (kind !== 'shopper' && kind !== 'operator') {
    throw new TypeError(`expected the claim kind to be shopper or operator, got ${shown(kind)}`)
  }
  if (typeof scope !== 'string') {
    throw new TypeError(`expected the claim scope to be words separated by spaces, got ${shown(scope)}`)
  }
  return Object.freeze(
    parseCaller({
      kind,
      ...(kind === 'shopper' ? { shopperId: sub } : {}),
      client: client ?? (kind === 'operator' ? sub : 'unknown'),
      scopes: scope.split(' ').filter(word => word !== ''),
      tier,
      ...(amountMaxFen === undefined ? {} : { amountMaxFen }),
    }),
  )
}

const shown = (value: unknown): string => String(JSON.stringify(value)).slice(0, 64)
