import pg from 'pg'
import { v7 } from 'uuid'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sliceOf } from '../../../protocol/slice.ts'
import { createTestDatabase, type TestDatabase } from '../../harness/postgres.ts'
import { expectBalanced, type OpenCoupon, openCoupon } from './open-coupon.ts'

let owned: TestDatabase
beforeAll(async () => {
  owned = await createTestDatabase()
})
afterAll(async () => await owned.close())

const BATCH = 100

/** A session of its own: what it planned while the table was empty, it keeps. */
async function openSession(coupon: OpenCoupon): Promise<pg.Client> {
  const client = new pg.Client({
    ...owned.connection,
    ssl: false,
    options: `-c search_path=${coupon.schema},pg_temp`,
  })
  await client.connect()
  return client
}

async function claimBatch(client: pg.Client, shopperIds: readonly string[]): Promise<void> {
  await client.query({
    name: 'claim',
    text: 'SELECT * FROM claim_batch($1, $2, $3, $4, $5)',
    values: ['campaign_flat', 0, shopperIds.map(sliceOf), shopperIds, shopperIds.map(() => v7())],
  })
}

/** Tuples that one batch read, by index and by sequential scan: this transaction's own count. */
async function tuplesRead(
  client: pg.Client,
  shopperIds: readonly string[],
): Promise<{ index: number; seq: number }> {
  await client.query('BEGIN')
  const count = async (): Promise<{ index: number; seq: number }> => {
    const { rows } = await client.query<{ index: string; seq: string }>(
      `SELECT (SELECT sum(pg_stat_get_xact_tuples_returned(indexrelid)) FROM pg_index
                WHERE indrelid IN ('coupon'::regclass, 'transfer'::regclass)) AS index,
              pg_stat_get_xact_tuples_returned('coupon'::regclass) AS seq`,
    )
    return { index: Number(rows[0]?.index), seq: Number(rows[0]?.seq) }
  }
  const before = await count()
  await claimBatch(client, shopperIds)
  const after = await count()
  await client.query('COMMIT')
  return { index: after.index - before.index, seq: after.seq - before.seq }
}

describe('claim_batch', () => {
  it.each([
    [100_000, 'without statistics', ''],
    [20_000, 'with the statistics of an empty table', 'ANALYZE coupon'],
  ])('reads as much of the indexes for a claim at %i coupons as at none, %s', async (coupons, _, prepare) => {
    await using coupon = await openCoupon(owned.connection)
    await coupon.open('campaign_flat', 1_000_000)
    await coupon.sql(
      'ALTER TABLE coupon SET (autovacuum_enabled = false); ALTER TABLE transfer SET (autovacuum_enabled = false)',
    )
    if (prepare !== '') await coupon.sql(prepare)
    const client = await openSession(coupon)
    try {
      const shoppers = (batch: number): string[] =>
        Array.from({ length: BATCH }, (_, index) => `flat-${batch}-${index}`)
      const first = await tuplesRead(client, shoppers(0))
      const batches = coupons / BATCH
      for (let batch = 1; batch < batches; batch++) await claimBatch(client, shoppers(batch))
      const last = await tuplesRead(client, shoppers(batches))
      const again = await tuplesRead(client, shoppers(batches))
      // One tuple a claim, found when it is answered; a claim that comes again is found a second time before.
      expect(first).toEqual({ index: BATCH, seq: 0 })
      expect(last).toEqual({ index: BATCH, seq: 0 })
      expect(again).toEqual({ index: 2 * BATCH, seq: 0 })
      await expectBalanced(coupon, 'campaign_flat')
    } finally {
      await client.end()
    }
  })
})
