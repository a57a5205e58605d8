import { nowMs } from '../../protocol/deadline.ts'
import type { Bucket } from './budgets.ts'

/** A demand on a bucket, or a refund to it, on its way to Redis. */
export type Step = Demand | Refund

export interface Demand {
  readonly kind: 'demand'
  readonly redisKey: string
  readonly bucket: Bucket
  readonly points: number
  /** Called once: with the debt that the demand left, in milliseconds, or minus that which refused it, at an instant. */
  readonly answer: (debtMs: number, atMs: number) => void
  /** Called instead when there is no answer. */
  readonly fail: (error: Error) => void
}

export interface Refund {
  readonly kind: 'refund'
  readonly redisKey: string
  readonly bucket: Bucket
  readonly points: number
  /** Counts only while this is the schedule's end. */
  readonly endMs: number | undefined
}

export interface BucketLinesOptions {
  /** Steps a call. */
  readonly stepsMax: number
  /** Steps a line that wait for the call under way; one more demand fails, one more refund is dropped. */
  readonly waitingMax: number
  /** How long a refund waits for a demand to ride with. */
  readonly refundHeldMsMax: number
  /** Resolves with an instant in milliseconds and then one number a demand. */
  readonly send: (steps: readonly Step[]) => Promise<readonly number[]>
  readonly failed: (error: Error) => void
}

interface Line {
  readonly key: string
  waiting: Step[]
  isUnderWay: boolean
}

interface Call {
  readonly line: Line
  readonly steps: readonly Step[]
  readonly sentMs: number
  isOver: boolean
  next: Call | undefined
}

/**
 * A convoy of one lane a line: one call under way, and whatever arrives meanwhile rides in the next. It is not
 * `protocol/convoy.ts`: lines come and go with their keys, steps are answered without promises of their own, some are
 * refunds that nobody waits for, and all are given up together when Redis stalls.
 */
export class BucketLines {
  readonly #options: BucketLinesOptions
  /** Those that have a call under way, or refunds that wait for one. */
  #lines = new Map<string, Line>()
  /** Calls in the order in which they were sent; those that are over are dropped from the front. */
  #firstCall: Call | undefined
  #lastCall: Call | undefined
  #calls = 0
  #heldTimer: NodeJS.Timeout | undefined

  constructor(options: BucketLinesOptions) {
    this.#options = options
  }

  /** Since the start. */
  get calls(): number {
    return this.#calls
  }

  /** Since when the oldest call waits for its answer; `undefined`: none does. */
  get oldestSentMs(): number | undefined {
    return this.#firstCall?.sentMs
  }

  add(lineKey: string, step: Step): void {
    let line = this.#lines.get(lineKey)
    if (line === undefined) {
      line = { key: lineKey, waiting: [], isUnderWay: false }
      this.#lines.set(lineKey, line)
    }
    const { waitingMax, refundHeldMsMax } = this.#options
    if (line.waiting.length < waitingMax) line.waiting.push(step)
    else if (step.kind === 'demand') step.fail(new Error(`${waitingMax} steps wait for a call to Redis`))
    if (line.isUnderWay) return
    if (step.kind === 'demand') this.#depart(line)
    else this.#heldTimer ??= setTimeout(() => this.#sendHeld(), refundHeldMsMax).unref()
  }

  /** Fails every demand, waiting or under way, and forgets every refund. */
  abandon(error: Error): void {
    clearTimeout(this.#heldTimer)
    this.#heldTimer = undefined
    const abandoned: Step[] = []
    for (let call = this.#firstCall; call !== undefined; call = call.next) {
      if (call.isOver) continue
      call.isOver = true
      for (const step of call.steps) abandoned.push(step)
      for (const step of call.line.waiting) abandoned.push(step)
    }
    this.#lines = new Map()
    this.#firstCall = undefined
    this.#lastCall = undefined
    for (const step of abandoned) if (step.kind === 'demand') step.fail(error)
  }

  #sendHeld(): void {
    this.#heldTimer = undefined
    for (const line of this.#lines.values()) if (!line.isUnderWay) this.#depart(line)
  }

  #depart(line: Line): void {
    const { stepsMax } = this.#options
    const steps = line.waiting
    line.waiting = steps.length > stepsMax ? steps.splice(stepsMax) : []
    line.isUnderWay = true
    void this.#send(line, steps)
  }

  async #send(line: Line, steps: readonly Step[]): Promise<void> {
    const call: Call = { line, steps, sentMs: nowMs(), isOver: false, next: undefined }
    if (this.#lastCall === undefined) this.#firstCall = call
    else this.#lastCall.next = call
    this.#lastCall = call
    this.#calls++
    try {
      const answers = await this.#options.send(steps)
      if (call.isOver) return
      this.#end(call)
      let i = 1
      for (const step of steps) if (step.kind === 'demand') step.answer(answers[i++]!, answers[0]!)
    } catch (error) {
      if (call.isOver) return
      this.#end(call)
      const failure = error instanceof Error ? error : new Error(String(error))
      for (const step of steps) if (step.kind === 'demand') step.fail(failure)
      this.#options.failed(failure)
    }
  }

  /** The next call of the line leaves before this one's answers are looked at. */
  #end(call: Call): void {
    call.isOver = true
    while (this.#firstCall?.isOver) {
      const { next } = this.#firstCall
      // None that is over holds on to those that came after it.
      this.#firstCall.next = undefined
      this.#firstCall = next
    }
    if (this.#firstCall === undefined) this.#lastCall = undefined
    const { line } = call
    if (line.waiting.length > 0) this.#depart(line)
    else this.#lines.delete(line.key)
  }
}
