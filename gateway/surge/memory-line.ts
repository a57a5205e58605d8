import type { Rate } from './bucket.ts'
import { ROUNDING } from './demand.ts'
import { LocalAdmitted } from './line-admitted.ts'
import { type Flow, LineGuard, SAME_MS } from './line-guard.ts'
import { HonouredPlaces } from './line-honoured.ts'
import { type LinePlace, LinePlaces } from './line-places.ts'
import { LineSchedule } from './line-schedule.ts'
import { LineTime } from './line-time.ts'
import { TurnedAway } from './line-turned-away.ts'
import type { Admitted, Arrival, Kept, LineTerms, NoPlace, Place, Turn } from './lines.ts'

/**
 * One line, as `lines.ts` describes it. `end` is where the schedule of reservations ends; the guard knows the points that
 * were really taken. All in the line's time, but the guard, whose points flow while the line is paused as well.
 */
export class MemoryLine {
  readonly epoch: string
  /** When it was last asked, by the wall clock. */
  askedMs: number
  readonly #terms: LineTerms
  readonly #time: LineTime
  readonly #guard: LineGuard
  readonly #places = new LinePlaces()
  readonly #honoured: HonouredPlaces
  readonly #schedule: LineSchedule
  readonly #turnedAway: TurnedAway
  #rate: Rate | undefined
  #parts = 1
  #flow: Flow = { perMs: 1, burst: 1, owedMax: 1 }

  constructor(epoch: string, terms: LineTerms, wallMs: number) {
    this.epoch = epoch
    this.askedMs = wallMs
    this.#terms = terms
    this.#time = new LineTime(wallMs, terms.horizonMs)
    this.#guard = new LineGuard(0)
    this.#honoured = new HonouredPlaces(terms)
    this.#schedule = new LineSchedule(terms)
    this.#turnedAway = new TurnedAway(terms)
  }

  /** Callers whose places are kept. */
  get waiting(): number {
    return this.#places.size
  }

  /**
   * It knows nothing that another life of it would not begin with, but whom it has turned away: nothing is owed, and the
   * token of every place that it gave is void, which another life would take for one of a life before.
   */
  isIdle(wallMs: number): boolean {
    this.#time.read(wallMs)
    const { nowMs, passedMs, isPaused } = this.#time
    return (
      !isPaused && this.#schedule.isVoid(nowMs - SAME_MS) && this.#guard.isFull(passedMs, this.#flow.perMs)
    )
  }

  /** Newcomers stand behind a turn, by the wall clock, that was promised elsewhere: a horizon ahead at most. */
  inherit(promisedMs: number, wallMs: number): void {
    this.#time.read(wallMs)
    this.#schedule.inherit(promisedMs, this.#time.shiftMs, this.#time.nowMs)
  }

  /** @param placesLeft how many more may be kept, of all lines. */
  arrive(arrival: Arrival, wallMs: number, parts: number, placesLeft: number): Turn {
    const { line, caller, points, mode, shown } = arrival
    this.askedMs = wallMs
    const nowMs = this.#pass(wallMs)
    const flow = this.#flowOf(line.rate, parts)
    const places = this.#places
    let place = places.size === 0 ? undefined : places.find(caller)
    if (place !== undefined && place.instantMs < nowMs - this.#terms.graceMs - SAME_MS) {
      places.remove(place)
      place = undefined
    }
    if (place === undefined && shown !== undefined && placesLeft > 0)
      place = this.#takeUp(caller, shown, nowMs)
    if (place !== undefined) {
      if (mode === 'PAUSED') return this.#kept(place, nowMs, false, false)
      if (places.isDue(place, nowMs)) return this.#due(arrival, place, nowMs, flow)
      if (mode !== 'SPENT') return this.#kept(place, nowMs, false, false)
    }
    if (mode === 'SPENT' || mode === 'PAUSED') return this.#braked(arrival, flow)
    return this.#newcomer(arrival, nowMs, flow, placesLeft, points / flow.perMs)
  }

  giveBack(
    { caller, points: taken, place }: Admitted,
    points: number,
    isDueAgain: boolean,
    wallMs: number,
  ): void {
    const nowMs = this.#pass(wallMs)
    if (points > 0) this.#guard.giveBack(Math.min(points, taken))
    if (!isDueAgain || place?.epoch !== this.epoch) return
    if (place.instantMs < nowMs - this.#terms.graceMs - SAME_MS) return
    if (this.#places.find(caller) === undefined) this.#places.add(caller, place.instantMs, nowMs)
  }

  heed(isPaused: boolean, wallMs: number): void {
    this.#time.read(wallMs)
    this.#time.heed(isPaused)
  }

  #pass(wallMs: number): number {
    this.#time.read(wallMs)
    const { nowMs } = this.#time
    this.#places.pass(nowMs, nowMs - this.#terms.graceMs - SAME_MS)
    return nowMs
  }

  #flowOf(rate: Rate, parts: number): Flow {
    if (rate !== this.#rate || parts !== this.#parts) {
      const { perSecond, burst } = rate
      this.#rate = rate
      this.#parts = parts
      this.#flow = { perMs: perSecond / (1_000 * parts), burst: burst / parts, owedMax: burst }
    }
    return this.#flow
  }

  /** A place that another life of the line gave becomes the caller's own, once. */
  #takeUp(caller: string, shown: Place, nowMs: number): LinePlace | undefined {
    if (shown.epoch === this.epoch) return undefined
    const { graceMs, horizonMs, placesMax } = this.#terms
    const instantMs = shown.instantMs + shown.shiftMs - this.#time.shiftMs
    if (this.#places.size >= placesMax) return undefined
    const isInTime = instantMs <= nowMs + horizonMs + SAME_MS && instantMs >= nowMs - graceMs - SAME_MS
    if (!isInTime || !this.#honoured.note(caller, shown.epoch, nowMs)) return undefined
    this.#schedule.keep(instantMs)
    return this.#places.add(caller, instantMs, nowMs)
  }

  #due(arrival: Arrival, place: LinePlace, nowMs: number, flow: Flow): Turn {
    const { points } = arrival
    const waitMs = this.#guard.waitMs(points, this.#time.passedMs, flow)
    const lateMs = Math.max(0, nowMs - place.instantMs)
    if (waitMs === 0 && !this.#isOfOthers(points, lateMs, nowMs, flow)) {
      const given = this.#placeOf(place)
      this.#places.remove(place)
      return this.#admit(arrival, points, flow, given, lateMs, false)
    }
    const soonestMs = nowMs + Math.max(waitMs, SAME_MS)
    const movedMs = this.#schedule.move(place.instantMs, nowMs, soonestMs, points / flow.perMs)
    this.#places.move(place, movedMs, nowMs)
    return this.#kept(place, nowMs, false, true)
  }

  /**
   * Whoever is late leaves what has flowed in for those who come in time, and for the next to come, as long as what places
   * leave free will do.
   */
  #isOfOthers(points: number, lateMs: number, nowMs: number, flow: Flow): boolean {
    const holdMs = Math.min(this.#terms.holdMs, flow.burst / flow.perMs / 2)
    if (lateMs <= holdMs || !this.#schedule.isLeisurely(nowMs - lateMs) || this.#isFull(flow)) return false
    const flowedIn = Math.max(0, points - (this.#places.nextMs - nowMs) * flow.perMs)
    const spare = this.#guard.availablePoints(flow.burst) - points - flowedIn + slackOf(flow)
    return spare < this.#places.dueSince(nowMs - holdMs + SAME_MS, spare / points) * points
  }

  #braked(arrival: Arrival, flow: Flow): Turn {
    const { brakedPoints } = arrival
    const waitMs = this.#guard.waitMs(brakedPoints, this.#time.passedMs, flow)
    if (waitMs > 0) return this.#none('BRAKED', waitMs, flow)
    return this.#admit(arrival, brakedPoints, flow, undefined, 0, false)
  }

  #newcomer(arrival: Arrival, nowMs: number, flow: Flow, placesLeft: number, lengthMs: number): Turn {
    const { caller, points, mode } = arrival
    const { horizonMs, aheadMs, placesMax, slack } = this.#terms
    const waitMs = this.#guard.waitMs(points, this.#time.passedMs, flow)
    // A demand above a part's burst has the whole time in which it flows in to begin with.
    const sinceMs = nowMs - Math.max(flow.burst / flow.perMs, lengthMs)
    const endMs = this.#schedule.endAfter(lengthMs, sinceMs)
    if (mode === 'OPEN' && waitMs === 0) {
      if (endMs <= nowMs + SAME_MS) {
        this.#schedule.admit(endMs)
        return this.#admit(arrival, points, flow, undefined, 0, false)
      }
      if (this.#isLeftOver(nowMs, flow)) return this.#admit(arrival, points, flow, undefined, 0, true)
    }
    const soonestMs = nowMs + (mode === 'PLACES' ? Math.max(waitMs, aheadMs) : waitMs)
    const reservedMs = lengthMs * (1 + slack)
    const instantMs = Math.max(this.#schedule.endAfter(reservedMs, sinceMs), soonestMs)
    if (instantMs - nowMs > horizonMs + SAME_MS) {
      return this.#none(
        'HORIZON',
        this.#turnedAway.turnAway(caller, instantMs - horizonMs, nowMs, reservedMs),
        flow,
      )
    }
    const { size } = this.#places
    if (size >= arrival.placesMax) return this.#none('REMAINING', this.#schedule.endMs - nowMs, flow)
    if (size >= placesMax || placesLeft <= 0) {
      return this.#none(
        'FULL',
        this.#turnedAway.turnAway(caller, this.#roomMs(nowMs), nowMs, reservedMs),
        flow,
      )
    }
    this.#schedule.place(instantMs)
    return this.#kept(this.#places.add(caller, instantMs, nowMs), nowMs, true, false)
  }

  /** When the next one has its turn; if all who have a place are due, any moment. */
  #roomMs(nowMs: number): number {
    const { nextMs } = this.#places
    return nextMs === Number.POSITIVE_INFINITY ? nowMs : nextMs
  }

  /** What flows in now nobody could take later, whoever comes late. */
  #isLeftOver(nowMs: number, flow: Flow): boolean {
    return !this.#schedule.isInherited(nowMs) && (this.#places.size === 0 || this.#isFull(flow))
  }

  #isFull(flow: Flow): boolean {
    return this.#guard.availablePoints(flow.burst) >= flow.burst - slackOf(flow)
  }

  #admit(
    arrival: Arrival,
    points: number,
    { burst }: Flow,
    place: Place | undefined,
    lateMs: number,
    isStandby: boolean,
  ): LocalAdmitted {
    this.#guard.take(points)
    const available = this.#guard.availablePoints(burst)
    const { size } = this.#places
    return new LocalAdmitted(arrival, points, available, place, lateMs, isStandby, size, this.epoch)
  }

  #kept(place: LinePlace, nowMs: number, isNew: boolean, isMoved: boolean): Kept {
    return {
      kind: 'kept',
      place: this.#placeOf(place),
      // A whole millisecond in which it is due, whatever the sum of the two was rounded to.
      admitAtMs: Math.ceil(place.instantMs + this.#time.shiftMs - SAME_MS / 2),
      retryAfterMs: wholeMs(place.instantMs - nowMs),
      position: this.#places.positionOf(place),
      isNew,
      isMoved,
      waiting: this.#places.size,
    }
  }

  #none(reason: NoPlace['reason'], waitMs: number, { burst }: Flow): NoPlace {
    return {
      kind: 'none',
      reason,
      availablePoints: this.#guard.availablePoints(burst),
      retryAfterMs: wholeMs(waitMs),
      waiting: this.#places.size,
    }
  }

  #placeOf({ instantMs }: LinePlace): Place {
    return { epoch: this.epoch, instantMs, shiftMs: this.#time.shiftMs }
  }
}

/** What sums of points may miss their exact value by. */
const slackOf = ({ perMs, burst }: Flow): number => burst * (ROUNDING - 1) + perMs * SAME_MS

/** At least 1; also of an infinite time that is past. */
const wholeMs = (ms: number): number => Math.max(1, Math.ceil(ms - SAME_MS / 2))
