import { composeServices } from '@theguild/federation-composition'
import { parse } from 'graphql'
import { pino } from 'pino'
import { createGateway, type Gateway, type GatewayOptions } from '../../gateway/gateway.ts'
import type { ManifestOperation } from '../../gateway/operations/manifest.ts'
import { Fault } from '../../protocol/fault.ts'
import { InProcessClient } from '../../protocol/in-process-client.ts'
import { createSubgraph } from '../../subgraphs/subgraph.ts'
import { hashOf } from './tiny-graph.ts'
import { tokenFor } from './tokens.ts'

/** Things that are handed out under limits, by a subgraph without a database that gateways of a test share. */

/** A claim costs 11 points: the field's 10 and its input's 1. */
export const CLAIM_POINTS = 11
/** Of one drop: 100 claims a second, 200 at once. */
export const DROP_RATE = { perSecond: 1_100, burst: 2_200 }

const LIMITS = `
  @costLimit(perSecond: ${DROP_RATE.perSecond}, burst: ${DROP_RATE.burst}, per: FLEET, over: PLACE, by: "input.drop", status: "DropStatus")
  @costLimit(perSecond: 100000, burst: 200000)
  @costLimit(perSecond: 50, burst: 100, per: CALLER, by: "input.drop")`

const SDL = (claimLimits: string, weight = 10): string => `
  extend schema
    @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@composeDirective", "@cost"])
    @link(url: "https://spillway.dev/costLimit/v1.0", import: ["@costLimit"])
    @composeDirective(name: "@costLimit")
  directive @costLimit(perSecond: Float!, burst: Float!, per: costLimit__Per! = FLEET, over: costLimit__Over! = REFUSE,
    by: String, status: String) repeatable on FIELD_DEFINITION
  enum costLimit__Per { FLEET CALLER }
  enum costLimit__Over { PLACE REFUSE }
  scalar Fen
  scalar DateTime
  type Query { drop(id: ID!): Drop, unlimited: Int }
  type Mutation { claim(input: ClaimInput!): ClaimResult @cost(weight: ${weight}) ${claimLimits} }
  input ClaimInput { drop: ID!, placeToken: String }
  union ClaimResult = Issued | Later | KeptPlace
  type Later { retryable: Boolean!, retryAfterMs: Int }
  type Issued { shopper: ID! }
  enum Severity { WARNING }
  type KeptPlace { code: String!, severity: Severity!, messageZh: String!, messageEn: String!, retryable: Boolean!,
    retryAfterMs: Int, token: String!, admitAt: DateTime!, position: Int! }
  type Drop { id: ID!, stock: Stock }
  type Stock { remaining: Int!, state: String!, noticeZh: String, noticeEn: String }
`

/** The supergraph with these limits on `claim`. */
export function dropSupergraph(claimLimits: string = LIMITS, weight?: number): string {
  const composed = composeServices([
    { name: 'drops', typeDefs: parse(SDL(claimLimits, weight)), url: 'http://drops.invalid' },
  ])
  if (composed.errors !== undefined) throw new Error(composed.errors.map(error => error.message).join('; '))
  return composed.supergraphSdl
}

const CLAIM = `mutation Claim($input: ClaimInput!) { claim(input: $input) { __typename
  ... on Issued { shopper } ... on Later { retryable retryAfterMs } ... on KeptPlace { code messageZh messageEn retryAfterMs token admitAt position } } }`
const STATUS = 'query DropStatus($id: ID!) { drop(id: $id) { stock { remaining state noticeZh noticeEn } } }'

export const DROP_MANIFEST: readonly ManifestOperation[] = [
  { id: hashOf(CLAIM), body: CLAIM, priority: 'CLAIM' },
  { id: hashOf(STATUS), body: STATUS, priority: 'OPERATE' },
]

const SECRET = 'drop-graph-token-secret-0123456789abcdef'

export interface Stock {
  readonly remaining: number
  readonly state: 'OPEN' | 'PAUSED'
  readonly noticeZh?: string
  readonly noticeEn?: string
}

export interface ClaimAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  // biome-ignore lint/suspicious/noExplicitAny: read by assertions only.
  readonly body: any
}

export interface ControlAnswer {
  readonly status: number
  // biome-ignore lint/suspicious/noExplicitAny: read by assertions only.
  readonly body: any
}

export interface DropGraph extends AsyncDisposable {
  readonly gateways: readonly Gateway[]
  /** What the subgraph says of a drop; 1,000 are left of one that is not here. `fails`: it does not say. */
  readonly stocks: Map<string, Stock | 'fails'>
  /** Drops of which every claim fails, having done nothing. */
  readonly failing: Set<string>
  /** Drops of which every claim is refused, as an outcome, for now or for good. */
  readonly refusing: Map<string, 'FOR_NOW' | 'FOR_GOOD'>
  /** Claims that reached the subgraph, by drop. */
  readonly claimed: Map<string, number>
  /** The same, one by one: who got what was claimed. */
  readonly served: readonly { readonly drop: string; readonly shopper: string }[]
  /** Lines of every gateway's log. */
  readonly lines: readonly string[]
  /** @param placeToken in its input. */
  claim(gateway: number, shopper: string, drop?: string, placeToken?: string): Promise<ClaimAnswer>
  /** Any operation, by its text or `documentId`. */
  ask(gateway: number, payload: object, headers?: Readonly<Record<string, string>>): Promise<ClaimAnswer>
  /** Asks `/control/limits` of a gateway, as an operator unless told otherwise. */
  control(
    gateway: number,
    method: 'GET' | 'PUT' | 'DELETE',
    path?: string,
    options?: { readonly body?: object; readonly token?: string | null },
  ): Promise<ControlAnswer>
  token(claims: Parameters<typeof tokenFor>[1]): string
}

/** @param each options of each gateway; as many gateways as these. */
export async function dropGraph(each: readonly Partial<GatewayOptions>[] = [{}]): Promise<DropGraph> {
  const stocks: DropGraph['stocks'] = new Map()
  const failing = new Set<string>()
  const refusing: DropGraph['refusing'] = new Map()
  const claimed = new Map<string, number>()
  const served: DropGraph['served'][number][] = []
  const lines: string[] = []
  const subgraph = createSubgraph<object>({
    name: 'drops',
    typeDefs: SDL(LIMITS),
    start: async () => {},
    ready: async () => {},
    close: async () => {},
    logger: pino({ level: 'silent' }),
    context: () => ({}),
    resolvers: {
      Query: {
        drop(_: unknown, { id }: { id: string }) {
          const stock = stocks.get(id) ?? { remaining: 1_000, state: 'OPEN' }
          if (stock === 'fails') throw new Fault('DATABASE_UNAVAILABLE', 'told to fail')
          return { id, stock }
        },
      },
      Mutation: {
        claim(
          _: unknown,
          { input }: { input: { drop: string } },
          { caller }: { caller: { shopperId: string } },
        ) {
          if (failing.has(input.drop)) throw new Fault('DATABASE_UNAVAILABLE', 'told to fail')
          const refusal = refusing.get(input.drop)
          if (refusal !== undefined) return { __typename: 'Later', retryable: refusal === 'FOR_NOW' }
          claimed.set(input.drop, (claimed.get(input.drop) ?? 0) + 1)
          served.push({ drop: input.drop, shopper: caller.shopperId })
          return { __typename: 'Issued', shopper: caller.shopperId }
        },
      },
    } as never,
  })
  const supergraphSdl = dropSupergraph()
  const gateways: Gateway[] = []
  for (const options of each)
    gateways.push(
      await createGateway({
        supergraphSdl,
        manifest: DROP_MANIFEST,
        clients: new Map([['drops', new InProcessClient(subgraph)]]),
        tokens: { kind: 'secret', secret: SECRET },
        production: false,
        cost: { mode: 'enforce' },
        logger: pino({ level: 'info' }, { write: line => void lines.push(line) }),
        ...options,
      }),
    )
  const token: DropGraph['token'] = claims => tokenFor(SECRET, claims)
  async function ask(
    gateway: number,
    payload: object,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<ClaimAnswer> {
    const { app } = gateways[gateway]!
    const answer = await app.inject({ method: 'POST', url: '/graphql', headers, payload })
    return { status: answer.statusCode, headers: answer.headers, body: answer.json() }
  }
  return {
    gateways,
    stocks,
    failing,
    refusing,
    claimed,
    served,
    lines,
    token,
    claim(gateway, shopper, drop = 'spring', placeToken) {
      const variables = { input: { drop, ...(placeToken === undefined ? {} : { placeToken }) } }
      const payload = { documentId: `sha256:${hashOf(CLAIM)}`, variables }
      return ask(gateway, payload, { authorization: `Bearer ${token({ sub: shopper })}` })
    },
    ask,
    async control(gateway, method, path = '', options = {}) {
      const { token: bearer = token({ sub: 'olga', kind: 'operator', client: 'control-room' }), body } =
        options
      const answer = await gateways[gateway]!.app.inject({
        method,
        url: `/control/limits${path}`,
        ...(bearer === null ? {} : { headers: { authorization: `Bearer ${bearer}` } }),
        ...(body === undefined ? {} : { payload: body }),
      })
      return { status: answer.statusCode, body: answer.json() }
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(gateways.map(gateway => gateway.close()))
    },
  }
}
