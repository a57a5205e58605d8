import { request } from 'undici'
import { expect } from 'vitest'
import type { PostgresConnection } from '../../subgraphs/embedded-postgres.ts'
import { Graph } from './graph.ts'
import { type ClaimRate, type Heard, LineCrowd } from './line-crowd.ts'
import { ask } from './postgres.ts'
import { type EmbeddedStack, type Stack, startEmbedded } from './stack.ts'
import { tokenFor } from './tokens.ts'

/** What ClaimCoupon costs: the field's 10, its input's 1 and the coupon's 2. */
const CLAIM_POINTS = 13

type Asked = Pick<Stack, 'secret'>

// biome-ignore lint/suspicious/noExplicitAny: read by assertions only.
type Body = any

/** Asks `/control/…` of a gateway, as an operator. */
export async function control(
  { secret }: Asked,
  url: string,
  path: string,
  method: 'GET' | 'PUT' | 'DELETE' = 'GET',
  body?: object,
): Promise<Body> {
  const token = tokenFor(secret, { sub: 'olga', kind: 'operator' })
  const answer = await request(`${url}/control/${path}`, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const said = (await answer.body.json()) as Body
  if (answer.statusCode !== 200) throw new Error(`${method} ${path}: ${JSON.stringify(said)}`)
  return said
}

/** The whole product in a process of its own, which lets so many claims of a campaign through. */
export async function startLimited(rate: ClaimRate): Promise<EmbeddedStack> {
  const stack = await startEmbedded({ environment: { LOG_LEVEL: 'fatal', COST_MODE: 'enforce' } })
  try {
    await limitClaims(stack, stack.url, rate)
    return stack
  } catch (error) {
    await stack[Symbol.asyncDispose]()
    throw error
  }
}

/** Lets so many claims of a campaign through. */
export async function limitClaims(
  stack: Asked,
  url: string,
  { perSecond, atOnce }: ClaimRate,
): Promise<void> {
  await control(stack, url, 'limits/Mutation.claimCoupon', 'PUT', {
    per: 'FLEET',
    by: 'input.campaignId',
    perSecond: perSecond * CLAIM_POINTS,
    burst: atOnce * CLAIM_POINTS,
  })
}

export interface ClaimLine {
  readonly waiting: number
  readonly status: { readonly isPaused: boolean; readonly remaining: number } | null
}

/** What a gateway knows of a campaign's line. */
export async function lineOf(stack: Asked, url: string, campaignId: string): Promise<ClaimLine | undefined> {
  const { lines } = await control(stack, url, 'limits')
  return lines.find(({ value }: { value: string }) => value === campaignId)
}

/**
 * Shoppers who claim a campaign's coupon over HTTP, until they have one or hear that they get none.
 * @param urls of gateways; whoever finds none at an address goes to the last one.
 */
export function claimCrowd(
  { secret }: Asked,
  urls: readonly string[],
  campaignId: string,
  options: { readonly showsTokens?: boolean; readonly isFinal?: (heard: Heard) => boolean } = {},
): LineCrowd {
  const { showsTokens = true, isFinal } = options
  return new LineCrowd({
    gateways: urls.length,
    ...(isFinal === undefined ? {} : { isFinal }),
    async claim(gateway, shopper, token) {
      const placeToken = showsTokens && token !== undefined ? { placeToken: token } : {}
      const claimAt = async (url: string) =>
        await new Graph(url, tokenFor(secret, { sub: shopper })).persisted('ClaimCoupon', {
          input: { campaignId, ...placeToken },
        })
      return await claimAt(urls[gateway]!).catch(async () => await claimAt(urls.at(-1)!))
    },
  })
}

/** I2, I3: every coupon that somebody was told of is in the table under that shopper, and no other is. */
export async function expectCouponsKept(
  database: PostgresConnection,
  campaignId: string,
  heard: readonly Heard[],
): Promise<void> {
  const rows = await ask<{ shopper_id: string; id: string }>(
    database,
    `SELECT shopper_id, replace(coupon_id::text, '-', '') AS id FROM coupon.coupon WHERE campaign_id = $1`,
    [campaignId],
  )
  const told = new Map<string, string>()
  for (const { shopper, couponId } of heard) {
    if (couponId === undefined) continue
    const id = couponId.slice('coupon_00_'.length)
    expect(told.get(shopper) ?? id).toBe(id)
    told.set(shopper, id)
  }
  expect(new Map(rows.map(row => [row.shopper_id, row.id]))).toEqual(told)
  expect(rows).toHaveLength(told.size)
}
