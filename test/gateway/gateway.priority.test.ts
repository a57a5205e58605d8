import { expect, test } from 'vitest'
import { createGateway, type GatewayOptions } from '../../gateway/gateway.ts'
import type { Level } from '../../gateway/surge/level.ts'
import { nowMs } from '../../protocol/deadline.ts'
import type { Priority } from '../../protocol/priority.ts'
import type { SubgraphClient } from '../../protocol/subgraph-client.ts'
import { get, post } from '../harness/lane-pair.ts'
import { until } from '../harness/postgres.ts'
import { RawClient } from '../harness/raw-client.ts'
import { hashOf, MANIFEST, OPERATIONS, TINY_SUPERGRAPH } from '../harness/tiny-graph.ts'
import { tokenFor } from '../harness/tokens.ts'

/** Who goes first when more have come than can be started at once. Each request holds the event loop for longer than a slice. */

const SECRET = 'a secret for tests, of more than 32 characters'
const HOLDS_MS = 6
const BROWSERS = 20
const OPERATOR = { sub: 'olga', kind: 'operator', client: 'control-room' } as const

const authorization = `authorization: Bearer ${tokenFor(SECRET, { sub: 'alice' })}`
const echo = (text: string): string => `{ echo(text: ${JSON.stringify(text)}) }`

interface Stand extends AsyncDisposable {
  /** Connections that the gateway has accepted. */
  connect(count: number): Promise<RawClient[]>
  /** What has come to the subgraph, in order. */
  readonly started: string[]
  /** Called with each, before the event loop is held. */
  onStart: (number: number) => void
  pin(level: Level): Promise<void>
}

async function stand(options: Partial<GatewayOptions> = {}): Promise<Stand> {
  const started: string[] = []
  const world = { onStart: (_: number): void => {} }
  const client = (name: string): SubgraphClient => ({
    name,
    execute: async ({ variables, priority }) => {
      started.push(`${priority} ${variables?.text ?? ''}`)
      world.onStart(started.length - 1)
      for (const endMs = nowMs() + HOLDS_MS; nowMs() < endMs; );
      return { data: { who: 'me', echo: 'me' } }
    },
    ready: async () => {},
    close: async () => {},
  })
  const priorities: Readonly<Record<string, Priority>> = {
    [hashOf(OPERATIONS.Who!)]: 'PAY',
    [hashOf(OPERATIONS.Echo!)]: 'BROWSE',
  }
  const gateway = await createGateway({
    supergraphSdl: TINY_SUPERGRAPH,
    manifest: MANIFEST.map(({ tool: _, ...entry }) => ({
      ...entry,
      priority: priorities[entry.id] ?? 'ADHOC',
      ...(entry.id === hashOf(OPERATIONS.Who!) ? { tool: 'who' } : {}),
    })),
    clients: ({ name }) => client(name),
    tokens: { kind: 'secret', secret: SECRET },
    share: { queries: false, fetches: false },
    ...options,
  })
  let accepted = 0
  gateway.app.server.on('connection', () => accepted++)
  const port = await gateway.listen({ port: 0 })
  return Object.assign(world, {
    started,
    async connect(count: number) {
      const clients = await Promise.all(Array.from({ length: count }, () => RawClient.connect(port)))
      await until('connections', () => accepted === count)
      return clients
    },
    async pin(level: Level) {
      const headers = { authorization: `Bearer ${tokenFor(SECRET, OPERATOR)}` }
      const asked = { method: 'PUT', url: '/control/level', headers, payload: { level } } as const
      expect((await gateway.app.inject(asked)).statusCode).toBe(200)
    },
    [Symbol.asyncDispose]: () => gateway.close(),
  })
}

const browsing = (number: number): Buffer =>
  post(JSON.stringify({ documentId: `sha256:${hashOf(OPERATIONS.Echo!)}`, variables: { text: `${number}` } }))

const DOORS: Readonly<Record<string, Buffer>> = {
  'at the socket': post(JSON.stringify({ documentId: `sha256:${hashOf(OPERATIONS.Who!)}` }), [
    'content-type: application/json',
    authorization,
  ]),
  'by GET': get(
    `/graphql?documentId=sha256:${hashOf(OPERATIONS.Who!)}`,
    authorization,
    'apollo-require-preflight: 1',
  ),
  'for an agent': Buffer.concat([
    Buffer.from(
      post(
        JSON.stringify({
          jsonrpc: '2.0',
          id: 1,
          method: 'tools/call',
          params: { name: 'who', arguments: {} },
        }),
        ['content-type: application/json', 'accept: application/json, text/event-stream', authorization],
      )
        .toString()
        .replace('POST /graphql', 'POST /mcp'),
    ),
  ]),
}

test.each(Object.entries(DOORS))(
  'a payment %s goes before those who browse and came first',
  async (_, payment) => {
    await using at = await stand()
    const clients = await at.connect(BROWSERS + 1)
    const [first, ...others] = clients
    const payer = others.pop()!
    at.onStart = number => {
      if (number > 0) return
      // While the first one holds the event loop all the others come, the payment last.
      for (const [i, other] of others.entries()) other.socket.write(browsing(i + 1))
      payer.socket.write(payment)
    }
    await first!.send(browsing(0))
    const answers = await Promise.all(clients.map(client => client.response()))
    expect(answers.map(answer => answer?.status)).toEqual(clients.map(() => 'HTTP/1.1 200 OK'))
    const browsed = at.started.filter(one => one.startsWith('BROWSE'))
    expect(browsed).toEqual(Array.from({ length: BROWSERS }, (_, number) => `BROWSE ${number}`))
    // Each has a slice of its own. A door with hooks and a body to parse takes some turns of the event loop, each with one who browses.
    expect(at.started.indexOf('PAY ')).toBeGreaterThan(0)
    expect(at.started.indexOf('PAY ')).toBeLessThan(BROWSERS / 2)
    for (const client of clients) await client.close()
  },
)

test('a text that nobody has compiled goes after those who browse', async () => {
  await using at = await stand()
  const [first, texter, ...others] = await at.connect(10)
  at.onStart = number => {
    if (number > 0) return
    texter!.socket.write(post(JSON.stringify({ query: echo('text') })))
    for (const [i, other] of others.entries()) other.socket.write(browsing(i + 1))
  }
  await first!.send(browsing(0))
  expect((await texter!.response())?.status).toBe('HTTP/1.1 200 OK')
  expect(at.started.at(-1)).toMatch(/^ADHOC/)
  expect(at.started).toHaveLength(10)
  for (const client of [first!, texter!, ...others]) await client.close()
})

test('at SHED those who browse are told so while those who pay fill the process', async () => {
  await using at = await stand()
  await at.pin('SHED')
  const [first, ...others] = await at.connect(BROWSERS)
  const browsers = others.splice(BROWSERS - 5)
  at.onStart = number => {
    if (number > 0) return
    for (const payer of others) payer.socket.write(DOORS['at the socket']!)
    for (const [i, browser] of browsers.entries()) browser.socket.write(browsing(i))
  }
  await first!.send(DOORS['at the socket']!)
  for (const browser of browsers) {
    expect((await browser.response())?.status).toBe('HTTP/1.1 503 Service Unavailable')
    expect(at.started.length).toBeLessThan(BROWSERS / 2)
  }
  const paid = await Promise.all([first!, ...others].map(payer => payer.response()))
  expect(paid.map(answer => answer?.status)).toEqual(paid.map(() => 'HTTP/1.1 200 OK'))
  for (const client of [first!, ...others, ...browsers]) await client.close()
})

test('answers that come all at once are worked on in turn, and a payment goes before those that wait', async () => {
  const all = Promise.withResolvers<void>()
  let asked = 0
  let workedOn = 0
  let workedOnBefore: number | undefined
  const client = (name: string): SubgraphClient => ({
    name,
    execute: async ({ priority }) => {
      if (priority === 'PAY') {
        workedOnBefore = workedOn
        return { data: { who: 'me' } }
      }
      if (++asked === BROWSERS) all.resolve()
      await all.promise
      return {
        data: {
          get echo() {
            if (++workedOn === 1) payer!.socket.write(DOORS['at the socket']!)
            for (const endMs = nowMs() + HOLDS_MS; nowMs() < endMs; );
            return 'me'
          },
        },
      }
    },
    ready: async () => {},
    close: async () => {},
  })
  await using at = await stand({ clients: ({ name }) => client(name) })
  const [payer, ...browsers] = await at.connect(BROWSERS + 1)
  // Payments come all the time.
  await payer!.send(DOORS['at the socket']!)
  expect((await payer!.response())?.status).toBe('HTTP/1.1 200 OK')
  for (const [i, browser] of browsers.entries()) browser.socket.write(browsing(i))
  const answers = await Promise.all([payer!, ...browsers].map(one => one.response()))
  expect(answers.map(answer => answer?.status)).toEqual(answers.map(() => 'HTTP/1.1 200 OK'))
  expect(workedOnBefore).toBeLessThan(BROWSERS / 2)
  for (const one of [payer!, ...browsers]) await one.close()
})

test('nothing is started for who hangs up while waiting', async () => {
  await using at = await stand()
  const [first, ...others] = await at.connect(BROWSERS)
  const leaving = others.splice(BROWSERS / 2)
  at.onStart = number => {
    if (number === 0)
      for (const [i, one] of [...others, ...leaving].entries()) one.socket.write(browsing(i + 1))
    if (number === 1) for (const one of leaving) one.socket.resetAndDestroy()
  }
  await first!.send(browsing(0))
  const answers = await Promise.all([first!, ...others].map(client => client.response()))
  expect(answers.map(answer => answer?.status)).toEqual(answers.map(() => 'HTTP/1.1 200 OK'))
  expect(at.started).toHaveLength(1 + others.length)
  for (const client of [first!, ...others]) await client.close()
})

test('who has waited for the whole of its time is told so and not started', async () => {
  await using at = await stand({ limits: { requestMsMax: 5 * HOLDS_MS } })
  const clients = await at.connect(BROWSERS)
  at.onStart = number => {
    if (number > 0) return
    for (const [i, one] of clients.slice(1).entries()) one.socket.write(browsing(i + 1))
  }
  await clients[0]!.send(browsing(0))
  const answers = await Promise.all(clients.map(client => client.response()))
  const refused = answers.filter(answer => answer?.status === 'HTTP/1.1 503 Service Unavailable')
  expect(refused.length).toBeGreaterThan(0)
  expect(at.started.length + refused.length).toBe(BROWSERS)
  for (const { headers, body } of refused as NonNullable<(typeof answers)[number]>[]) {
    expect(headers['retry-after']).toBe('5')
    expect(JSON.parse(body).errors[0]).toEqual({
      message: 'expected to be started within its time, got no turn',
      extensions: { code: 'OVERLOADED', retryAfterMs: 5_000 },
    })
  }
  for (const client of clients) await client.close()
})
