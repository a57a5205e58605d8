import type { AdaptiveLanes, LaneSample } from './adaptive-lanes.ts'
import type { Breaker, Showing } from './breaker.ts'
import { type DeadlineMs, nowMs } from './deadline.ts'
import { BATCH_HEADER } from './envelope.ts'
import type { HttpResponse } from './http-answer.ts'
import { ExchangeTimeout } from './http-exchange.ts'
import { isConnectionError } from './trip.ts'

/** What an exchange showed of the subgraph. */
export interface Passage extends Showing, Pick<LaneSample, 'load' | 'firstAnswerMs'> {}

/**
 * What every exchange with a subgraph passes: the breaker lets it go or does not, and what it showed is told to the
 * breaker and to the lanes.
 */
export class Gate {
  readonly #breaker: Breaker
  readonly #lanes: AdaptiveLanes
  readonly #lanesTaken: () => number
  #refused = 0

  constructor(breaker: Breaker, lanes: AdaptiveLanes, lanesTaken: () => number) {
    this.#breaker = breaker
    this.#lanes = lanes
    this.#lanesTaken = lanesTaken
  }

  /** @returns `undefined` if the breaker is open; nothing was sent then. */
  async pass<Result extends Passage>(
    items: number,
    exchange: (sentAtMs: DeadlineMs) => Promise<Result>,
  ): Promise<Result | undefined> {
    const lanesTaken = this.#lanesTaken()
    const sentAtMs = nowMs()
    const result = await this.#breaker.run(() => exchange(sentAtMs))
    if (result === undefined) {
      this.#refused += items
      return undefined
    }
    const { load, firstAnswerMs } = result
    this.#lanes.ended({ items, lanesTaken, sentAtMs, load, firstAnswerMs })
    return result
  }

  /** Operations that it did not let pass, since the start. */
  get refused(): number {
    return this.#refused
  }

  /** How long it lets nothing pass. */
  get refusesForMs(): number {
    return this.#breaker.refusesForMs
  }
}

/** With less time than this, running out of it says more of the caller than of the subgraph. */
const FAIR_MS = 50

/** What it shows that an exchange ended with `error` and brought no answer. */
export function showingOfError(
  error: unknown,
  isSent: boolean,
  allowedMs: number,
): Pick<Passage, 'health' | 'load'> {
  if (error instanceof ExchangeTimeout) {
    return allowedMs < FAIR_MS
      ? { health: 'unclear', load: 'unclear' }
      : { health: 'failed', load: 'congested' }
  }
  return { health: isSent || isConnectionError(error) ? 'failed' : 'unclear', load: 'unclear' }
}

/**
 * What a response shows by its head. A refusal for overload is a sign of load; from one of our own subgraphs it is no
 * failure, since they go on with what they have accepted.
 */
export function showingOfResponse({ status, headers }: HttpResponse): Pick<Passage, 'health' | 'load'> {
  const isOurs = headers[BATCH_HEADER] !== undefined
  if (status === 429 || (status === 503 && isOurs)) return { health: 'worked', load: 'congested' }
  if (status === 503) return { health: 'failed', load: 'congested' }
  return status >= 500 ? { health: 'failed', load: 'unclear' } : { health: 'worked', load: 'served' }
}
