import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { checkAcknowledged } from './check-acknowledged.ts'
import { checkBudget, checkOneEach } from './check-budget.ts'
import { checkLedgers } from './check-ledgers.ts'
import { checkOrderOfPlaces, checkPlacesHonoured } from './check-places.ts'
import { checkRate } from './check-rate.ts'
import { type Ask, type Check, checkOf, type Grounds } from './check-result.ts'
import type { Figures } from './figures.ts'

/** How long orders that were left under way may take to come to rest. */
const REST_MS_MAX = 60_000
/** A replay of a million orders is sorted and joined as a whole. */
const SESSION =
  "SET default_transaction_read_only = on; SET work_mem = '128MB'; SET timezone = 'UTC'; SET statement_timeout = 0"

/**
 * Looks whether the promises were kept, in what the replay has seen and in the database; only reads. All books are read
 * in one snapshot, once no order is under way any more.
 * @throws Error when the database cannot be reached.
 */
export async function check(figures: Figures, grounds: Grounds): Promise<Check[]> {
  const ofPlaces = [checkPlacesHonoured(figures, grounds), checkOrderOfPlaces(figures)]
  if (grounds.database === undefined) return [...UNCHECKED, ...ofPlaces]
  const client = new pg.Client({ ...grounds.database, application_name: 'replay' })
  // It rejects what is under way; nobody else listens.
  client.on('error', () => {})
  await client.connect()
  try {
    await client.query(SESSION)
    const ask: Ask = async (text, values = []) => (await client.query(text, [...values])).rows
    const unrested = await rest(ask, grounds.openedAt)
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
    const ofBooks = [
      await checkBudget(ask, grounds),
      await checkOneEach(ask, grounds, figures),
      await checkAcknowledged(ask, grounds, figures),
      await checkLedgers(ask, grounds, unrested),
      await checkRate(ask, grounds, figures),
    ]
    await client.query('COMMIT')
    return [...ofBooks, ...ofPlaces]
  } finally {
    await client.end()
  }
}

/** How many orders have not come to rest in good time; a saga goes on after its shopper was answered. */
async function rest(ask: Ask, openedAt: Date): Promise<number> {
  const giveUpMs = performance.now() + REST_MS_MAX
  for (;;) {
    const [row] = await ask<{ count: string }>(
      `SELECT count(*) FROM payment.orders
        WHERE due_at IS NOT NULL AND step NOT IN ('AWAIT', 'WATCH') AND created_at >= $1`,
      [openedAt],
    )
    const count = Number(row?.count)
    if (count === 0 || performance.now() > giveUpMs) return count
    await delay(200)
  }
}

const UNCHECKED: readonly Check[] = (['I1', 'I2', 'I3', 'I4', 'I9'] as const).map(id =>
  checkOf(id, undefined, 0, 'not checked: no database was given (--database-url)'),
)
