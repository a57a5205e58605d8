import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { deadlineIn } from '../../../protocol/deadline.ts'
import { Fault } from '../../../protocol/fault.ts'
import { Claims } from '../../../subgraphs/coupon/claims.ts'
import { Database, OutcomeUnknown, type Statement } from '../../../subgraphs/database.ts'
import { type OwnPostgres, silent, startOwnPostgres, until } from '../../harness/postgres.ts'
import { CLAIM, expectBalanced, type OpenCoupon, openCoupon, shopper } from './open-coupon.ts'

let server: OwnPostgres
let coupon: OpenCoupon
beforeAll(async () => {
  server = await startOwnPostgres()
  coupon = await openCoupon(server.connection)
})
afterAll(async () => {
  await coupon[Symbol.asyncDispose]()
  await server.close()
})

const code = (answer: Awaited<ReturnType<OpenCoupon['execute']>>): string =>
  (answer.errors?.[0]?.extensions?.code as string | undefined) ??
  (answer.data as { claimCoupon: { code: string } }).claimCoupon.code

describe('PostgreSQL killed in the middle of a drop', () => {
  it('loses no acknowledged coupon; unknown outcomes say so, and asking again tells', async () => {
    await coupon.open('campaign_crash', 3_000)
    const input = { campaignId: 'campaign_crash' }
    const acknowledged = new Map<string, string>()
    const unknown: string[] = []
    const codes = new Set<string>()
    let next = 0
    let stop = false
    // 200 claimers, each a new shopper at a time.
    const claimers = Array.from({ length: 200 }, async () => {
      while (!stop) {
        const name = `crash-${next++}`
        const answer = await coupon.execute(CLAIM, { input }, shopper(name))
        codes.add(code(answer))
        if (answer.errors === undefined) {
          acknowledged.set(
            name,
            (answer.data as { claimCoupon: { coupon: { id: string } } }).claimCoupon.coupon.id,
          )
        } else {
          unknown.push(name)
          // Whoever has no answer waits for the server to come back.
          return
        }
      }
    })
    await until('a drop in full swing', () => acknowledged.size > 500)
    await server.kill9()
    stop = true
    await Promise.all(claimers)
    expect(unknown.length).toBeGreaterThan(0)
    for (const seen of codes)
      expect(['COUPON_ISSUED', 'OUTCOME_UNKNOWN', 'DATABASE_UNAVAILABLE']).toContain(seen)

    await server.start()
    for (const [name, couponId] of acknowledged) {
      const answer = await coupon.claim(name, 'campaign_crash')
      expect([answer.code, answer.coupon?.id]).toEqual(['COUPON_ALREADY_ISSUED', couponId])
    }
    const again = await Promise.all(unknown.map(name => coupon.claim(name, 'campaign_crash')))
    for (const answer of again) expect(['COUPON_ISSUED', 'COUPON_ALREADY_ISSUED']).toContain(answer.code)
    await expectBalanced(coupon, 'campaign_crash')
  })
})

describe('a connection lost after the batch was sent', () => {
  /** Runs a batch and then loses the answer, if told so of the batch. */
  class Forgetful extends Database {
    forgets: (shopperIds: readonly string[]) => boolean = () => false
    override async query<Row extends object>(
      statement: Statement,
      values: readonly unknown[] = [],
    ): Promise<Row[]> {
      const rows = await super.query<Row>(statement, values)
      if (statement.name === 'claim_batch' && this.forgets(values[3] as string[])) {
        throw new OutcomeUnknown('statement claim_batch', new Error('Connection terminated'))
      }
      return rows
    }
  }
  const open = (forgets: number | Forgetful['forgets']) => {
    const database = new Forgetful({ connection: server.connection, schema: coupon.schema, log: silent })
    let left = typeof forgets === 'number' ? forgets : 0
    database.forgets = typeof forgets === 'number' ? () => left-- > 0 : forgets
    const claims = new Claims(database)
    return { claims, close: () => claims.close().then(() => database.close()) }
  }
  const claim = (claims: Claims, shopperId: string) =>
    claims.claim({
      shopperId,
      campaignId: 'campaign_lost',
      deadlineMs: deadlineIn(10_000),
      priority: 'CLAIM',
    })

  it('is run again with the same ids, so the claim is still answered as issued', async () => {
    await coupon.open('campaign_lost', 10)
    const { claims, close } = open(1)
    const answers = await Promise.all([claim(claims, 'a'), claim(claims, 'b')])
    await close()
    expect(answers.map(answer => answer?.issued)).toEqual([true, true])
    await expectBalanced(coupon, 'campaign_lost')
  })

  it('twice is OUTCOME_UNKNOWN, and asking again returns the durable coupon', async () => {
    const { claims, close } = open(2)
    await expect(claim(claims, 'c')).rejects.toMatchObject({
      code: 'OUTCOME_UNKNOWN',
      extensions: { retryAfterMs: expect.any(Number) },
    })
    await expect(claim(claims, 'c')).resolves.toMatchObject({ issued: false, row: { state: 'ISSUED' } })
    await close()
  })

  it('during one half of a batch with bad data is no word on the other half, which had committed', async () => {
    await coupon.sql("ALTER TABLE coupon ADD CONSTRAINT no_poison CHECK (shopper_id NOT LIKE 'poison%')")
    // Halved: e and f commit; of the other half poison is refused, and h's answer is lost, twice.
    const { claims, close } = open(shopperIds => shopperIds.includes('h') && shopperIds.length === 1)
    const settled = await Promise.allSettled(['e', 'f', 'poison', 'h'].map(name => claim(claims, name)))
    await close()
    await coupon.sql('ALTER TABLE coupon DROP CONSTRAINT no_poison')
    const codes = settled.map(end =>
      end.status === 'fulfilled' ? `issued ${end.value?.issued}` : (end.reason as Fault).code,
    )
    expect(codes).toEqual(['issued true', 'issued true', 'BAD_INPUT', 'OUTCOME_UNKNOWN'])
    await expectBalanced(coupon, 'campaign_lost')
  })

  it('before anything was sent is DATABASE_UNAVAILABLE', async () => {
    const database = new Database({
      connection: { ...server.connection, port: 1 },
      schema: coupon.schema,
      log: silent,
    })
    const claims = new Claims(database)
    const refused = await claim(claims, 'd').catch((error: unknown) => error)
    expect(refused).toBeInstanceOf(Fault)
    expect(refused).toMatchObject({
      code: 'DATABASE_UNAVAILABLE',
      extensions: { retryAfterMs: expect.any(Number) },
    })
    await claims.close()
    await database.close()
  })
})
