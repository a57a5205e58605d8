import { retryAfterMs } from './demand.ts'
import { RedisAdmitted } from './line-admitted.ts'
import type { Arrival, Kept, NoPlace, Turn } from './lines.ts'

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
    return admittedOf(arrival, letter, epoch, numbers)
  }
  return letter === 'K' || letter === 'N' || letter === 'M'
    ? keptOf(letter, nowMs, epoch, numbers)
    : noPlaceOf(letter, numbers)
}

function admittedOf(
  arrival: Arrival,
  letter: string,
  epoch: string,
  numbers: readonly number[],
): RedisAdmitted {
  const [available, waiting, instantMs, shiftMs, lateMs = 0] = numbers as [number, number, ...number[]]
  const isBraked = letter === 'A' && (arrival.mode === 'SPENT' || arrival.mode === 'PAUSED')
  const points = isBraked ? arrival.brakedPoints : arrival.points
  const place = letter === 'D' ? { epoch, instantMs: instantMs!, shiftMs: shiftMs! } : undefined
  return new RedisAdmitted(arrival, points, available, place, lateMs, letter === 'Y', waiting, epoch)
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
