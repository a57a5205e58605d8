import DataLoader from 'dataloader'
import { Fault } from '../../protocol/fault.ts'
import { type ParsedId, parseId } from '../../protocol/ids.ts'
import type { Database } from '../database.ts'
import { idOf } from './coupon.ts'
import { type CouponRow, type IssuanceRow, readCoupons, readIssuances } from './store.ts'

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
    coupon: new DataLoader(ids => loadCoupons(database, ids), { maxBatchSize: BATCH_MAX }),
    issuance: new DataLoader(ids => loadIssuances(database, ids), { maxBatchSize: BATCH_MAX }),
  }
}

async function loadCoupons(
  database: Database,
  ids: readonly string[],
): Promise<(CouponRow | null | Error)[]> {
  const parsed = ids.map(parse)
  const good = parsed.filter((id): id is ParsedId => !(id instanceof Error))
  const rows = good.length === 0 ? [] : await readCoupons(database, good)
  const byId = new Map(rows.map(row => [idOf('coupon', row.sliceNo, row.couponId), row]))
  return parsed.map((id, index) => (id instanceof Error ? id : (byId.get(ids[index]!) ?? null)))
}

async function loadIssuances(
  database: Database,
  campaignIds: readonly string[],
): Promise<(IssuanceRow | null)[]> {
  const byId = new Map((await readIssuances(database, campaignIds)).map(row => [row.campaignId, row]))
  return campaignIds.map(campaignId => byId.get(campaignId) ?? null)
}

function parse(id: string): ParsedId | Error {
  try {
    return parseId('coupon', id)
  } catch (error) {
    return error instanceof Fault ? error : new Fault('BAD_ID', 'expected a coupon id', { cause: error })
  }
}
