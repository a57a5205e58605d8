import type { PostgresConnection } from '../../subgraphs/embedded-postgres.ts'
import { ask } from './postgres.ts'
import type { Stack } from './stack.ts'

const FACE_FEN = 2_500

/** A campaign with this many coupons, running. Its id. */
export async function runningCampaign(stack: Pick<Stack, 'operator'>, coupons: number): Promise<string> {
  const operator = stack.operator()
  const dayMs = 86_400_000
  const at = (days: number): string => new Date(Date.now() + days * dayMs).toISOString()
  const created = await operator.text(
    `mutation($input: CreateCampaignInput!) {
      createCampaign(input: $input) { __typename ... on CampaignCreated { campaign { id } } }
    }`,
    {
      input: {
        nameZh: '试',
        nameEn: 'Trial',
        budgetFen: coupons * FACE_FEN,
        faceFen: FACE_FEN,
        opensAt: at(-1),
        closesAt: at(30),
        validUntil: at(60),
      },
    },
  )
  const campaignId = created.body.data?.createCampaign?.campaign?.id
  if (typeof campaignId !== 'string') throw new Error(`not created: ${JSON.stringify(created.body)}`)
  const activated = await operator.text(
    'mutation($input: ChangeCampaignInput!) { activateCampaign(input: $input) { __typename } }',
    { input: { campaignId } },
  )
  if (activated.body.data?.activateCampaign?.__typename !== 'CampaignChanged') {
    throw new Error(`not activated: ${JSON.stringify(activated.body)}`)
  }
  return campaignId
}

/** What the coupon subgraph's tables say of a campaign, read in one snapshot. */
export interface Books {
  readonly coupons: number
  readonly shoppers: number
  readonly issued: number
  readonly issueTransfers: number
  readonly issueFen: number
}

export async function booksOf(database: PostgresConnection, campaignId: string): Promise<Books> {
  const [row] = await ask<Record<keyof Books, string>>(
    database,
    `SELECT (SELECT count(*) FROM coupon.coupon WHERE campaign_id = $1) AS "coupons",
            (SELECT count(DISTINCT shopper_id) FROM coupon.coupon WHERE campaign_id = $1) AS "shoppers",
            (SELECT sum(issued_count) FROM coupon.bucket WHERE campaign_id = $1) AS "issued",
            count(*) AS "issueTransfers", coalesce(sum(t.amount_fen), 0) AS "issueFen"
       FROM coupon.transfer t
      WHERE t.kind = 'ISSUE' AND t.campaign_id = $1`,
    [campaignId],
  )
  if (row === undefined) throw new Error('no row')
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [name, Number(value)]),
  ) as unknown as Books
}
