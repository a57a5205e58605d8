import { pino } from 'pino'
import { newId, parseId } from '../../../protocol/ids.ts'
import { sliceOf } from '../../../protocol/slice.ts'
import { claimBatch } from '../../../subgraphs/coupon/store.ts'
import { Database } from '../../../subgraphs/database.ts'
import type { EmbeddedPostgres } from '../../../subgraphs/embedded-postgres.ts'
import { LOAD_CORE } from '../gateway/processor.ts'
import { type Readings, readAll } from './readings.ts'

/** Of the core that the caller and PostgreSQL share, used by anybody else. */
const FOREIGN_MAX = 0.1

/** One caller that sends the shipped SQL function batch after batch, of new shoppers each. */
export interface FunctionRate {
  readonly perSecond: number
  /** Why it says nothing, if so. */
  readonly voidReason: string | undefined
}

/** @throws Error when a claim brings no coupon: what is refused costs less. */
export async function functionRate(
  { connection, pid }: Pick<EmbeddedPostgres, 'connection' | 'pid'>,
  campaignId: string,
  batch: number,
  seconds: number,
): Promise<FunctionRate> {
  const log = pino({ level: 'silent' })
  const database = new Database({ connection, schema: 'coupon', log, poolMax: 1 })
  const prefix = `function-${process.pid}-${Date.now().toString(36)}`
  let count = 0
  const before = readAll([process.pid], pid)
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
    const { verdict, rows } = await claimBatch(database, campaignId, 0, claims)
    const issued = rows.filter(({ couponId }) => couponId !== null).length
    if (issued < batch)
      throw new Error(`expected ${batch} coupons, got ${issued} of a campaign that is ${verdict.verdict}`)
  }
  const perSecond = (count * 1_000) / (performance.now() - startedMs)
  const after = readAll([process.pid], pid)
  await database.close()
  const foreign = foreignBetween(before, after)
  const voidReason =
    foreign > FOREIGN_MAX ? `others took ${(foreign * 100).toFixed(0)} % of its core` : undefined
  return { perSecond, voidReason }
}

/** What neither this process nor PostgreSQL used of their core, and somebody did. */
function foreignBetween(before: Readings, after: Readings): number {
  const [a, b] = [before.cores[LOAD_CORE]!, after.cores[LOAD_CORE]!]
  const own =
    after.measuredSeconds - before.measuredSeconds + (after.postgresSeconds - before.postgresSeconds)
  const core = b.all === a.all ? 0 : (b.busy - a.busy) / (b.all - a.all)
  return core - (own * 1_000) / (after.atMs - before.atMs)
}
