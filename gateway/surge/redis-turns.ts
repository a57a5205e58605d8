import { retryAfterMs } from './demand.ts'
import type { Admitted, Arrival, Kept, NoPlace, Place, Turn } from './lines.ts'

/** Of one arrival, as `arrive-line.lua` says it. */
export interface LineAnswer {
  /** Of the clock that keeps the line. */
  readonly nowMs: number
  readonly epoch: string
  readonly text: string
}

/** Of a call: one an arrival. */
export type LineAnswers = readonly LineAnswer[]

/** What sums of instants may miss their exact value by: as in the script. */
const SAME_MS = 0.0005

/** Knows which life of the line its points were taken of. */
export class RedisAdmitted implements Admitted {
  readonly kind = 'admitted'
  readonly line: Admitted['line']
  readonly caller: string
  readonly points: number
  readonly availablePoints: number
  readonly place: Place | undefined
  readonly lateMs: number
  readonly isStandby: boolean
  readonly waiting: number
  readonly epoch: string

  constructor(arrival: Arrival, points: number, epoch: string, letter: string, numbers: readonly number[]) {
    const [availablePoints, waiting, instantMs, shiftMs, lateMs] = numbers as [number, number, ...number[]]
    this.line = arrival.line
    this.caller = arrival.caller
    this.points = points
    this.availablePoints = availablePoints
    this.place = letter === 'D' ? { epoch, instantMs: instantMs!, shiftMs: shiftMs! } : undefined
    this.lateMs = lateMs ?? 0
    this.isStandby = letter === 'Y'
    this.waiting = waiting
    this.epoch = epoch
  }
}

const REASONS: Readonly<Record<string, NoPlace['reason']>> = {
  H: 'HORIZON',
  R: 'REMAINING',
  F: 'FULL',
  B: 'BRAKED',
}

export function turnOf(arrival: Arrival, { nowMs, epoch, text }: LineAnswer): Turn {
  const letter = text.charAt(0)
  const numbers = text.slice(2).split(' ').map(Number)
  if (letter === 'A' || letter === 'Y' || letter === 'D') {
    const isBraked = letter === 'A' && (arrival.mode === 'SPENT' || arrival.mode === 'PAUSED')
    return new RedisAdmitted(
      arrival,
      isBraked ? arrival.brakedPoints : arrival.points,
      epoch,
      letter,
      numbers,
    )
  }
  return letter === 'K' || letter === 'N' || letter === 'M'
    ? keptOf(letter, nowMs, epoch, numbers)
    : noPlaceOf(letter, numbers)
}

function keptOf(letter: string, nowMs: number, epoch: string, numbers: readonly number[]): Kept {
  const [waiting, instantMs, shiftMs, position] = numbers as [number, number, number, number]
  return {
    kind: 'kept',
    place: { epoch, instantMs, shiftMs },
    // A whole millisecond in which it is due, whatever the sum of the two was rounded to.
    admitAtMs: Math.ceil(instantMs + shiftMs - SAME_MS),
    retryAfterMs: retryAfterMs(instantMs + shiftMs - nowMs - SAME_MS),
    position,
    isNew: letter === 'N',
    isMoved: letter === 'M',
    waiting,
  }
}

function noPlaceOf(letter: string, numbers: readonly number[]): NoPlace {
  const [availablePoints, waiting, waitMs] = numbers as [number, number, number]
  return {
    kind: 'none',
    reason: REASONS[letter]!,
    availablePoints,
    retryAfterMs: retryAfterMs(waitMs - SAME_MS),
    waiting,
  }
}
