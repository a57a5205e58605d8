import type { CostOptions } from '../../gateway/cost-settings.ts'
import { connectRedis } from '../../gateway/redis/redis-connection.ts'
import { type FleetBudgetStore, openFleetBudgets } from '../../gateway/surge/fleet-budgets.ts'
import { CLAIM_POINTS, type DropGraph } from './drop-graph.ts'
import { type ClaimRate, LineCrowd } from './line-crowd.ts'
import { silent } from './postgres.ts'
import type { TestRedis } from './redis.ts'

/** Lines have the say: no shopper's own budget is ever too small. */
export const ENFORCED: CostOptions = Object.freeze({
  mode: 'enforce',
  tiers: { shopper: { perSecond: 1_000, burst: 10_000 } },
})

/** Budgets in Redis by the test's clock, which are not a share for as long as it answers at all. */
export async function budgetsBy(
  clock: () => number,
  server: TestRedis,
  prefix?: string,
): Promise<FleetBudgetStore> {
  return await openFleetBudgets({
    redis: connectRedis(server.url),
    logger: silent,
    clock,
    waitMsMax: 30_000,
    ...(prefix === undefined ? {} : { prefix }),
  })
}

/** Lets so many claims of a drop through. */
export async function limitDrops(
  graph: DropGraph,
  gateway: number,
  { perSecond, atOnce }: ClaimRate,
): Promise<void> {
  const body = {
    per: 'FLEET',
    by: 'input.drop',
    perSecond: perSecond * CLAIM_POINTS,
    burst: atOnce * CLAIM_POINTS,
  }
  const { status, body: said } = await graph.control(gateway, 'PUT', '/Mutation.claim', { body })
  if (status !== 200) throw new Error(`expected the limit to be set, got ${JSON.stringify(said)}`)
}

/** Shoppers who claim of the drop `spring` at all gateways of the graph. */
export function dropCrowd(graph: DropGraph, clock: () => number = Date.now): LineCrowd {
  return new LineCrowd({
    gateways: graph.gateways.length,
    claim: (gateway, shopper, token) => graph.claim(gateway, shopper, 'spring', token),
    clock,
  })
}
