import { pino } from 'pino'
import { newId, parseId } from '../../../protocol/ids.ts'
import { sliceOf } from '../../../protocol/slice.ts'
import { claimBatch } from '../../../subgraphs/coupon/store.ts'
import { Database } from '../../../subgraphs/database.ts'
import type { PostgresConnection } from '../../../subgraphs/embedded-postgres.ts'

/** Claims a second of one caller that sends the shipped SQL function batch after batch, of new shoppers each. */
export async function functionRate(
  connection: PostgresConnection,
  campaignId: string,
  batch: number,
  seconds: number,
): Promise<number> {
  const log = pino({ level: 'silent' })
  const database = new Database({ connection, schema: 'coupon', log, poolMax: 1 })
  const prefix = `function-${process.pid}-${Date.now().toString(36)}`
  let count = 0
  const startedMs = performance.now()
  while (performance.now() < startedMs + seconds * 1_000) {
    const claims = Array.from({ length: batch }, () => {
      const shopperId = `${prefix}-${count++}`
      return {
        shopperId,
        sliceNo: sliceOf(shopperId),
        couponUuid: parseId('coupon', newId('coupon', shopperId)).uuid,
      }
    })
    await claimBatch(database, campaignId, 0, claims)
  }
  const perSecond = (count * 1_000) / (performance.now() - startedMs)
  await database.close()
  return perSecond
}
