import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'graphql'
import { pino } from 'pino'
import { compileOperation } from '../../gateway/execution/operation.ts'
import { readManifest } from '../../gateway/operations/manifest.ts'
import { operationCost } from '../../gateway/operations/operation-cost.ts'
import { connectRedis } from '../../gateway/redis/redis-connection.ts'
import { loadSupergraph } from '../../gateway/supergraph/supergraph.ts'
import type { Budgets } from '../../gateway/surge/budgets.ts'
import { openFleetBudgets } from '../../gateway/surge/fleet-budgets.ts'
import { createMemoryBudgets } from '../../gateway/surge/memory-budgets.ts'
import { ROOT } from '../harness/processes.ts'
import { startRedis } from '../harness/redis.ts'

/** What the steps cost, caller and field add to a request: the estimate's time, a budget's, and calls to Redis. */

const ROUNDS = 7
const ESTIMATES = 200_000
const TAKES = 20_000
const CALLERS = [1, 64, 512]
const RATE = { perSecond: 1e9, burst: 1e9 }

/** Variables that a client would send. */
const GIVEN: Readonly<Record<string, object>> = {
  CampaignHome: { campaignId: 'campaign_spring-festival' },
  ClaimCoupon: { input: { campaignId: 'campaign_spring-festival' } },
  SearchProducts: { query: 'tea', first: 20 },
  MyCoupons: { first: 20 },
}

export async function run(): Promise<void> {
  const estimates = estimateTimes()
  console.table(estimates)
  const budgets = await budgetTimes()
  console.table(budgets)
  const folder = join(ROOT, 'test/bench/results')
  mkdirSync(folder, { recursive: true })
  const file = join(folder, `cost-${new Date().toISOString().replaceAll(':', '-')}.json`)
  writeFileSync(file, JSON.stringify({ at: new Date(), node: process.version, estimates, budgets }, null, 2))
  console.info(`raw results: ${file}`)
}

function estimateTimes(): object[] {
  const supergraph = loadSupergraph(readFileSync(join(ROOT, 'schema/supergraph.graphql'), 'utf8'))
  const manifest = readManifest(readFileSync(join(ROOT, 'schema/operations.json'), 'utf8'), 'operations.json')
  return manifest.flatMap(({ body }) => {
    const operation = compileOperation(supergraph, parse(body))
    const given = GIVEN[operation.name ?? '']
    if (given === undefined) return []
    const variables = operation.coerceVariables(given as Record<string, unknown>)
    const { estimate } = operationCost(supergraph, operation).estimate
    const perEstimateUs = timesOf(() => {
      let points = 0
      for (let i = 0; i < ESTIMATES; i++) points += estimate(variables).total
      if (points === 0) throw new Error('expected points')
    }).map(ms => (ms * 1_000) / ESTIMATES)
    return [
      { operation: operation.name, points: estimate(variables).total, 'estimate µs': shown(perEstimateUs) },
    ]
  })
}

function timesOf(work: () => void): number[] {
  work()
  return Array.from({ length: ROUNDS }, () => {
    const startedMs = performance.now()
    work()
    return performance.now() - startedMs
  })
}

async function budgetTimes(): Promise<object[]> {
  const rows: object[] = []
  const memory = createMemoryBudgets()
  rows.push(await rowOf('memory', 'callers', 1, memory.callers, () => undefined))
  await using redis = await startRedis()
  const fleet = await openFleetBudgets({
    redis: connectRedis(redis.url),
    logger: pino({ level: 'warn' }),
  })
  try {
    for (const callers of CALLERS) {
      for (const kind of ['callers', 'fields'] as const)
        rows.push(await rowOf('Redis', kind, callers, fleet[kind], () => fleet.counts.redisCalls))
    }
  } finally {
    await fleet.close()
  }
  return rows
}

/** @param at how many ask at once: each its own bucket where buckets are callers', all the same one where a field's. */
async function rowOf(
  store: string,
  kind: 'callers' | 'fields',
  at: number,
  budgets: Budgets,
  calls: () => number | undefined,
): Promise<object> {
  const perTakeUs: number[] = []
  const before = calls()
  for (let round = 0; round <= ROUNDS; round++) {
    const startedMs = performance.now()
    let left = TAKES
    await Promise.all(
      Array.from({ length: at }, async (_, i) => {
        const bucket = { key: kind === 'callers' ? `shopper:${i}` : 'Mutation.claimCoupon', rate: RATE }
        while (left-- > 0) {
          const answer = budgets.take(bucket, 21)
          const taken = answer instanceof Promise ? await answer : answer
          if (taken.isAdmitted && kind === 'callers') budgets.giveBack(taken, 10)
        }
      }),
    )
    if (round > 0) perTakeUs.push(((performance.now() - startedMs) * 1_000) / TAKES)
  }
  const asked = calls()
  const perThousand =
    asked === undefined || before === undefined ? 0 : ((asked - before) * 1_000) / (TAKES * (ROUNDS + 1))
  return {
    store,
    'buckets of': kind,
    'at once': at,
    'take µs': shown(perTakeUs),
    'calls to Redis per 1,000': perThousand.toFixed(1),
  }
}

/** Median, and the range. */
function shown(values: readonly number[]): string {
  const sorted = values.toSorted((a, b) => a - b)
  const digits = (value: number): string => value.toFixed(2)
  return `${digits(sorted[sorted.length >> 1]!)} (${digits(sorted[0]!)}–${digits(sorted.at(-1)!)})`
}
