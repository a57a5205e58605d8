import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase, until } from '../../harness/postgres.ts'
import { expectBalanced, shopper } from '../coupon/open-coupon.ts'
import { INPUT, type OpenCampaign, openCampaign, operator, PAUSE } from './open-campaign.ts'

let owned: TestDatabase
let open: OpenCampaign
beforeAll(async () => {
  owned = await createTestDatabase()
  open = await openCampaign(owned.connection)
})
afterAll(async () => {
  await open[Symbol.asyncDispose]()
  await owned.close()
})

/** The treasury's accounts of one campaign, from its ledger. */
async function treasury(campaignId: string, from = open): Promise<Record<string, number>> {
  const rows = await from.sql<{ account: string; fen: string }>(
    `SELECT account, sum(fen) AS fen FROM (
       SELECT credit AS account, amount_fen AS fen FROM transfer WHERE campaign_id = $1
       UNION ALL SELECT debit, -amount_fen FROM transfer WHERE campaign_id = $1) entry GROUP BY account`,
    [campaignId],
  )
  return Object.fromEntries(rows.map(({ account, fen }) => [account, Number(fen)]))
}

const held = async (campaignId: string, from = open) =>
  (
    await from.coupon.sql<{ version: number; state: string }>(
      'SELECT version, state FROM issuance WHERE campaign_id = $1',
      [campaignId],
    )
  )[0]

describe('a campaign’s life', () => {
  it('goes from draft to ended, with coupon at the same version at every answer and the money accounted for', async () => {
    const campaignId = await open.create({ budgetFen: 10_400 })
    expect(await treasury(campaignId)).toEqual({ external: -10_400, treasury: 10_400 })
    expect(await held(campaignId)).toBeUndefined()

    expect(await open.change('activateCampaign', campaignId)).toMatchObject({
      code: 'CAMPAIGN_CHANGED',
      campaign: { state: 'ACTIVE', version: 2, notice: null },
    })
    expect(await held(campaignId)).toEqual({ version: 2, state: 'OPEN' })
    // Four whole coupons; the 400 fen that pay for none stay in the treasury.
    expect(await treasury(campaignId)).toEqual({ external: -10_400, treasury: 400, allotted: 10_000 })
    expect(await expectBalanced(open.coupon, campaignId)).toMatchObject({ available: 10_000 })
    expect((await open.coupon.claim('one', campaignId)).code).toBe('COUPON_ISSUED')

    expect(await open.change('pauseIssuance', campaignId, PAUSE)).toMatchObject({
      campaign: { state: 'PAUSED', version: 3, notice: { zh: '明天再来', en: 'Come back tomorrow' } },
    })
    expect(await held(campaignId)).toEqual({ version: 3, state: 'PAUSED' })
    expect(await open.coupon.claim('two', campaignId)).toMatchObject({
      code: 'ISSUANCE_PAUSED',
      noticeEn: 'Come back tomorrow',
    })

    expect(await open.change('resumeIssuance', campaignId)).toMatchObject({
      campaign: { state: 'ACTIVE', version: 4, notice: null },
    })
    expect((await open.coupon.claim('two', campaignId)).code).toBe('COUPON_ISSUED')

    expect(await open.change('endCampaign', campaignId)).toMatchObject({
      campaign: { state: 'ENDED', version: 5 },
    })
    expect(await held(campaignId)).toEqual({ version: 5, state: 'CLOSED' })
    expect(await treasury(campaignId)).toEqual({
      external: -10_400,
      treasury: 400,
      allotted: 5_000,
      returned: 5_000,
    })
    expect(await expectBalanced(open.coupon, campaignId)).toEqual({
      available: 0,
      liability: 5_000,
      expense: 0,
      returned: 5_000,
    })
    expect(
      await open.sql(
        'SELECT version, change, reason, client FROM change WHERE campaign_id = $1 ORDER BY version',
        [campaignId],
      ),
    ).toEqual([
      { version: 1, change: 'create', reason: null, client: 'control-room' },
      { version: 2, change: 'activate', reason: null, client: 'control-room' },
      { version: 3, change: 'pause', reason: 'too many', client: 'control-room' },
      { version: 4, change: 'resume', reason: null, client: 'control-room' },
      { version: 5, change: 'end', reason: null, client: 'control-room' },
    ])
  })

  it('answers a request that comes again with the same state and version', async () => {
    const campaignId = await open.create()
    for (const [field, version, more] of [
      ['scheduleCampaign', 2, {}],
      ['activateCampaign', 3, {}],
      ['pauseIssuance', 4, PAUSE],
      ['resumeIssuance', 5, {}],
      ['endCampaign', 6, {}],
    ] as const) {
      for (const _ of [1, 2]) {
        expect(await open.change(field, campaignId, more)).toMatchObject({
          code: 'CAMPAIGN_CHANGED',
          campaign: { version },
        })
      }
      // The campaign may start by itself meanwhile, its time has long come.
      if (field === 'scheduleCampaign') {
        await until('the sweep to start it', async () => (await held(campaignId))?.version === 3)
      }
    }
  })

  it('changes the words of a pause when they are others', async () => {
    const campaignId = await open.create()
    await open.change('activateCampaign', campaignId)
    await open.change('pauseIssuance', campaignId, PAUSE)
    expect(
      await open.change('pauseIssuance', campaignId, { ...PAUSE, noticeEn: 'In an hour' }),
    ).toMatchObject({
      campaign: { version: 4, notice: { en: 'In an hour' } },
    })
    expect(await open.coupon.claim('words', campaignId)).toMatchObject({ noticeEn: 'In an hour' })
  })

  it.each([
    ['pauseIssuance', 'DRAFT', []],
    ['resumeIssuance', 'DRAFT', []],
    ['endCampaign', 'DRAFT', []],
    ['pauseIssuance', 'SCHEDULED', ['scheduleCampaign']],
    ['scheduleCampaign', 'ACTIVE', ['activateCampaign']],
    ['activateCampaign', 'PAUSED', ['activateCampaign', 'pauseIssuance']],
    ['resumeIssuance', 'ENDED', ['activateCampaign', 'endCampaign']],
    ['activateCampaign', 'ENDED', ['activateCampaign', 'endCampaign']],
    ['pauseIssuance', 'ENDED', ['activateCampaign', 'endCampaign']],
  ])('refuses %s of a campaign that is %s', async (field, state, path) => {
    // Opens long after today, so that what is scheduled stays so.
    const campaignId = await open.create({ opensAt: '2080-01-01T00:00:00Z' })
    const input = (name: string): object => (name === 'pauseIssuance' ? PAUSE : {})
    for (const name of path) await open.change(name, campaignId, input(name))
    expect(await open.change(field, campaignId, input(field))).toMatchObject({
      code: 'CAMPAIGN_STATE_CONFLICT',
      state,
    })
  })

  it('counts every one of many changes that come at once', async () => {
    const campaignId = await open.create()
    await open.change('activateCampaign', campaignId)
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, index) =>
        index % 2 === 0
          ? open.change('pauseIssuance', campaignId, PAUSE)
          : open.change('resumeIssuance', campaignId),
      ),
    )
    for (const { code } of answers) expect(['CAMPAIGN_CHANGED', 'CAMPAIGN_STATE_CONFLICT']).toContain(code)
    const [row] = await open.sql<{ version: number; acked_version: number; state: string }>(
      'SELECT version, acked_version, state FROM campaign WHERE campaign_id = $1',
      [campaignId],
    )
    const issuance = await held(campaignId)
    expect(issuance).toEqual({ version: row?.version, state: row?.state === 'ACTIVE' ? 'OPEN' : 'PAUSED' })
    expect(row?.acked_version).toBe(row?.version)
  })
})

describe('when coupon cannot be reached', () => {
  it.each(['before', 'after'] as const)(
    'a change is PENDING (broken %s the call ran), the sweep brings it through, and asking again succeeds',
    async broken => {
      await using own = await openCampaign(owned.connection)
      const campaignId = await own.create()
      own.client.break = broken
      const answer = await own.execute(
        'mutation($input: ChangeCampaignInput!) { activateCampaign(input: $input) { __typename } }',
        { input: { campaignId } },
      )
      expect(answer.errors?.[0]?.extensions).toMatchObject({
        code: 'PENDING',
        retryAfterMs: expect.any(Number),
      })
      own.client.break = 'no'
      await until('the sweep to push', async () => {
        const [row] = await own.sql<{ acked_version: number }>('SELECT acked_version FROM campaign')
        return row?.acked_version === 2
      })
      expect(await held(campaignId, own)).toEqual({ version: 2, state: 'OPEN' })
      expect(await own.change('activateCampaign', campaignId)).toMatchObject({
        campaign: { state: 'ACTIVE', version: 2 },
      })
    },
  )

  it('changes pile up and arrive as one: opened with its own version, then what holds now', async () => {
    await using own = await openCampaign(owned.connection, { broken: true })
    const campaignId = await own.create()
    for (const [field, more] of [
      ['activateCampaign', {}],
      ['pauseIssuance', PAUSE],
      ['endCampaign', {}],
    ] as const) {
      await expect(own.change(field, campaignId, more)).rejects.toThrow(/^PENDING /)
    }
    own.client.break = 'no'
    expect(await own.change('endCampaign', campaignId)).toMatchObject({
      campaign: { state: 'ENDED', version: 4 },
    })
    expect(
      own.client.sent.slice(0, 2).map(request => (request.variables.input as { version: number }).version),
    ).toEqual([2, 4])
    expect(await held(campaignId, own)).toEqual({ version: 4, state: 'CLOSED' })
    expect(await treasury(campaignId, own)).toEqual({
      external: -10_000,
      treasury: 0,
      allotted: 0,
      returned: 10_000,
    })
  })

  it('no connection is held while it is called', async () => {
    await using own = await openCampaign(owned.connection)
    const campaignId = await own.create()
    const busy: number[] = []
    const execute = own.client.execute.bind(own.client)
    own.client.execute = request => {
      busy.push(own.database.load.busy)
      return execute(request)
    }
    // The sweep may look for due rows at the same moment; a change's own connection would be there every time.
    for (const field of ['activateCampaign', 'endCampaign']) {
      busy.length = 0
      await own.change(field, campaignId)
      expect(Math.min(...busy)).toBe(0)
    }
  })
})

describe('a scheduled campaign', () => {
  it('starts by itself at its opensAt and not a millisecond before', async () => {
    await using own = await openCampaign(owned.connection)
    const opensAt = new Date('2030-01-01T00:00:00.000Z')
    await own.setClock(new Date(opensAt.getTime() - 1))
    const campaignId = await own.create({ opensAt: opensAt.toISOString() })
    await own.change('scheduleCampaign', campaignId)
    const state = async () => (await own.sql<{ state: string }>('SELECT state FROM campaign'))[0]?.state
    // A second campaign that is due shows that the sweep has been by.
    const due = await own.create({ opensAt: '2029-01-01T00:00:00Z' })
    await own.change('scheduleCampaign', due)
    await until('the sweep to come by', async () => (await held(due, own)) !== undefined)
    expect(await held(campaignId, own)).toBeUndefined()
    await own.setClock(opensAt)
    await until('it to start', async () => (await held(campaignId, own))?.state === 'OPEN')
    expect(await state()).toBe('ACTIVE')
  })
})

describe('a scheduled campaign that is ended', () => {
  it('is called off: it never starts, coupon hears nothing, and its budget stays in the treasury', async () => {
    await using own = await openCampaign(owned.connection)
    const opensAt = new Date('2030-01-01T00:00:00.000Z')
    await own.setClock(new Date(opensAt.getTime() - 1))
    const campaignId = await own.create({ opensAt: opensAt.toISOString() })
    await own.change('scheduleCampaign', campaignId)
    for (const _ of [1, 2]) {
      expect(await own.change('endCampaign', campaignId)).toMatchObject({
        campaign: { state: 'ENDED', version: 3 },
      })
    }
    expect(await own.change('activateCampaign', campaignId)).toMatchObject({
      code: 'CAMPAIGN_STATE_CONFLICT',
      state: 'ENDED',
    })
    await own.setClock(opensAt)
    // Another campaign that is due shows that the sweep has been by.
    const due = await own.create({ opensAt: '2029-01-01T00:00:00Z' })
    await own.change('scheduleCampaign', due)
    await until('the sweep to come by', async () => (await held(due, own)) !== undefined)
    expect(await held(campaignId, own)).toBeUndefined()
    expect(await treasury(campaignId, own)).toEqual({ external: -10_000, treasury: 10_000 })
  })
})

describe('createCampaign', () => {
  it.each([
    ['a face of 0', { faceFen: 0 }, 'faceFen'],
    ['a negative face', { faceFen: -1 }, 'faceFen'],
    ['a budget of less than one face', { budgetFen: 2_499 }, 'budgetFen'],
    ['more coupons than Int32 holds', { budgetFen: 2 ** 31, faceFen: 1 }, '2147483647'],
    ['a negative minimum', { minSpendFen: -1 }, 'minSpendFen'],
    ['an empty window', { opensAt: INPUT.closesAt }, 'opensAt'],
    ['validity that ends before the window', { validUntil: '2089-12-31T00:00:00Z' }, 'validUntil'],
    ['a window that is over', { closesAt: '2020-01-02T00:00:00Z' }, 'closesAt'],
    ['a blank name', { nameZh: ' ' }, 'nameZh'],
    ['a name of 101 characters', { nameEn: 'x'.repeat(101) }, 'nameEn'],
    ['a NUL in a name', { nameEn: 'a\0b' }, 'nameEn'],
    ['half a surrogate pair in a name', { nameZh: '\ud83d' }, 'nameZh'],
  ])('refuses %s, saying which', async (_, input, word) => {
    const before = await open.sql('SELECT 1 FROM campaign')
    await expect(open.create(input)).rejects.toThrow(new RegExp(`^CAMPAIGN_REFUSED .*${word}`))
    expect(await open.sql('SELECT 1 FROM campaign')).toHaveLength(before.length)
  })

  it('takes names in any script, 100 characters of them, and exactly one coupon’s budget', async () => {
    await open.create({ nameZh: '🧧'.repeat(100), budgetFen: 2_500, minSpendFen: 0 })
  })

  it('takes 3 billion yuan', async () => {
    const campaignId = await open.create({ budgetFen: 300_000_000_000 })
    await open.change('activateCampaign', campaignId)
    expect(await expectBalanced(open.coupon, campaignId)).toMatchObject({ available: 300_000_000_000 })
  })
})

describe('operators', () => {
  it('alone may create, change and see drafts', async () => {
    const campaignId = await open.create()
    const operations: [string, object][] = [
      [
        'mutation($input: CreateCampaignInput!) { createCampaign(input: $input) { __typename } }',
        { input: INPUT },
      ],
      [
        'mutation($input: PauseIssuanceInput!) { pauseIssuance(input: $input) { __typename } }',
        { input: { campaignId, ...PAUSE } },
      ],
      ...['scheduleCampaign', 'activateCampaign', 'resumeIssuance', 'endCampaign'].map(
        (field): [string, object] => [
          `mutation($input: ChangeCampaignInput!) { ${field}(input: $input) { __typename } }`,
          { input: { campaignId } },
        ],
      ),
      ['{ draftCampaigns { edges { node { id } } } }', {}],
      ['mutation { invalidateCache(input: {tags: ["*"]}) { code } }', {}],
    ]
    for (const [operation, variables] of operations) {
      const answer = await open.execute(operation, variables, shopper('mallory'))
      expect(answer.errors?.[0]?.extensions?.code).toBe('FORBIDDEN')
    }
    expect(await held(campaignId)).toBeUndefined()
  })

  it('are told of an unknown campaign, a malformed id and words that cannot be kept', async () => {
    expect(await open.change('endCampaign', 'campaign_none')).toMatchObject({ code: 'CAMPAIGN_NOT_FOUND' })
    await expect(open.change('endCampaign', 'Campaign 1')).rejects.toThrow(/^BAD_ID /)
    const campaignId = await open.create()
    await open.change('activateCampaign', campaignId)
    for (const bad of [
      { reason: '' },
      { noticeZh: 'x'.repeat(501) },
      { noticeEn: 'nul \0' },
      { noticeEn: '\udc00' },
    ]) {
      await expect(open.change('pauseIssuance', campaignId, { ...PAUSE, ...bad })).rejects.toThrow(
        /^BAD_INPUT /,
      )
    }
    expect(await held(campaignId)).toEqual({ version: 2, state: 'OPEN' })
  })

  it('have the scope by token and not by kind', async () => {
    const answer = await open.execute(
      '{ draftCampaigns { edges { cursor } } }',
      {},
      { ...operator, scopes: [] },
    )
    expect(answer.errors?.[0]?.extensions?.code).toBe('FORBIDDEN')
  })
})
