import { SignJWT } from 'jose'
import { callerOf } from './claims.ts'

export interface MintOptions {
  readonly secret: string
  /** The shopper's id, or the operator's name. */
  readonly subject: string
  readonly kind: 'shopper' | 'operator'
  readonly client: string
  readonly scopes: readonly string[]
  readonly ttlSeconds: number
  readonly tier?: string
  readonly amountMaxFen?: number
  readonly issuer?: string
  readonly audience?: string
}

/**
 * A development token (HS256).
 * @throws TypeError for claims that the gateway would refuse.
 */
export async function mintToken(options: MintOptions): Promise<string> {
  const { secret, subject, kind, client, scopes, ttlSeconds, tier, amountMaxFen, issuer, audience } = options
  const claims = {
    kind,
    client,
    scope: scopes.join(' '),
    ...(tier === undefined ? {} : { tier }),
    ...(amountMaxFen === undefined ? {} : { amountMaxFen }),
  }
  callerOf({ ...claims, sub: subject })
  const token = new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).setSubject(subject).setIssuedAt()
  if (issuer !== undefined) token.setIssuer(issuer)
  if (audience !== undefined) token.setAudience(audience)
  token.setExpirationTime(Math.floor(Date.now() / 1_000) + ttlSeconds)
  return await token.sign(new TextEncoder().encode(secret))
}
