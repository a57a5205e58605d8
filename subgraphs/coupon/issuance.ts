import { v7 } from 'uuid'
import { Fault } from '../../protocol/fault.ts'
import type { Database } from '../database.ts'
import { assertCampaignId } from './coupon.ts'
import type {
  CloseIssuanceInput,
  Issuance,
  IssuanceAcknowledgement,
  IssuanceState,
  OpenIssuanceInput,
  SetIssuanceInput,
} from './schema.generated.ts'
import {
  closeIssuance,
  type IssuanceHead,
  type IssuanceRow,
  insertIssuance,
  lockBuckets,
  lockIssuance,
  writeIssuance,
} from './store.ts'

/**
 * Buckets of a new issuance. One is the fastest on one machine (27,000 claims/s end to end against 13,000 with 16); a
 * distributed Postgres wants 256, one a slice.
 */
const BUCKET_COUNT = 1

/**
 * What campaign orders, by version: a version at or below the one held changes nothing, and the answer tells the version
 * held. A change holds every bucket's row until it has committed, so a batch of claims is either before it, and counted,
 * or after it, and judged by it: once a pause is acknowledged, nothing is issued.
 *
 *     none ── open ──▶ OPEN ⇄ set ⇄ PAUSED        OPEN, PAUSED ── close ──▶ CLOSED, for good
 */
export class Issuances {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  /** @throws Fault BAD_ID; BAD_INPUT for terms that the database refuses, and for a second opening under a newer version */
  async open(input: OpenIssuanceInput): Promise<IssuanceAcknowledgement> {
    assertCampaignId(input.campaignId)
    const { campaignId, version, limit, faceFen, minSpendFen, opensAt, closesAt, validUntil } = input
    if (
      version < 1 ||
      limit < 1 ||
      faceFen < 1 ||
      minSpendFen < 0 ||
      !(limit * faceFen <= Number.MAX_SAFE_INTEGER)
    ) {
      throw new Fault(
        'BAD_INPUT',
        `expected positive terms within 2^53-1 fen, got ${limit} × ${faceFen} fen, version ${version}`,
      )
    }
    if (!(opensAt < closesAt && closesAt <= validUntil)) {
      throw new Fault('BAD_INPUT', 'expected opensAt < closesAt <= validUntil')
    }
    return this.#database.transaction(async transaction => {
      const issuance = { campaignId, version, limit, faceFen, minSpendFen, opensAt, closesAt, validUntil }
      const opened = await insertIssuance(transaction, {
        ...issuance,
        bucketCount: BUCKET_COUNT,
        ledgerUuid: v7(),
      })
      if (opened) return acknowledge(campaignId, version, 'OPEN', 0)
      const held = await lockIssuance(transaction, campaignId)
      if (held === undefined) throw new Error(`expected the issuance of ${campaignId}, got none`)
      if (version > held.version) {
        throw new Fault('BAD_INPUT', `${campaignId} was opened already; it holds version ${held.version}`)
      }
      return acknowledgeHeld(campaignId, held)
    })
  }

  /** @throws Fault BAD_INPUT for a campaign that was never opened */
  set(input: SetIssuanceInput): Promise<IssuanceAcknowledgement> {
    const { campaignId, version, paused } = input
    return this.#database.transaction(async transaction => {
      const held = expectOpened(campaignId, await lockIssuance(transaction, campaignId))
      if (version <= held.version) return acknowledgeHeld(campaignId, held)
      await lockBuckets(transaction, campaignId)
      const state = held.state === 'CLOSED' ? 'CLOSED' : paused ? 'PAUSED' : 'OPEN'
      const notice =
        state === 'PAUSED'
          ? { zh: input.noticeZh ?? null, en: input.noticeEn ?? null }
          : { zh: null, en: null }
      await writeIssuance(transaction, campaignId, version, state, notice)
      return acknowledge(campaignId, version, state, held.unissuedFen)
    })
  }

  /** Returns what is left, once. @throws Fault BAD_INPUT for a campaign that was never opened */
  close(input: CloseIssuanceInput): Promise<IssuanceAcknowledgement> {
    const { campaignId, version } = input
    return this.#database.transaction(async transaction => {
      const held = expectOpened(campaignId, await lockIssuance(transaction, campaignId))
      if (version <= held.version) return acknowledgeHeld(campaignId, held)
      if (held.state === 'CLOSED') {
        await writeIssuance(transaction, campaignId, version, 'CLOSED', { zh: null, en: null })
        return acknowledge(campaignId, version, 'CLOSED', held.unissuedFen)
      }
      await lockBuckets(transaction, campaignId)
      return acknowledge(campaignId, version, 'CLOSED', await closeIssuance(transaction, campaignId, version))
    })
  }
}

/** The graph's view: what is not stored follows from what is, so that the accounts add up at every read. */
export function present(row: IssuanceRow): Issuance {
  const { state, limit, issued, faceFen, unissuedFen, expenseFen } = row
  return {
    state,
    limit,
    issued,
    remaining: state === 'CLOSED' ? 0 : limit - issued,
    allottedFen: limit * faceFen,
    availableFen: (limit - issued) * faceFen - unissuedFen,
    liabilityFen: issued * faceFen - expenseFen - row.settledReturnedFen,
    expenseFen,
    returnedFen: row.settledReturnedFen + unissuedFen,
    faceFen,
    minSpendFen: row.minSpendFen,
    opensAt: row.opensAt,
    closesAt: row.closesAt,
    validUntil: row.validUntil,
    noticeZh: row.noticeZh,
    noticeEn: row.noticeEn,
    version: row.version,
  }
}

function expectOpened(campaignId: string, held: IssuanceHead | undefined): IssuanceHead {
  if (held === undefined) throw new Fault('BAD_INPUT', `${campaignId} was never opened`)
  return held
}

const acknowledgeHeld = (
  campaignId: string,
  { version, state, unissuedFen }: IssuanceHead,
): IssuanceAcknowledgement => acknowledge(campaignId, version, state, unissuedFen)

const acknowledge = (
  campaignId: string,
  version: number,
  state: IssuanceState,
  unissuedFen: number,
): IssuanceAcknowledgement => ({ campaignId, version, state, unissuedFen })
