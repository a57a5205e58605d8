import type { Logger } from 'pino'
import { v7 } from 'uuid'
import { deadlineIn } from '../../protocol/deadline.ts'
import { Fault } from '../../protocol/fault.ts'
import type { Database } from '../database.ts'
import type { MessageText } from '../message.ts'
import type { IssuancePeer, PeerCall } from '../peers.ts'
import {
  assertCampaignId,
  assertWords,
  type Change,
  decide,
  limitOf,
  type Notice,
  refusalOf,
  stateAfter,
} from './campaign.ts'
import type { CampaignState, CreateCampaignInput } from './schema.generated.ts'
import {
  acknowledge,
  type CampaignRow,
  type CampaignTerms,
  insertCampaign,
  lockCampaign,
  readCampaigns,
  readCampaignsToStart,
  readClock,
  takeCampaignsToPush,
  writeChange,
} from './store.ts'

/** Campaigns that one pass of the sweep takes of each kind. */
const SWEEP_ROWS = 10
/** Between two pushes of one campaign. */
const PUSH_AGAIN_MS = 2_000
const PUSH_MS_MAX = 2_000
/** What is left of a request's time to answer PENDING in. */
const ANSWER_MS = 100
const PENDING_RETRY_AFTER_MS = 1_000

export interface ChangeRequest {
  readonly campaignId: string
  readonly change: Change
  /** Present exactly when `change` is `pause`. */
  readonly notice?: Notice
  readonly reason?: string
  /** Who asks, for the log. */
  readonly client: string
}

export type ChangeAnswer =
  | { readonly kind: 'changed'; readonly campaign: CampaignRow }
  | { readonly kind: 'notFound' }
  | { readonly kind: 'conflict'; readonly state: CampaignState }

/**
 * Changes of campaigns. A change is one transaction here, and then coupon is told; it is answered only after coupon holds
 * its version. In between the campaign is pending: the sweep keeps pushing, and asking for the same again is safe.
 *
 *     write state, version + 1 ──▶ open, set or close at coupon ──▶ acked_version = version ──▶ answer
 *               └── crash, coupon unreachable: PENDING ──▶ sweep ──────────┘
 *
 * coupon is never called while a transaction or a connection is held.
 */
export class Campaigns {
  readonly #database: Database
  readonly #issuance: IssuancePeer
  readonly #logger: Logger

  constructor(database: Database, issuance: IssuancePeer, logger: Logger) {
    this.#database = database
    this.#issuance = issuance
    this.#logger = logger
  }

  /** Writes a draft and funds its budget, or says what makes no sense. */
  async create(input: CreateCampaignInput, client: string): Promise<CampaignRow | MessageText> {
    const refusal = refusalOf(input, await readClock(this.#database))
    if (refusal !== null) return refusal
    const { budgetFen, faceFen, minSpendFen = 0 } = input
    const terms = { ...input, minSpendFen, limit: limitOf(budgetFen, faceFen) }
    const row = await this.insert(`campaign_${v7()}`, terms, client)
    if (row === undefined) throw new Error('expected a new campaign id, got one that is taken')
    return row
  }

  /** A draft under a given id, for the seed; undefined when there is one. */
  insert(campaignId: string, terms: CampaignTerms, client: string): Promise<CampaignRow | undefined> {
    return insertCampaign(this.#database, campaignId, terms, client)
  }

  /**
   * Changes a campaign and waits until coupon obeys.
   * @throws Fault BAD_ID, BAD_INPUT; PENDING: it is written here, coupon has not acknowledged it yet, ask again
   */
  async change(request: ChangeRequest, call: PeerCall): Promise<ChangeAnswer> {
    assertCampaignId(request.campaignId)
    if (request.reason !== undefined) assertWords('reason', request.reason)
    if (request.notice !== undefined) {
      assertWords('noticeZh', request.notice.zh)
      assertWords('noticeEn', request.notice.en)
    }
    const written = await this.write(request)
    if (written.kind !== 'changed') return written
    try {
      await this.#push(written.campaign, { ...call, deadlineMs: call.deadlineMs - ANSWER_MS })
    } catch (error) {
      this.#logger.warn(
        { err: error, campaignId: request.campaignId },
        'coupon has not acknowledged a change',
      )
      throw new Fault(
        'PENDING',
        'the change is recorded, and issuance has not acknowledged it yet; it is being pushed, ask again',
        { retryAfterMs: PENDING_RETRY_AFTER_MS, cause: error },
      )
    }
    // Another change may have overtaken this one while coupon was called.
    const [now] = await readCampaigns(this.#database, [request.campaignId])
    if (now === undefined) return { kind: 'notFound' }
    return now.state === stateAfter(request.change)
      ? { kind: 'changed', campaign: now }
      : { kind: 'conflict', state: now.state }
  }

  /** The first half of a change: here, without coupon, which the sweep pushes after `pushInMs`. */
  write(request: ChangeRequest, pushInMs: number = PUSH_AGAIN_MS): Promise<ChangeAnswer> {
    const { campaignId, change, notice = null, reason = null, client } = request
    return this.#database.transaction(async transaction => {
      const row = await lockCampaign(transaction, campaignId)
      if (row === undefined) return { kind: 'notFound' }
      switch (decide(row.state, noticeOf(row), change, notice)) {
        case 'conflict':
          return { kind: 'conflict', state: row.state }
        case 'unchanged':
          return { kind: 'changed', campaign: row }
        case 'apply': {
          const record = {
            change,
            state: stateAfter(change),
            notice,
            reason,
            client,
            pushInMs,
          }
          return { kind: 'changed', campaign: await writeChange(transaction, campaignId, record) }
        }
      }
    })
  }

  /**
   * One pass of the sweep: starts scheduled campaigns whose time has come, pushes what coupon has not acknowledged. True
   * when more is due. A push that fails is logged and due again in 2 s; it stops no other.
   */
  async sweep(signal: AbortSignal): Promise<boolean> {
    const toStart = await readCampaignsToStart(this.#database, SWEEP_ROWS)
    for (const campaignId of toStart) {
      if (signal.aborted) return false
      const started = await this.write({ campaignId, change: 'activate', client: 'campaign' })
      if (started.kind === 'changed') await this.#tryPush(started.campaign)
    }
    const toPush = await takeCampaignsToPush(this.#database, SWEEP_ROWS, PUSH_AGAIN_MS)
    for (const campaign of toPush) {
      if (signal.aborted) return false
      await this.#tryPush(campaign)
    }
    return toStart.length === SWEEP_ROWS || toPush.length === SWEEP_ROWS
  }

  async #tryPush(campaign: CampaignRow): Promise<void> {
    try {
      await this.#push(campaign, { deadlineMs: deadlineIn(PUSH_MS_MAX) })
    } catch (error) {
      this.#logger.warn(
        { err: error, campaignId: campaign.campaignId, version: campaign.version },
        'coupon has not acknowledged a change; it will be pushed again',
      )
    }
  }

  /** The second half: brings coupon to this version. What coupon missed before its opening is opened first. */
  async #push(campaign: CampaignRow, call: PeerCall): Promise<void> {
    const { campaignId, version, openedVersion, ackedVersion, state } = campaign
    if (openedVersion === null || ackedVersion >= version) return
    if (ackedVersion < openedVersion) {
      const { limit, faceFen, minSpendFen, opensAt, closesAt, validUntil } = campaign
      const terms = { limit, faceFen, minSpendFen, opensAt, closesAt, validUntil }
      await this.#issuance.openIssuance({ campaignId, version: openedVersion, ...terms }, call)
      await acknowledge(this.#database, campaignId, openedVersion, 0)
    }
    if (version === openedVersion) return
    if (state === 'ENDED') {
      const closed = await this.#issuance.closeIssuance({ campaignId, version }, call)
      await acknowledge(this.#database, campaignId, version, closed.unissuedFen)
    } else {
      const { noticeZh, noticeEn } = campaign
      const paused = state === 'PAUSED'
      await this.#issuance.setIssuance({ campaignId, version, paused, noticeZh, noticeEn }, call)
      await acknowledge(this.#database, campaignId, version, 0)
    }
  }
}

const noticeOf = ({ noticeZh, noticeEn }: CampaignRow): Notice | null =>
  noticeZh === null || noticeEn === null ? null : { zh: noticeZh, en: noticeEn }
