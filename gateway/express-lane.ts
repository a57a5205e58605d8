import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { nowMs } from '../protocol/deadline.ts'
import { answerWriter } from './answer-writer.ts'
import type { Compress } from './compression.ts'
import { ExpressConnection, type Lane } from './express-connection.ts'
import { ANSWER_HEADERS } from './reply.ts'

export interface ExpressLaneOptions extends Pick<Lane, 'stages' | 'limits' | 'lifecycle' | 'requestId'> {
  /** Sent on every answer. */
  readonly headers?: Readonly<Record<string, string>>
  /** Default: no answer is compressed. */
  readonly compress?: Compress | undefined
}

export interface ExpressLane {
  /** Connections that the lane looks after; those that it has left to Node are not among them. */
  readonly connections: number
  /** Requests answered here. */
  readonly answered: number
  closeIdle(): void
  closeAll(): void
}

const SWEEP_EVERY_MS = 1_000
/** A connection stays open for longer than clients are told, as Node's do: the last request must not meet its end. */
const KEEP_ALIVE_BUFFER_MS = 1_000

/**
 * Serves compiled operations at the socket, before Node's HTTP server: a request of the plainest form (request-head.ts)
 * whose operation is compiled already is read, run and answered here. Anything else (another path or method, text, a
 * browser, a head or body that is not understood at once) is put back, and the connection is Node's from then on: this
 * file refuses nothing for its form, but to a client that has closed its side, of whom Node would read no more. What
 * `IncomingMessage`, `ServerResponse` and their streams cost is saved: of 60 µs a request that bare node:http takes here,
 * some 45.
 */
export function expressLane(server: Server, options: ExpressLaneOptions): ExpressLane {
  const nodes = server.listeners('connection') as ((this: Server, socket: Socket) => void)[]
  server.removeAllListeners('connection')
  const connections = new Set<ExpressConnection>()
  const lane: Lane = {
    ...options,
    answerOf: answerWriter(
      { ...ANSWER_HEADERS, ...options.headers, ...keepAliveHeaders(server) },
      options.compress,
    ),
    get idleMsMax() {
      return server.keepAliveTimeout === 0 ? Infinity : server.keepAliveTimeout + KEEP_ALIVE_BUFFER_MS
    },
    answered: 0,
    leave(connection) {
      connections.delete(connection)
    },
    handOver(socket) {
      for (const listener of nodes) listener.call(server, socket)
    },
    fail(socket, failure) {
      const error = Object.assign(new Error(failure.message), { code: failure.code })
      if (!server.emit('clientError', error, socket)) socket.destroy()
    },
  }
  server.on('connection', (socket: Socket) => {
    options.stages.runQueue.hurry()
    connections.add(new ExpressConnection(socket, lane))
  })
  server.once('listening', () => {
    const sweep = setInterval(
      () => {
        const now = nowMs()
        for (const connection of connections) connection.sweep(now)
      },
      Math.min(SWEEP_EVERY_MS, options.limits.requestMsMax),
    )
    sweep.unref()
    server.once('close', () => clearInterval(sweep))
  })
  return {
    get connections() {
      return connections.size
    },
    get answered() {
      return lane.answered
    },
    closeIdle() {
      for (const connection of connections) connection.closeIfIdle()
    },
    closeAll() {
      for (const connection of connections) connection.close()
    },
  }
}

/** What Node's own answers say of their connection. */
function keepAliveHeaders({ keepAliveTimeout }: Server): Readonly<Record<string, string>> {
  const connection = 'keep-alive'
  if (keepAliveTimeout === 0) return { connection }
  return { connection, 'keep-alive': `timeout=${Math.floor(keepAliveTimeout / 1_000)}` }
}
