import { type Caller, type CallerKind, SHOPPER_ID, type Tier } from './caller.ts'

const KINDS: ReadonlySet<unknown> = new Set<CallerKind>(['anonymous', 'shopper', 'operator', 'service'])
const TIERS: ReadonlySet<unknown> = new Set<Tier>(['shopper', 'partner', 'chatbot', 'developer'])
const CLIENT_CHARS_MAX = 128
const SCOPES_MAX = 64
const SCOPE_CHARS_MAX = 128

/** A caller as another process wrote it. Unknown members are dropped, so that nothing unchecked travels on.
 * @throws TypeError naming the member, what it should be and what it is. */
export function parseCaller(value: unknown): Caller {
  if (typeof value !== 'object' || value === null) throw expected('caller', 'an object', value)
  const { kind, shopperId, client, scopes, tier, amountMaxFen } = value as Record<string, unknown>
  if (!KINDS.has(kind)) throw expected('caller.kind', [...KINDS].join(' | '), kind)
  if (kind === 'shopper' && (typeof shopperId !== 'string' || !SHOPPER_ID.test(shopperId))) {
    throw expected('caller.shopperId', `${SHOPPER_ID}`, shopperId)
  }
  if (kind !== 'shopper' && shopperId !== undefined) {
    throw expected('caller.shopperId', `none for kind ${kind}`, shopperId)
  }
  if (typeof client !== 'string' || client.length > CLIENT_CHARS_MAX) {
    throw expected('caller.client', `at most ${CLIENT_CHARS_MAX} characters`, client)
  }
  if (!Array.isArray(scopes) || scopes.length > SCOPES_MAX || !scopes.every(isScope)) {
    throw expected('caller.scopes', `at most ${SCOPES_MAX} strings`, scopes)
  }
  if (!TIERS.has(tier)) throw expected('caller.tier', [...TIERS].join(' | '), tier)
  if (amountMaxFen !== undefined && !(Number.isSafeInteger(amountMaxFen) && (amountMaxFen as number) >= 0)) {
    throw expected('caller.amountMaxFen', 'a whole number of fen', amountMaxFen)
  }
  return {
    kind: kind as CallerKind,
    ...(shopperId === undefined ? {} : { shopperId: shopperId as string }),
    client,
    scopes: scopes as readonly string[],
    tier: tier as Tier,
    ...(amountMaxFen === undefined ? {} : { amountMaxFen: amountMaxFen as number }),
  }
}

const isScope = (scope: unknown): boolean => typeof scope === 'string' && scope.length <= SCOPE_CHARS_MAX

const ECHO_CHARS_MAX = 64

function expected(what: string, wanted: string, got: unknown): TypeError {
  return new TypeError(
    `expected ${what} to be ${wanted}, got ${String(JSON.stringify(got)).slice(0, ECHO_CHARS_MAX)}`,
  )
}
