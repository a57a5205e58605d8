import { request } from 'node:http'
import type { Driver } from './driver.ts'
import type { Second } from './figures.ts'
import type { Tally } from './tally.ts'

const SECOND_MS = 1_000
const ANSWER_BYTES_MAX = 1_048_576

/** Takes down what happened in each second, and asks the stack how busy it says it is. */
export class Sampler {
  readonly seconds: Second[] = []
  /** As it was told last; `undefined`: it is not told. */
  level: string | undefined
  readonly #driver: Driver
  readonly #tally: Tally
  readonly #url: URL
  readonly #timer: NodeJS.Timeout
  readonly #startMs: number
  #before = { offered: 0, arrived: 0, admitted: 0, goodput: 0, placed: 0, refused: 0 }
  #isAsking = false

  constructor(driver: Driver, tally: Tally, url: URL) {
    this.#driver = driver
    this.#tally = tally
    this.#url = new URL('/health/ready', url)
    this.#startMs = driver.nowMs
    this.#timer = setInterval(() => this.#take(), SECOND_MS)
    this.#ask()
  }

  /** With what happened since the last whole second. */
  close(): void {
    clearInterval(this.#timer)
    this.#take()
  }

  #take(): void {
    const { arrived, admitted, goodput, placed, refused, waiting } = this.#tally
    const now = { offered: this.#driver.sent, arrived, admitted, goodput, placed, refused }
    const before = this.#before
    // Taken at its end.
    const atS = Math.round((this.#driver.nowMs - this.#startMs) / SECOND_MS) - 1
    this.seconds.push({
      // The last one is no whole second.
      atS: Math.max(atS, (this.seconds.at(-1)?.atS ?? -1) + 1),
      offered: now.offered - before.offered,
      arrived: now.arrived - before.arrived,
      admitted: now.admitted - before.admitted,
      goodput: now.goodput - before.goodput,
      placed: now.placed - before.placed,
      refused: now.refused - before.refused,
      waiting,
      inFlight: this.#driver.inFlight,
      level: this.level,
    })
    this.#before = now
    this.#ask()
  }

  /** On a connection of its own: the load's are all in use when it matters. */
  #ask(): void {
    if (this.#isAsking) return
    this.#isAsking = true
    const over = (level: unknown): void => {
      this.#isAsking = false
      this.level = typeof level === 'string' ? level : undefined
    }
    const asked = request(this.#url, { agent: false, timeout: SECOND_MS }, answer => {
      let text = ''
      answer.setEncoding('utf8')
      answer.on('data', (piece: string) => {
        text += piece
        if (text.length > ANSWER_BYTES_MAX) answer.destroy()
      })
      answer.on('close', () => over(levelIn(text)))
    })
    asked.on('timeout', () => asked.destroy(new Error('no answer within a second')))
    asked.on('error', () => over(undefined))
    asked.end()
  }
}

function levelIn(text: string): unknown {
  try {
    const { level } = JSON.parse(text)
    return typeof level === 'object' && level !== null ? level.current : level
  } catch {
    return undefined
  }
}
