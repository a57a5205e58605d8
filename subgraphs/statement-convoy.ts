import { type Answers, Convoy } from '../protocol/convoy.ts'
import { PRIORITIES } from '../protocol/priority.ts'
import type { QueueStats } from '../protocol/subgraph-client.ts'
import { databaseUnavailable, isDataError, OutcomeUnknown, sqlState } from './database-errors.ts'
import { ProcessLoad } from './process-load.ts'
import { type Urgency, urgencyNow, withUrgency } from './urgency.ts'

/** Callers waiting; as many as may wait for a connection. */
const QUEUE_MAX = 2_000
const LANES_MAX = 2
/** Whoever comes while all lanes are taken waits for a commit, in calm too. */
const WAIT_TARGET_MS = 100

/** Of the event loop. Below the first there is no gap, from the second on the whole. */
const BUSY_FROM = 0.8
const BUSY_TO = 0.95
/**
 * Measured in `npm run replay`, 200 orders a second wanted, PostgreSQL, load and process on two cores: without a gap 850
 * statements a second of 2.4 items took all of both, for some 90 orders a second; with 20 ms 600 of 7 (165 orders), with
 * 40 ms 360 of 13 (all that came).
 */
const GAP_MS_MAX = 40

const processLoad = new ProcessLoad()

export interface StatementConvoyOptions<Item, Answer> {
  /** Names it in faults and metrics. */
  readonly name: string
  /** Items a batch. */
  readonly batchMax: number
  /** Batches under way at once, a connection each. Default 2, so that one that waits for a lock holds up half. */
  readonly lanesMax?: number
  /** No item is more urgent than another: they are parts of what is under way, and their rows are worth little apart. */
  readonly isEqual?: boolean
  /** Answers each item, in order: of a batch that is committed, or fails, as a whole. */
  readonly run: (items: readonly Item[]) => Promise<Answers<Answer>>
}

/** What is wanted, and for whom. */
interface Entry<Item> {
  readonly item: Item
  readonly urgency: Urgency
}

/**
 * What many requests want of the database, in one statement: while batches are under way, whatever comes rides in the next
 * one. A statement costs this process some 0.2 ms on two shared cores, most of it the kernel's, which hands the core to the
 * backend that it wakes; a row in it costs a few microseconds.
 *
 * While the process is busy a kind of statement is sent every {@link GAP_MS_MAX} at most: that many wait for its one thread
 * longer than for the gap, and what it saves is theirs.
 *
 * A batch that PostgreSQL refused has done nothing. One with bad data is halved until what is at fault is alone. Of one that
 * waited too long for a lock each item is tried alone, all at once, as if nothing were gathered: halving would wait for that
 * lock again and again. Whatever else a batch meets, all of it meets.
 */
export class StatementConvoy<Item, Answer> implements QueueStats {
  readonly targetMs: number = WAIT_TARGET_MS
  readonly #convoy: Convoy<Entry<Item>, Answer>
  readonly #run: StatementConvoyOptions<Item, Answer>['run']

  constructor({ name, batchMax, lanesMax = LANES_MAX, isEqual, run }: StatementConvoyOptions<Item, Answer>) {
    this.#run = run
    this.#convoy = new Convoy<Entry<Item>, Answer>({
      name,
      batchMax,
      lanesMax,
      queueMax: QUEUE_MAX,
      gapMs: () => gapMsAt(processLoad.utilization),
      ...(isEqual ? {} : { priority: (entry: Entry<Item>) => entry.urgency.priority }),
      deadlineMs: ({ urgency }) => urgency.deadlineMs,
      overloaded: () => databaseUnavailable(`${QUEUE_MAX} callers wait for ${name} already`),
      // Only what reads has a deadline: nothing was done.
      expired: () => databaseUnavailable(`the deadline passed before ${name} had answered`),
      send: entries => {
        const ranks = entries.map(({ urgency }) => PRIORITIES.indexOf(urgency.priority))
        const priority = PRIORITIES[Math.min(...ranks)]!
        return withUrgency({ priority, deadlineMs: Number.POSITIVE_INFINITY }, () =>
          this.#send(entries.map(({ item }) => item)),
        )
      },
    })
  }

  /** Resolves with the item's own answer. Rejects with what `run` gave for it or met, and with DATABASE_UNAVAILABLE. */
  load(item: Item): Promise<Answer> {
    return this.#convoy.load({ item, urgency: urgencyNow() })
  }

  /** Items that no batch has taken yet. */
  get waiting(): number {
    return this.#convoy.depth
  }

  /** How long the oldest batch that has not left has waited, in milliseconds; 0 while none waits. */
  get waitMs(): number {
    return this.#convoy.waitMs
  }

  /** Items that left in a batch, since the start. */
  get left(): number {
    return this.#convoy.left
  }

  /** Summed over them: how long their batch had waited, in milliseconds. */
  get waitedMs(): number {
    return this.#convoy.waitedMs
  }

  /** Refuses new items and resolves once those under way are answered. */
  close(): Promise<void> {
    return this.#convoy.close()
  }

  /** Never rejects: each part that ran by itself has its own answers or its own error, whatever the others met. */
  async #send(items: readonly Item[]): Promise<Answers<Answer>> {
    try {
      return await this.#run(items)
    } catch (error) {
      if (items.length > 1 && isOfARow(error)) {
        const middle = items.length >> 1
        return [...(await this.#send(items.slice(0, middle))), ...(await this.#send(items.slice(middle)))]
      }
      if (items.length > 1 && isOfALock(error)) {
        return (await Promise.all(items.map(item => this.#send([item])))).flat()
      }
      const failure = error instanceof Error ? error : new Error(String(error))
      return items.map(() => failure)
    }
  }
}

/** @param utilization of the event loop, 0 to 1. */
export const gapMsAt = (utilization: number): number =>
  GAP_MS_MAX * Math.min(1, Math.max(0, (utilization - BUSY_FROM) / (BUSY_TO - BUSY_FROM)))

/** Nothing was done, for bad data. */
const isOfARow = (error: unknown): boolean => !(error instanceof OutcomeUnknown) && isDataError(error)

/** Nothing was done, for a lock that was not had in time, or a deadlock. */
const isOfALock = (error: unknown): boolean =>
  !(error instanceof OutcomeUnknown) && /^(55P03|40P01|40001)$/.test(sqlState(error) ?? '')
