import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Asked, Behaviour } from '../harness/misbehaving-subgraph.ts'
import { response } from '../harness/raw-http.ts'
import { NAMES, saysOf, stockGraph } from '../harness/stock-graph.ts'

/** What a misbehaving subgraph costs the gateway while it misbehaves, and what is left of it afterwards. */

const TRANSPORTS = ['plain', 'envelope'] as const
const MIB = 1024 * 1024

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

const warnings: Error[] = []
const onWarning = (warning: Error): void => void warnings.push(warning)
beforeEach(() => {
  warnings.length = 0
  process.on('warning', onWarning)
})
afterEach(() => {
  process.off('warning', onWarning)
})

const bytesHeld = (): number => {
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/** Writes a body of so many bytes as fast as it is read. Says how much it came to, and how much memory was held at most. */
class Flood {
  readonly #bytesMax: number
  readonly #chunk: Buffer
  written = 0
  heldMax = 0

  constructor(bytesMax: number, chunk: Buffer) {
    this.#bytesMax = bytesMax
    this.#chunk = chunk
  }

  readonly behave = ({ socket, isBatch }: Asked): void => {
    const type = isBatch ? 'application/x-ndjson' : 'application/json'
    socket.write(response(200, '', { 'content-type': type, 'content-length': `${this.#bytesMax}` }))
    const write = (): void => {
      while (this.written < this.#bytesMax && !socket.destroyed) {
        this.written += this.#chunk.length
        if (this.written % (24 * MIB) <= this.#chunk.length) {
          collectGarbage()
          this.heldMax = Math.max(this.heldMax, bytesHeld())
        }
        if (!socket.write(this.#chunk)) {
          socket.once('drain', write)
          return
        }
      }
    }
    write()
  }
}

describe('an answer of 100 MiB', () => {
  test.each([
    ['plain', 'in one piece', Buffer.alloc(64 * 1024, 'x'), 8],
    ['envelope', 'in one line', Buffer.alloc(64 * 1024, 'x'), 100],
    ['envelope', 'in lines for nobody', Buffer.from('{"index":7,"data":{"exact":1}}\n'.repeat(2_000)), 8],
  ] as const)(
    'to %s requests, %s, is never held, and given up with a code',
    async (transport, _, chunk, readMib) => {
      await using graph = await stockGraph({ transport, client: { answerBytesMax: MIB } })
      const { stock } = graph
      await graph.ask('Exact')
      const query = new Flood(100 * MIB, chunk)
      collectGarbage()
      const heldBefore = bytesHeld()
      stock.behave = query.behave
      const answer = await graph.ask('Anything', { of: 1 })
      expect([answer.status, ...saysOf(answer)]).toEqual([200, 'anything SUBGRAPH_BAD_ANSWER'])
      expect(answer.body.data.products).toEqual(NAMES.map(name => ({ name })))
      // 1 MiB for the answer; the rest is on its way between the sockets, or not yet swept.
      expect(query.heldMax - heldBefore).toBeLessThan(50 * MIB)
      // Beyond the bound it reads what is on its way already, or what passes through without being kept.
      expect(query.written).toBeLessThanOrEqual((readMib + 1) * MIB)

      const mutation = new Flood(100 * MIB, chunk)
      stock.behave = mutation.behave
      expect(saysOf(await graph.ask('Take', { n: 1 }))).toEqual(['take OUTCOME_UNKNOWN'])
      expect([stock.timesSent('anything'), stock.timesSent('mutation')]).toEqual([1, 1])
      stock.behave = stock.well
      expect((await graph.ask('Exact')).body).toEqual({ data: { exact: 7 } })
    },
  )
})

/** Each of them in turn, and in between what is well. */
const BEHAVIOURS: readonly (Behaviour | 'well')[] = [
  () => {},
  'well',
  ({ socket }) => socket.resetAndDestroy(),
  'well',
  ({ socket }) =>
    socket.write('HTTP/1.1 200 OK\r\ncontent-length: 9000\r\n\r\n{', () => socket.resetAndDestroy()),
  'well',
  asked => asked.write('HTTP/1.1 200 OK\r\ncontent-length: 9000\r\n\r\n{'),
  'well',
  asked => asked.respond(200, '<html>', { 'content-type': 'text/html' }),
  'well',
  asked => asked.respond(503, ''),
  'well',
  asked => asked.socket.end(response(200, '{"data":{"exact":')),
  'well',
]

describe.each(TRANSPORTS)('after bad days with %s requests', transport => {
  test('nothing is left: no connection, no timer, no listener, no memory', async () => {
    const handles = (): number =>
      process.getActiveResourcesInfo().filter(name => /^(TCP|Timeout|Immediate)/.test(name)).length
    const handlesBefore = handles()
    const CONNECTIONS_MAX = 8
    const graph = await stockGraph({
      transport,
      client: { requestMsMax: 60, plainLanesMax: CONNECTIONS_MAX, lanesMax: 4 },
    })
    const { stock } = graph
    let connectionsMax = 0
    let turn = 0
    stock.behave = asked => {
      connectionsMax = Math.max(connectionsMax, stock.connections)
      const behaviour = BEHAVIOURS[turn++ % BEHAVIOURS.length]!
      if (behaviour === 'well') stock.well(asked)
      else behaviour(asked)
    }
    const badDay = async (): Promise<void> => {
      for (let of = 0; of < 120; of += 30) {
        await Promise.all(
          Array.from({ length: 30 }, (_, i) =>
            i % 5 === 0 ? graph.ask('Take', { n: i }) : graph.ask('Shelf', { of: of + i }),
          ),
        )
      }
    }
    await badDay()
    collectGarbage()
    const heldBefore = bytesHeld()
    await badDay()
    stock.behave = stock.well
    await vi.waitUntil(async () => (await graph.ask('Exact')).status === 200, { timeout: 30_000 })
    stock.sent.length = 0
    collectGarbage()
    expect(bytesHeld() - heldBefore).toBeLessThan(8 * MIB)
    expect([graph.client.depth, graph.client.inFlight]).toEqual([0, 0])
    // A connection that the gateway gave up may still be open here for a moment.
    await vi.waitUntil(() => stock.connections <= CONNECTIONS_MAX)
    expect(connectionsMax).toBeLessThanOrEqual(2 * CONNECTIONS_MAX)
    await graph.close()
    await vi.waitUntil(() => stock.connections === 0 && graph.catalog.connections === 0)
    await graph[Symbol.asyncDispose]()
    await vi.waitUntil(() => handles() <= handlesBefore, { timeout: 10_000 })
    expect(warnings.map(({ name, message }) => `${name}: ${message}`)).toEqual([])
  })
})
