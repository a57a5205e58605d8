import { DEFAULT_LINE_TERMS } from '../../../gateway/surge/lines.ts'
import { createMemoryBudgets } from '../../../gateway/surge/memory-budgets.ts'
import { createMemoryLines } from '../../../gateway/surge/memory-lines.ts'
import type { Crowd, Policy } from './simulated-crowd.ts'

const WINDOW_MS = 1_000
const BACKOFF_MS = 1_000
const BACKOFF_MS_MAX = 32_000
/** Whoever would come within comes at its end. */
const STALL = { fromMs: 15_000, untilMs: 20_000 }

/** A fixed window, which tells every loser the instant at which the next begins. */
export const FIXED_WINDOW: Policy = {
  name: 'fixed window, Retry-After',
  open({ perSecond }) {
    let window = 0
    let taken = 0
    return (_, nowMs) => {
      const current = Math.floor(nowMs / WINDOW_MS)
      if (current !== window) {
        window = current
        taken = 0
      }
      return ++taken <= perSecond ? 'admitted' : (current + 1) * WINDOW_MS - nowMs
    }
  },
}

export const BACKOFF: Policy = {
  name: 'token bucket, backoff with full jitter',
  open: (crowd, random) =>
    tokenBucket(crowd, asked => random() * Math.min(BACKOFF_MS_MAX, BACKOFF_MS * 2 ** asked)),
}

export const REFRESH: Policy = {
  name: 'token bucket, people refresh every 2 to 4 s',
  open: (crowd, random) => tokenBucket(crowd, () => 2_000 + random() * 2_000),
}

export const PLACES: Policy = placesPolicy('kept places', {})
export const PLACES_NO_SHOWS: Policy = placesPolicy('kept places, 20 % never come back', { noShows: 0.2 })
export const PLACES_LATE: Policy = placesPolicy('kept places, all up to 30 s late', { lateMsMax: 30_000 })
export const PLACES_STALLED: Policy = placesPolicy('kept places, nobody gets through for 5 s', {
  stall: STALL,
})
/** Beside it: as many places as the rate has points. */
export const TIGHT_STALLED: Policy = placesPolicy('the same, no time left free between places', {
  stall: STALL,
  slack: 0,
})

/** A place for one in six: who comes when ten seconds are taken has none. */
export const PLACES_BEYOND: Policy = placesPolicy('kept places, no further ahead than 10 s', {
  horizonMs: 10_000,
})

export const POLICIES: readonly Policy[] = [
  FIXED_WINDOW,
  BACKOFF,
  REFRESH,
  PLACES,
  PLACES_NO_SHOWS,
  PLACES_LATE,
  PLACES_STALLED,
  TIGHT_STALLED,
  PLACES_BEYOND,
]

/** The bucket that the gateway itself keeps. */
function tokenBucket(
  { perSecond, burst }: Crowd,
  againAfterMs: (asked: number) => number,
): ReturnType<Policy['open']> {
  let now = 0
  const { fields } = createMemoryBudgets({ clock: () => now })
  const bucket = { key: 'k', rate: { perSecond, burst } }
  return (_, nowMs, asked) => {
    now = nowMs
    return fields.take(bucket, 1).isAdmitted ? 'admitted' : againAfterMs(asked)
  }
}

/** The lines that the gateway itself keeps; their callers come back when told, once they are told, or not at all. */
function placesPolicy(
  name: string,
  {
    noShows = 0,
    lateMsMax = 0,
    stall = { fromMs: 0, untilMs: 0 },
    slack = DEFAULT_LINE_TERMS.slack,
    horizonMs = DEFAULT_LINE_TERMS.horizonMs,
  }: {
    readonly noShows?: number
    readonly lateMsMax?: number
    readonly stall?: typeof STALL
    readonly slack?: number
    readonly horizonMs?: number
  },
): Policy {
  return {
    name,
    open({ perSecond, burst }, random) {
      let now = 0
      const lines = createMemoryLines({
        clock: () => now,
        terms: { ...DEFAULT_LINE_TERMS, slack, horizonMs },
      })
      const line = { key: 'k', rate: { perSecond, burst } }
      const arrival = {
        line,
        points: 1,
        shown: undefined,
        mode: 'OPEN',
        brakedPoints: 1,
        placesMax: Number.POSITIVE_INFINITY,
      } as const
      return (shopper, nowMs, asked) => {
        now = nowMs
        const turn = lines.arrive({ ...arrival, caller: `shopper-${shopper}` })
        if (turn.kind === 'admitted') return 'admitted'
        if (asked === 0 && random() < noShows) return undefined
        const afterMs = turn.retryAfterMs + (asked === 0 ? random() * lateMsMax : 0)
        const atMs = nowMs + afterMs
        return atMs >= stall.fromMs && atMs < stall.untilMs ? stall.untilMs - nowMs : afterMs
      }
    },
  }
}
