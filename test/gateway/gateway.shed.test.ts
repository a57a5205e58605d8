import { describe, expect, it } from 'vitest'
import type { GatewayOptions } from '../../gateway/gateway.ts'
import type { Level } from '../../gateway/surge/level.ts'
import { DEFAULT_LINE_TERMS } from '../../gateway/surge/lines.ts'
import { createMemoryBudgets } from '../../gateway/surge/memory-budgets.ts'
import type { SubgraphRequest } from '../../protocol/subgraph-client.ts'
import { CLAIM_POINTS, DROP_MANIFEST, DROP_RATE, type DropGraph, dropGraph } from '../harness/drop-graph.ts'
import { post } from '../harness/lane-pair.ts'
import { until } from '../harness/postgres.ts'
import { RawClient } from '../harness/raw-client.ts'
import { hashOf } from '../harness/tiny-graph.ts'

/** What the higher levels make of requests at every door, pinned by an operator. Time is moved by hand. */

const AT_ONCE = DROP_RATE.burst / CLAIM_POINTS
const EVERY_MS = (1_000 * CLAIM_POINTS) / DROP_RATE.perSecond
/** No time is left free between places. */
const TERMS = { ...DEFAULT_LINE_TERMS, slack: 0 }
const OPERATOR = { sub: 'olga', kind: 'operator', client: 'control-room' } as const
const tiers = { shopper: { perSecond: 1_000, burst: 10_000 } }

interface Stand extends AsyncDisposable {
  readonly graph: DropGraph
  readonly operator: Readonly<Record<string, string>>
  bearer(shopper: string): Readonly<Record<string, string>>
  pass(ms: number): void
  pin(level: Level): Promise<void>
}

async function stand(more: Partial<GatewayOptions> = {}): Promise<Stand> {
  let now = Date.parse('2027-02-06T04:00:00Z')
  const graph = await dropGraph([
    {
      budgets: createMemoryBudgets({ clock: () => now, lines: { terms: TERMS } }),
      cost: { mode: 'enforce', tiers },
      ...more,
    },
  ])
  const bearer = (sub: string) => ({ authorization: `Bearer ${graph.token({ sub })}` })
  const operator = { authorization: `Bearer ${graph.token(OPERATOR)}` }
  return {
    graph,
    operator,
    bearer,
    pass: ms => (now += ms),
    async pin(level) {
      const { app } = graph.gateways[0]!
      const asked = { method: 'PUT', url: '/control/level', headers: operator, payload: { level } } as const
      expect((await app.inject(asked)).statusCode).toBe(200)
    },
    [Symbol.asyncDispose]: () => graph[Symbol.asyncDispose](),
  }
}

describe('at SHED', () => {
  it('a request whose variables leave out the field that has a line is no claim', async () => {
    await using at = await stand()
    const query = 'mutation ($no: Boolean!) { claim(input: {drop: "spring"}) @skip(if: $no) { __typename } }'
    const ask = (no: boolean) => at.graph.ask(0, { query, variables: { no } }, at.bearer('alice'))
    // From then on it is known, and has a line.
    expect((await ask(true)).body.data).toEqual({})
    await at.pin('SHED')
    const skipped = await ask(true)
    expect(skipped.status).toBe(503)
    expect(skipped.body.errors[0].extensions).toEqual({ code: 'SURGE_SHED', retryAfterMs: 15_000 })
    expect((await ask(false)).body.data.claim.__typename).toBe('KeptPlace')
  })

  it('a tool that claims keeps a place, and calling it again when told admits', async () => {
    const [claim, ...others] = DROP_MANIFEST
    await using at = await stand({
      manifest: [{ ...claim!, tool: 'claim', description: 'Claims.' }, ...others],
    })
    const call = async () => {
      const payload = {
        jsonrpc: '2.0',
        id: 1,
        method: 'tools/call',
        params: { name: 'claim', arguments: { drop: 'spring' } },
      }
      const headers = { ...at.bearer('alice'), accept: 'application/json, text/event-stream' }
      const asked = { method: 'POST', url: '/mcp', headers, payload } as const
      const { result } = (await at.graph.gateways[0]!.app.inject(asked)).json()
      const [json, , en] = result.content[0].text.split('\n')
      return { isError: result.isError, answer: JSON.parse(json), en }
    }
    await at.pin('SHED')
    const kept = await call()
    const { token } = kept.answer.extensions.place
    expect(kept).toMatchObject({ isError: false, answer: { data: { claim: { __typename: 'KeptPlace' } } } })
    expect(kept.en).toContain(`with the same arguments and placeToken "${token}"`)
    at.pass(kept.answer.data.claim.retryAfterMs)
    expect((await call()).answer.data.claim).toEqual({ __typename: 'Issued', shopper: 'alice' })
  })
})

describe('from SURGE on, on the express lane', () => {
  const text = (query: string, headers: Readonly<Record<string, string>> = {}): Buffer =>
    post(JSON.stringify({ query }), [
      'content-type: application/json',
      ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    ])

  it('an unknown text is refused at the socket, an operator’s is handed on, and the connection lives on', async () => {
    await using at = await stand()
    const gateway = at.graph.gateways[0]!
    await at.pin('SURGE')
    let nodes = 0
    gateway.app.server.on('request', () => nodes++)
    const port = await gateway.listen({ port: 0 })
    const stranger = await RawClient.connect(port)
    for (const query of ['{ unlimited }', 'no GraphQL {']) {
      await stranger.send(text(query))
      const refused = await stranger.response()
      expect(refused).toMatchObject({
        status: 'HTTP/1.1 503 Service Unavailable',
        headers: { 'retry-after': '5' },
      })
      expect(JSON.parse(refused!.body).errors[0].extensions).toEqual({
        code: 'SURGE_SHED',
        retryAfterMs: 5_000,
      })
    }
    expect(nodes).toBe(0)

    const operator = await RawClient.connect(port)
    // The second one comes before the first is answered.
    await operator.send(
      Buffer.concat([text('{ unlimited }', at.operator), text('{ again: unlimited }', at.operator)]),
    )
    expect(JSON.parse((await operator.response())!.body).data).toEqual({ unlimited: null })
    expect(JSON.parse((await operator.response())!.body).data).toEqual({ again: null })
    expect(nodes).toBe(2)
    // By now it is compiled: known to everybody.
    await stranger.send(text('{ unlimited }'))
    expect((await stranger.response())?.status).toBe('HTTP/1.1 200 OK')
    expect(nodes).toBe(2)
    for (const client of [stranger, operator]) client.socket.destroy()
  })
})

it('subgraphs are told how urgent a request is by whose it is', async () => {
  const seen: SubgraphRequest[] = []
  const client = {
    name: 'drops',
    execute: async (request: SubgraphRequest) => {
      seen.push(request)
      return { data: { claim: null, drop: null, unlimited: null } }
    },
    ready: async () => {},
    close: async () => {},
  }
  await using at = await stand({ clients: new Map([['drops', client]]) })
  const [claim, status] = DROP_MANIFEST.map(({ id }) => ({ documentId: `sha256:${id}` }))
  const claiming = { ...claim, variables: { input: { drop: 'spring' } } }
  const asking = { ...status, variables: { id: 'spring' } }
  const told = async (payload: object, headers?: Readonly<Record<string, string>>) => {
    seen.length = 0
    await at.graph.ask(0, payload, headers)
    // Beside those with which the gateway asks for itself how the line stands.
    return seen.filter(({ caller }) => caller.client !== 'gateway').map(({ priority }) => priority)
  }
  const alice = at.bearer('alice')
  expect(await told(claiming, alice)).toEqual(['CLAIM'])
  expect(await told(asking, alice)).toEqual(['BROWSE'])
  expect(await told(asking)).toEqual(['BROWSE'])
  expect(await told(asking, at.operator)).toEqual(['OPERATE'])
  expect(await told({ query: '{ unlimited }' }, alice)).toEqual(['ADHOC'])
  expect(await told(claiming)).toEqual(['BROWSE'])
})

it('a turn that came to nothing admits once more, whoever has come meanwhile, in whichever form nothing is told', async () => {
  await using at = await stand()
  const { graph } = at
  for (let i = 0; i < AT_ONCE; i++) await graph.claim(0, `early-${i}`)
  for (const shopper of ['alice', 'bob', 'carol'])
    expect((await graph.claim(0, shopper)).body.data.claim.__typename).toBe('KeptPlace')
  at.pass(EVERY_MS)
  graph.failing.add('spring')
  // The field may be null: there are data, and nothing in them.
  expect((await graph.claim(0, 'alice')).body).toMatchObject({ data: { claim: null }, errors: [{}] })
  graph.failing.delete('spring')
  at.pass(EVERY_MS)
  // Bob's points by the schedule; hers are there as soon.
  expect((await graph.claim(0, 'alice')).body.data.claim).toEqual({ __typename: 'Issued', shopper: 'alice' })
})

it('what is kept stays good for longer from SURGE on, and not before', async () => {
  const body = 'query Unlimited { unlimited }'
  let asked = 0
  const client = {
    name: 'drops',
    execute: async () => ({ data: { unlimited: ++asked } }),
    ready: async () => {},
    close: async () => {},
  }
  const staleMs = 20
  await using at = await stand({
    clients: new Map([['drops', client]]),
    manifest: [...DROP_MANIFEST, { id: hashOf(body), body, priority: 'BROWSE' }],
    cache: {
      policies: { 'Query.unlimited': { freshMs: 1, staleMs, scope: 'PUBLIC' } },
      // Ten minutes: no machine is as slow.
      staleStretch: 30_000,
    },
  })
  const unlimited = async (): Promise<number> =>
    (await at.graph.ask(0, { documentId: `sha256:${hashOf(body)}` })).body.data.unlimited
  const outlast = async (): Promise<void> => {
    const untilMs = performance.now() + 2 * staleMs
    await until('what was kept is void in calm', () => performance.now() > untilMs)
  }
  expect(await unlimited()).toBe(1)
  await outlast()
  expect(await unlimited()).toBe(2)
  await outlast()
  await at.pin('SURGE')
  expect(await unlimited()).toBe(2)
})
