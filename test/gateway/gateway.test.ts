import { Agent, get as httpGet, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { describe, expect, test } from 'vitest'
import { createGateway } from '../../gateway/gateway.ts'
import { ANONYMOUS } from '../../protocol/caller.ts'
import type { SubgraphClient, SubgraphRequest } from '../../protocol/subgraph-client.ts'
import {
  hashOf,
  MANIFEST,
  OPERATIONS,
  TINY_SUPERGRAPH,
  type TinyGraph,
  tinyGraph,
} from '../harness/tiny-graph.ts'

async function withGraph(
  options: Parameters<typeof tinyGraph>[0],
  body: (graph: TinyGraph, url: string) => Promise<void>,
): Promise<void> {
  const graph = await tinyGraph(options)
  const url = `http://127.0.0.1:${await graph.gateway.listen({ port: 0 })}`
  try {
    await body(graph, url)
  } finally {
    graph.release()
    await graph.gateway.close()
  }
}

const ask = (url: string, name: keyof typeof OPERATIONS, variables = {}, headers = {}): Promise<Response> =>
  fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ documentId: `sha256:${hashOf(OPERATIONS[name]!)}`, variables }),
  })

describe('closing', () => {
  test('finishes what is under way, turns new requests away, and closes the clients', () =>
    withGraph({}, async (graph, url) => {
      const slow = ask(url, 'Slow')
      await graph.slowAsked
      let isClosed = false
      const closing = graph.gateway.close().then(() => {
        isClosed = true
      })
      const late = await ask(url, 'Who')
      expect(late.status).toBe(503)
      expect(late.headers.get('connection')).toBe('close')
      expect(await late.json()).toMatchObject({ errors: [{ extensions: { code: 'SHUTTING_DOWN' } }] })
      expect(isClosed).toBe(false)
      graph.release()
      expect(await (await slow).json()).toEqual({ data: { slow: 'done' } })
      await closing
      expect(isClosed).toBe(true)
    }))

  test('an open connection is told to go elsewhere, and holds nothing up', () =>
    withGraph({}, async (graph, url) => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 })
      const request = (path: string): Promise<IncomingMessage> =>
        new Promise((resolve, reject) => httpGet(`${url}${path}`, { agent }, resolve).on('error', reject))
      await text(await request('/health/live'))
      const slow = ask(url, 'Slow')
      await graph.slowAsked
      const busy = request('/metrics')
      await text(await busy)
      // The connection is idle now and is closed with the server, whose last request is still under way.
      const closing = graph.gateway.close()
      graph.release()
      expect((await slow).status).toBe(200)
      await closing
      await expect(request('/health/live')).rejects.toThrow()
      agent.destroy()
    }))

  test('twice is once', () =>
    withGraph({}, async graph => {
      expect(graph.gateway.close()).toBe(graph.gateway.close())
    }))
})

describe('health', () => {
  test('live is live; ready follows the subgraphs and says why not', () =>
    withGraph({}, async (graph, url) => {
      expect((await fetch(`${url}/health/live`)).status).toBe(200)
      graph.unready = 'the database is starting'
      const unready = await fetch(`${url}/health/ready`)
      expect(unready.status).toBe(503)
      expect(await unready.json()).toEqual({
        status: 'unready',
        level: 'CALM',
        pinned: false,
        reasons: { shop: 'the database is starting' },
      })
      graph.unready = undefined
      await expect.poll(async () => (await fetch(`${url}/health/ready`)).status).toBe(200)
    }))
})

describe('metrics', () => {
  test('count requests by door, operation and outcome, under bounded names', () =>
    withGraph({}, async (graph, url) => {
      await ask(url, 'Who')
      await ask(url, 'Fail', { code: 'BAD_ID' })
      await ask(url, 'Fail', { code: 'NAMED_BY_A_SUBGRAPH' })
      await ask(url, 'Maybe', { code: 'BAD_ID' })
      for (const query of ['{ who }', 'query Mine { who }']) {
        await graph.gateway.app.inject({ method: 'POST', url: '/graphql', payload: { query } })
      }
      await fetch(`${url}/nothing`)
      const answer = await (await fetch(`${url}/metrics`)).text()
      const counted = answer.split('\n').filter(line => line.startsWith('spillway_requests_total{'))
      expect(counted.sort()).toEqual([
        'spillway_requests_total{door="apollo",operation="adhoc",code="OK"} 2',
        'spillway_requests_total{door="express",operation="Fail",code="BAD_ID"} 1',
        'spillway_requests_total{door="express",operation="Fail",code="OTHER"} 1',
        'spillway_requests_total{door="express",operation="Maybe",code="PARTIAL"} 1',
        'spillway_requests_total{door="express",operation="Who",code="OK"} 1',
        'spillway_requests_total{door="none",operation="none",code="NOT_FOUND"} 1',
      ])
      expect(answer).toContain('spillway_request_seconds_count{operation="Who"} 1')
      expect(answer).toContain('nodejs_eventloop_lag_p99_seconds')
      expect(answer).toContain('spillway_convoy_in_flight{subgraph="shop"} 0')
      expect(answer).toContain('spillway_run_queue_waiting 0')
    }))
})

describe('what a browser is given', () => {
  test('Sandbox and the explorer outside production, without a policy that would block them', () =>
    withGraph({}, async (_, url) => {
      const page = await fetch(`${url}/graphql`, {
        headers: { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' },
      })
      expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html'])
      expect(page.headers.get('content-security-policy')).toBeNull()
      expect(await page.text()).toContain('apollo')
      const root = await fetch(url, { redirect: 'manual' })
      expect([root.status, root.headers.get('location')]).toEqual([302, '/graphql'])
      const explorer = await fetch(`${url}/explorer`)
      expect(explorer.headers.get('content-security-policy')).toContain("worker-src 'self' blob:")
      const html = await explorer.text()
      const script = /"(\/explorer\/static\/[^"]+\.js)"/.exec(html)?.[1]
      const file = await fetch(`${url}${script}`)
      expect([file.status, file.headers.get('content-type')]).toEqual([200, 'text/javascript; charset=utf-8'])
      expect((await fetch(`${url}/explorer/static/nothing.js`)).status).toBe(404)
    }))

  test('neither in production', () =>
    withGraph({ production: true }, async (_, url) => {
      const page = await fetch(`${url}/graphql`, {
        headers: { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' },
      })
      expect([page.status, page.headers.get('content-type')]).toEqual([
        400,
        'application/json; charset=utf-8',
      ])
      expect((await fetch(`${url}/explorer`)).status).toBe(404)
      expect((await fetch(url)).status).toBe(404)
    }))

  test('answers to other origins only where they are listed', () =>
    withGraph({ corsOrigins: ['https://shop.example'] }, async (_, url) => {
      const allowed = async (origin: string): Promise<string | null> =>
        (await ask(url, 'Who', {}, { origin })).headers.get('access-control-allow-origin')
      expect(await allowed('https://shop.example')).toBe('https://shop.example')
      expect(await allowed('https://evil.example')).toBeNull()
    }))
})

describe('what travels with a request', () => {
  test('its id comes back, a malformed one is replaced', () =>
    withGraph({}, async (_, url) => {
      const idOf = async (id: string): Promise<string | null> =>
        (await ask(url, 'Who', {}, { 'x-request-id': id })).headers.get('x-request-id')
      expect(await idOf('abc-1')).toBe('abc-1')
      expect(await idOf('a b')).toMatch(/^[0-9a-f]{8}-\w+$/)
      expect(await idOf('x'.repeat(65))).toMatch(/^[0-9a-f]{8}-\w+$/)
    }))

  test('subgraphs get the caller, the deadline, the priority and the trace; a malformed trace is dropped', async () => {
    const requests: SubgraphRequest[] = []
    const client = (name: string): SubgraphClient => ({
      name,
      execute: async request => {
        requests.push(request)
        return { data: { who: 'me' } }
      },
      ready: async () => {},
      close: async () => {},
    })
    const gateway = await createGateway({
      supergraphSdl: TINY_SUPERGRAPH,
      manifest: MANIFEST.map(entry => ({ ...entry, priority: 'ADHOC' as const })),
      clients: subgraph => client(subgraph.name),
      limits: { requestMsMax: 5_000 },
    })
    const trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    const before = performance.now()
    for (const traceparent of [trace, 'hello']) {
      await gateway.app.inject({
        method: 'POST',
        url: '/graphql',
        headers: { traceparent },
        payload: { documentId: `sha256:${hashOf(OPERATIONS.Who!)}` },
      })
    }
    await gateway.close()
    expect(requests[0]).toMatchObject({
      kind: 'query',
      caller: ANONYMOUS,
      priority: 'ADHOC',
      traceparent: trace,
    })
    expect(requests[0]!.deadlineMs - before).toBeGreaterThanOrEqual(5_000)
    expect(requests[0]!.deadlineMs).toBeLessThanOrEqual(performance.now() + 5_000)
    expect(requests[1]!.traceparent).toBeUndefined()
  })
})

describe('a gateway is not built', () => {
  const base = { supergraphSdl: TINY_SUPERGRAPH, clients: new Map<string, SubgraphClient>() }
  test('without a client for every subgraph', async () => {
    await expect(createGateway(base)).rejects.toThrow('expected a client for the subgraph shop, got none')
  })
  test.each([
    [{ depthMax: 0 }, 'expected the limit depthMax to be a positive integer, got 0'],
    [{ bodyBytesMax: 1.5 }, 'expected the limit bodyBytesMax to be a positive integer, got 1.5'],
    [{ depthMax: 100, tokensMax: 50 }, 'expected tokensMax to be at least depthMax 100, got 50'],
  ])('with the limits %j', async (limits, message) => {
    await expect(createGateway({ ...base, limits })).rejects.toThrow(message)
  })
  test('of what is no supergraph', async () => {
    await expect(createGateway({ ...base, supergraphSdl: 'type Query { a: Int }' })).rejects.toThrow(
      /composed Federation 2 supergraph/,
    )
  })
})
