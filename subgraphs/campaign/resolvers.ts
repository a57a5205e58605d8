import type { GraphQLResolverMap } from '@apollo/subgraph'
import { Fault } from '../../protocol/fault.ts'
import { requireScope } from '../authorize.ts'
import { type Connection, connectionOf, type Page, pageOf } from '../connection.ts'
import type { Database } from '../database.ts'
import { outcome, type ShopperMessage } from '../message.ts'
import type { RequestContext } from '../subgraph.ts'
import { assertCampaignId, assertTags, type Change } from './campaign.ts'
import type { Campaigns, ChangeRequest } from './campaigns.ts'
import type { CampaignLoaders } from './loaders.ts'
import * as messages from './messages.ts'
import type {
  Campaign,
  MutationActivateCampaignArgs,
  MutationCreateCampaignArgs,
  MutationEndCampaignArgs,
  MutationInvalidateCacheArgs,
  MutationPauseIssuanceArgs,
  MutationResumeIssuanceArgs,
  MutationScheduleCampaignArgs,
  QueryCampaignArgs,
  QueryCampaignsArgs,
  QueryDraftCampaignsArgs,
} from './schema.generated.ts'
import { type CampaignRow, readDraftCampaigns, readListedCampaigns } from './store.ts'

export interface CampaignContext {
  readonly database: Database
  readonly loaders: CampaignLoaders
  readonly campaigns: Campaigns
}

type Context = RequestContext & CampaignContext

const PAGE = 10
const PAGE_MAX = 50

export const resolvers: GraphQLResolverMap<Context> = {
  Query: {
    async campaigns(
      _: unknown,
      args: QueryCampaignsArgs,
      { database }: Context,
    ): Promise<Connection<Campaign>> {
      const page = pageOfCampaigns(args)
      const rows = await readListedCampaigns(database, args.state ?? null, page)
      return connectionOf(rows, page, row => [row.opensAtMs, row.campaignId], campaignOf)
    },

    campaign: (_: unknown, { id }: QueryCampaignArgs, context: Context): Promise<Campaign | null> =>
      publicCampaign(id, context),

    async draftCampaigns(
      _: unknown,
      args: QueryDraftCampaignsArgs,
      { caller, database }: Context,
    ): Promise<Connection<Campaign>> {
      requireScope(caller, 'campaign:operate')
      const page = pageOfCampaigns(args)
      const rows = await readDraftCampaigns(database, page)
      return connectionOf(rows, page, row => [row.createdAtMs, row.campaignId], campaignOf)
    },
  },

  Mutation: {
    async createCampaign(
      _: unknown,
      { input }: MutationCreateCampaignArgs,
      context: Context,
    ): Promise<ShopperMessage> {
      requireScope(context.caller, 'campaign:operate')
      const created = await context.campaigns.create(input, context.caller.client)
      return 'severity' in created
        ? outcome('CampaignRefused', created, {})
        : outcome('CampaignCreated', messages.CREATED, { campaign: campaignOf(created) })
    },
    scheduleCampaign: (_: unknown, { input }: MutationScheduleCampaignArgs, context: Context) =>
      change('schedule', input, context),
    activateCampaign: (_: unknown, { input }: MutationActivateCampaignArgs, context: Context) =>
      change('activate', input, context),
    pauseIssuance: (_: unknown, { input }: MutationPauseIssuanceArgs, context: Context) => {
      const { campaignId, reason, noticeZh: zh, noticeEn: en } = input
      return change('pause', { campaignId, reason, notice: { zh, en } }, context)
    },
    resumeIssuance: (_: unknown, { input }: MutationResumeIssuanceArgs, context: Context) =>
      change('resume', input, context),
    endCampaign: (_: unknown, { input }: MutationEndCampaignArgs, context: Context) =>
      change('end', input, context),

    /** Nothing is kept here: the gateway that carries the answer knows by its policies what is to be forgotten. */
    invalidateCache(_: unknown, { input }: MutationInvalidateCacheArgs, { caller }: Context): ShopperMessage {
      requireScope(caller, 'campaign:operate')
      const tags = input.tags ?? []
      const types = input.types ?? []
      if (tags.length + types.length === 0)
        throw new Fault('BAD_INPUT', 'input expects at least one of tags or types, got none')
      assertTags('tags', tags)
      assertTags('types', types)
      return outcome('CacheInvalidated', messages.CACHE_INVALIDATED, { tags, types })
    },
  },

  Campaign: {
    __resolveReference: ({ id }: { readonly id: string }, context: Context): Promise<Campaign | null> =>
      publicCampaign(id, context),
  },
}

async function change(
  change: Change,
  request: Pick<ChangeRequest, 'campaignId' | 'reason' | 'notice'>,
  { caller, campaigns, deadlineMs, traceparent }: Context,
): Promise<ShopperMessage> {
  requireScope(caller, 'campaign:operate')
  const answer = await campaigns.change(
    { ...request, change, client: caller.client },
    { deadlineMs, traceparent },
  )
  switch (answer.kind) {
    case 'notFound':
      return outcome('CampaignNotFound', messages.NOT_FOUND, {})
    case 'conflict':
      return outcome('CampaignStateConflict', messages.conflict(change, answer.state), {
        state: answer.state,
      })
    case 'changed':
      return outcome('CampaignChanged', messages.CHANGED[change], { campaign: campaignOf(answer.campaign) })
  }
}

/** The same for every caller, since the answer is shared: a draft is nobody's here. */
async function publicCampaign(id: string, { loaders }: Context): Promise<Campaign | null> {
  assertCampaignId(id)
  const row = await loaders.campaign.load(id)
  return row === null || row.state === 'DRAFT' ? null : campaignOf(row)
}

function campaignOf(row: CampaignRow): Campaign {
  const { opensAt, closesAt, validUntil, noticeZh, noticeEn } = row
  return {
    id: row.campaignId,
    nameZh: row.nameZh,
    nameEn: row.nameEn,
    state: row.state,
    notice: noticeZh === null || noticeEn === null ? null : { zh: noticeZh, en: noticeEn },
    phases: [
      { kind: 'ISSUANCE', opensAt, closesAt },
      { kind: 'REDEMPTION', opensAt, closesAt: validUntil },
    ],
    budgetFen: row.budgetFen,
    faceFen: row.faceFen,
    minSpendFen: row.minSpendFen,
    validUntil,
    version: row.version,
  }
}

/** The end of the year 9999, the last that a DateTime can name. */
const INSTANT_MS_MAX = 253_402_300_800_000

function pageOfCampaigns(args: QueryDraftCampaignsArgs): Page {
  const page = pageOf(args, PAGE, PAGE_MAX, ['number', 'string'])
  if (page.after !== undefined && Math.abs(Number(page.after[0])) > INSTANT_MS_MAX) {
    throw new Fault('BAD_INPUT', 'after expects a cursor of this list')
  }
  return page
}
