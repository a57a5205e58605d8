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
 * @throws Error when the database cannot be reached, or the books cannot be read.
 */
export async function check(figures: Figures, grounds: Grounds): Promise<Check[]> {
  const { database, openedAt } = grounds
  if (database === undefined)
    return checkWithoutBooks(figures, grounds, 'no database was given (--database-url)')
  const ofBooks = await withBooks(database, async ask => {
    const unrested = await rest(ask, openedAt)
    await ask('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
    const checks = [
      await checkBudget(ask, grounds),
      await checkOneEach(ask, grounds, figures),
      await checkAcknowledged(ask, grounds, figures),
      await checkLedgers(ask, grounds, unrested),
      await checkRate(ask, grounds, figures),
    ]
    await ask('COMMIT')
    return checks
  })
  return [...ofBooks, ...ofPlaces(figures, grounds)]
}

/** What the replay has seen by itself. @param why the books are not looked into. */
export function checkWithoutBooks(figures: Figures, grounds: Pick<Grounds, 'graceMs'>, why: string): Check[] {
  return [
    ...OF_BOOKS.map(id => checkOf(id, undefined, 0, `not checked: ${why}`)),
    ...ofPlaces(figures, grounds),
  ]
}

/** @throws Error unless these are books that can be read: better before a day's load than after it. */
export async function openBooks(database: pg.ClientConfig): Promise<void> {
  await withBooks(database, ask =>
    ask('SELECT FROM coupon.coupon, coupon.transfer, campaign.campaign, payment.orders LIMIT 0'),
  ).catch((cause: Error) => {
    throw new Error(`expected a database with the books of the stack: ${cause.message}`, { cause })
  })
}

const OF_BOOKS = ['I1', 'I2', 'I3', 'I4', 'I9'] as const

const ofPlaces = (figures: Figures, grounds: Pick<Grounds, 'graceMs'>): Check[] => [
  checkPlacesHonoured(figures, grounds),
  checkOrderOfPlaces(figures),
]

async function withBooks<T>(database: pg.ClientConfig, look: (ask: Ask) => Promise<T>): Promise<T> {
  const client = new pg.Client({ ...database, application_name: 'replay' })
  // It rejects what is under way; nobody else listens.
  client.on('error', () => {})
  await client.connect()
  try {
    await client.query(SESSION)
    return await look(async (text, values = []) => (await client.query(text, [...values])).rows)
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
