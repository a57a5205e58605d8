import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../harness/postgres.ts'
import {
  call,
  expectBalanced,
  FACE_FEN,
  type OpenCoupon,
  openCoupon,
  operator,
  shopper,
  VALID_UNTIL,
} from './open-coupon.ts'

let owned: TestDatabase
let coupon: OpenCoupon
beforeAll(async () => {
  owned = await createTestDatabase()
  coupon = await openCoupon(owned.connection)
})
afterAll(async () => {
  await coupon[Symbol.asyncDispose]()
  await owned.close()
})

let campaigns = 0
const newCampaign = (): string => `campaign_issuance-${++campaigns}`

const TERMS = {
  limit: 10,
  faceFen: FACE_FEN,
  minSpendFen: 0,
  opensAt: new Date('2020-01-01T00:00:00Z'),
  closesAt: VALID_UNTIL,
  validUntil: VALID_UNTIL,
}
const open = (campaignId: string, version: number, terms: Partial<typeof TERMS> = {}) =>
  coupon.campaign.openIssuance({ campaignId, version, ...TERMS, ...terms }, call())
const set = (campaignId: string, version: number, paused: boolean) =>
  coupon.campaign.setIssuance({ campaignId, version, paused, noticeZh: '停', noticeEn: 'stop' }, call())
const close = (campaignId: string, version: number) =>
  coupon.campaign.closeIssuance({ campaignId, version }, call())

const ISSUANCE = `query($representations: [_Any!]!) { _entities(representations: $representations) { ... on Campaign {
  issuance { state limit issued remaining allottedFen availableFen liabilityFen expenseFen returnedFen
    noticeZh noticeEn version opensAt validUntil } } } }`
async function read(...ids: string[]): Promise<(Record<string, unknown> | null)[]> {
  const representations = ids.map(id => ({ __typename: 'Campaign', id }))
  const data = await coupon.data<{ _entities: { issuance: Record<string, unknown> | null }[] }>(
    ISSUANCE,
    { representations },
    operator,
  )
  return data._entities.map(entity => entity.issuance)
}

describe('opening', () => {
  it('allots the budget once, however often it is asked', async () => {
    const campaignId = newCampaign()
    const together = await Promise.all([open(campaignId, 2), open(campaignId, 2), open(campaignId, 2)])
    for (const acknowledged of [...together, await open(campaignId, 1)]) {
      expect(acknowledged).toEqual({ campaignId, version: 2, state: 'OPEN', unissuedFen: 0 })
    }
    const [held] = await read(campaignId)
    expect(await expectBalanced(coupon, campaignId)).toMatchObject({ available: 10 * FACE_FEN })
    expect(held).toMatchObject({
      limit: 10,
      issued: 0,
      remaining: 10,
      allottedFen: 25_000,
      availableFen: 25_000,
    })
  })

  it.each([
    ['a limit of 0', { limit: 0 }],
    ['a face of 0', { faceFen: 0 }],
    ['a budget beyond 2^53-1', { limit: 2 ** 31 - 1, faceFen: 2 ** 31 }],
    ['a window that ends before it begins', { opensAt: VALID_UNTIL }],
    ['validity that ends before the window', { validUntil: new Date(VALID_UNTIL.getTime() - 1) }],
  ])('refuses %s', async (_, terms) => {
    await expect(open(newCampaign(), 2, terms)).rejects.toMatchObject({ code: 'BAD_INPUT' })
  })

  it('takes 3 billion yuan, which no Int32 holds', async () => {
    const campaignId = newCampaign()
    await open(campaignId, 2, { limit: 120_000_000 })
    expect((await read(campaignId))[0]).toMatchObject({ limit: 120_000_000, availableFen: 300_000_000_000 })
  })
})

describe('versions', () => {
  it('are obeyed upwards only: what comes late changes nothing and is told the version held', async () => {
    const campaignId = newCampaign()
    await open(campaignId, 2)
    expect(await set(campaignId, 5, true)).toMatchObject({ version: 5, state: 'PAUSED' })
    for (const late of [
      set(campaignId, 4, false),
      set(campaignId, 5, false),
      close(campaignId, 3),
      open(campaignId, 2),
    ]) {
      expect(await late).toMatchObject({ version: 5, state: 'PAUSED' })
    }
    expect((await read(campaignId))[0]).toMatchObject({
      state: 'PAUSED',
      noticeZh: '停',
      noticeEn: 'stop',
      version: 5,
    })
    expect(await set(campaignId, 6, false)).toMatchObject({ version: 6, state: 'OPEN' })
    expect((await read(campaignId))[0]).toMatchObject({ state: 'OPEN', noticeZh: null, noticeEn: null })
  })

  it('that arrive in any order and several times end in the state of the highest', async () => {
    const campaignId = newCampaign()
    await open(campaignId, 2)
    const versions = [9, 3, 7, 4, 8, 5, 6, 9, 3, 7]
    await Promise.all(versions.map(version => set(campaignId, version, version % 2 === 1)))
    expect((await read(campaignId))[0]).toMatchObject({ state: 'PAUSED', version: 9 })
  })

  it('of a campaign that was never opened are refused', async () => {
    const campaignId = newCampaign()
    await expect(set(campaignId, 3, true)).rejects.toMatchObject({ code: 'BAD_INPUT' })
    await expect(close(campaignId, 3)).rejects.toMatchObject({ code: 'BAD_INPUT' })
    await open(campaignId, 2)
    await expect(open(campaignId, 3)).rejects.toMatchObject({ code: 'BAD_INPUT' })
  })
})

describe('closing', () => {
  it('returns what was not issued, once, for good; coupons in wallets stay', async () => {
    const campaignId = newCampaign()
    await open(campaignId, 2)
    for (const name of ['one', 'two', 'three']) await coupon.claim(name, campaignId)
    for (const version of [3, 3]) {
      expect(await close(campaignId, version)).toEqual({
        campaignId,
        version: 3,
        state: 'CLOSED',
        unissuedFen: 7 * FACE_FEN,
      })
    }
    expect(await close(campaignId, 4)).toMatchObject({
      version: 4,
      state: 'CLOSED',
      unissuedFen: 7 * FACE_FEN,
    })
    expect(await set(campaignId, 5, false)).toMatchObject({ version: 5, state: 'CLOSED' })
    expect(await expectBalanced(coupon, campaignId)).toEqual({
      available: 0,
      liability: 3 * FACE_FEN,
      expense: 0,
      returned: 7 * FACE_FEN,
    })
    expect((await read(campaignId))[0]).toMatchObject({
      state: 'CLOSED',
      issued: 3,
      remaining: 0,
      availableFen: 0,
    })
    expect((await coupon.claim('four', campaignId)).reason).toBe('CLOSED')
    expect((await coupon.claim('one', campaignId)).coupon?.state).toBe('ISSUED')
  })

  it('counts every coupon of the batches that were under way', async () => {
    const campaignId = newCampaign()
    await open(campaignId, 2, { limit: 1_000 })
    const claims = Array.from({ length: 600 }, (_, index) => coupon.claim(`closing-${index}`, campaignId))
    await Promise.race(claims)
    const { unissuedFen } = await close(campaignId, 3)
    const answers = await Promise.all(claims)
    const issued = answers.filter(answer => answer.code === 'COUPON_ISSUED').length
    expect(unissuedFen).toBe((1_000 - issued) * FACE_FEN)
    expect(await expectBalanced(coupon, campaignId)).toMatchObject({
      available: 0,
      liability: issued * FACE_FEN,
    })
  })
})

describe('reading', () => {
  it('answers null for a campaign without issuance, and each of several in its place', async () => {
    const [first, second] = [newCampaign(), newCampaign()]
    await open(first, 2)
    await open(second, 2, { limit: 20 })
    const [a, none, b] = await read(first, 'campaign_none', second)
    expect([a?.limit, none, b?.limit]).toEqual([10, null, 20])
  })

  it('is refused to be changed from outside: FORBIDDEN', async () => {
    const operation = 'mutation($input: CloseIssuanceInput!) { closeIssuance(input: $input) { version } }'
    for (const caller of [shopper('x'), operator]) {
      const answer = await coupon.execute(
        operation,
        { input: { campaignId: newCampaign(), version: 9 } },
        caller,
      )
      expect(answer.errors?.[0]?.extensions?.code).toBe('FORBIDDEN')
    }
  })
})
