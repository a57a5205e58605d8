import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { createGateway, type Gateway, type GatewayOptions } from '../../gateway/gateway.ts'
import { mintToken } from '../../gateway/identity/mint.ts'
import type { SubgraphAnswer, SubgraphClient, SubgraphRequest } from '../../protocol/subgraph-client.ts'
import { supergraphOf } from '../harness/foreign-graph.ts'
import { hashOf } from '../harness/tiny-graph.ts'

/** What is decided a request (rollout, headers, the plan) is decided alike at every door. */

const SECRET = 'a secret for tests, of more than 32 characters'
const OLD = 'type Query { where: Where } type Where @key(fields: "id") { id: ID! name: String }'
const NEW = `
  type Query { where: Where @override(from: "old", label: "percent(50)") }
  type Where @key(fields: "id") { id: ID! name: String @shareable }
`
const SUPERGRAPH = supergraphOf({
  old: { sdl: OLD.replace('String', 'String @shareable'), url: 'http://old.invalid' },
  new: { sdl: NEW, url: 'http://new.invalid' },
  far: { sdl: 'type Where @key(fields: "id") { id: ID! far(unit: String): Int }', url: 'http://far.invalid' },
})
const TEXT = 'query Where($unit: String) { where { name far(unit: $unit) } }'

const received: SubgraphRequest[] = []
const client = (name: string): SubgraphClient => ({
  name,
  async execute(request): Promise<SubgraphAnswer> {
    received.push(request)
    const [, key] = /_entities\(.*\{\s*(\w+)/.exec(request.operation) ?? []
    if (name === 'far') return { data: { _entities: [{ __typename: 'Where', [key ?? 'far']: 7 }] } }
    return { data: { where: { __typename: 'Where', id: '1', name } } }
  },
  ready: async () => {},
  close: async () => {},
})

const open: Gateway[] = []
afterAll(() => Promise.all(open.map(gateway => gateway.close())))
async function serve(options: Partial<GatewayOptions> = {}): Promise<string> {
  const gateway = await createGateway({
    supergraphSdl: SUPERGRAPH,
    manifest: [{ id: hashOf(TEXT), body: TEXT, priority: 'BROWSE', tool: 'where' }],
    clients: ({ name }) => client(name),
    tokens: { kind: 'secret', secret: SECRET },
    production: false,
    ...options,
  })
  open.push(gateway)
  return `http://127.0.0.1:${await gateway.listen({ port: 0 })}`
}

type Headers = Readonly<Record<string, string>>
// biome-ignore lint/suspicious/noExplicitAny: an answer's shape is what the test asserts
type Answer = any
const post = async (url: string, body: object, headers: Headers): Promise<Answer> => {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })
  return await answer.json()
}

const DOORS: readonly (readonly [string, (url: string, headers: Headers) => Promise<Answer>])[] = [
  [
    'the express lane',
    (url, headers) => post(`${url}/graphql`, { documentId: `sha256:${hashOf(TEXT)}` }, headers),
  ],
  [
    'the express lane by GET',
    async (url, headers) => {
      const path = `/graphql?documentId=sha256%3A${hashOf(TEXT)}`
      const answer = await fetch(url + path, { headers: { 'apollo-require-preflight': '1', ...headers } })
      return await answer.json()
    },
  ],
  ['Apollo', (url, headers) => post(`${url}/graphql`, { query: TEXT }, headers)],
  [
    'MCP',
    async (url, headers) => {
      const call = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'where', arguments: {} } }
      const accept = 'application/json, text/event-stream'
      const { result } = await post(`${url}/mcp`, call, { accept, ...headers })
      return JSON.parse(result.content[0].text.split('\n')[0])
    },
  ],
]

describe('the bucket of a rollout', () => {
  let url: string
  beforeAll(async () => {
    url = await serve()
  })

  test('is the same for a shopper at every door, and both plans are in use', async () => {
    const seen = new Set<string>()
    for (let i = 0; i < 12; i++) {
      const token = await mintToken({
        secret: SECRET,
        subject: `shopper-${i}`,
        kind: 'shopper',
        client: 'qwen',
        scopes: [],
        ttlSeconds: 60,
      })
      const names = new Set<string>()
      for (const [, ask] of DOORS)
        names.add((await ask(url, { authorization: `Bearer ${token}` })).data.where.name)
      expect([i, [...names]]).toEqual([i, [expect.stringMatching(/^(old|new)$/)]])
      for (const name of names) seen.add(name)
    }
    expect([...seen].sort()).toEqual(['new', 'old'])
  })
})

test('a label that is active holds for everybody, at every door, after a swap too', async () => {
  const labelled = SUPERGRAPH.replace('percent(50)', 'beta')
  for (const [overrideLabels, name] of [
    [['beta'], 'new'],
    [['gamma'], 'old'],
  ] as const) {
    const url = await serve({ supergraphSdl: labelled, overrideLabels })
    for (const [, ask] of DOORS) expect((await ask(url, {})).data.where.name).toBe(name)
    await open.at(-1)!.swap({ supergraphSdl: `${labelled}\n# the same again` })
    for (const [, ask] of DOORS) expect((await ask(url, {})).data.where.name).toBe(name)
  }
})

describe('headers', () => {
  test.each(DOORS)('go to subgraphs by their rules through %s', async (_, ask) => {
    const url = await serve({
      headers: {
        all: { propagate: [{ name: 'x-tenant' }], insert: { 'x-gateway': 'spillway' } },
        subgraphs: { far: { propagate: [{ name: 'x-tenant', rename: 'tenant' }] } },
      },
    })
    received.length = 0
    expect((await ask(url, { 'x-tenant': 'red', 'x-other': '1' })).data.where.far).toBe(7)
    expect(received.map(({ headers }) => headers)).toEqual([
      { 'x-tenant': 'red', 'x-gateway': 'spillway' },
      { 'x-tenant': 'red', tenant: 'red', 'x-gateway': 'spillway' },
    ])
  })

  test('go nowhere without rules', async () => {
    const url = await serve()
    received.length = 0
    for (const [, ask] of DOORS) await ask(url, { 'x-tenant': 'red', authorization: '' })
    expect(received.length).toBeGreaterThan(0)
    for (const request of received) expect(request).not.toHaveProperty('headers')
  })
})

describe('the plan', () => {
  test.each(DOORS)('is in extensions.queryPlan for those who ask, through %s', async (_, ask) => {
    const url = await serve()
    const { data, extensions } = await ask(url, { 'spillway-query-plan': '1' })
    expect(data.where.far).toBe(7)
    expect(extensions).toEqual({
      queryPlan: {
        kind: 'QueryPlan',
        node: {
          kind: 'Sequence',
          nodes: [
            {
              kind: 'Fetch',
              service: expect.stringMatching(/^(old|new)$/),
              operation: expect.stringContaining('where{'),
            },
            {
              kind: 'Fetch',
              service: 'far',
              path: 'where',
              requires: '{ ... on Where { __typename id } }',
              operation: expect.stringContaining('_entities'),
              variables: ['unit'],
            },
          ],
        },
      },
    })
    expect(await ask(url, {})).not.toHaveProperty('extensions')
    expect(await ask(url, { 'spillway-query-plan': '0' })).not.toHaveProperty('extensions')
  })

  test('is shown in production only where the settings say so', async () => {
    const asked = { 'spillway-query-plan': '1' }
    const [hidden, shown] = [
      await serve({ production: true }),
      await serve({ production: true, queryPlans: true }),
    ]
    for (const [, ask] of DOORS) {
      expect(await ask(hidden, asked)).not.toHaveProperty('extensions')
      expect(await ask(shown, asked)).toHaveProperty('extensions.queryPlan.node')
    }
  })
})

test('who is throttled is told the same at every door, and over HTTP by status and Retry-After', async () => {
  // A point comes back in 1,000 s: while this runs nothing does.
  const rate = { perSecond: 0.001, burst: 5 }
  const tiers = { shopper: rate, developer: rate, partner: rate, chatbot: rate }
  const url = await serve({ cost: { mode: 'enforce', max: 5, tiers } })
  for (const [, ask] of DOORS) for (let i = 0; i < 2; i++) await ask(url, {})
  const fetches = vi.spyOn(globalThis, 'fetch')
  try {
    for (const [door, ask] of DOORS) {
      const { errors, ...rest } = await ask(url, {})
      const { retryAfterMs, ...extensions } = errors[0].extensions
      expect([door, extensions]).toEqual([door, { code: 'THROTTLED', 'cost.estimated': 1 }])
      expect(retryAfterMs).toBeGreaterThan(900_000)
      expect(rest).toEqual({
        extensions: {
          cost: {
            requestedQueryCost: 1,
            actualQueryCost: null,
            throttleStatus: { maximumAvailable: 5, currentlyAvailable: 0, restoreRate: 0.001 },
          },
        },
      })
      const { status, headers } = await (fetches.mock.results.at(-1)!.value as Promise<Response>)
      // A tool's refusal is an answer of its protocol.
      const retryAfter = door === 'MCP' ? null : String(Math.ceil(retryAfterMs / 1_000))
      expect([door, status, headers.get('retry-after')]).toEqual([
        door,
        door === 'MCP' ? 200 : 429,
        retryAfter,
      ])
    }
  } finally {
    fetches.mockRestore()
  }
})
