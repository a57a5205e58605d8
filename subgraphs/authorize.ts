import type { Caller, Scope } from '../protocol/caller.ts'
import { Fault } from '../protocol/fault.ts'

/** The shopper that the caller is, with the scope. Throws UNAUTHENTICATED for anyone else, FORBIDDEN without the scope. */
export function shopperWith(caller: Caller, scope: Scope): string {
  if (caller.shopperId === undefined) {
    const got = caller.kind === 'anonymous' ? 'the request had none' : `the caller is ${described(caller)}`
    throw new Fault('UNAUTHENTICATED', `a shopper's token is needed, ${got}`)
  }
  requireScope(caller, scope)
  return caller.shopperId
}

/** Throws UNAUTHENTICATED for an anonymous caller, FORBIDDEN for one whose token lacks the scope. */
export function requireScope(caller: Caller, scope: Scope): void {
  if (caller.scopes.includes(scope)) return
  if (caller.kind === 'anonymous')
    throw new Fault('UNAUTHENTICATED', `a token with the scope ${scope} is needed, the request had none`)
  throw new Fault(
    'FORBIDDEN',
    `the scope ${scope} is needed, the token has ${caller.scopes.join(', ') || 'none'}`,
  )
}

/** Service calls are for the named subgraph alone. Throws FORBIDDEN for any other caller. */
export function requireService(caller: Caller, client: string): void {
  if (caller.kind === 'service' && caller.client === client) return
  throw new Fault('FORBIDDEN', `this field is for the ${client} service, the caller is ${described(caller)}`)
}

/** Whether the caller may see what belongs to this shopper. */
export const maySee = (caller: Caller, shopperId: string): boolean =>
  caller.shopperId === shopperId || caller.kind === 'operator' || caller.kind === 'service'

const described = ({ kind }: Caller): string =>
  kind === 'anonymous' ? kind : `${kind === 'operator' ? 'an' : 'a'} ${kind}`
