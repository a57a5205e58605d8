import type pg from 'pg'
import type { ClaimLimit } from './claim-limit.ts'

/** What came of looking whether a promise was kept. */
export interface Check {
  /** As the design numbers it. */
  readonly id: 'I1' | 'I2' | 'I3' | 'I4' | 'I9' | 'I10' | 'I12'
  readonly promise: string
  /** `undefined`: it could not be looked into; the detail says why. */
  readonly holds: boolean | undefined
  /** How many things were looked at. */
  readonly checked: number
  /** In one or a few sentences, what was found. */
  readonly detail: string
}

/** What checks stand on. */
export interface Grounds {
  /** `undefined`: what is in the books is not checked. */
  readonly database: pg.ClientConfig | undefined
  readonly campaignId: string
  /** By the database's clock; what is older in the books is not the replay's. */
  readonly openedAt: Date
  /** `undefined`: claims were not limited. */
  readonly limit: ClaimLimit | undefined
  /** How long after its instant a place admits. Default: as lines are made. */
  readonly graceMs?: number | undefined
}

/** A statement that reads, in the one snapshot of all checks. */
export type Ask = <Row extends object>(text: string, values?: readonly unknown[]) => Promise<Row[]>

const PROMISES = {
  I1: 'Issued is within the budget',
  I2: 'One coupon a shopper',
  I3: 'What was acknowledged is there',
  I4: 'Ledgers balance, money is conserved',
  I9: 'Admitted is within rate and burst',
  I10: 'A kept place is honoured within its grace',
  I12: 'Order of places is order of arrival',
} as const

/** A check with its promise in words. */
export function checkOf(id: Check['id'], holds: boolean | undefined, checked: number, detail: string): Check {
  return { id, promise: PROMISES[id], holds, checked, detail }
}
