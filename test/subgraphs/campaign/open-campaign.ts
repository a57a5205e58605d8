import type { Caller } from '../../../protocol/caller.ts'
import { deadlineIn } from '../../../protocol/deadline.ts'
import { Fault } from '../../../protocol/fault.ts'
import { InProcessClient } from '../../../protocol/in-process-client.ts'
import type { SubgraphAnswer, SubgraphClient, SubgraphRequest } from '../../../protocol/subgraph-client.ts'
import { createCampaignSubgraph } from '../../../subgraphs/campaign/subgraph.ts'
import { Database } from '../../../subgraphs/database.ts'
import type { PostgresConnection } from '../../../subgraphs/embedded-postgres.ts'
import type { Subgraph } from '../../../subgraphs/subgraph.ts'
import { ask, silent } from '../../harness/postgres.ts'
import { type OpenCoupon, openCoupon } from '../coupon/open-coupon.ts'

export const operator: Caller = {
  kind: 'operator',
  client: 'control-room',
  scopes: ['campaign:operate'],
  tier: 'developer',
}

/** The way to coupon, which the test may break before a call is made, or after it has run. */
export interface BreakableClient extends SubgraphClient {
  break: 'no' | 'before' | 'after'
  readonly sent: SubgraphRequest[]
}

/** A campaign subgraph and the coupon subgraph that it calls, each on a schema of its own in one database. */
export interface OpenCampaign extends AsyncDisposable {
  readonly subgraph: Subgraph
  readonly coupon: OpenCoupon
  readonly client: BreakableClient
  readonly database: Database
  execute(operation: string, variables?: object, caller?: Caller): Promise<SubgraphAnswer>
  /** The answer's data; throws its first error as `CODE message`. */
  data<Data>(operation: string, variables?: object, caller?: Caller): Promise<Data>
  create(input?: Partial<CampaignInput>): Promise<string>
  change(field: string, campaignId: string, more?: object): Promise<Changed>
  /** Stops the campaign schema's clock at an instant. */
  setClock(instant: Date): Promise<void>
  sql<Row extends object>(text: string, values?: unknown[]): Promise<Row[]>
}

export interface CampaignInput {
  readonly nameZh: string
  readonly nameEn: string
  readonly budgetFen: number
  readonly faceFen: number
  readonly minSpendFen: number
  readonly opensAt: string
  readonly closesAt: string
  readonly validUntil: string
}

export interface Changed {
  readonly __typename: string
  readonly code: string
  readonly messageEn: string
  readonly state?: string
  readonly campaign?: {
    readonly state: string
    readonly version: number
    readonly notice: { zh: string; en: string } | null
  }
}

export const INPUT: CampaignInput = {
  nameZh: '新春',
  nameEn: 'Spring',
  budgetFen: 10_000,
  faceFen: 2_500,
  minSpendFen: 0,
  opensAt: '2020-01-01T00:00:00Z',
  closesAt: '2090-01-01T00:00:00Z',
  validUntil: '2090-02-01T00:00:00Z',
}

const MESSAGE = '__typename ... on ShopperMessage { code messageEn }'

let schemas = 0

export async function openCampaign(
  connection: PostgresConnection,
  options: { readonly seed?: boolean; readonly broken?: boolean; readonly schema?: string } = {},
): Promise<OpenCampaign> {
  const coupon = await openCoupon(connection)
  const client = breakable(new InProcessClient(coupon.subgraph))
  if (options.broken) client.break = 'before'
  const schema = options.schema ?? `campaign_${++schemas}`
  const database = new Database({ connection, schema, log: silent })
  const subgraph = createCampaignSubgraph({
    database,
    seed: options.seed ?? false,
    logger: silent,
    clientOf: () => client,
  })
  await subgraph.start()
  const execute: OpenCampaign['execute'] = (operation, variables = {}, caller = operator) =>
    subgraph.execute({
      kind: /^\s*mutation/.test(operation) ? 'mutation' : 'query',
      operation,
      variables: variables as Record<string, unknown>,
      caller,
      deadlineMs: deadlineIn(10_000),
      priority: 'OPERATE',
    })
  const data: OpenCampaign['data'] = async <Data>(operation: string, variables?: object, caller?: Caller) => {
    const answer = await execute(operation, variables, caller)
    const error = answer.errors?.[0]
    if (error !== undefined) throw new Error(`${error.extensions?.code} ${error.message}`)
    return answer.data as Data
  }
  return {
    subgraph,
    coupon,
    client,
    database,
    execute,
    data,
    async create(input = {}) {
      const { createCampaign } = await data<{
        createCampaign: { code: string; messageEn: string; campaign?: { id: string } }
      }>(
        `mutation($input: CreateCampaignInput!) { createCampaign(input: $input) { ${MESSAGE} ... on CampaignCreated { campaign { id } } } }`,
        { input: { ...INPUT, ...input } },
      )
      if (createCampaign.campaign === undefined)
        throw new Error(`${createCampaign.code} ${createCampaign.messageEn}`)
      return createCampaign.campaign.id
    },
    async change(field, campaignId, more = {}) {
      const type = field === 'pauseIssuance' ? 'PauseIssuanceInput' : 'ChangeCampaignInput'
      const changed = await data<Record<string, Changed>>(
        `mutation($input: ${type}!) { ${field}(input: $input) { ${MESSAGE}
          ... on CampaignChanged { campaign { state version notice { zh en } } } ... on CampaignStateConflict { state } } }`,
        { input: { campaignId, ...more } },
      )
      return changed[field] as Changed
    },
    async setClock(instant) {
      await ask(
        connection,
        `CREATE OR REPLACE FUNCTION ${schema}.clock() RETURNS timestamptz LANGUAGE sql VOLATILE PARALLEL SAFE
           RETURN timestamptz '${instant.toISOString()}'`,
      )
    },
    sql: (text, values) =>
      ask({ ...connection, options: `-c search_path=${schema},pg_temp` } as PostgresConnection, text, values),
    async [Symbol.asyncDispose]() {
      await subgraph.close()
      await coupon[Symbol.asyncDispose]()
    },
  }
}

export const PAUSE = { reason: 'too many', noticeZh: '明天再来', noticeEn: 'Come back tomorrow' }

function breakable(client: SubgraphClient): BreakableClient {
  const sent: SubgraphRequest[] = []
  return {
    name: client.name,
    break: 'no',
    sent,
    async execute(request) {
      if (this.break === 'before') throw new Fault('SUBGRAPH_UNREACHABLE', 'coupon cannot be reached')
      sent.push(request)
      const answer = await client.execute(request)
      if (this.break === 'after') throw new Fault('OUTCOME_UNKNOWN', 'the answer was lost')
      return answer
    },
    ready: () => client.ready(),
    close: () => client.close(),
  }
}
