import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { deadlineIn, remainingMs } from '../../../protocol/deadline.ts'
import { sliceOf } from '../../../protocol/slice.ts'
import type { OrderRow } from '../../../subgraphs/payment/order.ts'
import { LEASE_MS } from '../../../subgraphs/payment/saga.ts'
import { findOrder } from '../../../subgraphs/payment/store.ts'
import {
  call,
  gate,
  hang,
  type Instance,
  orderOf,
  placed,
  quoted,
  shopper,
  unreachable,
  World,
} from './world.ts'

const ALICE = shopper('alice')
const MINUTE_MS = 60_000
let world: World
let payment: Instance

beforeAll(async () => {
  world = await World.open()
  payment = world.instance()
})
afterEach(async () => {
  world.peers.trouble = () => {}
  world.providerTrouble = () => {}
  await world.recover()
  expect(await world.check()).toEqual([])
})
afterAll(() => world[Symbol.asyncDispose]())

const sweep = (): Promise<boolean> => payment.saga.sweep(new AbortController().signal)
const order = async (id: string): Promise<Record<string, unknown>> =>
  (
    await world.ask('SELECT state, step, cancel_reason, payment_open FROM payment.orders WHERE id = $1', [id])
  )[0]!
const down = (...names: string[]) => {
  world.peers.trouble = what => (names.includes(what) ? Promise.reject(unreachable(what)) : undefined)
}

describe('an unpaid order', () => {
  test('is kept to the last millisecond of its 15 minutes, then cancelled and released', async () => {
    const couponId = world.peers.issue('alice', 500)
    const { id } = await placed(payment, ALICE, { couponId })
    await world.ask(
      `UPDATE payment.orders SET expires_at = payment.clock() + interval '1 minute', due_at = payment.clock() + interval '1 minute' WHERE id = $1`,
      [id],
    )
    await world.pass(MINUTE_MS - 5_000)
    await sweep()
    expect(await order(id)).toMatchObject({ state: 'AWAITING_PAYMENT' })
    await world.pass(5_000)
    await sweep()
    expect(await order(id)).toMatchObject({ state: 'CANCELLED', step: 'DONE', cancel_reason: 'EXPIRED' })
    expect(world.peers.coupons.get(couponId)?.state).toBe('ISSUED')
  })

  test('is PAID when the provider, asked first, has the money', async () => {
    const { id } = await placed(payment, ALICE)
    world.providerTrouble = async (what, when, deadlineMs) => {
      if (what === 'charge' && when === 'after') await hang(what, deadlineMs)
    }
    await payment.orders.pay(ALICE, { orderId: id }, call(100))
    await world.pass(15 * MINUTE_MS)
    await sweep()
    expect(await order(id)).toMatchObject({ state: 'PAID', step: 'DONE' })
  })

  test('waits five minutes more for a provider that cannot say, then is cancelled; the late success is refunded', async () => {
    const couponId = world.peers.issue('alice', 500)
    const { id } = await placed(payment, ALICE, { couponId })
    world.providerTrouble = (what, when) => {
      if (what !== 'charge' || when === 'after') throw new Error('the line is dead')
    }
    await payment.orders.pay(ALICE, { orderId: id }, call())
    await world.pass(15 * MINUTE_MS)
    await sweep()
    expect(await order(id)).toMatchObject({ state: 'AWAITING_PAYMENT', payment_open: true })
    await world.pass(5 * MINUTE_MS)
    await sweep()
    expect(await order(id)).toMatchObject({ state: 'CANCELLED', step: 'WATCH', cancel_reason: 'EXPIRED' })
    // What it held is free before the provider has spoken.
    expect(world.peers.coupons.get(couponId)?.state).toBe('ISSUED')
    world.providerTrouble = () => {}
    await world.recover()
    expect(await order(id)).toMatchObject({ state: 'CANCELLED', step: 'DONE', payment_open: false })
    const transfers = await world.ask(
      'SELECT kind FROM payment.transfers WHERE order_id = $1 ORDER BY kind',
      [id],
    )
    expect(transfers).toEqual([{ kind: 'CAPTURE' }, { kind: 'REFUND' }])
  })
})

describe('an order that is being placed', () => {
  test('is pending while a peer is away, and placed by the sweep when it is back', async () => {
    const quote = await quoted(payment, ALICE)
    down('reserveStock')
    expect(await payment.orders.place(ALICE, { quoteId: quote.id }, call())).toMatchObject({
      __typename: 'OrderPending',
      retryable: true,
    })
    await expect(payment.orders.place(ALICE, { quoteId: quote.id }, call())).rejects.toMatchObject({
      code: 'IDEMPOTENCY_IN_FLIGHT',
    })
    down()
    await world.pass(2_000)
    await sweep()
    expect(await payment.orders.place(ALICE, { quoteId: quote.id }, call())).toMatchObject({
      __typename: 'OrderPlaced',
      replayed: true,
      order: { state: 'AWAITING_PAYMENT' },
    })
  })

  test('answers within its time when a peer hangs', async () => {
    const quote = await quoted(payment, ALICE)
    world.peers.trouble = async (what, when, deadlineMs) => {
      if (what === 'reserveCoupon' || (what === 'reserveStock' && when === 'after'))
        await hang(what, deadlineMs)
    }
    expect(await payment.orders.place(ALICE, { quoteId: quote.id }, call(100))).toMatchObject({
      __typename: 'OrderPending',
    })
  })

  test('is given up after a minute: released, CANCELLED(EXPIRED), and its key asks for a new quote', async () => {
    const couponId = world.peers.issue('alice', 500)
    const quote = await quoted(payment, ALICE, { couponId })
    down('reserveCoupon')
    await payment.orders.place(ALICE, { quoteId: quote.id }, call())
    await world.pass(MINUTE_MS - 10_000)
    await sweep()
    const [row] = await world.ask<{ id: string }>('SELECT id FROM payment.orders WHERE quote_id = $1', [
      quote.id,
    ])
    expect(await order(row!.id)).toMatchObject({ state: 'CREATED' })
    await world.pass(70_000)
    await sweep()
    expect(await order(row!.id)).toMatchObject({ state: 'CANCELLED', step: 'DONE', cancel_reason: 'EXPIRED' })
    expect(world.peers.stockHolds.get(row!.id)?.state).toBe('RELEASED')
    expect(await payment.orders.place(ALICE, { quoteId: quote.id }, call())).toMatchObject({
      __typename: 'QuoteExpired',
    })
  })

  test('a worker that wakes up after another gave the order up changes nothing', async () => {
    const couponId = world.peers.issue('alice', 500)
    const quote = await quoted(payment, ALICE, { couponId })
    const asleep = gate()
    const awake = gate()
    let sleeps = true
    world.peers.trouble = async (what, when) => {
      if (what !== 'reserveStock' || when !== 'before' || !sleeps) return
      sleeps = false
      asleep.open()
      await awake.opened
    }
    const sleeper = payment.orders.place(ALICE, { quoteId: quote.id }, call())
    await asleep.opened
    await world.pass(2 * MINUTE_MS)
    await world.recover()
    awake.open()
    // Its reservation comes after the release, and holds nothing.
    expect(await sleeper).toMatchObject({ __typename: 'QuoteExpired' })
    expect(world.peers.coupons.get(couponId)?.state).toBe('ISSUED')
  })
})

describe('the sweep', () => {
  test('of two processes takes each due order once', async () => {
    await world.pass(15 * MINUTE_MS)
    await sweep()
    const ids: string[] = []
    for (let i = 0; i < 20; i++) ids.push((await placed(payment, shopper(`sweep-${i}`))).id)
    await world.pass(15 * MINUTE_MS)
    world.peers.calls.length = 0
    const signal = new AbortController().signal
    await Promise.all([world.instance().saga.sweep(signal), world.instance().saga.sweep(signal)])
    expect(world.peers.calls.filter(name => name === 'releaseStock')).toHaveLength(20)
    for (const id of ids) expect(await order(id)).toMatchObject({ state: 'CANCELLED', step: 'DONE' })
  })

  test('when stopping puts back what it has not begun', async () => {
    const { id } = await placed(payment, ALICE)
    await world.pass(15 * MINUTE_MS)
    await payment.saga.sweep(AbortSignal.abort())
    const rows = await world.ask(
      'SELECT state, due_at <= payment.clock() AS due FROM payment.orders WHERE id = $1',
      [id],
    )
    expect(rows).toEqual([{ state: 'AWAITING_PAYMENT', due: true }])
  })

  test('one order that fails holds up no other, and is tried at longer and longer pauses', async () => {
    const stuck = await placed(payment, shopper('stuck'))
    const other = await placed(payment, shopper('other'))
    world.peers.trouble = what =>
      what === 'releaseStock' && stuckFirst() ? Promise.reject(unreachable(what)) : undefined
    const stuckFirst = (): boolean => world.peers.stockHolds.get(other.id)?.state === 'RELEASED'
    await world.pass(15 * MINUTE_MS)
    await sweep()
    const states = [await order(stuck.id), await order(other.id)].map(row => row.state)
    expect(states).toEqual(['CANCELLED', 'CANCELLED'])

    world.peers.trouble = what => (what === 'releaseStock' ? Promise.reject(unreachable(what)) : undefined)
    const third = await placed(payment, shopper('third'))
    await world.pass(15 * MINUTE_MS)
    const pauses: number[] = []
    for (let i = 0; i < 4; i++) {
      await sweep()
      const [row] = await world.ask<{ ms: number }>(
        'SELECT (extract(epoch FROM due_at - payment.clock()) * 1000)::int AS ms FROM payment.orders WHERE id = $1',
        [third.id],
      )
      pauses.push(Math.round(row!.ms / 1_000))
      await world.pass(row!.ms + 100)
    }
    // The first pause follows the step AWAIT, taken up once; then RELEASE, from nothing.
    expect(pauses).toEqual([1, 2, 4, 8])
  })

  test('gives no order more than a third of a pass: who answers nobody holds up few', async () => {
    await placed(payment, ALICE)
    const leftMs: number[] = []
    world.peers.trouble = (_, __, deadlineMs) => void leftMs.push(remainingMs(deadlineMs))
    await world.pass(15 * MINUTE_MS)
    await sweep()
    expect(leftMs.length).toBeGreaterThan(0)
    expect(Math.max(...leftMs)).toBeLessThanOrEqual(4_000)
  })

  test('leaves a payment its time, however late a worker comes with the one before', async () => {
    const { id } = await placed(payment, ALICE)
    world.providerTrouble = what => (what === 'charge' ? Promise.reject(unreachable(what)) : undefined)
    await payment.orders.pay(ALICE, { orderId: id }, call())
    const late = await findOrder(world.database, { sliceNo: sliceOf('alice'), id })
    await world.pass(LEASE_MS)
    await sweep()
    expect(await order(id)).toMatchObject({ step: 'AWAIT', payment_open: false })

    const charging = gate()
    const answered = gate()
    world.providerTrouble = async (what, when) => {
      if (what !== 'charge' || when !== 'before') return
      charging.open()
      await answered.opened
    }
    const paying = payment.orders.pay(ALICE, { orderId: id }, call())
    await charging.opened
    const dueAt = () => world.ask('SELECT due_at FROM payment.orders WHERE id = $1', [id])
    const before = await dueAt()
    await payment.saga.drive(late!, call(0))
    expect(await dueAt()).toEqual(before)
    answered.open()
    orderOf(await paying, 'OrderPaid')
  })

  test('drives with no time left: nothing is called, and the order is due again', async () => {
    const quote = await quoted(payment, ALICE)
    world.peers.calls.length = 0
    const outcome = await payment.orders.place(ALICE, { quoteId: quote.id }, { deadlineMs: deadlineIn(-1) })
    expect(outcome).toMatchObject({ __typename: 'OrderPending' })
    expect(world.peers.calls).toEqual([])
  })
})

test('a peer that contradicts a paid order does not hold it up', async () => {
  const couponId = world.peers.issue('alice', 500)
  const made = await placed(payment, ALICE, { couponId })
  world.peers.couponHolds.set(made.id, 'RELEASED')
  const outcome = await payment.orders.pay(ALICE, { orderId: made.id }, call())
  const done: OrderRow = orderOf(outcome, 'OrderPaid')
  expect(done).toMatchObject({ state: 'PAID', step: 'DONE' })
  // The contradiction was this test's.
  world.peers.couponHolds.set(made.id, 'REDEEMED')
})
