import { setTimeout as delay } from 'node:timers/promises'
import { type Graph, type GraphAnswer, operation } from './graph.ts'
import type { Stack } from './stack.ts'
import { SKU } from './trip.ts'

/** How an order stands by the last that its shopper was told of it, and so how it must stand in the end. */
export type Standing = 'UNPAID' | 'PAID' | 'CANCELLED' | 'REFUNDED'

/** What a shopper may be told of an order, after what. */
const FOLLOWS: Readonly<Record<Standing, readonly (Standing | undefined)[]>> = {
  UNPAID: [undefined, 'UNPAID'],
  PAID: [undefined, 'UNPAID', 'PAID'],
  CANCELLED: ['UNPAID', 'CANCELLED'],
  REFUNDED: ['PAID', 'REFUNDED'],
}

/** A sku of which there are too few. */
export const SCARCE_SKU = 'TARO-BALL-MILK-TEA-M'
/** A shopper who has asked this often has waited through every restart there is. */
const ASKED_MAX = 300
/** Attempts to pay that a crash may each turn into a decline. */
const ATTEMPTS_MAX = 20

export interface ShoppersOptions {
  readonly stack: Stack
  readonly campaignId: string
  readonly prefix: string
  /** Shoppers who shop at once; when one has finished, the next begins. */
  readonly atOnce: number
  /** Resolves when nobody is down whom the test has killed. */
  readonly whole: () => Promise<void>
}

/**
 * Shoppers who do what the answers say: whatever is to be asked again they ask again, unchanged, when they were told to,
 * until they know. What they know is kept in `standings`.
 */
export class Shoppers {
  readonly options: ShoppersOptions
  readonly standings: Map<string, Standing> = new Map()
  /** Coupons that shoppers were told they have: shopper → coupon. */
  readonly coupons: Map<string, string> = new Map()
  /** Answers that were not an outcome, by code: how many. */
  readonly refusals: Map<string, number> = new Map()
  /** What shoppers could not make sense of; they have gone home. */
  readonly failures: string[] = []
  readonly #shopping: Promise<void>
  #began = 0
  #end = Number.POSITIVE_INFINITY

  constructor(options: ShoppersOptions) {
    this.options = options
    const shopping = Array.from({ length: options.atOnce }, () => this.#shopOn())
    this.#shopping = Promise.all(shopping).then(() => {})
  }

  /** One more of each kind of day begins; resolves when the last has ended. */
  async end(): Promise<void> {
    this.#end = this.#began + DAYS.length
    await this.#shopping
  }

  count(code: string): void {
    this.refusals.set(code, (this.refusals.get(code) ?? 0) + 1)
  }

  /** @throws when it cannot follow what the shopper was told before. */
  told(orderId: string, now: Standing): void {
    const before = this.standings.get(orderId)
    if (!FOLLOWS[now].includes(before)) throw new Error(`${orderId} was ${before}, and is told to be ${now}`)
    this.standings.set(orderId, now)
  }

  async #shopOn(): Promise<void> {
    while (this.#began < this.#end) {
      const number = this.#began++
      const day = DAYS[number % DAYS.length] as Day
      try {
        await day(new Shopper(this, number))
      } catch (error) {
        this.failures.push(String(error))
        return
      }
    }
  }
}

class Shopper {
  readonly id: string
  readonly #crowd: Shoppers
  readonly #graph: Graph
  /** Whether its requests carry keys of its own. */
  readonly #keyed: boolean

  constructor(crowd: Shoppers, number: number) {
    this.id = `${crowd.options.prefix}-${number}`
    this.#crowd = crowd
    this.#graph = crowd.options.stack.shopper(this.id)
    this.#keyed = Math.floor(number / DAYS.length) % 2 === 1
  }

  /** The shopper's coupon. */
  async claim(): Promise<string> {
    const { campaignId } = this.#crowd.options
    const outcome = await this.#ask('ClaimCoupon', { campaignId })
    const couponId = expectType(outcome, 'CouponIssued', 'CouponAlreadyIssued').coupon.id
    this.#crowd.coupons.set(this.id, couponId)
    return couponId
  }

  async quote(lines: Lines, couponId?: string): Promise<string | undefined> {
    const outcome = await this.#ask('QuoteOrder', { lines, couponId })
    return expectType(outcome, 'OrderQuoted', 'VariantUnavailable', 'CouponNotUsable').quote?.id
  }

  /** The order's id; undefined when it was refused for what can be: no stock, the coupon in use, too many failures. */
  async placeQuote(quoteId: string): Promise<string | undefined> {
    const outcome = await this.#ask('PlaceOrder', { quoteId, ...this.#key('place', quoteId) })
    expectType(outcome, 'OrderPlaced', 'VariantUnavailable', 'CouponNotUsable', 'QuoteExpired')
    if (outcome.__typename !== 'OrderPlaced') return undefined
    const { id, payableFen } = outcome.order
    if (!outcome.replayed || !this.#crowd.standings.has(id)) {
      this.#crowd.told(id, payableFen === 0 ? 'PAID' : 'UNPAID')
    }
    return id
  }

  async place(lines: Lines, couponId?: string): Promise<string | undefined> {
    const quoteId = await this.quote(lines, couponId)
    return quoteId === undefined ? undefined : await this.placeQuote(quoteId)
  }

  /** One attempt. */
  async tryToPay(orderId: string, attempt: number, paymentToken?: string): Promise<string> {
    const key = this.#key('pay', `${orderId}-${attempt}`)
    const outcome = await this.#ask('PayOrder', { orderId, paymentToken, ...key })
    expectType(outcome, 'OrderPaid', 'PaymentDeclined', 'OrderStateConflict')
    if (outcome.__typename === 'OrderPaid') this.#crowd.told(orderId, 'PAID')
    return outcome.__typename
  }

  /** A payment that never reached the provider is told as declined, and nothing was taken: another attempt. */
  async pay(orderId: string): Promise<void> {
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
      const outcome = await this.tryToPay(orderId, attempt)
      if (outcome === 'OrderPaid') return
      if (outcome !== 'PaymentDeclined') throw new Error(`${orderId} was to be paid, got ${outcome}`)
    }
    throw new Error(`${orderId} was declined ${ATTEMPTS_MAX} times`)
  }

  async tryToCancel(orderId: string): Promise<string> {
    const outcome = await this.#ask('CancelOrder', { orderId, ...this.#key('cancel', orderId) })
    expectType(outcome, 'OrderCancelled', 'OrderStateConflict')
    if (outcome.__typename === 'OrderCancelled') this.#crowd.told(orderId, 'CANCELLED')
    return outcome.__typename
  }

  async cancel(orderId: string): Promise<void> {
    const outcome = await this.tryToCancel(orderId)
    if (outcome !== 'OrderCancelled') throw new Error(`${orderId} was to be cancelled, got ${outcome}`)
  }

  async refund(orderId: string): Promise<void> {
    const outcome = await this.#ask('RefundOrder', { orderId, ...this.#key('refund', orderId) })
    expectType(outcome, 'OrderRefunded')
    this.#crowd.told(orderId, 'REFUNDED')
  }

  #key(...parts: string[]): { idempotencyKey?: string } {
    return this.#keyed ? { idempotencyKey: parts.join('-') } : {}
  }

  /** Asks until there is an outcome, as often and as late as each answer says. */
  async #ask(name: keyof typeof FIELDS, input: object): Promise<Outcome> {
    const body = { query: name === 'RefundOrder' ? REFUND_ORDER : operation(name).body, variables: { input } }
    for (let asked = 1; asked <= ASKED_MAX; asked++) {
      let answer: GraphAnswer
      try {
        answer = await this.#graph.post(body)
      } catch {
        this.#crowd.count('NO_ANSWER')
        await this.#crowd.options.whole()
        continue
      }
      const outcome = answer.body.data?.[FIELDS[name]] as Outcome | undefined
      if (outcome && outcome.__typename !== 'OrderPending') return outcome
      const { code, retryAfterMs } = outcome ?? answer.body.errors[0].extensions
      this.#crowd.count(outcome ? 'OrderPending' : code)
      if (typeof retryAfterMs !== 'number') {
        throw new Error(`${name} expects an outcome or when to ask again, got ${JSON.stringify(answer.body)}`)
      }
      await delay(retryAfterMs)
    }
    throw new Error(`${name} of ${this.id} had no outcome after ${ASKED_MAX} times`)
  }
}

// biome-ignore lint/suspicious/noExplicitAny: the outcomes of seven mutations, told apart by their names
type Outcome = any
type Lines = readonly { readonly sku: string; readonly quantity: number }[]
type Day = (shopper: Shopper) => Promise<void>

const FIELDS = {
  ClaimCoupon: 'claimCoupon',
  QuoteOrder: 'quoteOrder',
  PlaceOrder: 'placeOrder',
  PayOrder: 'payOrder',
  CancelOrder: 'cancelOrder',
  RefundOrder: 'refundOrder',
} as const

const REFUND_ORDER = `mutation($input: RefundOrderInput!) {
  refundOrder(input: $input) { __typename ... on ShopperMessage { retryAfterMs } ... on OrderPending { orderId } }
}`

function expectType(outcome: Outcome, ...expected: string[]): Outcome {
  if (expected.includes(outcome.__typename)) return outcome
  throw new Error(`expected ${expected.join(' or ')}, got ${JSON.stringify(outcome)}`)
}

/** A coupon of 25 yuan pays for one and makes it free; of two it leaves 11 yuan. */
const ONE: Lines = [{ sku: SKU, quantity: 1 }]
const TWO: Lines = [{ sku: SKU, quantity: 2 }]
const WITH_SCARCE: Lines = [
  { sku: SKU, quantity: 1 },
  { sku: SCARCE_SKU, quantity: 1 },
]

/** What a shopper comes for; the next shopper lives the next day. */
const DAYS: readonly Day[] = [
  async shopper => {
    const order = await shopper.place(TWO, await shopper.claim())
    if (order) await shopper.pay(order)
  },
  async shopper => {
    await shopper.place(ONE, await shopper.claim())
  },
  async shopper => {
    const order = await shopper.place(TWO, await shopper.claim())
    if (order) await shopper.cancel(order)
  },
  async shopper => {
    const order = await shopper.place(TWO, await shopper.claim())
    if (!order) return
    await shopper.pay(order)
    await shopper.refund(order)
  },
  async shopper => {
    const order = await shopper.place(ONE, await shopper.claim())
    if (order) await shopper.refund(order)
  },
  // Goes away without paying.
  async shopper => {
    await shopper.place(TWO, await shopper.claim())
  },
  // Is declined, pays, and spends the coupon again after a cancelled order had it.
  async shopper => {
    const couponId = await shopper.claim()
    const first = await shopper.place(TWO, couponId)
    if (first) await shopper.cancel(first)
    const order = await shopper.place(TWO, couponId)
    if (!order) return
    await shopper.tryToPay(order, 0, 'sandbox-decline')
    await shopper.pay(order)
  },
  // Pays and cancels at once: one of them happens.
  async shopper => {
    const order = await shopper.place(TWO, await shopper.claim())
    if (order) await Promise.all([shopper.tryToPay(order, 1), shopper.tryToCancel(order)])
  },
  // Touches every button twice.
  async shopper => {
    const couponId = await shopper.claim()
    const quote = await shopper.quote(TWO, couponId)
    if (!quote) return
    const [order, same] = await Promise.all([shopper.placeQuote(quote), shopper.placeQuote(quote)])
    if (order !== same) throw new Error(`${quote} made the orders ${order} and ${same}`)
    if (!order) return
    await Promise.all([shopper.pay(order), shopper.pay(order)])
    await Promise.all([shopper.refund(order), shopper.refund(order)])
  },
  // Wants two orders with one coupon at once.
  async shopper => {
    const couponId = await shopper.claim()
    const orders = await Promise.all([shopper.place(ONE, couponId), shopper.place(TWO, couponId)])
    if (orders[1]) await shopper.pay(orders[1])
  },
  // Without a coupon, and of what there is too little; lets go of it again.
  async shopper => {
    const order = await shopper.place(WITH_SCARCE)
    if (!order) return
    await shopper.pay(order)
    await shopper.refund(order)
  },
  async shopper => {
    const order = await shopper.place(WITH_SCARCE)
    if (order) await shopper.pay(order)
  },
]
