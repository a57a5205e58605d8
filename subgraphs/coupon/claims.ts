import { v7 } from 'uuid'
import { Convoy } from '../../protocol/convoy.ts'
import type { DeadlineMs } from '../../protocol/deadline.ts'
import { Fault } from '../../protocol/fault.ts'
import type { Priority } from '../../protocol/priority.ts'
import { sliceOf } from '../../protocol/slice.ts'
import type { QueueStats } from '../../protocol/subgraph-client.ts'
import { type Database, isDataError, OutcomeUnknown } from '../database.ts'
import { withUrgency } from '../urgency.ts'
import { assertCampaignId } from './coupon.ts'
import { type ClaimRow, type ClaimVerdict, claimBatch, readBucketCounts } from './store.ts'

/**
 * Claims in one SQL call. A call costs the backend some 0.8 ms and an fsync, a claim in it 25 µs. One caller on two shared cores,
 * alternating: 50 a batch 0.7 of the rate of 100, which was 13,700/s; 256 1.3 of it, answered in 11 ms; 512 1.45, in 23 ms. A
 * pause waits for a batch.
 */
const BATCH_MAX = 256
/** Claims waiting or under way in this process: about a second's work, well inside a request's deadline. */
const CLAIMS_MAX = 16_384
/** Buckets with claims under way. */
const CONVOYS_MAX = 1_024
/** Campaigns whose bucket count is remembered. Operators make them; shoppers cannot grow this. */
const CAMPAIGNS_MAX = 10_000
const OVERLOADED_RETRY_AFTER_MS = 500
/**
 * Whoever comes while a batch is under way waits for its commit, in calm too: at 20 orders a second beside other work on the
 * same two cores 20 to 90 ms, for which nobody need be busy.
 */
const WAIT_TARGET_MS = 100

export interface ClaimRequest {
  readonly shopperId: string
  readonly campaignId: string
  readonly deadlineMs: DeadlineMs
  readonly priority: Priority
}

/** What is durable, and how the batch it was in was judged. `issued`: by this very claim. */
export interface ClaimAnswer {
  readonly sliceNo: number
  readonly row: ClaimRow
  readonly verdict: ClaimVerdict
  readonly issued: boolean
}

interface Claim extends ClaimRequest {
  readonly sliceNo: number
  /** Proposed before the first try and kept for the second, so that both have one outcome. As Postgres writes it. */
  readonly couponUuid: string
}

/**
 * The write path of issuance: claims of one bucket ride together, one batch in flight a bucket, because the bucket's row
 * lets only one through anyway. Nothing is remembered between batches but how many buckets a campaign has.
 */
export class Claims implements QueueStats {
  readonly targetMs: number = WAIT_TARGET_MS
  readonly #database: Database
  readonly #batchMax: number
  readonly #convoys = new Map<string, Convoy<Claim, ClaimAnswer>>()
  readonly #bucketCounts = new Map<string, number>()
  readonly #bucketCountConvoy: Convoy<Pick<ClaimRequest, 'campaignId' | 'deadlineMs'>, number>
  #underWay = 0
  /** Of convoys that are no longer kept. */
  #leftBefore = 0
  #waitedBeforeMs = 0

  /** @param batchMax claims in one SQL call. */
  constructor(database: Database, batchMax: number = BATCH_MAX) {
    this.#database = database
    this.#batchMax = batchMax
    this.#bucketCountConvoy = new Convoy({
      name: 'coupon.bucketCounts',
      lanesMax: 1,
      batchMax: BATCH_MAX,
      queueMax: CLAIMS_MAX,
      deadlineMs: ({ deadlineMs }) => deadlineMs,
      overloaded: (_, retryAfterMs) => overloaded(retryAfterMs),
      // Sent or not, nothing was done: it only reads.
      expired: () =>
        new Fault('SUBGRAPH_TIMEOUT', 'the deadline passed before the claim was sent', {
          retryAfterMs: OVERLOADED_RETRY_AFTER_MS,
        }),
      send: items =>
        inTheNameOf('CLAIM', () => this.#readBucketCounts(items.map(({ campaignId }) => campaignId))),
    })
    database.addQueue('claims', this)
  }

  /** Claims waiting or under way. */
  get underWay(): number {
    return this.#underWay
  }

  /** How long the oldest batch that has not left has waited, in milliseconds; 0 while none waits. */
  get waitMs(): number {
    let longestMs = 0
    for (const { waitMs } of this.#convoys.values()) longestMs = Math.max(longestMs, waitMs)
    return longestMs
  }

  /** Claims that left in a batch, since the start. */
  get left(): number {
    let left = this.#leftBefore
    for (const convoy of this.#convoys.values()) left += convoy.left
    return left
  }

  /** Summed over them: how long their batch had waited, in milliseconds. */
  get waitedMs(): number {
    let waitedMs = this.#waitedBeforeMs
    for (const convoy of this.#convoys.values()) waitedMs += convoy.waitedMs
    return waitedMs
  }

  /**
   * The shopper's durable coupon of the campaign, issued now if it can be; null for a campaign that has no issuance.
   * @throws Fault BAD_ID for a malformed campaign id; OVERLOADED and SUBGRAPH_TIMEOUT before anything was done,
   *   DATABASE_UNAVAILABLE when nothing was done; OUTCOME_UNKNOWN when the coupon may have been issued: asking again tells
   */
  async claim(request: ClaimRequest): Promise<ClaimAnswer | null> {
    const { campaignId, shopperId } = request
    assertCampaignId(campaignId)
    if (this.#underWay >= CLAIMS_MAX) throw overloaded(OVERLOADED_RETRY_AFTER_MS)
    this.#underWay++
    try {
      const bucketCount = this.#bucketCounts.get(campaignId) ?? (await this.#bucketCountConvoy.load(request))
      if (bucketCount === 0) return null
      const sliceNo = sliceOf(shopperId)
      const convoy = this.#convoyOf(campaignId, sliceNo % bucketCount)
      return await convoy.load({ ...request, sliceNo, couponUuid: v7() })
    } finally {
      this.#underWay--
    }
  }

  /** Refuses new claims and resolves once those under way are answered. */
  async close(): Promise<void> {
    await this.#bucketCountConvoy.close()
    await Promise.all([...this.#convoys.values()].map(convoy => convoy.close()))
  }

  /** 0 for campaigns without issuance, which are not remembered: they may be opened any moment. */
  async #readBucketCounts(campaignIds: readonly string[]): Promise<number[]> {
    for (const row of await readBucketCounts(this.#database, [...new Set(campaignIds)])) {
      if (this.#bucketCounts.size >= CAMPAIGNS_MAX) this.#bucketCounts.clear()
      this.#bucketCounts.set(row.campaignId, row.bucketCount)
    }
    return campaignIds.map(campaignId => this.#bucketCounts.get(campaignId) ?? 0)
  }

  #convoyOf(campaignId: string, bucketNo: number): Convoy<Claim, ClaimAnswer> {
    const key = `${campaignId}/${bucketNo}`
    const known = this.#convoys.get(key)
    if (known !== undefined) return known
    if (this.#convoys.size >= CONVOYS_MAX) this.#dropIdleConvoys()
    if (this.#convoys.size >= CONVOYS_MAX) throw overloaded(OVERLOADED_RETRY_AFTER_MS)
    const convoy = new Convoy<Claim, ClaimAnswer>({
      name: `coupon.claims ${key}`,
      lanesMax: 1,
      batchMax: this.#batchMax,
      queueMax: CLAIMS_MAX,
      priority: ({ priority }) => priority,
      deadlineMs: ({ deadlineMs }) => deadlineMs,
      overloaded: (_, retryAfterMs) => overloaded(retryAfterMs),
      // All of one priority; those who wait for it have deadlines of their own.
      send: claims => inTheNameOf(claims[0]!.priority, () => this.#send(campaignId, bucketNo, claims)),
    })
    this.#convoys.set(key, convoy)
    return convoy
  }

  #dropIdleConvoys(): void {
    for (const [key, convoy] of this.#convoys) {
      if (convoy.depth > 0 || convoy.inFlight > 0) continue
      this.#leftBefore += convoy.left
      this.#waitedBeforeMs += convoy.waitedMs
      this.#convoys.delete(key)
    }
  }

  /**
   * One batch. One bad row fails the statement for all, so a batch with bad data is halved until the bad row is alone. Never
   * rejects: each part that ran by itself has its own answers or its own error, whatever the others met.
   */
  async #send(
    campaignId: string,
    bucketNo: number,
    claims: readonly Claim[],
  ): Promise<(ClaimAnswer | Error)[]> {
    try {
      return await this.#run(campaignId, bucketNo, claims)
    } catch (error) {
      if (!isDataError(error)) {
        const failure = error instanceof Error ? error : new Error(String(error))
        return claims.map(() => failure)
      }
      if (claims.length === 1) {
        return [new Fault('BAD_INPUT', 'the database refuses this claim as bad data', { cause: error })]
      }
      const middle = claims.length >> 1
      return [
        ...(await this.#send(campaignId, bucketNo, claims.slice(0, middle))),
        ...(await this.#send(campaignId, bucketNo, claims.slice(middle))),
      ]
    }
  }

  /** Runs a batch whose outcome was lost once more, with the same ids: each claim is answered as if it had run once. */
  async #run(campaignId: string, bucketNo: number, claims: readonly Claim[]): Promise<ClaimAnswer[]> {
    try {
      return await this.#ask(campaignId, bucketNo, claims)
    } catch (error) {
      if (!(error instanceof OutcomeUnknown)) throw error
      return await this.#ask(campaignId, bucketNo, claims).catch((again: unknown) => {
        // The first run may have committed, so whatever the second one met is no word on the outcome.
        throw isDataError(again) ? again : error
      })
    }
  }

  async #ask(campaignId: string, bucketNo: number, claims: readonly Claim[]): Promise<ClaimAnswer[]> {
    const { verdict, rows } = await claimBatch(this.#database, campaignId, bucketNo, claims)
    return claims.map(({ sliceNo, couponUuid }, index) => {
      const row = rows[index]
      if (row === undefined)
        throw new Error(`claim_batch: expected ${claims.length} rows, got ${rows.length}`)
      return { sliceNo, row, verdict, issued: row.couponId === couponUuid }
    })
  }
}

const overloaded = (retryAfterMs: number): Fault =>
  new Fault('OVERLOADED', `too many claims are waiting: at most ${CLAIMS_MAX}`, { retryAfterMs })

const inTheNameOf = <T>(priority: Priority, work: () => T): T =>
  withUrgency({ priority, deadlineMs: Number.POSITIVE_INFINITY }, work)
