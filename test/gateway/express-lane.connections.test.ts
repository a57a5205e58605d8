import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { promisify } from 'node:util'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createAddressOf } from '../../gateway/address.ts'
import { openStores } from '../../gateway/cache/stores/stores.ts'
import { type ExpressLane, expressLane } from '../../gateway/express-lane.ts'
import { buildGraph } from '../../gateway/graph.ts'
import { createIdentify } from '../../gateway/identity/identify.ts'
import { DEFAULT_LIMITS } from '../../gateway/limits.ts'
import { createPersistedTexts } from '../../gateway/operations/apq.ts'
import { createLookup } from '../../gateway/operations/lookup.ts'
import { RunQueue } from '../../gateway/run-queue.ts'
import { Returns } from '../../gateway/surge/returns.ts'
import { createMetrics } from '../../gateway/telemetry/metrics.ts'
import type { SubgraphClient } from '../../protocol/subgraph-client.ts'
import { ask, type Door, get, open } from '../harness/lane-pair.ts'
import { RawClient } from '../harness/raw-client.ts'
import { MANIFEST, TINY_SUPERGRAPH } from '../harness/tiny-graph.ts'

/** What becomes of connections, however their clients behave. */

const WHO = ask('Who')
const SLOW = ask('Slow')
const BIG = ask('Echo', { text: 'x'.repeat(250_000) })
const HEALTH = get('/health/live')

/** Guards against a hang, and proves no speed. */
const SOON = { timeout: 30_000 }

async function withDoors(
  options: Parameters<typeof open>[0],
  kinds: readonly ('lane' | 'plain')[],
  body: (door: Door, kind: 'lane' | 'plain') => Promise<void>,
): Promise<void> {
  for (const kind of kinds) {
    const door = await open(options, kind === 'lane')
    try {
      await body(door, kind)
    } finally {
      door.graph.release()
      await door.graph.gateway.close()
    }
  }
}

const BOTH = ['lane', 'plain'] as const

describe('a client that takes too long', () => {
  const limits = { requestMsMax: 400 }

  test.each([
    ['over a body', WHO.subarray(0, -1)],
    ['over a head', WHO.subarray(0, 40)],
    ['to say anything', Buffer.alloc(0)],
    ['over a second body', Buffer.concat([WHO, WHO.subarray(0, -1)])],
  ])('%s is told so, and is cut off', async (_, bytes) => {
    const answers: unknown[] = []
    await withDoors({ limits }, BOTH, async ({ port }) => {
      const client = await RawClient.connect(port)
      await client.send(bytes)
      let answer = await client.response()
      if (bytes.length > WHO.length) answer = await client.response()
      expect(answer?.status).toBe('HTTP/1.1 408 REQUEST_TIMEOUT')
      answers.push(answer)
      expect(await client.response()).toBeUndefined()
      await client.close()
    })
    expect(answers[0]).toEqual(answers[1])
  })

  test('over a body in many pieces is told so too: Node begins to count anew, once', () =>
    withDoors({ limits }, ['lane'], async door => {
      const client = await RawClient.connect(door.port)
      const start = WHO.length - 60
      await client.send([WHO.subarray(0, start)], door.arrived)
      for (let i = 0; i < 40; i++) await client.send(WHO.subarray(start + i, start + i + 1), door.arrived)
      expect((await client.response())?.status).toBe('HTTP/1.1 408 REQUEST_TIMEOUT')
      expect(door.nodes.count).toBe(1)
      await client.close()
    }))

  test('is not waited for when it goes the moment it is told', () =>
    withDoors({ limits }, ['lane'], async door => {
      for (let i = 0; i < 5; i++) {
        const client = await RawClient.connect(door.port)
        await client.send(WHO.subarray(0, -1), door.arrived)
        const end = door.endOf(client)!
        await client.response()
        client.socket.resetAndDestroy()
        // Whatever becomes of it is nobody's uncaught error: this file would fail.
        if (!end.closed) await new Promise<void>(resolve => end.once('close', () => resolve()))
      }
    }))

  test('between requests is closed when Node would close it', () =>
    withDoors({}, BOTH, async ({ graph, port }) => {
      graph.gateway.app.server.keepAliveTimeout = 50
      const client = await RawClient.connect(port)
      await client.send(WHO)
      expect((await client.response())?.status).toBe('HTTP/1.1 200 OK')
      expect(await client.response()).toBeUndefined()
      await client.close()
    }))
})

describe('a client that is gone before its answer', () => {
  test.each([
    ['after one request', [SLOW]],
    ['after two', [SLOW, WHO]],
    ['after one that Node would have got next', [SLOW, HEALTH]],
    ['with more than anyone has read', [SLOW, HEALTH, ...Array.from({ length: 100 }, () => BIG)]],
    ['in the middle of the next', [SLOW, WHO.subarray(0, -5)]],
  ])('%s leaves nothing behind', (_, requests) =>
    withDoors({}, ['lane'], async door => {
      const client = await RawClient.connect(door.port)
      client.socket.write(Buffer.concat(requests))
      await door.graph.slowAsked
      const end = door.endOf(client)!
      client.socket.resetAndDestroy()
      door.graph.release()
      if (!end.closed) await new Promise<void>(resolve => end.once('close', () => resolve()))
      await expect.poll(() => promisify(countOf(door))(), SOON).toBe(0)
      const other = await RawClient.connect(door.port)
      await other.send(WHO)
      expect((await other.response())?.status).toBe('HTTP/1.1 200 OK')
      await other.close()
    }),
  )
})

const countOf = ({ graph }: Door): ((callback: (error: Error | null, count: number) => void) => void) => {
  const { server } = graph.gateway.app
  return callback => void server.getConnections(callback)
}

describe('a client that is ahead of us', () => {
  const TEXT = '奶茶'.repeat(10_000)
  /** What the socket may hold beside what we do: a stream's buffer and a packet, twice over. */
  const READ_MAX = 512 * 1024

  /** A client of its own comes, is answered and goes: whatever the others could make happen has happened. */
  async function meanwhile(door: Door): Promise<void> {
    for (let i = 0; i < 10; i++) {
      const other = await RawClient.connect(door.port)
      await other.send(WHO)
      expect((await other.response())?.status).toBe('HTTP/1.1 200 OK')
      await other.close()
    }
  }

  test('is not read while its answer is under way, and loses nothing', () =>
    withDoors({}, ['lane'], async door => {
      const requests = 200
      const sent = Buffer.concat(Array.from({ length: requests }, () => ask('Echo', { text: TEXT })))
      expect(sent.length).toBeGreaterThan(20 * READ_MAX)
      const client = await RawClient.connect(door.port)
      await client.send(SLOW)
      await door.graph.slowAsked
      const end = door.endOf(client)!
      const { bytesRead } = end
      client.socket.write(sent)
      await meanwhile(door)
      expect(end.bytesRead - bytesRead).toBeLessThan(READ_MAX)
      door.graph.release()
      expect((await client.response())?.body).toBe('{"data":{"slow":"done"}}')
      const answer = JSON.stringify({ data: { echo: TEXT } })
      for (let i = 0; i < requests; i++) expect((await client.response())?.body === answer).toBe(true)
      await client.close()
    }))

  test('and does not read its answers has one of them made and kept at a time', () =>
    withDoors({}, ['lane'], async door => {
      const request = ask('Echo', { text: TEXT.slice(0, 15_000) })
      const client = await RawClient.connect(door.port)
      const end = await endOf(door, client)
      let keptMax = 0
      const write = end.write.bind(end) as (...args: readonly unknown[]) => boolean
      end.write = (...args: readonly unknown[]) => {
        keptMax = Math.max(keptMax, end.writableLength)
        return write(...args)
      }
      const sent = await fill(door, client, end, request)
      await client.send(Buffer.concat([request, WHO, WHO]))
      await meanwhile(door)
      expect(door.graph.executed.length).toBe(sent + 10)
      client.socket.resume()
      for (let i = 0; i < sent + 3; i++) expect((await client.response())?.status).toBe('HTTP/1.1 200 OK')
      expect(door.graph.executed.length).toBe(sent + 3 + 10)
      expect(door.nodes.count).toBe(0)
      // Of what was written before, less was still waiting each time than Node calls full.
      expect(keptMax).toBeLessThan(end.writableHighWaterMark)
      await client.close()
    }))
})

/** Asks, and reads no answer, until one of them stays with us; how often that took. */
async function fill(door: Door, client: RawClient, end: Socket, request: Buffer): Promise<number> {
  client.socket.pause()
  let sent = 0
  while (!end.writableNeedDrain) {
    await client.send(request, door.arrived)
    sent++
    await expect.poll(() => door.graph.executed.length, { ...SOON, interval: 1 }).toBe(sent)
  }
  return sent
}

async function endOf(door: Door, client: RawClient): Promise<Socket> {
  await expect.poll(() => door.endOf(client), SOON).toBeDefined()
  return door.endOf(client)!
}

describe('closing', () => {
  test('a connection that waits is told to go elsewhere if it asks, and is closed', () =>
    withDoors({}, BOTH, async door => {
      const [asking, waiting] = [await RawClient.connect(door.port), await RawClient.connect(door.port)]
      for (const client of [asking, waiting]) {
        await client.send(WHO)
        await client.response()
      }
      const closing = door.graph.gateway.close()
      await asking.send(WHO)
      const answer = await asking.response()
      expect(answer?.status).toBe('HTTP/1.1 503 Service Unavailable')
      expect(answer?.body).toContain('SHUTTING_DOWN')
      expect(answer?.headers.connection).toBe('close')
      expect(answer?.headers['retry-after']).toBe('1')
      expect(await asking.response()).toBeUndefined()
      expect(await waiting.response()).toBeUndefined()
      await closing
      expect(await promisify(countOf(door))()).toBe(0)
    }))

  test('a connection that asked nothing holds nothing up', () =>
    withDoors({}, ['lane'], async door => {
      const client = await RawClient.connect(door.port)
      await endOf(door, client)
      await door.graph.gateway.close()
      expect(await client.response()).toBeUndefined()
    }))

  test('what is under way is finished, however late; what comes after it is sent elsewhere', () =>
    withDoors({}, ['lane'], async door => {
      const alone = await RawClient.connect(door.port)
      const followed = await RawClient.connect(door.port)
      for (const client of [alone, followed]) await client.send(SLOW, door.arrived)
      await followed.send(WHO, door.arrived)
      const idle = await RawClient.connect(door.port)
      await endOf(door, idle)
      const closing = door.graph.gateway.close()
      // The notice is over when those that wait are closed.
      expect(await idle.response()).toBeUndefined()
      door.graph.release()
      for (const client of [alone, followed]) {
        expect((await client.response())?.body).toBe('{"data":{"slow":"done"}}')
      }
      const after = await followed.response()
      expect(after?.body).toContain('SHUTTING_DOWN')
      expect(after?.headers.connection).toBe('close')
      for (const client of [alone, followed]) expect(await client.response()).toBeUndefined()
      await closing
      expect(await promisify(countOf(door))()).toBe(0)
    }))

  test('a request of which half has come is sent elsewhere when it is whole', () =>
    withDoors({}, ['lane'], async door => {
      const client = await RawClient.connect(door.port)
      await client.send(WHO.subarray(0, -1), door.arrived)
      const closing = door.graph.gateway.close()
      await client.send(WHO.subarray(-1))
      expect((await client.response())?.body).toContain('SHUTTING_DOWN')
      expect(await client.response()).toBeUndefined()
      await closing
    }))

  test('an answer that its client does not read is cut off in the end', () =>
    withDoors({ limits: { requestMsMax: 1_000 } }, ['lane'], async door => {
      const client = await RawClient.connect(door.port)
      await fill(door, client, await endOf(door, client), ask('Echo', { text: 'x'.repeat(45_000) }))
      await door.graph.gateway.close()
      expect(await promisify(countOf(door))()).toBe(0)
      await client.close()
    }))
})

describe('many connections', () => {
  let server: Server
  let lane: ExpressLane
  let port: number
  const warnings: Error[] = []
  const warn = (warning: Error): void => void warnings.push(warning)
  beforeEach(async () => {
    process.on('warning', warn)
    const client = (name: string): SubgraphClient => ({
      name,
      execute: async () => ({ data: { who: 'me' } }),
      ready: async () => {},
      close: async () => {},
    })
    const graph = await buildGraph({ supergraphSdl: TINY_SUPERGRAPH, manifest: MANIFEST }, undefined, {
      clients: subgraph => client(subgraph.name),
      limits: DEFAULT_LIMITS,
      urlOf: ({ url }) => url,
      overrideLabels: new Set(),
    })
    server = createServer((_, response) => response.end('Node'))
    lane = expressLane(server, {
      stages: {
        identify: createIdentify(undefined),
        addressOf: createAddressOf(),
        spending: undefined,
        level: { current: 'CALM' },
        returns: new Returns(),
        runQueue: new RunQueue(),
        graph: { current: graph },
        lookup: createLookup({
          mode: 'off',
          introspection: false,
          tokensMax: DEFAULT_LIMITS.tokensMax,
          texts: createPersistedTexts(openStores({ logger: pino({ level: 'silent' }) }).texts),
          onUnknown: () => {},
        }),
        propagate: undefined,
        inFlight: undefined,
        showsPlans: false,
        metrics: createMetrics(() => []),
        logger: pino({ level: 'silent' }),
        production: true,
        limits: DEFAULT_LIMITS,
      },
      limits: DEFAULT_LIMITS,
      lifecycle: { isClosing: false },
      requestId: () => 'an-id',
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    port = (server.address() as AddressInfo).port
  })
  afterEach(async () => {
    process.off('warning', warn)
    server.closeAllConnections()
    lane.closeAll()
    server.close()
    await once(server, 'close')
  })

  test('come and go, each in its own way, and the lane forgets them all', async () => {
    const ways: readonly ((client: RawClient) => Promise<void>)[] = [
      async client => {
        await client.send(WHO)
        expect((await client.response())?.body).toBe('{"data":{"who":"me"}}')
        await client.close()
      },
      async client => {
        await client.send(WHO)
        await client.response()
        client.end()
        await client.closed
      },
      async client => {
        await client.send(Buffer.concat([WHO, HEALTH]))
        expect((await client.responses(2)).map(answer => answer?.body)).toEqual([
          '{"data":{"who":"me"}}',
          'Node',
        ])
        await client.close()
      },
      async client => {
        await client.send(WHO.subarray(0, -1))
        client.socket.resetAndDestroy()
        await client.closed
      },
      async client => await client.close(),
      async client => {
        await client.send(WHO.subarray(0, -1))
        client.end()
        await client.closed
      },
    ]
    for (let round = 0; round < 10; round++) {
      await Promise.all(
        Array.from(
          { length: 50 },
          async (_, i) => await ways[i % ways.length]!(await RawClient.connect(port)),
        ),
      )
    }
    await expect.poll(() => promisify(server.getConnections.bind(server))(), SOON).toBe(0)
    expect(lane.connections).toBe(0)
    // Of 50 connections 8 take each of the six ways, of which three are answered, and 2 more the first two.
    expect(lane.answered).toBe(10 * (8 * 3 + 2))
    expect(warnings).toEqual([])
  })

  test('one that is left to Node is as if the lane had never been, and is not counted', async () => {
    const ends: Socket[] = []
    server.on('connection', (socket: Socket) => ends.push(socket))
    const client = await RawClient.connect(port)
    await client.send(WHO)
    await client.response()
    expect(lane.connections).toBe(1)
    await client.send(HEALTH)
    expect((await client.response())?.body).toBe('Node')
    expect(lane.connections).toBe(0)
    lane.closeIdle()
    lane.closeAll()
    await client.send(HEALTH)
    expect((await client.response())?.body).toBe('Node')

    const plain = createServer((_, response) => response.end('Node'))
    plain.on('connection', (socket: Socket) => ends.push(socket))
    plain.listen(0, '127.0.0.1')
    await once(plain, 'listening')
    const other = await RawClient.connect((plain.address() as AddressInfo).port)
    for (let i = 0; i < 3; i++) {
      await other.send(HEALTH)
      await other.response()
    }
    const listeners = (socket: Socket): Record<string, number> =>
      Object.fromEntries(socket.eventNames().map(name => [String(name), socket.listenerCount(name)]))
    expect(listeners(ends[0]!)).toEqual(listeners(ends[1]!))
    await Promise.all([client.close(), other.close()])
    plain.close()
    await once(plain, 'close')
  })
})
