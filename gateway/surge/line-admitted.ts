import type { Bucket } from './bucket.ts'
import type { Admitted, Arrival, Place } from './lines.ts'

/** Points that were taken from a line, which knows them again by its life. */
abstract class LineAdmitted implements Admitted {
  readonly kind = 'admitted'
  readonly line: Bucket
  readonly caller: string
  readonly points: number
  readonly availablePoints: number
  readonly place: Place | undefined
  readonly lateMs: number
  readonly isStandby: boolean
  readonly waiting: number
  /** Which life of the line gave them. */
  readonly epoch: string

  constructor(
    { line, caller }: Arrival,
    points: number,
    availablePoints: number,
    place: Place | undefined,
    lateMs: number,
    isStandby: boolean,
    waiting: number,
    epoch: string,
  ) {
    this.line = line
    this.caller = caller
    this.points = points
    this.availablePoints = availablePoints
    this.place = place
    this.lateMs = lateMs
    this.isStandby = isStandby
    this.waiting = waiting
    this.epoch = epoch
  }
}

/** From a line of this process's own. */
export class LocalAdmitted extends LineAdmitted {}

/** From a line in Redis. */
export class RedisAdmitted extends LineAdmitted {}
