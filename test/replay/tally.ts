import { PRIORITIES, type Priority } from '../../protocol/priority.ts'
import type { Figures, Spread, Step } from './figures.ts'
import { Histogram } from './histogram.ts'
import { priorityOf, QUESTIONS, type Question } from './requests.ts'

const STEPS: Readonly<Record<Question, Step>> = {
  home: 'browse',
  search: 'browse',
  detail: 'browse',
  claim: 'claim',
  quote: 'quote',
  place: 'place',
  pay: 'pay',
  status: 'status',
}
/** Outcomes are a foreign server's words, too. */
const OUTCOMES_MAX = 1_000

/** What has happened so far, in numbers that only grow but for `waiting`. */
export class Tally {
  /** Shoppers who have come. */
  arrived = 0
  /** Shoppers and visitors who are done with, whatever came of it. */
  over = 0
  claimsSent = 0
  /** Claims answered with a coupon, new or had before. */
  admitted = 0
  /** Orders that came to their end. */
  goodput = 0
  /** Claims answered with a place. */
  placed = 0
  refused = 0
  /** Shoppers who got all that they came for. */
  done = 0
  turnedAway = 0
  gaveUp = 0
  /** Shoppers who have a place and wait for it. */
  waiting = 0
  readonly outcomes: Map<string, number> = new Map()
  readonly #ofSteps = new Map<Step, Histogram>()
  readonly #ofPriorities = new Map<Priority, Histogram>()
  readonly #priorities = Object.fromEntries(
    QUESTIONS.map(question => [question, priorityOf(question)]),
  ) as Record<Question, Priority>

  outcome(name: string): void {
    const known = this.outcomes.get(name)
    const counted = known === undefined && this.outcomes.size >= OUTCOMES_MAX ? 'others' : name
    this.outcomes.set(counted, (this.outcomes.get(counted) ?? 0) + 1)
  }

  /** Of an answer that says what came of it. */
  latency(question: Question, ms: number): void {
    histogramOf(this.#ofSteps, STEPS[question]).add(ms)
    histogramOf(this.#ofPriorities, this.#priorities[question]).add(ms)
  }

  get latencies(): Pick<Figures, 'latency' | 'latencyOfSteps'> {
    const order = new Set(Object.values(STEPS))
    return {
      latency: spreads(this.#ofPriorities, PRIORITIES),
      latencyOfSteps: spreads(this.#ofSteps, [...order]),
    }
  }
}

function histogramOf<K>(all: Map<K, Histogram>, key: K): Histogram {
  let found = all.get(key)
  if (found === undefined) all.set(key, (found = new Histogram()))
  return found
}

function spreads<K extends string>(
  all: ReadonlyMap<K, Histogram>,
  order: readonly K[],
): Partial<Record<K, Spread>> {
  const shown: Partial<Record<K, Spread>> = {}
  for (const key of order) {
    const spread = all.get(key)?.spread
    if (spread !== undefined) shown[key] = spread
  }
  return shown
}
