import type { Logger } from 'pino'
import { type FieldLimit, type LimitRate, problemOfRate } from '../cost/field-limits.ts'
import { rateTag } from '../cost/field-limits-compile.ts'
import type { Bucket } from '../surge/budgets.ts'
import { createFleetSettings, type SettingScope, type SettingStore } from './fleet-settings.ts'

/** A rate that an operator has put in the place of a declared one. */
export interface LimitOverride extends LimitRate {
  /** The operator's client. */
  readonly setBy: string
  /** An instant as RFC 3339. */
  readonly setAt: string
}

/** Where all gateways keep overrides, by the limit's id. */
export type OverrideStore = SettingStore<LimitOverride>

export interface LimitOverrides {
  /** The rate that holds: an operator's, else the declared one. */
  rateOf(limit: FieldLimit): LimitRate
  /** The budget that a request draws on, of the rate that holds. @param key of the declared rate's. */
  bucketOf(limit: FieldLimit, key: string): Bucket
  /** The override that holds. */
  overrideOf(limit: FieldLimit): LimitOverride | undefined
  /** Holds in this process at once. @returns whom it holds for by now; a fleet out of reach learns of it when it can. */
  set(limit: FieldLimit, override: LimitOverride | undefined): Promise<SettingScope>
  /** For whom the next one would hold. */
  readonly scope: SettingScope
  close(): void
}

export interface LimitOverridesOptions {
  /** Default: overrides are this process's. */
  readonly store?: OverrideStore | undefined
  readonly logger: Logger
  /** Milliseconds; default: that of all settings. */
  readonly readEveryMs?: number
}

/**
 * Overrides of limits, by the limit's id: they outlive the supergraph that they were made on, as long as the next one has
 * the limit and its field fits into them.
 */
export function createLimitOverrides({ store, logger, readEveryMs }: LimitOverridesOptions): LimitOverrides {
  const settings = createFleetSettings({ store, what: 'overrides of limits', logger, readEveryMs })

  const overrideOf = (limit: FieldLimit): LimitOverride | undefined => {
    const override = settings.known.get(limit.id)
    // Of another gateway's making, or from before the field was dearer.
    return override !== undefined && problemOfRate(override, limit.pointsMin) === undefined
      ? override
      : undefined
  }

  return {
    rateOf: limit => (settings.known.size === 0 ? limit.rate : (overrideOf(limit) ?? limit.rate)),
    bucketOf(limit, key) {
      const override = settings.known.size === 0 ? undefined : overrideOf(limit)
      if (override === undefined) return { key, rate: limit.rate }
      // A line keeps its places whatever its rate is.
      return { key: limit.over === 'PLACE' ? key : `${key}${tagOf(override)}`, rate: override }
    },
    overrideOf,
    set: ({ id }, override) => settings.set(id, override),
    get scope() {
      return settings.scope
    },
    close: () => settings.close(),
  }
}

const tags = new WeakMap<LimitOverride, string>()

function tagOf(override: LimitOverride): string {
  let tag = tags.get(override)
  if (tag === undefined) tags.set(override, (tag = rateTag(override)))
  return tag
}
