import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { deadlineIn } from '../../protocol/deadline.ts'
import { newId } from '../../protocol/ids.ts'
import { InProcessClient } from '../../protocol/in-process-client.ts'
import type { SubgraphClient } from '../../protocol/subgraph-client.ts'
import { createCatalogSubgraph } from '../../subgraphs/catalog/subgraph.ts'
import { createCouponSubgraph } from '../../subgraphs/coupon/subgraph.ts'
import { Database } from '../../subgraphs/database.ts'
import {
  type CatalogPeer,
  type CouponPeer,
  catalogPeer,
  couponPeer,
  issuancePeer,
} from '../../subgraphs/peers.ts'
import type { CreateSubgraph, Subgraph, SubgraphName } from '../../subgraphs/subgraph.ts'
import { createTestDatabase, silent } from '../harness/postgres.ts'
import { MILK_TEA, Peers, shopper } from '../subgraphs/payment/world.ts'

/**
 * What an order's saga relies on in coupon and catalog. The services themselves and the stand-ins of payment's tests
 * are held to it alike, so that what those tests prove holds for the real ones.
 */
interface Pair {
  readonly coupon: CouponPeer
  readonly catalog: CatalogPeer
  readonly sku: string
  /** A new coupon of 5.00 yuan in alice's wallet. */
  issue(): Promise<string>
  available(): Promise<number>
  close(): Promise<void>
}

const FACE_FEN = 500
const ALICE = 'alice'

const stoodIn = async (): Promise<Pair> => {
  const peers = new Peers()
  return {
    coupon: couponPeer(peers.client('coupon')),
    catalog: catalogPeer(peers.client('catalog')),
    sku: MILK_TEA,
    issue: async () => peers.issue(ALICE, FACE_FEN),
    available: async () => peers.stock.get(MILK_TEA)!.onHand - peers.stock.get(MILK_TEA)!.reserved,
    close: async () => {},
  }
}

async function real(): Promise<Pair> {
  const { clients, close } = await services()
  const coupon = couponPeer(clients.coupon)
  const catalog = catalogPeer(clients.catalog)
  // Of the catalog's seed.
  const sku = 'PEARL-MILK-TEA-L'
  let campaigns = 0
  return {
    coupon,
    catalog,
    sku,
    issue: async () => {
      const campaignId = `campaign_contract-${campaigns++}`
      await openIssuance(clients.coupon, campaignId)
      return await claim(clients.coupon, campaignId)
    },
    available: async () => (await catalog.priceVariants({ skus: [sku] }, call()))[0]!.available,
    close,
  }
}

async function services(): Promise<{
  clients: { coupon: SubgraphClient; catalog: SubgraphClient }
  close: () => Promise<void>
}> {
  const database = await createTestDatabase()
  const started: Subgraph[] = []
  const start = async (name: SubgraphName, create: CreateSubgraph): Promise<SubgraphClient> => {
    const pool = new Database({ connection: database.connection, schema: name, log: silent })
    const clientOf = (): never => {
      throw new Error(`${name} calls nobody`)
    }
    const subgraph = create({ database: pool, clientOf, seed: true, logger: silent })
    await subgraph.start()
    started.push(subgraph)
    return new InProcessClient(subgraph)
  }
  const clients = {
    coupon: await start('coupon', createCouponSubgraph),
    catalog: await start('catalog', createCatalogSubgraph),
  }
  return {
    clients,
    close: async () => {
      for (const subgraph of started) await subgraph.close()
      await database.close()
    },
  }
}

const call = (): { deadlineMs: number } => ({ deadlineMs: deadlineIn(8_000) })
const DAY_MS = 24 * 3_600_000

async function openIssuance(client: SubgraphClient, campaignId: string): Promise<void> {
  const now = Date.now()
  await issuancePeer(client).openIssuance(
    {
      campaignId,
      version: 1,
      limit: 1_000,
      faceFen: FACE_FEN,
      minSpendFen: 0,
      opensAt: new Date(now - DAY_MS),
      closesAt: new Date(now + DAY_MS),
      validUntil: new Date(now + DAY_MS),
    },
    call(),
  )
}

async function claim(client: SubgraphClient, campaignId: string): Promise<string> {
  const { data, errors } = await client.execute({
    kind: 'mutation',
    operation: `mutation($input: ClaimCouponInput!) { claimCoupon(input: $input) { ... on CouponIssued { coupon { id } } } }`,
    variables: { input: { campaignId } },
    caller: shopper(ALICE, { scopes: ['coupon:claim'] }),
    deadlineMs: call().deadlineMs,
    priority: 'CLAIM',
  })
  if (errors !== undefined) throw new Error(JSON.stringify(errors))
  return (data as { claimCoupon: { coupon: { id: string } } }).claimCoupon.coupon.id
}

describe.each([
  ['the stand-ins', stoodIn],
  ['the services', real],
])('%s', (_, open) => {
  let pair: Pair
  beforeAll(async () => {
    pair = await open()
  })
  afterAll(() => pair.close())

  const newOrder = (): string => newId('order', ALICE)
  const reserveStock = (orderId: string, quantity = 2) =>
    pair.catalog.reserveStock({ orderId, lines: [{ sku: pair.sku, quantity }] }, call())
  const stock = (act: 'releaseStock' | 'commitStock' | 'returnStock', orderId: string) =>
    pair.catalog[act]({ orderId }, call())
  const coupon = (
    act: 'reserveCoupon' | 'releaseCoupon' | 'redeemCoupon' | 'returnCoupon',
    couponId: string,
    orderId: string,
    shopperId = ALICE,
  ) =>
    act === 'reserveCoupon' || act === 'redeemCoupon'
      ? pair.coupon[act]({ shopperId, couponId, orderId, subtotalFen: 1_800 }, call())
      : pair.coupon[act]({ shopperId, couponId, orderId }, call())

  test('stock: held once, committed once, returned once, however often each is asked for', async () => {
    const before = await pair.available()
    const orderId = newOrder()
    for (let i = 0; i < 2; i++)
      expect(await reserveStock(orderId)).toMatchObject({ state: 'HELD', short: [] })
    expect(await pair.available()).toBe(before - 2)
    for (let i = 0; i < 2; i++)
      expect(await stock('commitStock', orderId)).toMatchObject({ state: 'COMMITTED' })
    expect(await pair.available()).toBe(before - 2)
    expect(await stock('releaseStock', orderId)).toMatchObject({ state: 'COMMITTED' })
    for (let i = 0; i < 2; i++)
      expect(await stock('returnStock', orderId)).toMatchObject({ state: 'RETURNED' })
    expect(await pair.available()).toBe(before)
    expect(await stock('commitStock', orderId)).toMatchObject({ state: 'RETURNED' })
    expect(await pair.available()).toBe(before)
  })

  test('stock: released, and a reservation that comes after the release holds nothing', async () => {
    const before = await pair.available()
    const [held, early] = [newOrder(), newOrder()]
    await reserveStock(held)
    expect(await stock('releaseStock', held)).toMatchObject({ state: 'RELEASED' })
    expect(await stock('releaseStock', early)).toMatchObject({ state: 'RELEASED' })
    for (const orderId of [held, early]) {
      expect(await reserveStock(orderId)).toMatchObject({ state: 'RELEASED' })
      expect(await stock('commitStock', orderId)).toMatchObject({ state: 'RELEASED' })
    }
    expect(await pair.available()).toBe(before)
  })

  test('stock: too few is REFUSED with what there is, and a refusal can be released', async () => {
    const before = await pair.available()
    const orderId = newOrder()
    const lines = [{ sku: 'NOT-SOLD', quantity: 1 }]
    expect(await pair.catalog.reserveStock({ orderId, lines }, call())).toMatchObject({
      state: 'REFUSED',
      short: [{ sku: 'NOT-SOLD', available: 0 }],
    })
    expect(await stock('releaseStock', orderId)).toMatchObject({ state: 'RELEASED' })
    expect(await pair.available()).toBe(before)
  })

  test('a coupon: held, redeemed and returned once, however often each is asked for', async () => {
    const couponId = await pair.issue()
    const orderId = newOrder()
    for (const [act, state] of [
      ['reserveCoupon', 'RESERVED'],
      ['redeemCoupon', 'REDEEMED'],
      ['returnCoupon', 'ISSUED'],
    ] as const) {
      const answer = { couponId, orderId, state, refusal: null, faceFen: FACE_FEN }
      for (let i = 0; i < 2; i++) expect(await coupon(act, couponId, orderId)).toMatchObject(answer)
    }
    // Another order may have it now; the first cannot take it again.
    expect(await coupon('reserveCoupon', couponId, orderId)).toMatchObject({ refusal: 'NOT_AVAILABLE' })
    expect(await coupon('redeemCoupon', couponId, orderId)).toMatchObject({ refusal: 'NOT_AVAILABLE' })
    expect(await coupon('reserveCoupon', couponId, newOrder())).toMatchObject({ refusal: null })
  })

  test('a coupon: a reservation that comes after the release holds nothing, and harms no other order', async () => {
    const couponId = await pair.issue()
    const [held, early, next] = [newOrder(), newOrder(), newOrder()]
    await coupon('reserveCoupon', couponId, held)
    for (const orderId of [held, early]) await coupon('releaseCoupon', couponId, orderId)
    for (const orderId of [held, early]) {
      expect(await coupon('reserveCoupon', couponId, orderId)).toMatchObject({
        state: 'ISSUED',
        refusal: 'NOT_AVAILABLE',
      })
    }
    await coupon('reserveCoupon', couponId, next)
    await coupon('releaseCoupon', couponId, held)
    expect(await coupon('redeemCoupon', couponId, next)).toMatchObject({ state: 'REDEEMED', refusal: null })
  })

  test('a coupon that another order holds, or another shopper owns, is refused', async () => {
    const couponId = await pair.issue()
    await coupon('reserveCoupon', couponId, newOrder())
    expect(await coupon('reserveCoupon', couponId, newOrder())).toMatchObject({ refusal: 'NOT_AVAILABLE' })
    expect(await coupon('reserveCoupon', couponId, newId('order', 'bob'), 'bob')).toMatchObject({
      state: null,
      refusal: 'NOT_FOUND',
    })
    expect(await pair.coupon.checkCoupon({ shopperId: 'bob', couponId }, call())).toBeNull()
    expect(await pair.coupon.checkCoupon({ shopperId: ALICE, couponId }, call())).toMatchObject({
      couponId,
      faceFen: FACE_FEN,
      refusal: 'NOT_AVAILABLE',
    })
  })

  test('prices come for what exists', async () => {
    const prices = await pair.catalog.priceVariants({ skus: ['NOT-SOLD', pair.sku] }, call())
    expect(prices).toMatchObject([{ sku: pair.sku, available: await pair.available() }])
  })
})
