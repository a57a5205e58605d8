import type { Bucket } from './bucket.ts'

/**
 * Kept places: a limit whose callers, where there is more to ask for than points, get an instant at which asking again is
 * admitted. A line is the virtual schedule of one limit (GCRA, with reservations) and, apart from it, the points that were
 * really taken, so that no promise ever lets more through than the rate.
 *
 *     newcomer ── fits the schedule, and the points are there ──> admitted
 *     newcomer ── more points would not be held any more ───────> admitted (standby), the schedule stays
 *     newcomer ── else ──> place ── its instant comes, asks ──> admitted, once
 *                            │           └── no points, or late and they are others' ──> a later instant (moved)
 *                            └── does not ask until `graceMs` after it ──> newcomer
 *     newcomer ── beyond the horizon, or more than is left to hand out ──> no place
 *
 * Time is the line's own: it stands still while the line is paused, so that a pause shifts everybody, and a clock that goes
 * back does not take it along, so that it delays nobody's turn. Points flow in all the same while the line is paused.
 */
export interface Lines {
  /** How far they look ahead, and how long they wait. */
  readonly terms: LineTerms
  /**
   * One caller asks. Never rejects: without its store an implementation answers from this process's share.
   * @throws RangeError for points that never fit the line: whoever asks has to refuse those in words of its own.
   */
  arrive(arrival: Arrival): Turn | Promise<Turn>
  /**
   * Gives back what of `admitted` was not needed. Nobody waits for it, and it may be lost with its store. Turns that are
   * promised stay where they are.
   * @param points from 0 to `admitted.points`.
   * @param isDueAgain nothing was done for the caller: its place, if it came by one, admits once more within its grace.
   */
  giveBack(admitted: Admitted, points: number, isDueAgain: boolean): void
  /**
   * How the line's owner says that it stands; told again and again while the line is live. A pause lasts from the first
   * word of it to the first one of its end, and where none comes a horizon after the last word of it.
   */
  heed(line: Bucket, isPaused: boolean): void
}

/** A reservation on a line's schedule: what a token carries. */
export interface Place {
  /** Which life of the line made it; a line that was lost begins another. At most 16 characters of `[A-Za-z0-9_-]`. */
  readonly epoch: string
  /** Its turn, in milliseconds of the line's own time. */
  readonly instantMs: number
  /** What the wall clock was ahead of the line's time when it was told: their sum is the instant that was promised. */
  readonly shiftMs: number
}

/**
 * `OPEN`: as above. `PLACES`: nobody is admitted who has no place that is due; newcomers get one, some seconds ahead at
 * least. `SPENT`: there is nothing left to hand out; who is due is admitted, to hear it from its owner, everybody else is
 * a newcomer, and newcomers get no place. `PAUSED`: nobody's turn comes; who has a place keeps it, newcomers get none.
 */
export type LineMode = 'OPEN' | 'PLACES' | 'SPENT' | 'PAUSED'

export interface Arrival {
  /** By the same key the line is found whatever its rate is by now. */
  readonly line: Bucket
  /** How the caller is known, at most 80 characters of ASCII. */
  readonly caller: string
  /** More than 0 and at most the burst. */
  readonly points: number
  /** Of a token that is this gateway's or its fleet's, of this caller and this line. */
  readonly shown: Place | undefined
  readonly mode: LineMode
  /** What a newcomer takes in `SPENT` and `PAUSED`, where it is admitted if that is there; from `points` to the burst. */
  readonly brakedPoints: number
  /** How many may wait: what is left to hand out. Infinity: that is not known. */
  readonly placesMax: number
}

export type Turn = Admitted | Kept | NoPlace

export interface Admitted {
  readonly kind: 'admitted'
  readonly line: Bucket
  readonly caller: string
  readonly points: number
  readonly availablePoints: number
  /** The place that it came by; `undefined`: it was a newcomer. */
  readonly place: Place | undefined
  /** How long after its instant it asked; 0 for newcomers. */
  readonly lateMs: number
  /** A newcomer on points that others left over. */
  readonly isStandby: boolean
  /** Callers whose places are kept, of all gateways. */
  readonly waiting: number
}

export interface Kept {
  readonly kind: 'kept'
  readonly place: Place
  /** When asking again is admitted, in milliseconds since 1970 of the clock that keeps the line. */
  readonly admitAtMs: number
  /** From now until then; whole milliseconds, at least 1. */
  readonly retryAfterMs: number
  /** How many stand before it whose turn has not come. */
  readonly position: number
  /** `false`: the caller had it before. */
  readonly isNew: boolean
  /** Its turn had come, and the points were not there, or are those of callers who come in time. */
  readonly isMoved: boolean
  readonly waiting: number
}

export interface NoPlace {
  readonly kind: 'none'
  /**
   * `HORIZON`: its turn would come too late to be promised. `REMAINING`: all that is left is promised to those in line.
   * `FULL`: more wait than a line holds. `BRAKED`: the line is paused or spent.
   */
  readonly reason: 'HORIZON' | 'REMAINING' | 'FULL' | 'BRAKED'
  readonly availablePoints: number
  /**
   * When asking again may bring something else; whole milliseconds, at least 1. For `HORIZON` and `FULL` a later one for
   * each who is told, as places come free.
   */
  readonly retryAfterMs: number
  readonly waiting: number
}

/** How far lines look ahead, and how long they wait for whoever is due. */
export interface LineTerms {
  /** No place is given whose turn is later than this. */
  readonly horizonMs: number
  /** After its instant a place admits for so long. */
  readonly graceMs: number
  /**
   * Who comes so long after its instant comes in time; who comes later leaves them the points that have flowed in for them.
   * Never more than half of what a budget holds.
   */
  readonly holdMs: number
  /**
   * The share of the rate that places leave free, from 0 on. Without any, whoever comes later than the burst lasts takes the
   * turn of the next one, who takes that of the one after, to the end of the line.
   */
  readonly slack: number
  /** In the mode PLACES: how far ahead a newcomer's turn is at least. */
  readonly aheadMs: number
  /** Places that one line keeps. */
  readonly placesMax: number
}

export const DEFAULT_LINE_TERMS: LineTerms = Object.freeze({
  horizonMs: 600_000,
  graceMs: 120_000,
  holdMs: 2_000,
  slack: 1 / 32,
  aheadMs: 5_000,
  placesMax: 1_000_000,
})

/**
 * When whoever asks of a line that is paused or spent is told to come back, at the earliest; subgraphs tell the same. A crowd
 * shall not come back each second to hear of it again.
 */
export const BRAKED_RETRY_MS_MIN = 60_000
