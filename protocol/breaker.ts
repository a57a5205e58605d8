import {
  type CircuitBreakerPolicy,
  CircuitState,
  circuitBreaker,
  handleWhenResult,
  type IBackoff,
  type IBreaker,
} from 'cockatiel'
import { type DeadlineMs, nowMs } from './deadline.ts'

export interface BreakerOptions {
  /** Failures one after another that open it. Default 5. */
  readonly failuresMax?: number
  /** Share of failures in the last 10 s that opens it. Default 0.5. */
  readonly failedRatioMax?: number
  /** Exchanges in the last 10 s below which the share says nothing. Default 20. */
  readonly exchangesMin?: number
  /** How long it stays open before one exchange probes; doubled with every probe that fails. Default 1 s. */
  readonly openMs?: number
  /** Where the doubling ends. Default 10 s. */
  readonly openMsMax?: number
  /** Default: this process's monotonic clock. */
  readonly clock?: () => DeadlineMs
}

export type BreakerState = 'CLOSED' | 'HALF_OPEN' | 'OPEN'

/** What an exchange showed of the other side's health; `unclear` is not counted. */
export interface Showing {
  readonly health: 'worked' | 'failed' | 'unclear'
}

/** When to ask again while somebody else probes. */
const PROBE_MS = 1_000
const NOT_COUNTED = Symbol('not counted')

/**
 * Stops asking a subgraph that fails, so that neither it nor those who wait for it drown:
 *
 *     CLOSED ── enough failures ──→ OPEN ── openMs later, one exchange probes ──→ HALF_OPEN
 *       ↑                            ↑                                             │   │
 *       └──────────── it worked ─────┼─────────────────────────────────────────────┘   │
 *                                    └── it failed: open for twice as long ────────────┘
 *
 * What counts is said by whoever sends: 5xx, network faults, timeouts and bad answers, never GraphQL errors nor refusals
 * of our own. What left before the last change of state is not counted.
 */
export class Breaker {
  readonly #policy: CircuitBreakerPolicy
  readonly #clock: () => DeadlineMs
  /** Until when it is open; cockatiel's own wait is by the wall clock, which may step. */
  #openUntilMs: DeadlineMs = Number.NEGATIVE_INFINITY
  #changes = 0
  #opened = 0

  constructor(options: BreakerOptions = {}) {
    const { openMs = 1_000, openMsMax = 10_000, clock = nowMs } = options
    this.#clock = clock
    this.#policy = circuitBreaker(
      handleWhenResult(result => result === 'failed'),
      {
        breaker: new FailureWindow(options, clock),
        halfOpenAfter: { next: () => this.#openFor(openMs, openMsMax) },
      },
    )
    this.#policy.onStateChange(state => {
      this.#changes++
      if (state === CircuitState.Open) this.#opened++
    })
  }

  /** Zero: an exchange may be tried. Else when to ask again. */
  get refusesForMs(): number {
    switch (this.#policy.state) {
      case CircuitState.Closed:
        return 0
      case CircuitState.Open:
        return Math.max(0, this.#openUntilMs - this.#clock())
      default:
        return PROBE_MS
    }
  }

  get state(): BreakerState {
    const { state } = this.#policy
    if (state === CircuitState.Closed) return 'CLOSED'
    return state === CircuitState.Open ? 'OPEN' : 'HALF_OPEN'
  }

  /** How often it opened since the start. */
  get opened(): number {
    return this.#opened
  }

  /** @returns what the exchange showed, `undefined` if it was not tried. Rejects with what it threw, uncounted. */
  async run<Result extends Showing>(exchange: () => Promise<Result>): Promise<Result | undefined> {
    // Cockatiel lets others wait for a probe; they have better things to do.
    if (this.refusesForMs > 0) return undefined
    let result: Result | undefined
    try {
      await this.#policy.execute(async () => {
        const changes = this.#changes
        result = await exchange()
        if (result.health === 'unclear' || changes !== this.#changes) throw NOT_COUNTED
        return result.health
      })
    } catch (error) {
      if (error !== NOT_COUNTED) throw error
    }
    return result
  }

  #openFor(openMs: number, openMsMax: number): IBackoff<unknown> {
    this.#openUntilMs = this.#clock() + openMs
    const isOver = (): boolean => this.#clock() >= this.#openUntilMs
    return {
      get duration() {
        return isOver() ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
      },
      next: () => this.#openFor(Math.min(openMs * 2, openMsMax), openMsMax),
    }
  }
}

const SLOTS = 10
const SLOT_MS = 1_000
/** Failures one after another must be spread over this time: what one broken connection takes with it is one event. */
const SPREAD_MS_MIN = 250

/** Judges when failures are enough: so many in a row, or too large a share in more than one of the last ten seconds. */
class FailureWindow implements IBreaker {
  /** Cockatiel's, to be saved and restored; nobody does. */
  state: unknown = undefined
  readonly #failuresMax: number
  readonly #failedRatioMax: number
  readonly #exchangesMin: number
  readonly #clock: () => DeadlineMs
  readonly #slots = Array.from({ length: SLOTS }, () => ({ number: -1, worked: 0, failed: 0 }))
  #failedInRow = 0
  #rowSinceMs: DeadlineMs = 0

  constructor(options: BreakerOptions, clock: () => DeadlineMs) {
    this.#failuresMax = options.failuresMax ?? 5
    this.#failedRatioMax = options.failedRatioMax ?? 0.5
    this.#exchangesMin = options.exchangesMin ?? 20
    this.#clock = clock
  }

  success(state: CircuitState): void {
    if (state === CircuitState.HalfOpen) this.#forget()
    this.#failedInRow = 0
    this.#slot(this.#clock()).worked++
  }

  failure(state: CircuitState): boolean {
    const now = this.#clock()
    if (this.#failedInRow++ === 0) this.#rowSinceMs = now
    this.#slot(now).failed++
    return state !== CircuitState.Closed || this.#isRowLong(now) || this.#isShareLarge(now)
  }

  #isRowLong(now: DeadlineMs): boolean {
    return this.#failedInRow >= this.#failuresMax && now - this.#rowSinceMs >= SPREAD_MS_MIN
  }

  #isShareLarge(now: DeadlineMs): boolean {
    const oldest = Math.floor(now / SLOT_MS) - SLOTS
    let exchanges = 0
    let failed = 0
    let slotsFailed = 0
    for (const slot of this.#slots) {
      if (slot.number <= oldest) continue
      exchanges += slot.worked + slot.failed
      failed += slot.failed
      if (slot.failed > 0) slotsFailed++
    }
    return exchanges >= this.#exchangesMin && slotsFailed > 1 && failed >= exchanges * this.#failedRatioMax
  }

  #slot(now: DeadlineMs): { worked: number; failed: number } {
    const number = Math.floor(now / SLOT_MS)
    const slot = this.#slots[number % SLOTS]!
    if (slot.number !== number) {
      slot.number = number
      slot.worked = 0
      slot.failed = 0
    }
    return slot
  }

  #forget(): void {
    for (const slot of this.#slots) slot.number = -1
    this.#failedInRow = 0
  }
}
