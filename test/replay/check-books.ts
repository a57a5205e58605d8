import pg from 'pg'
import { pino } from 'pino'
import { newId, parseId } from '../../protocol/ids.ts'
import { sliceOf } from '../../protocol/slice.ts'
import { Database } from '../../subgraphs/database.ts'
import { createTestDatabase, type TestDatabase } from '../harness/postgres.ts'
import type { Ask } from './check-result.ts'
import type { Acknowledged } from './figures.ts'

/** Sound books of a replay that has been, to plant breaches in. */
export interface Books extends AsyncDisposable {
  readonly database: TestDatabase
  readonly campaignId: string
  readonly openedAt: Date
  /** One a coupon; those with an order first. */
  readonly acknowledged: readonly Acknowledged[]
  /** What `look` sees after these statements; they are undone. */
  tampered<T>(statements: string, look: (ask: Ask) => Promise<T>): Promise<T>
}

export const COUPONS = 400
const ORDERS = 200
/** The budget pays for so many. */
export const LIMIT = 1_000
const FACE_FEN = 2_500
const BUCKETS = 4
/** Coupons come five at a time, twenty times a second: a hundred a second. */
export const BATCH = 5
export const BATCHES_PER_SECOND = 20
export const CAMPAIGN_ID = 'campaign_replayed'

type Row = Readonly<Record<string, unknown>>

/** Four hundred coupons in four seconds, two hundred orders, of every second of which something was left to pay. */
export async function soundBooks(): Promise<Books> {
  const database = await createTestDatabase()
  const client = new pg.Client({ ...database.connection, ssl: false })
  const close = async (): Promise<void> => {
    await client.end()
    await database.close()
  }
  try {
    for (const schema of ['coupon', 'catalog', 'campaign', 'payment']) {
      const owner = new Database({ connection: database.connection, schema, log: pino({ level: 'silent' }) })
      await owner.migrate(new URL(`../../subgraphs/${schema}/migrations/`, import.meta.url))
      await owner.close()
    }
    await client.connect()
    const openedAt = new Date(Date.now() - 3_600_000)
    const { tables, acknowledged } = rowsOf(openedAt)
    for (const [table, rows] of Object.entries(tables)) await insert(client, table, rows)
    const ask: Ask = async (text, values = []) => (await client.query(text, [...values])).rows
    return {
      database,
      campaignId: CAMPAIGN_ID,
      openedAt,
      acknowledged,
      async tampered(statements, look) {
        await client.query('BEGIN')
        try {
          if (statements !== '') await client.query(statements)
          return await look(ask)
        } finally {
          await client.query('ROLLBACK')
        }
      },
      [Symbol.asyncDispose]: close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

async function insert(client: pg.Client, table: string, rows: readonly Row[]): Promise<void> {
  const columns = Object.keys(rows[0]!).join(', ')
  await client.query(
    `INSERT INTO ${table} (${columns}) SELECT ${columns} FROM jsonb_populate_recordset(NULL::${table}, $1)`,
    [JSON.stringify(rows)],
  )
}

function rowsOf(openedAt: Date): { tables: Record<string, Row[]>; acknowledged: Acknowledged[] } {
  const at = (ms: number): string => new Date(openedAt.getTime() + ms).toISOString()
  const dayMs = 86_400_000
  const ledgerId = '01a20000-0000-7000-8000-000000000000'
  const terms = {
    face_fen: FACE_FEN,
    min_spend_fen: 0,
    opens_at: at(-dayMs),
    closes_at: at(dayMs),
    valid_until: at(dayMs),
  }
  const whole = { campaign_id: CAMPAIGN_ID, amount_fen: LIMIT * FACE_FEN, at: at(0) }
  const transfers: Row[] = [
    { ...whole, slice_no: 0, cause_id: ledgerId, kind: 'ALLOT', debit: 'treasury', credit: 'available' },
  ]
  const coupons: Row[] = []
  const holds: Row[] = []
  const orders: Row[] = []
  const payments: Row[] = []
  const captures: Row[] = []
  const trades: Row[] = []
  const issued = new Array<number>(BUCKETS).fill(0)
  const settled = new Map<number, { expense_fen: number; returned_fen: number }>()
  const acknowledged: Acknowledged[] = []

  for (let i = 0; i < COUPONS; i++) {
    const shopperId = `shopper-${i}`
    const slice_no = sliceOf(shopperId)
    const couponId = newId('coupon', shopperId)
    const coupon_id = parseId('coupon', couponId).uuid
    const issuedAt = at((Math.floor(i / BATCH) * 1_000) / BATCHES_PER_SECOND)
    const own = { slice_no, campaign_id: CAMPAIGN_ID, at: issuedAt }
    issued[slice_no % BUCKETS]!++
    transfers.push({
      ...own,
      cause_id: coupon_id,
      kind: 'ISSUE',
      debit: 'available',
      credit: 'liability',
      amount_fen: FACE_FEN,
    })
    const coupon = {
      slice_no,
      campaign_id: CAMPAIGN_ID,
      shopper_id: shopperId,
      coupon_id,
      issued_at: issuedAt,
    }
    if (i >= ORDERS) {
      coupons.push({ ...coupon, grant_no: 0, state: 'ISSUED', order_id: null, redeemed_at: null })
      acknowledged.push({ shopperId, couponId })
      continue
    }
    const id = newId('order', shopperId)
    const order_id = parseId('order', id).uuid
    const subtotal_fen = i % 2 === 0 ? 1_800 : 4_000
    const discount_fen = Math.min(FACE_FEN, subtotal_fen)
    const payable_fen = subtotal_fen - discount_fen
    const unused = FACE_FEN - discount_fen
    coupons.push({ ...coupon, grant_no: 0, state: 'REDEEMED', order_id, redeemed_at: issuedAt })
    holds.push({ slice_no, order_id, coupon_id, state: 'REDEEMED', expense_fen: discount_fen })
    transfers.push({
      ...own,
      cause_id: order_id,
      kind: 'REDEEM',
      debit: 'liability',
      credit: 'expense',
      amount_fen: discount_fen,
    })
    if (unused > 0)
      transfers.push({
        ...own,
        cause_id: order_id,
        kind: 'UNUSED',
        debit: 'liability',
        credit: 'returned',
        amount_fen: unused,
      })
    const sums = settled.get(slice_no) ?? { expense_fen: 0, returned_fen: 0 }
    settled.set(slice_no, {
      expense_fen: sums.expense_fen + discount_fen,
      returned_fen: sums.returned_fen + unused,
    })
    const paymentId = payable_fen > 0 ? newId('payment', shopperId) : null
    orders.push({
      ...{
        slice_no,
        id,
        shopper_id: shopperId,
        quote_id: newId('quote', shopperId),
        lines: [],
        coupon_id: couponId,
      },
      ...{ subtotal_fen, discount_fen, payable_fen, state: 'PAID', step: 'DONE', due_at: null, attempts: 0 },
      ...{ created_at: issuedAt, expires_at: at(dayMs), paid_at: issuedAt, payment_id: paymentId },
      ...{ payment_open: false, declines: 0 },
    })
    if (paymentId !== null) {
      const paid = { slice_no, amount_fen: payable_fen }
      payments.push({
        ...{ ...paid, id: paymentId, order_id: id, shopper_id: shopperId, provider: 'sandbox' },
        ...{ state: 'TRADE_SUCCESS', created_at: issuedAt, paid_at: issuedAt },
      })
      captures.push({
        ...paid,
        cause_id: paymentId,
        kind: 'CAPTURE',
        order_id: id,
        debit: 'shopper',
        credit: 'merchant',
        at: issuedAt,
      })
      trades.push({ payment_id: paymentId, amount_fen: payable_fen, state: 'SUCCEEDED', at: issuedAt })
    }
    acknowledged.push({ shopperId, couponId, orderId: id, orderState: 'PAID' })
  }

  return {
    acknowledged,
    tables: {
      'campaign.campaign': [
        {
          ...{
            ...terms,
            campaign_id: CAMPAIGN_ID,
            name_zh: '重演',
            name_en: 'Replay',
            state: 'ACTIVE',
            version: 2,
          },
          ...{
            opened_version: 2,
            acked_version: 2,
            push_at: at(0),
            budget_fen: LIMIT * FACE_FEN,
            limit_count: LIMIT,
          },
          created_at: at(-dayMs),
        },
      ],
      'campaign.transfer': [
        { ...whole, kind: 'FUND', debit: 'external', credit: 'treasury' },
        { ...whole, kind: 'ALLOT', debit: 'treasury', credit: 'allotted' },
      ],
      'coupon.issuance': [
        {
          ...{ ...terms, campaign_id: CAMPAIGN_ID, version: 2, state: 'OPEN', limit_count: LIMIT },
          ...{ bucket_count: BUCKETS, unissued_fen: 0, ledger_id: ledgerId },
        },
      ],
      'coupon.bucket': issued.map((issued_count, bucket_no) => ({
        ...{ campaign_id: CAMPAIGN_ID, bucket_no, limit_count: LIMIT / BUCKETS, issued_count },
      })),
      'coupon.coupon': coupons,
      'coupon.hold': holds,
      'coupon.transfer': transfers,
      'coupon.settlement': [...settled].map(([slice_no, sums]) => ({
        campaign_id: CAMPAIGN_ID,
        slice_no,
        ...sums,
      })),
      'payment.orders': orders,
      'payment.payments': payments,
      'payment.transfers': captures,
      'payment.sandbox_trades': trades,
    },
  }
}
