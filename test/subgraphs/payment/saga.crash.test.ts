import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Caller } from '../../../protocol/caller.ts'
import type { Outcome } from '../../../subgraphs/payment/messages.ts'
import { LEASE_MS } from '../../../subgraphs/payment/saga.ts'
import { call, type Instance, MILK_TEA, Mortal, quoted, shopper, World } from './world.ts'

/**
 * A process dies before or after each call that leaves it (a statement, a peer, the provider), at every point of every
 * trip. A new process sweeps; then the shopper, who never got an answer, asks again with the same input.
 */

let world: World
beforeAll(async () => {
  world = await World.open()
})
afterAll(() => world[Symbol.asyncDispose]())

interface Trip {
  readonly name: string
  /** What the order is once everything has been asked again. */
  readonly ends: string
  readonly prepare?: (caller: Caller) => { couponId?: string; sku?: string }
  /** Repeatable: every request of it has the same input each time. */
  readonly walk: (payment: Instance, caller: Caller, quoteId: string) => Promise<Outcome>
}

const place = (payment: Instance, caller: Caller, quoteId: string): Promise<Outcome> =>
  payment.orders.place(caller, { quoteId }, call())

const orderId = (outcome: Outcome): string =>
  (outcome as unknown as { order?: { id: string } }).order?.id ??
  (outcome as unknown as { orderId: string }).orderId

const withCoupon =
  (faceFen: number) =>
  ({ shopperId }: Caller) => ({ couponId: world.peers.issue(shopperId!, faceFen) })

const TRIPS: readonly Trip[] = [
  {
    name: 'place, decline, pay with a coupon',
    ends: 'PAID',
    prepare: withCoupon(500),
    walk: async (payment, caller, quoteId) => {
      const order = orderId(await place(payment, caller, quoteId))
      const declined = { orderId: order, paymentToken: 'sandbox-decline', idempotencyKey: 'a' }
      await payment.orders.pay(caller, declined, call())
      return await payment.orders.pay(caller, { orderId: order }, call())
    },
  },
  { name: 'a free order', ends: 'PAID', prepare: withCoupon(2_500), walk: place },
  {
    name: 'place and cancel',
    ends: 'CANCELLED',
    prepare: withCoupon(500),
    walk: async (payment, caller, quoteId) => {
      const order = orderId(await place(payment, caller, quoteId))
      return await payment.orders.cancel(caller, { orderId: order }, call())
    },
  },
  {
    name: 'pay and refund',
    ends: 'REFUNDED',
    prepare: withCoupon(500),
    walk: async (payment, caller, quoteId) => {
      const order = orderId(await place(payment, caller, quoteId))
      await payment.orders.pay(caller, { orderId: order }, call())
      return await payment.orders.refund(caller, { orderId: order }, call())
    },
  },
  {
    name: 'a coupon that is refused',
    ends: 'CANCELLED',
    prepare: caller => {
      const { couponId } = withCoupon(500)(caller)
      return { couponId, taken: true }
    },
    walk: place,
  },
]

describe.each(TRIPS)('a crash anywhere in: $name', trip => {
  test.each(['before', 'after'] as const)('%s each call is finished or undone', async when => {
    for (let at = 1; ; at++) {
      const caller = shopper(`crash-${TRIPS.indexOf(trip)}-${when}-${at}`)
      const prepared = trip.prepare?.(caller) ?? {}
      const quote = await quoted(world.instance(), caller, {
        lines: [{ sku: MILK_TEA, quantity: 1 }],
        ...(prepared.couponId === undefined ? {} : { couponId: prepared.couponId }),
      })
      if ('taken' in prepared) world.peers.coupons.get(prepared.couponId!)!.state = 'REVOKED'

      const mortal = new Mortal(at, when)
      await trip.walk(world.instance(mortal.around), caller, quote.id).catch(() => {})
      // Whoever takes over dies too, a little later each time.
      await world.pass(LEASE_MS + 1_000)
      const heir = world.instance(new Mortal(at, when).around)
      await heir.saga.sweep(new AbortController().signal).catch(() => {})
      await world.recover()
      const where = `${trip.name}: died ${when} call ${at} (${mortal.last})`
      expect(await world.check(), `${where}, swept`).toEqual([])

      await trip.walk(world.instance(), caller, quote.id)
      await world.recover()
      expect(await world.check(), `${where}, asked again`).toEqual([])
      const rows = await world.ask('SELECT state FROM payment.orders WHERE shopper_id = $1', [
        caller.shopperId,
      ])
      expect(rows, where).toEqual([{ state: trip.ends }])
      if (!mortal.dead) {
        // The trip made fewer calls than this: every one of them has been the last.
        expect(at).toBeGreaterThan(4)
        return
      }
    }
  })
})
