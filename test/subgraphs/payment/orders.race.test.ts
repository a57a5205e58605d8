import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Outcome } from '../../../subgraphs/payment/messages.ts'
import { LEASE_MS } from '../../../subgraphs/payment/saga.ts'
import { call, MILK_TEA, Mortal, paid, placed, quoted, shopper, World } from './world.ts'

let world: World
beforeAll(async () => {
  world = await World.open()
})
afterAll(() => world[Symbol.asyncDispose]())

const MINUTE_MS = 60_000
const ROUNDS = 12
const sweep = () => world.instance().saga.sweep(new AbortController().signal)
const names = (results: PromiseSettledResult<unknown>[]): string[] =>
  results
    .map(result =>
      result.status === 'fulfilled' ? (result.value as Outcome)?.__typename : (result.reason.code as string),
    )
    .sort()

const sumOf = async (orderId: string): Promise<{ captured: number; refunded: number }> => {
  const [row] = await world.ask<{ captured: number; refunded: number }>(
    `SELECT coalesce(sum(amount_fen) FILTER (WHERE kind = 'CAPTURE'), 0)::int AS captured,
            coalesce(sum(amount_fen) FILTER (WHERE kind = 'REFUND'), 0)::int AS refunded
       FROM payment.transfers WHERE order_id = $1`,
    [orderId],
  )
  return row!
}

/** Lets each call take a turn or a few of the event loop, differently every round. */
function jitter(round: number): void {
  let n = round
  const turns = async (): Promise<void> => {
    n = (n * 1_103_515_245 + 12_345) % 2 ** 31
    for (let left = n % 5; left > 0; left--) await new Promise(resolve => setImmediate(resolve))
  }
  world.peers.trouble = turns
  world.providerTrouble = turns
}

describe('at once', () => {
  test('two payments with the same key: one charges, the other is told so or to wait', async () => {
    for (let round = 1; round <= ROUNDS; round++) {
      jitter(round)
      const caller = shopper(`twice-${round}`)
      const { id: orderId, payableFen } = await placed(world.instance(), caller)
      const pay = () => world.instance().orders.pay(caller, { orderId }, call())
      const results = names(await Promise.allSettled([pay(), pay()]))
      expect(results).toContain('OrderPaid')
      expect(['OrderPaid', 'IDEMPOTENCY_IN_FLIGHT', 'OrderPending']).toContain(results[0])
      expect(await sumOf(orderId)).toEqual({ captured: payableFen, refunded: 0 })
    }
    expect(await world.check()).toEqual([])
  })

  test('five payments with five keys charge once', async () => {
    for (let round = 1; round <= ROUNDS; round++) {
      jitter(round)
      const caller = shopper(`five-${round}`)
      const { id: orderId, payableFen } = await placed(world.instance(), caller)
      const pay = (idempotencyKey: string) =>
        world.instance().orders.pay(caller, { orderId, idempotencyKey }, call())
      const results = names(await Promise.allSettled(['a', 'b', 'c', 'd', 'e'].map(pay)))
      expect(results.filter(name => name === 'OrderPaid')).toHaveLength(1)
      expect(await sumOf(orderId)).toEqual({ captured: payableFen, refunded: 0 })
    }
    expect(await world.check()).toEqual([])
  })

  test('five placements of one quote under five keys make one order', async () => {
    for (let round = 1; round <= ROUNDS; round++) {
      jitter(round)
      const caller = shopper(`place-${round}`)
      const quote = await quoted(world.instance(), caller)
      const place = (idempotencyKey: string) =>
        world.instance().orders.place(caller, { quoteId: quote.id, idempotencyKey }, call())
      const results = names(await Promise.allSettled(['a', 'b', 'c', 'd', 'e'].map(place)))
      for (const name of results) expect(['OrderPlaced', 'OrderPending']).toContain(name)
      const rows = await world.ask('SELECT count(*)::int AS n FROM payment.orders WHERE quote_id = $1', [
        quote.id,
      ])
      expect(rows).toEqual([{ n: 1 }])
    }
    expect(await world.check()).toEqual([])
  })

  test('one key for two quotes: one is placed, the other conflicts and stays unplaced', async () => {
    for (let round = 1; round <= ROUNDS; round++) {
      jitter(round)
      const caller = shopper(`key-${round}`)
      const quotes = [await quoted(world.instance(), caller), await quoted(world.instance(), caller)]
      const place = (quoteId: string) =>
        world.instance().orders.place(caller, { quoteId, idempotencyKey: 'same' }, call())
      const results = names(await Promise.allSettled(quotes.map(({ id }) => place(id))))
      expect(results).toEqual(['IdempotencyConflict', 'OrderPlaced'])
    }
    expect(await world.check()).toEqual([])
  })

  test('paying, cancelling and expiring: exactly one wins, and money agrees', async () => {
    const winners = new Set<string>()
    for (let round = 1; round <= 3 * ROUNDS; round++) {
      jitter(round)
      const caller = shopper(`trio-${round}`)
      const couponId = world.peers.issue(caller.shopperId!, 500)
      const { id: orderId } = await placed(world.instance(), caller, { couponId })
      const { orders } = world.instance()
      const pay = async () => await orders.pay(caller, { orderId }, call())
      const cancel = async () => await orders.cancel(caller, { orderId }, call())
      const expire = async () => {
        await world.pass(15 * MINUTE_MS)
        await sweep()
      }
      // Who starts first goes round.
      const acts = [pay, cancel, expire]
      await Promise.allSettled([0, 1, 2].map(i => acts[(i + round) % 3]!()))
      await world.recover()
      expect(await world.check()).toEqual([])
      const [row] = await world.ask<{ state: string; cancel_reason: string | null }>(
        'SELECT state, cancel_reason FROM payment.orders WHERE id = $1',
        [orderId],
      )
      winners.add(row!.cancel_reason ?? row!.state)
      const { captured, refunded } = await sumOf(orderId)
      expect(captured - refunded).toBe(row!.state === 'PAID' ? 1_300 : 0)
    }
    // The race is one: not always the same wins.
    expect(winners.size).toBeGreaterThan(1)
  })

  test('three refunds by shopper and operator give the money back once', async () => {
    for (let round = 1; round <= ROUNDS; round++) {
      jitter(round)
      const caller = shopper(`refund-${round}`)
      const { id: orderId, payableFen } = await paid(world.instance(), caller)
      const operator = {
        kind: 'operator',
        client: 'c',
        scopes: ['campaign:operate'],
        tier: 'developer',
      } as const
      const refund = (who: typeof caller, idempotencyKey: string) =>
        world.instance().orders.refund(who, { orderId, idempotencyKey }, call())
      await Promise.allSettled([refund(caller, 'a'), refund(caller, 'b'), refund(operator, 'a')])
      await world.recover()
      expect(await sumOf(orderId)).toEqual({ captured: payableFen, refunded: payableFen })
    }
    expect(await world.check()).toEqual([])
  })

  test('the last item goes to one of ten', async () => {
    world.peers.stock.set('LAST', { priceFen: 100, onHand: 1, reserved: 0 })
    const quotes = []
    for (let i = 0; i < 10; i++) {
      const caller = shopper(`last-${i}`)
      quotes.push({
        caller,
        ...(await quoted(world.instance(), caller, { lines: [{ sku: 'LAST', quantity: 1 }] })),
      })
    }
    const results = await Promise.allSettled(
      quotes.map(({ caller, id }) => world.instance().orders.place(caller, { quoteId: id }, call())),
    )
    expect(names(results).filter(name => name === 'OrderPlaced')).toHaveLength(1)
    expect(names(results).filter(name => name === 'VariantUnavailable')).toHaveLength(9)
    expect(await world.check()).toEqual([])
  })
})

type Act = 'place' | 'pay' | 'decline' | 'cancel' | 'refund' | 'sweep' | 'wait' | 'expire'

/**
 * Whatever three clients of one order do at once, whichever instances die at whichever call: afterwards stock, coupon
 * and money agree with the order's state, the shopper was charged at most once, and every key says twice what it says once.
 */
test('any interleaving of requests, sweeps, deaths and time leaves the books right', async () => {
  let number = 0
  const act: fc.Arbitrary<{ act: Act; diesAt: number; when: 'before' | 'after'; key: string }> = fc.record({
    act: fc.constantFrom<Act>(
      'place',
      'pay',
      'pay',
      'decline',
      'cancel',
      'refund',
      'sweep',
      'wait',
      'expire',
    ),
    // Most live.
    diesAt: fc.oneof(
      { weight: 3, arbitrary: fc.constant(Number.POSITIVE_INFINITY) },
      fc.integer({ min: 1, max: 9 }),
    ),
    when: fc.constantFrom('before', 'after'),
    key: fc.constantFrom('a', 'b'),
  })
  const lane = fc.array(act, { minLength: 1, maxLength: 5 })
  await fc.assert(
    fc.asyncProperty(
      fc.tuple(lane, lane, lane),
      fc.nat(),
      fc.constantFrom(0, 500, 2_500),
      async (lanes, seed, faceFen) => {
        const caller = shopper(`model-${number++}`)
        jitter(seed)
        const couponId = faceFen === 0 ? undefined : world.peers.issue(caller.shopperId!, faceFen)
        const quote = await quoted(world.instance(), caller, {
          lines: [{ sku: MILK_TEA, quantity: 1 }],
          ...(couponId === undefined ? {} : { couponId }),
        })
        const quoteId = quote.id
        const first = await world.instance().orders.place(caller, { quoteId }, call())
        const orderId = (first as unknown as { order: { id: string } }).order.id

        const ask = (
          what: Act,
          key: string,
          orders = world.instance().orders,
        ): Promise<Outcome> | undefined => {
          switch (what) {
            case 'place':
              return orders.place(caller, { quoteId, idempotencyKey: key }, call())
            case 'pay':
              return orders.pay(caller, { orderId, idempotencyKey: key }, call())
            case 'decline':
              return orders.pay(
                caller,
                { orderId, idempotencyKey: `${key}-`, paymentToken: 'sandbox-decline' },
                call(),
              )
            case 'cancel':
              return orders.cancel(caller, { orderId, idempotencyKey: key }, call())
            case 'refund':
              return orders.refund(caller, { orderId, idempotencyKey: key }, call())
            default:
              return undefined
          }
        }
        const run = async (steps: (typeof lanes)[0]): Promise<void> => {
          for (const { act: what, diesAt, when, key } of steps) {
            const { orders, saga } = world.instance(new Mortal(diesAt, when).around)
            if (what === 'wait') await world.pass(LEASE_MS + 1_000)
            else if (what === 'expire') await world.pass(5 * MINUTE_MS)
            else if (what === 'sweep') await saga.sweep(new AbortController().signal).catch(() => {})
            else await ask(what, key, orders)?.catch(() => {})
          }
        }
        await Promise.all(lanes.map(run))
        await world.recover()
        expect(await world.check()).toEqual([])

        for (const { act: what, key } of lanes.flat()) {
          const once = await ask(what, key)
          await world.recover()
          const again = await ask(what, key)
          expect(again?.__typename, `${what} ${key}`).toBe(once?.__typename)
        }
        await world.recover()
        expect(await world.check()).toEqual([])
        const { captured } = await sumOf(orderId)
        expect(captured).toBeLessThanOrEqual(quote.payableFen)
      },
    ),
    { numRuns: 60 },
  )
})
