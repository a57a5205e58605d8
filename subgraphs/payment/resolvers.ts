import type { GraphQLResolverMap } from '@apollo/subgraph'
import type DataLoader from 'dataloader'
import { type Caller, SHOPPER_ID } from '../../protocol/caller.ts'
import { nowMs, remainingMs } from '../../protocol/deadline.ts'
import { Fault } from '../../protocol/fault.ts'
import { parseId } from '../../protocol/ids.ts'
import { sliceOf } from '../../protocol/slice.ts'
import { maySee } from '../authorize.ts'
import { type Connection, connectionOf, pageOf } from '../connection.ts'
import type { Queryable } from '../database.ts'
import type { PeerCall } from '../peers.ts'
import type { RequestContext } from '../subgraph.ts'
import type { Loaders } from './loaders.ts'
import type { Outcome } from './messages.ts'
import type { OrderRow, PricedLine, QuoteRow } from './order.ts'
import type { Orders } from './orders.ts'
import { type QuoteOptions, quoteOrder } from './quotes.ts'
import type {
  MutationCancelOrderArgs,
  MutationPayOrderArgs,
  MutationPlaceOrderArgs,
  MutationQuoteOrderArgs,
  MutationRefundOrderArgs,
  QueryOrderArgs,
  ShopperOrdersArgs,
} from './schema.generated.ts'
import { pageOfOrders, type RowKey } from './store.ts'

/** What payment adds to a request's context. */
export interface PaymentContext {
  readonly loaders: Loaders
  readonly database: Queryable
  readonly orders: Orders
  readonly quoting: QuoteOptions
}

type Context = RequestContext & PaymentContext

interface Reference {
  readonly id: string
}

const ORDERS_DEFAULT = 10
const ORDERS_MAX = 50
/** Kept from the caller's time for telling that an order is pending. */
const ANSWER_MS = 250
/** The last millisecond that a Date can name. */
const INSTANT_MS_MAX = 8_640_000_000_000_000

/** Rows have the fields' names; what is here is what differs. */
export const resolvers: GraphQLResolverMap<Context> = {
  Query: {
    me: (_: unknown, __: object, { caller }: Context): Reference | null =>
      caller.shopperId === undefined ? null : { id: caller.shopperId },
    order: (_: unknown, { id }: QueryOrderArgs, { caller, loaders }: Context) =>
      visible(loaders.order, caller, 'order', id),
  },
  Mutation: {
    quoteOrder: (_: unknown, { input }: MutationQuoteOrderArgs, context: Context): Promise<Outcome> =>
      quoteOrder(context.quoting, context.caller, input, callOf(context)),
    placeOrder: (_: unknown, { input }: MutationPlaceOrderArgs, context: Context): Promise<Outcome> =>
      changing(context, context.orders.place(context.caller, input, callOf(context))),
    payOrder: (_: unknown, { input }: MutationPayOrderArgs, context: Context): Promise<Outcome> =>
      changing(context, context.orders.pay(context.caller, input, callOf(context))),
    cancelOrder: (_: unknown, { input }: MutationCancelOrderArgs, context: Context): Promise<Outcome> =>
      changing(context, context.orders.cancel(context.caller, input, callOf(context))),
    refundOrder: (_: unknown, { input }: MutationRefundOrderArgs, context: Context): Promise<Outcome> =>
      changing(context, context.orders.refund(context.caller, input, callOf(context))),
  },
  Shopper: {
    __resolveReference: ({ id }: Reference, { caller }: Context): Reference | null =>
      SHOPPER_ID.test(id) && maySee(caller, id) ? { id } : null,
    orders: ordersOf,
  },
  Order: {
    __resolveReference: ({ id }: Reference, { caller, loaders }: Context) =>
      visible(loaders.order, caller, 'order', id),
    coupon: couponOf,
    payment: ({ sliceNo, paymentId }: OrderRow, _: object, { loaders }: Context) =>
      paymentId === null ? null : loaders.payment.load({ sliceNo, id: paymentId }),
    refund: ({ sliceNo, refundId }: OrderRow, _: object, { loaders }: Context) =>
      refundId === null ? null : loaders.refund.load({ sliceNo, id: refundId }),
  },
  OrderLine: {
    variant: ({ sku }: PricedLine) => ({ sku }),
  },
  Quote: {
    __resolveReference: ({ id }: Reference, { caller, loaders }: Context) =>
      visible(loaders.quote, caller, 'quote', id),
    coupon: couponOf,
  },
  Payment: {
    __resolveReference: ({ id }: Reference, { caller, loaders }: Context) =>
      visible(loaders.payment, caller, 'payment', id),
  },
  Refund: {
    __resolveReference: ({ id }: Reference, { caller, loaders }: Context) =>
      visible(loaders.refund, caller, 'refund', id),
  },
}

/**
 * The row of this id, if the caller may see it: another shopper's is as absent as one that never was.
 * @throws Fault BAD_ID for a malformed id
 */
async function visible<Row extends { readonly shopperId: string }>(
  loader: DataLoader<RowKey, Row | undefined, string>,
  caller: Caller,
  type: string,
  id: string,
): Promise<Row | null> {
  const row = await loader.load({ sliceNo: parseId(type, id).slice, id })
  return row !== undefined && maySee(caller, row.shopperId) ? row : null
}

/** What the request has read before may have changed: an operation of several mutations shows each its own time. */
async function changing({ loaders }: Context, change: Promise<Outcome>): Promise<Outcome> {
  const outcome = await change
  for (const loader of Object.values(loaders)) loader.clearAll()
  return outcome
}

async function ordersOf(
  { id: shopperId }: Reference,
  args: ShopperOrdersArgs,
  { database }: Context,
): Promise<Connection<OrderRow>> {
  const page = pageOf(args, ORDERS_DEFAULT, ORDERS_MAX, ['number', 'string'])
  // PostgreSQL's time begins later than a Date's, and no order is older than 1970.
  const afterMs = Number(page.after?.[0] ?? 0)
  if (afterMs < 0 || afterMs > INSTANT_MS_MAX) {
    throw new Fault('BAD_INPUT', 'after expects a cursor of this list, got one beyond all time')
  }
  const rows = await pageOfOrders(database, sliceOf(shopperId), shopperId, page)
  return connectionOf(
    rows,
    page,
    ({ createdAt, id }) => [createdAt.getTime(), id],
    row => row,
  )
}

function couponOf({ couponId }: OrderRow | QuoteRow): Reference | null {
  return couponId === null ? null : { id: couponId }
}

/** The caller's deadline, less the time to say OrderPending in. */
function callOf({ deadlineMs, traceparent }: Context): PeerCall {
  const leftMs = remainingMs(deadlineMs)
  return { deadlineMs: nowMs() + leftMs - Math.min(ANSWER_MS, leftMs / 4), traceparent }
}
