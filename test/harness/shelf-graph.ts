import { buildSubgraphSchema } from '@apollo/subgraph'
import { type DocumentNode, execute, parse } from 'graphql'
import { type ConfiguredGateway, type ConfiguredOptions, configuredGateway } from './configured-gateway.ts'
import { supergraphOf } from './foreign-graph.ts'
import { MisbehavingSubgraph } from './misbehaving-subgraph.ts'
import { hashOf } from './tiny-graph.ts'

const LINKS = `
  extend schema
    @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@composeDirective"])
    @link(url: "https://spillway.dev/cacheControl/v1.0", import: ["@cacheControl"])
    @composeDirective(name: "@cacheControl")
  directive @cacheControl(maxAge: Int, scope: cacheControl__Scope) repeatable on FIELD_DEFINITION | OBJECT | INTERFACE | UNION
  enum cacheControl__Scope { PUBLIC PRIVATE }
`

const CATALOG = `${LINKS}
  type Query {
    product(id: ID!): Product! @cacheControl(maxAge: 60, scope: PUBLIC)
    "Never kept, as it is another product for everybody."
    visit(n: Int!): Product! @cacheControl(maxAge: 0, scope: PUBLIC)
  }
  type Product @key(fields: "id") @cacheControl(maxAge: 60, scope: PUBLIC) { id: ID!, name: String! @cacheControl(maxAge: 60, scope: PUBLIC) }
`

const STOCK = `${LINKS}
  type Product @key(fields: "id") @cacheControl(maxAge: 60, scope: PUBLIC) { id: ID!, left: Int! @cacheControl(maxAge: 60, scope: PUBLIC) }
`

/** By name. `Product` asks the catalog alone; `Visit` the catalog for everybody, and stock for what may be kept. */
export const OPERATIONS = {
  Product: 'query Product($id: ID!) { product(id: $id) { id name } }',
  Shelf: 'query Shelf($id: ID!) { product(id: $id) { id name left } }',
  Visit: 'query Visit($n: Int!) { visit(n: $n) { id left } }',
} as const

/** The same as `Product`, and no persisted operation. */
export const TEXT = 'query Other($id: ID!) { product(id: $id) { id called: name } }'

/**
 * A gateway that listens, over two subgraphs that do: `catalog` and `stock`, each of which does what a test says.
 * Answers hold how often that subgraph was asked for anything, so that none is like another.
 */
export interface ShelfGraph extends ConfiguredGateway {
  readonly catalog: MisbehavingSubgraph
  readonly stock: MisbehavingSubgraph
}

export async function shelfGraph(options: Partial<ConfiguredOptions> = {}): Promise<ShelfGraph> {
  const [catalog, stock] = [catalogSubgraph(), stockSubgraph()]
  const gateway = await gatewayOver({ catalog, stock }, options)
  return {
    ...gateway,
    catalog,
    stock,
    async [Symbol.asyncDispose]() {
      await gateway.close()
      await Promise.all([catalog.close(), stock.close()])
    },
  }
}

/** One more gateway over subgraphs that another has. */
export async function gatewayOver(
  { catalog, stock }: { readonly catalog: MisbehavingSubgraph; readonly stock: MisbehavingSubgraph },
  options: Partial<ConfiguredOptions> = {},
): Promise<ConfiguredGateway> {
  return await configuredGateway({
    supergraphSdl: supergraphOf({
      catalog: { sdl: CATALOG, url: await listening(catalog) },
      stock: { sdl: STOCK, url: await listening(stock) },
    }),
    operations: Object.values(OPERATIONS),
    ...options,
  })
}

/** A persisted operation's request. */
export const persisted = (name: keyof typeof OPERATIONS, variables: object): object => ({
  extensions: { persistedQuery: { version: 1, sha256Hash: hashOf(OPERATIONS[name]) } },
  variables,
})

const urls = new WeakMap<MisbehavingSubgraph, Promise<string>>()

function listening(subgraph: MisbehavingSubgraph): Promise<string> {
  const url = urls.get(subgraph) ?? subgraph.listen()
  urls.set(subgraph, url)
  return url
}

type Ref = { readonly id: string }

function catalogSubgraph(): MisbehavingSubgraph {
  let asked = 0
  const product = ({ id }: Ref): object => ({ id, name: `tea ${id}, asked for ${asked} times` })
  const resolvers = {
    Query: { product: (_: unknown, args: Ref) => product(args), visit: () => product({ id: '1' }) },
  }
  const schema = buildSubgraphSchema([{ typeDefs: parse(CATALOG), resolvers }])
  const documents = new Map<string, DocumentNode>()
  return new MisbehavingSubgraph(({ text, variables }) => {
    asked++
    const document = documents.get(text) ?? parse(text)
    documents.set(text, document)
    return execute({ schema, document, variableValues: variables })
  })
}

function stockSubgraph(): MisbehavingSubgraph {
  let asked = 0
  return new MisbehavingSubgraph(({ variables: { representations } }) => {
    asked++
    return { data: { _entities: (representations as readonly Ref[]).map(() => ({ left: asked })) } }
  })
}
