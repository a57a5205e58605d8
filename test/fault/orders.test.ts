import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { PostgresConnection } from '../../subgraphs/embedded-postgres.ts'
import { whileWritesWait } from '../harness/gate.ts'
import { contradictions, type Shelf, stockShelf } from '../harness/order-books.ts'
import { ask, createTestDatabase, killPostgres, shiftClock, testFolder, until } from '../harness/postgres.ts'
import { Shoppers } from '../harness/shoppers.ts'
import { type EmbeddedStack, type ServiceName, startEmbedded, startServices } from '../harness/stack.ts'
import { CAMPAIGN } from '../harness/trip.ts'

/**
 * A crash between any two steps is finished or undone; money, stock and coupons agree; nothing acknowledged is lost: on
 * the real services, killed while they are in the middle of something, with shoppers who go on asking.
 */

/** More than an order's lease: whatever a dead process had in hand is due. */
const LEASE_PASSED_MS = 21_000
/** More than the minute within which an order must be placed: what a dead process was placing is given up. */
const GIVEN_UP_MS = 61_000
/** More than the fifteen minutes that an order waits to be paid. */
const UNPAID_ENDED_MS = 16 * 60_000
/** Enough that several shoppers are hit at once. */
const WAITING = 3
/** Where one statement is several shoppers' (Database.gather), and the next waits in the process for its end. */
const GATHERED = 1
const SCARCE = 6

/** What is killed, and the table that statements of its own, or of whom it has called, wait to write at that moment. */
const KILLS: readonly { readonly service: ServiceName; readonly table: string; readonly waiting?: number }[] =
  [
    { service: 'payment', table: 'payment.sandbox_trades' },
    { service: 'payment', table: 'payment.transfers' },
    { service: 'payment', table: 'payment.sandbox_refunds' },
    { service: 'payment', table: 'catalog.reservation', waiting: GATHERED },
    { service: 'payment', table: 'coupon.hold', waiting: GATHERED },
    { service: 'coupon', table: 'coupon.hold', waiting: GATHERED },
    { service: 'coupon', table: 'coupon.settlement', waiting: GATHERED },
    { service: 'catalog', table: 'catalog.stock', waiting: GATHERED },
    { service: 'gateway', table: 'payment.orders' },
  ]
const SEED = 20_270_228

/** Answers that say: ask again. Every other is a failure. */
const ASK_AGAIN = [
  'NO_ANSWER',
  'OrderPending',
  'OUTCOME_UNKNOWN',
  'SUBGRAPH_UNREACHABLE',
  'SUBGRAPH_TIMEOUT',
  'DATABASE_UNAVAILABLE',
  'IDEMPOTENCY_IN_FLIGHT',
  'ORDER_BUSY',
]

/** Whom nobody answers waits for its end. */
class Outage {
  #whole: PromiseWithResolvers<void> = Promise.withResolvers()

  constructor() {
    this.end()
  }

  readonly whole = (): Promise<void> => this.#whole.promise

  begin(): void {
    this.#whole = Promise.withResolvers()
  }

  end(): void {
    this.#whole.resolve()
  }
}

/** Payment's clock; the processes' own leases and the time to pay run by it. */
class Time {
  #shiftMs = 0

  async pass(database: PostgresConnection, ms: number): Promise<void> {
    this.#shiftMs += ms
    await shiftClock(database, 'payment', this.#shiftMs)
  }
}

test('any of the services killed -9 in the middle of anything, over and over', async () => {
  await using database = await createTestDatabase()
  await using stack = await startServices(database)
  const shelf = await stockShelf(stack, SCARCE)
  const outage = new Outage()
  const time = new Time()
  const shoppers = new Shoppers({
    stack,
    campaignId: CAMPAIGN,
    prefix: 'kill',
    atOnce: 40,
    whole: outage.whole,
  })
  const outputs: string[] = []

  for (const { service, table, waiting = WAITING } of shuffled(KILLS, SEED)) {
    expect(shoppers.failures).toEqual([])
    await whileWritesWait(stack.database, table, waiting, async () => {
      outage.begin()
      outputs.push((await stack.kill9(service)).output)
    })
    await stack.start(service)
    outage.end()
    if (service === 'payment') await time.pass(stack.database, LEASE_PASSED_MS)
  }
  await shoppers.end()
  await expectAgreement(stack.database, shoppers, shelf, time)
  expectNoDisagreement([...outputs, ...stack.programs.map(program => program.output)])
}, 180_000)

test('the whole of npm start killed -9, then PostgreSQL under it', async () => {
  const folder = await testFolder()
  const dataDir = join(folder, 'data')
  const environment = { LOG_LEVEL: 'error' }
  let stack: EmbeddedStack = await startEmbedded({ dataDir, environment })
  try {
    const shelf = await stockShelf(stack, SCARCE)
    const outage = new Outage()
    const time = new Time()
    const shoppers = new Shoppers({
      stack,
      campaignId: CAMPAIGN,
      prefix: 'all',
      atOnce: 16,
      whole: outage.whole,
    })
    const { port } = new URL(stack.url)
    const outputs: string[] = []

    for (const { table, waiting, passMs } of [
      { table: 'payment.transfers', waiting: WAITING, passMs: LEASE_PASSED_MS },
      { table: 'catalog.reservation', waiting: GATHERED, passMs: GIVEN_UP_MS },
    ]) {
      await whileWritesWait(stack.database, table, waiting, async () => {
        outage.begin()
        const [program] = stack.programs
        program?.kill('SIGKILL')
        await program?.exited
        outputs.push(program?.output ?? '')
      })
      stack = await startEmbedded({ dataDir, environment: { ...environment, PORT: port } })
      outage.end()
      await time.pass(stack.database, passMs)
    }
    for (const { table, waiting } of [
      { table: 'payment.orders', waiting: WAITING },
      { table: 'coupon.settlement', waiting: GATHERED },
    ]) {
      const pid = await stack.postgresPid()
      await whileWritesWait(stack.database, table, waiting, () => killPostgres(pid))
      await until('PostgreSQL to be started again', async () => {
        if ((await stack.postgresPid().catch(() => pid)) === pid) return false
        return (await fetch(`${stack.url}/health/ready`)).status === 200
      })
      await time.pass(stack.database, LEASE_PASSED_MS)
    }
    await shoppers.end()
    await expectAgreement(stack.database, shoppers, shelf, time)
    expectNoDisagreement([...outputs, ...stack.programs.map(program => program.output)])
  } finally {
    await stack[Symbol.asyncDispose]()
    await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
  }
}, 180_000)

/** Lets time pass until every order has come to its end, and then holds everybody's books against one another. */
async function expectAgreement(
  database: PostgresConnection,
  shoppers: Shoppers,
  shelf: Shelf,
  time: Time,
): Promise<void> {
  expect(shoppers.failures).toEqual([])
  await time.pass(database, UNPAID_ENDED_MS)
  await until('every order to come to its end', async () => {
    return (await ask(database, "SELECT FROM payment.orders WHERE step <> 'DONE' LIMIT 1")).length === 0
  })
  expect(await contradictions(database, shelf)).toEqual({})

  const rows = await ask<{ id: string; state: string }>(database, 'SELECT id, state FROM payment.orders')
  const states = new Map(rows.map(({ id, state }) => [id, state]))
  const lost = [...shoppers.standings].filter(
    ([id, told]) => states.get(id) !== (told === 'UNPAID' ? 'CANCELLED' : told),
  )
  expect(lost).toEqual([])
  const wallets = await ask<{ shopper_id: string; id: string }>(
    database,
    `SELECT shopper_id, 'coupon_' || lpad(to_hex(slice_no::int), 2, '0') || '_' || replace(coupon_id::text, '-', '') AS id
       FROM coupon.coupon`,
  )
  expect(Object.fromEntries(wallets.map(({ shopper_id, id }) => [shopper_id, id]))).toMatchObject(
    Object.fromEntries(shoppers.coupons),
  )
  expect([...shoppers.refusals.keys()].filter(code => !ASK_AGAIN.includes(code))).toEqual([])
  // The crowd did meet what it was there for.
  expect(new Set(shoppers.standings.values())).toEqual(new Set(['UNPAID', 'PAID', 'CANCELLED', 'REFUNDED']))
  expect(shoppers.refusals.size).toBeGreaterThan(0)
}

/** No peer said of a paid order what cannot be: payment logs it, and goes on. */
function expectNoDisagreement(outputs: readonly string[]): void {
  const lines = outputs.flatMap(output => output.split('\n'))
  expect(lines.filter(line => line.includes('a peer disagrees'))).toEqual([])
}

/** The same order for the same seed: Fisher and Yates' shuffle by a linear congruential generator. */
function shuffled<T>(list: readonly T[], seed: number): T[] {
  const result = [...list]
  let state = seed
  for (let last = result.length - 1; last > 0; last--) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    const other = Math.floor((state / 2 ** 32) * (last + 1))
    const swapped = result[last] as T
    result[last] = result[other] as T
    result[other] = swapped
  }
  return result
}
