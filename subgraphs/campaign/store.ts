import type { Page } from '../connection.ts'
import type { Queryable, Statement } from '../database.ts'
import type { Change, Notice } from './campaign.ts'
import type { CampaignState } from './schema.generated.ts'

/** All of campaign's SQL, one statement a function. The only lock is the campaign's row. */

export interface CampaignTerms {
  readonly nameZh: string
  readonly nameEn: string
  readonly budgetFen: number
  readonly faceFen: number
  readonly minSpendFen: number
  readonly limit: number
  readonly opensAt: Date
  readonly closesAt: Date
  readonly validUntil: Date
}

export interface CampaignRow extends CampaignTerms {
  readonly campaignId: string
  readonly state: CampaignState
  readonly version: number
  readonly openedVersion: number | null
  readonly ackedVersion: number
  readonly noticeZh: string | null
  readonly noticeEn: string | null
  /** Milliseconds since 1970: what cursors are made of. Both are stored without microseconds. */
  readonly opensAtMs: number
  readonly createdAtMs: number
}

const CAMPAIGN = `
  campaign_id AS "campaignId", name_zh AS "nameZh", name_en AS "nameEn", state, version,
  opened_version AS "openedVersion", acked_version AS "ackedVersion", budget_fen AS "budgetFen", face_fen AS "faceFen",
  min_spend_fen AS "minSpendFen", limit_count AS "limit", opens_at AS "opensAt", closes_at AS "closesAt",
  valid_until AS "validUntil", notice_zh AS "noticeZh", notice_en AS "noticeEn",
  (extract(epoch FROM opens_at) * 1000)::bigint AS "opensAtMs",
  (extract(epoch FROM created_at) * 1000)::bigint AS "createdAtMs"`

const CLOCK: Statement = { name: 'clock', readOnly: true, text: 'SELECT clock() AS now' }

/** The database's clock. */
export async function readClock(db: Queryable): Promise<Date> {
  return (await db.query<{ now: Date }>(CLOCK))[0]!.now
}

const CAMPAIGNS_BY_ID: Statement = {
  name: 'campaigns_by_id',
  readOnly: true,
  text: `SELECT ${CAMPAIGN} FROM campaign WHERE campaign_id = ANY($1)`,
}

/** Campaigns by primary key, drafts too, in no order, absent ones left out. */
export function readCampaigns(db: Queryable, campaignIds: readonly string[]): Promise<CampaignRow[]> {
  return db.query(CAMPAIGNS_BY_ID, [campaignIds])
}

const LISTED: Statement = {
  name: 'listed_campaigns',
  readOnly: true,
  text: `SELECT ${CAMPAIGN} FROM campaign
          WHERE state <> 'DRAFT' AND ($1::text IS NULL OR state = $1)
            AND (opens_at, campaign_id) < (
              coalesce('epoch'::timestamptz + $2::bigint * interval '1 millisecond', 'infinity'), coalesce($3::text, ''))
          ORDER BY opens_at DESC, campaign_id DESC LIMIT $4`,
}

/** A page of campaigns, the one that opens last first, along campaign_listed. Cursor: (opensAtMs, campaignId). */
export function readListedCampaigns(
  db: Queryable,
  state: CampaignState | null,
  page: Page,
): Promise<CampaignRow[]> {
  return db.query(LISTED, [state, page.after?.[0] ?? null, page.after?.[1] ?? null, page.limit + 1])
}

const DRAFTS: Statement = {
  name: 'draft_campaigns',
  readOnly: true,
  text: `SELECT ${CAMPAIGN} FROM campaign
          WHERE state = 'DRAFT'
            AND (created_at, campaign_id) < (
              coalesce('epoch'::timestamptz + $1::bigint * interval '1 millisecond', 'infinity'), coalesce($2::text, ''))
          ORDER BY created_at DESC, campaign_id DESC LIMIT $3`,
}

/** A page of drafts, newest first, along campaign_drafts. Cursor: (createdAtMs, campaignId). */
export function readDraftCampaigns(db: Queryable, page: Page): Promise<CampaignRow[]> {
  return db.query(DRAFTS, [page.after?.[0] ?? null, page.after?.[1] ?? null, page.limit + 1])
}

const INSERT_CAMPAIGN: Statement = {
  name: 'insert_campaign',
  text: `WITH written AS (
           INSERT INTO campaign (campaign_id, name_zh, name_en, state, version, push_at, budget_fen, face_fen, min_spend_fen,
                                 limit_count, opens_at, closes_at, valid_until, created_at)
           SELECT $1, $2, $3, 'DRAFT', 1, t.now, $4, $5, $6, $7, $8, $9, $10, t.now FROM (SELECT date_trunc('milliseconds', clock()) AS now) t
           ON CONFLICT (campaign_id) DO NOTHING
           RETURNING *
         ), funded AS (
           INSERT INTO transfer (campaign_id, kind, debit, credit, amount_fen, at)
           SELECT campaign_id, 'FUND', 'external', 'treasury', budget_fen, created_at FROM written
         ), logged AS (
           INSERT INTO change (campaign_id, version, change, client, at)
           SELECT campaign_id, version, 'create', $11, created_at FROM written
         )
         SELECT ${CAMPAIGN} FROM written`,
}

/** Writes a draft and funds it; undefined when the id is taken. */
export async function insertCampaign(
  db: Queryable,
  campaignId: string,
  terms: CampaignTerms,
  client: string,
): Promise<CampaignRow | undefined> {
  const [row] = await db.query<CampaignRow>(INSERT_CAMPAIGN, [
    campaignId,
    terms.nameZh,
    terms.nameEn,
    terms.budgetFen,
    terms.faceFen,
    terms.minSpendFen,
    terms.limit,
    terms.opensAt,
    terms.closesAt,
    terms.validUntil,
    client,
  ])
  return row
}

const LOCK_CAMPAIGN: Statement = {
  name: 'lock_campaign',
  text: `SELECT ${CAMPAIGN} FROM campaign WHERE campaign_id = $1 FOR UPDATE`,
}

/** Locks a campaign against other changes, by primary key. */
export async function lockCampaign(
  transaction: Queryable,
  campaignId: string,
): Promise<CampaignRow | undefined> {
  return (await transaction.query<CampaignRow>(LOCK_CAMPAIGN, [campaignId]))[0]
}

const WRITE_CHANGE: Statement = {
  name: 'write_change',
  text: `WITH written AS (
           UPDATE campaign
              SET state = $2, version = version + 1, notice_zh = $3, notice_en = $4,
                  opened_version = CASE WHEN $5 = 'activate' THEN version + 1 ELSE opened_version END,
                  push_at = clock() + $6 * interval '1 millisecond'
            WHERE campaign_id = $1
            RETURNING *
         ), allotted AS (
           INSERT INTO transfer (campaign_id, kind, debit, credit, amount_fen, at)
           SELECT campaign_id, 'ALLOT', 'treasury', 'allotted', limit_count * face_fen, clock()
             FROM written WHERE $5 = 'activate'
         ), logged AS (
           INSERT INTO change (campaign_id, version, change, reason, client, at)
           SELECT campaign_id, version, $5, $7, $8, clock() FROM written
         )
         SELECT ${CAMPAIGN} FROM written`,
}

export interface ChangeRecord {
  readonly change: Change
  readonly state: CampaignState
  readonly notice: Notice | null
  readonly reason: string | null
  readonly client: string
  /** How long the sweep leaves the push to whoever asked for the change. */
  readonly pushInMs: number
}

/** Writes a change of a locked campaign: state, version + 1, the log, and on activation the allotment. */
export async function writeChange(
  transaction: Queryable,
  campaignId: string,
  record: ChangeRecord,
): Promise<CampaignRow> {
  const [row] = await transaction.query<CampaignRow>(WRITE_CHANGE, [
    campaignId,
    record.state,
    record.notice?.zh ?? null,
    record.notice?.en ?? null,
    record.change,
    record.pushInMs,
    record.reason,
    record.client,
  ])
  if (row === undefined) throw new Error(`expected ${campaignId}, got none`)
  return row
}

const ACKNOWLEDGE: Statement = {
  name: 'acknowledge',
  text: `WITH acknowledged AS (
           UPDATE campaign SET acked_version = greatest(acked_version, $2) WHERE campaign_id = $1
           RETURNING campaign_id
         )
         INSERT INTO transfer (campaign_id, kind, debit, credit, amount_fen, at)
         SELECT campaign_id, 'RETURN', 'allotted', 'returned', $3::bigint, clock() FROM acknowledged WHERE $3::bigint > 0
         ON CONFLICT (campaign_id, kind) DO NOTHING`,
}

/** Records that coupon holds a version, and what it returned when it closed; again changes nothing. */
export async function acknowledge(
  db: Queryable,
  campaignId: string,
  version: number,
  unissuedFen: number,
): Promise<void> {
  await db.query(ACKNOWLEDGE, [campaignId, version, unissuedFen])
}

const TO_START: Statement = {
  name: 'campaigns_to_start',
  readOnly: true,
  text: `SELECT campaign_id AS "campaignId" FROM campaign
          WHERE state = 'SCHEDULED' AND opens_at <= (SELECT clock()) ORDER BY opens_at LIMIT $1`,
}

/** Scheduled campaigns whose time has come, along campaign_to_start. */
export async function readCampaignsToStart(db: Queryable, rowsMax: number): Promise<string[]> {
  const rows = await db.query<{ campaignId: string }>(TO_START, [rowsMax])
  return rows.map(({ campaignId }) => campaignId)
}

const TAKE_TO_PUSH: Statement = {
  name: 'take_to_push',
  text: `UPDATE campaign SET push_at = clock() + $2 * interval '1 millisecond'
          WHERE campaign_id IN (
            SELECT campaign_id FROM campaign
             WHERE opened_version IS NOT NULL AND acked_version < version AND push_at <= (SELECT clock())
             ORDER BY push_at LIMIT $1 FOR UPDATE SKIP LOCKED)
          RETURNING ${CAMPAIGN}`,
}

/**
 * Takes campaigns that coupon is behind on, along campaign_to_push, and puts their next push off: a lease, because no lock
 * may be held while coupon is called.
 */
export function takeCampaignsToPush(
  db: Queryable,
  rowsMax: number,
  againInMs: number,
): Promise<CampaignRow[]> {
  return db.query(TAKE_TO_PUSH, [rowsMax, againInMs])
}

const ANY_CAMPAIGN: Statement = {
  name: 'any_campaign',
  readOnly: true,
  text: 'SELECT EXISTS (SELECT 1 FROM campaign) AS there',
}

/** Whether there is any campaign at all. */
export async function hasCampaigns(db: Queryable): Promise<boolean> {
  return (await db.query<{ there: boolean }>(ANY_CAMPAIGN))[0]!.there
}
