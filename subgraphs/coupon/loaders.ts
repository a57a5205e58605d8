import DataLoader from 'dataloader'
import { parseId } from '../../protocol/ids.ts'
import type { Database } from '../database.ts'
import { type CouponRow, type IssuanceRow, readCoupon, readIssuances } from './store.ts'

/** Ids in one statement. */
const BATCH_MAX = 500

/** One request's look-ups, gathered into one statement a kind. Made anew for every request: their memory is its snapshot. */
export interface CouponLoaders {
  /** By the graph's id; null when there is none. A malformed id is a Fault BAD_ID. */
  readonly coupon: DataLoader<string, CouponRow | null>
  /** By campaign id; null when none was opened. */
  readonly issuance: DataLoader<string, IssuanceRow | null>
}

export function createLoaders(database: Database): CouponLoaders {
  return {
    coupon: new DataLoader(ids => Promise.all(ids.map(id => loadCoupon(database, id)))),
    issuance: new DataLoader(ids => loadIssuances(database, ids), { maxBatchSize: BATCH_MAX }),
  }
}

async function loadCoupon(database: Database, id: string): Promise<CouponRow | null | Error> {
  try {
    return (await readCoupon(database, parseId('coupon', id))) ?? null
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}

async function loadIssuances(
  database: Database,
  campaignIds: readonly string[],
): Promise<(IssuanceRow | null)[]> {
  const byId = new Map((await readIssuances(database, campaignIds)).map(row => [row.campaignId, row]))
  return campaignIds.map(campaignId => byId.get(campaignId) ?? null)
}
