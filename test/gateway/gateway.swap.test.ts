import { createHash } from 'node:crypto'
import { type Logger, pino } from 'pino'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { createGateway, type Gateway, type GatewayOptions } from '../../gateway/gateway.ts'
import type { ManifestOperation } from '../../gateway/operations/manifest.ts'
import type { SubgraphAnswer, SubgraphClient, SubgraphRequest } from '../../protocol/subgraph-client.ts'
import { supergraphOf } from '../harness/foreign-graph.ts'

/** Two subgraphs of which each answers with the version that its address names, the second only after the first. */
const LEFT =
  'type Query { thing(slow: Boolean = false): Thing } type Thing @key(fields: "id") { id: ID! left: String }'
const RIGHT = 'type Thing @key(fields: "id") { id: ID! right: String }'
const THING = 'query Thing($slow: Boolean) { thing(slow: $slow) { left right } }'
const TEXT = '{ thing { right left } }'

const supergraph = (version: number | string, more = ''): string =>
  supergraphOf({
    left: { sdl: LEFT + more, url: `http://left.invalid/${version}` },
    right: { sdl: RIGHT, url: `http://right.invalid/${version}` },
  })

const persisted = (body: string, more: Partial<ManifestOperation> = {}): ManifestOperation => ({
  id: createHash('sha256').update(body).digest('hex'),
  body,
  priority: 'BROWSE',
  ...more,
})
const MANIFEST = [persisted(THING, { tool: 'thing' })]

/** A client that says which version it is of, and that nobody may ask once it is closed. */
class VersionedClient implements SubgraphClient {
  readonly name: string
  readonly url: string
  asked = 0
  inFlight = 0
  isClosed = false
  #slow = Promise.withResolvers<void>()

  constructor(name: string, url: string) {
    this.name = name
    this.url = url
  }

  async execute({ operation, variables }: SubgraphRequest): Promise<SubgraphAnswer> {
    if (this.isClosed) throw new Error(`${this.url} was asked when it was closed`)
    this.asked++
    this.inFlight++
    try {
      if (variables.slow === true || operation.includes('slow: true')) await this.#slow.promise
      else await new Promise(resolve => setImmediate(resolve))
      const version = this.url.split('/').at(-1)!
      if (operation.includes('_entities'))
        return { data: { _entities: [{ __typename: 'Thing', right: version }] } }
      const [, key] = /\{\s*(\w+)/.exec(operation)!
      return { data: { [key!]: { __typename: 'Thing', id: '1', left: version } } }
    } finally {
      this.inFlight--
    }
  }

  release(): void {
    this.#slow.resolve()
  }

  ready = async (): Promise<void> => {}
  async close(): Promise<void> {
    expect(this.inFlight).toBe(0)
    this.isClosed = true
  }
}

interface Swapping {
  readonly gateway: Gateway
  readonly url: string
  /** Every one that was made, in order. */
  readonly clients: VersionedClient[]
  readonly lines: string[]
}

let open: Gateway | undefined
afterEach(async () => {
  await open?.close()
  open = undefined
})

async function swapping(options: Partial<GatewayOptions> = {}): Promise<Swapping> {
  const clients: VersionedClient[] = []
  const lines: string[] = []
  const logger: Logger = pino({ level: 'info' }, { write: line => void lines.push(line) })
  const gateway = await createGateway({
    supergraphSdl: supergraph(0),
    manifest: MANIFEST,
    clients: ({ name, url }) => {
      const client = new VersionedClient(name, url)
      clients.push(client)
      return client
    },
    production: false,
    logger,
    ...options,
  })
  open = gateway
  return { gateway, url: `http://127.0.0.1:${await gateway.listen({ port: 0 })}`, clients, lines }
}

type Ask = (url: string) => Promise<unknown>
const post = async (url: string, body: object, headers: Record<string, string> = {}): Promise<unknown> => {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })
  return await answer.json()
}
const ask = async (url: string, body: object): Promise<unknown> => await post(`${url}/graphql`, body)
const hash = `sha256:${MANIFEST[0]!.id}`

/** The thing, through every door. */
const DOORS: Readonly<Record<string, Ask>> = {
  express: url => ask(url, { documentId: hash }),
  'express behind Fastify': async url => {
    const path = `/graphql?documentId=${encodeURIComponent(hash)}`
    return await (await fetch(url + path, { headers: { 'apollo-require-preflight': '1' } })).json()
  },
  Apollo: url => ask(url, { query: TEXT }),
  'Apollo, a text never seen before': url => ask(url, { query: `${TEXT} # ${Math.random()}` }),
  MCP: async url => {
    const call = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'thing', arguments: {} } }
    const accept = 'application/json, text/event-stream'
    const answer = (await post(`${url}/mcp`, call, { accept })) as { result: { content: [{ text: string }] } }
    return JSON.parse(answer.result.content[0].text.split('\n')[0]!)
  },
}

/** Which version answered; fails for anything but one whole answer of one version. */
function versionOf(answer: unknown): string {
  const { left } = (answer as { data: { thing: { left: string } } }).data?.thing ?? {}
  expect(answer).toEqual({ data: { thing: { left, right: left } } })
  return left
}

describe('a swap', () => {
  test('loses no request and mixes no answer, at any door, twenty times under load', async () => {
    const { gateway, url, clients } = await swapping()
    let isOver = false
    const versions: Record<string, Set<string>> = {}
    const asking = Object.entries(DOORS).flatMap(([door, askDoor]) => {
      const seen = new Set<string>()
      versions[door] = seen
      return Array.from({ length: 3 }, async () => {
        while (!isOver) seen.add(versionOf(await askDoor(url)))
      })
    })
    for (let version = 1; version <= 20; version++) {
      await gateway.swap({ supergraphSdl: supergraph(version) })
      // Each graph answers before the next one comes.
      const [left] = clients.slice(-2)
      await vi.waitFor(() => expect(left!.asked).toBeGreaterThan(0))
    }
    isOver = true
    await Promise.all(asking)
    expect(clients).toHaveLength(42)
    for (const [door, askDoor] of Object.entries(DOORS)) {
      expect([door, versionOf(await askDoor(url))]).toEqual([door, '20'])
      expect(versions[door]!.size).toBeGreaterThan(1)
    }
  })

  test('lets a request under way finish on the old graph, whose clients are closed when its time is over', async () => {
    const { gateway, url, clients } = await swapping({ limits: { requestMsMax: 3_000 } })
    const [oldLeft, oldRight] = clients
    const slow = ask(url, { documentId: hash, variables: { slow: true } })
    const slowText = ask(url, { query: '{ thing(slow: true) { left right } }' })
    await vi.waitFor(() => expect(oldLeft!.inFlight).toBe(2))
    await gateway.swap({ supergraphSdl: supergraph(1) })
    expect(versionOf(await ask(url, { documentId: hash }))).toBe('1')
    expect(oldRight!.asked).toBe(0)
    expect([oldLeft!.isClosed, oldRight!.isClosed]).toEqual([false, false])
    oldLeft!.release()
    expect([versionOf(await slow), versionOf(await slowText)]).toEqual(['0', '0'])
    await vi.waitFor(() => expect([oldLeft!.isClosed, oldRight!.isClosed]).toEqual([true, true]), 20_000)
    expect(clients.slice(2).map(({ isClosed }) => isClosed)).toEqual([false, false])
  })

  test('compiles the texts of clients anew before they are asked again', async () => {
    const { gateway, url } = await swapping()
    for (const more of ['a', 'b', 'c']) versionOf(await ask(url, { query: `${TEXT} # ${more}` }))
    await gateway.swap({ supergraphSdl: supergraph(1) })
    await vi.waitFor(async () =>
      expect(await (await fetch(`${url}/metrics`)).text()).toContain('\nspillway_texts_kept 3\n'),
    )
    expect(versionOf(await ask(url, { query: `${TEXT} # a` }))).toBe('1')
  })

  test('keeps the clients of subgraphs that are where they were', async () => {
    const { gateway, url, clients } = await swapping()
    await gateway.swap({ supergraphSdl: supergraph(0, ' extend type Query { more: String }') })
    expect(clients).toHaveLength(2)
    const moved = supergraphOf({
      left: { sdl: LEFT, url: 'http://left.invalid/0' },
      right: { sdl: RIGHT, url: 'http://right.invalid/1' },
    })
    await gateway.swap({ supergraphSdl: moved })
    expect(clients.map(client => client.url).slice(2)).toEqual(['http://right.invalid/1'])
    expect(await ask(url, { documentId: hash })).toEqual({ data: { thing: { left: '0', right: '1' } } })
  })

  test('is seen by validation, introspection, /schema.graphql and the tools', async () => {
    const { gateway, url } = await swapping()
    const more = ' extend type Query { more: Thing }'
    expect(await ask(url, { query: '{ more { left } }' })).toMatchObject({
      errors: [{ extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } }],
    })
    const renamed = persisted('query Renamed { more { left } }', { tool: 'renamed' })
    await gateway.swap({ supergraphSdl: supergraph(1, more), manifest: [...MANIFEST, renamed] })
    expect(await ask(url, { query: '{ more { __typename } }' })).not.toHaveProperty('errors')
    expect(
      JSON.stringify(await ask(url, { query: '{ __type(name: "Query") { fields { name } } }' })),
    ).toContain('"more"')
    expect(await (await fetch(`${url}/schema.graphql`)).text()).toContain('more: Thing')
    expect(await (await fetch(`${url}/tools.json`)).text()).toContain('"renamed"')
    expect(gateway.supergraph.sdl).toBe(supergraph(1, more))
  })

  test('of the operations alone keeps the supergraph, its clients and the texts that are compiled', async () => {
    const { gateway, url, clients } = await swapping()
    const before = gateway.supergraph
    const left = persisted('query Left { thing { left } }')
    await gateway.swap({ manifest: [left] })
    expect(gateway.supergraph).toBe(before)
    expect(clients).toHaveLength(2)
    expect(await ask(url, { documentId: `sha256:${left.id}` })).toEqual({ data: { thing: { left: '0' } } })
    expect(await ask(url, { documentId: hash })).toMatchObject({
      errors: [{ extensions: { code: 'PERSISTED_QUERY_NOT_FOUND' } }],
    })
    expect(versionOf(await ask(url, { query: TEXT }))).toBe('0')
  })
})

describe('what cannot serve is refused, says why, and the one before goes on', () => {
  const withoutRight = supergraphOf({ left: { sdl: LEFT, url: 'http://left.invalid/9' } })
  const context = supergraph(9)
    .replace(
      'type Thing',
      'directive @context(name: String!) repeatable on OBJECT\ntype Thing @context(name: "c")',
    )
    .replace(
      '@link(url: "https://specs.apollo.dev/join',
      '@link(url: "https://specs.apollo.dev/context/v0.1") @link(url: "https://specs.apollo.dev/join',
    )
  test.each([
    ['SDL that does not parse', { supergraphSdl: 'type Query {' }, /Syntax Error/],
    ['SDL that is no supergraph', { supergraphSdl: 'type Query { a: Int }' }, /join__Graph/],
    ['@context', { supergraphSdl: context }, /@context, which is not supported/],
    [
      'a persisted operation that fits no longer',
      { supergraphSdl: withoutRight },
      /persisted operation Thing .*Cannot query field "right"/,
    ],
    ['operations that are no JSON', { manifest: '{' }, /manifest: expected JSON/],
    [
      'an operation that does not fit',
      { manifest: [persisted('query Bad { bad }')] },
      /persisted operation Bad .*Cannot query field "bad"/,
    ],
  ])('%s', async (_, change, why) => {
    const { gateway, url, clients, lines } = await swapping()
    await expect(gateway.swap(change)).rejects.toThrow(why)
    for (const askDoor of Object.values(DOORS)) expect(versionOf(await askDoor(url))).toBe('0')
    expect(clients.map(({ isClosed }) => isClosed)).toEqual([false, false])
    expect(lines.map(line => JSON.parse(line)).filter(({ level }) => level === 50)).toMatchObject([
      { msg: expect.stringContaining('refused'), reason: expect.stringMatching(why) },
    ])
    const metrics = await (await fetch(`${url}/metrics`)).text()
    expect(metrics).toContain('spillway_supergraph_swaps_total{outcome="refused"} 1')
    const ready = await fetch(`${url}/health/ready`)
    expect(ready.status).toBe(200)
    expect(await ready.json()).toEqual({
      status: 'ready',
      level: 'CALM',
      pinned: false,
      refused: expect.stringMatching(why),
    })
    // Put back as it was, and then a good one.
    await gateway.swap({ supergraphSdl: supergraph(0), manifest: MANIFEST })
    expect(await (await fetch(`${url}/health/ready`)).json()).toEqual({
      status: 'ready',
      level: 'CALM',
      pinned: false,
    })
    await gateway.swap({ supergraphSdl: supergraph(1) })
    expect(versionOf(await ask(url, { documentId: hash }))).toBe('1')
    expect(await (await fetch(`${url}/metrics`)).text()).toContain(
      'spillway_supergraph_swaps_total{outcome="swapped"} 1',
    )
  })

  test('in production health says that it was, and the log alone why', async () => {
    const { gateway, url } = await swapping({ production: true })
    await expect(gateway.swap({ supergraphSdl: 'type Secret {' })).rejects.toThrow()
    const { refused } = (await (await fetch(`${url}/health/ready`)).json()) as { refused: string }
    expect(refused).toMatch(/the log says why/)
    expect(refused).not.toMatch(/Syntax/)
  })

  test('a client that cannot be made leaves none open that was made with it', async () => {
    const { gateway, clients } = await swapping({
      urlOf: ({ name, url }) => {
        if (name === 'right' && url.endsWith('9')) throw new Error('nobody knows where right is')
        return url
      },
    })
    await expect(gateway.swap({ supergraphSdl: supergraph(9) })).rejects.toThrow(
      'nobody knows where right is',
    )
    expect(clients.map(({ isClosed }) => isClosed)).toEqual([false, false, true])
  })
})

test('closing closes clients of graphs that were replaced, and refuses what is swapped in afterwards', async () => {
  const { gateway, clients } = await swapping()
  await gateway.swap({ supergraphSdl: supergraph(1) })
  await gateway.close()
  expect(clients.map(({ isClosed }) => isClosed)).toEqual([true, true, true, true])
  await expect(gateway.swap({ supergraphSdl: supergraph(2) })).rejects.toThrow('closed')
  expect(clients.slice(4).map(({ isClosed }) => isClosed)).toEqual([true, true])
})
