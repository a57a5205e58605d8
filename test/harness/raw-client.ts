import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** An HTTP response as it came over the wire. */
export interface RawResponse {
  readonly status: string
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** A client that writes the bytes that a test gives it, and reads responses one after another. */
export class RawClient {
  readonly socket: Socket
  /** Resolves when the connection is gone, however it went. */
  readonly closed: Promise<void>
  #bytes: Buffer = Buffer.alloc(0)
  #isEnded = false
  #wake = (): void => {}

  private constructor(socket: Socket) {
    this.socket = socket
    this.closed = new Promise(resolve => socket.on('close', () => resolve()))
    socket.on('data', (chunk: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk])
      this.#wake()
    })
    socket.on('error', () => {})
    for (const event of ['end', 'close']) {
      socket.on(event, () => {
        this.#isEnded = true
        this.#wake()
      })
    }
  }

  static async connect(port: number): Promise<RawClient> {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
    const client = new RawClient(socket)
    await once(socket, 'connect')
    return client
  }

  /**
   * Writes pieces one after another.
   * @param arrived resolves when the other side has read so many bytes of this connection: only then comes the next
   * piece, so that no two are read as one.
   */
  async send(
    pieces: readonly (string | Buffer)[] | string | Buffer,
    arrived?: (client: RawClient) => Promise<void>,
  ): Promise<void> {
    for (const piece of Array.isArray(pieces) ? pieces : [pieces as string | Buffer]) {
      await new Promise<void>(resolve => this.socket.write(piece, () => resolve()))
      await arrived?.(this)
    }
  }

  /** The next response; `undefined`: the other side has closed without one. */
  async response(): Promise<RawResponse | undefined> {
    for (;;) {
      const taken = takeResponse(this.#bytes, this.#isEnded)
      if (taken !== undefined) {
        this.#bytes = this.#bytes.subarray(taken.bytes)
        return taken.response
      }
      if (this.#isEnded) return undefined
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    }
  }

  async responses(count: number): Promise<readonly (RawResponse | undefined)[]> {
    const found: (RawResponse | undefined)[] = []
    while (found.length < count) found.push(await this.response())
    return found
  }

  /** Sends no more, and goes on reading. */
  end(): void {
    this.socket.end()
  }

  async close(): Promise<void> {
    this.socket.destroy()
    await this.closed
  }
}

function takeResponse(
  bytes: Buffer,
  isEnded: boolean,
): { readonly response: RawResponse; readonly bytes: number } | undefined {
  const headEnd = bytes.indexOf('\r\n\r\n')
  if (headEnd === -1) return undefined
  const [start = '', ...lines] = bytes.toString('latin1', 0, headEnd).split('\r\n')
  const headers: Record<string, string> = {}
  for (const line of lines) {
    const name = line.slice(0, line.indexOf(':')).toLowerCase()
    const value = line.slice(line.indexOf(':') + 1).trim()
    headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`
  }
  const bodyStart = headEnd + 4
  const length = headers['content-length'] ?? (/^\S+ (?:1|204)/.test(start) ? '0' : undefined)
  if (length === undefined && headers['transfer-encoding'] !== undefined) {
    return takeChunked(bytes, bodyStart, { status: start, headers })
  }
  if (length === undefined && !isEnded) return undefined
  const end = length === undefined ? bytes.length : bodyStart + Number(length)
  if (bytes.length < end) return undefined
  return { response: { status: start, headers, body: bytes.toString('utf8', bodyStart, end) }, bytes: end }
}

function takeChunked(
  bytes: Buffer,
  start: number,
  head: { readonly status: string; readonly headers: Readonly<Record<string, string>> },
): { readonly response: RawResponse; readonly bytes: number } | undefined {
  const chunks: Buffer[] = []
  for (let at = start; ; ) {
    const lineEnd = bytes.indexOf('\r\n', at)
    if (lineEnd === -1) return undefined
    const size = Number.parseInt(bytes.toString('latin1', at, lineEnd), 16)
    const end = lineEnd + 2 + size + 2
    if (bytes.length < end) return undefined
    if (size === 0) {
      return { response: { ...head, body: Buffer.concat(chunks).toString() }, bytes: end }
    }
    chunks.push(bytes.subarray(lineEnd + 2, end - 2))
    at = end
  }
}
