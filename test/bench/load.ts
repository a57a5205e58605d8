import { Pool } from 'undici'
import { operation } from '../harness/graph.ts'
import { tokenFor } from '../harness/tokens.ts'
import { SKU } from '../harness/trip.ts'

/**
 * Load from a process of its own: `node test/bench/load.ts '<Load as JSON>'` works for `seconds` on `connections` and prints
 * one `Done`. Every unit of work is a new shopper with a new token, so nothing is answered from memory.
 */
export interface Load {
  readonly url: string
  readonly secret: string
  readonly campaignId: string
  /** `claim`: one request. `order`: claim, quote, place and pay, four requests. */
  readonly work: 'claim' | 'order'
  readonly prefix: string
  readonly connections: number
  readonly seconds: number
}

export interface Done {
  /** Units of work that ended well. */
  readonly count: number
  readonly failed: number
  readonly seconds: number
  /** Milliseconds a unit. */
  readonly p50Ms: number
  readonly p99Ms: number
  /** Processor seconds of this process for each second of the run: near 1, it is the load that is measured. */
  readonly busy: number
}

if (process.argv[1]?.endsWith('load.ts')) {
  process.stdout.write(`${JSON.stringify(await run(JSON.parse(process.argv[2] as string) as Load))}\n`)
}

async function run(load: Load): Promise<Done> {
  const pool = new Pool(load.url, { connections: load.connections, pipelining: 1 })
  const unit = load.work === 'claim' ? claim : order
  const tookMs: number[] = []
  let number = 0
  let failed = 0
  const cpu = process.cpuUsage()
  const startedMs = performance.now()
  const endMs = startedMs + load.seconds * 1_000
  await Promise.all(
    Array.from({ length: load.connections }, async () => {
      while (performance.now() < endMs) {
        const token = tokenFor(load.secret, { sub: `${load.prefix}-${number++}` })
        const sentMs = performance.now()
        if (await unit(pool, token, load.campaignId)) tookMs.push(performance.now() - sentMs)
        else failed++
      }
    }),
  )
  const seconds = (performance.now() - startedMs) / 1_000
  const { user, system } = process.cpuUsage(cpu)
  await pool.close()
  tookMs.sort((a, b) => a - b)
  const quantile = (part: number): number => tookMs[Math.floor(tookMs.length * part)] ?? Number.NaN
  return {
    count: tookMs.length,
    failed,
    seconds,
    p50Ms: quantile(0.5),
    p99Ms: quantile(0.99),
    busy: (user + system) / 1e6 / seconds,
  }
}

async function claim(pool: Pool, token: string, campaignId: string): Promise<boolean> {
  const data = await ask(pool, token, 'ClaimCoupon', { input: { campaignId } })
  return data?.claimCoupon?.__typename === 'CouponIssued'
}

async function order(pool: Pool, token: string, campaignId: string): Promise<boolean> {
  const claimed = await ask(pool, token, 'ClaimCoupon', { input: { campaignId } })
  const couponId = claimed?.claimCoupon?.coupon?.id
  const input = { lines: [{ sku: SKU, quantity: 2 }], couponId }
  const quoted = await ask(pool, token, 'QuoteOrder', { input })
  const quoteId = quoted?.quoteOrder?.quote?.id
  const placed = await ask(pool, token, 'PlaceOrder', { input: { quoteId } })
  const orderId = placed?.placeOrder?.order?.id
  const paid = await ask(pool, token, 'PayOrder', { input: { orderId } })
  return paid?.payOrder?.__typename === 'OrderPaid'
}

// biome-ignore lint/suspicious/noExplicitAny: a failed step shows as a missing member of the next
async function ask(pool: Pool, token: string, name: string, variables: object): Promise<any> {
  const response = await pool.request({
    path: '/graphql',
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ documentId: `sha256:${operation(name).id}`, variables }),
  })
  return ((await response.body.json()) as { data?: unknown }).data
}
