import { createHash, randomInt } from 'node:crypto'
import type { Caller } from '../../protocol/caller.ts'
import type { Rollout } from '../execution/plan.ts'
import type { Supergraph } from '../supergraph/supergraph.ts'

/**
 * The plans that progressive `@override` makes of one operation. `percent(n)` holds for callers whose percentage is
 * below n, so k different n divide callers into k + 1 buckets, each with one plan.
 */
export interface Rollouts {
  /** What is planned for each bucket; one when no percentage is in use. */
  readonly buckets: readonly Rollout[]
  /** A shopper's is always the same, under the same supergraph; whoever is no shopper gets one by chance. */
  bucketOf(caller: Caller): number
}

const PERCENT = /^percent\((\d{1,3}(?:\.\d{1,8})?)\)$/
/** Percentages are drawn in this many steps: `percent(n)` knows 8 decimals, and 2^32 steps are finer than callers. */
const STEPS = 2 ** 32

/** @param active labels that hold for every caller. */
export function rolloutsOf({ overrideLabels }: Supergraph, active: ReadonlySet<string>): Rollouts {
  const edges = edgesOf(overrideLabels)
  const labels = new Set(overrideLabels.filter(label => active.has(label)))
  return {
    buckets: edges.map(percentage => ({ labels, percentage })),
    bucketOf:
      edges.length === 1
        ? () => 0
        : caller => {
            const percentage = percentageOf(caller)
            return edges.findLastIndex(edge => edge <= percentage)
          },
  }
}

/** The lowest percentage of each bucket, ascending; nobody's is 100 or more. */
function edgesOf(labels: readonly string[]): readonly number[] {
  const edges = new Set([0])
  for (const label of labels) {
    const percentage = Number(PERCENT.exec(label)?.[1])
    if (percentage > 0 && percentage < 100) edges.add(percentage)
  }
  return [...edges].sort((a, b) => a - b)
}

/** 0 to 100, without 100. Not of the slice's hash: who shares a slice would share every rollout. */
function percentageOf({ shopperId }: Caller): number {
  const step =
    shopperId === undefined
      ? randomInt(STEPS)
      : createHash('sha256').update(`rollout ${shopperId}`).digest().readUInt32BE(0)
  return (step / STEPS) * 100
}
