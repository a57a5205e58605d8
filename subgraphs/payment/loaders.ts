import DataLoader from 'dataloader'
import type { Gathering } from '../database.ts'
import type { OrderRow, PaymentRow, QuoteRow, RefundRow } from './order.ts'
import { findOrder, findPayment, findQuote, findRefund, type RowKey } from './store.ts'

/** One request's reads: rows by (slice, id), each once; undefined for what does not exist. Who may see them is not asked here. */
export interface Loaders {
  readonly order: DataLoader<RowKey, OrderRow | undefined, string>
  readonly quote: DataLoader<RowKey, QuoteRow | undefined, string>
  readonly payment: DataLoader<RowKey, PaymentRow | undefined, string>
  readonly refund: DataLoader<RowKey, RefundRow | undefined, string>
}

export const createLoaders = (database: Gathering): Loaders => ({
  order: byId(key => findOrder(database, key)),
  quote: byId(key => findQuote(database, key)),
  payment: byId(key => findPayment(database, key)),
  refund: byId(key => findRefund(database, key)),
})

/** Ids carry their slice, so the id alone names the row. What is gathered into one statement is the database's affair. */
const byId = <Row extends RowKey>(
  find: (key: RowKey) => Promise<Row | undefined>,
): DataLoader<RowKey, Row | undefined, string> =>
  new DataLoader(keys => Promise.all(keys.map(key => find(key).catch((error: unknown) => asError(error)))), {
    cacheKeyFn: ({ id }) => id,
  })

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)))
