import type { HttpResponse } from './http-answer.ts'
import type { ResponseHeaders } from './http-exchange.ts'

/** A response as it arrives: its head, and as much of its body as is allowed. */
export class ResponseReader {
  readonly #bytesMax: number
  #headers: ResponseHeaders = {}
  #chunks: Buffer[] = []
  #bytes = 0
  /** Zero until a head has come. */
  status = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  begin(status: number, headers: ResponseHeaders): void {
    this.status = status
    this.#headers = headers
  }

  /** @throws RangeError past the bound. */
  push(chunk: Buffer): void {
    this.#bytes += chunk.length
    if (this.#bytes > this.#bytesMax) throw new RangeError(`more than ${this.#bytesMax} bytes`)
    this.#chunks.push(chunk)
  }

  response(): HttpResponse {
    return { status: this.status, headers: this.#headers, body: Buffer.concat(this.#chunks) }
  }
}
