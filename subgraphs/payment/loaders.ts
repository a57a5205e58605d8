import DataLoader from 'dataloader'
import type { Queryable } from '../database.ts'
import type { OrderRow, PaymentRow, QuoteRow, RefundRow } from './order.ts'
import { findOrders, findPayments, findQuotes, findRefunds, type RowKey } from './store.ts'

/** One request's reads: rows by (slice, id), each once; undefined for what does not exist. Who may see them is not asked here. */
export interface Loaders {
  readonly order: DataLoader<RowKey, OrderRow | undefined, string>
  readonly quote: DataLoader<RowKey, QuoteRow | undefined, string>
  readonly payment: DataLoader<RowKey, PaymentRow | undefined, string>
  readonly refund: DataLoader<RowKey, RefundRow | undefined, string>
}

const BATCH_MAX = 500

export const createLoaders = (database: Queryable): Loaders => ({
  order: byId(keys => findOrders(database, keys)),
  quote: byId(keys => findQuotes(database, keys)),
  payment: byId(keys => findPayments(database, keys)),
  refund: byId(keys => findRefunds(database, keys)),
})

/** Ids carry their slice, so the id alone names the row. */
function byId<Row extends RowKey>(
  find: (keys: readonly RowKey[]) => Promise<Row[]>,
): DataLoader<RowKey, Row | undefined, string> {
  return new DataLoader(
    async keys => {
      const rows = new Map((await find(keys)).map(row => [row.id, row]))
      return keys.map(({ id }) => rows.get(id))
    },
    { cacheKeyFn: ({ id }) => id, maxBatchSize: BATCH_MAX },
  )
}
