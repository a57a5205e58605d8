import type { Bucket } from './budgets.ts'
import { LocalAdmitted } from './line-admitted.ts'
import type { Admitted, Arrival, Lines, LineTerms, Turn } from './lines.ts'
import { createMemoryLines, type LocalLines, type MemoryLinesOptions } from './memory-lines.ts'
import { PromisedTurns } from './promised-turns.ts'
import type { RedisLines } from './redis-lines.ts'

export interface FleetLinesOptions {
  readonly remote: RedisLines
  /** What lines of the share are made with. */
  readonly local: MemoryLinesOptions
  readonly isShare: () => boolean
  readonly gateways: () => number
  /** Told of what goes to Redis, before it goes. */
  readonly onRemote: () => void
  /** Told of each arrival that the share answers. */
  readonly onShare: () => void
}

/**
 * The lines of a fleet: Redis's or, while it is gone, those of this gateway's share. Neither side knows the other's places:
 * a token takes its caller across, for to either the other's lines are of another life, and newcomers stand behind the
 * latest turn that this gateway has promised on the other side.
 */
export class FleetLines implements Lines {
  readonly #options: FleetLinesOptions
  #local: LocalLines
  /** By the share, since Redis was lost. */
  #promised = new PromisedTurns()

  constructor(options: FleetLinesOptions) {
    this.#options = options
    this.#local = createMemoryLines(options.local)
  }

  get terms(): LineTerms {
    return this.#options.remote.terms
  }

  arrive(arrival: Arrival): Turn | Promise<Turn> {
    const { isShare, onRemote, remote } = this.#options
    if (isShare()) return this.arriveLocally(arrival)
    onRemote()
    return remote.arrive(arrival)
  }

  arriveLocally(arrival: Arrival): Turn {
    const { gateways, onShare, remote } = this.#options
    onShare()
    const parts = gateways()
    const { line, placesMax } = arrival
    // Who shall wait here is a part of all who may, as its points are.
    const ofShare = parts === 1 ? arrival : { ...arrival, placesMax: Math.ceil(placesMax / parts) }
    const turn = this.#local.arrive(ofShare, parts, remote.lastPromisedMs(line.key))
    if (turn.kind === 'kept') this.#promised.note(line.key, turn.admitAtMs, turn.place.epoch)
    return turn
  }

  giveBack(admitted: Admitted, points: number, isDueAgain: boolean): void {
    const { isShare, remote } = this.#options
    if (admitted instanceof LocalAdmitted) this.#local.giveBack(admitted, points, isDueAgain)
    else if (!isShare()) remote.giveBack(admitted, points, isDueAgain)
  }

  heed(line: Bucket, isPaused: boolean): void {
    const { isShare, remote } = this.#options
    if (isShare()) this.#local.heed(line, isPaused)
    else remote.heed(line, isPaused)
  }

  /** Redis is back: the next share begins lines anew, behind what was promised until then. */
  forgetShare(): void {
    const { remote, local } = this.#options
    for (const [lineKey, { latestMs }] of this.#promised.entries()) remote.promised(lineKey, latestMs)
    this.#promised = new PromisedTurns()
    this.#local = createMemoryLines(local)
  }
}
