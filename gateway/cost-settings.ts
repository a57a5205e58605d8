import type { Tier } from '../protocol/caller.ts'
import type { Rate } from './surge/budgets.ts'

/** `off`: nothing is counted. `measure`: counted and told, and nobody is refused for it. `enforce`: refused too. */
export const COST_MODES = ['off', 'measure', 'enforce'] as const
export type CostMode = (typeof COST_MODES)[number]

/** What requests may spend, in points (cost/). */
export interface CostSettings {
  readonly mode: CostMode
  /** The most that one operation may be estimated at. COST_ESTIMATED_TOO_EXPENSIVE */
  readonly max: number
  /** Members that a list without a known size counts for. */
  readonly listSize: number
  /** The most that an operation's fetches from one subgraph may be estimated at. SUBGRAPH_COST_ESTIMATED_TOO_EXPENSIVE */
  readonly subgraphs: Readonly<Record<string, SubgraphCost>>
  /** What one caller of a tier may spend. THROTTLED */
  readonly tiers: Readonly<Record<Tier, Rate>>
}

export interface SubgraphCost {
  readonly max?: number | undefined
  readonly listSize?: number | undefined
}

/**
 * A person browses, claims and pays with a few hundred points a minute; everybody behind one address without a token
 * shares one bucket of the shopper's size. A chatbot speaks for all of its shoppers, each of whom has a bucket too.
 */
export const DEFAULT_TIERS: CostSettings['tiers'] = Object.freeze({
  shopper: { perSecond: 200, burst: 4_000 },
  developer: { perSecond: 1_000, burst: 20_000 },
  partner: { perSecond: 5_000, burst: 50_000 },
  chatbot: { perSecond: 500_000, burst: 2_000_000 },
})

export const DEFAULT_COST: CostSettings = Object.freeze({
  mode: 'off',
  max: 2_000,
  listSize: 100,
  subgraphs: Object.freeze({}),
  tiers: DEFAULT_TIERS,
})

const RATE_MIN = 0.001
const RATE_MAX = 1e9

/** Settings where they differ from {@link DEFAULT_COST}. */
export interface CostOptions {
  readonly mode?: CostMode | undefined
  readonly max?: number | undefined
  readonly listSize?: number | undefined
  readonly subgraphs?: CostSettings['subgraphs'] | undefined
  readonly tiers?: { readonly [Name in Tier]?: Rate | undefined } | undefined
}

/** @throws RangeError naming the setting that is not positive, or that contradicts another. */
export function costSettingsOf({ mode, max, listSize, subgraphs, tiers = {} }: CostOptions): CostSettings {
  const settings: CostSettings = {
    mode: mode ?? DEFAULT_COST.mode,
    max: max ?? DEFAULT_COST.max,
    listSize: listSize ?? DEFAULT_COST.listSize,
    subgraphs: subgraphs ?? DEFAULT_COST.subgraphs,
    tiers: {
      shopper: tiers.shopper ?? DEFAULT_TIERS.shopper,
      developer: tiers.developer ?? DEFAULT_TIERS.developer,
      partner: tiers.partner ?? DEFAULT_TIERS.partner,
      chatbot: tiers.chatbot ?? DEFAULT_TIERS.chatbot,
    },
  }
  assertCostSettings(settings)
  return settings
}

function assertCostSettings({ mode, max, listSize, subgraphs, tiers }: CostSettings): void {
  const positive = (name: string, value: number): void => {
    if (Number.isFinite(value) && value > 0) return
    throw new RangeError(`expected cost.${name} to be a positive number, got ${value}`)
  }
  // Beyond these a schedule of milliseconds is no exact number any more.
  const within = (name: string, value: number): void => {
    if (value >= RATE_MIN && value <= RATE_MAX) return
    throw new RangeError(`expected cost.${name} to be a number from ${RATE_MIN} to ${RATE_MAX}, got ${value}`)
  }
  positive('max', max)
  positive('listSize', listSize)
  for (const [name, { max: most, listSize: size }] of Object.entries(subgraphs)) {
    if (most !== undefined) positive(`subgraphs.${name}.max`, most)
    if (size !== undefined) positive(`subgraphs.${name}.listSize`, size)
  }
  for (const [tier, { perSecond, burst }] of Object.entries(tiers)) {
    within(`tiers.${tier}.perSecond`, perSecond)
    within(`tiers.${tier}.burst`, burst)
    // Otherwise an operation within the maximum would be refused as too dear to whoever has that tier.
    if (mode === 'enforce' && burst < max)
      throw new RangeError(`expected cost.tiers.${tier}.burst to be at least cost.max ${max}, got ${burst}`)
  }
}
