import { pino } from 'pino'
import { Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { countByClient } from '../../../gateway/telemetry/requests-by-client.ts'
import { hashOf, OPERATIONS, tinyGraph } from '../../harness/tiny-graph.ts'
import { tokenFor } from '../../harness/tokens.ts'

/** The lines of the counter, without the help. */
async function linesOf(registry: Registry): Promise<string[]> {
  return (await registry.metrics())
    .split('\n')
    .filter(line => line.startsWith('spillway_client_requests_total{'))
}

test('requests are counted by program and version; who says nothing is none', async () => {
  const registry = new Registry()
  const count = countByClient(registry)
  count('ios', '1.0')
  count('ios', '1.0')
  count('ios', '1.1')
  count('web', undefined)
  count(undefined, undefined)
  expect(await linesOf(registry)).toEqual([
    'spillway_client_requests_total{client="ios",version="1.0"} 2',
    'spillway_client_requests_total{client="ios",version="1.1"} 1',
    'spillway_client_requests_total{client="web",version="none"} 1',
    'spillway_client_requests_total{client="none",version="none"} 1',
  ])
})

test('whoever invents names and versions adds at most a bounded number of lines, and nothing is lost', async () => {
  const registry = new Registry()
  const count = countByClient(registry)
  for (let i = 0; i < 150; i++) count(`client-${i}`, undefined)
  // 100 names are told apart: 150 - 100 share `other`.
  expect(await linesOf(registry)).toHaveLength(101)
  expect(await linesOf(registry)).toContain(
    'spillway_client_requests_total{client="other",version="none"} 50',
  )
  for (let i = 0; i < 1_000; i++) count('client-0', `version-${i}`)
  // 200 versions are told apart: 1,000 - 200 share `other`.
  expect(await linesOf(registry)).toHaveLength(101 + 200 + 1)
  expect(await linesOf(registry)).toContain(
    'spillway_client_requests_total{client="client-0",version="other"} 800',
  )
})

test('what the token proves and what headers say are both told of, at every door', async () => {
  const secret = 'a secret for tests, of more than 32 characters'
  const lines: Record<string, unknown>[] = []
  const logger = pino({ level: 'debug' }, { write: line => void lines.push(JSON.parse(line)) })
  const { gateway } = await tinyGraph({ tokens: { kind: 'secret', secret }, logger })
  try {
    const url = `http://127.0.0.1:${await gateway.listen({ port: 0 })}`
    const ask = async (path: string, body: object, headers: Record<string, string>): Promise<void> => {
      const authorization = `Bearer ${tokenFor(secret, { sub: 'alice', client: 'qwen' })}`
      const all = { 'content-type': 'application/json', accept: '*/*', authorization, ...headers }
      await (
        await fetch(`${url}${path}`, { method: 'POST', headers: all, body: JSON.stringify(body) })
      ).text()
    }
    const documentId = `sha256:${hashOf(OPERATIONS.Who!)}`
    await ask(
      '/graphql',
      { documentId },
      { 'apollographql-client-name': 'ios', 'apollographql-client-version': '1' },
    )
    await ask(
      '/graphql',
      { query: '{ who }' },
      { 'graphql-client-name': 'web', 'graphql-client-version': '2' },
    )
    await ask(
      '/graphql',
      { query: '{ nothing }' },
      { 'graphql-client-name': 'web', 'graphql-client-version': '2' },
    )
    await ask('/graphql', { documentId }, { 'graphql-client-name': 'x'.repeat(129) })
    await ask(
      '/mcp',
      { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'my_account', arguments: {} } },
      { accept: 'application/json, text/event-stream', 'apollographql-client-name': 'agent' },
    )
    expect(lines.filter(({ msg }) => msg === 'request')).toMatchObject([
      { client: 'qwen', clientName: 'ios', clientVersion: '1', code: 'OK' },
      { client: 'qwen', clientName: 'web', clientVersion: '2', code: 'OK' },
      { client: 'qwen', clientName: 'web', clientVersion: '2', code: 'GRAPHQL_VALIDATION_FAILED' },
      { client: 'qwen', code: 'OK' },
      { client: 'qwen', clientName: 'agent', code: 'OK' },
    ])
    const counted = (await (await fetch(`${url}/metrics`)).text())
      .split('\n')
      .filter(line => line.startsWith('spillway_client_requests_total{'))
    expect(counted).toEqual([
      'spillway_client_requests_total{client="ios",version="1"} 1',
      'spillway_client_requests_total{client="web",version="2"} 2',
      'spillway_client_requests_total{client="none",version="none"} 1',
      'spillway_client_requests_total{client="agent",version="none"} 1',
    ])
  } finally {
    await gateway.close()
  }
})
