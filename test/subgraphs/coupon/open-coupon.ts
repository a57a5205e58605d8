import { expect } from 'vitest'
import type { Caller } from '../../../protocol/caller.ts'
import { deadlineIn } from '../../../protocol/deadline.ts'
import { newId } from '../../../protocol/ids.ts'
import { InProcessClient } from '../../../protocol/in-process-client.ts'
import type { SubgraphAnswer } from '../../../protocol/subgraph-client.ts'
import { createCouponSubgraph } from '../../../subgraphs/coupon/subgraph.ts'
import { Database, type DatabaseOptions } from '../../../subgraphs/database.ts'
import type { PostgresConnection } from '../../../subgraphs/embedded-postgres.ts'
import {
  type CouponPeer,
  couponPeer,
  type IssuancePeer,
  issuancePeer,
  type PeerCall,
} from '../../../subgraphs/peers.ts'
import type { Subgraph } from '../../../subgraphs/subgraph.ts'
import { ask, silent } from '../../harness/postgres.ts'

export const FACE_FEN = 2_500
/** Valid through 28 February 2027 in Shanghai. */
export const VALID_UNTIL: Date = new Date('2027-02-28T16:00:00.000Z')

export const shopper = (shopperId: string, scopes: readonly string[] = ['coupon:claim']): Caller => ({
  kind: 'shopper',
  shopperId,
  client: 'qwen',
  scopes,
  tier: 'shopper',
})
export const operator: Caller = {
  kind: 'operator',
  client: 'control-room',
  scopes: ['campaign:operate'],
  tier: 'developer',
}
export const paymentService: Caller = { kind: 'service', client: 'payment', scopes: [], tier: 'developer' }

export interface Claimed {
  readonly __typename: string
  readonly code: string
  readonly messageZh: string
  readonly messageEn: string
  readonly retryable: boolean
  readonly retryAfterMs: number | null
  readonly coupon?: { readonly id: string; readonly state: string }
  readonly reason?: string
  readonly opensAt?: string
  readonly noticeZh?: string
  readonly noticeEn?: string
  readonly issuedValidUntil?: string
}

export const CLAIM = `mutation($input: ClaimCouponInput!) { claimCoupon(input: $input) {
  __typename ... on ShopperMessage { code messageZh messageEn retryable retryAfterMs }
  ... on CouponIssued { coupon { id state } } ... on CouponAlreadyIssued { coupon { id state } }
  ... on IssuancePaused { noticeZh noticeEn issuedValidUntil }
  ... on NotEligible { reason } ... on CampaignNotOpen { notOpen: reason opensAt } } }`

/** A coupon subgraph on a schema of its own in a database that the test owns. */
export interface OpenCoupon extends AsyncDisposable {
  readonly subgraph: Subgraph
  readonly database: Database
  readonly schema: string
  readonly payment: CouponPeer
  readonly campaign: IssuancePeer
  execute(operation: string, variables: object, caller: Caller, remainingMs?: number): Promise<SubgraphAnswer>
  /** The answer's data; throws its first error as `CODE message`. */
  data<Data>(operation: string, variables: object, caller: Caller): Promise<Data>
  claim(shopperId: string, campaignId: string): Promise<Claimed>
  /** Opens issuance for `limit` coupons; window and validity default to now until VALID_UNTIL. */
  open(campaignId: string, limit: number, terms?: Partial<Terms>): Promise<void>
  /** Stops the schema's clock at an instant. */
  setClock(instant: Date): Promise<void>
  sql<Row extends object>(text: string, values?: unknown[]): Promise<Row[]>
}

export interface Terms {
  readonly faceFen: number
  readonly minSpendFen: number
  readonly opensAt: Date
  readonly closesAt: Date
  readonly validUntil: Date
}

export const call = (): PeerCall => ({ deadlineMs: deadlineIn(10_000) })

let schemas = 0

/** @param like shares this one's schema, as another replica would */
export async function openCoupon(
  connection: PostgresConnection,
  options: Partial<DatabaseOptions> = {},
  like?: OpenCoupon,
): Promise<OpenCoupon> {
  const schema = like?.schema ?? `coupon_${++schemas}`
  const database = new Database({ connection, schema, log: silent, ...options })
  const subgraph = createCouponSubgraph({
    database,
    seed: false,
    logger: silent,
    clientOf: name => {
      throw new Error(`coupon calls nobody, got ${name}`)
    },
  })
  await subgraph.start()
  const client = new InProcessClient(subgraph)
  const execute: OpenCoupon['execute'] = (operation, variables, caller, remainingMs = 10_000) =>
    subgraph.execute({
      kind: /^\s*mutation/.test(operation) ? 'mutation' : 'query',
      operation,
      variables: variables as Record<string, unknown>,
      caller,
      deadlineMs: deadlineIn(remainingMs),
      priority: 'CLAIM',
    })
  const data = async <Data>(operation: string, variables: object, caller: Caller): Promise<Data> => {
    const answer = await execute(operation, variables, caller)
    const error = answer.errors?.[0]
    if (error !== undefined) throw new Error(`${error.extensions?.code} ${error.message}`)
    return answer.data as Data
  }
  const campaign = issuancePeer(client)
  const sql: OpenCoupon['sql'] = (text, values) =>
    ask({ ...connection, options: `-c search_path=${schema},pg_temp` } as PostgresConnection, text, values)
  return {
    subgraph,
    database,
    schema,
    campaign,
    payment: couponPeer(client),
    execute,
    data,
    sql,
    async claim(shopperId, campaignId) {
      const claimed = await data<{ claimCoupon: Claimed & { notOpen?: string } }>(
        CLAIM,
        { input: { campaignId } },
        shopper(shopperId),
      )
      const { notOpen, ...answer } = claimed.claimCoupon
      return notOpen === undefined ? answer : { ...answer, reason: notOpen }
    },
    async open(campaignId, limit, terms = {}) {
      const issuance = {
        faceFen: FACE_FEN,
        minSpendFen: 0,
        opensAt: new Date('2020-01-01T00:00:00Z'),
        closesAt: VALID_UNTIL,
        validUntil: VALID_UNTIL,
        ...terms,
      }
      await campaign.openIssuance({ campaignId, version: 2, limit, ...issuance }, call())
    },
    async setClock(instant) {
      await ask(
        connection,
        `CREATE OR REPLACE FUNCTION ${schema}.clock() RETURNS timestamptz LANGUAGE sql VOLATILE PARALLEL SAFE
           RETURN timestamptz '${instant.toISOString()}'`,
      )
    },
    async [Symbol.asyncDispose]() {
      await subgraph.close()
    },
  }
}

export const orderOf = (shopperId: string): string => newId('order', shopperId)

export interface Accounts {
  readonly available: number
  readonly liability: number
  readonly expense: number
  readonly returned: number
}

/**
 * Holds what must always hold of a campaign, in one snapshot: the ledger's sums are the counters', the four accounts make
 * up the allotment, liability is the face of the coupons that are ISSUED or RESERVED, none is negative, and a bucket's
 * counter is the number of its coupons. Returns the accounts.
 */
export async function expectBalanced(coupon: OpenCoupon, campaignId: string): Promise<Accounts> {
  const [row] = await coupon.sql<Record<string, string>>(
    `WITH entry AS (
       SELECT credit AS account, amount_fen FROM transfer WHERE campaign_id = $1
       UNION ALL SELECT debit, -amount_fen FROM transfer WHERE campaign_id = $1
     ), balance AS (SELECT account, sum(amount_fen) AS fen FROM entry GROUP BY account)
     SELECT coalesce((SELECT fen FROM balance WHERE account = 'available'), 0) AS available,
            coalesce((SELECT fen FROM balance WHERE account = 'liability'), 0) AS liability,
            coalesce((SELECT fen FROM balance WHERE account = 'expense'), 0) AS expense,
            coalesce((SELECT fen FROM balance WHERE account = 'returned'), 0) AS returned,
            i.limit_count * i.face_fen AS allotted, i.face_fen, i.unissued_fen,
            (SELECT sum(issued_count) FROM bucket WHERE campaign_id = $1) AS issued,
            (SELECT count(*) FROM coupon WHERE campaign_id = $1) AS coupons,
            (SELECT count(*) FROM coupon WHERE campaign_id = $1 AND state IN ('ISSUED', 'RESERVED')) AS live,
            (SELECT sum(expense_fen) FROM settlement WHERE campaign_id = $1) AS settled_expense,
            (SELECT sum(returned_fen) FROM settlement WHERE campaign_id = $1) AS settled_returned
       FROM issuance i WHERE i.campaign_id = $1`,
    [campaignId],
  )
  const fact = (name: string): number => Number(row?.[name])
  const accounts = {
    available: fact('available'),
    liability: fact('liability'),
    expense: fact('expense'),
    returned: fact('returned'),
  }
  expect({
    coupons: fact('coupons'),
    liability: accounts.liability,
    expense: accounts.expense,
    returned: accounts.returned,
    sum: accounts.available + accounts.liability + accounts.expense + accounts.returned,
  }).toEqual({
    coupons: fact('issued'),
    liability: fact('live') * fact('face_fen'),
    expense: fact('settled_expense'),
    returned: fact('settled_returned') + fact('unissued_fen'),
    sum: fact('allotted'),
  })
  for (const fen of Object.values(accounts)) expect(fen).toBeGreaterThanOrEqual(0)
  return accounts
}
