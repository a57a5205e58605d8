import type { Database } from '../database.ts'
import { limitOf } from './campaign.ts'
import type { Campaigns } from './campaigns.ts'
import { hasCampaigns, readCampaigns, readClock } from './store.ts'

const CAMPAIGN_ID = 'campaign_spring-festival'
/** 3 billion yuan. */
const BUDGET_FEN = 300_000_000_000
const FACE_FEN = 2_500
const DAY_MS = 86_400_000
/** Asia/Shanghai, without summer time. */
const OFFSET_MS = 8 * 3_600_000

/**
 * Gives an empty database the Spring Festival campaign, written and activated as an operator would, but for the wait: the
 * sweep pushes it to coupon. Several processes may do so at once; one of them writes it.
 */
export async function seed(database: Database, campaigns: Campaigns): Promise<void> {
  const [known] = await readCampaigns(database, [CAMPAIGN_ID])
  if (known === undefined) {
    if (await hasCampaigns(database)) return
    await insertDraft(database, campaigns)
  }
  // A draft here is one whose process died between the two steps.
  if (known === undefined || known.state === 'DRAFT') {
    await campaigns.write({ campaignId: CAMPAIGN_ID, change: 'activate', client: 'seed' }, 0)
  }
}

async function insertDraft(database: Database, campaigns: Campaigns): Promise<void> {
  const now = await readClock(database)
  const validUntil = nextMarch(now)
  await campaigns.insert(
    CAMPAIGN_ID,
    {
      nameZh: '新春优惠券',
      nameEn: 'Spring Festival coupons',
      budgetFen: BUDGET_FEN,
      faceFen: FACE_FEN,
      minSpendFen: 0,
      limit: limitOf(BUDGET_FEN, FACE_FEN),
      opensAt: new Date(Math.floor((now.getTime() + OFFSET_MS) / DAY_MS) * DAY_MS - OFFSET_MS),
      closesAt: validUntil,
      validUntil,
    },
    'seed',
  )
}

/** The next 1 March, 00:00 in Shanghai: what is valid before it is valid through the last day of February. */
export function nextMarch(now: Date): Date {
  const year = new Date(now.getTime() + OFFSET_MS).getUTCFullYear()
  const march = (of: number): Date => new Date(Date.UTC(of, 2, 1) - OFFSET_MS)
  return now < march(year) ? march(year) : march(year + 1)
}
