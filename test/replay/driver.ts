import { Connection } from './connection.ts'
import { DueQueue } from './due-queue.ts'
import { Histogram } from './histogram.ts'
import type { AnswerReader } from './http-answer.ts'

/** On whose behalf a driver asks. Instants are {@link Driver.nowMs}'s. */
export interface Errands {
  /** The request of somebody whose time has come, whole and in ASCII; `undefined`: there is nothing to ask any more. */
  requestOf(who: number, nowMs: number): string | undefined
  /** @param answer is good until this returns. */
  answered(who: number, answer: AnswerReader, sentMs: number, nowMs: number): void
  /** @param code such as `ECONNRESET`, `TIMEOUT` or `BODY_TOO_LARGE`. */
  lost(who: number, code: string, sentMs: number, nowMs: number): void
}

export interface DriverOptions {
  /** `http://host:port`; a path is not looked at. */
  readonly url: URL
  /** Requests that are under way at most, a connection each. */
  readonly connections: number
  /** Given up as `TIMEOUT` after so long. */
  readonly answerMsMax: number
  readonly bodyBytesMax: number
  readonly errands: Errands
}

const SWEEP_EVERY_MS = 1_000
/** `setTimeout` knows no shorter wait, and takes a longer one than this for none. */
const TIMER_MS_MAX = 2 ** 31 - 1

/**
 * Sends each request when it is due, over connections that stay: the one used last first, so that a calm load keeps few
 * open. What is due while all are busy waits in the order of its instants, and how long is told by `held`: a driver that
 * holds requests back measures itself.
 */
export class Driver {
  /** Requests sent. */
  sent = 0
  /** How long requests that were due waited for a connection, or for this process, in milliseconds. */
  readonly held: Histogram = new Histogram()
  readonly #options: DriverOptions
  readonly #due = new DueQueue()
  readonly #all: Connection[] = []
  readonly #free: Connection[] = []
  readonly #sweep: NodeJS.Timeout
  #timer: NodeJS.Timeout | undefined
  #timerMs = Number.POSITIVE_INFINITY
  /** An errand is being told something, or asked: a look at who is due follows. */
  #isServing = false
  #isClosed = false

  constructor(options: DriverOptions) {
    this.#options = options
    this.#sweep = setInterval(() => this.#giveUpLate(), SWEEP_EVERY_MS)
  }

  /** Milliseconds of a clock that never goes back. */
  get nowMs(): number {
    return performance.now()
  }

  /** Requests under way. */
  get inFlight(): number {
    return this.#all.length - this.#free.length
  }

  /** Those whose time has not come, or who wait for a connection. */
  get queued(): number {
    return this.#due.size
  }

  /** Asks for the request of `who` at this instant, or as soon after it as a connection is free. */
  at(who: number, dueMs: number): void {
    this.#due.add(who, dueMs)
    if (!this.#isServing) this.#wake()
  }

  /** What is under way is given up, what is due forgotten. */
  close(): void {
    this.#isClosed = true
    clearInterval(this.#sweep)
    clearTimeout(this.#timer)
    for (const connection of this.#all) connection.close()
  }

  #pump(): void {
    if (this.#isServing || this.#isClosed) return
    this.#isServing = true
    const { errands } = this.#options
    let nowMs = this.nowMs
    while (this.#due.nextMs <= nowMs) {
      const connection = this.#takeFree()
      if (connection === undefined) break
      const dueMs = this.#due.nextMs
      const who = this.#due.take()
      const request = errands.requestOf(who, nowMs)
      if (request === undefined) {
        this.#free.push(connection)
        continue
      }
      this.sent++
      this.held.add(nowMs - dueMs)
      connection.send(who, request, nowMs)
      nowMs = this.nowMs
    }
    this.#isServing = false
    if (!this.#isClosed) this.#wake()
  }

  /** While all connections are busy, the first that is free again looks for itself. */
  #wake(): void {
    if (this.#free.length === 0 && this.#all.length === this.#options.connections) return
    const nextMs = this.#due.nextMs
    if (nextMs >= this.#timerMs || nextMs === Number.POSITIVE_INFINITY) return
    clearTimeout(this.#timer)
    this.#timerMs = nextMs
    // Rounded up: before its instant a place is not due.
    this.#timer = setTimeout(
      () => {
        this.#timerMs = Number.POSITIVE_INFINITY
        this.#pump()
      },
      Math.min(TIMER_MS_MAX, Math.max(1, Math.ceil(nextMs - this.nowMs))),
    )
  }

  #takeFree(): Connection | undefined {
    const free = this.#free.pop()
    if (free !== undefined || this.#all.length === this.#options.connections) return free
    const { url, bodyBytesMax } = this.#options
    const connection = new Connection({
      // Node's address of `::1` has no brackets.
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: Number(url.port || 80),
      bodyBytesMax,
      answered: this.#answered,
      lost: this.#lost,
    })
    this.#all.push(connection)
    return connection
  }

  readonly #answered = (connection: Connection): void => {
    if (this.#isClosed) return
    const { who, answer, sentMs } = connection
    this.#isServing = true
    this.#options.errands.answered(who, answer, sentMs, this.nowMs)
    this.#isServing = false
    this.#free.push(connection)
    this.#pump()
  }

  readonly #lost = (connection: Connection, code: string): void => {
    if (this.#isClosed) return
    this.#isServing = true
    this.#options.errands.lost(connection.who, code, connection.sentMs, this.nowMs)
    this.#isServing = false
    this.#free.push(connection)
    this.#pump()
  }

  #giveUpLate(): void {
    const beforeMs = this.nowMs - this.#options.answerMsMax
    for (const connection of this.#all) {
      if (connection.isBusy && connection.sentMs < beforeMs) connection.abandon('TIMEOUT')
    }
  }
}
