import { hash } from 'node:crypto'
import { ANONYMOUS, type Caller } from '../protocol/caller.ts'
import type { CostSettings } from './cost-settings.ts'
import type { Bucket } from './surge/budgets.ts'

/** What a caller draws on. */
export interface Purse {
  /** How limits of fields know the caller. */
  readonly key: string
  /** Its own first. */
  readonly buckets: readonly Bucket[]
}

/** Names that are part of a key as they are; a hashed one begins with what these never begin with. Keys stay short. */
const PLAIN = /^(?!#)[\x20-\x7e]{0,64}$/
const hashed = (name: string): string => `#${hash('sha256', name, 'base64url')}`

const NONE: readonly Bucket[] = Object.freeze([])

/**
 * A shopper's budget is the shopper's, anybody else's their client's, and that of whoever has no name their address's.
 * What a chatbot or a partner asks for a shopper draws on the shopper's and on its own. Operators draw on none: they can
 * always pause.
 */
export function pursesOf(tiers: CostSettings['tiers']): (caller: Caller, address: string) => Purse {
  const known = new WeakMap<Caller, Purse>()
  const purseOf = ({ kind, shopperId, client, tier }: Caller): Purse => {
    const ofClient = { key: `client:${PLAIN.test(client) ? client : hashed(client)}`, rate: tiers[tier] }
    if (kind === 'operator') return { key: ofClient.key, buckets: NONE }
    if (shopperId === undefined) return { key: ofClient.key, buckets: [ofClient] }
    const key = `shopper:${shopperId}`
    if (tier === 'developer')
      return { key, buckets: [{ key: `developer:${shopperId}`, rate: tiers.developer }] }
    const own = { key, rate: tiers.shopper }
    return { key, buckets: tier === 'shopper' ? [own] : [own, ofClient] }
  }
  return (caller, address) => {
    if (caller === ANONYMOUS) {
      const key = `address:${address}`
      return { key, buckets: [{ key, rate: tiers[caller.tier] }] }
    }
    const before = known.get(caller)
    if (before !== undefined) return before
    const purse = purseOf(caller)
    known.set(caller, purse)
    return purse
  }
}
