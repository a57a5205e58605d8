import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { operation } from '../../harness/graph.ts'
import { ROOT } from '../../harness/processes.ts'
import type { World } from '../gateway/world.ts'

const sdlOf = (subgraph: string): string =>
  readFileSync(join(ROOT, 'subgraphs', subgraph, 'schema.graphql'), 'utf8')

type Ref = { readonly id: string }

const CAMPAIGN = {
  nameZh: '春节请客计划',
  nameEn: 'Spring Festival treat',
  state: 'ACTIVE',
  notice: null,
  phases: [
    { kind: 'ISSUANCE', opensAt: '2026-02-06T00:00:00.000Z', closesAt: '2026-02-13T16:00:00.000Z' },
    { kind: 'REDEMPTION', opensAt: '2026-02-06T00:00:00.000Z', closesAt: '2026-02-28T16:00:00.000Z' },
  ],
  faceFen: 2_500,
  minSpendFen: 1,
  validUntil: '2026-02-28T16:00:00.000Z',
}

const ISSUANCE = { state: 'OPEN', limit: 120_000_000, issued: 41_503_221, remaining: 78_496_779 }

/**
 * CampaignHome over the two of our own subgraphs that it takes: the campaign from one, how many coupons are left from the
 * other. A campaign for every id.
 */
export const home: World = {
  takesId: true,
  query: operation('CampaignHome').body,
  subgraphs: [
    {
      name: 'campaign',
      sdl: sdlOf('campaign'),
      resolvers: {
        Query: { campaign: (_: unknown, { id }: Ref) => ({ id, ...CAMPAIGN }) },
        Campaign: { __resolveReference: ({ id }: Ref) => ({ id, ...CAMPAIGN }) },
      },
    },
    {
      name: 'coupon',
      sdl: sdlOf('coupon'),
      resolvers: { Campaign: { __resolveReference: ({ id }: Ref) => ({ id, issuance: ISSUANCE }) } },
    },
  ],
}
