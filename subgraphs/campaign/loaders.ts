import DataLoader from 'dataloader'
import type { Database } from '../database.ts'
import { type CampaignRow, readCampaigns } from './store.ts'

/** Ids in one statement. */
const BATCH_MAX = 500

/** One request's look-ups, gathered into one statement. Made anew for every request: their memory is its snapshot. */
export interface CampaignLoaders {
  /** By id, drafts too; null when there is none. */
  readonly campaign: DataLoader<string, CampaignRow | null>
}

export function createLoaders(database: Database): CampaignLoaders {
  return {
    campaign: new DataLoader(ids => loadCampaigns(database, ids), { maxBatchSize: BATCH_MAX }),
  }
}

async function loadCampaigns(
  database: Database,
  campaignIds: readonly string[],
): Promise<(CampaignRow | null)[]> {
  const byId = new Map((await readCampaigns(database, campaignIds)).map(row => [row.campaignId, row]))
  return campaignIds.map(campaignId => byId.get(campaignId) ?? null)
}
