import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ANONYMOUS } from '../../../protocol/caller.ts'
import { createTestDatabase, type TestDatabase } from '../../harness/postgres.ts'
import { type OpenCampaign, openCampaign, PAUSE } from './open-campaign.ts'

let owned: TestDatabase
let open: OpenCampaign
/** Five campaigns, by the year that they open in, and two drafts. */
const ids: string[] = []
const drafts: string[] = []
beforeAll(async () => {
  owned = await createTestDatabase()
  open = await openCampaign(owned.connection)
  for (const year of [2021, 2022, 2023, 2024, 2025]) {
    const campaignId = await open.create({ nameEn: `${year}`, opensAt: `${year}-01-01T00:00:00Z` })
    await open.change('activateCampaign', campaignId)
    ids.push(campaignId)
  }
  await open.change('pauseIssuance', ids[1] as string, PAUSE)
  for (const name of ['first', 'second']) drafts.push(await open.create({ nameEn: name }))
})
afterAll(async () => {
  await open[Symbol.asyncDispose]()
  await owned.close()
})

interface Page {
  readonly edges: readonly { node: { id: string } }[]
  readonly pageInfo: { hasNextPage: boolean; endCursor: string | null }
}
const list = async (field: string, variables: object = {}): Promise<Page> => {
  const state = field === 'campaigns' ? [', $state: CampaignState', ', state: $state'] : ['', '']
  const data = await open.data<Record<string, Page>>(
    `query($first: Int, $after: String${state[0]}) { ${field}(first: $first, after: $after${state[1]}) {
      edges { node { id } } pageInfo { hasNextPage endCursor } } }`,
    variables,
  )
  return data[field] as Page
}
const idsOf = (page: Page): string[] => page.edges.map(edge => edge.node.id)

async function all(field: string, first: number): Promise<string[]> {
  const seen: string[] = []
  let after: string | null = null
  do {
    const page: Page = await list(field, { first, after })
    seen.push(...idsOf(page))
    after = page.pageInfo.hasNextPage ? page.pageInfo.endCursor : null
  } while (after !== null)
  return seen
}

describe('campaigns', () => {
  it('are listed by opening, the last first, without drafts, in pages without gaps', async () => {
    expect(await all('campaigns', 2)).toEqual(ids.toReversed())
  })

  it('are filtered by state; DRAFT finds nothing', async () => {
    expect(idsOf(await list('campaigns', { state: 'PAUSED' }))).toEqual([ids[1]])
    expect(idsOf(await list('campaigns', { state: 'DRAFT' }))).toEqual([])
  })

  it('that are drafts are listed for operators, newest first', async () => {
    expect(await all('draftCampaigns', 1)).toEqual(drafts.toReversed())
  })

  it.each([
    ['first of 0', { first: 0 }],
    ['first of 51', { first: 51 }],
    ['a cursor that is none', { after: 'x' }],
    ['a cursor out of time', { after: Buffer.from('[9007199254740991,"a"]').toString('base64url') }],
  ])('refuse %s', async (_, variables) => {
    await expect(list('campaigns', variables)).rejects.toThrow(/^BAD_INPUT /)
  })
})

const CAMPAIGN = `query($id: ID!) { campaign(id: $id) { id nameZh nameEn state notice { zh en } phases { kind opensAt closesAt }
  budgetFen faceFen minSpendFen validUntil version } }`

describe('a campaign', () => {
  it('is anyone’s to read, with its windows and the notice while it is paused', async () => {
    expect(await open.data(CAMPAIGN, { id: ids[1] }, ANONYMOUS)).toEqual({
      campaign: {
        id: ids[1],
        nameZh: '新春',
        nameEn: '2022',
        state: 'PAUSED',
        notice: { zh: '明天再来', en: 'Come back tomorrow' },
        phases: [
          { kind: 'ISSUANCE', opensAt: '2022-01-01T00:00:00.000Z', closesAt: '2090-01-01T00:00:00.000Z' },
          { kind: 'REDEMPTION', opensAt: '2022-01-01T00:00:00.000Z', closesAt: '2090-02-01T00:00:00.000Z' },
        ],
        budgetFen: 10_000,
        faceFen: 2_500,
        minSpendFen: 0,
        validUntil: '2090-02-01T00:00:00.000Z',
        version: 3,
      },
    })
  })

  it('that is a draft or unknown is null; a malformed id is BAD_ID', async () => {
    expect(await open.data(CAMPAIGN, { id: drafts[0] })).toEqual({ campaign: null })
    expect(await open.data(CAMPAIGN, { id: 'campaign_none' })).toEqual({ campaign: null })
    await expect(open.data(CAMPAIGN, { id: 'campaign_A' })).rejects.toThrow(
      'BAD_ID expected campaign_ and 1 to 48 lower-case letters, digits and dashes, got "campaign_A"',
    )
  })

  it('is resolved by reference, each of several in its place', async () => {
    const representations = [ids[0], 'campaign_none', ids[4]].map(id => ({ __typename: 'Campaign', id }))
    const data = await open.data(
      'query($representations: [_Any!]!) { _entities(representations: $representations) { ... on Campaign { nameEn } } }',
      { representations },
      ANONYMOUS,
    )
    expect(data).toEqual({ _entities: [{ nameEn: '2021' }, null, { nameEn: '2025' }] })
  })
})

describe('invalidateCache', () => {
  const INVALIDATE = `mutation($input: InvalidateCacheInput!) { invalidateCache(input: $input) { code severity tags types } }`

  it('answers with what gateways are to forget, as it was given', async () => {
    const input = { tags: ['Product:product_42', '优惠', '*'], types: ['Campaign'] }
    expect(await open.data(INVALIDATE, { input })).toEqual({
      invalidateCache: { code: 'CACHE_INVALIDATED', severity: 'SUCCESS', ...input },
    })
    expect(await open.data(INVALIDATE, { input: { types: Array(100).fill('x'.repeat(256)) } })).toMatchObject(
      {
        invalidateCache: { tags: [] },
      },
    )
  })

  it.each([
    ['nothing', {}, 'input expects at least one of tags or types, got none'],
    ['empty lists', { tags: [], types: null }, 'input expects at least one of tags or types, got none'],
    ['101 tags', { tags: Array(101).fill('a') }, 'tags expects at most 100, got 101'],
    ['101 types', { types: Array(101).fill('a') }, 'types expects at most 100, got 101'],
    ['a tag of 257 characters', { tags: ['a'.repeat(257)] }, 'tags expects 1 to 256 characters'],
    ['an empty tag', { tags: ['a', ''] }, 'tags expects 1 to 256 characters without blanks each, got ""'],
    [
      'a blank in a type',
      { types: ['a b'] },
      'types expects 1 to 256 characters without blanks each, got "a b"',
    ],
    ['a control character', { tags: ['a\u0007'] }, 'tags expects 1 to 256 characters'],
  ])('refuses %s', async (_, input, words) => {
    await expect(open.data(INVALIDATE, { input })).rejects.toThrow(`BAD_INPUT ${words}`)
  })
})
