import type { Turn } from './surge/lines.ts'
import type { PlaceTokenProblem } from './surge/place-token.ts'
import type { Labelled, LabelledCounts, Metrics } from './telemetry/metrics.ts'

/**
 * What came of a turn. Admitted: `NEWCOMER`, `STANDBY` (on points that others left over), `DUE` (by a place). Placed:
 * `NEW_PLACE`, `SAME_PLACE`, `MOVED`. Neither: the reason why there is none.
 */
type TurnOutcome =
  | 'NEWCOMER'
  | 'STANDBY'
  | 'DUE'
  | 'NEW_PLACE'
  | 'SAME_PLACE'
  | 'MOVED'
  | Extract<Turn, { kind: 'none' }>['reason']

/** Bounds of how late places are used. */
const LATENESS_SECONDS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120]

/** What lines have made of requests, by field, since the start. */
export class PlaceCounts {
  readonly #turns = new Map<string, Map<TurnOutcome, number>>()
  readonly #ignored = new Map<PlaceTokenProblem, number>()
  readonly #lateness = new Array<number>(LATENESS_SECONDS.length + 1).fill(0)
  #lateSeconds = 0

  /** @param field of the graph: there are only so many. */
  turned(field: string, turn: Turn): void {
    let ofField = this.#turns.get(field)
    if (ofField === undefined) this.#turns.set(field, (ofField = new Map()))
    const outcome = outcomeOf(turn)
    ofField.set(outcome, (ofField.get(outcome) ?? 0) + 1)
    if (turn.kind !== 'admitted' || turn.place === undefined) return
    const seconds = turn.lateMs / 1_000
    const within = LATENESS_SECONDS.findIndex(bound => seconds <= bound)
    const at = within === -1 ? LATENESS_SECONDS.length : within
    this.#lateness[at] = this.#lateness[at]! + 1
    this.#lateSeconds += seconds
  }

  /** A token that was shown and counts for nothing. */
  ignored(problem: PlaceTokenProblem): void {
    this.#ignored.set(problem, (this.#ignored.get(problem) ?? 0) + 1)
  }

  get turns(): readonly Labelled[] {
    return [...this.#turns].flatMap(([field, outcomes]) =>
      [...outcomes].map(([outcome, value]) => ({ labels: { field, outcome }, value })),
    )
  }

  get ignoredTokens(): readonly Labelled[] {
    return [...this.#ignored].map(([reason, value]) => ({ labels: { reason }, value }))
  }

  /** How long after their instants places were used. */
  get lateness(): readonly LabelledCounts[] {
    return [{ labels: {}, counts: this.#lateness, sum: this.#lateSeconds }]
  }
}

/** Adds what became of those who came to lines. */
export function addPlaceMetrics(metrics: Metrics, counts: PlaceCounts): void {
  metrics.exposeBy(
    'spillway_turns_total',
    'Requests that came to a line, by field and by what they were given: admitted as NEWCOMER, STANDBY or DUE, a place (NEW_PLACE, SAME_PLACE, MOVED), or why none.',
    ['field', 'outcome'],
    () => counts.turns,
  )
  metrics.exposeBy(
    'spillway_place_tokens_ignored_total',
    'Tokens of places that were shown and count for nothing.',
    ['reason'],
    () => counts.ignoredTokens,
  )
  metrics.exposeHistogram(
    'spillway_place_lateness_seconds',
    'How long after the promised instant a place was used.',
    LATENESS_SECONDS,
    () => counts.lateness,
  )
}

function outcomeOf(turn: Turn): TurnOutcome {
  if (turn.kind === 'none') return turn.reason
  if (turn.kind === 'kept') return turn.isMoved ? 'MOVED' : turn.isNew ? 'NEW_PLACE' : 'SAME_PLACE'
  if (turn.place !== undefined) return 'DUE'
  return turn.isStandby ? 'STANDBY' : 'NEWCOMER'
}
