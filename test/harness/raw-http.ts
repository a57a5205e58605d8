import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'

export interface RawRequest {
  readonly head: string
  readonly body: string
  readonly socket: Socket
  /** How many requests came before it. */
  readonly number: number
}

/** A server that answers each request with whatever bytes a test gives it: the misbehaving other side. */
export class RawHttpServer {
  readonly requests: RawRequest[] = []
  readonly #answer: (request: RawRequest) => void
  readonly #sockets = new Set<Socket>()
  readonly #server = createServer(socket => this.#serve(socket))

  constructor(answer: (request: RawRequest) => void) {
    this.#answer = answer
  }

  /** At the same port again it can listen once it is closed. */
  async listen(port = 0): Promise<string> {
    this.#server.listen(port, '127.0.0.1')
    await once(this.#server, 'listening')
    return `http://127.0.0.1:${this.port}/graphql`
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#sockets.size
  }

  async close(): Promise<void> {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    await once(this.#server, 'close')
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('close', () => this.#sockets.delete(socket))
    socket.on('error', () => {})
    let text = ''
    // One character a byte, so that lengths count bytes.
    socket.setEncoding('latin1').on('data', (chunk: unknown) => {
      text += chunk as string
      for (;;) {
        const headEnd = text.indexOf('\r\n\r\n')
        if (headEnd === -1) return
        const head = text.slice(0, headEnd).toLowerCase()
        const bodyBytes = Number(/content-length: (\d+)/.exec(head)?.[1] ?? 0)
        const end = headEnd + 4 + bodyBytes
        if (text.length < end) return
        const body = Buffer.from(text.slice(headEnd + 4, end), 'latin1').toString()
        const request = { head, body, socket, number: this.requests.length }
        text = text.slice(end)
        this.requests.push(request)
        this.#answer(request)
      }
    })
  }
}

/** An HTTP response as it goes over the wire. */
export function response(
  status: number,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): string {
  const all = {
    'content-type': 'application/json',
    'content-length': `${Buffer.byteLength(body)}`,
    ...headers,
  }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  return `HTTP/1.1 ${status} Status\r\n${lines.join('')}\r\n${body}`
}
