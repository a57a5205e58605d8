import { type DeadlineMs, nowMs, remainingMs } from '../../../protocol/deadline.ts'
import { Fault } from '../../../protocol/fault.ts'
import { noAnswer } from '../../../protocol/no-answer.ts'
import { PRIORITIES, type Priority } from '../../../protocol/priority.ts'
import type { Moment } from '../entry.ts'

/** Why there is no answer. */
export class Failed {
  readonly reason: unknown
  constructor(reason: unknown) {
    this.reason = reason
  }
}

/** A fetch under way, for one key or several. */
export interface Flight<Landed> {
  readonly service: string
  /** Before it was sent. */
  readonly born: Moment
  readonly deadlineMs: DeadlineMs
  readonly priority: Priority
  /** Never rejects. */
  readonly landing: Promise<Landed | Failed>
}

export type Departure = Omit<Flight<never>, 'landing'>

/** Less time than this is not worth asking again for. */
const LEFT_MS_MIN = 10

/** Node's timers end there, and turn anything longer into 1 ms. */
const TIMER_MS_MAX = 2 ** 31 - 1

const RANKS = new Map<Priority, number>(PRIORITIES.map((priority, rank) => [priority, rank]))

/** What is under way, by the keys that it answers; never more keys than allowed. */
export class Flights<Landed> {
  readonly #byKey = new Map<string, Flight<Landed>>()
  readonly #keysMax: number

  constructor(keysMax: number) {
    this.#keysMax = keysMax
  }

  /** Keys that may be joined. */
  get underWay(): number {
    return this.#byKey.size
  }

  has(key: string): boolean {
    return this.#byKey.has(key)
  }

  /**
   * A flight that answers the key, as urgent as asked or more: who is urgent does not wait in another's queue.
   * @param tick it has begun no earlier than at this moment.
   */
  find(key: string, priority: Priority, tick = 0): Flight<Landed> | undefined {
    const flight = this.#byKey.get(key)
    if (flight === undefined || flight.born.tick < tick) return undefined
    return RANKS.get(flight.priority)! <= RANKS.get(priority)! ? flight : undefined
  }

  /**
   * Begins one. Who asks for one of the keys from now on may join it, and finds what it has brought once it has landed.
   * @param go keeps what is to be kept before it resolves.
   */
  begin(keys: readonly string[], departure: Departure, go: () => Promise<Landed>): Flight<Landed> {
    const landing = go().then(
      landed => {
        this.#leave(keys, flight)
        return landed
      },
      (reason: unknown) => {
        this.#leave(keys, flight)
        return new Failed(reason)
      },
    )
    const flight: Flight<Landed> = { ...departure, landing }
    for (const key of keys)
      if (this.#byKey.size < this.#keysMax || this.#byKey.has(key)) this.#byKey.set(key, flight)
    return flight
  }

  #leave(keys: readonly string[], flight: Flight<Landed>): void {
    for (const key of keys) if (this.#byKey.get(key) === flight) this.#byKey.delete(key)
  }
}

/** What the flight brings, or the fault that says that it has not come by the deadline of who waits. */
export function landingBy<Landed>(flight: Flight<Landed>, deadlineMs: DeadlineMs): Promise<Landed | Failed> {
  if (deadlineMs >= flight.deadlineMs) return flight.landing
  return new Promise(resolve => {
    const giveUp = (): void =>
      resolve(
        new Failed(
          noAnswer('SUBGRAPH_TIMEOUT', flight.service, 'expected an answer by the deadline, got none'),
        ),
      )
    const timer = setTimeout(giveUp, Math.min(Math.ceil(remainingMs(deadlineMs)), TIMER_MS_MAX))
    flight.landing.then(landing => {
      clearTimeout(timer)
      resolve(landing)
    })
  })
}

/** Whether the flight ran out of the time of whoever began it, while who has joined it has time left. */
export function isOutOfOthersTime(failed: Failed, flight: Departure, deadlineMs: DeadlineMs): boolean {
  const { reason } = failed
  if (!(reason instanceof Fault) || reason.code !== 'SUBGRAPH_TIMEOUT') return false
  return nowMs() >= flight.deadlineMs - LEFT_MS_MIN && remainingMs(deadlineMs) >= LEFT_MS_MIN
}
