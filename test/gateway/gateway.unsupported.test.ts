import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TINY_SUPERGRAPH, type TinyGraph, tinyGraph } from '../harness/tiny-graph.ts'

/** The tiny graph with a root type for subscriptions, which composers let through. */
const WITH_SUBSCRIPTIONS = TINY_SUPERGRAPH.replace(
  '  query: Query',
  '  query: Query\n  subscription: Subscription',
).concat('\ntype Subscription @join__type(graph: SHOP) { ticks: Int @join__field(graph: SHOP) }')

describe('operations', () => {
  let graph: TinyGraph
  beforeAll(async () => {
    graph = await tinyGraph({ supergraphSdl: WITH_SUBSCRIPTIONS })
  })
  afterAll(async () => {
    graph.release()
    await graph.gateway.close()
  })

  test.each([
    ['a subscription', 'subscription { ticks }', 'Subscriptions are not supported'],
    [
      'a subscription among queries',
      'query A { who } subscription B { ticks }',
      'Subscriptions are not supported',
    ],
    ['@defer on a fragment', '{ who ... @defer { maybe(code: "X") } }', '@defer is not supported'],
    [
      '@defer on a spread, turned off',
      '{ ...F @defer(if: false, label: "f") } fragment F on Query { who }',
      '@defer is not supported',
    ],
    [
      '@defer within a fragment',
      '{ ...F } fragment F on Query { ... @defer { who } }',
      '@defer is not supported',
    ],
    [
      '@stream on a list',
      '{ products { edges @stream(initialCount: 1) { node { id } } } }',
      '@stream is not supported',
    ],
    [
      '@stream in a mutation',
      'mutation { claim(input: { campaignId: "1" }) { __typename @stream } }',
      '@stream is not supported',
    ],
  ])('%s: 400, its name in the message, and no subgraph is asked', async (_, query, message) => {
    graph.executed.length = 0
    const operationName = query.includes('subscription B') ? { operationName: 'B' } : {}
    const reply = await graph.gateway.app.inject({
      method: 'POST',
      url: '/graphql',
      payload: { query, ...operationName },
    })
    expect(reply.statusCode).toBe(400)
    const { data, errors } = reply.json()
    expect([data, errors[0].message, errors[0].extensions.code]).toEqual([
      undefined,
      message,
      'OPERATION_NOT_SUPPORTED',
    ])
    expect(graph.executed).toEqual([])
  })

  test('a variable or an argument called "defer" is neither', async () => {
    const reply = await graph.gateway.app.inject({
      method: 'POST',
      url: '/graphql',
      payload: { query: 'query ($defer: String) { stream: echo(text: $defer) }', variables: { defer: 'x' } },
    })
    expect([reply.statusCode, reply.json()]).toEqual([200, { data: { stream: 'x' } }])
  })
})

test.each([
  ['a subscription', 'subscription S { ticks }', 'Subscriptions are not supported'],
  ['@defer', 'query D { ... @defer { who } }', '@defer is not supported'],
])('a persisted operation with %s stops the start, and is named', async (_, body, message) => {
  const manifest = [{ id: 'f'.repeat(64), body, priority: 'BROWSE' as const, description: 'Refused.' }]
  await expect(tinyGraph({ supergraphSdl: WITH_SUBSCRIPTIONS, manifest })).rejects.toThrow(message)
})

/** What composers make of @context on a type, and of @fromContext on an argument. */
const applied = (field: string, type: string): string =>
  TINY_SUPERGRAPH.replace(
    /^schema/m,
    'schema @link(url: "https://specs.apollo.dev/context/v0.1", for: SECURITY)',
  )
    .replace(/^( *)who: String!/m, `$1who: String! ${field}`)
    .replace(/^type Deep\b/m, `type Deep ${type}`)

test.each([
  [
    '@fromContext',
    applied(
      '@join__field(graph: SHOP, contextArguments: [{context: "shop__deep", name: "leaf", type: "String", selection: "{ leaf }"}])',
      '@context(name: "shop__deep")',
    ),
    'Query.who uses @fromContext, which is not supported',
  ],
  ['@context', applied('', '@context(name: "shop__deep")'), 'Deep uses @context, which is not supported'],
])(
  'a supergraph with %s is refused at start, and where it stands is named',
  async (_, supergraphSdl, message) => {
    await expect(tinyGraph({ supergraphSdl })).rejects.toThrow(message)
  },
)
