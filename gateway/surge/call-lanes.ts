import { nowMs } from '../../protocol/deadline.ts'

/** Something on its way to Redis. `A` is what a call answers all its steps with. */
export type LaneStep<A> = Awaited<A> | Unawaited

export interface Awaited<A> {
  readonly isAwaited: true
  /** Called once, with its call's answers and how many awaited steps of the call stood before it. */
  readonly answer: (answers: A, index: number) => void
  /** Called instead when there is no answer. */
  readonly fail: (error: Error) => void
}

/** Nobody waits for it: it rides with what somebody waits for, and may be dropped. */
export interface Unawaited {
  readonly isAwaited: false
}

export interface CallLanesOptions<A, S extends LaneStep<A>> {
  /** Steps a call. */
  readonly stepsMax: number
  /** Steps a lane that wait for the call under way; one more fails, or is dropped where nobody waits for it. */
  readonly waitingMax: number
  /** How long a step that nobody waits for is held for another to ride with. */
  readonly heldMsMax: number
  readonly send: (steps: readonly S[]) => Promise<A>
  readonly failed: (error: Error) => void
}

/** How a store's calls to Redis stand. */
export interface StoreCalls {
  /** Calls of its scripts since the start. */
  readonly calls: number
  /** Since when, on the clock of `nowMs`, the oldest call waits for its answer; `undefined`: none does. */
  readonly oldestSentMs: number | undefined
  /** Answers all that Redis has not answered without it, or rejects it. */
  abandon(error: Error): void
}

/** `heldMsMax` of both stores. */
export const HELD_MS_MAX = 10

interface Lane<S> {
  readonly key: string
  waiting: S[]
  isUnderWay: boolean
}

interface Call<S> {
  readonly lane: Lane<S>
  readonly steps: readonly S[]
  readonly sentMs: number
  isOver: boolean
  next: Call<S> | undefined
}

/**
 * Calls to Redis, a lane a key: one call under way, and whatever arrives meanwhile rides in the next. It is not
 * `protocol/convoy.ts`: lanes come and go with their keys, steps are answered without promises of their own, for some
 * nobody waits, and all are given up together when Redis stalls.
 */
export class CallLanes<A, S extends LaneStep<A>> {
  readonly #options: CallLanesOptions<A, S>
  /** Those that have a call under way, or steps that wait for one. */
  #lanes = new Map<string, Lane<S>>()
  /** Calls in the order in which they were sent; those that are over are dropped from the front. */
  #firstCall: Call<S> | undefined
  #lastCall: Call<S> | undefined
  #calls = 0
  #heldTimer: NodeJS.Timeout | undefined

  constructor(options: CallLanesOptions<A, S>) {
    this.#options = options
  }

  /** Lanes that have a call under way, or steps that wait for one. */
  get size(): number {
    return this.#lanes.size
  }

  /** Since the start. */
  get calls(): number {
    return this.#calls
  }

  /** Since when the oldest call waits for its answer; `undefined`: none does. */
  get oldestSentMs(): number | undefined {
    return this.#firstCall?.sentMs
  }

  add(laneKey: string, step: S): void {
    let lane = this.#lanes.get(laneKey)
    if (lane === undefined) {
      lane = { key: laneKey, waiting: [], isUnderWay: false }
      this.#lanes.set(laneKey, lane)
    }
    const { waitingMax, heldMsMax } = this.#options
    if (lane.waiting.length < waitingMax) lane.waiting.push(step)
    else if (step.isAwaited) step.fail(new Error(`${waitingMax} steps wait for a call to Redis`))
    if (lane.isUnderWay) return
    if (step.isAwaited) this.#depart(lane)
    else this.#heldTimer ??= setTimeout(() => this.#sendHeld(), heldMsMax).unref()
  }

  /** Fails every step that somebody waits for, sent or not, and forgets the others. */
  abandon(error: Error): void {
    clearTimeout(this.#heldTimer)
    this.#heldTimer = undefined
    const abandoned: S[] = []
    for (let call = this.#firstCall; call !== undefined; call = call.next) {
      if (call.isOver) continue
      call.isOver = true
      for (const step of call.steps) abandoned.push(step)
      for (const step of call.lane.waiting) abandoned.push(step)
    }
    this.#lanes = new Map()
    this.#firstCall = undefined
    this.#lastCall = undefined
    for (const step of abandoned) if (step.isAwaited) step.fail(error)
  }

  #sendHeld(): void {
    this.#heldTimer = undefined
    for (const lane of this.#lanes.values()) if (!lane.isUnderWay) this.#depart(lane)
  }

  #depart(lane: Lane<S>): void {
    const { stepsMax } = this.#options
    const steps = lane.waiting
    lane.waiting = steps.length > stepsMax ? steps.splice(stepsMax) : []
    lane.isUnderWay = true
    void this.#send(lane, steps)
  }

  async #send(lane: Lane<S>, steps: readonly S[]): Promise<void> {
    const call: Call<S> = { lane, steps, sentMs: nowMs(), isOver: false, next: undefined }
    if (this.#lastCall === undefined) this.#firstCall = call
    else this.#lastCall.next = call
    this.#lastCall = call
    this.#calls++
    try {
      const answers = await this.#options.send(steps)
      if (call.isOver) return
      this.#end(call)
      let i = 0
      for (const step of steps) if (step.isAwaited) step.answer(answers, i++)
    } catch (error) {
      if (call.isOver) return
      this.#end(call)
      const failure = error instanceof Error ? error : new Error(String(error))
      for (const step of steps) if (step.isAwaited) step.fail(failure)
      this.#options.failed(failure)
    }
  }

  /** The next call of the lane leaves before this one's answers are looked at. */
  #end(call: Call<S>): void {
    call.isOver = true
    while (this.#firstCall?.isOver) {
      const { next } = this.#firstCall
      // None that is over holds on to those that came after it.
      this.#firstCall.next = undefined
      this.#firstCall = next
    }
    if (this.#firstCall === undefined) this.#lastCall = undefined
    const { lane } = call
    if (lane.waiting.length > 0) this.#depart(lane)
    else this.#lanes.delete(lane.key)
  }
}
