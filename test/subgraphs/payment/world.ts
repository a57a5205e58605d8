import type { Caller } from '../../../protocol/caller.ts'
import { deadlineIn, remainingMs } from '../../../protocol/deadline.ts'
import { Fault } from '../../../protocol/fault.ts'
import { newId } from '../../../protocol/ids.ts'
import type { SubgraphClient, SubgraphRequest } from '../../../protocol/subgraph-client.ts'
import {
  Database,
  type GatheredStatement,
  type Gathering,
  type Statement,
} from '../../../subgraphs/database.ts'
import type { Outcome } from '../../../subgraphs/payment/messages.ts'
import { type OrderRow, type QuoteRow, sha256 } from '../../../subgraphs/payment/order.ts'
import { Orders } from '../../../subgraphs/payment/orders.ts'
import type { PaymentProvider } from '../../../subgraphs/payment/provider.ts'
import { type QuoteOptions, quoteOrder } from '../../../subgraphs/payment/quotes.ts'
import { LEASE_MS, Saga } from '../../../subgraphs/payment/saga.ts'
import { createSandboxProvider } from '../../../subgraphs/payment/sandbox-provider.ts'
import { createPaymentSubgraphWith } from '../../../subgraphs/payment/subgraph.ts'
import { type CatalogPeer, type CouponPeer, catalogPeer, couponPeer } from '../../../subgraphs/peers.ts'
import type { Subgraph } from '../../../subgraphs/subgraph.ts'
import { createTestDatabase, shiftClock, silent } from '../../harness/postgres.ts'

/** What happens around one call of a peer or the provider. Throwing `after` means: applied, and the answer lost. */
export type Trouble = (what: string, when: 'before' | 'after', deadlineMs: number) => Promise<void> | void

export const MILK_TEA = 'MILK-TEA'
export const COOKIE = 'COOKIE'
/** 18.00 yuan and 25.00 yuan. */
export const MILK_TEA_FEN = 1_800
export const COOKIE_FEN = 2_500

export const shopper = (shopperId: string, more: Partial<Caller> = {}): Caller => ({
  kind: 'shopper',
  shopperId,
  client: 'qwen',
  scopes: ['order:place', 'order:pay'],
  tier: 'shopper',
  ...more,
})

export const OPERATOR: Caller = {
  kind: 'operator',
  client: 'control',
  scopes: ['campaign:operate'],
  tier: 'developer',
}

interface CouponState {
  readonly shopperId: string
  faceFen: number
  minSpendFen: number
  state: string
  orderId: string | null
}

interface StockState {
  priceFen: number
  onHand: number
  reserved: number
}

/**
 * The coupon and catalog services as payment sees them: real state, idempotent by order, with tombstones, outliving
 * every instance of payment. Nothing of payment's own is imitated.
 */
export class Peers {
  readonly coupons: Map<string, CouponState> = new Map()
  readonly couponHolds: Map<string, 'HELD' | 'RELEASED' | 'REDEEMED' | 'RETURNED'> = new Map()
  readonly stock: Map<string, StockState> = new Map()
  readonly stockHolds: Map<string, { state: string; lines: { sku: string; quantity: number }[] }> = new Map()
  /** No coupon can be reserved any more, and a returned one comes back RETURNED. */
  couponsEnded = false
  trouble: Trouble = () => {}
  readonly calls: string[] = []

  constructor() {
    this.stock.set(MILK_TEA, { priceFen: MILK_TEA_FEN, onHand: 1_000_000, reserved: 0 })
    this.stock.set(COOKIE, { priceFen: COOKIE_FEN, onHand: 1_000_000, reserved: 0 })
  }

  issue(shopperId: string, faceFen: number, minSpendFen = 0): string {
    const id = newId('coupon', shopperId)
    this.coupons.set(id, { shopperId, faceFen, minSpendFen, state: 'ISSUED', orderId: null })
    return id
  }

  /** `trouble` of one client, beside the peers' own. */
  client(name: 'coupon' | 'catalog', around: Around = direct): SubgraphClient {
    return {
      name,
      execute: (request: SubgraphRequest) =>
        around(`${name} call`, async () => {
          const field = /\{\s*(\w+)\(/.exec(request.operation)![1]!
          const input = (request.variables.input ?? request.variables) as never
          this.calls.push(field)
          await this.trouble(field, 'before', request.deadlineMs)
          const value = this.#answer(field, input)
          await this.trouble(field, 'after', request.deadlineMs)
          return { data: { [field]: structuredClone(value) } }
        }),
      ready: async () => {},
      close: async () => {},
    }
  }

  #answer(field: string, input: Record<string, never>): unknown {
    switch (field) {
      case 'priceVariants':
        return (input.skus as unknown as string[]).flatMap(sku => {
          const row = this.stock.get(sku)
          if (row === undefined) return []
          return [
            {
              sku,
              nameZh: '奶茶',
              nameEn: 'Tea',
              priceFen: row.priceFen,
              available: row.onHand - row.reserved,
            },
          ]
        })
      case 'reserveStock':
        return this.#reserveStock(input.orderId!, input.lines!)
      case 'releaseStock':
        return this.#settleStock(input.orderId!, 'RELEASED')
      case 'commitStock':
        return this.#settleStock(input.orderId!, 'COMMITTED')
      case 'returnStock':
        return this.#settleStock(input.orderId!, 'RETURNED')
      case 'checkCoupon':
        return this.#checkCoupon(input as never)
      default:
        return this.#couponHold(field, input as never)
    }
  }

  #reserveStock(orderId: string, lines: { sku: string; quantity: number }[]): unknown {
    const known = this.stockHolds.get(orderId)
    if (known !== undefined) return { orderId, state: known.state, short: [] }
    const short = lines
      .map(({ sku, quantity }) => ({ sku, quantity, available: this.#available(sku) }))
      .filter(({ quantity, available }) => available < quantity)
      .map(({ sku, available }) => ({ sku, available }))
    if (short.length > 0) {
      this.stockHolds.set(orderId, { state: 'REFUSED', lines: [] })
      return { orderId, state: 'REFUSED', short }
    }
    for (const { sku, quantity } of lines) this.stock.get(sku)!.reserved += quantity
    this.stockHolds.set(orderId, { state: 'HELD', lines })
    return { orderId, state: 'HELD', short: [] }
  }

  #available(sku: string): number {
    const row = this.stock.get(sku)
    return row === undefined ? 0 : row.onHand - row.reserved
  }

  #settleStock(orderId: string, wanted: 'RELEASED' | 'COMMITTED' | 'RETURNED'): unknown {
    const hold = this.stockHolds.get(orderId)
    if (hold === undefined) {
      if (wanted === 'RELEASED') this.stockHolds.set(orderId, { state: 'RELEASED', lines: [] })
      return { orderId, state: wanted === 'RELEASED' ? 'RELEASED' : 'NONE', short: [] }
    }
    const each = (act: (row: { onHand: number; reserved: number }, quantity: number) => void): void => {
      for (const { sku, quantity } of hold.lines) act(this.stock.get(sku)!, quantity)
    }
    if (hold.state === 'HELD') {
      each((row, quantity) => {
        row.reserved -= quantity
        if (wanted === 'COMMITTED') row.onHand -= quantity
      })
      hold.state = wanted
    } else if (hold.state === 'COMMITTED' && wanted === 'RETURNED') {
      each((row, quantity) => {
        row.onHand += quantity
      })
      hold.state = wanted
    } else if (hold.state === 'REFUSED' && wanted === 'RELEASED') {
      hold.state = wanted
    }
    return { orderId, state: hold.state, short: [] }
  }

  #checkCoupon({ shopperId, couponId }: { shopperId: string; couponId: string }): unknown {
    const coupon = this.coupons.get(couponId)
    if (coupon?.shopperId !== shopperId) return null
    const { state, faceFen, minSpendFen } = coupon
    const refusal = state !== 'ISSUED' ? 'NOT_AVAILABLE' : this.couponsEnded ? 'EXPIRED' : null
    return { couponId, state, refusal, faceFen, minSpendFen, validUntil: '2099-01-01T00:00:00.000Z' }
  }

  #couponHold(
    field: string,
    input: { shopperId: string; couponId: string; orderId: string; subtotalFen?: number },
  ): unknown {
    const { couponId, orderId } = input
    const coupon = this.coupons.get(couponId)
    if (coupon?.shopperId !== input.shopperId) {
      return { couponId, orderId, state: null, refusal: 'NOT_FOUND', faceFen: 0 }
    }
    const hold = this.couponHolds.get(orderId)
    let refusal: string | null = null
    const write = (state: string, holds: 'HELD' | 'RELEASED' | 'REDEEMED' | 'RETURNED'): void => {
      coupon.state = state
      coupon.orderId = state === 'ISSUED' ? null : orderId
      this.couponHolds.set(orderId, holds)
    }
    if (field === 'reserveCoupon') {
      if (hold === undefined) {
        if (coupon.state !== 'ISSUED') refusal = 'NOT_AVAILABLE'
        else if (this.couponsEnded) refusal = 'EXPIRED'
        else if (input.subtotalFen! < coupon.minSpendFen) refusal = 'BELOW_MINIMUM'
        else write('RESERVED', 'HELD')
      } else if (hold !== 'HELD' && hold !== 'REDEEMED') refusal = 'NOT_AVAILABLE'
    } else if (field === 'releaseCoupon') {
      if (hold === undefined) this.couponHolds.set(orderId, 'RELEASED')
      else if (hold === 'HELD') write(this.couponsEnded ? 'EXPIRED' : 'ISSUED', 'RELEASED')
      else if (hold === 'REDEEMED') refusal = 'NOT_AVAILABLE'
    } else if (field === 'redeemCoupon') {
      if (hold === 'HELD') write('REDEEMED', 'REDEEMED')
      else if (hold !== 'REDEEMED') refusal = 'NOT_AVAILABLE'
    } else if (hold === 'REDEEMED') write(this.couponsEnded ? 'RETURNED' : 'ISSUED', 'RETURNED')
    else if (hold !== 'RETURNED') refusal = 'NOT_AVAILABLE'
    return { couponId, orderId, state: coupon.state, refusal, faceFen: coupon.faceFen }
  }
}

/** Something done around every call that leaves an instance: where a test makes the instance die. */
export type Around = <T>(what: string, act: () => Promise<T>) => Promise<T>

export const direct: Around = (_, act) => act()

/** An instance whose `at`th call is its last: `before` it is made, or `after` it took effect and before anyone knew. */
export class Mortal {
  readonly #at: number
  readonly #when: 'before' | 'after'
  calls: number = 0
  /** The call that it died of. */
  last: string = ''

  constructor(at: number, when: 'before' | 'after') {
    this.#at = at
    this.#when = when
  }

  readonly around: Around = async (what, act) => {
    if (this.dead) throw new Fault('DEAD', 'the process is gone')
    this.calls++
    const dying = this.calls === this.#at
    if (dying) this.last = what
    if (dying && this.#when === 'before') throw new Fault('DEAD', 'the process is gone')
    const answer = await act()
    if (dying) throw new Fault('DEAD', 'the process is gone')
    return answer
  }

  get dead(): boolean {
    return this.calls >= this.#at
  }
}

/** An instance of payment without its door: what a process holds, sharing database, peers and provider with others. */
export interface Instance {
  readonly orders: Orders
  readonly saga: Saga
  readonly quoting: QuoteOptions
  readonly coupon: CouponPeer
  readonly catalog: CatalogPeer
}

export class World implements AsyncDisposable {
  readonly peers: Peers = new Peers()
  readonly database: Database
  readonly provider: PaymentProvider
  /** Around the provider's calls. */
  providerTrouble: Trouble = () => {}
  readonly #test: Awaited<ReturnType<typeof createTestDatabase>>
  #shiftMs = 0
  #passing: Promise<void> = Promise.resolve()

  private constructor(test: Awaited<ReturnType<typeof createTestDatabase>>) {
    this.#test = test
    this.database = new Database({ connection: test.connection, schema: 'payment', log: silent })
    const sandbox = createSandboxProvider(this.database)
    const troubled = async <T>(what: string, deadlineMs: number, act: () => Promise<T>): Promise<T> => {
      await this.providerTrouble(what, 'before', deadlineMs)
      const answer = await act()
      await this.providerTrouble(what, 'after', deadlineMs)
      return answer
    }
    this.provider = {
      name: 'sandbox',
      charge: (charge, at) => troubled('charge', at, () => sandbox.charge(charge, at)),
      query: (id, at) => troubled('query', at, () => sandbox.query(id, at)),
      close: (id, at) => troubled('close', at, () => sandbox.close(id, at)),
      refund: (refund, at) => troubled('refund', at, () => sandbox.refund(refund, at)),
    }
  }

  static async open(): Promise<World> {
    const world = new World(await createTestDatabase())
    await world.database.migrate(new URL('../../../subgraphs/payment/migrations/', import.meta.url))
    return world
  }

  /** The whole subgraph, its sweeps running once started, on a pool of its own. */
  subgraph(): Subgraph {
    const database = new Database({ connection: this.#test.connection, schema: 'payment', log: silent })
    const clientOf = (name: string): SubgraphClient => this.peers.client(name as 'coupon' | 'catalog')
    return createPaymentSubgraphWith({ database, clientOf, seed: false, logger: silent }, this.provider)
  }

  instance(around: Around = direct): Instance {
    const coupon = couponPeer(this.peers.client('coupon', around))
    const catalog = catalogPeer(this.peers.client('catalog', around))
    const database: Gathering = {
      gather: <Row extends object>(statement: GatheredStatement, item: object) =>
        around(`sql ${statement.name}`, () => this.database.gather<Row>(statement, item)),
      query: <Row extends object>(statement: Statement, values?: readonly unknown[]) =>
        around(`sql ${statement.name}`, () => this.database.query<Row>(statement, values)),
    }
    const { provider } = this
    const around1 =
      <A, T>(what: string, act: (input: A, deadlineMs: number) => Promise<T>) =>
      (input: A, deadlineMs: number): Promise<T> =>
        around(what, () => act(input, deadlineMs))
    const far: PaymentProvider = {
      name: provider.name,
      charge: around1('charge', provider.charge),
      query: around1('query', provider.query),
      close: around1('close', provider.close),
      refund: around1('refund', provider.refund),
    }
    const saga = new Saga({ database, coupon, catalog, provider: far, logger: silent })
    const orders = new Orders({ database, saga, provider: provider.name })
    return { orders, saga, quoting: { database, coupon, catalog }, coupon, catalog }
  }

  async ask<Row extends object = Record<string, unknown>>(
    text: string,
    values: unknown[] = [],
  ): Promise<Row[]> {
    // On the pool: a session for each of thousands of questions would take longer than what is tested.
    return await this.database.query<Row>({ name: `ask_${sha256(text)}`.slice(0, 60), text }, values)
  }

  /** Time passes for the database, and so for every rule. */
  async pass(ms: number): Promise<void> {
    this.#shiftMs += ms
    // One after another: PostgreSQL refuses to replace a function twice at once.
    const earlier = this.#passing
    this.#passing = earlier.then(() => shiftClock(this.#test.connection, 'payment', this.#shiftMs))
    await this.#passing
  }

  /** Sweeps on a new instance, each time past the lease, until nothing but unpaid orders is left to do. */
  async recover(): Promise<void> {
    const { saga } = this.instance()
    for (let rounds = 0; rounds < 50; rounds++) {
      const open = await this.ask<{ n: number }>(
        `SELECT count(*)::int AS n FROM payment.orders
          WHERE step <> 'DONE' AND (step <> 'AWAIT' OR payment_open)`,
      )
      if (open[0]!.n === 0) return
      await this.pass(LEASE_MS + 1_000)
      while (await saga.sweep(new AbortController().signal));
    }
    throw new Error('orders are still open after 50 rounds')
  }

  /** Every order's stock, coupon, money and keys agree with its state. Call when nothing is under way. */
  async check(): Promise<string[]> {
    const wrong: string[] = []
    const orders = await this.ask<{
      id: string
      state: string
      step: string
      coupon_id: string | null
      payable_fen: string
      captured: string
      refunded: string
    }>(`SELECT o.id, o.state, o.step, o.coupon_id, o.payable_fen,
          coalesce((SELECT sum(s.amount_fen) FROM payment.payments p JOIN payment.sandbox_trades s ON s.payment_id = p.id
            WHERE p.order_id = o.id AND s.state = 'SUCCEEDED'), 0) AS captured,
          coalesce((SELECT sum(s.amount_fen) FROM payment.payments p JOIN payment.sandbox_refunds s ON s.payment_id = p.id
            WHERE p.order_id = o.id), 0) AS refunded
        FROM payment.orders o`)
    for (const order of orders) {
      const netFen = Number(order.captured) - Number(order.refunded)
      const wantedFen = order.state === 'PAID' ? Number(order.payable_fen) : 0
      if (netFen !== wantedFen) wrong.push(`${order.id} ${order.state}: ${netFen} fen, expected ${wantedFen}`)
      if (Number(order.captured) > Number(order.payable_fen)) wrong.push(`${order.id} charged twice`)
      const stock = this.peers.stockHolds.get(order.id)?.state
      const stockWanted = {
        PAID: 'COMMITTED',
        REFUNDED: 'RETURNED',
        AWAITING_PAYMENT: 'HELD',
        CANCELLED: 'RELEASED',
      }
      if (stock !== stockWanted[order.state as 'PAID']) {
        wrong.push(`${order.id} ${order.state}/${order.step}: stock ${stock}`)
      }
      const hold = this.peers.couponHolds.get(order.id)
      const holdWanted = {
        PAID: 'REDEEMED',
        REFUNDED: 'RETURNED',
        AWAITING_PAYMENT: 'HELD',
        CANCELLED: 'RELEASED',
      }
      if (order.coupon_id !== null && hold !== holdWanted[order.state as 'PAID']) {
        wrong.push(`${order.id} ${order.state}/${order.step}: coupon hold ${hold}`)
      }
    }
    for (const row of await this.ask<{ what: string }>(`
      SELECT 'ledger differs from the provider' AS what FROM (SELECT
          (SELECT coalesce(sum(amount_fen), 0) FROM payment.transfers WHERE kind = 'CAPTURE') AS captured,
          (SELECT coalesce(sum(amount_fen), 0) FROM payment.transfers WHERE kind = 'REFUND') AS refunded,
          (SELECT coalesce(sum(amount_fen), 0) FROM payment.sandbox_trades WHERE state = 'SUCCEEDED') AS taken,
          (SELECT coalesce(sum(amount_fen), 0) FROM payment.sandbox_refunds) AS given) m
        WHERE captured <> taken OR refunded <> given
      UNION ALL SELECT 'no refund row of ' || o.id FROM payment.orders o
        WHERE o.refund_id IS NOT NULL AND NOT EXISTS (SELECT FROM payment.refunds r WHERE r.id = o.refund_id)
      UNION ALL SELECT 'key in flight ' || key FROM payment.idempotency_keys WHERE outcome IS NULL
      UNION ALL SELECT 'payment undecided ' || id FROM payment.payments WHERE state = 'WAIT_BUYER_PAY'
      UNION ALL SELECT 'refund pending ' || id FROM payment.refunds WHERE state = 'PENDING'`)) {
      wrong.push(row.what)
    }
    for (const [sku, { reserved }] of this.peers.stock) {
      let held = 0
      for (const { state, lines } of this.peers.stockHolds.values()) {
        if (state === 'HELD') for (const line of lines) if (line.sku === sku) held += line.quantity
      }
      if (held !== reserved) wrong.push(`${sku}: ${reserved} reserved, ${held} held`)
    }
    return wrong
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.database.close()
    await this.#test.close()
  }
}

/** A caller's time: enough for anything. */
export const call = (ms = 8_000): { deadlineMs: number } => ({ deadlineMs: deadlineIn(ms) })

/** A peer that is not there. */
export const unreachable = (what: string): Fault => new Fault('SUBGRAPH_UNREACHABLE', `${what}: nobody there`)

/** Waits as long as the caller does; its client then gives up. */
export async function hang(what: string, deadlineMs: number): Promise<never> {
  await new Promise(resolve => setTimeout(resolve, remainingMs(deadlineMs)))
  throw new Fault('OUTCOME_UNKNOWN', `${what}: no answer in time`)
}

type Input = { lines?: { sku: string; quantity: number }[]; couponId?: string }

/** One milk tea unless said otherwise. */
export async function quoted(payment: Instance, caller: Caller, input: Input = {}): Promise<QuoteRow> {
  const lines = input.lines ?? [{ sku: MILK_TEA, quantity: 1 }]
  const outcome = await quoteOrder(
    payment.quoting,
    caller,
    { lines, couponId: input.couponId ?? null },
    call(),
  )
  return member<QuoteRow>(outcome, 'OrderQuoted', 'quote')
}

export async function placed(payment: Instance, caller: Caller, input: Input = {}): Promise<OrderRow> {
  const { id } = await quoted(payment, caller, input)
  return orderOf(await payment.orders.place(caller, { quoteId: id }, call()), 'OrderPlaced')
}

export async function paid(payment: Instance, caller: Caller, input: Input = {}): Promise<OrderRow> {
  const { id } = await placed(payment, caller, input)
  return orderOf(await payment.orders.pay(caller, { orderId: id }, call()), 'OrderPaid')
}

export const orderOf = (outcome: Outcome, typename: string): OrderRow => member(outcome, typename, 'order')

function member<T>(outcome: Outcome, typename: string, name: string): T {
  if (outcome.__typename !== typename) throw new Error(`expected ${typename}, got ${JSON.stringify(outcome)}`)
  return (outcome as unknown as Record<string, T>)[name]!
}

/** A promise that a test settles, for calls that are under way while something else happens. */
export function gate(): { readonly opened: Promise<void>; open(): void } {
  const { promise, resolve } = Promise.withResolvers<void>()
  return { opened: promise, open: resolve }
}
