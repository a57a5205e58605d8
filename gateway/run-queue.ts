import { type DeadlineMs, nowMs } from '../protocol/deadline.ts'
import type { QueueStats } from '../protocol/subgraph-client.ts'

/** How requests wait for their start. */
export interface RunQueueStats extends QueueStats {
  readonly waiting: number
}

interface Waiter {
  readonly deadlineMs: DeadlineMs
  readonly isGone: (() => boolean) | undefined
  readonly sinceMs: number
  readonly resolve: (isStarted: boolean) => void
  next: Waiter | undefined
}

/**
 * How long requests are started before the event loop looks at its sockets again. A payment is read, sent on, and its
 * subgraph's answer read: three turns of the loop, each as long as this and what has come meanwhile. Measured beside 200
 * who browse and fill the process: payments took 107 ms (median) with 4 ms, 71 with 1, 46 with 0.5; as many requests were
 * served.
 */
const SLICE_MS = 0.5

/**
 * The same while new connections come, of which libuv accepts one a turn of the loop (since its pull request 3696): of 264
 * that came at once, each with a request that fills the process, a payment's was read after 1.4 s, whatever its priority;
 * now after 0.1 s.
 */
const HASTY_SLICE_MS = 0.1
/** Turns without one, until nobody is taken to wait at the door. */
const HASTY_TURNS = 3

/**
 * Brief ones that are started in every turn, however many others wait. Of a replay at SHED, before: browsers waited for 5 to
 * 10 s to be told that they are not let in, each on a connection.
 */
const BRIEF_A_TURN = 2

/**
 * How long after an urgent one has come others go on in turn. Whoever only browses need not: more turns of the loop, each
 * with less in it, cost a third of what the process can do.
 */
const URGENT_MS = 1_000

/**
 * In the order in which they are started: as priorities, but that who was promised a turn goes before those who come for
 * one, and who only gets what is kept, or is told when to come back, goes last (`BRIEF`).
 */
export const RANKS = ['OPERATE', 'PAY', 'REDEEM', 'PROMISED', 'CLAIM', 'BROWSE', 'ADHOC', 'BRIEF'] as const

export type Rank = (typeof RANKS)[number]

const BRIEF = RANKS.indexOf('BRIEF')

/**
 * Who is started next, when more requests have come than the event loop starts at once. Without it a request begins when
 * its bytes are read: two hundred who browse, each for a fraction of a millisecond, then go before a payment at every one
 * of its hops.
 *
 * In each turn of the event loop requests are started for {@link SLICE_MS}; those left over wait, the most urgent first,
 * then who came first ({@link RANKS}); and two of the brief ones, whoever else waits. So long as that suffices a request is
 * started where it is read. Each that waits has a connection of its own, so that there are never more than connections.
 *
 * While urgent ones come, what many others may go on with at once, as answers that come in one batch, waits in the same
 * order.
 *
 *     enter → started          enter → waiting → started          waiting → given up (late, or its client has gone)
 *     goOn  → waiting → started
 */
export class RunQueue {
  readonly #first: (Waiter | undefined)[] = RANKS.map(() => undefined)
  readonly #last: (Waiter | undefined)[] = [...this.#first]
  readonly #sliceMs: number
  #waiting = 0
  #left = 0
  #waitedMs = 0
  /** Of the slice that is under way; in the past: it is used up. */
  #sliceEndMs = 0
  #hasSlice = false
  /** That may still be started in this turn, after its slice. */
  #briefLeft = 0
  #urgentUntilMs = 0
  /** That come round sooner. */
  #hastyTurns = 0

  /** @param sliceMs default {@link SLICE_MS}. */
  constructor(sliceMs: number = SLICE_MS) {
    this.#sliceMs = sliceMs
  }

  get stats(): RunQueueStats {
    const atMs = nowMs()
    const oldestMs = this.#first.reduce((ms, waiter) => Math.min(ms, waiter?.sinceMs ?? ms), atMs)
    return {
      waiting: this.#waiting,
      waitMs: atMs - oldestMs,
      left: this.#left,
      waitedMs: this.#waitedMs,
    }
  }

  /**
   * `undefined`: started at once. Else resolves when it is its turn; `false`: nobody waits for the answer any more.
   * @param rank asked for only when it has to wait.
   * @param deadlineMs when nobody does.
   * @param isGone whether the client has hung up. Default: it waits.
   */
  enter(
    rank: Rank | (() => Rank),
    deadlineMs: DeadlineMs,
    isGone?: (() => boolean) | undefined,
  ): Promise<boolean> | undefined {
    const atMs = nowMs()
    if (this.#waiting === 0) {
      if (!this.#hasSlice) {
        this.#hasSlice = true
        this.#sliceEndMs = atMs + this.#nextSliceMs
        this.#left++
        setImmediate(this.#turn)
        return undefined
      }
      if (atMs < this.#sliceEndMs) {
        this.#left++
        return undefined
      }
    }
    return this.#wait(typeof rank === 'function' ? rank() : rank, { deadlineMs, isGone, sinceMs: atMs })
  }

  /** One has come for whose sake others take turns, for a while. */
  urge(): void {
    this.#urgentUntilMs = nowMs() + URGENT_MS
  }

  /**
   * Its turn to go on with what it has waited for; `undefined`: at once, nobody {@link urge}d. Of many that may go on at once
   * each would find the slice unused: they all wait, be it for the end of this turn of the loop.
   */
  goOn(rank: Rank): Promise<boolean> | undefined {
    if (nowMs() > this.#urgentUntilMs) return undefined
    if (!this.#hasSlice) {
      this.#hasSlice = true
      this.#sliceEndMs = 0
      setImmediate(this.#turn)
    }
    return this.#wait(rank, { deadlineMs: Number.POSITIVE_INFINITY, isGone: undefined, sinceMs: nowMs() })
  }

  /** A connection has come, and others may wait to be accepted. */
  hurry(): void {
    this.#hastyTurns = HASTY_TURNS
  }

  /** The event loop has come round: what was read meanwhile waits in order. */
  readonly #turn = (): void => {
    if (this.#waiting === 0) {
      this.#hasSlice = false
      return
    }
    this.#sliceEndMs = nowMs() + this.#nextSliceMs
    this.#briefLeft = BRIEF_A_TURN
    if (this.#hastyTurns > 0) this.#hastyTurns--
    this.#startNext()
  }

  get #nextSliceMs(): number {
    return this.#hastyTurns > 0 ? Math.min(HASTY_SLICE_MS, this.#sliceMs) : this.#sliceMs
  }

  /** One at a time: what a start leads to at once, over however many promises, runs before the next one, and counts. */
  readonly #startNext = (): void => {
    const atMs = nowMs()
    const waiter = atMs < this.#sliceEndMs ? this.#take() : this.#takeBrief()
    if (waiter === undefined) {
      // After what the started ones have put off to the end of this turn.
      setImmediate(this.#turn)
      return
    }
    this.#left++
    this.#waitedMs += atMs - waiter.sinceMs
    waiter.resolve(atMs < waiter.deadlineMs && waiter.isGone?.() !== true)
    queueMicrotask(this.#thenNext)
  }

  /** A tick that is asked for by a microtask comes when there are no microtasks left: the start has led to all it leads to. */
  readonly #thenNext = (): void => process.nextTick(this.#startNext)

  #wait(rank: Rank, waiter: Omit<Waiter, 'resolve' | 'next'>): Promise<boolean> {
    return new Promise(resolve => this.#add(RANKS.indexOf(rank), { ...waiter, resolve, next: undefined }))
  }

  #add(rank: number, waiter: Waiter): void {
    const last = this.#last[rank]
    if (last === undefined) this.#first[rank] = waiter
    else last.next = waiter
    this.#last[rank] = waiter
    this.#waiting++
  }

  #take(): Waiter | undefined {
    return this.#takeOf(this.#first.findIndex(waiter => waiter !== undefined))
  }

  #takeBrief(): Waiter | undefined {
    if (this.#briefLeft === 0) return undefined
    this.#briefLeft--
    return this.#takeOf(BRIEF)
  }

  #takeOf(rank: number): Waiter | undefined {
    const waiter = this.#first[rank]
    if (waiter === undefined) return undefined
    this.#first[rank] = waiter.next
    if (waiter.next === undefined) this.#last[rank] = undefined
    // One that a minor collection has taken for old would keep all that came after it, until the next full one.
    waiter.next = undefined
    this.#waiting--
    return waiter
  }
}
