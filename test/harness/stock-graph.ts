import { composeServices } from '@theguild/federation-composition'
import { parse } from 'graphql'
import { Agent, request } from 'undici'
import { createGateway, type Gateway, type GatewayOptions } from '../../gateway/gateway.ts'
import type { ManifestOperation } from '../../gateway/operations/manifest.ts'
import { HttpClient, type HttpClientOptions } from '../../protocol/http-client.ts'
import { MisbehavingSubgraph, type SentOperation } from './misbehaving-subgraph.ts'
import { hashOf } from './tiny-graph.ts'

const FEDERATION =
  'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])\n  scalar Anything\n'

const CATALOG = `
  type Query { products: [Product!]! }
  type Product @key(fields: "id") { id: ID!, name: String! }
  type Unused { anything: Anything }
`

const STOCK = `
  type Query { note(of: Int): String, anything(of: Int): Anything, exact(of: Int): Int! }
  type Mutation { take(n: Int!): Taken! }
  type Taken { left: Int! }
  type Product @key(fields: "id") { id: ID!, left: Int, shelves: [Shelf] }
  type Shelf { row: Int }
`

/** By name; `Shelf` takes both subgraphs, the others `stock` alone. */
export const OPERATIONS = {
  Shelf: 'query Shelf($of: Int) { products { id name left } note(of: $of) }',
  Shelves: 'query Shelves { products { name left shelves { row } } }',
  Note: 'query Note($of: Int) { note(of: $of) }',
  Anything: 'query Anything($of: Int) { products { name } anything(of: $of) }',
  Exact: 'query Exact($of: Int) { exact(of: $of) }',
  Take: 'mutation Take($n: Int!) { take(n: $n) { left } }',
} as const

export const NAMES: readonly string[] = ['tea', 'milk', 'pearls']

const MANIFEST: readonly ManifestOperation[] = Object.values(OPERATIONS).map(body => ({
  id: hashOf(body),
  body,
  priority: 'BROWSE',
}))

const SUPERGRAPH = composed()

export interface StockAnswer {
  readonly status: number
  // biome-ignore lint/suspicious/noExplicitAny: whatever the gateway answered
  readonly body: any
}

/**
 * A gateway that listens, over two subgraphs that do: `catalog`, which is well, and `stock`, which does what a test says.
 * Everything in between is the product: its doors, its HTTP client, its sockets.
 */
export interface StockGraph extends AsyncDisposable {
  readonly gateway: Gateway
  readonly catalog: MisbehavingSubgraph
  readonly stock: MisbehavingSubgraph
  /** The gateway's client of `stock`. */
  readonly client: HttpClient
  ask(operation: keyof typeof OPERATIONS, variables?: object): Promise<StockAnswer>
  /** What the gateway's metrics say of `stock`. */
  metric(name: string): Promise<number | undefined>
  /** Closes the gateway; the subgraphs go on. */
  close(): Promise<void>
}

export async function stockGraph(
  options: {
    /** `envelope`: stock has announced the envelope already. Default: plain requests. */
    readonly transport?: 'plain' | 'envelope'
    readonly client?: Partial<HttpClientOptions>
    readonly limits?: GatewayOptions['limits']
    /** Where the gateway finds `stock`. Default: where it listens. */
    readonly stockUrl?: string
  } = {},
): Promise<StockGraph> {
  const { transport = 'plain', limits = {} } = options
  const catalog = new MisbehavingSubgraph(answerOfCatalog)
  const stock = new MisbehavingSubgraph(answerOfStock, { hasEnvelope: transport === 'envelope' })
  const urls = { catalog: await catalog.listen(), stock: options.stockUrl ?? (await stock.listen()) }
  const clients = new Map(
    (['catalog', 'stock'] as const).map(name => {
      const own = name === 'stock' ? options.client : {}
      return [name, new HttpClient({ name, url: urls[name], sender: 'gateway', ...own })]
    }),
  )
  const client = clients.get('stock')!
  if (transport === 'envelope') await client.ready()
  const gateway = await createGateway({ supergraphSdl: SUPERGRAPH, manifest: MANIFEST, clients, limits })
  const origin = `http://127.0.0.1:${await gateway.listen({ port: 0 })}`
  // A connection a request: the gateway then has none to wait for when it stops.
  const agent = new Agent({ pipelining: 0, headersTimeout: 0, bodyTimeout: 0 })
  let closed: Promise<unknown> | undefined
  const close = async (): Promise<void> => {
    closed ??= gateway.close().then(() => agent.close())
    await closed
  }
  return {
    gateway,
    catalog,
    stock,
    client,
    async ask(operation, variables = {}) {
      const extensions = { persistedQuery: { version: 1, sha256Hash: hashOf(OPERATIONS[operation]) } }
      const { statusCode, body } = await request(`${origin}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'application/graphql-response+json' },
        body: JSON.stringify({ variables, extensions }),
        dispatcher: agent,
      })
      return { status: statusCode, body: await body.json() }
    },
    async metric(name) {
      const { body } = await gateway.app.inject('/metrics')
      const value = new RegExp(`^${name}{subgraph="stock"} (\\S+)$`, 'm').exec(body)?.[1]
      return value === undefined ? undefined : Number(value)
    },
    close,
    async [Symbol.asyncDispose]() {
      await close()
      await Promise.all([catalog.close(), ...(options.stockUrl === undefined ? [stock.close()] : [])])
    },
  }
}

/** Path and code of each error, by path. */
export function saysOf({ body }: StockAnswer): string[] {
  const errors: { path?: unknown[]; extensions: { code: string } }[] = body.errors ?? []
  return errors.map(({ path, extensions }) => `${path?.join('.')} ${extensions.code}`).sort()
}

function answerOfCatalog(): unknown {
  return {
    data: { products: NAMES.map((name, id) => ({ __typename: 'Product', id: `${id}`, name })) },
  }
}

/** What `stock` answers when it is well. */
export function answerOfStock({ text, variables }: SentOperation): unknown {
  const { representations } = variables as { representations?: readonly { id: string }[] }
  if (representations !== undefined) {
    return { data: { _entities: representations.map(({ id }) => ({ left: Number(id), shelves: [] })) } }
  }
  const [key] = /_a_\w+|\b(?:note|exact|anything|take)(?=[({ ])/.exec(text.slice(text.indexOf('{'))) ?? []
  const value = { note: 'well', exact: 7, anything: { any: 1 }, take: { left: 9 } }
  const name = key!.replace('_a_', '') as keyof typeof value
  return { data: { [key!]: value[name] } }
}

function composed(): string {
  const { supergraphSdl, errors } = composeServices(
    Object.entries({ catalog: CATALOG, stock: STOCK }).map(([name, sdl]) => ({
      name,
      url: `http://${name}.invalid/graphql`,
      typeDefs: parse(FEDERATION + sdl),
    })),
  )
  if (supergraphSdl === undefined) throw new Error((errors ?? []).map(({ message }) => message).join('\n'))
  return supergraphSdl
}
