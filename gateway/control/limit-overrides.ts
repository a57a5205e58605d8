import type { Logger } from 'pino'
import { nowMs } from '../../protocol/deadline.ts'
import { type FieldLimit, type LimitRate, problemOfRate } from '../cost/field-limits.ts'
import { rateTag } from '../cost/field-limits-compile.ts'
import { within } from '../redis/within.ts'
import type { Bucket } from '../surge/budgets.ts'

/** A rate that an operator has put in the place of a declared one. */
export interface LimitOverride extends LimitRate {
  /** The operator's client. */
  readonly setBy: string
  /** An instant as RFC 3339. */
  readonly setAt: string
}

/** For whom overrides hold: this process, or all gateways that share a store. */
export type OverrideScope = 'process' | 'fleet'

/** Where all gateways keep overrides, by the limit's id. Rejects when it cannot be reached. */
export interface OverrideStore {
  /** All that have ever been written; undefined: it was taken back, or is none. */
  read(): Promise<ReadonlyMap<string, LimitOverride | undefined>>
  /** @param override undefined: it is taken back. */
  write(id: string, override: LimitOverride | undefined): Promise<void>
  /** Writes it unless there is another by now. */
  restore(id: string, override: LimitOverride): Promise<void>
}

export interface LimitOverrides {
  /** The rate that holds: an operator's, else the declared one. */
  rateOf(limit: FieldLimit): LimitRate
  /** The budget that a request draws on, of the rate that holds. @param key of the declared rate's. */
  bucketOf(limit: FieldLimit, key: string): Bucket
  /** The override that holds. */
  overrideOf(limit: FieldLimit): LimitOverride | undefined
  /** Holds in this process at once. @returns whom it holds for by now; a fleet out of reach learns of it when it can. */
  set(limit: FieldLimit, override: LimitOverride | undefined): Promise<OverrideScope>
  /** For whom the next one would hold. */
  readonly scope: OverrideScope
  close(): void
}

export interface LimitOverridesOptions {
  /** Default: overrides are this process's. */
  readonly store?: OverrideStore | undefined
  readonly logger: Logger
  /** Default {@link READ_EVERY_MS}. */
  readonly readEveryMs?: number
}

/** Less than a second by what an answer takes: what one gateway sets is to hold at all within a second. */
const READ_EVERY_MS = 750
/** What a store that does not answer keeps an operator waiting for. */
const STORE_MS_MAX = 1_000
/** A store that has not answered so long after the start is not just being connected to. */
const CONNECT_MS_MAX = 3_000

/**
 * Overrides of limits, by the limit's id: they outlive the supergraph that they were made on, as long as the next one has
 * the limit and its field fits into them. What could not be written is kept and written first when the store is back, and
 * a store that comes back empty is told again what holds.
 */
export function createLimitOverrides(options: LimitOverridesOptions): LimitOverrides {
  const { store, logger, readEveryMs = READ_EVERY_MS } = options
  let known: ReadonlyMap<string, LimitOverride> = new Map()
  /** Not yet in the store. */
  const unwritten = new Map<string, LimitOverride | undefined>()
  let fleet: 'connecting' | 'reached' | 'lost' = 'connecting'
  const startedMs = nowMs()
  let isClosed = false
  let lastSync: Promise<void> = Promise.resolve()
  let syncing = 0

  async function syncNow(from: OverrideStore): Promise<void> {
    try {
      for (const [id, override] of unwritten) {
        await within(STORE_MS_MAX, 'writing an override', from.write(id, override))
        if (unwritten.get(id) === override) unwritten.delete(id)
      }
      const stored = await within(STORE_MS_MAX, 'reading overrides', from.read())
      const read = new Map<string, LimitOverride>()
      for (const [id, override] of stored) put(read, id, override)
      // A store that was emptied has not heard an operator take them back.
      for (const [id, override] of known) {
        if (stored.has(id)) continue
        await within(STORE_MS_MAX, 'writing an override', from.restore(id, override))
        read.set(id, override)
      }
      for (const [id, override] of unwritten) put(read, id, override)
      if (isClosed) return
      if (fleet === 'lost') logger.info('overrides of limits are shared with the fleet again')
      fleet = 'reached'
      known = read
    } catch (error) {
      if (isClosed || fleet === 'lost') return
      if (fleet === 'connecting' && nowMs() - startedMs < CONNECT_MS_MAX) return
      fleet = 'lost'
      const reason = (error as Error).message
      logger.warn({ reason }, 'overrides of limits are not shared with the fleet now')
    }
  }

  /** What was set before the call is in the store when it resolves, if the store can be reached. */
  function sync(from: OverrideStore): Promise<void> {
    syncing++
    lastSync = lastSync.then(() => syncNow(from)).finally(() => syncing--)
    return lastSync
  }

  const timer = store && setInterval(() => syncing === 0 && void sync(store), readEveryMs).unref()
  if (store !== undefined) void sync(store)

  const overrideOf = (limit: FieldLimit): LimitOverride | undefined => {
    const override = known.get(limit.id)
    // Of another gateway's making, or from before the field was dearer.
    return override !== undefined && problemOfRate(override, limit.pointsMin) === undefined
      ? override
      : undefined
  }

  return {
    rateOf: limit => (known.size === 0 ? limit.rate : (overrideOf(limit) ?? limit.rate)),
    bucketOf(limit, key) {
      const override = known.size === 0 ? undefined : overrideOf(limit)
      return override === undefined
        ? { key, rate: limit.rate }
        : { key: `${key}${tagOf(override)}`, rate: override }
    },
    overrideOf,
    async set({ id }, override) {
      const next = new Map(known)
      put(next, id, override)
      known = next
      if (store === undefined) return 'process'
      unwritten.set(id, override)
      await sync(store)
      return unwritten.has(id) ? 'process' : 'fleet'
    },
    get scope() {
      return fleet === 'reached' ? 'fleet' : 'process'
    },
    close() {
      isClosed = true
      clearInterval(timer)
    },
  }
}

const tags = new WeakMap<LimitOverride, string>()

function tagOf(override: LimitOverride): string {
  let tag = tags.get(override)
  if (tag === undefined) tags.set(override, (tag = rateTag(override)))
  return tag
}

function put(overrides: Map<string, LimitOverride>, id: string, override: LimitOverride | undefined): void {
  if (override === undefined) overrides.delete(id)
  else overrides.set(id, override)
}
