import { Pool } from 'undici'
import type { Caller } from './caller.ts'
import type { DeadlineMs } from './deadline.ts'
import { BATCH_HEADER, BATCH_VERSION } from './envelope.ts'
import { type HttpResponse, type IdentityRefusal, identityRefusalOf } from './http-answer.ts'
import { exchangeHttp, type ResponseHeaders } from './http-exchange.ts'
import { IDENTITY_HEADER, signIdentity } from './identity.ts'
import { ResponseReader } from './response-reader.ts'

export interface HttpWireOptions {
  /** The subgraph's name. */
  readonly name: string
  readonly url: URL
  readonly identityKey: string | undefined
  readonly connectionsMax: number
  readonly connectMsMax: number
  readonly answerBytesMax: number
  readonly onIdentityRefused: (refusal: IdentityRefusal) => void
}

export interface Message {
  readonly type: string
  readonly accept: string
  readonly body: string
  /** Whom the signature speaks for. */
  readonly caller: Caller
  /** Beside those of type and identity. */
  readonly headers?: Readonly<Record<string, string>>
  readonly deadlineMs: DeadlineMs
  readonly onSent: () => void
  readonly onHead?: (status: number, headers: ResponseHeaders) => void
  readonly onData: (chunk: Buffer) => void
}

/** The connections to one subgraph, and what every request over them has in common. */
export class HttpWire {
  readonly name: string
  readonly answerBytesMax: number
  readonly #options: HttpWireOptions
  readonly #path: string
  readonly #pool: Pool
  /** The subgraph has announced the batch envelope on an answer. */
  isEnvelopeAnnounced = false

  constructor(options: HttpWireOptions) {
    const { name, url, connectionsMax, connectMsMax, answerBytesMax } = options
    this.name = name
    this.answerBytesMax = answerBytesMax
    this.#options = options
    this.#path = `${url.pathname}${url.search}`
    this.#pool = new Pool(url.origin, {
      connections: connectionsMax,
      connect: { timeout: connectMsMax },
      // Deadlines end what takes too long; undici's own timers would only be a second opinion.
      headersTimeout: 0,
      bodyTimeout: 0,
      allowH2: false,
    })
  }

  /** Resolves when the response has ended. Rejects with ExchangeTimeout, the connection's error, or what `onData` threw. */
  post(message: Message): Promise<void> {
    const { type, accept, caller, deadlineMs, onSent, onData } = message
    // Encoded once, for the signature and for the socket.
    const body = Buffer.from(message.body)
    const headers: Record<string, string> = { ...message.headers, 'content-type': type, accept }
    const { identityKey } = this.#options
    if (identityKey !== undefined) headers[IDENTITY_HEADER] = signIdentity(body, caller, identityKey)
    return exchangeHttp(this.#pool, {
      method: 'POST',
      path: this.#path,
      headers,
      body,
      deadlineMs,
      onSent,
      onHead: (status, responseHeaders) => {
        this.#notice(responseHeaders)
        message.onHead?.(status, responseHeaders)
      },
      onData,
    })
  }

  async get(path: string, deadlineMs: DeadlineMs): Promise<HttpResponse> {
    const reader = new ResponseReader(this.answerBytesMax)
    await exchangeHttp(this.#pool, {
      method: 'GET',
      path,
      headers: {},
      deadlineMs,
      onHead: (status, headers) => {
        this.#notice(headers)
        reader.begin(status, headers)
      },
      onData: chunk => reader.push(chunk),
    })
    return reader.response()
  }

  /** Tells of a refused identity. @returns the response. */
  noticed(response: HttpResponse): HttpResponse {
    const refusal = identityRefusalOf(response)
    if (refusal !== undefined) this.#options.onIdentityRefused(refusal)
    return response
  }

  close(): Promise<void> {
    return this.#pool.close()
  }

  #notice(headers: ResponseHeaders): void {
    if (headers[BATCH_HEADER] === BATCH_VERSION) this.isEnvelopeAnnounced = true
  }
}
