import { setTimeout as delay } from 'node:timers/promises'
import { pino } from 'pino'
import { connectRedis } from '../../../gateway/redis/redis-connection.ts'
import type { Bucket, BudgetStore } from '../../../gateway/surge/budgets.ts'
import { type FleetBudgetStore, openFleetBudgets } from '../../../gateway/surge/fleet-budgets.ts'
import { createRedisBudgets } from '../../../gateway/surge/redis-budgets.ts'

/** What one bucket is asked for, by this process. */
export interface Load {
  readonly kind: 'callers' | 'fields'
  readonly bucket: Bucket
  readonly points: number
  readonly takesPerSecond: number
  /** Who ask at the same time, each waiting for an answer before it asks again. */
  readonly callers: number
}

/** From the parent. */
export type Order =
  /** `redis`: without an answer a demand fails. `fleet`: as the gateway does. */
  | { readonly kind: 'open'; readonly store: 'redis' | 'fleet'; readonly url: string }
  | {
      readonly kind: 'run'
      readonly startMs: number
      readonly durationMs: number
      readonly loads: readonly Load[]
    }
  | { readonly kind: 'look' }

/** What came of a load; instants in milliseconds since 1970. */
export interface Outcome {
  readonly offeredPoints: number
  readonly admittedPoints: number
  /** Demands that had no answer. */
  readonly failed: number
  readonly slowestMs: number
  readonly firstMs: number
  readonly lastSentMs: number
  readonly lastAnsweredMs: number
  /** When the machine was busy elsewhere: an answer, or a turn to ask, came later than the bucket's half fills in. */
  readonly noise: readonly (readonly [fromMs: number, toMs: number])[]
}

/** To the parent, an answer an order. */
export type Report =
  | { readonly kind: 'opened' }
  | { readonly kind: 'done'; readonly outcomes: readonly Outcome[] }
  | {
      readonly kind: 'seen'
      readonly source: string
      readonly gateways: number
      /** Between Redis and the share, since it was on Redis for the first time. */
      readonly changes: number
    }

const nowMs = (): number => performance.timeOrigin + performance.now()

let store: BudgetStore | undefined

const opened = (): BudgetStore => {
  if (store === undefined) throw new Error('expected to be told to open the store first')
  return store
}

async function obey(order: Order): Promise<Report> {
  if (order.kind === 'open') {
    const redis = connectRedis(order.url)
    if (order.store === 'redis') await redis.connect()
    store =
      order.store === 'redis'
        ? createRedisBudgets({ redis })
        : await openFleetBudgets({ redis, logger: pino({ level: 'silent' }) })
    return { kind: 'opened' }
  }
  if (order.kind === 'look') {
    const { source, gateways, counts } = opened() as FleetBudgetStore
    // Every fallback but the last, when that lasts, was followed by a return.
    return { kind: 'seen', source, gateways, changes: counts.fallbacks * 2 - (source === 'share' ? 1 : 0) }
  }
  const { startMs, durationMs, loads } = order
  const outcomes = await Promise.all(loads.map(load => run(load, startMs, durationMs)))
  return { kind: 'done', outcomes }
}

async function run(load: Load, startMs: number, durationMs: number): Promise<Outcome> {
  const { kind, bucket, points, takesPerSecond, callers } = load
  const budgets = opened()[kind]
  const sum = { offeredPoints: 0, admittedPoints: 0, failed: 0, slowestMs: 0 }
  const noise: [number, number][] = []
  const seen = { firstMs: Number.POSITIVE_INFINITY, lastSentMs: 0, lastAnsweredMs: 0 }
  const halfFullMs = (bucket.rate.burst * 500) / bucket.rate.perSecond
  const note = (fromMs: number, toMs: number): void => {
    if (toMs - fromMs > halfFullMs) noise.push([fromMs, toMs])
  }
  const ask = async (phase: number): Promise<void> => {
    const gapMs = (1_000 * callers) / takesPerSecond
    for (let i = 0; i * gapMs < durationMs; i++) {
      const dueMs = startMs + (i + phase) * gapMs
      const restMs = dueMs - nowMs()
      if (restMs > 0) await delay(restMs)
      const sentMs = nowMs()
      note(dueMs, sentMs)
      sum.offeredPoints += points
      try {
        const answer = await budgets.take(bucket, points)
        if (answer.isAdmitted) sum.admittedPoints += points
      } catch {
        sum.failed++
      }
      const answeredMs = nowMs()
      note(sentMs, answeredMs)
      sum.slowestMs = Math.max(sum.slowestMs, answeredMs - sentMs)
      seen.firstMs = Math.min(seen.firstMs, sentMs)
      seen.lastSentMs = Math.max(seen.lastSentMs, sentMs)
      seen.lastAnsweredMs = Math.max(seen.lastAnsweredMs, answeredMs)
    }
  }
  await Promise.all(Array.from({ length: callers }, (_, i) => ask((i + 0.5) / callers)))
  return { ...sum, ...seen, noise }
}

process.on('message', (order: Order) => {
  // A failure ends the process, which the parent sees.
  void obey(order).then(report => process.send?.(report))
})
process.on('disconnect', () => {
  process.exit()
})
