import type { Arrivals } from './arrivals.ts'
import type { Driver, Errands } from './driver.ts'
import type { AnswerReader } from './http-answer.ts'
import type { Ledger } from './ledger.ts'
import { type Line, QUESTIONS, type Question, type Requests } from './requests.ts'
import type { Random } from './seeded.ts'
import { type Behaviour, nextOf, PURPOSES, type Purpose, TRIES_MAX, waitMs } from './shopper.ts'
import type { Tally } from './tally.ts'
import type { Tokens } from './tokens.ts'
import { readTold, type Told } from './told.ts'

export interface CrowdOptions {
  readonly people: number
  /** Begins everybody's id, so that two replays against one stack are of different people. */
  readonly prefix: string
  readonly behaviour: Behaviour
  readonly arrivals: Arrivals
  /** Draws the purpose of whoever comes next, an index of `PURPOSES`. */
  readonly purposeOfNext: () => number
  readonly requests: Requests
  readonly tokens: Tokens
  /** What is ordered: what the coupon pays for, and what more is due for. */
  readonly free: readonly Line[]
  readonly due: readonly Line[]
  readonly random: Random
  readonly ledger: Ledger
  readonly tally: Tally
  /** Everybody has come and is done with. */
  readonly ended: () => void
}

/**
 * Everybody who comes, by number, in the order of arrival. Somebody is a few bytes of flat arrays, and while it waits for
 * its turn the token of its place: the token that says who it is exists only between two requests of one errand.
 */
export class Crowd implements Errands {
  readonly #options: CrowdOptions
  readonly #purposes: Uint8Array
  readonly #questions: Uint8Array
  /** How often the present question was asked. */
  readonly #tries: Uint16Array
  readonly #hasPlace: Uint8Array
  /** Of a claim: the place's token. Of an order: the quote's id. */
  readonly #words: (string | undefined)[]
  readonly #tokens: (string | undefined)[]
  #driver: Driver | undefined
  #startMs = 0
  /** What the clock of the world is ahead of the driver's. */
  #wallMs = 0
  #arrived = 0

  constructor(options: CrowdOptions) {
    this.#options = options
    this.#purposes = new Uint8Array(options.people)
    this.#questions = new Uint8Array(options.people)
    this.#tries = new Uint16Array(options.people)
    this.#hasPlace = new Uint8Array(options.people)
    this.#words = new Array(options.people)
    this.#tokens = new Array(options.people)
  }

  /** The first comes, and whoever has come lets the next one come. */
  start(driver: Driver): void {
    this.#driver = driver
    this.#startMs = driver.nowMs
    // Whole milliseconds, cut off: rounded up, so that nobody who is punctual seems early.
    this.#wallMs = Date.now() + 1 - driver.nowMs
    this.#expectNext()
  }

  shopperIdOf(who: number): string {
    return `${this.#options.prefix}-${who}`
  }

  requestOf(who: number, nowMs: number): string | undefined {
    const { tally, requests, tokens, ledger, free, due } = this.#options
    if (who === this.#arrived) this.#arrive(who)
    const question = this.#questionOf(who)
    const token = (this.#tokens[who] ??= tokens.of(this.shopperIdOf(who)))
    if (this.#tries[who]! < 65_535) this.#tries[who]!++
    switch (question) {
      case 'claim':
        tally.claimsSent++
        ledger.asks(who, nowMs + this.#wallMs)
        return requests.claim(token, this.#words[who])
      case 'quote': {
        const lines = this.#purposeOf(who) === 'pay' ? due : free
        return requests.quote(token, lines[who % lines.length]!, ledger.couponOf(who))
      }
      case 'place':
        return requests.place(token, this.#words[who]!)
      case 'pay':
        return requests.pay(token, ledger.orderOf(who))
      case 'status':
        return requests.status(token, ledger.orderOf(who))
      default:
        return requests.browse(question, token, who)
    }
  }

  answered(who: number, answer: AnswerReader, sentMs: number, nowMs: number): void {
    const question = this.#questionOf(who)
    const told = readTold(question, answer)
    if (told.kind === 'result') this.#options.tally.latency(question, nowMs - sentMs)
    this.#hear(who, question, told, sentMs, nowMs)
  }

  lost(who: number, code: string, sentMs: number, nowMs: number): void {
    const told: Told = { outcome: code, kind: 'refusal', isRetryable: true, isNothingLeft: false }
    this.#hear(who, this.#questionOf(who), told, sentMs, nowMs)
  }

  #hear(who: number, question: Question, told: Told, sentMs: number, nowMs: number): void {
    const { tally, behaviour, random } = this.#options
    tally.outcome(told.outcome)
    if (told.kind === 'refusal') tally.refused++
    let next = nextOf(question, this.#purposeOf(who), told)
    if (!this.#note(who, question, told, sentMs, nowMs)) {
      tally.outcome('BAD_ID')
      next = 'GAVE_UP'
    }
    if (next === 'AGAIN' && this.#tries[who]! >= TRIES_MAX[behaviour]) next = 'GAVE_UP'
    if (next === 'AGAIN') {
      const toldMs = told.retryAfterMs ?? (told.place && told.place.admitAtMs - nowMs - this.#wallMs)
      // Made again when it is needed: the same one.
      this.#tokens[who] = undefined
      this.#driver!.at(who, nowMs + Math.max(0, waitMs(behaviour, this.#tries[who]!, toldMs, random)))
    } else if (next === 'DONE' || next === 'TURNED_AWAY' || next === 'GAVE_UP') {
      this.#leave(who, next)
    } else {
      this.#questions[who] = QUESTIONS.indexOf(next)
      this.#tries[who] = 0
      this.#driver!.at(who, nowMs)
    }
  }

  /** False: the answer lacks an id that the next step needs. */
  #note(who: number, question: Question, told: Told, sentMs: number, nowMs: number): boolean {
    const { ledger, tally } = this.#options
    if (question === 'claim') return this.#noteClaim(who, told, sentMs, nowMs)
    if (told.kind !== 'result') return true
    if (told.outcome === 'OrderQuoted') {
      this.#words[who] = told.id
      return told.id !== undefined
    }
    if (told.outcome === 'OrderPlaced' || told.outcome === 'OrderPaid' || question === 'status') {
      if (!ledger.order(who, told.id, told.orderState)) return false
      if (question === 'status' && told.orderState === 'PAID') tally.goodput++
    }
    return true
  }

  #noteClaim(who: number, told: Told, sentMs: number, nowMs: number): boolean {
    const { ledger, tally } = this.#options
    if (told.place !== undefined) {
      tally.placed++
      if (this.#hasPlace[who] === 0) tally.waiting++
      this.#hasPlace[who] = 1
      this.#words[who] = told.place.token
      ledger.place(who, sentMs + this.#wallMs, nowMs + this.#wallMs, told.place.admitAtMs)
      return true
    }
    if (told.kind !== 'result') return true
    this.#losePlace(who)
    ledger.admitted(who, nowMs + this.#wallMs)
    if (told.outcome !== 'CouponIssued' && told.outcome !== 'CouponAlreadyIssued') return true
    tally.admitted++
    // Of one that was issued to an earlier claim, whose answer was lost, it is not known when that was sent.
    const issuingMs = told.outcome === 'CouponIssued' ? sentMs + this.#wallMs : undefined
    return ledger.coupon(who, told.id, issuingMs)
  }

  #arrive(who: number): void {
    const { purposeOfNext, tally } = this.#options
    const purpose = purposeOfNext()
    this.#purposes[who] = purpose
    this.#questions[who] = QUESTIONS.indexOf(PURPOSES[purpose] === 'browse' ? 'home' : 'claim')
    if (PURPOSES[purpose] !== 'browse') tally.arrived++
    this.#arrived++
    this.#expectNext()
  }

  #expectNext(): void {
    const { people, arrivals } = this.#options
    if (this.#arrived < people) this.#driver!.at(this.#arrived, this.#startMs + arrivals.next())
  }

  #leave(who: number, how: 'DONE' | 'TURNED_AWAY' | 'GAVE_UP'): void {
    const { tally, ledger, people, ended } = this.#options
    this.#losePlace(who)
    if (how === 'GAVE_UP') ledger.givesUp(who)
    this.#tokens[who] = undefined
    tally.over++
    if (this.#purposeOf(who) !== 'browse') {
      if (how === 'DONE') tally.done++
      if (how === 'TURNED_AWAY') tally.turnedAway++
      if (how === 'GAVE_UP') tally.gaveUp++
    }
    if (tally.over === people) ended()
  }

  #losePlace(who: number): void {
    if (this.#hasPlace[who] === 1) this.#options.tally.waiting--
    this.#hasPlace[who] = 0
    this.#words[who] = undefined
  }

  #questionOf(who: number): Question {
    return QUESTIONS[this.#questions[who]!]!
  }

  #purposeOf(who: number): Purpose {
    return PURPOSES[this.#purposes[who]!]!
  }
}
