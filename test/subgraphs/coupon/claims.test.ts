import { v7 } from 'uuid'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { deadlineIn } from '../../../protocol/deadline.ts'
import type { Priority } from '../../../protocol/priority.ts'
import { sliceOf } from '../../../protocol/slice.ts'
import { Claims } from '../../../subgraphs/coupon/claims.ts'
import { insertIssuance } from '../../../subgraphs/coupon/store.ts'
import { Database } from '../../../subgraphs/database.ts'
import { urgencyNow, withUrgency } from '../../../subgraphs/urgency.ts'
import { createTestDatabase, type TestDatabase, until } from '../../harness/postgres.ts'
import {
  CLAIM,
  type Claimed,
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
/** A second replica on the same schema. */
let replica: OpenCoupon
beforeAll(async () => {
  owned = await createTestDatabase()
  coupon = await openCoupon(owned.connection)
  replica = await openCoupon(owned.connection, {}, coupon)
})
afterAll(async () => {
  await coupon[Symbol.asyncDispose]()
  await replica[Symbol.asyncDispose]()
  await owned.close()
})

let campaigns = 0
const newCampaign = (): string => `campaign_claims-${++campaigns}`

const names = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}-${index}`)

const tally = (answers: readonly Claimed[]): Record<string, number> => {
  const counts: Record<string, number> = {}
  for (const { code } of answers) counts[code] = (counts[code] ?? 0) + 1
  return counts
}

describe('a budget', () => {
  it('is issued to the last coupon and not one more by two replicas at once, half of the claims sent twice', async () => {
    const campaignId = newCampaign()
    await coupon.open(campaignId, 400)
    // 1,000 shoppers, the even ones ask both replicas: 1,500 claims for 400 coupons.
    const shoppers = names('crowd', 1_000)
    const asked = shoppers.flatMap((shopperId, index) =>
      index % 2 === 0
        ? [coupon.claim(shopperId, campaignId), replica.claim(shopperId, campaignId)]
        : [(index % 4 === 1 ? coupon : replica).claim(shopperId, campaignId)],
    )
    const answers = await Promise.all(asked)
    const counts = tally(answers)
    expect(counts.COUPON_ISSUED).toBe(400)
    expect(Object.keys(counts).sort()).toEqual(['BUDGET_EXHAUSTED', 'COUPON_ALREADY_ISSUED', 'COUPON_ISSUED'])
    const accounts = await expectBalanced(coupon, campaignId)
    expect(accounts).toEqual({ available: 0, liability: 400 * FACE_FEN, expense: 0, returned: 0 })
    const [held] = await coupon.sql<{ shoppers: string }>(
      'SELECT count(DISTINCT shopper_id) AS shoppers FROM coupon WHERE campaign_id = $1',
      [campaignId],
    )
    expect(Number(held?.shoppers)).toBe(400)
  })

  it('of 50 meets 60 shoppers with exactly 10 BudgetExhausted', async () => {
    const campaignId = newCampaign()
    await coupon.open(campaignId, 50)
    const answers = await Promise.all(names('sixty', 60).map(name => coupon.claim(name, campaignId)))
    expect(tally(answers)).toEqual({ COUPON_ISSUED: 50, BUDGET_EXHAUSTED: 10 })
    const exhausted = answers.find(answer => answer.__typename === 'BudgetExhausted')
    expect(exhausted).toMatchObject({ retryable: false, retryAfterMs: null })
  })

  it('is never read as more than was allotted, nor the ledger as unlike the counters, while it is being issued', async () => {
    const campaignId = newCampaign()
    await coupon.open(campaignId, 300)
    const claims = Promise.all(names('read', 400).map(name => coupon.claim(name, campaignId)))
    let done = false
    void claims.finally(() => {
      done = true
    })
    const seen: number[] = []
    do {
      const { issuance } = await readIssuance(campaignId)
      seen.push(issuance.issued)
      const { availableFen, liabilityFen, expenseFen, returnedFen, allottedFen } = issuance
      expect(availableFen + liabilityFen + expenseFen + returnedFen).toBe(allottedFen)
      expect(issuance.issued + issuance.remaining).toBe(300)
      expect(issuance.issued).toBeLessThanOrEqual(300)
      await expectBalanced(coupon, campaignId)
    } while (!done)
    await claims
    expect(seen).toEqual([...seen].sort((a, b) => a - b))
  })
})

describe('several buckets', () => {
  it('issue what each has, to its own slices, and the sum of them once; a pause stops them all', async () => {
    const campaignId = newCampaign()
    // 42 over 4 buckets: 11, 11, 10 and 10.
    await coupon.database.transaction(transaction =>
      insertIssuance(transaction, {
        campaignId,
        version: 2,
        limit: 42,
        faceFen: FACE_FEN,
        minSpendFen: 0,
        opensAt: new Date('2020-01-01T00:00:00Z'),
        closesAt: VALID_UNTIL,
        validUntil: VALID_UNTIL,
        bucketCount: 4,
        ledgerUuid: v7(),
      }),
    )
    const shoppers = names('spread', 400)
    const answers = await Promise.all([
      ...shoppers.map(name => coupon.claim(name, campaignId)),
      ...shoppers.map(name => replica.claim(name, campaignId)),
    ])
    expect(tally(answers).COUPON_ISSUED).toBe(42)
    expect(
      await coupon.sql(
        `SELECT b.limit_count, b.issued_count, count(c.coupon_id)::integer AS held
           FROM bucket b LEFT JOIN coupon c ON c.campaign_id = b.campaign_id AND c.slice_no % 4 = b.bucket_no
          WHERE b.campaign_id = $1 GROUP BY b.bucket_no, 1, 2 ORDER BY b.bucket_no`,
        [campaignId],
      ),
    ).toEqual([11, 11, 10, 10].map(count => ({ limit_count: count, issued_count: count, held: count })))
    await expectBalanced(coupon, campaignId)
    await coupon.campaign.setIssuance(
      { campaignId, version: 3, paused: true, noticeZh: null, noticeEn: null },
      call(),
    )
    const codes = await Promise.all(names('late', 20).map(name => coupon.claim(name, campaignId)))
    expect(tally(codes)).toEqual({ ISSUANCE_PAUSED: 20 })
  })
})

const ISSUANCE = `query($representations: [_Any!]!) { _entities(representations: $representations) { ... on Campaign {
  issuance { state limit issued remaining allottedFen availableFen liabilityFen expenseFen returnedFen noticeZh version } } } }`

async function readIssuance(campaignId: string): Promise<{
  issuance: Record<string, number> & {
    issued: number
    remaining: number
    availableFen: number
    liabilityFen: number
    expenseFen: number
    returnedFen: number
    allottedFen: number
  }
}> {
  const read = await coupon.data<{ _entities: [{ issuance: never }] }>(
    ISSUANCE,
    { representations: [{ __typename: 'Campaign', id: campaignId }] },
    operator,
  )
  return read._entities[0]
}

describe('a shopper', () => {
  it('gets one coupon however often it asks, in one batch or in many, and always the same', async () => {
    const campaignId = newCampaign()
    await coupon.open(campaignId, 100)
    const together = await Promise.all(Array.from({ length: 10 }, () => coupon.claim('again', campaignId)))
    const later = await replica.claim('again', campaignId)
    expect(tally([...together, later])).toEqual({ COUPON_ISSUED: 1, COUPON_ALREADY_ISSUED: 10 })
    expect(new Set([...together, later].map(answer => answer.coupon?.id)).size).toBe(1)
  })

  it('gets a coupon id in its own slice and sees the coupon in its wallet at once', async () => {
    const campaignId = newCampaign()
    await coupon.open(campaignId, 1)
    const claimed = await coupon.claim('reader', campaignId)
    expect(claimed.coupon?.id).toMatch(
      new RegExp(`^coupon_${sliceOf('reader').toString(16).padStart(2, '0')}_[0-9a-f]{32}$`),
    )
    const { me } = await replica.data<{ me: { coupons: { edges: { node: { id: string } }[] } } }>(
      '{ me { coupons { edges { node { id } } } } }',
      {},
      shopper('reader'),
    )
    expect(me.coupons.edges.map(({ node }) => node.id)).toEqual([claimed.coupon?.id])
  })

  it('whose coupon was revoked cannot claim another', async () => {
    const campaignId = newCampaign()
    await coupon.open(campaignId, 5)
    const { coupon: issued } = await coupon.claim('revoked', campaignId)
    await coupon.data(
      'mutation($input: RevokeCouponInput!) { revokeCoupon(input: $input) { ... on ShopperMessage { code } } }',
      { input: { couponId: issued?.id, reason: 'fraud' } },
      operator,
    )
    expect(await coupon.claim('revoked', campaignId)).toMatchObject({
      __typename: 'NotEligible',
      reason: 'COUPON_REVOKED',
      retryable: false,
    })
  })
})

describe('the window', () => {
  const opensAt = new Date('2026-02-01T00:00:00.000Z')
  const closesAt = new Date('2026-02-10T00:00:00.000Z')

  it.each([
    ['one millisecond before it opens', new Date(opensAt.getTime() - 1), 'CAMPAIGN_NOT_OPEN', 'NOT_YET_OPEN'],
    ['when it opens', opensAt, 'COUPON_ISSUED', undefined],
    ['one millisecond before it closes', new Date(closesAt.getTime() - 1), 'COUPON_ISSUED', undefined],
    ['when it closes', closesAt, 'CAMPAIGN_NOT_OPEN', 'CLOSED'],
  ])('%s', async (_, now, code, reason) => {
    await using own = await openCoupon(owned.connection)
    await own.open('campaign_window', 10, { opensAt, closesAt })
    await own.setClock(now)
    const answer = await own.claim('early', 'campaign_window')
    expect(answer.code).toBe(code)
    expect(answer.reason).toBe(reason)
    if (reason === 'NOT_YET_OPEN') {
      expect(answer).toMatchObject({ retryable: true, retryAfterMs: 1, opensAt: opensAt.toISOString() })
      expect(answer.messageZh).toContain('2026年2月1日 08:00')
    }
  })

  it('does not hide a coupon that the shopper has', async () => {
    await using own = await openCoupon(owned.connection)
    await own.open('campaign_window', 10, { opensAt, closesAt })
    await own.setClock(opensAt)
    await own.claim('keeper', 'campaign_window')
    await own.setClock(closesAt)
    expect((await own.claim('keeper', 'campaign_window')).code).toBe('COUPON_ALREADY_ISSUED')
  })

  it('answers UNKNOWN_CAMPAIGN until issuance is opened, and issues right after', async () => {
    const campaignId = newCampaign()
    expect(await coupon.claim('eager', campaignId)).toMatchObject({ reason: 'UNKNOWN_CAMPAIGN' })
    await coupon.open(campaignId, 1)
    expect((await coupon.claim('eager', campaignId)).code).toBe('COUPON_ISSUED')
  })
})

describe('words', () => {
  it('name the face and the last valid day, in both languages', async () => {
    const campaignId = newCampaign()
    await coupon.open(campaignId, 1)
    const answer = await coupon.claim('words', campaignId)
    expect(VALID_UNTIL.toISOString()).toBe('2027-02-28T16:00:00.000Z')
    expect(answer.messageZh).toBe('领取成功：25元优惠券已放入您的卡包，有效期至2027年2月28日（含当日）。')
    expect(answer.messageEn).toBe('Your 25-yuan coupon is in your wallet, valid through February 28, 2027.')
  })
})

describe('bad data', () => {
  it('fails its own claim and none of the batch it rides in', async () => {
    await using own = await openCoupon(owned.connection)
    await own.open('campaign_poison', 500)
    // A row that the database refuses, as a type or constraint that the code does not know of would.
    await own.sql("ALTER TABLE coupon ADD CHECK (shopper_id NOT LIKE 'poison%')")
    const shoppers = [...names('good', 120), 'poison-1', 'poison-2']
    const answers = await Promise.all(
      shoppers.map(name => own.execute(CLAIM, { input: { campaignId: 'campaign_poison' } }, shopper(name))),
    )
    expect(answers.slice(120).map(answer => answer.errors?.[0]?.extensions?.code)).toEqual([
      'BAD_INPUT',
      'BAD_INPUT',
    ])
    expect(answers.slice(0, 120).filter(answer => answer.errors !== undefined)).toEqual([])
    expect((await expectBalanced(own, 'campaign_poison')).liability).toBe(120 * FACE_FEN)
  })

  it.each([
    '',
    'campaign_',
    'campaign_UPPER',
    `campaign_${'a'.repeat(49)}`,
    "campaign_a'; --",
    'coupon_a',
    'campaign_\0',
  ])('as campaign id %j is BAD_ID', async campaignId => {
    const answer = await coupon.execute(CLAIM, { input: { campaignId } }, shopper('x'))
    expect(answer.errors?.[0]?.extensions?.code).toBe('BAD_ID')
  })
})

describe('who may claim', () => {
  it('is a shopper whose token has the scope', async () => {
    const input = { campaignId: newCampaign() }
    const refused = async (caller: Parameters<OpenCoupon['execute']>[2]): Promise<unknown> =>
      (await coupon.execute(CLAIM, { input }, caller)).errors?.[0]?.extensions?.code
    expect(await refused(operator)).toBe('UNAUTHENTICATED')
    expect(await refused(shopper('scopeless', ['order:place']))).toBe('FORBIDDEN')
  })
})

/** Until so many sessions wait for a lock. */
const lockWaits = (own: OpenCoupon, count: number): Promise<unknown> =>
  until(`${count} sessions to wait for a lock`, async () => {
    const waiting = await own.sql(
      "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()",
    )
    return waiting.length >= count
  })

/** Holds a lock in a transaction of its own until it is let go. */
async function holdLock(own: OpenCoupon, text: string): Promise<() => Promise<void>> {
  const locked = Promise.withResolvers<void>()
  const held = Promise.withResolvers<void>()
  const holding = own.database.transaction(async transaction => {
    await transaction.query({ name: `test ${text}`, text })
    locked.resolve()
    await held.promise
  })
  await Promise.race([locked.promise, holding])
  return () => {
    held.resolve()
    return holding
  }
}

describe('a deadline', () => {
  it('that passes in the queue answers SUBGRAPH_TIMEOUT and issues nothing', async () => {
    await using own = await openCoupon(owned.connection)
    await own.open('campaign_slow', 10)
    await own.claim('warm', 'campaign_slow')
    // Somebody holds the bucket: the first batch waits for it, the second in the queue behind.
    const letGo = await holdLock(own, 'SELECT 1 FROM bucket FOR UPDATE')
    const input = { campaignId: 'campaign_slow' }
    const first = own.execute(CLAIM, { input }, shopper('first'))
    await lockWaits(own, 1)
    const lapsed = await own.execute(CLAIM, { input }, shopper('lapsed'), 50).finally(letGo)
    expect(lapsed.errors?.[0]?.extensions?.code).toBe('SUBGRAPH_TIMEOUT')
    expect((await first).errors).toBeUndefined()
    await own.claim('after', 'campaign_slow')
    const rows = await own.sql<{ shopper_id: string }>('SELECT shopper_id FROM coupon ORDER BY shopper_id')
    expect(rows.map(row => row.shopper_id)).toEqual(['after', 'first', 'warm'])
  })

  it('that passes while the campaign is looked up answers SUBGRAPH_TIMEOUT: nothing can have been issued', async () => {
    await using own = await openCoupon(owned.connection)
    await own.open('campaign_unread', 10)
    const letGo = await holdLock(own, 'LOCK TABLE issuance')
    const input = { campaignId: 'campaign_unread' }
    const asking = own.execute(CLAIM, { input }, shopper('lapsed'), 500)
    await lockWaits(own, 1)
    const lapsed = await asking.finally(letGo)
    expect(lapsed.errors?.[0]?.extensions?.code).toBe('SUBGRAPH_TIMEOUT')
  })
})

describe('a full queue', () => {
  it('refuses one claim too many with OVERLOADED, at once, and answers all that it took', async () => {
    await using own = await openCoupon(owned.connection)
    await own.open('campaign_full', 10)
    await own.claim('same', 'campaign_full')
    const claims = new Claims(own.database)
    const request = {
      campaignId: 'campaign_full',
      deadlineMs: deadlineIn(50_000),
      priority: 'CLAIM',
    } as const
    // All in one tick, so that none is answered before the last has come.
    const taken = Array.from({ length: 16_384 }, () => claims.claim({ ...request, shopperId: 'same' }))
    expect(claims.underWay).toBe(16_384)
    await expect(claims.claim({ ...request, shopperId: 'late' })).rejects.toMatchObject({
      code: 'OVERLOADED',
      extensions: { retryAfterMs: expect.any(Number) },
    })
    expect((await Promise.all(taken)).every(answer => answer?.row.state === 'ISSUED')).toBe(true)
    expect(claims.underWay).toBe(0)
    await claims.close()
    expect((await own.claim('late', 'campaign_full')).code).toBe('COUPON_ISSUED')
  })
})

describe('the wait for a batch', () => {
  it('shows while it lasts and is counted when it is over, among the queues of the database', async () => {
    await using own = await openCoupon(owned.connection)
    await own.open('campaign_wait', 10)
    await own.claim('warm', 'campaign_wait')
    const queue = own.database.queues.get('claims')!
    const before = { left: queue.left, waitedMs: queue.waitedMs }
    const letGo = await holdLock(own, 'SELECT 1 FROM bucket FOR UPDATE')
    const first = own.claim('first', 'campaign_wait')
    await lockWaits(own, 1)
    // It is under way, and nobody waits for the next.
    expect(queue.waitMs).toBe(0)
    const second = own.claim('second', 'campaign_wait')
    await until('it has waited', () => queue.waitMs >= 20)
    expect(queue.left).toBe(before.left + 1)
    await letGo()
    await Promise.all([first, second])
    expect(queue.waitMs).toBe(0)
    expect(queue.left).toBe(before.left + 2)
    expect(queue.waitedMs - before.waitedMs).toBeGreaterThanOrEqual(20)
  })
})

describe('a batch', () => {
  it('waits for its connection as what it carries, whoever it left with', async () => {
    await using own = await openCoupon(owned.connection)
    await own.open('campaign_urgent', 10)
    const query = vi.spyOn(own.database, 'query')
    const asked: string[] = []
    query.mockImplementation((statement, values) => {
      asked.push(`${statement.name} ${urgencyNow().priority} ${urgencyNow().deadlineMs}`)
      return Database.prototype.query.call(own.database, statement, values) as Promise<never>
    })
    const claims = new Claims(own.database)
    const claim = (shopperId: string, priority: Priority) =>
      claims.claim({ shopperId, campaignId: 'campaign_urgent', deadlineMs: deadlineIn(50_000), priority })
    // In the name of one who browses, and may wait for nothing.
    const begun = withUrgency({ priority: 'BROWSE', deadlineMs: 0 }, () =>
      Promise.all([claim('text', 'ADHOC'), claim('one', 'CLAIM'), claim('two', 'CLAIM')]),
    )
    expect((await begun).map(answer => answer?.issued)).toEqual([true, true, true])
    expect(asked).toEqual([
      'bucket_counts CLAIM Infinity',
      'claim_batch CLAIM Infinity',
      'claim_batch ADHOC Infinity',
    ])
    query.mockRestore()
    await claims.close()
  })
})

describe('pausing', () => {
  it('waits for the batch under way, not for the thousands of claims behind it', async () => {
    await using own = await openCoupon(owned.connection)
    await own.open('campaign_long', 100_000)
    await own.claim('warm', 'campaign_long')
    const letGo = await holdLock(own, 'SELECT 1 FROM bucket FOR UPDATE')
    const claims = names('long', 3_000).map(name => own.claim(name, 'campaign_long'))
    await lockWaits(own, 1)
    const pausing = own.campaign.setIssuance(
      { campaignId: 'campaign_long', version: 3, paused: true, noticeZh: null, noticeEn: null },
      call(),
    )
    await lockWaits(own, 2)
    await Promise.all([letGo(), pausing])
    const answers = tally(await Promise.all(claims))
    // A batch is 256; one more may slip in between the two.
    expect(answers.COUPON_ISSUED).toBeLessThanOrEqual(512)
    expect(answers.ISSUANCE_PAUSED).toBe(3_000 - (answers.COUPON_ISSUED ?? 0))
  })

  it('under load issues nothing after its acknowledgement, and says why in both languages', async () => {
    const campaignId = newCampaign()
    await coupon.open(campaignId, 100_000)
    let paused = false
    const answers: Claimed[] = []
    const afterwards: Claimed[] = []
    // 64 claimers, each a new shopper at a time, on two replicas.
    const claimers = Array.from({ length: 64 }, async (_, claimer) => {
      for (let round = 0; ; round++) {
        const sentAfter = paused
        const answer = await (claimer % 2 === 0 ? coupon : replica).claim(
          `pause-${claimer}-${round}`,
          campaignId,
        )
        answers.push(answer)
        if (sentAfter) {
          afterwards.push(answer)
          return
        }
      }
    })
    while (answers.length < 500) await Promise.race([...claimers, new Promise(setImmediate)])
    const acknowledged = await coupon.campaign.setIssuance(
      {
        campaignId,
        version: 3,
        paused: true,
        noticeZh: '今天到此为止，请明天再来',
        noticeEn: 'Please come back tomorrow',
      },
      call(),
    )
    const issuedAtPause = (await readIssuance(campaignId)).issuance.issued
    paused = true
    await Promise.all(claimers)
    expect(acknowledged).toMatchObject({ version: 3, state: 'PAUSED' })
    expect(new Set(afterwards.map(answer => answer.code))).toEqual(new Set(['ISSUANCE_PAUSED']))
    expect((await readIssuance(campaignId)).issuance.issued).toBe(issuedAtPause)
    expect(afterwards[0]).toMatchObject({
      noticeZh: '今天到此为止，请明天再来',
      noticeEn: 'Please come back tomorrow',
      issuedValidUntil: VALID_UNTIL.toISOString(),
      retryable: true,
      messageZh: '今天到此为止，请明天再来。已领取的优惠券不受影响，有效期至2027年2月28日（含当日）。',
      messageEn: 'Please come back tomorrow. Your coupons stay valid through February 28, 2027.',
    })
    await coupon.campaign.setIssuance(
      { campaignId, version: 4, paused: false, noticeZh: null, noticeEn: null },
      call(),
    )
    expect((await coupon.claim('pause-after', campaignId)).code).toBe('COUPON_ISSUED')
    await expectBalanced(coupon, campaignId)
  })
})
