import type { DeadlineMs } from '../../../protocol/deadline.ts'

interface Reading {
  /** What is to be added to this process's time. */
  readonly offsetMs: number
  /** The offset is wrong by half of it at most. */
  readonly roundTripMs: number
}

const READINGS_MAX = 8

/**
 * The time of a fleet is that of its Redis: clocks of gateways that differ change nothing. Of the last few readings the
 * one with the shortest round trip is believed, of those that the newest does not contradict: it does where either clock
 * was set, or stood still. Until there is one, this machine's wall clock.
 */
export class FleetClock {
  #readings: Reading[] = []
  #offsetMs: number

  /** @param atMs now, on this process's clock. */
  constructor(atMs: DeadlineMs) {
    this.#offsetMs = Date.now() - atMs
  }

  /** The server said `timeMs` somewhere between these two moments of this process. */
  read(sentMs: DeadlineMs, answeredMs: DeadlineMs, timeMs: number): void {
    const reading = { offsetMs: timeMs - (sentMs + answeredMs) / 2, roundTripMs: answeredMs - sentMs }
    const alike = this.#readings.filter(one => agree(one, reading))
    this.#readings = [...alike.slice(1 - READINGS_MAX), reading]
    this.#offsetMs = this.#readings.reduce((best, one) =>
      one.roundTripMs <= best.roundTripMs ? one : best,
    ).offsetMs
  }

  /** Milliseconds since 1970, on the fleet's clock. */
  toFleetMs(atMs: DeadlineMs): number {
    return atMs + this.#offsetMs
  }

  fromFleetMs(fleetMs: number): DeadlineMs {
    return fleetMs - this.#offsetMs
  }
}

const agree = (one: Reading, other: Reading): boolean =>
  Math.abs(one.offsetMs - other.offsetMs) <= (one.roundTripMs + other.roundTripMs) / 2
