import type { Rate } from '../../../gateway/surge/bucket.ts'
import type { LineMode, LineTerms } from '../../../gateway/surge/lines.ts'

/** A place, by the instant that its caller was told. */
export interface ObviousPlace {
  readonly caller: string
  readonly points: number
  /** Which life of the line gave it. */
  readonly life: number
  /** In the line's time. */
  readonly instantMs: number
  readonly wallMs: number
}

export interface Ask {
  readonly rate: Rate
  readonly caller: string
  readonly points: number
  readonly mode: LineMode
  readonly brakedPoints: number
  readonly placesMax: number
  readonly shown: ObviousPlace | undefined
}

export type ObviousTurn =
  | {
      readonly kind: 'admitted'
      readonly points: number
      readonly by: ObviousPlace | undefined
      readonly isStandby: boolean
      readonly lateMs: number
    }
  | {
      readonly kind: 'kept'
      readonly place: ObviousPlace
      readonly retryMs: number
      readonly position: number
      readonly isNew: boolean
      readonly isMoved: boolean
    }
  | { readonly kind: 'none'; readonly reason: string; readonly retryMs: number }

/**
 * A line as one would explain it: every place in one list that is searched from its beginning, every number worked out
 * anew. Its numbers are exact where a point takes a power of two of milliseconds to flow in.
 */
export class ObviousLine {
  readonly #terms: LineTerms
  #rate: Rate = { perSecond: 1_000, burst: 1 }
  /** Time that has passed, whatever the clock says. */
  #passedMs = 0
  #wallMs: number
  #pausedMs = 0
  #pause: { readonly sinceMs: number; readonly lastMs: number; overMs: number } | undefined
  /** As of an instant of time that has passed. */
  #owed = 0
  #seenMs = 0
  /** Where the schedule ends; before that, where that of another life does. */
  #endMs = -1e9
  #heirsMs = -1e9
  #movedMs = -1e9
  /** Whom it has turned away, until when they are to wait. */
  #turnedAway: { readonly caller: string; readonly askMs: number }[] = []
  #awayEndMs = -1e9
  #places: ObviousPlace[] = []
  #honoured: { readonly caller: string; readonly life: number; readonly untilMs: number }[] = []
  /** By the clock, of another life; until it has been heeded. */
  #promisedMs: number
  readonly life: number

  constructor(terms: LineTerms, wallMs: number, life: number, promisedMs: number) {
    this.#terms = terms
    this.#wallMs = wallMs
    this.life = life
    this.#promisedMs = promisedMs
  }

  pass(ms: number): void {
    this.#wallMs += ms
    this.#passedMs += Math.max(0, ms)
    this.#forgetExpired()
  }

  heed(isPaused: boolean): void {
    const nowMs = this.#passedMs
    const pause = this.#pause
    if (pause !== undefined && !isPaused) pause.overMs = Math.min(nowMs, this.#pauseEndMs)
    if (pause !== undefined && nowMs - pause.lastMs > 2_000 && nowMs >= this.#pauseEndMs) {
      this.#pausedMs += this.#pauseEndMs - pause.sinceMs
      this.#pause = undefined
    }
    if (isPaused) this.#pause = { sinceMs: this.#pause?.sinceMs ?? nowMs, lastMs: nowMs, overMs: Infinity }
  }

  arrive(ask: Ask): ObviousTurn {
    const { caller, points, mode, brakedPoints, shown } = ask
    this.#rate = ask.rate
    this.#inherit()
    this.#forgetExpired()
    let place = this.#places.find(each => each.caller === caller)
    if (place === undefined && shown !== undefined) place = this.#takeUp(ask, shown)
    const isDue = place !== undefined && place.instantMs <= this.#nowMs
    if (place !== undefined && mode !== 'PAUSED' && isDue) return this.#due(ask, place)
    if (place !== undefined && mode !== 'SPENT') return this.#kept(place, false, false)
    if (mode === 'SPENT' || mode === 'PAUSED') {
      const waitMs = this.#waitMs(brakedPoints)
      return waitMs > 0
        ? { kind: 'none', reason: 'BRAKED', retryMs: waitMs }
        : this.#admit(brakedPoints, undefined, false)
    }
    return this.#newcomer(ask, points / this.#perMs)
  }

  giveBack(points: number, by: ObviousPlace | undefined, isDueAgain: boolean): void {
    this.#owed = Math.max(0, this.#owed - points)
    this.#forgetExpired()
    if (!isDueAgain || by === undefined || by.instantMs + this.#terms.graceMs < this.#nowMs) return
    if (!this.#places.some(({ caller }) => caller === by.caller)) this.#places.push(by)
  }

  get waiting(): number {
    return this.#places.length
  }

  get availablePoints(): number {
    return this.#rate.burst - this.#owed
  }

  get #perMs(): number {
    return this.#rate.perSecond / 1_000
  }

  /** When nobody says that it is over, a horizon after the last word of it. */
  get #pauseEndMs(): number {
    const { lastMs, overMs } = this.#pause!
    return Math.min(overMs, lastMs + this.#terms.horizonMs)
  }

  get #stoodMs(): number {
    if (this.#pause === undefined) return this.#pausedMs
    return this.#pausedMs + Math.min(this.#passedMs, this.#pauseEndMs) - this.#pause.sinceMs
  }

  get #nowMs(): number {
    return this.#passedMs - this.#stoodMs
  }

  /** What flowed in while nothing was asked of the points counts at the rate that holds now. */
  #waitMs(points: number): number {
    const flowedIn = (this.#passedMs - this.#seenMs) * this.#perMs
    this.#seenMs = this.#passedMs
    this.#owed = Math.min(this.#rate.burst, Math.max(0, this.#owed - flowedIn))
    return Math.max(0, (this.#owed + points - this.#rate.burst) / this.#perMs)
  }

  #inherit(): void {
    if (this.#promisedMs === 0) return
    const lastMs = Math.min(this.#promisedMs - this.#wallMs, this.#terms.horizonMs) + this.#nowMs
    this.#endMs = Math.max(this.#endMs, lastMs)
    this.#heirsMs = lastMs
    this.#promisedMs = 0
  }

  #forgetExpired(): void {
    this.#places = this.#places.filter(({ instantMs }) => instantMs + this.#terms.graceMs >= this.#nowMs)
  }

  #place(caller: string, points: number, instantMs: number): ObviousPlace {
    const wallMs = instantMs + this.#wallMs - this.#nowMs
    const place = { caller, points, life: this.life, instantMs, wallMs }
    this.#places.push(place)
    return place
  }

  #takeUp({ caller, points }: Ask, shown: ObviousPlace): ObviousPlace | undefined {
    const { horizonMs, graceMs } = this.#terms
    if (shown.life === this.life) return undefined
    if (shown.wallMs > this.#wallMs + horizonMs || this.#wallMs > shown.wallMs + graceMs) return undefined
    if (this.waiting >= this.#terms.placesMax) return undefined
    this.#honoured = this.#honoured.filter(({ untilMs }) => untilMs >= this.#nowMs)
    const isNoted = this.#honoured.some(noted => noted.caller === caller && noted.life === shown.life)
    if (isNoted || this.#honoured.length >= this.#terms.placesMax) return undefined
    this.#honoured.push({ caller, life: shown.life, untilMs: this.#nowMs + horizonMs + graceMs })
    return this.#place(caller, points, shown.wallMs - this.#wallMs + this.#nowMs)
  }

  #due({ caller, points }: Ask, place: ObviousPlace): ObviousTurn {
    const nowMs = this.#nowMs
    this.#places = this.#places.filter(each => each !== place)
    const { slack, graceMs } = this.#terms
    const waitMs = this.#waitMs(points)
    const isLeisurely = slack > 0 && this.#movedMs < place.instantMs + graceMs / 2
    const instants = this.#places.map(({ instantMs }) => instantMs)
    const holdMs = Math.min(this.#terms.holdMs, this.#rate.burst / this.#perMs / 2)
    const inTime = instants.filter(ms => ms <= nowMs && ms > nowMs - holdMs).length
    const nextMs = Math.min(...instants.filter(ms => ms > nowMs))
    const flowedIn = Math.max(0, points - (nextMs - nowMs) * this.#perMs)
    const isLate = nowMs - place.instantMs > holdMs
    const isOfOthers =
      isLate && isLeisurely && this.#owed > 0 && this.availablePoints - points < flowedIn + inTime * points
    if (waitMs === 0 && !isOfOthers) return this.#admit(points, place, false)
    const lengthMs = points / this.#perMs
    const isLast = this.#endMs <= Math.max(nowMs + waitMs, this.#movedMs)
    if (isLast || !isLeisurely) this.#movedMs = Math.max(nowMs + waitMs, this.#movedMs + lengthMs)
    else this.#movedMs = Math.max(nowMs, this.#movedMs) + lengthMs * (1 + 1 / slack)
    if (isLast) this.#endMs = this.#movedMs
    return this.#kept(this.#place(caller, points, this.#movedMs), false, true)
  }

  #newcomer({ caller, points, mode, placesMax }: Ask, lengthMs: number): ObviousTurn {
    const nowMs = this.#nowMs
    const terms = this.#terms
    const endMs = Math.max(this.#endMs, nowMs - this.#rate.burst / this.#perMs) + lengthMs
    const waitMs = this.#waitMs(points)
    if (mode === 'OPEN' && waitMs === 0 && endMs <= nowMs) {
      this.#endMs = endMs
      return this.#admit(points, undefined, false)
    }
    if (mode === 'OPEN' && waitMs === 0 && this.#isLeftOver()) return this.#admit(points, undefined, true)
    const turnMs = endMs + lengthMs * terms.slack
    const instantMs = Math.max(turnMs, nowMs + waitMs, mode === 'PLACES' ? nowMs + terms.aheadMs : nowMs)
    const none = (reason: string, retryMs: number): ObviousTurn => ({ kind: 'none', reason, retryMs })
    if (instantMs - nowMs > terms.horizonMs) {
      return none('HORIZON', this.#turnAway(caller, instantMs - terms.horizonMs, lengthMs))
    }
    if (this.waiting >= placesMax) return none('REMAINING', this.#endMs - nowMs)
    if (this.waiting >= terms.placesMax) {
      const coming = this.#places.map(each => each.instantMs).filter(ms => ms > nowMs)
      return none('FULL', this.#turnAway(caller, coming.length === 0 ? nowMs : Math.min(...coming), lengthMs))
    }
    this.#endMs = instantMs
    return this.#kept(this.#place(caller, points, instantMs), true, false)
  }

  #turnAway(caller: string, roomMs: number, lengthMs: number): number {
    const nowMs = this.#nowMs
    const { horizonMs, slack, placesMax } = this.#terms
    this.#turnedAway = this.#turnedAway.filter(({ askMs }) => askMs > nowMs)
    const before = this.#turnedAway.find(each => each.caller === caller)
    if (before !== undefined) return before.askMs - nowMs
    const inTurnMs = Math.max(roomMs, this.#awayEndMs + lengthMs * (1 + slack))
    this.#awayEndMs = Math.min(inTurnMs, nowMs + horizonMs)
    const askMs = Math.max(nowMs + 1_000, this.#awayEndMs)
    if (this.#turnedAway.length < placesMax) this.#turnedAway.push({ caller, askMs })
    return askMs - nowMs
  }

  #isLeftOver(): boolean {
    return this.#nowMs >= this.#heirsMs && (this.waiting === 0 || this.#owed === 0)
  }

  #admit(points: number, by: ObviousPlace | undefined, isStandby: boolean): ObviousTurn {
    this.#owed += points
    return {
      kind: 'admitted',
      points,
      by,
      isStandby,
      lateMs: by === undefined ? 0 : this.#nowMs - by.instantMs,
    }
  }

  #kept(place: ObviousPlace, isNew: boolean, isMoved: boolean): ObviousTurn {
    const nowMs = this.#nowMs
    const position = this.#places.filter(
      ({ instantMs }) => instantMs > nowMs && instantMs < place.instantMs,
    ).length
    const told = { ...place, wallMs: place.instantMs + this.#wallMs - nowMs }
    return { kind: 'kept', place: told, retryMs: place.instantMs - nowMs, position, isNew, isMoved }
  }
}
