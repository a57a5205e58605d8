import { pino } from 'pino'
import { Agent, request } from 'undici'
import { createSubgraphHttpServer } from '../../subgraphs/http.ts'
import { createSubgraph, type RequestContext } from '../../subgraphs/subgraph.ts'
import { type ConfiguredGateway, configuredGateway } from './configured-gateway.ts'
import { supergraphOf } from './foreign-graph.ts'
import { hashOf } from './tiny-graph.ts'
import { tokenFor } from './tokens.ts'

const SECRET = 'a secret for tests, of more than 32 characters'
const IDENTITY_KEY = 'what signs identities in tests, 32 and more'

const LINKS = `
  extend schema
    @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@composeDirective"])
    @link(url: "https://spillway.dev/cacheControl/v1.0", import: ["@cacheControl"])
    @composeDirective(name: "@cacheControl")
  directive @cacheControl(maxAge: Int, scope: cacheControl__Scope) repeatable on FIELD_DEFINITION | OBJECT | INTERFACE | UNION
  enum cacheControl__Scope { PUBLIC PRIVATE }
  scalar Fen
  scalar DateTime
`

const THINGS = `${LINKS}
  type Query { item(id: ID!): Item! @cacheControl(maxAge: 600, scope: PUBLIC), price(id: ID!): Price!, note(id: ID!): Note!, mark(id: ID!): Mark! }
  type Item @key(fields: "id") @cacheControl(maxAge: 600, scope: PUBLIC) {
    id: ID!
    version: Int! @cacheControl(maxAge: 600, scope: PUBLIC)
  }
  type Price @cacheControl(maxAge: 600, scope: PUBLIC) { id: ID!, version: Int! }
  "Nothing but itself makes it void."
  type Mark @cacheControl(maxAge: 600, scope: PUBLIC) { id: ID!, version: Int! }
  type Note @key(fields: "id") @cacheControl(maxAge: 600, scope: PRIVATE) { id: ID!, version: Int!, caller: String! }
  type Mutation {
    "Its answer names no item; the table says what it makes void."
    bump(id: ID!): Int!
    "Its answer is what it makes void."
    renew(id: ID!): Item!
    write(id: ID!): Int!
    "Changes nothing: an operator's."
    forget(tags: [String!], types: [String!]): Boolean!
  }
`

const STOCK = `${LINKS}
  type Item @key(fields: "id") @cacheControl(maxAge: 600, scope: PUBLIC) { id: ID!, left: Int! @cacheControl(maxAge: 600, scope: PUBLIC) }
`

/** Fresh for so long, and stale for so long. */
export const POLICIES = {
  'Query.item': { freshMs: 600_000, staleMs: 600_000 },
  Item: { freshMs: 600_000, staleMs: 600_000 },
  'Query.price': { freshMs: 30, staleMs: 120 },
  'Query.mark': { freshMs: 600_000, staleMs: 600_000, references: ['mark:{args.id}'] },
  'Query.note': { freshMs: 600_000, staleMs: 600_000 },
  'Mutation.bump': { invalidates: ['Item:{args.id}'] },
  'Mutation.write': { invalidates: ['Note:{args.id}'] },
  'Mutation.forget': { invalidates: ['{args.tags}', '{args.types}'] },
} as const

/** By name; `ItemText` is no persisted operation. */
const OPERATIONS = {
  Item: 'query Item($id: ID!) { item(id: $id) { id version } }',
  /** The second version by way of an entity. */
  Both: 'query Both($id: ID!) { item(id: $id) { id version left } }',
  Price: 'query Price($id: ID!) { price(id: $id) { id version } }',
  Note: 'query Note($id: ID!) { note(id: $id) { id version caller } }',
  Mark: 'query Mark($id: ID!) { mark(id: $id) { id version } }',
  Bump: 'mutation Bump($id: ID!) { bump(id: $id) }',
  Renew: 'mutation Renew($id: ID!) { renew(id: $id) { id version } }',
  Write: 'mutation Write($id: ID!) { write(id: $id) }',
  Forget: 'mutation Forget($tags: [String!], $types: [String!]) { forget(tags: $tags, types: $types) }',
} as const
const ITEM_TEXT = 'query ItemText($id: ID!) { item(id: $id) { version id } }'

export type Kind = 'Item' | 'Price' | 'Note' | 'Mark'

/** What is true: each thing has a version, and each version a time when it was replaced. */
export class Truth {
  readonly #replacedMs = new Map<string, number[]>()

  versionOf(kind: Kind, id: string): number {
    return this.#replacedMs.get(`${kind}:${id}`)?.length ?? 0
  }

  /** @returns the new version. */
  change(kind: Kind, id: string): number {
    const key = `${kind}:${id}`
    const replaced = this.#replacedMs.get(key) ?? []
    this.#replacedMs.set(key, replaced)
    return replaced.push(performance.now())
  }

  /** When it ceased to be true; `undefined`: it is. */
  replacedMs(kind: Kind, id: string, version: number): number | undefined {
    return this.#replacedMs.get(`${kind}:${id}`)?.[version]
  }
}

export interface VersionGateway extends ConfiguredGateway {
  /** The data of an operation without errors. */
  ask(
    operation: keyof typeof OPERATIONS | 'ItemText',
    variables: object,
    shopper?: string,
    // biome-ignore lint/suspicious/noExplicitAny: read by assertions only.
  ): Promise<any>
  /** By `/control/cache/invalidations`. */
  invalidate(what: { readonly tags?: readonly string[]; readonly types?: readonly string[] }): Promise<string>
}

/** Gateways on one Redis, over two subgraphs that tell the same truth. */
export interface VersionGraph extends AsyncDisposable {
  readonly truth: Truth
  readonly gateways: readonly VersionGateway[]
}

/** @param pause how long a subgraph takes to tell what it has read: it may be old by then. What changes something takes no time. */
export async function versionGraph(options: {
  readonly redisUrl: string
  /** What `CONFIG` names, of each of them. */
  readonly files: readonly object[]
  readonly pause: () => Promise<void>
}): Promise<VersionGraph> {
  const stack = new AsyncDisposableStack()
  const truth = new Truth()
  const urls = await Promise.all(
    [THINGS, STOCK].map(async sdl => {
      const server = createSubgraphHttpServer({
        subgraph: subgraphOf(sdl, truth, options.pause),
        identityKeys: [IDENTITY_KEY],
        logger: { error: () => {} },
      })
      stack.defer(() => server.close())
      return (await server.listen(0, '127.0.0.1')).url
    }),
  )
  const supergraphSdl = supergraphOf({
    things: { sdl: THINGS, url: urls[0]! },
    stock: { sdl: STOCK, url: urls[1]! },
  })
  const agent = new Agent({ connections: 64 })
  const gateways: VersionGateway[] = []
  for (const file of options.files) {
    const gateway = await configuredGateway({
      supergraphSdl,
      operations: Object.values(OPERATIONS),
      policies: POLICIES,
      redisUrl: options.redisUrl,
      identityKey: IDENTITY_KEY,
      tokens: { kind: 'secret', secret: SECRET },
      file,
    })
    stack.use(gateway)
    gateways.push({ ...gateway, ...doorsOf(gateway, agent) })
  }
  stack.defer(() => agent.close())
  return { truth, gateways, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

function doorsOf({ port }: ConfiguredGateway, agent: Agent): Pick<VersionGateway, 'ask' | 'invalidate'> {
  const tokens = new Map<string, string>()
  const tokenOf = (shopper: string): string => {
    const token = tokens.get(shopper) ?? tokenFor(SECRET, { sub: shopper })
    tokens.set(shopper, token)
    return token
  }
  // biome-ignore lint/suspicious/noExplicitAny: read by assertions only.
  const post = async (path: string, token: string, body: object): Promise<any> => {
    const answer = await request(`http://127.0.0.1:${port}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify(body),
      dispatcher: agent,
    })
    const said = await answer.body.text()
    if (answer.statusCode !== 200) throw new Error(`expected 200, got ${answer.statusCode}: ${said}`)
    return JSON.parse(said)
  }
  const operator = tokenFor(SECRET, { sub: 'olga', kind: 'operator', client: 'control-room' })
  return {
    async ask(operation, variables, shopper = 'nobody') {
      const named =
        operation === 'ItemText'
          ? { query: ITEM_TEXT }
          : { documentId: `sha256:${hashOf(OPERATIONS[operation])}` }
      const { data, errors } = await post('/graphql', tokenOf(shopper), { ...named, variables })
      if (errors !== undefined) throw new Error(`expected no errors, got ${JSON.stringify(errors)}`)
      return data
    },
    invalidate: async what => (await post('/control/cache/invalidations', operator, what)).scope,
  }
}

function subgraphOf(
  sdl: string,
  truth: Truth,
  pause: () => Promise<void>,
): ReturnType<typeof createSubgraph> {
  const told = async <Answer>(answer: Answer): Promise<Answer> => {
    await pause()
    return answer
  }
  const version = (kind: Kind, { id }: { readonly id: string }): object => ({
    __typename: kind,
    id,
    version: truth.versionOf(kind, id),
    left: truth.versionOf(kind, id),
  })
  type Args = { readonly id: string }
  const root = {
    Query: {
      item: (_: unknown, args: Args) => told(version('Item', args)),
      price: (_: unknown, args: Args) => told(version('Price', args)),
      mark: (_: unknown, args: Args) => told(version('Mark', args)),
      note: (_: unknown, args: Args, { caller }: RequestContext) =>
        told({ ...version('Note', args), caller: caller.shopperId }),
    },
    Mutation: {
      bump: (_: unknown, { id }: Args) => truth.change('Item', id),
      renew(_: unknown, args: Args) {
        truth.change('Item', args.id)
        return version('Item', args)
      },
      write: (_: unknown, { id }: Args) => truth.change('Note', id),
      forget: () => true,
    },
  }
  return createSubgraph<object>({
    name: sdl === THINGS ? 'things' : 'stock',
    typeDefs: sdl,
    start: async () => {},
    ready: async () => {},
    close: async () => {},
    logger: pino({ level: 'silent' }),
    context: () => ({}),
    resolvers: {
      ...(sdl === THINGS ? root : {}),
      Item: { __resolveReference: (reference: Args) => told(version('Item', reference)) },
    } as never,
  })
}
