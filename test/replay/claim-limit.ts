import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { request } from 'undici'
import { costCommand } from '../../gateway/cost/cost-command.ts'
import { ROOT } from '../harness/processes.ts'
import type { ReplayStack } from './stack.ts'

/** How many claims are admitted, all gateways together, and how long places over them wait for their holders. */
export interface ClaimLimit {
  /** Points that one claim takes. */
  readonly claimPoints: number
  readonly claimsPerSecond: number
  readonly burstClaims: number
  /** How long after its instant a place admits. */
  readonly graceMs: number
}

const FIELD = 'Mutation.claimCoupon'
const BY = 'input.campaignId'
const PATH = `/control/limits/${FIELD}`

/** A limit as operators see it. */
interface ShownLimit {
  readonly field: string
  readonly per: string
  readonly by?: string
  readonly inForce: { readonly perSecond: number; readonly burst: number }
  /** There only where somebody has put another in the place of the declared one. */
  readonly setBy?: string
}

/**
 * The limit on claims of one campaign that holds; `undefined` where the stack enforces none.
 * @throws Error when the stack shows no such limit.
 */
export async function claimLimitOf(stack: ReplayStack): Promise<ClaimLimit | undefined> {
  const { mode, limit, graceMs } = await shownLimit(stack)
  if (mode !== 'enforce') return undefined
  const claimPoints = await pointsOfClaim()
  const { perSecond, burst } = limit.inForce
  return { claimPoints, claimsPerSecond: perSecond / claimPoints, burstClaims: burst / claimPoints, graceMs }
}

/**
 * Admits so many claims a second from now on, and so many of them at once. Default: a second's worth.
 * @returns puts back what held before.
 * @throws Error when the gateway refuses it.
 */
export async function setClaimLimit(
  stack: ReplayStack,
  claimsPerSecond: number,
  burstClaims: number = claimsPerSecond,
): Promise<() => Promise<void>> {
  const { limit } = await shownLimit(stack)
  const claimPoints = await pointsOfClaim()
  const perSecond = claimsPerSecond * claimPoints
  // A burst below the price of one claim would admit none.
  const burst = Math.max(1, burstClaims) * claimPoints
  const put = (rate: { readonly perSecond: number; readonly burst: number }): Promise<unknown> =>
    control(stack, 'PUT', PATH, { per: 'FLEET', by: BY, ...rate })
  await put({ perSecond, burst })
  return async () => {
    if (limit.setBy === undefined)
      await control(stack, 'DELETE', `${PATH}?per=FLEET&by=${encodeURIComponent(BY)}`)
    else await put(limit.inForce)
  }
}

async function shownLimit(stack: ReplayStack): Promise<{ mode: string; limit: ShownLimit; graceMs: number }> {
  const shown = (await control(stack, 'GET', '/control/limits')) as {
    mode: string
    limits: ShownLimit[]
    lineTerms: { graceMs: number }
  }
  const limit = shown.limits.find(({ field, per, by }) => field === FIELD && per === 'FLEET' && by === BY)
  if (limit === undefined) throw new Error(`expected ${stack.url} to have a limit of ${FIELD} by ${BY}`)
  return { mode: shown.mode, limit, graceMs: shown.lineTerms.graceMs }
}

/** What the field costs in the persisted ClaimCoupon, as `npm run cost` says. */
async function pointsOfClaim(): Promise<number> {
  const explained = await costCommand(
    [
      ['--schema', join(ROOT, 'schema/supergraph.graphql'), '--supergraph'],
      ['--operation', join(ROOT, 'schema/operations/ClaimCoupon.graphql')],
      ['--variables', '{"input":{"campaignId":"campaign_any"}}', '--json'],
    ].flat(),
    { read: path => readFile(path, 'utf8'), planned: async () => new Map() },
  )
  return JSON.parse(explained).fields.claimCoupon
}

async function control(
  { url, operatorToken }: ReplayStack,
  method: 'GET' | 'PUT' | 'DELETE',
  path: string,
  body?: object,
): Promise<unknown> {
  const answer = await request(`${url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${operatorToken}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await answer.body.text()
  if (answer.statusCode !== 200)
    throw new Error(`expected 200 from ${method} ${path}, got ${answer.statusCode}: ${text.slice(0, 300)}`)
  return JSON.parse(text)
}
