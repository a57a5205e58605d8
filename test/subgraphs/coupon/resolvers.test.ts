import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../harness/postgres.ts'
import { call, type OpenCoupon, openCoupon, operator, orderOf, shopper, VALID_UNTIL } from './open-coupon.ts'

let owned: TestDatabase
let coupon: OpenCoupon
const ids: string[] = []
/** Alice holds five coupons, claimed one after another; the second was spent. */
beforeAll(async () => {
  owned = await createTestDatabase()
  coupon = await openCoupon(owned.connection)
  await coupon.setClock(new Date('2027-02-01T00:00:00.000Z'))
  for (let number = 0; number < 5; number++) {
    await coupon.open(`campaign_wallet-${number}`, 10)
    ids.push((await coupon.claim('alice', `campaign_wallet-${number}`)).coupon?.id as string)
    await coupon.claim('bob', `campaign_wallet-${number}`)
  }
  const input = { shopperId: 'alice', couponId: ids[1] as string, orderId: orderOf('alice') }
  await coupon.payment.reserveCoupon({ ...input, subtotalFen: 9_000 }, call())
  await coupon.payment.redeemCoupon({ ...input, subtotalFen: 9_000 }, call())
})
afterAll(async () => {
  await coupon[Symbol.asyncDispose]()
  await owned.close()
})

interface Wallet {
  readonly edges: readonly {
    cursor: string
    node: {
      id: string
      state: string
      orderId: string | null
      redeemedAt: string | null
      campaign: { id: string }
    }
  }[]
  readonly pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean; endCursor: string | null }
}
const WALLET = `query($first: Int, $after: String, $state: CouponState) { me { coupons(first: $first, after: $after, state: $state) {
  edges { cursor node { id state orderId redeemedAt campaign { id } } } pageInfo { hasNextPage hasPreviousPage endCursor } } } }`
const wallet = async (variables: object = {}): Promise<Wallet> =>
  (await coupon.data<{ me: { coupons: Wallet } }>(WALLET, variables, shopper('alice'))).me.coupons
const idsOf = ({ edges }: Wallet): string[] => edges.map(edge => edge.node.id)

describe('the wallet', () => {
  it('lists the shopper’s own coupons, newest first', async () => {
    const all = await wallet()
    expect(idsOf(all)).toEqual(ids.toReversed())
    expect(all.pageInfo).toMatchObject({ hasNextPage: false, hasPreviousPage: false })
    expect(all.edges[3]?.node).toMatchObject({
      state: 'REDEEMED',
      orderId: expect.stringMatching(/^order_/),
      redeemedAt: '2027-02-01T00:00:00.000Z',
      campaign: { id: 'campaign_wallet-1' },
    })
  })

  it('pages without gaps or repeats', async () => {
    const seen: string[] = []
    let after: string | null = null
    do {
      const page: Wallet = await wallet({ first: 2, after })
      seen.push(...idsOf(page))
      after = page.pageInfo.hasNextPage ? page.pageInfo.endCursor : null
    } while (after !== null)
    expect(seen).toEqual(ids.toReversed())
  })

  it('filters by the state that is shown, expired by the clock included', async () => {
    expect(idsOf(await wallet({ state: 'REDEEMED' }))).toEqual([ids[1]])
    expect(idsOf(await wallet({ state: 'ISSUED' }))).toHaveLength(4)
    expect(idsOf(await wallet({ state: 'EXPIRED' }))).toEqual([])
    await coupon.setClock(VALID_UNTIL)
    expect(idsOf(await wallet({ state: 'ISSUED' }))).toEqual([])
    expect((await wallet({ state: 'EXPIRED' })).edges.map(({ node }) => node.state)).toEqual(
      Array(4).fill('EXPIRED'),
    )
    await coupon.setClock(new Date('2027-02-01T00:00:00.000Z'))
  })

  it.each([
    ['first of 0', { first: 0 }],
    ['first of -1', { first: -1 }],
    ['first of 101', { first: 101 }],
    ['a cursor that is none', { after: 'x' }],
    ['a cursor of another list', { after: Buffer.from('["1"]').toString('base64url') }],
  ])('refuses %s', async (_, variables) => {
    await expect(wallet(variables)).rejects.toThrow(/^BAD_INPUT /)
  })

  it('of nobody is null', async () => {
    expect(await coupon.data('{ me { id } }', {}, operator)).toEqual({ me: null })
  })
})

const ENTITIES = `query($representations: [_Any!]!) { _entities(representations: $representations) {
  ... on Coupon { id state } ... on Shopper { id coupons { edges { node { id } } } } } }`

describe('references', () => {
  const resolve = async (caller: Parameters<OpenCoupon['execute']>[2], ...representations: object[]) =>
    (await coupon.data<{ _entities: unknown[] }>(ENTITIES, { representations }, caller))._entities

  it('to a coupon resolve for its shopper and for operators, and are null for others', async () => {
    const reference = { __typename: 'Coupon', id: ids[0] }
    expect(await resolve(shopper('alice'), reference)).toEqual([{ id: ids[0], state: 'ISSUED' }])
    expect(await resolve(operator, reference)).toEqual([{ id: ids[0], state: 'ISSUED' }])
    expect(await resolve(shopper('bob'), reference)).toEqual([null])
  })

  it('to a shopper resolve for that shopper and for operators, and are null for others', async () => {
    const reference = { __typename: 'Shopper', id: 'alice' }
    expect(await resolve(operator, reference)).toMatchObject([{ id: 'alice' }])
    expect(await resolve(shopper('bob'), reference)).toEqual([null])
  })

  it('that are malformed are BAD_ID and spoil no other', async () => {
    const representations = [
      { __typename: 'Coupon', id: 'coupon_xx' },
      { __typename: 'Coupon', id: ids[2] },
    ]
    const answer = await coupon.execute(ENTITIES, { representations }, shopper('alice'))
    expect(answer.errors?.map(error => error.extensions?.code)).toEqual(['BAD_ID'])
    expect(answer.data?._entities).toEqual([null, { id: ids[2], state: 'ISSUED' }])
  })
})

describe('checkCoupon', () => {
  it('answers null for a coupon that is not the shopper’s, and BAD_ID for a malformed one', async () => {
    const check = (shopperId: string, couponId: string) =>
      coupon.payment.checkCoupon({ shopperId, couponId }, call())
    expect(await check('alice', ids[0] as string)).toMatchObject({
      state: 'ISSUED',
      refusal: null,
      faceFen: 2_500,
    })
    expect(await check('alice', ids[1] as string)).toMatchObject({
      state: 'REDEEMED',
      refusal: 'NOT_AVAILABLE',
    })
    expect(await check('bob', ids[0] as string)).toBeNull()
    await expect(check('alice', 'coupon_')).rejects.toMatchObject({ code: 'BAD_ID' })
  })
})
