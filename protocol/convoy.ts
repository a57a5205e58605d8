import DataLoader from 'dataloader'
import { type DeadlineMs, nowMs } from './deadline.ts'
import { Fault } from './fault.ts'
import { PRIORITIES, type Priority } from './priority.ts'

/** One slot of a batch's answers: an `Error` rejects that item only. */
export type Answers<Answer> = readonly (Answer | Error)[]

export interface ConvoyOptions<Item, Answer> {
  /** Names the convoy in faults and metrics. */
  readonly name: string
  /** Batches in flight at once; may be changed later through {@link Convoy.lanesMax}. */
  readonly lanesMax: number
  /** Items a batch. */
  readonly batchMax: number
  /**
   * The least time between two departures, so that more rides in each, in milliseconds; who fills more than a batch does not
   * wait for it. Asked before each. Default: none.
   */
  readonly gapMs?: () => number
  /** Items waiting for a lane; one more is refused. The last tenth is kept for what is more urgent than browsing. */
  readonly queueMax: number
  /** Default: every item is equal. */
  readonly priority?: (item: Item) => Priority
  /** When the item must have its answer; default: never. Kept within 5 ms. */
  readonly deadlineMs?: (item: Item) => DeadlineMs
  /**
   * Carries one batch. Resolves with one answer an item, in the items' order. An item may be answered earlier through
   * `settle(index, answer)`, and what is resolved for it afterwards is ignored. A rejection fails the batch's unanswered
   * items. The lane is taken until the promise settles, so it must settle.
   */
  readonly send: (
    items: readonly Item[],
    settle: (index: number, answer: Answer | Error) => void,
  ) => Promise<Answers<Answer>>
  /**
   * Keeps a few slow items from holding every lane. A batch that has waited `patienceMs` may leave on an extra lane, up
   * to `lanesMax` in all, while the items in flight stay within what full lanes would carry. Default: never; a lane may
   * stand for a lock.
   */
  readonly relief?: { readonly patienceMs: number; readonly lanesMax: number }
  /** What an item gets that finds the queue full or the convoy closed. Default: Fault SUBGRAPH_OVERLOADED. */
  readonly overloaded?: (item: Item, retryAfterMs: number) => Error
  /** What an item gets at its deadline; `sent`: its batch had left. Default: OUTCOME_UNKNOWN if sent, else SUBGRAPH_TIMEOUT. */
  readonly expired?: (item: Item, sent: boolean) => Error
}

/** The least time between two looks at the deadlines, hence how late an expired item may be answered. */
const SWEEP_GAP_MS = 5

const RESERVED_PART = 10
const RETRY_AFTER_MS_MIN = 50
const RETRY_AFTER_MS_MAX = 10_000

interface Entry<Item, Answer> {
  readonly item: Item
  readonly deadlineMs: DeadlineMs
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: Error) => void
  readonly batch: WaitingBatch
  state: 'waiting' | 'sent' | 'settled'
  /** Neighbours in {@link Convoy.#firstUnsettled}'s list. */
  previous: Entry<Item, Answer> | undefined
  next: Entry<Item, Answer> | undefined
}

/** A DataLoader batch whose dispatch was put off until a lane is free. */
interface WaitingBatch {
  readonly dispatch: () => void
  readonly priorityIndex: number
  readonly sinceMs: DeadlineMs
  /** Items that still want an answer. At zero the batch goes without a lane. */
  unsettled: number
}

/**
 * Busier is cheaper: at most `lanesMax` batches are in flight, and whatever arrives meanwhile rides in the next one.
 * Idle, an item waits for one `setImmediate` and no more, or for the rest of `gapMs`.
 *
 *     item:   waiting → sent → settled        waiting → settled (deadline)
 *     batch:  filling → full → (lane free, oldest of the highest priority first) dispatched
 *
 * One DataLoader a priority collects the batches; its `batchScheduleFn` keeps the dispatch callback here. The callback
 * must never run inside `batchScheduleFn`: DataLoader calls it before it pushes the first key, so the batch would be
 * dispatched empty and that key's promise would never settle. The DataLoader's own promises only mark the batch's end:
 * an item is answered through its own promise, so that neither a slow nor an expired neighbour holds it up.
 */
export class Convoy<Item, Answer> {
  readonly name: string
  readonly #options: ConvoyOptions<Item, Answer>
  readonly #loaders: (DataLoader<Entry<Item, Answer>, unknown> | undefined)[] = []
  /** Waiting batches, oldest first, by priority. */
  readonly #waiting: WaitingBatch[][] = PRIORITIES.map(() => [])
  /**
   * Every item without an answer, waiting or sent; walked only when a deadline is due. Unused without deadlines. A list
   * and no `Set`: what V8 leaves behind of a `Set` that many pass through keeps every one of them, with its answer, until
   * the next full collection. Measured, 256 items under way at a time: minor collections of 40 ms that free little,
   * against 0.5 ms; 1.6 µs an item, against 0.8 µs.
   */
  #firstUnsettled: Entry<Item, Answer> | undefined
  #lanesMax: number
  /** Places of the queue that those who browse do not take. */
  readonly #reserved: number
  /** Items held by waiting batches, expired ones included, so that memory is bounded by `queueMax`. */
  #depth = 0
  #inFlight = 0
  #itemsInFlight = 0
  #pumpScheduled = false
  #reliefTimer: NodeJS.Timeout | undefined
  #gapTimer: NodeJS.Timeout | undefined
  #lastLeftMs: DeadlineMs = Number.NEGATIVE_INFINITY
  #sweepAtMs: DeadlineMs = Number.POSITIVE_INFINITY
  #sweepTimer: NodeJS.Timeout | undefined
  /** Smoothed time a lane is taken for one item, in milliseconds; zero until a batch has ended. */
  #laneMsPerItem = 0
  #closed: PromiseWithResolvers<void> | undefined
  #batches = 0
  #items = 0
  #refused = 0
  #expired = 0
  #waitedMs = 0
  #answered = 0

  /** @throws RangeError for a bound that is not a positive integer. */
  constructor(options: ConvoyOptions<Item, Answer>) {
    for (const bound of ['lanesMax', 'batchMax', 'queueMax'] as const) {
      assertPositiveInteger(`${options.name}: ${bound}`, options[bound])
    }
    this.name = options.name
    this.#options = options
    this.#lanesMax = options.lanesMax
    this.#reserved = Math.floor(options.queueMax / RESERVED_PART)
  }

  /**
   * Resolves with the item's own answer, or rejects with: the `Error` that `send` gave for it, `send`'s rejection,
   * `overloaded`, or `expired`. Settles exactly once.
   */
  load(item: Item): Promise<Answer> {
    const { queueMax } = this.#options
    const isFull =
      this.#depth >= queueMax || (this.#depth >= queueMax - this.#reserved && this.#mayBePutOff(item))
    if (this.#closed !== undefined || isFull) {
      this.#refused++
      return Promise.reject(this.#overloaded(item))
    }
    const deadlineMs = this.#options.deadlineMs?.(item) ?? Number.POSITIVE_INFINITY
    if (deadlineMs !== Number.POSITIVE_INFINITY && deadlineMs <= nowMs()) {
      this.#expired++
      return Promise.reject(this.#expiry(item, false))
    }
    return new Promise((resolve, reject) => this.#enqueue(item, deadlineMs, resolve, reject))
  }

  /** Refuses new items and resolves once every item is answered and every lane is free. */
  close(): Promise<void> {
    this.#closed ??= Promise.withResolvers<void>()
    // No more will ride along.
    if (this.#gapTimer !== undefined) this.#pump()
    this.#finishClosing()
    return this.#closed.promise
  }

  get lanesMax(): number {
    return this.#lanesMax
  }

  set lanesMax(lanesMax: number) {
    assertPositiveInteger(`${this.name}: lanesMax`, lanesMax)
    this.#lanesMax = lanesMax
    this.#schedulePump()
  }

  /** Items waiting for a lane. */
  get depth(): number {
    return this.#depth
  }

  /** Batches in flight, that is lanes taken, extra ones included. */
  get inFlight(): number {
    return this.#inFlight
  }

  /** Items sent and not answered. */
  get itemsInFlight(): number {
    return this.#itemsInFlight
  }

  /** How long the oldest waiting batch has waited. */
  get waitMs(): number {
    let oldestMs = Number.POSITIVE_INFINITY
    for (const queue of this.#waiting) {
      const first = queue[0]
      if (first !== undefined && first.sinceMs < oldestMs) oldestMs = first.sinceMs
    }
    return oldestMs === Number.POSITIVE_INFINITY ? 0 : nowMs() - oldestMs
  }

  /**
   * Total since the start: what each item's batch had waited when it left, summed over items. A wait that is over between
   * two looks is in their difference, and divided by that of `left` it is the mean.
   */
  get waitedMs(): number {
    return this.#waitedMs
  }

  /** Total since the start: items that left. */
  get left(): number {
    return this.#items
  }

  /** What a new item of the lowest priority would wait, judged by recent batches. */
  get expectedWaitMs(): number {
    return (this.#depth * this.#laneMsPerItem) / this.#lanesMax
  }

  /** Totals since the start. */
  get counts(): { batches: number; items: number; answered: number; refused: number; expired: number } {
    return {
      batches: this.#batches,
      items: this.#items,
      answered: this.#answered,
      refused: this.#refused,
      expired: this.#expired,
    }
  }

  #mayBePutOff(item: Item): boolean {
    const priority = this.#options.priority?.(item)
    return priority === 'BROWSE' || priority === 'ADHOC'
  }

  #enqueue(
    item: Item,
    deadlineMs: DeadlineMs,
    resolve: (answer: Answer) => void,
    reject: (error: Error) => void,
  ): void {
    const priority = this.#options.priority?.(item)
    const priorityIndex = priority === undefined ? 0 : PRIORITIES.indexOf(priority)
    const loader = (this.#loaders[priorityIndex] ??= this.#createLoader(priorityIndex))
    const entry: Entry<Item, Answer> & { batch: WaitingBatch } = {
      item,
      deadlineMs,
      resolve,
      reject,
      state: 'waiting',
      batch: NO_BATCH,
      previous: undefined,
      next: undefined,
    }
    // DataLoader joins the newest waiting batch, or schedules a new one, which is then the newest.
    void loader.load(entry)
    const batch = this.#waiting[priorityIndex]!.at(-1)!
    batch.unsettled++
    entry.batch = batch
    this.#depth++
    if (deadlineMs !== Number.POSITIVE_INFINITY) {
      this.#link(entry)
      if (deadlineMs < this.#sweepAtMs) this.#armSweep(deadlineMs)
    }
  }

  #createLoader(priorityIndex: number): DataLoader<Entry<Item, Answer>, unknown> {
    const queue = this.#waiting[priorityIndex]!
    return new DataLoader<Entry<Item, Answer>, unknown>(entries => this.#dispatch(entries), {
      cache: false,
      maxBatchSize: this.#options.batchMax,
      batchScheduleFn: dispatch => {
        queue.push({ dispatch, priorityIndex, sinceMs: nowMs(), unsettled: 0 })
        this.#schedulePump()
      },
    })
  }

  #schedulePump(): void {
    if (this.#pumpScheduled) return
    if (this.#inFlight >= this.#lanesMax) {
      this.#armRelief()
      return
    }
    const restMs = this.#restOfGapMs()
    if (restMs > 0) {
      this.#armGap(restMs)
      return
    }
    this.#pumpScheduled = true
    setImmediate(() => {
      this.#pumpScheduled = false
      this.#pump()
    })
  }

  /** Until the next batch may leave. Asked when one begins: as many as wait by then have filled those before it. */
  #restOfGapMs(): number {
    const { batchMax, gapMs } = this.#options
    if (gapMs === undefined || this.#depth >= batchMax) return 0
    return this.#lastLeftMs + gapMs() - nowMs()
  }

  #armGap(restMs: number): void {
    this.#gapTimer ??= setTimeout(() => this.#pump(), Math.ceil(restMs))
  }

  /** Gives each free lane the oldest batch of the highest priority. */
  #pump(): void {
    clearTimeout(this.#gapTimer)
    this.#gapTimer = undefined
    const now = nowMs()
    for (const queue of this.#waiting) {
      while (queue.length > 0 && this.#mayLeave(queue[0]!, now)) queue.shift()!.dispatch()
    }
    if (this.#depth > 0) this.#armRelief()
  }

  #mayLeave(batch: WaitingBatch, now: DeadlineMs): boolean {
    if (this.#inFlight < this.#lanesMax) return true
    const { relief, batchMax } = this.#options
    return (
      relief !== undefined &&
      this.#inFlight < relief.lanesMax &&
      now - batch.sinceMs >= relief.patienceMs &&
      this.#itemsInFlight + batch.unsettled <= this.#lanesMax * batchMax
    )
  }

  #armRelief(): void {
    if (this.#options.relief === undefined || this.#reliefTimer !== undefined) return
    this.#reliefTimer = setTimeout(() => {
      this.#reliefTimer = undefined
      this.#pump()
    }, this.#options.relief.patienceMs)
    this.#reliefTimer.unref()
  }

  /** DataLoader's batch function. Never rejects: every item has its own promise. */
  async #dispatch(entries: readonly Entry<Item, Answer>[]): Promise<readonly unknown[]> {
    this.#depth -= entries.length
    const now = nowMs()
    const sent = entries.filter(entry => entry.state === 'waiting' && !this.#isLate(entry, now))
    if (sent.length > 0) await this.#sendInLane(sent)
    this.#finishClosing()
    return entries
  }

  /** The sweep has answered most; in a process that is busy it comes too late to keep them out of a batch. */
  #isLate(entry: Entry<Item, Answer>, now: DeadlineMs): boolean {
    if (entry.deadlineMs > now) return false
    this.#expired++
    this.#settle(entry, this.#expiry(entry.item, false))
    return true
  }

  async #sendInLane(entries: readonly Entry<Item, Answer>[]): Promise<void> {
    for (const entry of entries) entry.state = 'sent'
    const startedMs = nowMs()
    this.#inFlight++
    this.#lastLeftMs = startedMs
    this.#itemsInFlight += entries.length
    this.#batches++
    this.#items += entries.length
    this.#waitedMs += entries.length * (startedMs - entries[0]!.batch.sinceMs)
    try {
      const answers = await this.#options.send(
        entries.map(entry => entry.item),
        (index, answer) => {
          const entry = entries[index]
          if (entry !== undefined) this.#settle(entry, answer)
        },
      )
      for (let i = 0; i < entries.length; i++) {
        if (entries[i]!.state === 'settled') continue
        this.#settle(
          entries[i]!,
          i < answers.length ? answers[i]! : this.#tooFew(entries.length, answers.length),
        )
      }
    } catch (error) {
      const failure = error instanceof Error ? error : new Error(`${this.name}: send threw ${String(error)}`)
      for (const entry of entries) this.#settle(entry, failure)
    } finally {
      this.#inFlight--
      const laneMsPerItem = (nowMs() - startedMs) / entries.length
      this.#laneMsPerItem += (laneMsPerItem - this.#laneMsPerItem) / Math.min(this.#batches, 8)
      this.#schedulePump()
    }
  }

  #settle(entry: Entry<Item, Answer>, answer: Answer | Error): void {
    if (entry.state === 'settled') return
    if (entry.state === 'sent') this.#itemsInFlight--
    entry.state = 'settled'
    if (entry.deadlineMs !== Number.POSITIVE_INFINITY) this.#unlink(entry)
    if (answer instanceof Error) entry.reject(answer)
    else {
      this.#answered++
      entry.resolve(answer)
    }
  }

  #link(entry: Entry<Item, Answer>): void {
    const first = this.#firstUnsettled
    entry.next = first
    if (first !== undefined) first.previous = entry
    this.#firstUnsettled = entry
  }

  /** Leaves the entry without neighbours, so that none of them outlives its use. */
  #unlink(entry: Entry<Item, Answer>): void {
    const { previous, next } = entry
    if (previous === undefined) this.#firstUnsettled = next
    else previous.next = next
    if (next !== undefined) next.previous = previous
    entry.previous = undefined
    entry.next = undefined
  }

  /** One timer for all deadlines: a timer an item costs more than the rest of `load`. */
  #armSweep(atMs: DeadlineMs): void {
    clearTimeout(this.#sweepTimer)
    this.#sweepAtMs = atMs
    this.#sweepTimer = setTimeout(() => this.#sweep(), Math.max(atMs - nowMs(), SWEEP_GAP_MS))
    this.#sweepTimer.unref()
  }

  #sweep(): void {
    const now = nowMs()
    let nextMs = Number.POSITIVE_INFINITY
    for (let entry = this.#firstUnsettled; entry !== undefined; ) {
      const { next } = entry
      if (entry.deadlineMs <= now) this.#expire(entry)
      else if (entry.deadlineMs < nextMs) nextMs = entry.deadlineMs
      entry = next
    }
    this.#sweepAtMs = Number.POSITIVE_INFINITY
    if (nextMs !== Number.POSITIVE_INFINITY) this.#armSweep(nextMs)
  }

  #expire(entry: Entry<Item, Answer>): void {
    const wasWaiting = entry.state === 'waiting'
    this.#expired++
    this.#settle(entry, this.#expiry(entry.item, !wasWaiting))
    if (!wasWaiting || --entry.batch.unsettled > 0) return
    // Nobody waits for this batch any more: it gives its room in the queue back without taking a lane.
    const queue = this.#waiting[entry.batch.priorityIndex]!
    queue.splice(queue.indexOf(entry.batch), 1)
    entry.batch.dispatch()
  }

  #finishClosing(): void {
    if (this.#closed === undefined || this.#depth > 0 || this.#inFlight > 0) return
    clearTimeout(this.#sweepTimer)
    clearTimeout(this.#reliefTimer)
    this.#closed.resolve()
  }

  #overloaded(item: Item): Error {
    const retryAfterMs = Math.ceil(
      Math.min(RETRY_AFTER_MS_MAX, Math.max(RETRY_AFTER_MS_MIN, this.expectedWaitMs)),
    )
    if (this.#options.overloaded !== undefined) return this.#options.overloaded(item, retryAfterMs)
    const why =
      this.#closed === undefined
        ? `${this.#depth} of ${this.#options.queueMax} places are taken`
        : 'is closing'
    return new Fault('SUBGRAPH_OVERLOADED', `${this.name}: expected room in the queue, got: ${why}`, {
      retryAfterMs,
    })
  }

  #expiry(item: Item, sent: boolean): Error {
    if (this.#options.expired !== undefined) return this.#options.expired(item, sent)
    return sent
      ? new Fault('OUTCOME_UNKNOWN', `${this.name}: expected an answer by the deadline, got none`, {
          retryAfterMs: RETRY_AFTER_MS_MIN,
        })
      : new Fault('SUBGRAPH_TIMEOUT', `${this.name}: the deadline passed before the request was sent`, {
          retryAfterMs: RETRY_AFTER_MS_MIN,
        })
  }

  #tooFew(expected: number, got: number): Error {
    return new Error(`${this.name}: expected send to resolve with ${expected} answers, got ${got}`)
  }
}

const NO_BATCH: WaitingBatch = { dispatch: () => {}, priorityIndex: 0, sinceMs: 0, unsettled: 0 }

function assertPositiveInteger(what: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 1)
    throw new RangeError(`${what}: expected a positive integer, got ${value}`)
}
