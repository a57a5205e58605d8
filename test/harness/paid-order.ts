import { expect } from 'vitest'
import type { Graph } from './graph.ts'
import { SKU } from './trip.ts'

/** A shopper with a coupon quotes, places and pays: the order is paid, and the coupon redeemed. */
export async function expectOrderPaid(shopper: Graph, couponId: string): Promise<void> {
  const quoted = await shopper.persisted('QuoteOrder', {
    input: { lines: [{ sku: SKU, quantity: 2 }], couponId },
  })
  const quoteId = quoted.body.data.quoteOrder.quote.id
  const placed = await shopper.persisted('PlaceOrder', { input: { quoteId } })
  const orderId = placed.body.data.placeOrder.order.id
  const paid = await shopper.persisted('PayOrder', { input: { orderId } })
  expect(paid.body.data.payOrder.__typename).toBe('OrderPaid')
  const status = await shopper.persisted('OrderStatus', { id: orderId })
  expect(status.body.data.order).toMatchObject({ state: 'PAID', coupon: { id: couponId, state: 'REDEEMED' } })
}
