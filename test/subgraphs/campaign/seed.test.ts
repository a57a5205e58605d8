import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { nextMarch } from '../../../subgraphs/campaign/seed.ts'
import { createTestDatabase, type TestDatabase, until } from '../../harness/postgres.ts'
import { openCampaign } from './open-campaign.ts'

let owned: TestDatabase
beforeAll(async () => {
  owned = await createTestDatabase()
})
afterAll(async () => await owned.close())

const SEED = 'campaign_spring-festival'

describe('the seed', () => {
  it('is a running Spring Festival campaign of 3 billion yuan, open at coupon when the subgraph has started', async () => {
    await using open = await openCampaign(owned.connection, { seed: true })
    const { campaign } = await open.data<{ campaign: Record<string, unknown> }>(
      `{ campaign(id: "${SEED}") { state budgetFen faceFen minSpendFen validUntil phases { closesAt } } }`,
    )
    expect(campaign).toMatchObject({
      state: 'ACTIVE',
      budgetFen: 300_000_000_000,
      faceFen: 2_500,
      minSpendFen: 0,
    })
    expect(campaign.validUntil).toMatch(/-02-2[89]T16:00:00\.000Z$/)
    expect(await open.coupon.sql('SELECT limit_count, state FROM issuance')).toEqual([
      { limit_count: 120_000_000, state: 'OPEN' },
    ])
    expect((await open.coupon.claim('first', SEED)).code).toBe('COUPON_ISSUED')
  })

  it('starts without coupon and is pushed when coupon comes', async () => {
    await using open = await openCampaign(owned.connection, { seed: true, broken: true })
    expect(await open.coupon.sql('SELECT 1 FROM issuance')).toEqual([])
    open.client.break = 'no'
    await until(
      'the sweep to push',
      async () => (await open.coupon.sql('SELECT 1 FROM issuance')).length === 1,
    )
  })

  it('is planted once, by whichever of several starts comes first', async () => {
    const schema = 'campaign_shared'
    const opened = await openCampaign(owned.connection, { seed: true, schema })
    const again = await openCampaign(owned.connection, { seed: true, schema })
    expect(await again.sql('SELECT campaign_id, version FROM campaign')).toEqual([
      { campaign_id: SEED, version: 2 },
    ])
    await opened[Symbol.asyncDispose]()
    await again[Symbol.asyncDispose]()
  })
})

describe('nextMarch', () => {
  it.each([
    ['2027-02-28T15:59:59.999Z', '2027-02-28T16:00:00.000Z'],
    ['2027-02-28T16:00:00.000Z', '2028-02-29T16:00:00.000Z'],
    ['2026-12-31T16:00:00.000Z', '2027-02-28T16:00:00.000Z'],
    ['2026-11-21T00:00:00.000Z', '2027-02-28T16:00:00.000Z'],
  ])('of %s is %s', (now, expected) => {
    expect(nextMarch(new Date(now)).toISOString()).toBe(expected)
  })
})
