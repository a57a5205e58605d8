import { nowMs } from '../../protocol/deadline.ts'

export interface RefreshesOptions {
  /** Under way at once; beyond, what is stale stays so for a little longer. Default 256. */
  readonly underWayMax?: number
  /** Whether a crowd stretches what is stale: then fewer are under way, for subgraphs have other things to do. Default: never. */
  readonly isStretched?: () => boolean
  /** Failed ones that are remembered, the latest. Default 10,000. */
  readonly failedMax?: number
  /** After a failure. Default 1,000. */
  readonly retryAfterMs?: number
  /** Milliseconds. Default: this process's monotonic clock. */
  readonly clock?: () => number
}

/** While what is stale is stretched. */
const STRETCHED_UNDER_WAY_MAX = 64

/** What is stale is asked for again: once a key, beside whoever is answered with it, and after a failure not at once. */
export class Refreshes {
  readonly #underWay = new Set<string>()
  /** When a key may be tried again, in the order in which they failed. */
  readonly #retryAtMs = new Map<string, number>()
  readonly #options: Required<RefreshesOptions>

  constructor(options: RefreshesOptions = {}) {
    this.#options = {
      underWayMax: 256,
      isStretched: () => false,
      failedMax: 10_000,
      retryAfterMs: 1_000,
      clock: nowMs,
      ...options,
    }
  }

  get underWay(): number {
    return this.#underWay.size
  }

  /**
   * Starts a refresh unless one of the key is under way, or has failed a moment ago, or too many are under way.
   * @param refresh resolves with whether there is something new; it may reject.
   * @returns whether it was started.
   */
  start(key: string, refresh: () => Promise<boolean>): boolean {
    const { clock, underWayMax, isStretched } = this.#options
    const { size } = this.#underWay
    if (size >= underWayMax || this.#underWay.has(key)) return false
    if (size >= STRETCHED_UNDER_WAY_MAX && isStretched()) return false
    if (clock() < (this.#retryAtMs.get(key) ?? 0)) return false
    this.#underWay.add(key)
    refresh().then(
      isNew => this.#end(key, isNew),
      () => this.#end(key, false),
    )
    return true
  }

  #end(key: string, isNew: boolean): void {
    const { clock, failedMax, retryAfterMs } = this.#options
    this.#underWay.delete(key)
    this.#retryAtMs.delete(key)
    if (isNew) return
    if (this.#retryAtMs.size >= failedMax) this.#retryAtMs.delete(this.#retryAtMs.keys().next().value!)
    this.#retryAtMs.set(key, clock() + retryAfterMs)
  }
}
