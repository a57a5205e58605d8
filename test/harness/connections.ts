import type { Server, Socket } from 'node:net'
import { until } from './postgres.ts'
import { RawClient, type RawResponse } from './raw-client.ts'

/** Fewer than a listening socket keeps for later: what comes when that is full is heard a second later. */
const CONNECTING_MAX = 256

/** Many clients of a server in this process, a connection each, that ask in one moment. */
export class Connections implements AsyncDisposable {
  readonly #clients: readonly RawClient[]
  readonly #accepted: readonly Socket[]
  readonly #port: number

  private constructor(clients: readonly RawClient[], accepted: readonly Socket[], port: number) {
    this.#clients = clients
    this.#accepted = accepted
    this.#port = port
  }

  /** @param server that listens in this process: connections that it has not accepted yet are not counted. */
  static async open(server: Server, port: number, count: number): Promise<Connections> {
    const accepted: Socket[] = []
    let look = (): void => {}
    const accept = (socket: Socket): void => {
      accepted.push(socket)
      look()
    }
    server.on('connection', accept)
    const clients: RawClient[] = []
    while (clients.length < count) {
      const more = Math.min(CONNECTING_MAX, count - clients.length)
      const allAccepted = new Promise<void>(resolve => {
        look = () => {
          if (accepted.length >= clients.length + more) resolve()
        }
      })
      const connected = await Promise.all(Array.from({ length: more }, () => RawClient.connect(port)))
      await allAccepted
      clients.push(...connected)
    }
    server.off('connection', accept)
    return new Connections(clients, accepted, port)
  }

  get count(): number {
    return this.#clients.length
  }

  /**
   * Each connection posts the body of its number to `/graphql`.
   * @returns their answers, and when the server has read every request.
   */
  post(bodyOf: (number: number) => object): { answers: Promise<RawResponse[]>; read: Promise<void> } {
    let bytes = this.#bytesRead()
    for (const [number, client] of this.#clients.entries()) {
      const body = JSON.stringify(bodyOf(number))
      const text = `POST /graphql HTTP/1.1\r\nhost: 127.0.0.1:${this.#port}\r\ncontent-type: application/json\r\naccept: application/graphql-response+json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
      bytes += Buffer.byteLength(text)
      client.socket.write(text)
    }
    return {
      answers: Promise.all(
        this.#clients.map(async client => {
          const answer = await client.response()
          if (answer === undefined) throw new Error('expected an answer, got the end of the connection')
          return answer
        }),
      ),
      read: until('requests that were read', () => this.#bytesRead() >= bytes).then(() => {}),
    }
  }

  #bytesRead(): number {
    return this.#accepted.reduce((sum, { bytesRead }) => sum + bytesRead, 0)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#clients.map(client => client.close()))
  }
}
