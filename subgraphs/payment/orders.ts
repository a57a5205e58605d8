import type { Caller } from '../../protocol/caller.ts'
import { Fault } from '../../protocol/fault.ts'
import { parseId } from '../../protocol/ids.ts'
import { sliceOf } from '../../protocol/slice.ts'
import { requireScope, shopperWith } from '../authorize.ts'
import type { Gathering } from '../database.ts'
import type { PeerCall } from '../peers.ts'
import { type Key, keyOf, replay, unlessTaken } from './idempotency.ts'
import {
  idempotencyConflict,
  type Outcome,
  orderNotFound,
  orderPending,
  orderStateConflict,
  quoteExpired,
  quoteNotFound,
  spendingLimitExceeded,
  tell,
} from './messages.ts'
import { checkText, decidePay, type OrderRow, payKey, placementOf } from './order.ts'
import { LEASE_MS, type Saga } from './saga.ts'
import type {
  CancelOrderInput,
  PayOrderInput,
  PlaceOrderInput,
  RefundOrderInput,
} from './schema.generated.ts'
import * as store from './store.ts'

/**
 * The one write path of orders. Each mutation reads, decides by order.ts, and writes by one guarded statement; when the
 * order was no longer as it was read, it reads and decides again. The saga then takes the order as far as the caller's
 * time allows.
 */
export interface OrdersOptions {
  readonly database: Gathering
  readonly saga: Saga
  /** As payments name it. */
  readonly provider: string
}

/** How long an order waits for payment, from the moment it was accepted. */
const PAY_WITHIN_MS = 15 * 60_000
/** Each turn means that another request moved the same order in between. */
const TURNS_MAX = 5
const REASON_CHARACTERS_MAX = 500
const TOKEN_CHARACTERS_MAX = 512
const OPERATOR = '#operator'

export class Orders {
  readonly #database: Gathering
  readonly #saga: Saga
  readonly #provider: string

  constructor({ database, saga, provider }: OrdersOptions) {
    this.#database = database
    this.#saga = saga
    this.#provider = provider
  }

  /** Stores OrderPlaced, VariantUnavailable, CouponNotUsable, QuoteExpired: the quote is used up by each. */
  async place(caller: Caller, input: PlaceOrderInput, call: PeerCall): Promise<Outcome> {
    const shopperId = shopperWith(caller, 'order:place')
    const quote = ownKey('quote', input.quoteId, shopperId)
    const key = keyOf(input.idempotencyKey, input.quoteId, { quoteId: input.quoteId })
    if (quote === undefined) return quoteNotFound()
    const scope = { sliceNo: quote.sliceNo, actor: shopperId, mutation: 'placeOrder', key: key.key } as const

    return await this.#turns(async () => {
      // The usual case first: one statement. Whatever stands in its way is found out afterwards.
      const created = await unlessTaken(() =>
        store.createOrder(this.#database, quote, shopperId, key, LEASE_MS, PAY_WITHIN_MS),
      )
      if (created !== undefined) {
        const order = await this.#saga.drive(created, call)
        const placement = placementOf(order)
        return placement === undefined ? orderPending(order.id) : tell(placement, order, false)
      }
      const replayed = await this.#replay(scope, key)
      if (replayed !== undefined) return replayed
      const found = await store.findQuote(this.#database, quote)
      if (found === undefined || found.shopperId !== shopperId) return quoteNotFound()
      const order = await store.findOrderOfQuote(this.#database, quote)
      if (order === undefined) return found.expired ? quoteExpired() : undefined
      const placement = placementOf(order)
      if (placement === undefined) return orderPending(order.id)
      await store.rememberKey(this.#database, scope, key.bodySha256, order.id, placement)
      return await this.#replay(scope, key)
    })
  }

  /** Stores OrderPaid, PaymentDeclined, and OrderStateConflict of an order cancelled while it was being paid. */
  async pay(caller: Caller, input: PayOrderInput, call: PeerCall): Promise<Outcome> {
    const shopperId = shopperWith(caller, 'order:pay')
    const { orderId, paymentToken } = input
    const rowKey = ownKey('order', orderId, shopperId)
    if (paymentToken != null) checkText('paymentToken', paymentToken, TOKEN_CHARACTERS_MAX)
    const body = { orderId, paymentToken: paymentToken ?? null }
    // The derived key depends on the order, which is read below; no given key is empty.
    const given = keyOf(input.idempotencyKey, '', body)

    return await this.#turns(async () => {
      const order = await this.#own(rowKey, shopperId)
      if (order === undefined) return orderNotFound()
      const key = given.key === '' ? { ...given, key: payKey(order) } : given
      const scope = { sliceNo: order.sliceNo, actor: shopperId, mutation: 'payOrder', key: key.key } as const
      // Before the mandate: telling again what was paid spends nothing.
      const replayed = await this.#replay(scope, key)
      if (replayed !== undefined) return replayed

      const decision = decidePay(order, caller.amountMaxFen)
      switch (decision.kind) {
        case 'pending':
          return orderPending(order.id)
        case 'conflict':
          return orderStateConflict(decision.state)
        case 'over-limit':
          return spendingLimitExceeded(decision.limitFen)
        case 'expire': {
          const expired = await this.#saga.drive(order, call)
          return expired.state === 'AWAITING_PAYMENT' ? undefined : orderStateConflict(expired.state)
        }
        case 'charge': {
          const opened = await unlessTaken(() =>
            store.openPayment(this.#database, order, this.#provider, key, LEASE_MS),
          )
          if (opened === undefined) return undefined
          return await this.#charge(opened, paymentToken ?? undefined, scope, call)
        }
      }
    })
  }

  /** Stores OrderCancelled. */
  async cancel(caller: Caller, input: CancelOrderInput, call: PeerCall): Promise<Outcome> {
    const shopperId = shopperWith(caller, 'order:place')
    const { orderId } = input
    const rowKey = ownKey('order', orderId, shopperId)
    const key = keyOf(input.idempotencyKey, orderId, { orderId })
    /** Whether the provider has been asked about the payment that is open. */
    let askedAbout: string | undefined

    return await this.#turns(async () => {
      const order = await this.#own(rowKey, shopperId)
      if (order === undefined) return orderNotFound()
      const scope = {
        sliceNo: order.sliceNo,
        actor: shopperId,
        mutation: 'cancelOrder',
        key: key.key,
      } as const
      const replayed = await this.#replay(scope, key)
      if (replayed !== undefined) return replayed
      if (order.state === 'CREATED') return orderPending(order.id)
      if (order.state !== 'AWAITING_PAYMENT') return orderStateConflict(order.state)
      const inDoubt = order.paymentOpen && order.paymentId !== null
      if (inDoubt && askedAbout !== order.paymentId) {
        askedAbout = order.paymentId ?? undefined
        await this.#saga.closePayment(order, call)
        return undefined
      }
      // What an open payment may still bring, after the provider could not say, is paid back.
      const cancelled = await unlessTaken(() =>
        store.cancelOrder(this.#database, order, inDoubt, key, LEASE_MS),
      )
      if (cancelled === undefined) return undefined
      const released = await this.#saga.drive(cancelled, call)
      return tell({ typename: 'OrderCancelled', orderId }, released, false)
    })
  }

  /** By the order's shopper, or by an operator. Stores OrderRefunded. */
  async refund(caller: Caller, input: RefundOrderInput, call: PeerCall): Promise<Outcome> {
    const byOperator = caller.kind === 'operator'
    if (byOperator) requireScope(caller, 'campaign:operate')
    const shopperId = byOperator ? undefined : shopperWith(caller, 'order:pay')
    const { orderId } = input
    const reason = input.reason || null
    if (reason !== null) checkText('reason', reason, REASON_CHARACTERS_MAX)
    const rowKey = shopperId === undefined ? anyKey('order', orderId) : ownKey('order', orderId, shopperId)
    const key = keyOf(input.idempotencyKey, orderId, { orderId, reason })
    const actor = shopperId ?? OPERATOR

    return await this.#turns(async () => {
      const order = await this.#own(rowKey, shopperId)
      if (order === undefined) return orderNotFound()
      const scope = { sliceNo: order.sliceNo, actor, mutation: 'refundOrder', key: key.key } as const
      const replayed = await this.#replay(scope, key)
      if (replayed !== undefined) return replayed
      if (order.state !== 'PAID') return orderStateConflict(order.state)
      if (order.refundId !== null) return orderPending(order.id)
      const requested = await unlessTaken(() =>
        store.requestRefund(this.#database, order, actor, reason, key, LEASE_MS),
      )
      if (requested === undefined) return undefined
      const refunded = await this.#saga.drive(requested, call)
      if (refunded.state !== 'REFUNDED') return orderPending(order.id)
      return tell({ typename: 'OrderRefunded', orderId }, refunded, false)
    })
  }

  // Private from here on.

  async #charge(
    opened: OrderRow,
    token: string | undefined,
    scope: store.KeyScope,
    call: PeerCall,
  ): Promise<Outcome> {
    const { order, recorded } = await this.#saga.charge(opened, token, call)
    if (recorded === 'OrderPaid' || recorded === 'PaymentDeclined') {
      return tell({ typename: recorded, orderId: order.id }, order, false)
    }
    // Not known, or another worker knew first: what the key has been completed with is the answer.
    const known = await store.findKey(this.#database, scope)
    return known?.outcome ? tell(known.outcome, order, false) : orderPending(order.id)
  }

  /** The outcome that the key stands for; undefined when the key is new. */
  async #replay(scope: store.KeyScope, key: Key): Promise<Outcome | undefined> {
    const known = await store.findKey(this.#database, scope)
    if (known === undefined) return undefined
    const outcome = replay(known, key)
    if (outcome === 'conflict') return idempotencyConflict()
    const order = await store.findOrder(this.#database, { sliceNo: scope.sliceNo, id: known.orderId })
    if (order === undefined)
      throw new Error(`an idempotency key names the order ${known.orderId}, which is gone`)
    return tell(outcome, order, true)
  }

  /** The order, if it is this shopper's; any shopper's for `undefined`. */
  async #own(rowKey: store.RowKey | undefined, shopperId: string | undefined): Promise<OrderRow | undefined> {
    const order = rowKey && (await store.findOrder(this.#database, rowKey))
    return shopperId === undefined || order?.shopperId === shopperId ? order : undefined
  }

  /** Decides until there is an answer; a turn without one found the order changed under its hands. */
  async #turns(turn: () => Promise<Outcome | undefined>): Promise<Outcome> {
    for (let turns = 0; turns < TURNS_MAX; turns++) {
      const outcome = await turn()
      if (outcome !== undefined) return outcome
    }
    throw new Fault('ORDER_BUSY', 'other requests keep changing this order', { retryAfterMs: 1_000 })
  }
}

/** @throws Fault BAD_ID for a malformed id. `undefined`: another shopper's slice, where nothing of this one can be. */
function ownKey(type: string, id: string, shopperId: string): store.RowKey | undefined {
  const key = anyKey(type, id)
  return key.sliceNo === sliceOf(shopperId) ? key : undefined
}

const anyKey = (type: string, id: string): store.RowKey => ({ sliceNo: parseId(type, id).slice, id })
