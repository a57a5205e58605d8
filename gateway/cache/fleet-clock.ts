import type { DeadlineMs } from '../../protocol/deadline.ts'

interface Reading {
  /** What is to be added to this process's time. */
  readonly offsetMs: number
  /** The offset is wrong by half of it at most. */
  readonly roundTripMs: number
}

const READINGS_MAX = 8

/**
 * The time of a fleet is that of its Redis: clocks of gateways that differ change nothing. Of the last few readings the
 * one with the shortest round trip is believed. Until there is one, this machine's wall clock.
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
    this.#readings = [...this.#readings.slice(1 - READINGS_MAX), reading]
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
