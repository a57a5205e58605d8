import { createServer, type Server } from 'node:http'
import type { Socket } from 'node:net'
import { expect } from 'vitest'
import type { GatewayOptions } from '../../gateway/gateway.ts'
import { RawClient, type RawResponse } from './raw-client.ts'
import { hashOf, OPERATIONS, type TinyGraph, tinyGraph } from './tiny-graph.ts'

/** Two gateways alike, one with the express lane and one without, and requests for them as bytes. */

export const JSON_TYPE = 'content-type: application/json'

export type Name = keyof typeof OPERATIONS
export type Stream = readonly (string | Buffer)[]

export const idOf = (name: Name): string => `sha256:${hashOf(OPERATIONS[name]!)}`
export const bodyFor = (name: Name, variables?: object, more: object = {}): string =>
  JSON.stringify({ documentId: idOf(name), variables, ...more })

/** A request as most clients send it; `fields` in place of its content type. */
export function post(body: string | Buffer, fields: readonly string[] = [JSON_TYPE]): Buffer {
  const bytes = Buffer.from(body)
  const head = ['POST /graphql HTTP/1.1', 'host: spillway', ...fields, `content-length: ${bytes.length}`]
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), bytes])
}
export const ask = (name: Name, variables?: object, more?: object): Buffer =>
  post(bodyFor(name, variables, more))
export const get = (path: string, ...fields: readonly string[]): Buffer =>
  Buffer.from(`${[`GET ${path} HTTP/1.1`, 'host: spillway', ...fields].join('\r\n')}\r\n\r\n`)

/** A gateway as its clients and its server see it. */
export interface Door {
  readonly graph: TinyGraph
  readonly port: number
  /** How many requests came to Node's parser. */
  readonly nodes: { count: number }
  /** The other end of a client's connection. */
  endOf(client: RawClient): Socket | undefined
  /** Resolves when all that the client has sent was read, or its connection is gone. */
  arrived(client: RawClient): Promise<void>
}

export async function open(options: Partial<GatewayOptions>, hasLane: boolean): Promise<Door> {
  const graph = await tinyGraph(options)
  const { server } = graph.gateway.app
  if (!hasLane) asNodeMadeIt(server)
  const nodes = { count: 0 }
  server.on('request', () => nodes.count++)
  const ends = new Map<number | undefined, Socket>()
  server.on('connection', socket => ends.set(socket.remotePort, socket))
  const endOf = ({ socket }: RawClient): Socket | undefined => ends.get(socket.localPort)
  return {
    graph,
    port: await graph.gateway.listen({ port: 0 }),
    nodes,
    endOf,
    async arrived(client) {
      const isRead = (end = endOf(client)): boolean =>
        end !== undefined && (end.destroyed || end.bytesRead >= client.socket.bytesWritten)
      while (!isRead() && !client.socket.destroyed) await turn()
    },
  }
}

/** The other side shares this process: it has its turn before this resolves. */
const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

function asNodeMadeIt(server: Server): void {
  server.removeAllListeners('connection')
  for (const listener of createServer().listeners('connection')) server.on('connection', listener as never)
}

/** What a client sees of an answer; what differs between any two answers is reduced to its form. */
export interface Seen {
  readonly status: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

const ANY_ID = /^[0-9a-f]{8}-\w+$/

export function seen(response: RawResponse | undefined): Seen | undefined {
  if (response === undefined) return undefined
  const headers: Record<string, string> = { ...response.headers }
  if (headers.date !== undefined) {
    expect(headers.date).toBe(new Date(headers.date).toUTCString())
    headers.date = 'a date'
  }
  if (ANY_ID.test(headers['x-request-id'] ?? '')) headers['x-request-id'] = 'an id'
  return { status: response.status, headers, body: response.body }
}

/** What a client of its own is answered, that sends the pieces of a stream apart. */
export async function converse(
  door: Door,
  stream: Stream,
  answers: number,
): Promise<readonly (Seen | undefined)[]> {
  const client = await RawClient.connect(door.port)
  try {
    await client.send(stream, door.arrived)
    return (await client.responses(answers)).map(seen)
  } finally {
    await client.close()
  }
}

export class Pair {
  readonly #lane: Door
  readonly #plain: Door
  constructor(lane: Door, plain: Door) {
    this.#lane = lane
    this.#plain = plain
  }

  static async open(options: Partial<GatewayOptions> = {}): Promise<Pair> {
    return new Pair(await open(options, true), await open(options, false))
  }

  /**
   * Sends both gateways the same bytes and expects the same answers.
   * @param nodes how many of the requests Node's parser must have read at the gateway with the lane.
   */
  async alike(stream: Stream, nodes: number, answers = 1): Promise<readonly (Seen | undefined)[]> {
    this.#lane.nodes.count = 0
    const expected = await converse(this.#plain, stream, answers)
    expect(await converse(this.#lane, stream, answers)).toEqual(expected)
    expect(this.#lane.nodes.count).toBe(nodes)
    return expected
  }

  /** The gateway with the lane. */
  get lane(): Door {
    return this.#lane
  }

  /** Answers of the gateway with the lane, whoever gives them; they are the other's. */
  async both(stream: Stream, answers = 1): Promise<readonly (Seen | undefined)[]> {
    const expected = await converse(this.#plain, stream, answers)
    const found = await converse(this.#lane, stream, answers)
    expect(found).toEqual(expected)
    return found
  }

  /** As `both`, for a client that sends no more: one answer and the end. */
  async alikeEnded(bytes: Buffer): Promise<Seen | undefined> {
    const found: (Seen | undefined)[][] = []
    for (const { port } of [this.#plain, this.#lane]) {
      const client = await RawClient.connect(port)
      await client.send(bytes)
      client.end()
      found.push((await client.responses(2)).map(seen))
      await client.closed
    }
    expect(found[1]).toEqual(found[0])
    expect(found[0]?.[1]).toBeUndefined()
    return found[0]?.[0]
  }

  async close(): Promise<void> {
    for (const { graph } of [this.#lane, this.#plain]) {
      graph.release()
      await graph.gateway.close()
    }
  }
}
