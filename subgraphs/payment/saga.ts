import type { Logger } from 'pino'
import { type DeadlineMs, deadlineIn, nowMs, remainingMs } from '../../protocol/deadline.ts'
import { Fault } from '../../protocol/fault.ts'
import type { Gathering } from '../database.ts'
import type { CatalogPeer, CouponPeer, PeerCall } from '../peers.ts'
import { backoffMs, discountOf, type OrderRow, type StoredOutcome, stockLines } from './order.ts'
import { type PaymentProvider, ProviderUnavailable, type TradeState } from './provider.ts'
import type { CancelReason } from './schema.generated.ts'
import * as store from './store.ts'

/**
 * An order's way, and what a worker does at each step before it moves on. Steps only ever follow the arrows, so a step
 * is its own version: a worker that comes too late finds another step and changes nothing.
 *
 *     CREATED/RESERVE ── reserveStock, reserveCoupon
 *      │ held                                   │ refused, or not settled in time
 *      ├ nothing due ─────────┐                 │
 *     AWAITING_PAYMENT/AWAIT  │                 │
 *      │ paid  │ cancelled,   │                 │
 *      │       │ or expired ──│─────────────────┤
 *     PAID/SETTLE ────────────┘         CANCELLED/RELEASE ── releaseCoupon, releaseStock
 *      │    redeemCoupon, commitStock     │     │ a payment is in doubt
 *      ├ refund asked ┐                   │    CANCELLED/WATCH ── money that came after all is paid back
 *      │    PAID/REFUND ── money back     │     │
 *      │    REFUNDED/RETURN ── returnCoupon, returnStock
 *      │              │                   │     │
 *     DONE           DONE                DONE  DONE
 *
 * A paid order that is DONE goes on to REFUND when a refund is asked for later.
 *
 * Whoever puts an order into a step holds it for a lease (`due_at`); when it has not moved on by then, because the
 * process died or a peer failed, the sweep takes it up. Peers and the provider are called with no transaction and no
 * connection held, and every call is idempotent by order, payment or refund. A reservation that arrives after its
 * release holds nothing: the peers keep a tombstone.
 */
export interface SagaOptions {
  readonly database: Gathering
  readonly coupon: CouponPeer
  readonly catalog: CatalogPeer
  readonly provider: PaymentProvider
  readonly logger: Logger
}

/** Longer than any request may take (10 s), so that the sweep does not take up what a request still has in hand. */
export const LEASE_MS = 20_000
/** How long one pass of the sweep works: well within its lease. */
const SWEEP_WORK_MS_MAX = 12_000
/** What one order may take of it, so that a peer that answers nobody does not hold up the orders that need others. */
const SWEEP_ORDER_MS_MAX = 4_000
/** An order that could be neither held nor refused by then is given up. */
const PLACE_WITHIN_MS = 60_000
/** How long past its end an order waits for a provider that cannot say whether it was paid. */
const DOUBT_MS_MAX = 5 * 60_000
/** CREATED to DONE takes six at most; more is a bug. */
const STEPS_MAX = 10
/** How many orders one sweep works on at a time, and takes at once. */
const SWEEP_WORKERS = 8
const SWEEP_ROWS_MAX = 64

/** What a step came to. `rest`: nothing more to do for now. `undefined` where a step is done: another worker did it. */
interface Moved {
  readonly order: OrderRow
  readonly rest: boolean
}

export class Saga {
  readonly #options: SagaOptions

  constructor(options: SagaOptions) {
    this.#options = options
  }

  /**
   * Takes an order as far as it goes, and answers it as it then stands. Never rejects for a peer's or the provider's
   * failure: the order is then due again, after a pause, for the sweep.
   */
  async drive(order: OrderRow, call: PeerCall): Promise<OrderRow> {
    let current = order
    try {
      for (let steps = 0; steps < STEPS_MAX; steps++) {
        const moved = await this.#step(current, call)
        if (moved === undefined) return (await store.findOrder(this.#options.database, current)) ?? current
        current = moved.order
        if (moved.rest) return current
      }
      throw new Error(`expected at most ${STEPS_MAX} steps, stands at ${current.state}/${current.step}`)
    } catch (error) {
      await this.#postpone(current, error)
      // A late worker fails because another has moved the order on.
      const { database } = this.#options
      return (await store.findOrder(database, current).catch(() => undefined)) ?? current
    }
  }

  /**
   * Charges an order's open payment and records what came of it. `recorded` is undefined when that is not known yet, or
   * when another worker was first.
   */
  async charge(
    order: OrderRow,
    token: string | undefined,
    call: PeerCall,
  ): Promise<{ readonly order: OrderRow; readonly recorded: StoredOutcome['typename'] | undefined }> {
    const { provider, database } = this.#options
    let state: TradeState
    try {
      const charge = { paymentId: order.paymentId!, amountFen: order.payableFen, token }
      state = await this.#ask('charge', call.deadlineMs, deadlineMs => provider.charge(charge, deadlineMs))
      if (state === 'PENDING') throw new ProviderUnavailable(provider.name, 'charge finally')
    } catch (error) {
      await this.#postpone(order, error)
      return { order, recorded: undefined }
    }
    const moved = await this.#record(order, state)
    if (moved === undefined) {
      return { order: (await store.findOrder(database, order)) ?? order, recorded: undefined }
    }
    // The same as the record wrote into the key.
    const cancelled = moved.state === 'CANCELLED'
    const ended = state === 'SUCCEEDED' ? 'OrderPaid' : 'PaymentDeclined'
    const driven = state === 'SUCCEEDED' ? await this.drive(moved, call) : moved
    return { order: driven, recorded: cancelled ? 'OrderStateConflict' : ended }
  }

  /**
   * Finds out, before an order is cancelled, how its open payment stands, closing it when it is undecided. Answers the
   * order as recorded, or unchanged, its payment still open, when the provider cannot say.
   */
  async closePayment(order: OrderRow, call: PeerCall): Promise<OrderRow> {
    const { provider, database, logger } = this.#options
    let state: TradeState
    try {
      state = await this.#ask('close', call.deadlineMs, deadlineMs =>
        provider.close(order.paymentId!, deadlineMs),
      )
    } catch (error) {
      logger.warn({ err: error, orderId: order.id }, 'a payment could not be closed; it is watched')
      return order
    }
    if (state === 'PENDING') return order
    const moved = (await this.#record(order, state)) ?? (await store.findOrder(database, order)) ?? order
    return state === 'SUCCEEDED' ? await this.drive(moved, call) : moved
  }

  /** One pass over the orders that are due; answers whether more are. */
  async sweep(signal: AbortSignal): Promise<boolean> {
    const due = await store.claimDue(this.#options.database, SWEEP_ROWS_MAX, LEASE_MS)
    const queue = due.values()
    const deadlineMs = deadlineIn(SWEEP_WORK_MS_MAX)
    const work = async (): Promise<void> => {
      for (const order of queue) {
        if (signal.aborted || nowMs() > deadlineMs) await this.#putBack(order)
        else await this.drive(order, { deadlineMs: Math.min(deadlineMs, deadlineIn(SWEEP_ORDER_MS_MAX)) })
      }
    }
    await Promise.all(Array.from({ length: SWEEP_WORKERS }, work))
    return due.length === SWEEP_ROWS_MAX
  }

  // Private from here on.

  async #step(order: OrderRow, call: PeerCall): Promise<Moved | undefined> {
    if (order.step !== 'DONE' && remainingMs(call.deadlineMs) === 0) {
      throw new Fault('SUBGRAPH_TIMEOUT', `no time was left for the step ${order.step}`)
    }
    switch (order.step) {
      case 'RESERVE':
        return await this.#reserve(order, call)
      case 'AWAIT':
        return await this.#await(order, call)
      case 'SETTLE':
        return await this.#settle(order, call)
      case 'REFUND':
        return await this.#refund(order, call)
      case 'RETURN':
        return await this.#return(order, call)
      case 'RELEASE':
        return await this.#release(order, call)
      case 'WATCH':
        return await this.#watch(order, call)
      case 'DONE':
        return { order, rest: true }
    }
  }

  async #reserve(order: OrderRow, call: PeerCall): Promise<Moved | undefined> {
    const { coupon, catalog, database } = this.#options
    const refuse = async (reason: CancelReason, refusal: StoredOutcome): Promise<Moved | undefined> =>
      going(await store.refuseOrder(database, order, reason, refusal, LEASE_MS))

    if (order.ageMs > PLACE_WITHIN_MS) return await refuse('EXPIRED', { typename: 'QuoteExpired' })
    const stock = await catalog.reserveStock({ orderId: order.id, lines: stockLines(order) }, call)
    if (stock.state === 'REFUSED') {
      const { sku, available } = stock.short[0] ?? { sku: order.lines[0]!.sku, available: 0 }
      return await refuse('OUT_OF_STOCK', { typename: 'VariantUnavailable', sku, available })
    }
    if (stock.state !== 'HELD') throw unexpected('reserveStock', stock.state)
    if (order.couponId !== null) {
      const hold = await coupon.reserveCoupon(
        { ...couponOrder(order, order.couponId), subtotalFen: order.subtotalFen },
        call,
      )
      // A face that is not the quoted one would make coupon's books and ours disagree about the same order.
      const differs =
        hold.refusal === null && discountOf(hold.faceFen, order.subtotalFen) !== order.discountFen
      const reason = differs ? 'NOT_AVAILABLE' : hold.refusal
      if (reason !== null) return await refuse('COUPON_NOT_USABLE', { typename: 'CouponNotUsable', reason })
    }
    const confirmed = await store.confirmOrder(database, order, LEASE_MS)
    return confirmed && { order: confirmed, rest: confirmed.state === 'AWAITING_PAYMENT' }
  }

  async #await(order: OrderRow, call: PeerCall): Promise<Moved | undefined> {
    const { database } = this.#options
    if (order.paymentOpen) {
      const state = await this.#resolve(order, order.expired, call)
      if (state !== undefined) {
        const recorded = await this.#record(order, state)
        return (
          recorded && { order: recorded, rest: recorded.state === 'AWAITING_PAYMENT' && !recorded.expired }
        )
      }
      const payWithinMs = order.expiresAt.getTime() - order.createdAt.getTime()
      if (order.ageMs <= payWithinMs + DOUBT_MS_MAX) {
        throw new ProviderUnavailable(this.#options.provider.name, 'whether it was paid')
      }
      return going(await store.expireOrder(database, order, true, LEASE_MS))
    }
    if (order.expired) return going(await store.expireOrder(database, order, false, LEASE_MS))
    await store.postpone(database, order, null)
    return { order, rest: true }
  }

  async #settle(order: OrderRow, call: PeerCall): Promise<Moved | undefined> {
    const { coupon, catalog, database } = this.#options
    // At once: the order is paid, so both are done whatever becomes of the other.
    const [hold, stock] = await Promise.all([
      order.couponId === null
        ? null
        : coupon.redeemCoupon(
            { ...couponOrder(order, order.couponId), subtotalFen: order.subtotalFen },
            call,
          ),
      catalog.commitStock({ orderId: order.id }, call),
    ])
    // Nor can it wait for a coupon that will never be redeemed.
    if (hold !== null && hold.refusal !== null) this.#disagrees(order, 'redeemCoupon', hold.refusal)
    if (stock.state !== 'COMMITTED' && stock.state !== 'RETURNED') {
      this.#disagrees(order, 'commitStock', stock.state)
    }
    return going(await store.finishSettle(database, order, LEASE_MS))
  }

  async #refund(order: OrderRow, call: PeerCall): Promise<Moved | undefined> {
    const { provider, database } = this.#options
    if (order.payableFen > 0) {
      const refund = {
        paymentId: order.paymentId!,
        refundId: order.refundId!,
        amountFen: order.payableFen,
      }
      const state = await this.#ask('refund', call.deadlineMs, deadlineMs =>
        provider.refund(refund, deadlineMs),
      )
      if (state === 'PENDING') throw new ProviderUnavailable(provider.name, 'refund finally')
    }
    return going(await store.recordRefunded(database, order, LEASE_MS))
  }

  async #return(order: OrderRow, call: PeerCall): Promise<Moved | undefined> {
    const { coupon, catalog, database } = this.#options
    if (order.couponId !== null) {
      const hold = await coupon.returnCoupon(couponOrder(order, order.couponId), call)
      if (hold.refusal !== null) this.#disagrees(order, 'returnCoupon', hold.refusal)
    }
    const stock = await catalog.returnStock({ orderId: order.id }, call)
    if (stock.state !== 'RETURNED') this.#disagrees(order, 'returnStock', stock.state)
    return going(await store.finishReturn(database, order))
  }

  async #release(order: OrderRow, call: PeerCall): Promise<Moved | undefined> {
    const { coupon, catalog, database } = this.#options
    if (order.couponId !== null) await coupon.releaseCoupon(couponOrder(order, order.couponId), call)
    await catalog.releaseStock({ orderId: order.id }, call)
    return going(await store.finishRelease(database, order, LEASE_MS))
  }

  async #watch(order: OrderRow, call: PeerCall): Promise<Moved | undefined> {
    if (!order.paymentOpen) return await this.#refund(order, call)
    const state = await this.#resolve(order, true, call)
    if (state === undefined) throw new ProviderUnavailable(this.#options.provider.name, 'whether it was paid')
    return going(await this.#record(order, state))
  }

  /**
   * How the order's open payment ended; undefined while the provider cannot say. One that never arrived is closed, so
   * that it cannot arrive later; one that is pending is closed only when `final`.
   */
  async #resolve(
    order: OrderRow,
    final: boolean,
    call: PeerCall,
  ): Promise<Exclude<TradeState, 'PENDING'> | undefined> {
    const { provider, logger } = this.#options
    const paymentId = order.paymentId!
    try {
      let state = await this.#ask('query', call.deadlineMs, deadlineMs =>
        provider.query(paymentId, deadlineMs),
      )
      if (state === 'ABSENT' || (state === 'PENDING' && final)) {
        state = await this.#ask('close', call.deadlineMs, deadlineMs => provider.close(paymentId, deadlineMs))
      }
      return state === 'PENDING' ? undefined : state
    } catch (error) {
      logger.warn(
        { err: error, orderId: order.id, paymentId },
        'the provider cannot say how a payment stands',
      )
      return undefined
    }
  }

  async #record(order: OrderRow, state: Exclude<TradeState, 'PENDING'>): Promise<OrderRow | undefined> {
    const { database } = this.#options
    return state === 'SUCCEEDED'
      ? await store.recordPaid(database, order, LEASE_MS)
      : await store.recordUnpaid(database, order)
  }

  /** The provider by a deadline: whatever it does, we go on. */
  async #ask<T>(
    what: string,
    deadlineMs: DeadlineMs,
    act: (deadlineMs: DeadlineMs) => Promise<T>,
  ): Promise<T> {
    const { provider } = this.#options
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new ProviderUnavailable(provider.name, what)), remainingMs(deadlineMs))
    })
    try {
      return await Promise.race([act(deadlineMs), late])
    } finally {
      clearTimeout(timer)
    }
  }

  async #postpone(order: OrderRow, error: unknown): Promise<void> {
    const { database, logger } = this.#options
    const pauseMs = backoffMs(order.attempts)
    const { id: orderId, step, attempts } = order
    logger.warn({ err: error, orderId, step, attempts, pauseMs }, 'a step failed; it will be tried again')
    // When this fails too, the lease ends by itself.
    await store.postpone(database, order, pauseMs).catch(() => {})
  }

  async #putBack(order: OrderRow): Promise<void> {
    await store.postpone(this.#options.database, order, 0).catch(() => {})
  }

  /** A peer says about a settled order what cannot be: a person has to look, and the order goes on. */
  #disagrees(order: OrderRow, call: string, answer: string): void {
    this.#options.logger.error({ orderId: order.id, call, answer }, 'a peer disagrees about an order')
  }
}

const going = (order: OrderRow | undefined): Moved | undefined => order && { order, rest: false }

const couponOrder = (
  order: OrderRow,
  couponId: string,
): { shopperId: string; couponId: string; orderId: string } => ({
  shopperId: order.shopperId,
  couponId,
  orderId: order.id,
})

const unexpected = (call: string, state: string): Fault =>
  new Fault('SUBGRAPH_BAD_ANSWER', `${call} answered ${state} for an order that is being placed`)
