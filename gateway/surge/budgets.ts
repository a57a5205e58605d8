import type { Bucket } from './bucket.ts'
import type { Lines } from './lines.ts'

export type { Bucket, Rate } from './bucket.ts'

/** Points that were there and are taken. */
export interface Taken {
  readonly isAdmitted: true
  readonly bucket: Bucket
  readonly points: number
  /** What is left, from 0 to the burst. */
  readonly availablePoints: number
  /**
   * The end of the bucket's schedule once these points were reserved, in milliseconds of the clock that keeps it: while
   * it is the end, nothing is reserved behind them.
   */
  readonly endMs: number
}

/** Points that are not there; nothing was taken. */
export interface NotNow {
  readonly isAdmitted: false
  readonly availablePoints: number
  /** From when on the same demand fits if nobody else asks; at least 1. */
  readonly retryAfterMs: number
}

/** Budgets of one kind. Nothing here rejects: without its store an implementation answers from this process's share. */
export interface Budgets {
  /**
   * Takes points all at once or not at all.
   * @param points more than 0 and at most the bucket's burst.
   * @throws RangeError for other points: whoever asks has to refuse those in words of its own.
   */
  take(bucket: Bucket, points: number): Taken | NotNow | Promise<Taken | NotNow>
  /**
   * Gives back what of `taken` was not needed. Nobody waits for it, and it may be lost with its store. Where promises
   * stand on a schedule it has no effect once something is reserved behind `taken`.
   * @param points from 0 to `taken.points`.
   */
  giveBack(taken: Taken, points: number): void
}

/** Where budgets are kept now: by this process alone, by Redis for all gateways, or by this process for its share of Redis's. */
export type BudgetSource = 'memory' | 'redis' | 'share'

export interface BudgetCounts {
  /** Calls to Redis that carried demands or refunds. */
  readonly redisCalls: number
  /** Calls and heartbeats that failed or came too late. */
  readonly redisErrors: number
  /** Changes from Redis to the share. */
  readonly fallbacks: number
  /** Demands answered by the share. */
  readonly shareAnswers: number
}

/** The budgets that a gateway keeps, or shares with its fleet. */
export interface BudgetStore {
  /** Of callers: refunds always count. */
  readonly callers: Budgets
  /** Of fields: a refund counts only while nothing is reserved behind it. */
  readonly fields: Budgets
  /** Of fields whose callers get places. */
  readonly lines: Lines
  readonly source: BudgetSource
  /** Gateways that share the budgets now, this one among them; 1 without Redis. */
  readonly gateways: number
  /** Totals since the start; absent where there is no Redis to count. */
  readonly counts?: BudgetCounts
  close(): Promise<void>
}
